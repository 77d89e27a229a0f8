import itertools
import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from torch import Tensor

from ehrgen.data.cohort import SEXES, Cohort
from ehrgen.data.sequences.sequences import Sequences
from ehrgen.data.sequences.vocabulary import FIRST_CODE, FIRST_SYMBOL, Vocabulary
from ehrgen.learning.model.prompt_bart import PromptBart
from ehrgen.learning.sampling import sampler
from ehrgen.learning.sampling.likelihoods import log_likelihood, save_likelihoods, score_cohort
from tests.support.cohorts import population
from tests.support.sequences import RECORDS, Record, few, from_records, sequences_of, tiny
from tests.support.training import here, sampling, stirred, untrained


def scored(model: PromptBart, sequences: Sequences, **changes: Any) -> np.ndarray:
    return log_likelihood(model, sequences, sampling(**changes), here())


def cohort() -> Cohort:
    """160 patients in four splits of 40."""
    shares = dict.fromkeys(("train", "validation", "heldout", "heldout2"), 0.25)
    return population(160, 0).with_split(shares, np.random.default_rng(0))


def model_of(patients: Cohort, **changes: Any) -> PromptBart:
    """An untrained model over the codes of the training split."""
    train = patients.of_split("train").diagnoses["code"]
    return untrained(vocabulary=Vocabulary.from_codes(train), **changes)


def table(real: Cohort, order: str = "shuffled", seed: int = 0, **changes: Any) -> pd.DataFrame:
    return score_cohort(model_of(real), real, sampling(**changes), order, seed, here())


def as_the_sampler_sees_it(
    model: PromptBart, sequences: Sequences, monkeypatch: pytest.MonkeyPatch, **changes: Any
) -> np.ndarray:
    """The sampler writes the real histories token by token, and notes what it gives each."""
    columns = iter(itertools.zip_longest(*np.split(sequences.tokens, sequences.offsets[1:-1])))
    next(columns)  # <bos>
    total, going = np.zeros(len(sequences)), np.arange(len(sequences))

    def dictated(log_prob: Tensor, settings: Any, generator: torch.Generator) -> Tensor:
        nonlocal going
        tokens = next(columns)
        going = np.array([row for row in going if tokens[row] is not None])
        symbol = torch.tensor([int(tokens[row]) - FIRST_SYMBOL for row in going])
        total[going] += log_prob.gather(1, symbol[:, None]).squeeze(1).double().numpy()
        return symbol

    monkeypatch.setattr(sampler, "draw", dictated)
    people = pd.DataFrame({"sex": np.array(SEXES)[sequences.sex], "age_years": sequences.age.astype(float)})
    settings = sampling(greedy=True, max_tokens=1000, **changes)  # any but the plain draw scores all symbols
    sampler.write_histories(model, people, settings, torch.Generator(), here())
    assert next(columns, None) is None
    return total


@pytest.mark.parametrize(
    ("settings", "sampled"),
    [
        ({}, {}),
        ({"encoder_input": "record", "visit_output": False}, {}),
        ({"hierarchy": "category"}, {"demographics": False, "no_repeats": False}),
        ({"hierarchy": "flat", "prompt_decoder": False, "prompt_output": False}, {"no_repeats": False}),
    ],
)
def test_as_the_sampler_writing_the_same_histories(
    settings: dict[str, Any], sampled: dict[str, Any], monkeypatch: pytest.MonkeyPatch
):
    """Also of a model that read the record in training: the sampler has none to give it."""
    sequences = tiny().of_split("validation")
    model = stirred(untrained(**settings))
    nats = scored(model, sequences, **sampled)
    expected = as_the_sampler_sees_it(model, sequences, monkeypatch, **sampled)
    np.testing.assert_allclose(nats, expected, rtol=1e-4)
    assert (nats < 0).all()


def test_by_hand():
    """A model that knows nothing, over one category of two codes, writes a visit of both.

    Both follow <bos> with probability 1/2, for a visit may not end empty. Then the other code, <visit> and <eos> are
    equally likely, for the first is used; then <visit> and <eos>.
    """
    sequences = sequences_of(from_records([[["4010", "4011"]], [["4011"]]]))
    blank = untrained(vocabulary=sequences.vocabulary)
    with torch.no_grad():
        for parameter in blank.distribution.parameters():
            parameter.zero_()
    assert scored(blank, sequences).tolist() == pytest.approx([-math.log(2 * 3 * 2), -math.log(2 * 3)])
    # without the ban on repeats, the second code is one of two again, and <eos> one of three
    nats = scored(blank, sequences, no_repeats=False)
    assert nats.tolist() == pytest.approx([-math.log(2 * 3 * 2 * 3), -math.log(2 * 3)])


