"""The stages evaluate and anchor on a small cohort in a folder."""

import sys
from pathlib import Path

import numpy as np
import pytest
from made_up import population
from ruamel.yaml import YAML

from ehrgen.data.cohort import Cohort
from ehrgen.metrics.suite import METRICS, Scores
from pipeline import anchor, evaluate

SHARES = {"train": 0.4, "heldout": 0.3, "heldout2": 0.3}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    YAML().dump({"evaluate": {"patients": 150, "seed": 0, "profiles": 4}}, Path("params.yaml"))
    population(500, 1).with_split(SHARES, np.random.default_rng(0)).save(Path("data/cohort"))
    return tmp_path


def evaluated(synthetic: Cohort, monkeypatch: pytest.MonkeyPatch) -> Scores:
    synthetic.save(Path("samples/base/0"))
    monkeypatch.setattr(sys, "argv", ["evaluate", "base", "0"])
    evaluate.main()
    return Scores.load(Path("reports/runs/base/0.json"))


def test_evaluate_is_silent_where_nothing_is_capped(project, monkeypatch, capsys):
    scores = evaluated(population(200, 2), monkeypatch)
    assert scores.patients == 150
    assert scores.metrics.keys() | scores.not_judged.keys() == METRICS.keys()
    assert capsys.readouterr().out == ""


def test_evaluate_says_when_it_compares_fewer(project, monkeypatch, capsys):
    assert evaluated(population(120, 2), monkeypatch).patients == 120
    printed = capsys.readouterr().out
    assert printed == "120 patients compared, not 150: 150 are held out, 200 were trained on and 120 were sampled\n"


def test_anchors_repeat_and_have_the_metrics_of_the_runs(project):
    anchor.main()
    first = {path.stem: path.read_text() for path in Path("reports/anchors").iterdir()}
    assert set(first) == {"floor", "memoriser", "independent_codes", "latent_profiles", "collapsed"}
    anchor.main()
    assert {path.stem: path.read_text() for path in Path("reports/anchors").iterdir()} == first
    floor = Scores.load(Path("reports/anchors/floor.json"))
    assert floor.metrics.keys() | floor.not_judged.keys() == METRICS.keys()
    assert floor.patients == 150
