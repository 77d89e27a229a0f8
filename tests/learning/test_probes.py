import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from ehrgen.data.sequences import cooccurrence
from ehrgen.data.sequences.sequences import Sequences
from ehrgen.data.sequences.vocabulary import BOS, EOS, VISIT
from ehrgen.learning.batches import Batch
from ehrgen.learning.model.output import Output
from ehrgen.learning.objectives.table import NAMES, NothingToScoreError, build_objectives
from ehrgen.learning.training import probes
from ehrgen.learning.training.alarms import leaks
from ehrgen.learning.training.chance import LABELLED, chance_of_symbols
from ehrgen.learning.training.history import Probed, Row
from ehrgen.learning.training.loop import Learner
from ehrgen.learning.training.probes import ProbeError, Probes
from tests.support.sequences import from_records, learnable, sequences_of, tiny
from tests.support.training import here, matrices, recipe

SURE = 20.0
"""Logit of a head that has no doubt: right costs 0 nats, wrong 20."""
FEMALE, MALE = [["V270", "4019"]], [["1850", "4019"]]


def probes_of(sequences: Sequences, **changes: Any) -> Probes:
    settings = recipe(**changes)
    counts = cooccurrence.count(sequences.of_split("train"))
    chosen = build_objectives(settings.loss, sequences.of_split("train"), counts, here().device)
    return Probes(settings, sequences.of_split("train"), sequences.of_split("validation"), chosen, here())


def by_sex() -> Sequences:
    """A woman of 30 with a delivery and a man of 70 with a prostate in turn, 6 to learn from and 2 to probe."""
    patients = from_records([FEMALE, MALE] * 4, sex="FM" * 4, age=[30.0, 70.0] * 4)
    split = ["train"] * 6 + ["validation"] * 2
    return sequences_of(replace(patients, patients=patients.patients.assign(split=split)))


class Reader(nn.Module):
    """Heads that are sure of the sex and of the bracket that the prompt states, or that the codes betray."""

    def __init__(self, sequences: Sequences, reads: str) -> None:
        super().__init__()
        self.reads, self.delivery = reads, 4 + sequences.vocabulary.codes.index("V270")

    def forward(self, batch: Batch, forbid_used: bool) -> Output:
        female = (batch.inputs == self.delivery).any(dim=1) if self.reads == "codes" else batch.sex == 0
        sex = torch.where(female, 0, 1)
        bracket = torch.where(female, 3, 5)[batch.patient]
        positions = len(batch.target)
        return Output(
            target_log_prob=torch.full((positions,), -2.0),
            class_log_prob=torch.zeros(positions, 5).log_softmax(-1),
            age_logits=SURE * nn.functional.one_hot(bracket, 6).float(),
            sex_logits=SURE * nn.functional.one_hot(sex, 2).float(),
        )


@pytest.mark.parametrize(("reads", "wrong_codes", "wrong_prompt"), [("prompt", "up", "down"), ("codes", "down", "up")])
def test_by_hand(reads: str, wrong_codes: str, wrong_prompt: str):
    """Two patients of different sex and age exchange prompts, so a reader of the wrong source is always wrong."""
    sequences = by_sex()
    facts = probes_of(sequences, order="position").measure(Reader(sequences, reads))
    expected = {"up": (0, 1), "down": (SURE, 0)}
    for name in ("age", "sex"):
        probed = facts[name]
        assert (probed["validation_value"], probed["accuracy"]) == pytest.approx((0, 1), abs=1e-6)
        shuffled = probed["value_codes_shuffled"], probed["accuracy_codes_shuffled"]
        assert shuffled == pytest.approx(expected[wrong_codes], abs=1e-6)
        shuffled = probed["value_prompts_shuffled"], probed["accuracy_prompts_shuffled"]
        assert shuffled == pytest.approx(expected[wrong_prompt], abs=1e-6)
        assert (probed["chance"], probed["majority"]) == pytest.approx((math.log(2), 0.5))
        assert probed["probe_accuracy"] == 1  # the codes say it all
        assert leaks(row(name, probed)) == (reads == "prompt")
    lm = facts["lm"]
    assert (lm["validation_value"], lm["value_codes_shuffled"], lm["value_prompts_shuffled"]) == (2, 2, 2)
    # symbols of training: 3 deliveries, 3 prostates, 6 times 4019, 6 ends
    assert lm["chance"] == pytest.approx(2 * (1 / 6 * math.log(6) + 1 / 3 * math.log(3)))
    assert {lm[name] for name in ("accuracy", "accuracy_codes_shuffled", "probe_accuracy", "majority")} == {None}
    assert facts["cooccur"]["chance"] is None and not leaks(row("cooccur", facts["cooccur"]))


