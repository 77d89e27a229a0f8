import itertools
from collections import Counter
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.stats import chisquare
from torch import Tensor

from ehrgen.data.cohort import Cohort
from ehrgen.data.icd9 import codes as icd9
from ehrgen.data.sequences.sequences import Sequences
from ehrgen.data.sequences.vocabulary import BOS, EOS, FIRST_CODE, FIRST_SYMBOL, SPECIAL_CLASSES, VISIT
from ehrgen.learning.batches import collate
from ehrgen.learning.machine.device import Machine
from ehrgen.learning.model.prompt_bart import PromptBart
from ehrgen.learning.sampling.sampler import END, draw, sample_cohort, sample_cohorts, write_histories
from tests.support.cohorts import cohort
from tests.support.sequences import sequences_of, tiny
from tests.support.training import here, sampling, stirred, untrained

WAYS = {"plain": {}, "truncated": {"top_p": 0.95, "temperature": 1.2}, "greedy": {"greedy": True}}
each_way = pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)


def people(patients: int = 50, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame({"sex": rng.choice(["F", "M"], patients), "age_years": rng.uniform(0, 90, patients)})


def drawn(model: PromptBart, seed: int = 0, patients: pd.DataFrame | None = None, **changes: Any) -> Cohort:
    return sample_cohort(model, people() if patients is None else patients, sampling(**changes), seed, here())


def written(model: PromptBart, patients: pd.DataFrame, **changes: Any) -> list[list[int]]:
    """Tokens of every patient, without `<bos>` and `<eos>`."""
    generator = torch.Generator().manual_seed(0)
    owner, _, token = write_histories(model, patients, sampling(**changes), generator, here())
    return [token[owner == row].tolist() for row in range(len(patients))]


@pytest.mark.slow
@each_way
def test_a_row_of_people_becomes_a_patient(way: dict[str, Any]):
    table = people(97).set_index(np.arange(1000, 1097))  # in three batches, with an index of its own
    made = drawn(untrained(), patients=table, **way)
    assert made.patients["patient_id"].tolist() == list(range(97))
    assert made.patients["sex"].tolist() == table["sex"].tolist()
    assert made.patients["age_years"].tolist() == table["age_years"].tolist()
    assert set(made.patients["split"]) == {"synthetic"}
    assert set(made.diagnoses["code"]) <= set(tiny().vocabulary.codes)


@each_way
def test_visits_are_well_formed(way: dict[str, Any]):
    for tokens in written(untrained(), people(), max_tokens=20, **way):
        assert 1 <= len(tokens) <= 19
        assert tokens[0] >= FIRST_CODE
        assert not any(one == VISIT == other for one, other in itertools.pairwise(tokens))
        assert len(tokens) == 19 or tokens[-1] >= FIRST_CODE  # ended by itself: not in an empty visit
        assert not {BOS, EOS} & set(tokens)


def repeats(made: Cohort) -> int:
    return int(made.diagnoses.duplicated(["patient_id", "visit", "code"]).sum())


@pytest.mark.slow
@each_way
def test_no_code_comes_twice_in_a_visit_unless_allowed(way: dict[str, Any]):
    model = endless(untrained(vocabulary=sequences_of(cohort([["4010 4019 25000 486"]])).vocabulary))
    assert repeats(drawn(model, **way)) == 0
    assert repeats(drawn(model, no_repeats=False, **way)) > 0


def endless(model: PromptBart) -> PromptBart:
    """A model that never ends a history, nor a visit before it has every code."""
    with torch.no_grad():
        model.distribution.class_logits.weight[:SPECIAL_CLASSES] = 0
        model.distribution.class_logits.bias[VISIT - FIRST_SYMBOL] = -1e4
        model.distribution.class_logits.bias[END] = -2e4
    return model


@pytest.mark.slow
@each_way
@pytest.mark.parametrize(("asked", "longest"), [(10, 10), (1000, 64)])
def test_a_history_ends_at_the_cap(way: dict[str, Any], asked: int, longest: int):
    """The cap asked for, or the positions the model has; `<bos>` counts."""
    histories = written(endless(untrained()), people(20), max_tokens=asked, **way)
    assert {len(tokens) for tokens in histories} == {longest - 1}


def test_greedy_needs_no_seed_and_gives_equal_people_equal_histories():
    twins = pd.DataFrame({"sex": ["F", "M"] * 4, "age_years": [30.0, 60.0] * 4})
    first, other = (drawn(untrained(), seed, twins, greedy=True, batch_patients=3) for seed in (1, 2))
    pd.testing.assert_frame_equal(first.diagnoses, other.diagnoses)
    histories = first.diagnoses.groupby("patient_id")["code"].agg(list)
    assert len({tuple(codes) for codes in histories[::2]}) == len({tuple(codes) for codes in histories[1::2]}) == 1


@pytest.mark.slow
@pytest.mark.parametrize("way", [{}, {"rule_edits": True}, {"top_p": 0.9}])
def test_seeds(way: dict[str, Any]):
    first, again, other = (drawn(untrained(), seed, **way).diagnoses for seed in (1, 1, 2))
    pd.testing.assert_frame_equal(first, again)
    assert not first.equals(other)


def violations(made: Cohort) -> int:
    rows = made.diagnoses.merge(made.patients, on="patient_id")
    edits = icd9.edits(rows["code"])
    wrong_sex = (edits["sex_required"] != "") & (edits["sex_required"] != rows["sex"])
    age = np.floor(rows["age_years"])
    return int((wrong_sex | (age < edits["age_min"]) | (age > edits["age_max"])).sum())


@pytest.mark.slow
@pytest.mark.parametrize("way", [{}, {"no_repeats": False}, {"greedy": True}, {"temperature": 2.0}])
def test_rule_masking_leaves_no_violation(way: dict[str, Any]):
    made = drawn(untrained(), patients=people(100), rule_edits=True, **way)
    assert violations(made) == 0
    if "greedy" not in way:
        assert violations(drawn(untrained(), patients=people(400), **way)) > 0


@pytest.mark.slow
def test_rule_masking_keeps_the_codes_that_fit():
    vocabulary = sequences_of(cohort([["V270 1850 V3000 4019"]])).vocabulary
    table = pd.DataFrame({"sex": ["F", "M", "F"] * 100, "age_years": [30.0, 70.0, 0.0] * 100})
    made = drawn(untrained(vocabulary=vocabulary), patients=table, rule_edits=True)
    of = made.diagnoses.groupby(made.diagnoses["patient_id"] % 3)["code"].agg(set)
    assert of.tolist() == [{"V270", "4019"}, {"1850", "4019"}, {"V3000", "4019"}]


# 25000, 4010, 4019, 486: probabilities of <visit>, <eos> and the codes, and what each form makes of them.
SMALL = sequences_of(cohort([["25000 4010 4019 486"]])).vocabulary
CLASSES = [0.1, 0.3, 0.2, 0.3, 0.1]
BIASES = {
    "factored": {"class_logits.bias": CLASSES, "within_bias": [1, 1, 1, 1, 2, 1]},
    "category": {"class_logits.bias": CLASSES},
    "flat": {"logits.bias": [0.1, 0.3, 0.2, 0.1, 0.2, 0.1]},
}
FIRST = {name: np.array([0.2, 0.1, 0.2, 0.1]) / 0.6 for name in ("factored", "flat")}
FIRST["category"] = np.array([0.2, 0.15, 0.15, 0.1]) / 0.6
AFTER_4010 = {  # <visit>, <eos>, 25000, 4019, 486
    "factored": np.array([0.1, 0.3, 0.2, 0.3, 0.1]),
    "category": np.array([0.1, 0.3, 0.2, 0.3, 0.1]),
    "flat": np.array([0.1, 0.3, 0.2, 0.2, 0.1]) / 0.9,
}


def by_hand(hierarchy: str) -> PromptBart:
    model = untrained(vocabulary=SMALL, hierarchy=hierarchy)
    with torch.no_grad():
        for parameter in model.distribution.parameters():
            parameter.zero_()
        for name, odds in BIASES[hierarchy].items():
            model.distribution.get_parameter(name).copy_(torch.tensor(odds, dtype=torch.float).log())
    return model


@pytest.mark.parametrize("hierarchy", BIASES)
@pytest.mark.parametrize("way", [{}, {"rule_edits": True}], ids=["class first", "all symbols"])
def test_draws_have_the_probabilities_set_by_hand(hierarchy: str, way: dict[str, Any]):
    patients, codes = 4000, range(FIRST_CODE, FIRST_CODE + 4)
    histories = written(by_hand(hierarchy), people(patients), max_tokens=4, **way)
    first = Counter(tokens[0] for tokens in histories)
    assert chisquare([first[code] for code in codes], FIRST[hierarchy] * patients).pvalue > 0.001
    second = Counter(tokens[1] if len(tokens) > 1 else EOS for tokens in histories if tokens[0] == FIRST_CODE + 1)
    counts = [second[token] for token in (VISIT, EOS, FIRST_CODE, FIRST_CODE + 2, FIRST_CODE + 3)]
    assert sum(counts) == second.total()
    assert chisquare(counts, AFTER_4010[hierarchy] * sum(counts)).pvalue > 0.001


LOG_PROB = torch.tensor([0.05, 0.5, 0.15, 0.3]).log()
DRAWS = 200_000  # a bias of 1 % of the commonest would show


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, [0.05, 0.5, 0.15, 0.3]),
        ({"temperature": 0.5}, np.array([0.0025, 0.25, 0.0225, 0.09]) / 0.365),
        ({"temperature": 2.0}, np.sqrt([0.05, 0.5, 0.15, 0.3]) / np.sqrt([0.05, 0.5, 0.15, 0.3]).sum()),
        ({"top_p": 0.7}, [0, 5 / 8, 0, 3 / 8]),
        ({"top_p": 0.9}, [0, 0.5 / 0.95, 0.15 / 0.95, 0.3 / 0.95]),
        ({"top_p": 0.01}, [0, 1, 0, 0]),
        ({"greedy": True}, [0, 1, 0, 0]),
        ({"temperature": 0.5, "top_p": 0.7}, [0, 25 / 34, 0, 9 / 34]),
    ],
)
def test_draw_by_hand(changes: dict[str, Any], expected: list[float]):
    symbols = draw(LOG_PROB.expand(DRAWS, -1), sampling(**changes), torch.Generator().manual_seed(0))
    counts, chance = np.bincount(symbols, minlength=4), np.array(expected)
    assert not counts[chance == 0].any()
    if (chance > 0).sum() > 1:
        assert chisquare(counts[chance > 0], DRAWS * chance[chance > 0]).pvalue > 0.01


