import pytest

from benchmarks import steps, training
from ehrgen.learning.objectives.table import FORMS
from ehrgen.learning.training.weighting import SCHEMES
from tests.support.sandbox import ROOT


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(ROOT)
    for name, value in {"CODES": 80, "CATEGORIES": 20, "PATIENTS": 120, "TOKENS": 200}.items():
        monkeypatch.setattr(steps, name, value)
    monkeypatch.setattr(training, "PATIENTS", 300)


@pytest.mark.slow
def test_every_form_of_every_objective_has_a_row():
    found = steps.of_objectives(2, "cpu")
    forms = [f"{name} {form}" for name, of in FORMS.items() for form in of if name != "lm"]
    assert list(found["of"]) == [steps.LM, steps.AGAIN, *forms]
    assert found["of"][steps.LM]["cost"] == 0 and found["goals"][0]["below"] == 25


@pytest.mark.slow
def test_every_scheme_has_a_row():
    found = steps.of_schemes(2)
    moving = [name for name in SCHEMES if name != "fixed"]
    parts = [steps.ATTRIBUTION, steps.GRADIENTS_PART, steps.PROBES_PART]
    assert list(found["of"]) == [steps.LM, steps.AGAIN, steps.DEFAULT, steps.MEASURED, *moving, *parts]
    assert found["goals"][0]["found"] == 100 * found["of"][steps.ATTRIBUTION]["cost"]


def test_attribution_by_hand():
    """Of 40 steps of 0.1 s, 2 are measured and take 0.2 s; the probes take 0.5 s: 0.7 s more than 4 s."""
    rates = {steps.DEFAULT: [10.0] * 3, steps.MEASURED: [5.0] * 3, steps.PROBES: [2.0] * 3}
    rows = steps.attribution(rates, 40)
    assert [row["cost"] for row in rows.values()] == pytest.approx([0.175, 0.05, 0.125])
    assert rows[steps.ATTRIBUTION]["low"] == rows[steps.ATTRIBUTION]["high"] == pytest.approx(0.175)
