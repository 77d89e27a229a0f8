"""What DVC promises its user, on the real stages and a tiny cohort, in a temporary clone.

One full run is shared; every test starts from its commit and leaves it to the next one as it was.
"""

import json
import re
from collections.abc import Iterator

import pytest

from tests.support.sandbox import ROOT, Sandbox

pytestmark = pytest.mark.dvc


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Sandbox:
    """A clone after `dvc repro`, committed: two variants, one seed."""
    sandbox = Sandbox.make(tmp_path_factory.mktemp("pipeline") / "ehrgen")
    sandbox.dvc("repro")
    sandbox.commit("first results")
    return sandbox


@pytest.fixture
def clone(finished: Sandbox) -> Iterator[Sandbox]:
    yield finished
    finished.restore()


def stages_run(output: str) -> set[str]:
    return set(re.findall(r"Running stage '([^']+)'", output))


def chain(*names: str) -> set[str]:
    """The stages of variants such as `multitask-0`, and those every change of a result ends in."""
    return {f"{stage}@{name}" for stage in ("train", "sample", "evaluate") for name in names} | {
        "compare",
        "conclude",
        "report",
        "headline",
    }


def results(clone: Sandbox) -> set[str]:
    """VARIANT/SEED of every result that train and evaluate keep in git."""
    kept = [set(), set()]
    for names, folder in zip(kept, ("runs", "history"), strict=True):
        names |= {f"{path.parent.name}/{path.stem}" for path in (clone.folder / "reports" / folder).glob("*/*")}
    assert kept[0] == kept[1]
    return kept[0]


def test_first_run_leaves_a_clean_commit(clone: Sandbox):
    assert clone.run("git", "status", "--porcelain") == ""
    tracked = set(clone.run("git", "ls-files").split())
    assert {"resolved.yaml", "dvc.lock", "reports/ablation.md", "reports/headline.json"} <= tracked
    assert {"reports/runs/multitask/0.json", "reports/history/lm_only/0.csv"} <= tracked
    assert not [name for name in tracked if name.startswith(("data/", "models/", "samples/", "likelihoods/"))]


def test_second_repro_runs_nothing(clone: Sandbox):
    assert stages_run(clone.dvc("repro")) == set()


def test_a_changed_weight_reruns_only_the_variants_it_reaches(clone: Sandbox):
    printed = clone.dvc("exp", "run", "--set-param", "loss.cooccur=0")
    assert stages_run(printed) == {"resolve"} | chain("multitask-0")
    changed = clone.dvc("params", "diff", "--md")
    assert "effective.multitask.loss.cooccur" in changed
    assert "effective.lm_only" not in changed
    different = json.loads(clone.dvc("metrics", "diff", "--json"))
    assert "reports/variants/multitask.json" in different
    assert "reports/variants/lm_only.json" not in different


def test_a_variant_of_the_command_line_trains_alone(clone: Sandbox):
    variant = "+variants.x={loss: {age: 0.1, cooccur: 0.00001}}"
    printed = clone.dvc("exp", "run", "-S", variant, "-S", "ablation.run=[multitask,x]")
    assert stages_run(printed) == {"resolve"} | chain("x-0")
    assert results(clone) == {"multitask/0", "x/0"}, "lm_only no longer runs: its results must not linger"
    assert {path.stem for path in clone.folder.glob("reports/variants/*")} == {"multitask", "x"}
    assert "cooccur: 1.0e-05" in (clone.folder / "resolved.yaml").read_text(), "a number, not text"


def test_other_seeds_replace_the_old_ones(clone: Sandbox):
    printed = clone.dvc("exp", "run", "-S", "ablation.seeds=[1]", "-S", "ablation.run=[multitask]")
    assert stages_run(printed) == {"resolve"} | chain("multitask-1")
    assert results(clone) == {"multitask/1"}


