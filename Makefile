# Each target works from a fresh clone with git, make and Python 3.11+: it sets up .venv first if needed.
READY := .venv/.installed
PYTHON ?= $(firstword $(foreach name,python3.13 python3.12 python3.11 python3.14 python3 python,\
	$(shell $(name) -c 'import sys; sys.version_info >= (3, 11) and print("$(name)")' 2>/dev/null)))

# The stages of dvc.yaml say `python`: let that be ours.
export PATH := $(CURDIR)/.venv/bin:$(PATH)
unexport PYTHONPATH PYTHONHOME

.DEFAULT_GOAL := help
.PHONY: help setup repro autopsy decide review test test-quick test-portable smoke lint lock metrics-check bench faults

help:
	@echo 'make repro   the ablation of params.yaml: prepare, train, sample, measure, compare'
	@echo 'make autopsy the system whose collapse started this, and each repair of it -> studies/autopsy'
	@echo 'make decide MINUTES=60   more seeds for what is undecided -> reports/decided.md'
	@echo 'make review BASE=main   what this branch changes in parameters, results and verdicts'
	@echo 'make smoke   the same stages on a tiny cohort, in a temporary copy'
	@echo 'make test    lint and all tests'
	@echo 'make test-quick   the tests that take less than half a second each, without DVC and browser: under a minute'
	@echo 'make test-portable   the quick tests of what computes, as if this were another processor, with 1 and 4 threads'
	@echo 'make faults  kills, full disks, damaged files and parameters: nothing wrong may be taken for right -> docs/faults.md'
	@echo 'make metrics-check   the metrics against reference generators whose faults are known'
	@echo 'make bench   speed and memory of every part, some against what one would otherwise write -> benchmarks'
	@echo 'make lint    format, style, spelling, shell, types; no tests'
	@echo 'make lock    requirements.lock anew from pyproject.toml; versions stay, unless UPGRADE=--upgrade'

setup: $(READY)

$(READY): requirements.lock
	@.venv/bin/python -m pip --version >/dev/null 2>&1 || test -n '$(PYTHON)' || { \
		echo 'error: no Python 3.11 or newer found; install one, or name it: make PYTHON=/path/to/python3' >&2; exit 1; }
	@.venv/bin/python -m pip --version >/dev/null 2>&1 || '$(PYTHON)' -m venv .venv
	@echo 'Installing requirements.lock into .venv (once; some minutes)'
	@.venv/bin/python -m pip install --quiet --disable-pip-version-check --requirement requirements.lock
	@touch $(READY)

# Cells of variants x seeds, each from training to measures, and the reference generators run JOBS at a time.
# (nproc would answer with OMP_NUM_THREADS where that is set.)
JOBS ?= $(shell env -u OMP_NUM_THREADS nproc 2>/dev/null || sysctl -n hw.ncpu 2>/dev/null || echo 1)
repro: $(READY)
	@.venv/bin/python -m pipeline.repro --jobs $(JOBS)

autopsy: $(READY)
	@.venv/bin/python -m scripts.study autopsy --jobs $(JOBS)

MINUTES ?= 60
decide: $(READY)
	@.venv/bin/python -m scripts.decide --minutes $(MINUTES) --jobs $(JOBS)

BASE ?= main
review: $(READY)
	@.venv/bin/python -m scripts.review '$(BASE)'

metrics-check: $(READY)
	@.venv/bin/python -m scripts.metrics_check

bench: $(READY)
	@for size in default large; do .venv/bin/python -m benchmarks.training --size $$size || exit; done
	@for what in objectives schemes; do .venv/bin/python -m benchmarks.steps $$what || exit; done
	@for what in training_default training_large sampling; do .venv/bin/python -m benchmarks.breakdown $$what || exit; done
	@for what in compiled sampling counting preparation evaluation growth pipeline whole_run summary; do \
		.venv/bin/python -m benchmarks.$$what || exit; done

faults: $(READY)
	@.venv/bin/python -m faults --write

smoke: $(READY)
	@.venv/bin/python -m tests.support.smoke

PYTEST := OMP_NUM_THREADS=1 .venv/bin/python -m pytest --numprocesses $(JOBS) --dist loadfile --no-loadscope-reorder
test: lint
	$(PYTEST)

test-quick: $(READY)
	$(PYTEST) -m 'not slow and not dvc and not browser'

test-portable: $(READY)
	.venv/bin/python -m tests.support.portable $(JOBS)

lint: $(READY)
	.venv/bin/ruff format --check
	.venv/bin/ruff check
	git ls-files -z | xargs -0 .venv/bin/codespell
	.venv/bin/shellcheck .ci/run
	.venv/bin/mypy

# One lock for every Python and system of the README; versions that stand in it are kept. The header names this command.
UPGRADE ?=
lock: $(READY)
	.venv/bin/uv pip compile --quiet --universal --python-version 3.11 --group dev $(UPGRADE) pyproject.toml --output-file requirements.lock
