"""The stages evaluate and anchor on a small cohort in a folder."""

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from ruamel.yaml import YAML

from ehrgen.data.cohort import Cohort
from ehrgen.data.simulation import process
from ehrgen.metrics.anchors.generators import collapsed, independent_codes, reference_generators
from ehrgen.metrics.anchors.markov import markov
from ehrgen.metrics.table.scores import Scores
from ehrgen.metrics.table.suite import METRICS
from pipeline import anchor, evaluate
from tests.support.cohorts import likelihood_of, population
from tests.support.sandbox import ROOT

SHARES = {"train": 0.4, "heldout": 0.3, "heldout2": 0.3}
SIMULATOR, PROCESS = ROOT / "ehrgen/data/simulation/simulator.npz", Path("data/process")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    YAML().dump({"evaluate": {"patients": 150, "seed": 0, "profiles": 4}}, Path("params.yaml"))
    process.keep("nhds", SIMULATOR, PROCESS)
    population(500, 1).with_split(SHARES, np.random.default_rng(0)).save(Path("data/cohort"))
    return tmp_path


def evaluated(synthetic: Cohort, monkeypatch: pytest.MonkeyPatch, *further: Cohort) -> Scores:
    shutil.rmtree("samples/base/0", ignore_errors=True)
    for number, sample in enumerate((synthetic, *further)):
        sample.save(Path("samples/base/0") / str(number))
    cohort = Cohort.load(Path("data/cohort"))
    stated = likelihood_of(*(cohort.of_split(split) for split in ("heldout", "train")))
    Path("likelihoods/base").mkdir(parents=True, exist_ok=True)
    stated.rows.to_parquet(Path("likelihoods/base/0.parquet"), index=False)
    monkeypatch.setattr(sys, "argv", ["evaluate", "base", "0"])
    evaluate.main()
    return Scores.load(Path("reports/runs/base/0.json"))


def test_evaluate_is_silent_where_nothing_is_capped(project, monkeypatch, capsys):
    scores = evaluated(population(200, 2), monkeypatch)
    assert scores.patients == 150
    assert scores.metrics.keys() | scores.not_judged.keys() == METRICS.keys()
    assert scores.metrics["nll_per_code"] > 2, "the generator's likelihood is read"
    assert capsys.readouterr().out == ""


def test_evaluate_says_when_it_compares_fewer(project, monkeypatch, capsys):
    assert evaluated(population(120, 2), monkeypatch).patients == 120
    printed = capsys.readouterr().out
    assert printed == "120 patients compared, not 150: 150 are held out, 200 were trained on and 120 were sampled\n"


@pytest.mark.slow
def test_several_samples_are_averaged_and_the_first_is_portrayed(project, monkeypatch):
    samples = [population(150, seed) for seed in range(2, 14)]  # a folder named 10 comes after one named 2
    portraits, alone = [], []
    for sample in samples:
        alone.append(evaluated(sample, monkeypatch))
        portraits.append(json.loads(Path("reports/portraits/base/0.json").read_text()))
    assert not alone[0].of_samples
    together = evaluated(samples[0], monkeypatch, *samples[1:])
    assert json.loads(Path("reports/portraits/base/0.json").read_text()) == portraits[0]
    found = [one.metrics["coverage"] for one in alone]
    assert together.of_samples["coverage"] == found and len(set(found)) > 6
    assert together.metrics["coverage"] == pytest.approx(np.mean(found), rel=1e-3)
    for name in ("membership_auc", "nll_per_code"):
        assert together.metrics[name] == alone[0].metrics[name] and name not in together.of_samples


@pytest.mark.slow
def test_anchors_repeat_and_have_the_metrics_of_the_runs(project, monkeypatch):
    some = {name: reference_generators(4)[name] for name in ("independent_codes", "markov")}
    monkeypatch.setattr(anchor, "reference_generators", lambda profiles: some)
    anchor.main()
    first = {path.stem: path.read_text() for path in Path("reports/anchors").iterdir()}
    assert set(first) == {"floor", "independent_codes", "markov"}
    anchor.main()
    assert {path.stem: path.read_text() for path in Path("reports/anchors").iterdir()} == first
    floor = Scores.load(Path("reports/anchors/floor.json"))
    assert floor.metrics.keys() | floor.not_judged.keys() == METRICS.keys()
    assert floor.patients == 150


@pytest.mark.slow
def test_a_simulated_cohort_is_compared_with_its_truth(project, monkeypatch):
    unknown = evaluated(population(150, 2), monkeypatch)
    assert unknown.not_judged["truth_r2"] == "no exact truth: the cohort is not simulated"
    process.keep("simulated", SIMULATOR, PROCESS)
    assert evaluated(population(150, 2), monkeypatch).metrics["truth_r2"] < 0.9
    monkeypatch.setattr(anchor, "reference_generators", lambda profiles: {})
    anchor.main()
    assert "truth_r2" in Scores.load(Path("reports/anchors/floor.json")).metrics


@pytest.mark.slow
def test_single_visits_have_no_markov_chain_and_say_so(project, monkeypatch, capsys):
    some = {"markov": markov, "collapsed": collapsed}
    monkeypatch.setattr(anchor, "reference_generators", lambda profiles: some)
    whole = Cohort.load(Path("data/cohort"))
    first = whole.diagnoses[whole.diagnoses["visit"] == 0].reset_index(drop=True)
    Cohort(whole.patients, first).save(Path("data/cohort"))
    anchor.main()
    assert {path.stem for path in Path("reports/anchors").iterdir()} == {"floor", "collapsed"}
    printed = capsys.readouterr().out
    assert printed == "reference generator markov is left out: not applicable: no training patient has a second visit\n"


@pytest.mark.slow
def test_small_counts_of_real_patients_are_kept_out_of_the_floor(project, monkeypatch):
    monkeypatch.setattr(anchor, "reference_generators", lambda profiles: {"independent_codes": independent_codes})
    anchor.main()
    floor = Scores.load(Path("reports/anchors/floor.json"))
    model = Scores.load(Path("reports/anchors/independent_codes.json"))
    assert floor.not_judged["sex_rule_patients"] == "suppressed: it would count fewer than 11 real patients"
    assert "it would count" not in model.not_judged.get("sex_rule_patients", "")
