"""What looking several times may cost: 5 % in all, by simulation of whole sequences of looks."""

import numpy as np
import pytest

from ehrgen.findings.statistics.intervals import Estimate
from ehrgen.findings.statistics.looks import decided, schedule, spent_by
from ehrgen.findings.statistics.significance import ALPHA, Significance, significance

ENDPOINTS = [("v", name) for name in "abcd"]
TESTS = 800


def sequences(effect: float, margin: float, alphas: list[float], harm: int | None = None) -> list[dict]:
    """Of many experiments with four endpoints the decisions after all looks, each at its own error."""
    rng, found = np.random.default_rng(5), []
    looks = schedule(3, 12)
    for _ in range(TESTS):
        drawn = rng.normal(effect, 1.0, (len(ENDPOINTS), 12))
        judged = []
        for look, alpha in zip(looks, alphas, strict=True):
            estimates = {key: Estimate.of(list(row[: look.seeds])) for key, row in zip(ENDPOINTS, drawn, strict=True)}
            ways = dict.fromkeys(ENDPOINTS, harm) if harm else {}
            judged.append(significance(estimates, dict.fromkeys(ENDPOINTS, margin), ENDPOINTS, ways, alpha))
        found.append(decided(judged))
    return found


SPENT = [look.alpha for look in schedule(3, 12)]


def test_what_the_looks_spend_sums_to_the_error():
    for first, most in ((3, 12), (2, 30), (5, 6), (4, 4)):
        looks = schedule(first, most)
        assert sum(look.alpha for look in looks) == pytest.approx(ALPHA)
        assert [looks[0].seeds, looks[-1].seeds] == [first, most] and all(look.alpha > 0 for look in looks)
        seeds = [look.seeds for look in looks]
        assert seeds == sorted(set(seeds))
    assert spent_by(0) == 0 and spent_by(1) == pytest.approx(ALPHA)


@pytest.mark.slow
def test_no_effect_is_called_one_in_at_most_one_family_of_twenty():
    family = [any(one.differs for _, one in found.values()) for found in sequences(0.0, 0.0, SPENT)]
    rate = np.mean(family)
    assert rate <= ALPHA + 2 * np.sqrt(ALPHA * (1 - ALPHA) / TESTS)
    naive = [any(one.differs for _, one in found.values()) for found in sequences(0.0, 0.0, [ALPHA] * 4)]
    assert np.mean(naive) > ALPHA + 3 * np.sqrt(ALPHA * (1 - ALPHA) / TESTS), "looking without correction"


@pytest.mark.parametrize("harm", [None, 1])
@pytest.mark.slow
def test_an_effect_of_the_margin_is_called_none_in_at_most_one_of_twenty(harm: int | None):
    found = sequences(1.0, 1.0, SPENT, harm)
    wrong = np.mean([[one.outcome in ("equivalent", "no harm") for _, one in row.values()] for row in found])
    assert wrong <= ALPHA + 2 * np.sqrt(ALPHA * (1 - ALPHA) / TESTS / len(ENDPOINTS)) + 0.005


@pytest.mark.slow
def test_more_looks_decide_more():
    found = sequences(2.0, 0.5, SPENT)
    first = np.mean([[place == 0 and one.differs for place, one in row.values()] for row in found])
    last = np.mean([[one.differs for _, one in row.values()] for row in found])
    assert last > 0.9 > 0.5 > first


def test_what_a_look_decided_stays():
    yes, no, open_ = (Significance(outcome, 0.5, "primary") for outcome in ("differs", "equivalent", "undecided"))
    a, b, c = ENDPOINTS[:3]
    found = decided([{a: yes, b: open_, c: open_}, {a: no, b: no}, {b: yes}])
    assert found == {a: (0, yes), b: (1, no), c: (0, open_)}
