"""The quick tests of what computes, as other processors would run them: no test may know this one's last bits.

python -m tests.support.portable PROCESSES
"""

import os
import platform
import subprocess
import sys
import time

import numpy
import torch
from numpy._core import _multiarray_umath as instructions
from threadpoolctl import threadpool_info

ROOMS = ("tests/core", "tests/data", "tests/learning", "tests/metrics", "tests/findings", "tests/release", "ehrgen")
VECTORS = {name for name in instructions.__cpu_dispatch__ if instructions.__cpu_features__.get(name)}
AVX512 = {name for name in VECTORS if name == "X86_V4" or name.startswith("AVX512")}
FOUR_THREADS = {"OMP_NUM_THREADS": "4", "MKL_DYNAMIC": "FALSE"}  # else no more than there are cores
# What a library does not know, or has on one processor alone, it ignores; in_force prints what came of it.
KINDS = {
    "without vector instructions, one thread": {
        "OMP_NUM_THREADS": "1",
        "ATEN_CPU_CAPABILITY": "default",
        "NPY_DISABLE_CPU_FEATURES": " ".join(sorted(VECTORS)),
        "OPENBLAS_CORETYPE": "Prescott",
        "MKL_CBWR": "COMPATIBLE",
        "ONEDNN_MAX_CPU_ISA": "SSE41",
        "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX2,-FMA",
        "ARROW_USER_SIMD_LEVEL": "NONE",
    },
    "a laptop: AVX2, four threads": {
        **FOUR_THREADS,
        "ATEN_CPU_CAPABILITY": "avx2",
        "NPY_DISABLE_CPU_FEATURES": " ".join(sorted(AVX512)),
        "OPENBLAS_CORETYPE": "Haswell",
        "MKL_CBWR": "AVX2",
        "ONEDNN_MAX_CPU_ISA": "AVX2",
        "ARROW_USER_SIMD_LEVEL": "AVX2",
    },
    "a server: all that this processor has, four threads": {
        **FOUR_THREADS,
        **({"OPENBLAS_CORETYPE": "SkylakeX"} if "X86_V4" in VECTORS else {}),
    },
}
CHOSEN = {name for kind in KINDS.values() for name in kind} | {"OPENBLAS_L2_SIZE", "OPENBLAS_NUM_THREADS"}


def in_force() -> str:
    """What the libraries of this process say that they use."""
    found = [name for name in sorted(VECTORS) if instructions.__cpu_features__[name]]
    blas = sorted({f"{one['internal_api']} {one.get('architecture', '')}".strip() for one in threadpool_info()})
    return (
        f"torch {torch.backends.cpu.get_cpu_capability()}, {torch.get_num_threads()} threads; "
        f"numpy {numpy.__version__} {' '.join(found) or 'baseline'}; {', '.join(blas)}"
    )


def main() -> None:
    """Every kind in turn, as many tests side by side as asked for; ends with the number of kinds that failed."""
    processes, failed = sys.argv[1], 0
    tests = ["-m", "not slow and not dvc and not browser", "--numprocesses", processes, "--dist", "loadfile"]
    for kind, changes in KINDS.items():
        environment = {name: value for name, value in os.environ.items() if name not in CHOSEN} | changes
        say = [sys.executable, "-c", "from tests.support.portable import in_force; print(in_force())"]
        told = subprocess.run(say, env=environment, check=True, capture_output=True, text=True).stdout.strip()
        print(f"== {kind} ({platform.machine()}): {told}", flush=True)
        start = time.monotonic()
        done = subprocess.run([sys.executable, "-m", "pytest", *tests, *ROOMS], env=environment)
        failed += done.returncode != 0
        print(f"== {kind}: {'failed' if done.returncode else 'passed'}, {time.monotonic() - start:.0f} s", flush=True)
    sys.exit(failed)


if __name__ == "__main__":
    main()