def test_chance_of_categories_is_of_who_cannot_tell_their_codes_apart():
    """Six ends, and of 250 two codes, three times each: 1/2 ln 2 twice, and ln 2 more for every code."""
    records = [[["25000"]], [["25001"]]] * 3
    both = sequences_of(from_records(records, sex="FMFMFM"))
    chance = {hierarchy: chance_of_symbols(both, hierarchy) for hierarchy in ("factored", "flat", "category")}
    assert chance == pytest.approx(dict.fromkeys(chance, 1.5 * math.log(2))), "even within: nothing is lost"
    uneven = sequences_of(from_records([*records[:5], [["25000"]]], sex="FMFMFM"))
    assert chance_of_symbols(uneven, "category") == pytest.approx(1.5 * math.log(2))
    assert chance_of_symbols(uneven, "factored") < 1.5 * math.log(2)


@pytest.mark.parametrize("encoder_input", ["prompt", "corrupted", "record"])
def test_only_demographics_differ_between_a_batch_and_its_mixture(encoder_input: str):
    """The record stays whole, in decoder, encoder and targets; prompt and label move, and nobody keeps them."""
    sequences = replace(tiny(), age=np.arange(len(tiny()), dtype=np.float32) / 2)  # an age tells who it is
    pairs = probes_of(sequences, encoder_input=encoder_input).batches
    validation = sequences.of_split("validation")
    for own, mixed in pairs:
        for name in ("inputs", "real", "encoder", "target", "patient", "used_at", "used_symbol"):
            assert torch.equal(getattr(own, name), getattr(mixed, name))
        assert (own.age != mixed.age).all()
        assert mixed.bracket.tolist() == np.searchsorted([2, 12, 18, 40, 65], mixed.age.numpy(), side="right").tolist()
        sex_of = dict(zip(sequences.age.tolist(), sequences.sex.tolist(), strict=True))
        assert mixed.sex.tolist() == [sex_of[age] for age in mixed.age.tolist()]
    for side in zip(*pairs, strict=True):
        assert sorted(torch.cat([batch.age for batch in side]).tolist()) == sorted(validation.age.tolist())


def test_inputs_are_those_of_training():
    (prompt, _), *_ = probes_of(tiny(), encoder_input="prompt").batches
    assert (prompt.encoder == BOS).all() and prompt.encoder.shape[1] == 1
    (record, _), *_ = probes_of(tiny(), encoder_input="record").batches
    assert torch.equal(record.encoder[:, :-1][record.real], record.inputs[record.real])
    kept = sum(int((own.encoder > EOS).sum()) for own, _ in probes_of(tiny(), encoder_input="corrupted").batches)
    given = sum(int((own.inputs > EOS).sum()) for own, _ in probes_of(tiny(), encoder_input="corrupted").batches)
    assert 0.3 < kept / given < 0.7  # half of the codes


def strongly_labelled(**changes: Any) -> Learner:
    sequences = learnable()
    return Learner(
        recipe(learning_rate=0.02, lm=0.1, age=1.0, sex=1.0, **changes),
        sequences,
        cooccurrence.count(sequences),
        here(),
    )


@pytest.mark.slow
def test_a_model_that_sees_no_code_leaks():
    """Its tokens are all the same, so whatever its heads know comes from the prompt."""
    blind = strongly_labelled(epochs=10, dropout=0.0)
    for embedding in (blind.model.bart.shared, blind.model.category.vectors):
        nn.init.zeros_(embedding.weight)
        embedding.weight.register_hook(torch.zeros_like)
    facts = trained(blind, 10)
    for name in ("age", "sex"):
        probed = facts[name]
        assert probed["accuracy"] > 0.95
        assert probed["accuracy_codes_shuffled"] == pytest.approx(probed["accuracy"], abs=0.03)
        assert probed["accuracy_prompts_shuffled"] < 0.75
        assert probed["value_codes_shuffled"] < 0.5 * probed["chance"]
        assert probed["chance"] < probed["value_prompts_shuffled"]
        assert leaks(row(name, probed))


@pytest.mark.slow
def test_a_model_that_sees_no_prompt_does_not():
    honest = strongly_labelled(
        epochs=8, prompt_encoder=False, prompt_decoder=False, prompt_output=False, demographic_output=False
    )
    facts = trained(honest, 8)
    for name, probed in facts.items():
        assert probed["value_prompts_shuffled"] == pytest.approx(probed["validation_value"], rel=1e-5)
        assert probed["accuracy_prompts_shuffled"] == probed["accuracy"] and not leaks(row(name, probed))
        if name in LABELLED:
            assert probed["accuracy"] > 0.7 > 0.65 > probed["accuracy_codes_shuffled"]
            assert probed["value_codes_shuffled"] > probed["chance"] > probed["validation_value"]


def trained(learner: Learner, epochs: int) -> dict[str, Probed]:
    for number in range(1, epochs + 1):
        learner.epoch(number)
    return probes_for(learner).measure(learner.model)


