import pytest

from benchmarks import full_size
from benchmarks.training import learner, patients
from tests.support.sandbox import ROOT

TINY = {"d_model": 32, "layers": 1, "heads": 2, "feed_forward": 64}


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(full_size, "ROUNDS", 1)


@pytest.mark.slow
def test_what_it_measures():
    """On a CPU and tiny: that tokens are real ones, minutes follow from the rate, and somebody is sampled."""
    sequences = patients(300)
    own = learner(sequences, TINY, {}, precision="bf16", batch_tokens=512)
    row, peak = full_size.training(own, 2, 64)
    training = sequences.of_split("train")
    learned = len(training.tokens) - len(training)  # all but <bos>
    assert row["minutes"] == pytest.approx(full_size.EPOCHS * learned / row["rate"] / 60)
    assert row["share_of_peak"] > 0 and peak > 0
    drawn = full_size.drawing(own, sequences, 40)
    assert drawn["rate"] > 0 and drawn["codes"] >= 1