class Recorded:
    """Log-probabilities that a model gives while it is sampled from, by patient."""

    def __init__(self, model: PromptBart, patients: int, monkeypatch: pytest.MonkeyPatch) -> None:
        self.open = np.arange(patients)
        self.log_prob: list[list[float]] = [[] for _ in range(patients)]
        self.symbol: list[list[int]] = [[] for _ in range(patients)]
        distribution, choose = model.distribution, model.distribution.draw

        def recording(states: Tensor, forbidden: Any, generator: torch.Generator, direct: Any) -> Tensor:
            chosen = choose(states, forbidden, generator, direct)
            given = distribution.symbols(states, forbidden, direct).gather(1, chosen[:, None]).squeeze(1)
            for row, symbol, value in zip(self.open, chosen.tolist(), given.tolist(), strict=True):
                self.symbol[row].append(symbol)
                self.log_prob[row].append(value)
            self.open = self.open[chosen.numpy() != END]
            return chosen

        monkeypatch.setattr(distribution, "draw", recording)


def teacher_forced(model: PromptBart, symbols: list[list[int]], table: pd.DataFrame, forbid_used: bool) -> Tensor:
    """Log-probability of the same symbols in one pass over whole histories, flat."""
    histories = [[BOS, *(symbol + FIRST_SYMBOL for symbol in one)] for one in symbols]
    sequences = Sequences(
        model.vocabulary,
        tokens=np.concatenate(histories).astype(np.int32),
        offsets=np.cumsum([0, *map(len, histories)]),
        age=table["age_years"].to_numpy(dtype=np.float32),
        sex=(table["sex"] == "M").to_numpy(dtype=np.int8),
        split=np.zeros(len(table), dtype=np.int8),
        report={},
    )
    return model(collate(sequences, np.arange(len(table)), "prompt", 0.0, None), forbid_used).target_log_prob.detach()