def probes_for(learner: Learner) -> Probes:
    return Probes(learner.recipe, learner.training, learner.validation, learner.objectives, learner.machine)


def row(objective: str, probed: Probed) -> Row:
    """A row of the history with what was probed; `lm` is as good under the inputs of sampling."""
    return Row(1, objective, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, None, probed["validation_value"], **probed)


def test_measuring_changes_nothing_and_repeats():
    learner = strongly_labelled(epochs=1)
    measured = probes_for(learner)
    learner.model.train()
    state = torch.get_rng_state()
    assert measured.measure(learner.model) == measured.measure(learner.model)
    assert learner.model.training and torch.equal(torch.get_rng_state(), state)
    assert probes_for(learner).measure(learner.model) == measured.measure(learner.model)


@pytest.mark.slow
def test_values_are_means_over_positions_as_in_training():
    """Batches, weighed by their positions, are the whole validation split at once."""
    learner = Learner(recipe(batch_tokens=100, order="position"), tiny(), matrices(), here())
    model = learner.model.eval()
    measured = probes_for(learner)
    assert len(measured.batches) > 1
    log_prob = torch.cat([model(own).target_log_prob for own, _ in measured.batches])
    assert measured.measure(model)["lm"]["validation_value"] == pytest.approx(-log_prob.mean().item(), rel=1e-5)
    lengths = torch.tensor(np.diff(learner.validation.offsets) - 1)
    brackets = np.searchsorted([2, 12, 18, 40, 65], learner.validation.age, side="right")
    share = np.bincount(brackets, weights=lengths) / lengths.sum().item()
    assert measured.measure(model)["age"]["majority"] == pytest.approx(share.max())
    assert measured.measure(model)["sex"]["majority"] == pytest.approx(np.bincount(learner.validation.sex).max() / 32)


def test_no_more_patients_than_stated(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(probes, "PATIENTS", 7)
    assert sum(len(own.age) for own, _ in probes_of(tiny()).batches) == 7


def test_objectives_with_nothing_to_score_have_no_value():
    patients = from_records([[["4019"]], [["486"]], [["4019"], ["486"]]] * 2)
    split = ["validation"] * 3 + ["train"] * 3
    sequences = sequences_of(replace(patients, patients=patients.patients.assign(split=split)))
    assert VISIT in sequences.tokens

    def pairs(out: Output, batch: Batch) -> torch.Tensor:
        raise NothingToScoreError("no pair")

    learner = Learner(recipe(), sequences, cooccurrence.count(sequences), here())
    measured = Probes(learner.recipe, learner.training, learner.validation, {"cooccur": pairs}, here())
    assert set(measured.measure(learner.model)["cooccur"].values()) == {None}


def test_one_patient_cannot_be_mixed():
    sequences = tiny()
    alone = replace(sequences, split=np.where(np.arange(len(sequences)) == 0, 1, 0).astype(np.int8))
    with pytest.raises(ProbeError, match="validation split: 1 of 1 patients are of an age bracket and sex that"):
        probes_of(alone)


def test_labels_that_training_never_saw_are_not_asked_for():
    """The consistency form could not say anything about them."""
    sequences = by_sex()
    age = np.where(np.arange(8) == 6, 5.0, sequences.age).astype(np.float32)  # the woman of validation is a child
    with pytest.raises(ProbeError, match="validation split: 1 of 2 patients"):
        probes_of(replace(sequences, age=age))
    age[0] = 5.0  # one in training too
    assert probes_of(replace(sequences, age=age), age_form="consistency").batches


@pytest.mark.slow
def test_objectives_without_a_head_have_values_but_no_accuracy():
    """The consistency form asks of patients, not of positions, what the codes expected would say."""
    changes = {"age_form": "consistency", "sex_form": "consistency", "age_matching": 1.0, "diversity": 1.0}
    learner = Learner(recipe(**changes), tiny(), matrices(), here())
    facts = probes_for(learner).measure(learner.model)
    assert set(facts) == set(NAMES)
    for name, probed in facts.items():
        assert {probed[f"accuracy{suffix}"] for suffix in ("", "_codes_shuffled", "_prompts_shuffled")} == {None}
        assert probed["validation_value"] > 0 and not leaks(row(name, probed))
    share = np.bincount(learner.validation.sex) / 32
    assert facts["sex"]["majority"] == pytest.approx(share.max())
    assert facts["sex"]["chance"] == pytest.approx(-(share * np.log(share)).sum())
    brackets = np.bincount(np.searchsorted([2, 12, 18, 40, 65], learner.validation.age, side="right"))
    assert facts["age"]["majority"] == pytest.approx(brackets.max() / 32)
    assert facts["age_matching"]["chance"] is facts["diversity"]["chance"] is None
