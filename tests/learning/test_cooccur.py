from dataclasses import replace

import numpy as np
import pytest
import torch

from ehrgen.learning.batches import Batch
from ehrgen.learning.objectives.expectation import NothingToScoreError
from ehrgen.learning.objectives.table import Objective
from tests.support.cohorts import cohort
from tests.support.sequences import sequences_of, tiny
from tests.support.training import batch_of, bound, by_hand, expecting, matrices, output, recipe, untrained

BATCH = batch_of(by_hand())


def priced(form: str, threshold: float) -> Objective:
    return bound("cooccur", form, by_hand(), cooccur_threshold=threshold)


def test_observed_by_hand():
    """Pairs 4019-4010, 4019-25000, 4010-25000, each seen once: 3 / (1 + 1) below threshold 3, 0 below 1."""
    assert priced("observed", 3)(output(BATCH), BATCH).item() == 1.5
    assert priced("observed", 1)(output(BATCH), BATCH).item() == 0


def test_observed_is_a_mean_over_pairs():
    # Counts: 250-401 twice, 250-486 once, 401-486 once. Threshold 2: penalties 0, 1, 1 over four pairs.
    sequences = sequences_of(cohort([["4019 25000", "25000 4019 486"]]))
    batch = batch_of(sequences)
    value = bound("cooccur", "observed", sequences, cooccur_threshold=2)(output(batch), batch)
    assert value.item() == pytest.approx(2 / 4)


def test_expected_by_hand():
    """P(250), P(401), P(486) = 1/2, 1/4, 1/4 of codes at every position, whatever the marks have.

    Threshold 1: a pair never seen costs 1, any other 0. Seen: 250-401 and 401-401. After 4019 and after 4010
    486 costs 1: 1/4. After 25000 also 250 with itself, held in one of three codes: (1/4 x 3 + 1/2 x 1) / 3.
    After 486, which was never with anything, all cost 1. Positions without a code in their visit count nothing.
    """
    by_position = [1 / 4, 1 / 4, (3 / 4 + 1 / 2) / 3, 1, 1]
    value = priced("expected", 1)(expecting(BATCH, 1 / 2, 1 / 4, 1 / 4), BATCH).item()
    assert value == pytest.approx(np.mean(by_position))


def test_expected_mutual_information_by_hand():
    """Two visits, one of 4019 and 25000, one of 486; a model that expects 250 after 4019, sure, and one that errs.

    With one visit more, 2 of 3 hold 250 and 401 together, 1.5 of 3 would if independent: NPMI = log(4/3) / log(3/2).
    250 and 486: 1 of 3 against 1.5: log(2/3) / log 3. 401 with itself: never two, 1.5 as for the pair.
    """
    sequences = sequences_of(cohort([["4019 25000"], ["486"]]))
    batch = batch_of(sequences)
    together, never = np.log(4 / 3) / np.log(3 / 2), np.log(2 / 3) / np.log(3)
    objective = bound("cooccur", "npmi", sequences)
    # Held: 401 at position 1, 401 and 250 at 2, 486 at 4.
    sure = objective(expecting(batch, 1, 0, 0), batch).item()
    assert sure == pytest.approx(1 - np.mean([together, (together + never) / 2, never]))
    half = objective(expecting(batch, 1 / 2, 0, 1 / 2), batch).item()
    by_position = [(together + never) / 2, ((together + never) / 2 + never) / 2, never]
    assert half == pytest.approx(1 - np.mean(by_position))


@pytest.mark.parametrize("form", ["expected", "npmi"])
def test_expected_forms_do_not_depend_on_the_length_of_visits(form: str):
    shares = torch.tensor([0.4, 0.2, 0.2])
    values = []
    for marks in (0.1, 0.45):
        probability = torch.cat([torch.tensor([marks, marks]), shares / shares.sum() * (1 - 2 * marks)])
        out = output(BATCH, class_log_prob=probability.expand(8, 5).log())
        values.append(priced(form, 5)(out, BATCH).item())
    assert values[0] == pytest.approx(values[1])


def brute_force(batch: Batch, class_log_prob: np.ndarray, price: np.ndarray) -> float:
    """The expected price as its docstring says it, in loops."""
    symbol_class = tiny().vocabulary.symbol_class
    held: dict[int, list[int]] = {}
    for at, symbol in zip(batch.used_at.tolist(), batch.used_symbol.tolist(), strict=True):
        held.setdefault(at, []).append(symbol_class[symbol] - 2)
    values = []
    for at, classes in held.items():
        share = np.exp(class_log_prob[at, 2:].astype(np.float64))
        values.append((share / share.sum() * np.mean([price[c] for c in classes], axis=0)).sum())
    return float(np.mean(values))


@pytest.mark.parametrize("form", ["expected", "npmi"])
def test_expected_forms_equal_loops(form: str):
    batch = batch_of(tiny(), list(range(20)))
    out = untrained()(batch)
    category = matrices()["category"]
    threshold = recipe().loss.cooccur_threshold
    price = {"expected": category.penalty(threshold), "npmi": 1 - category.smoothed_npmi()}[form]
    wanted = brute_force(batch, out.class_log_prob.detach().numpy(), price)
    assert bound("cooccur", form)(out, batch).item() == pytest.approx(wanted, rel=1e-5)


def test_mutual_information_prefers_the_codes_that_belong():
    """Patients of two kinds whose codes never mix: expecting the own kind is better than chance, the other worse."""
    sequences = sequences_of(cohort([["4019 25000"]] * 30 + [["486 5849"]] * 30))
    batch = batch_of(sequences, [0, 1, 2])
    objective = bound("cooccur", "npmi", sequences)
    kinds = torch.tensor([[1.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 1.0], [1.0, 1.0, 1.0, 1.0]])
    own, other, either = (
        objective(output(batch, class_log_prob=(torch.cat([torch.ones(2), kind]) + 1e-9).log().expand(9, 6)), batch)
        for kind in kinds
    )
    assert own < 1 < other and own < either < other


def test_a_visit_of_one_code_has_no_pair():
    batch = batch_of(sequences_of(cohort([["486"], ["4019", "486"]])))
    with pytest.raises(NothingToScoreError, match="nothing to score"):
        priced("observed", 5)(output(batch), batch)


@pytest.mark.parametrize("form", ["expected", "npmi"])
def test_without_a_code_there_is_nothing_to_expect(form: str):
    none = BATCH.used_at[:0]
    batch = replace(BATCH, used_at=none, used_symbol=none)
    with pytest.raises(NothingToScoreError, match="nothing to score"):
        priced(form, 5)(output(batch), batch)
