"""The stage that judges, run as a user's DVC runs it: in a folder, on files."""

import csv
import json
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from ehrgen.findings.statistics.history import HistoryError
from pipeline import conclude
from tests.support.findings import scores, training
from tests.support.page_inputs import MANIFEST


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """replica with three seeds; replica_no_cooccur, whose codes are more, with two."""
    monkeypatch.chdir(tmp_path)
    run, seeds = {"replica": (0, 1, 2), "replica_no_cooccur": (0, 1)}, [0, 1, 2]
    YAML().dump(
        {"ablation": {"run": list(run), "seeds": seeds} | dict.fromkeys(("reference", "headline"), "replica")},
        Path("params.yaml"),
    )
    effective = {name: {"loss": {"cooccur": 0.05 * (name == "replica")}} for name in run}
    YAML().dump({"effective": effective}, Path("resolved.yaml"))
    for variant, of_variant in run.items():
        for seed in of_variant:
            scores(coverage=0.1 + 0.5 * (variant != "replica")).save(Path(f"reports/runs/{variant}/{seed}.json"))
            history(Path(f"reports/history/{variant}/{seed}.csv"), cooccur=variant == "replica")
            manifest = Path(f"reports/manifests/{variant}/{seed}.json")
            manifest.parent.mkdir(parents=True, exist_ok=True)
            manifest.write_text(json.dumps(MANIFEST | {"parameters": {"all": 1000, "age_head": 1, "sex_head": 1}}))
    scores(coverage=1.0).save(Path("reports/anchors/floor.json"))
    return tmp_path


def history(path: Path, cooccur: bool) -> None:
    """A healthy training, but for a co-occurrence without a gradient."""
    path.parent.mkdir(parents=True, exist_ok=True)
    found = training()
    rows = [
        {"objective": name, **row} for name, one in found.items() for row in one.epochs if cooccur or name != "cooccur"
    ]
    of_lm = 1 - 0.1 * (2 + cooccur)  # 0.1 each of the others
    rows = [row | {"share": of_lm} if row["objective"] == "lm" else row for row in rows]
    rows = [row | {"grad_norm": 0, "grad_share": 0} if row["objective"] == "cooccur" else row for row in rows]
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(dict.fromkeys(name for row in rows for name in row)), restval="")
        writer.writeheader()
        writer.writerows(rows)


def test_verdicts_and_claims_from_files(project: Path, capsys: pytest.CaptureFixture[str]):
    conclude.main()
    found = json.loads(Path("reports/findings.json").read_text())
    assert found["objectives"]["replica"]["cooccur"]["verdict"] == "constant"
    assert set(found["objectives"]["replica_no_cooccur"]) == {"lm", "age", "sex"}
    claims = {one["quote"]: one for one in found["claims"]}
    assert claims["directly causing mode collapse"]["verdict"] == "supported", "0.5 of a gap of 0.9"
    assert claims["directly causing mode collapse"]["seeds"] == 2
    assert claims["contributing significant gradient"]["verdict"] == "refuted"
    assert claims["heads are 0.37% of the model"]["verdict"] == "supported"
    assert claims["save computation"]["reason"] == "not run: replica_no_sex"
    text = Path("reports/findings.md").read_text()
    assert "- cooccur: constant; 10 % of the loss value, 0 % of the gradient" in text
    assert "cooccur: constant; 10 % of the loss value" in capsys.readouterr().out


def test_without_any_history_it_says_so(project: Path):
    for path in Path("reports/history").glob("*/*"):
        path.unlink()
    conclude.main()
    assert "No history of training was found." in Path("reports/findings.md").read_text()


def test_a_broken_history_is_named(project: Path):
    Path("reports/history/replica/1.csv").write_text("epoch,objective,weight,value\n1,lm,1,nan\n")
    with pytest.raises(HistoryError, match=r"history/replica/1\.csv: .*value holds 'nan'"):
        conclude.main()
    assert not Path("reports/findings.md").exists()
