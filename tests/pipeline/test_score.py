"""From the command line to the page, on tables, MEDS and a row a visit, as other generators write them."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ehrgen.core.command import run
from ehrgen.release import meds, mimic3_tables
from ehrgen.release.timeline import Timeline
from pipeline import score
from tests.support.chromium import chromium, tab
from tests.support.html import Reading
from tests.support.sandbox import ROOT
from tests.support.scoring import long_table, people


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Path:
    """Real and training patients, and three sets of synthetic ones, each in a form of its own."""
    folder = tmp_path_factory.mktemp("score")
    real, train, first, second, third = (people(n, seed) for seed, n in enumerate((120, 60, 60, 60, 60)))
    long_table(real, folder / "real.csv")
    (folder / "train").mkdir()
    mimic3_tables.write(train, Timeline.of(train, np.random.default_rng(0)), folder / "train")
    (folder / "made").mkdir()
    meds.write(first, Timeline.of(first, np.random.default_rng(1)), "made", np.random.default_rng(2), folder / "made")
    visits = second.diagnoses.groupby(["patient_id", "visit"])["code"].agg(";".join).reset_index()
    visits = visits.join(second.patients.set_index("patient_id")[["sex", "age_years"]], on="patient_id")
    names = {"visit": "visit_num", "code": "diagnosis_codes", "age_years": "age"}
    visits.rename(columns=names).to_csv(folder / "peer.csv", index=False)
    long_table(third, folder / "bare.csv", described=False)
    return folder


def scored(project: Path, monkeypatch, *arguments: str) -> dict:
    monkeypatch.chdir(project)
    monkeypatch.setattr(sys, "argv", ["score", "--real", "real.csv", "--quick", *arguments])
    run(score.main)
    return json.loads((project / arguments[-1] / "score.json").read_text())


@pytest.mark.slow
def test_three_forms_side_by_side(project, monkeypatch, capsys):
    found = scored(project, monkeypatch, "--train", "train", "-s", "made", "-s", "peer.csv", "--out", "both")
    assert found["patients"] == 60
    names = {"made", "peer", "floor", "memoriser", "independent_codes", "latent_profiles", "collapsed", "markov"}
    assert set(found["metrics"]) == names
    said = capsys.readouterr()
    assert "| unigram_r2 ↑" in said.out and "all of it: both/score.md" in said.out
    assert "reading peer: peer.csv" in said.err and "[8/8] markov" in said.err
    assert sorted(path.name for path in (project / "both").iterdir()) == ["score.html", "score.json", "score.md"]
    assert Reading((project / "both/score.html").read_text()).balanced


def test_patients_without_sex_and_age_and_generators_without_training_patients(project, monkeypatch):
    found = scored(project, monkeypatch, "-s", "bare.csv", "-s", "made", "--out", "bare")
    assert "sex and age is left out of all of them" in found["remarks"][0]
    for name in ("bare", "made"):
        assert "codes_per_visit" in found["metrics"][name]
        assert found["not_judged"][name]["sex_violations"] == "not applicable: the sex of the patients is unknown"
        assert "not applicable" in found["not_judged"][name]["tail_mass"] or "floor too low" in str(found["not_judged"])


def test_an_error_is_one_line_and_leaves_nothing(project, monkeypatch, capsys):
    with pytest.raises(SystemExit):
        scored(project, monkeypatch, "-s", "absent.csv", "--out", "nothing")
    error = capsys.readouterr().err.splitlines()[-1]
    assert error == "error: --synthetic absent.csv: no such file or folder"
    assert not (project / "nothing").exists()


def test_a_refused_request_need_not_wait_for_pandas(project):
    program = "import sys, pipeline.score; print(*sorted({name.split('.')[0] for name in sys.modules}))"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert not {"pandas", "scipy", "sklearn", "torch"} & set(done.stdout.split())


@pytest.mark.browser
def test_the_page_draws_and_asks_for_nothing(project, monkeypatch):
    scored(project, monkeypatch, "-s", "made", "-s", "bare.csv", "--out", "drawn")
    with chromium() as browser, tab(browser) as page:
        page.open(project / "drawn/score.html")
        shown = "[...document.querySelectorAll('.variant')].filter(a => a.offsetHeight).map(a => a.dataset.variant)"
        assert page.js(shown) == ["made"]
        page.js("document.querySelector('input[value=bare]').click()")
        assert page.js(shown) == ["bare"]
        assert page.complaints == [] and len(page.requests) == 1
