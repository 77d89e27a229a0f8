import numpy as np
import pytest
from ruamel.yaml import YAML

from ehrgen.metrics.cohorts import incidence
from scripts import next_visit
from tests.release.test_request import RESOLVED
from tests.support.cohorts import cohort, population
from tests.support.training import untrained


def test_the_last_visit_is_hidden_of_those_who_have_two():
    given, hidden = next_visit.last_hidden(cohort([["4019 486", "0389", "311"], ["4280"], ["585", "311"]]))
    assert given.patients["patient_id"].tolist() == hidden.patients["patient_id"].tolist() == [0, 2]
    assert given.diagnoses["code"].tolist() == ["4019", "486", "0389", "585"]
    assert hidden.diagnoses["code"].tolist() == ["311", "311"]
    assert given.diagnoses["visit"].max() == 1 and hidden.diagnoses["visit"].max() == 0


def test_accuracy_by_hand(monkeypatch):
    """Ranked 0, 1, 2, 3; the first patient has 1 and 3, the second 0, the third nothing to be found."""
    monkeypatch.setattr(next_visit, "RANKS", (1, 2))
    scores = np.tile([4.0, 3.0, 2.0, 1.0], (3, 1))
    truth = np.array([[0, 1, 0, 1], [1, 0, 0, 0], [0, 0, 0, 0]], dtype=bool)
    at_one, at_two = next_visit.accuracies(scores, truth)
    assert at_one.startswith("0.500 ± ")  # 0 of 1, 1 of 1
    assert at_two.startswith("0.750 ± ")  # 1 of 2, 1 of 1


def test_baselines_rank_what_they_say():
    train = cohort([["4019 486", "4019"], ["4019", "4019 311"], ["486", "311"], ["311"]])
    given = cohort([["486"]])
    codes = incidence.distinct_codes(train)
    first = {way: codes[scores[0].argmax()] for way, scores in next_visit.baselines(train, given, codes).items()}
    assert first["frequency"] == "4019" and first["last visit"] == "486"
    stays = next_visit.baselines(train, given, codes)["persistence"][0]
    assert stays[list(codes).index("486")] < 1 / 2, "486 never came again"


def test_it_is_written_from_the_run_that_is_there(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    shares = {"train": 0.5, "validation": 0.1, "heldout": 0.3, "heldout2": 0.1}
    population(200, 0).with_split(shares, np.random.default_rng(0)).save(tmp_path / "data/cohort")
    untrained().save(tmp_path / "models/base/0")
    YAML().dump(RESOLVED, tmp_path / "resolved.yaml")
    monkeypatch.setattr("sys.argv", ["next_visit", "--models", "models/base/0"])
    next_visit.main()
    text = (tmp_path / "docs/next_visit.md").read_text()
    for way in ("frequency", "last visit", "persistence", "mixture", "base 0"):
        assert f"| {way}" in text
    assert text in capsys.readouterr().out


@pytest.mark.parametrize("seed", [0, 1])
def test_a_model_ranks_the_codes_of_training_patients(seed):
    given, _ = next_visit.last_hidden(population(40, seed))
    model = untrained()
    codes = np.array([*model.vocabulary.codes, "V8989"], dtype=object)
    from ehrgen.learning.sampling.continuation import first_codes
    from tests.support.training import here, sampling

    probability, patients = first_codes(model, given, sampling(), here())
    assert probability.shape == (len(patients), len(model.vocabulary.codes)) and len(codes) == probability.shape[1] + 1
    assert np.allclose(probability.sum(axis=1), 1, atol=1e-4), "no visit is empty: the first symbol is a code"