def test_make_repro_says_what_it_runs_and_what_the_store_has(clone: Sandbox):
    repro = ("python", "-m", "pipeline.repro", "--jobs", "2")
    assert clone.run(*repro).splitlines()[-1] == "nothing to run: all 16 stages are up to date"
    params = clone.folder / "params.yaml"
    text = params.read_text()
    assert "  age: 0.005" in text
    for number, kept in enumerate(("", " (1 in the store already)")):
        params.write_text(text.replace("  age: 0.005", "  age: 0.25"))
        printed = clone.run(*repro)
        assert f"7 of 16 stages to run, 1 of them trainings{kept}: about " in printed, number
        assert re.search(r"\nmultitask 0 +codes_per_visit [\d.]+ +\d+ (s|min) +1 of 1, the reports are left\n", printed)
        assert "didn't change" not in printed and printed.splitlines()[-1].startswith("done in ")
        clone.restore()
    params.write_text(text.replace("  age: 0.005", "  aeg: 0.005"))
    [error] = clone.run(*repro, check=False).splitlines()
    assert error.startswith("error: params.yaml: loss.age: Field required") and "known keys: age, age_form" in error


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("+loss.coocur=0", "params.yaml: loss: unknown key 'coocur'; known keys: age, age_form"),
        ("+evaluate.patient=9", "params.yaml: evaluate: unknown key 'patient'; known keys: patients"),
        ("+variants.x={loss: {aeg: 1}}", "variants.x.loss: unknown key 'aeg'; known keys: age, age_form"),
        ("ablation.run=[multitask,lm]", "unknown variant 'lm'; known variants: age_matching, cooccur_observed"),
        ("loss.coocur=0", "Key 'coocur' is not in struct"),  # DVC's own refusal
    ],
)
def test_a_typo_stops_before_anything_trains(clone: Sandbox, change: str, message: str):
    printed = clone.dvc("exp", "run", "--set-param", change, check=False)
    assert message in printed
    assert stages_run(printed) <= {"ingest", "resolve"}
    assert "Traceback" not in printed
    assert (clone.folder / "resolved.yaml").is_file(), "the last good one stays, so that nobody commits its removal"


def test_lm_only_against_multitask_through_the_headline(clone: Sandbox):
    shown = json.loads(clone.dvc("metrics", "show", "--json"))[""]["data"]
    variants = {name: entry["data"] for name, entry in shown.items() if name.startswith("reports/variants/")}
    assert set(variants) == {"reports/variants/lm_only.json", "reports/variants/multitask.json"}
    assert all(isinstance(value, int | float) for metrics in variants.values() for value in metrics.values())
    assert shown["reports/headline.json"]["data"] == variants["reports/variants/multitask.json"]
    printed = clone.dvc("exp", "run", "--name", "lm-only", "-S", "ablation.headline=lm_only")
    assert stages_run(printed) <= {"resolve", "compare", "conclude", "report", "headline"}
    table = clone.dvc("metrics", "diff", "--targets", "reports/headline.json", "--md")
    assert table.startswith("| Path")
    assert "reports/headline.json" in table
    assert "ablation.headline" in clone.dvc("params", "diff", "--md")


def test_a_queued_experiment_runs_the_code_it_was_queued_with(clone: Sandbox):
    stage = clone.folder / "pipeline" / "headline.py"
    original = stage.read_text()
    stage.write_text(f"{original}\nPath('reports/headline.json').write_text('{{\"queued\": 1}}')\n")
    clone.dvc("exp", "run", "--queue", "--name", "edited")
    stage.write_text(original)
    clone.dvc("exp", "run", "--run-all")
    [reference] = clone.run("git", "for-each-ref", "--format=%(refname)", "refs/exps/**/edited").split()
    assert json.loads(clone.run("git", "show", f"{reference}:reports/headline.json")) == {"queued": 1}
    assert stage.read_text() == original


RERUNS = re.findall(r"^\|[^|]*\| `([^`]+)` \| ([^|]+) \|$", (ROOT / "docs/reruns.md").read_text(), re.MULTILINE)


@pytest.mark.parametrize(("file", "stages"), RERUNS)
def test_an_edit_reruns_what_the_table_of_docs_says(clone: Sandbox, file: str, stages: str):
    edited = clone.folder / file
    edited.write_text(f"{edited.read_text()}\n{'/* edited */' if file.endswith('.css') else '# edited'}\n")
    ran = stages_run(clone.dvc("repro"))
    assert {name.partition("@")[0] for name in ran} == set(stages.split(", "))
    for kind in ("train", "sample", "evaluate"):
        assert sum(name.startswith(f"{kind}@") for name in ran) == (2 if kind in stages else 0), "all cells or none"


def test_the_table_of_reruns_has_the_edits_it_was_asked_for():
    assert len(RERUNS) >= 6


def test_plots_show_and_compare_the_shares_without_a_network(clone: Sandbox):
    clone.dvc("plots", "show", "--out", "plots")
    shares = clone.folder / "reports" / "shares.csv"
    shares.write_text(shares.read_text().replace("multitask,0,sex,1,", "multitask,0,sex,1,0."))
    clone.dvc("plots", "diff", "HEAD", "--out", "compared")
    for folder, revisions in (("plots", {"workspace"}), ("compared", {"workspace", "HEAD"})):
        html = (clone.folder / folder / "index.html").read_text()
        assert "src=" not in html and html.count("vegaEmbed('#") == 2
        assert set(re.findall(r'"rev": "(\w+)"', html)) == revisions
