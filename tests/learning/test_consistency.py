import numpy as np
import pytest
import torch
from scipy import sparse
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

from ehrgen.data.cohort import age_bracket
from ehrgen.learning.batches import Batch
from ehrgen.learning.model.output import Output
from ehrgen.learning.objectives import consistency
from ehrgen.learning.objectives.expectation import UnknownLabelError, observed_counts
from tests.support.cohorts import cohort
from tests.support.sequences import learnable, sequences_of, tiny
from tests.support.training import batch_of, bound, by_hand, expecting, output

BATCH = batch_of(by_hand())
LABEL = {"age": lambda part: age_bracket(part.age), "sex": lambda part: part.sex.astype(int)}

each = pytest.mark.parametrize("name", LABEL)


def faithful(batch: Batch, classes: int, symbol_class: np.ndarray) -> Output:
    """The Output of a model that is sure of the class of every next symbol, and right."""
    target = torch.from_numpy(symbol_class)[batch.target]
    sure = torch.full((len(target), classes), -1e9).scatter(1, target[:, None], 0.0)
    return output(batch, class_log_prob=sure)


def test_by_hand():
    """Half of the expected codes are 401, whose share of 1 makes the odds of F 16: at 1/2 they are 4.

    So the woman, with four code positions, costs -log(4/5), and the man, with one, -log(1/5).
    """
    weight = torch.zeros(3, 2)
    weight[1, 0] = np.log(16)
    value = consistency.sex(expecting(BATCH, 1 / 4, 1 / 2, 1 / 4), BATCH, weight, torch.zeros(2)).item()
    assert value == pytest.approx((np.log(5 / 4) + np.log(5)) / 2)


def test_age_by_hand():
    """No code tells age: the woman of 65+ and the child of 0-2 cost what the bias says."""
    bias = torch.tensor([0.5, 0.1, 0.1, 0.1, 0.1, 0.1]).log()
    value = consistency.age(expecting(BATCH, 1 / 4, 1 / 2, 1 / 4), BATCH, torch.zeros(3, 6), bias).item()
    assert value == pytest.approx((np.log(10) + np.log(2)) / 2)


@pytest.mark.parametrize(("objective", "labels"), [(consistency.age, 6), (consistency.sex, 2)])
def test_a_classifier_that_knows_nothing_costs_the_chance_level(objective, labels: int):
    value = objective(expecting(BATCH, 0.5, 0.3, 0.2), BATCH, torch.zeros(3, labels), torch.zeros(labels))
    assert value.item() == pytest.approx(np.log(labels))


@each
def test_on_the_true_codes_it_is_the_loss_of_scikit_learn(name: str):
    training = learnable().of_split("train")
    counts, label = observed_counts(training).toarray(), LABEL[name](training)
    shares = counts / counts.sum(axis=1, keepdims=True)
    fitted = LogisticRegression(C=consistency.INVERSE_PENALTY, max_iter=1000).fit(shares, label)
    batch = batch_of(training)
    out = faithful(batch, len(training.vocabulary.class_size), training.vocabulary.symbol_class)
    value = bound(name, "consistency", training)(out, batch).item()
    assert value == pytest.approx(log_loss(label, fitted.predict_proba(shares)), abs=1e-5)


@pytest.mark.parametrize("kinds", [[0, 1], [0, 2], [1, 3, 5], [0, 1, 2, 3, 4, 5]])
def test_the_fit_is_that_of_scikit_learn_whichever_labels_there_are(kinds: list[int]):
    rng = np.random.default_rng(0)
    label = rng.choice(kinds, 200)
    counts = 1.0 + rng.poisson(0.5 + (np.arange(6) == label[:, None]))
    weight, bias = consistency.fit(sparse.csr_array(counts), label, 6)
    shares = counts / counts.sum(axis=1, keepdims=True)
    odds = np.exp(shares @ weight + bias)
    fitted = LogisticRegression(C=consistency.INVERSE_PENALTY, max_iter=1000).fit(shares, label)
    probability = odds / odds.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(probability[:, kinds], fitted.predict_proba(shares), atol=1e-4)
    assert (np.delete(probability, kinds, axis=1) == 0).all()


