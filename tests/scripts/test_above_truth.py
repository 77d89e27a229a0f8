"""Bounds that are exact by hand, and a document written from the run that is there."""

from itertools import permutations
from pathlib import Path

import numpy as np
import pytest
from ruamel.yaml import YAML

from ehrgen.data.cohort import Cohort
from ehrgen.data.sequences.sequences import Sequences
from ehrgen.data.sequences.vocabulary import Vocabulary
from ehrgen.data.simulation import simulator
from ehrgen.metrics.cohorts import incidence
from scripts import above_truth
from tests.release.test_request import RESOLVED
from tests.support.cohorts import cohort
from tests.support.sandbox import ROOT
from tests.support.training import here, sampling, untrained


def test_visits_with_codes_nobody_else_has_are_left_out_and_so_are_later_ones():
    firsts = above_truth.first_visits(
        cohort([["4019 486", "0389"], ["4280 311"], ["486 4019"]]), np.array(["4019", "486"])
    )
    assert firsts.patients["patient_id"].tolist() == [0, 2]
    assert firsts.diagnoses["code"].tolist() == ["4019", "486", "486", "4019"]


def test_independent_codes_by_hand():
    """One subgroup of three visits: 4019 in two, 486 in two; P(a visit of both | not empty)."""
    train = cohort([["4019 486"], ["4019"], ["486"]], sex="FFF", age=[50.0] * 3)
    p = (2 + 2 / 3) / 4
    both = p * p / (1 - (1 - p) ** 2)
    nats = above_truth.baselines(train, cohort([["4019 486"]], sex="F", age=[50.0]), incidence.distinct_codes(train))
    assert nats["independent codes"] == pytest.approx(-np.log(both))


def test_all_orders_of_a_visit_are_its_probability_and_one_order_is_less():
    """With each of the six orders once the second bound is the probability itself, n! times the mean of P(order)."""
    model = untrained().placed(here())
    firsts = cohort([[" ".join(model.vocabulary.codes[:3])]])
    sequences = Sequences.from_cohort(firsts, model.vocabulary, model.max_tokens)
    inner = sequences.tokens[1:-1]
    assert len(inner) == 3
    each = []
    for order in permutations(inner.tolist()):
        tokens = np.array([sequences.tokens[0], *order, sequences.tokens[-1]], dtype=np.int32)
        one = Sequences(
            sequences.vocabulary, tokens, sequences.offsets, sequences.age, sequences.sex, sequences.split, {}
        )
        each.append(above_truth.log_probability(model, one, sampling(), here())[0])
    assert len({round(nats, 6) for nats in each}) > 1
    assert np.logaddexp.reduce(each) >= np.mean(each) + np.log(6)


def test_it_is_written_from_the_run_that_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys):
    monkeypatch.chdir(tmp_path)
    process = simulator.load(ROOT / "ehrgen/data/simulation/simulator.npz")
    shares = {"train": 0.5, "validation": 0.1, "heldout": 0.3, "heldout2": 0.1}
    process.sample(300, np.random.default_rng(0)).with_split(shares, np.random.default_rng(0)).save(
        tmp_path / "data/cohort"
    )
    monkeypatch.setattr(above_truth, "known", lambda folder: process)
    train = Cohort.load(tmp_path / "data/cohort").of_split("train")
    vocabulary = Vocabulary.from_codes(train.diagnoses["code"], 1)
    untrained(vocabulary=vocabulary).save(tmp_path / "models/base/0")
    YAML().dump(RESOLVED, tmp_path / "resolved.yaml")
    monkeypatch.setattr("sys.argv", ["above_truth", "--models", "models/base/0"])
    above_truth.main()
    text = (tmp_path / "docs/above_truth.md").read_text()
    assert text in capsys.readouterr().out
    cells = [line.strip("| ").split("|") for line in text.splitlines() if line.startswith("|")]
    found = {way.strip(): [float(nats) for nats in bounds] for way, *bounds in cells[2:]}
    assert 0 < found["mixture"][0] < found["independent codes"][0] < found["base 0"][1] <= found["base 0"][0]


def test_real_patients_have_no_known_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(above_truth, "known", lambda folder: None)
    monkeypatch.setattr("sys.argv", ["above_truth"])
    with pytest.raises(SystemExit, match="nobody knows the process"):
        above_truth.main()
