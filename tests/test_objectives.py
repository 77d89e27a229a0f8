"""Contract of every objective that `build` can list, then each one's value by hand."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from made_up import cohort
from records import sequences_of, tiny
from tiny_learning import batch_of, matrices, recipe, untrained

from ehrgen.data import cooccurrence
from ehrgen.learning import objectives
from ehrgen.learning.batches import Batch
from ehrgen.learning.model import Output
from ehrgen.learning.objectives import Objective
from ehrgen.learning.settings import LossSettings

CPU = torch.device("cpu")
LISTED = [(form, name) for form in ("expected", "observed") for name in objectives.NAMES]
SPECIMENS = {("observed", "cooccur")}
"""Kept because they teach nothing: the analysed system had them."""

each = pytest.mark.parametrize(("form", "name"), LISTED, ids=lambda part: part)
honest = pytest.mark.parametrize(("form", "name"), [one for one in LISTED if one not in SPECIMENS])


def listed(form: str, name: str) -> Objective:
    settings = recipe(cooccur_form=form).loss
    return objectives.build(settings, tiny().vocabulary, matrices(), CPU)[name]


@honest
def test_reaches_the_shared_parameters(form: str, name: str):
    model, batch = untrained(), batch_of(tiny(), [0, 1, 2, 3, 4, 5])
    loss = listed(form, name)(model(batch), batch)
    gradients = torch.autograd.grad(loss, model.shared_parameters(), allow_unused=True)
    assert sum(float(g.abs().sum()) for g in gradients if g is not None) > 0
    assert all(bool(g.isfinite().all()) for g in gradients if g is not None)


@pytest.mark.parametrize(("form", "name"), sorted(SPECIMENS))
def test_a_specimen_has_no_path_to_any_parameter(form: str, name: str):
    batch = batch_of(tiny(), [0, 1, 2, 3, 4, 5])
    values = [listed(form, name)(untrained(seed)(batch), batch) for seed in (0, 1)]
    assert not values[0].requires_grad
    assert values[0] == values[1] > 0


@each
def test_is_a_finite_positive_scalar(form: str, name: str):
    for rows in ([7], [3, 8], list(range(40))):
        batch = batch_of(tiny(), rows)
        value = listed(form, name)(untrained()(batch), batch)
        assert value.shape == () and value.dtype == torch.float32
        assert np.isfinite(value.item()) and value.item() >= 0


@each
def test_ignores_the_order_of_patients(form: str, name: str):
    rows = [3, 0, 9, 5, 12, 7]
    one, other = batch_of(tiny(), rows), batch_of(tiny(), rows[::-1])
    objective, model = listed(form, name), untrained()
    assert objective(model(one), one).item() == pytest.approx(objective(model(other), other).item(), rel=1e-5)


@each
def test_weight_zero_leaves_it_out(form: str, name: str):
    settings = recipe(cooccur_form=form, **{name: 0}).loss
    built = objectives.build(settings, tiny().vocabulary, matrices(), CPU)
    assert list(built) == [other for other in objectives.NAMES if other != name]


def test_all_weights_zero_is_an_error():
    settings = recipe().loss.model_copy(update=dict.fromkeys(objectives.NAMES, 0.0))  # parsed, it would be refused
    with pytest.raises(ValueError, match="every weight is 0"):
        objectives.build(settings, tiny().vocabulary, matrices(), CPU)


def test_counts_of_another_vocabulary_are_refused():
    foreign = cooccurrence.count(sequences_of(cohort([["4019 25000"]])))
    for form in ("expected", "observed"):
        with pytest.raises(ValueError, match="other labels"):
            objectives.build(recipe(cooccur_form=form).loss, tiny().vocabulary, foreign, CPU)


# By hand. Codes 25000, 4010, 4019, 486; classes <visit>, <eos>, 250, 401, 486; two patients, 5 + 2 positions.
SEQUENCES = sequences_of(cohort([["4019 4010 25000", "486"], ["486"]], sex="FM", age=[70.0, 1.0]))
BATCH = batch_of(SEQUENCES)
COUNTS = cooccurrence.count(SEQUENCES)


def output(batch: Batch = BATCH, **parts: torch.Tensor) -> Output:
    positions, patients = len(batch.target), len(batch.sex)
    nothing = {
        "target_log_prob": torch.zeros(positions),
        "class_log_prob": torch.zeros(positions, 5),
        "age_logits": torch.zeros(positions, 6),
        "sex_logits": torch.zeros(patients, 2),
    }
    return Output(**nothing | parts)


def bound(form: str, threshold: float) -> Objective:
    settings = LossSettings(**recipe(cooccur_form=form, cooccur_threshold=threshold).loss.model_dump())
    return objectives.build(settings, SEQUENCES.vocabulary, COUNTS, CPU)["cooccur"]


def test_lm_by_hand():
    log_prob = torch.tensor([0.5, 0.25, 0.5, 1, 1, 1, 0.25, 1]).log2()
    assert objectives.lm(output(target_log_prob=log_prob), BATCH).item() == pytest.approx(6 / 8)


@pytest.mark.parametrize(("objective", "chance"), [(objectives.age, np.log(6)), (objectives.sex, np.log(2))])
def test_knowing_nothing_costs_the_chance_level(objective: Objective, chance: float):
    assert objective(output(), BATCH).item() == pytest.approx(chance)


def test_age_by_hand():
    """Sure of 65+ everywhere: right at the 6 positions of the first patient, wrong by 9 at the 2 of the second."""
    logits = torch.zeros(8, 6)
    logits[:, 5] = 9.0
    right = np.log(1 + 5 * np.exp(-9))
    assert objectives.age(output(age_logits=logits), BATCH).item() == pytest.approx((6 * right + 2 * (9 + right)) / 8)


def test_sex_by_hand():
    """P(F) = 3/4 for the first, a woman, and 1/2 for the second, a man."""
    logits = torch.tensor([[3.0, 1.0], [1.0, 1.0]]).log()
    expected = (np.log(4 / 3) + np.log(2)) / 2
    assert objectives.sex(output(sex_logits=logits), BATCH).item() == pytest.approx(expected)


def test_observed_cooccurrence_by_hand():
    """Pairs 4019-4010, 4019-25000, 4010-25000, each seen once: 3 / (1 + 1) below threshold 3, 0 below 1."""
    assert bound("observed", 3)(output(), BATCH).item() == 1.5
    assert bound("observed", 1)(output(), BATCH).item() == 0


def test_observed_cooccurrence_is_a_mean_over_pairs():
    # Counts: 250-401 twice, 250-486 once, 401-486 once. Threshold 2: penalties 0, 1, 1 over four pairs.
    sequences = sequences_of(cohort([["4019 25000", "25000 4019 486"]]))
    built = objectives.build(
        recipe(cooccur_form="observed", cooccur_threshold=2).loss,
        sequences.vocabulary,
        cooccurrence.count(sequences),
        CPU,
    )
    assert built["cooccur"](output(), batch_of(sequences)).item() == pytest.approx(2 / 4)


def test_expected_cooccurrence_by_hand():
    """P(250), P(401), P(486) = 1/2, 1/4, 1/4 of codes at every position, whatever the marks have.

    Threshold 1: a pair never seen costs 1, any other 0. Seen: 250-401 and 401-401. After 4019 and after 4010
    486 costs 1: 1/4. After 25000 also 250 with itself, held in one of three codes: (1/4 x 3 + 1/2 x 1) / 3.
    After 486, which was never with anything, all cost 1. Positions without a code in their visit count nothing.
    """
    probability = torch.tensor([0.1, 0.1, 0.4, 0.2, 0.2]).expand(8, 5)
    by_position = [1 / 4, 1 / 4, (3 / 4 + 1 / 2) / 3, 1, 1]
    value = bound("expected", 1)(output(class_log_prob=probability.log()), BATCH).item()
    assert value == pytest.approx(np.mean(by_position))


def test_expected_cooccurrence_does_not_depend_on_the_length_of_visits():
    shares = torch.tensor([0.4, 0.2, 0.2])
    values = []
    for marks in (0.1, 0.45):
        probability = torch.cat([torch.tensor([marks, marks]), shares / shares.sum() * (1 - 2 * marks)])
        values.append(bound("expected", 5)(output(class_log_prob=probability.expand(8, 5).log()), BATCH).item())
    assert values[0] == pytest.approx(values[1])


def brute_force(batch: Batch, class_log_prob: np.ndarray, threshold: float) -> float:
    """The expected penalty as its docstring says it, in loops."""
    symbol_class = tiny().vocabulary.symbol_class
    penalty = matrices()["category"].penalty(threshold)
    held: dict[int, list[int]] = {}
    for at, symbol in zip(batch.used_at.tolist(), batch.used_symbol.tolist(), strict=True):
        held.setdefault(at, []).append(symbol_class[symbol] - 2)
    values = []
    for at, categories in held.items():
        share = np.exp(class_log_prob[at, 2:].astype(np.float64))
        values.append((share / share.sum() * np.mean([penalty[c] for c in categories], axis=0)).sum())
    return float(np.mean(values))


def test_expected_cooccurrence_equals_loops():
    model, batch = untrained(), batch_of(tiny(), list(range(20)))
    out = model(batch)
    value = listed("expected", "cooccur")(out, batch).item()
    expected = brute_force(batch, out.class_log_prob.detach().numpy(), recipe().loss.cooccur_threshold)
    assert value == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(("form", "records"), [("observed", [["486"], ["4019", "486"]])])
def test_nothing_to_score_is_an_error(form: str, records: list[list[str]]):
    batch = batch_of(sequences_of(cohort(records)))
    with pytest.raises(ValueError, match="nothing to score"):
        bound(form, 5)(output(batch), batch)


def test_without_a_code_there_is_nothing_to_expect():
    none = BATCH.used_at[:0]
    batch = replace(BATCH, used_at=none, used_symbol=none)
    with pytest.raises(ValueError, match="nothing to score"):
        bound("expected", 5)(output(), batch)


def independent(name: str) -> Callable[[Output, Batch], float]:
    """The same objectives in numpy and doubles, from the Output's numbers alone."""

    def entropy(logits: torch.Tensor, label: torch.Tensor) -> float:
        odds = np.exp(logits.detach().numpy().astype(np.float64))
        return float(-np.log(odds[np.arange(len(odds)), label.numpy()] / odds.sum(axis=1)).mean())

    return {
        "lm": lambda out, batch: -float(out.target_log_prob.detach().double().mean()),
        "age": lambda out, batch: entropy(out.age_logits, batch.bracket[batch.patient]),
        "sex": lambda out, batch: entropy(out.sex_logits, batch.sex),
        "cooccur": lambda out, batch: brute_force(
            batch, out.class_log_prob.detach().numpy(), recipe().loss.cooccur_threshold
        ),
    }[name]


@pytest.mark.parametrize("name", objectives.NAMES)
def test_equals_an_independent_recomputation(name: str):
    model, batch = untrained(), batch_of(tiny(), list(range(20)))
    out = model(batch)
    value = listed("expected", name)(out, batch).item()
    assert value == pytest.approx(independent(name)(out, batch), abs=1e-5)