@each
def test_the_fit_repeats_bit_for_bit(name: str):
    training = tiny().of_split("train")
    first, again = (consistency.fit(observed_counts(training), LABEL[name](training), 6) for _ in range(2))
    assert all(np.array_equal(one, other) for one, other in zip(first, again, strict=True))


@each
def test_expecting_the_codes_of_other_patients_costs_more(name: str):
    """The label is met through the codes: the prompt, the heads and the target's own probability are not read."""
    sequences = learnable().of_split("train")
    batch = batch_of(sequences)
    objective = bound(name, "consistency", sequences)
    symbol_class = sequences.vocabulary.symbol_class
    right = faithful(batch, len(sequences.vocabulary.class_size), symbol_class)
    of_code = (batch.target >= 2).nonzero().squeeze(1)
    mixed = right.class_log_prob.clone()
    mixed[of_code] = mixed[of_code[torch.from_numpy(np.random.default_rng(0).permutation(len(of_code)))]]
    entropy = log_loss(LABEL[name](sequences), np.tile(frequencies(LABEL[name](sequences)), (len(sequences), 1)))
    assert objective(right, batch) < 0.5 * entropy
    assert objective(output(batch, class_log_prob=mixed), batch) > entropy


def frequencies(label: np.ndarray) -> np.ndarray:
    count = np.bincount(label)
    return (count / count.sum())[count > 0]


@each
def test_only_the_expected_codes_have_a_gradient(name: str):
    parts = {
        "target_log_prob": torch.zeros(8, requires_grad=True),
        "class_log_prob": torch.zeros(8, 5, requires_grad=True),
        "age_logits": torch.zeros(8, 6, requires_grad=True),
        "sex_logits": torch.zeros(2, 2, requires_grad=True),
    }
    value = bound(name, "consistency", by_hand())(output(BATCH, **parts), BATCH)
    gradients = torch.autograd.grad(value, list(parts.values()), allow_unused=True)
    assert [gradient is not None for gradient in gradients] == [False, True, False, False]
    of_class = gradients[1]
    assert of_class[:, :2].abs().sum() == 0, "marks are conditioned away"
    assert of_class[[3, 5, 7]].abs().sum() == 0, "no code comes there"
    assert of_class[[0, 1, 2, 4, 6], 2:].abs().sum() > 0


def test_a_patient_of_a_label_without_training_patients_is_an_error():
    sequences = sequences_of(cohort([["4019"], ["486"], ["4019 486"]], age=[70.0, 30.0, 5.0], sex="FMF"))
    objective = bound("age", "consistency", by_hand())
    batch = batch_of(sequences)
    with pytest.raises(UnknownLabelError, match=r"2 of 3 patients have a label \(index 1, 3\)"):
        objective(output(batch), batch)


def test_one_label_is_an_error():
    with pytest.raises(UnknownLabelError, match="all 2 patients have one and the same label"):
        consistency.fit(sparse.csr_array(np.eye(2)), np.zeros(2, dtype=int), 2)


@pytest.mark.parametrize(
    ("sex", "age", "message"),
    [
        ("FF", [30.0, 5.0], "loss.sex: all 2 training patients have one and the same sex; set loss.sex to 0"),
        ("FM", [30.0, 31.0], "loss.age: all 2 training patients have one and the same age bracket; set loss.age to 0"),
        (
            "MM",
            [30.0, 31.0],
            "loss.age and loss.sex: all 2 training .* same age bracket and sex; set loss.age and loss",
        ),
    ],
)
def test_every_objective_whose_label_all_patients_share_is_named(sex: str, age: list[float], message: str):
    """Case 10: with loss.sex at 0 the same words came again, of age."""
    sequences = sequences_of(cohort([["4019"], ["486"]], age=age, sex=sex))
    with pytest.raises(UnknownLabelError, match=message):
        bound("age", "consistency", sequences, sex=1.0, sex_form="consistency")
