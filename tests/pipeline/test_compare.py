"""The stages that end the pipeline, run as a user's DVC runs them: in a folder, on files."""

import json
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from ehrgen.core.files import FileError, write_json
from ehrgen.core.params import ParamsError
from ehrgen.findings.statistics.history import HistoryError
from ehrgen.metrics.table.scores import Scores, ScoresError
from ehrgen.metrics.table.suite import HEADLINE, METRICS
from pipeline import compare, headline

HISTORY = "epoch,objective,value,weight,share,grad_norm,grad_share\n1,lm,3,1,1,2,1\n"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write_params(run=["base", "less"], seeds=[0, 1], headline="base")
    effective = {name: {"loss": {"age": age}} for name, age in (("base", 0.5), ("less", 0.0))}
    YAML().dump({"effective": effective}, Path("resolved.yaml"))
    for variant in ("base", "less", "old"):
        for seed in (0, 1, 2):
            values = dict.fromkeys(METRICS, 0.5 + 0.1 * seed)
            Scores(values, {}, 9).save(Path("reports/runs") / variant / f"{seed}.json")
    for name, value in (("floor", 1.0), ("independent_codes", 0.1)):
        Scores(dict.fromkeys(METRICS, value), {}, 9).save(Path("reports/anchors") / f"{name}.json")
    write_json({"groups": 5, "standard_error": dict.fromkeys(METRICS, 0.1)}, Path("reports/margins.json"))
    Path("reports/history/base").mkdir(parents=True)
    Path("reports/history/base/0.csv").write_text(HISTORY)
    return tmp_path


def write_params(**ablation: object) -> None:
    YAML().dump({"ablation": {"reference": "base"} | ablation}, Path("params.yaml"))


def test_compare_writes_flat_variants_and_the_tables(project: Path):
    stale = Path("reports/variants/old.json")
    stale.parent.mkdir(parents=True)
    stale.write_text("{}")
    compare.main()
    assert {path.name for path in Path("reports/variants").iterdir()} == {"base.json", "less.json"}
    assert json.loads(Path("reports/variants/base.json").read_text()) == dict.fromkeys(sorted(HEADLINE), 0.55)
    content = json.loads(Path("reports/ablation.json").read_text())
    assert content["variants"]["base"]["coverage"]["seeds"] == 2, "seed 2 is no part of the ablation"
    assert content["skill"]["base"]["pair_r2"] == 0.5
    assert content["objectives"]["base"]["lm"]["grad_share"] == 1
    assert "- **less**: loss.age 0.0" in Path("reports/ablation.md").read_text()


def test_a_variant_without_runs_is_missing_in_words_only(project: Path):
    for seed in (0, 1):
        Path(f"reports/runs/less/{seed}.json").unlink()
    compare.main()
    assert [path.name for path in Path("reports/variants").iterdir()] == ["base.json"]
    assert "less: no result for seed 0, 1" in Path("reports/ablation.md").read_text()


def test_headline_is_a_copy(project: Path):
    compare.main()
    headline.main()
    assert Path("reports/headline.json").read_text() == Path("reports/variants/base.json").read_text()


@pytest.mark.parametrize("text", ["", "{}", "[]", "null", '{"coverage": null}', '{"coverage": NaN}', '{"other": 1}'])
def test_no_headline_is_copied_from_a_damaged_file(project: Path, text: str):
    compare.main()
    Path("reports/variants/base.json").write_text(text)
    with pytest.raises(ScoresError, match=r"reports/variants/base\.json: .*; remove it and run `dvc repro` again"):
        headline.main()
    assert not Path("reports/headline.json").exists()


MANIFEST = {"key": "a", "machine": {}, "parameters": {"all": 9}, "train": {"epochs": 1}, "seconds": 1.0}


@pytest.mark.parametrize(
    ("path", "text", "message"),
    [
        (
            "runs/base/0.json",
            '{"metrics": [], "not_judged": {}, "patients": 9}',
            "metrics: Input should be a valid dict",
        ),
        ("anchors/floor.json", '{"metrics": null, "not_judged": null, "patients": null}', "metrics: Input should be"),
        ("margins.json", "{}", "standard_error: Field required"),
        ("margins.json", '{"standard_error": {"coverage": -1}}', "standard_error.coverage: "),
        ("manifests/base/0.json", "{}", "key: Field required"),
        ("manifests/base/0.json", json.dumps(MANIFEST | {"seconds": None}), "seconds: Input should be a valid number"),
        (
            "manifests/base/0.json",
            json.dumps(MANIFEST | {"train": {"epochs": 2}}),
            "0.csv: 1 epochs, and 2 were trained",
        ),
        ("history/base/0.csv", HISTORY.replace(",1,2,1", ",0.9,2,1"), "rows of epoch 1 are missing"),
    ],
)
def test_damaged_results_are_named_and_nothing_is_written(project: Path, path: str, text: str, message: str):
    write_json(MANIFEST, Path("reports/manifests/base/0.json"))
    (Path("reports") / path).write_text(text)
    with pytest.raises((FileError, ScoresError, HistoryError)) as error:
        compare.main()
    assert message in str(error.value) and not Path("reports/ablation.json").exists()
    assert str(error.value).startswith("reports/") and "dvc repro" in str(error.value)


@pytest.mark.parametrize("content", ["a: 1", "effective: 3", "effective: {base: {loss: {age: 1}}}"])
def test_settings_that_are_not_all_there_are_no_difference(project: Path, content: str):
    """Without the reference's, every setting of every variant would be told to differ."""
    Path("resolved.yaml").write_text(content)
    with pytest.raises(ParamsError, match=r"resolved\.yaml: not the settings of base, less; run `dvc repro resolve`"):
        compare.main()


def test_an_unknown_headline_lists_the_known_variants(project: Path):
    compare.main()
    write_params(run=["base", "less"], seeds=[0, 1], headline="full")
    with pytest.raises(ParamsError, match="'full' has no results; variants with results: base, less"):
        headline.main()
    assert not Path("reports/headline.json").exists()