@pytest.mark.slow
@few
@given(records=RECORDS)
def test_a_patient_is_scored_alike_in_any_company(records: list[Record]):
    sequences = sequences_of(from_records(records))
    model = stirred(untrained(vocabulary=sequences.vocabulary))
    alone = [scored(model, sequences_of_rows(sequences, row)).item() for row in range(len(sequences))]
    assert scored(model, sequences).tolist() == pytest.approx(alone, rel=1e-4)


def sequences_of_rows(sequences: Sequences, row: int) -> Sequences:
    """One patient."""
    parts = {name: getattr(sequences, name)[row : row + 1] for name in ("age", "sex", "split")}
    tokens = sequences.tokens[sequences.offsets[row] : sequences.offsets[row + 1]]
    return Sequences(sequences.vocabulary, tokens, np.array([0, len(tokens)]), **parts, report={})


def test_demographics_count_if_the_sampler_passes_them():
    model, sequences = untrained(), tiny().of_split("validation")
    with_age_and_sex, without = scored(model, sequences), scored(model, sequences, demographics=False)
    assert (with_age_and_sex != without).all()


def test_the_table_has_a_row_a_patient_of_both_splits():
    patients = cohort()
    scores = table(patients)
    assert scores.dtypes.astype(str).to_dict() | {"split": "str"} == {
        "patient_id": "int64",
        "split": "str",
        "log_likelihood": "float64",
        "codes": "int32",
    }
    splits = patients.patients.set_index("patient_id")["split"]
    assert scores["split"].tolist() == splits[scores["patient_id"]].tolist()
    assert not scores["patient_id"].duplicated().any()
    assert scores.groupby("split")["patient_id"].size().to_dict() == {"train": 40, "heldout": 40}
    known = set(model_of(patients).vocabulary.codes)
    codes = patients.diagnoses[patients.diagnoses["code"].isin(known)].groupby("patient_id").size()
    assert scores["codes"].tolist() == codes[scores["patient_id"]].tolist()


def test_each_patient_has_its_own_likelihood():
    """In a fixed order the table is what each patient's own sequence says."""
    patients = cohort()
    model = model_of(patients)
    scores = score_cohort(model, patients, sampling(), "position", 0, here()).set_index("patient_id")
    for patient_id in scores.index[::20]:
        alone = Sequences.from_cohort(patients.take([patient_id]), model.vocabulary, model.max_tokens)
        assert scores.loc[patient_id, "log_likelihood"] == pytest.approx(scored(model, alone).item(), rel=1e-4)


def test_a_seed_repeats_and_chooses_patients_and_orders():
    patients = cohort()
    first, again, other = (table(patients, seed=seed, patients=30) for seed in (1, 1, 2))
    pd.testing.assert_frame_equal(first, again)
    assert len(first) == 60
    assert first["patient_id"].tolist() != other["patient_id"].tolist()
    whole, reordered = (table(patients, seed=seed) for seed in (1, 2))
    assert whole["patient_id"].tolist() == reordered["patient_id"].tolist()
    assert (whole["log_likelihood"] != reordered["log_likelihood"]).any()


@pytest.mark.parametrize("order", ["position", "frequency"])
def test_a_fixed_order_is_the_same_for_every_seed(order: str):
    first, other = (table(cohort(), order, seed) for seed in (1, 2))
    pd.testing.assert_frame_equal(first, other)


def test_orders_differ():
    totals = [table(cohort(), order)["log_likelihood"].sum() for order in ("position", "frequency", "shuffled")]
    assert len(set(totals)) == 3


def test_codes_that_training_never_saw_are_left_out():
    records = [[["4010", "4011"]], [["4010"]], [["4010", "486"]], [["486"], ["4010"]], [["486"]]]
    patients = from_records(records)
    split = ["train", "train", "heldout", "heldout", "heldout"]
    patients = Cohort(patients.patients.assign(split=split), patients.diagnoses)
    scores = table(patients, "position")
    assert scores["patient_id"].tolist() == [0, 1, 2, 3] and scores["codes"].tolist() == [2, 1, 1, 1]
    likelihoods = scores["log_likelihood"].to_numpy()
    assert likelihoods[1:] == pytest.approx(likelihoods[1], rel=1e-5)  # 4010 alone, three times


def test_long_histories_end_where_those_of_training_end():
    patients = from_records([[["4010"], ["4011"], ["4010"]] * 40] * 2)
    patients = Cohort(patients.patients.assign(split=["train", "heldout"]), patients.diagnoses)
    model = model_of(patients)
    scores = score_cohort(model, patients, sampling(), "position", 0, here())
    assert 2 * scores["codes"].iloc[0] + 1 <= model.max_tokens < 2 * scores["codes"].iloc[0] + 3
    assert FIRST_CODE in Sequences.from_cohort(patients, model.vocabulary, model.max_tokens).tokens


def test_saved_as_parquet(tmp_path):
    scores = table(cohort(), patients=5)
    save_likelihoods(scores, tmp_path / "multitask" / "0.parquet")
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "multitask" / "0.parquet"), scores)
