import numpy as np
import pytest

from ehrgen.metrics.cohorts import neighbours
from ehrgen.metrics.statistics import attribute_attack
from tests.support.cohorts import GENERIC, cohort

COMMON = GENERIC[: attribute_attack.COMMON]
EVERYBODY = cohort([[" ".join(COMMON)]] * 3)


def of(*records: list[list[str]]):
    *parts, real = neighbours.elements(*map(cohort, records), EVERYBODY)
    return *parts, attribute_attack.hidden(real, *parts)


def test_hidden_is_all_but_demographics_and_the_commonest():
    first, hidden = of([["V270 4280"]])
    assert hidden.sum() == 2
    assert not hidden[: neighbours.FIRST_CODE_COLUMN].any()
    assert first[:, hidden].nnz == 2


def test_f1_by_hand():
    a, b = COMMON[:2]
    victims, references, hidden = of([[f"{a} V270"], [f"{b} 4280"]], [[f"{a} V270"], [f"{a} 4289"], [f"{b} 4289"]])
    # the first ties with two references: V270 and 4289 are guessed by half each; the second gets 4289, wrongly
    # hits 1/2, guesses 1/2 + 1/2 + 1, truths 2
    assert attribute_attack.f1(victims, references, hidden) == pytest.approx(2 * 0.5 / (2 + 2))


def test_a_copy_gives_everything_away():
    records = [[f"{code} {rare}"] for code, rare in zip(COMMON[:5], GENERIC[120:125], strict=True)]
    victims, copies, hidden = of(records, records)
    assert attribute_attack.f1(victims, copies, hidden) == 1.0


def test_nothing_to_hide_is_refused():
    victims, hidden = of([[COMMON[0]]])
    with pytest.raises(ValueError, match="none of 1 victims has a hidden element"):
        attribute_attack.f1(victims, victims, np.asarray(hidden))