@pytest.mark.parametrize("no_repeats", [True, False])
@pytest.mark.parametrize("hierarchy", ["factored", "flat", "category"])
@pytest.mark.parametrize(("encoder", "decoder"), [(True, True), (True, False), (False, True), (False, False)])
def test_decoding_with_a_cache_equals_the_full_forward_pass(
    encoder: bool, decoder: bool, hierarchy: str, no_repeats: bool, monkeypatch: pytest.MonkeyPatch
):
    # No visit of the training data holds a code twice; drawn twice, it is held once, which one pass cannot show.
    switches = {
        "prompt_encoder": encoder,
        "prompt_decoder": decoder,
        "visit_output": no_repeats,
        "visit_code_output": no_repeats,
        "length_output": no_repeats,
        "history_output": no_repeats,
    }
    model, table = stirred(untrained(hierarchy=hierarchy, **switches)), people(20)
    recorded = Recorded(model, 20, monkeypatch)
    written(model, table, no_repeats=no_repeats)
    assert len(set(map(len, recorded.symbol))) >= 3  # patients leave the batch one by one
    given = torch.tensor([value for values in recorded.log_prob for value in values])
    expected = teacher_forced(model, recorded.symbol, table, forbid_used=no_repeats)
    torch.testing.assert_close(given, expected, atol=1e-4, rtol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("passed", [True, False])
@pytest.mark.parametrize("switch", ["prompt_encoder", "prompt_decoder", "prompt_output"])
def test_demographics_reach_the_model_only_if_passed(passed: bool, switch: str):
    off = dict.fromkeys(("prompt_encoder", "prompt_decoder", "prompt_output"), False)
    model, newborn_girls = untrained(**{**off, switch: True}), people().assign(sex="F", age_years=0.0)
    ours, theirs = (written(model, table, demographics=passed) for table in (people(), newborn_girls))
    assert (ours != theirs) == passed


def test_half_precision_samples_too():
    bf16 = Machine(torch.device("cpu"), bf16=True)
    made = sample_cohort(untrained(), people(), sampling(), 0, bf16)
    assert len(made) == 50 and repeats(made) == 0


def test_dropout_is_off():
    model = untrained(dropout=0.5).train()
    first, again = (drawn(model.train(), greedy=True).diagnoses for _ in range(2))
    pd.testing.assert_frame_equal(first, again)


@pytest.mark.slow
def test_samples_differ_from_each_other_and_are_of_the_same_people_for_every_model():
    first, second = sample_cohorts(untrained(), people(), sampling(samples=2), 3, here())
    assert len(first) == len(second) == sampling().patients
    assert not first.patients.equals(second.patients) and not first.diagnoses.equals(second.diagnoses)
    other_seed = sample_cohorts(untrained(), people(), sampling(samples=1), 4, here())[0]
    assert not other_seed.patients.equals(first.patients)
    greedy = sample_cohorts(untrained(), people(), sampling(samples=2, greedy=True), 3, here())
    for ours, theirs in zip((first, second), greedy, strict=True):
        assert ours.patients.equals(theirs.patients), "another way to sample meets the same people"
    more = sample_cohorts(untrained(), people(), sampling(samples=3), 3, here())
    assert more[1].diagnoses.equals(second.diagnoses), "a further sample changes none before it"
