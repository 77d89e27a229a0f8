import itertools
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from ehrgen.data.cohort import SEXES, Cohort
from ehrgen.data.sequences.sequences import Sequences
from ehrgen.data.sequences.vocabulary import EOS, FIRST_SYMBOL, VISIT
from ehrgen.learning.model.prompt_bart import PromptBart
from ehrgen.learning.sampling import sampler
from ehrgen.learning.sampling.continuation import ContinuationError, histories, next_symbols, next_visits
from ehrgen.learning.sampling.likelihoods import log_likelihood
from tests.support.cohorts import cohort, population
from tests.support.sequences import tiny
from tests.support.training import here, sampling, stirred, untrained

GIVEN = population(30, 5)


def drawn(visits: int = 1, seed: int = 0, given: Cohort = GIVEN, model: PromptBart | None = None, **changes):
    return next_visits(model or stirred(untrained()), given, visits, sampling(**changes), seed, here())


def test_every_patient_gets_one_visit_of_different_known_codes_numbered_on():
    found = drawn()
    last = GIVEN.diagnoses.groupby("patient_id")["visit"].max()
    assert found["patient_id"].unique().tolist() == GIVEN.patients["patient_id"].tolist()
    assert (found["visit"] == found["patient_id"].map(last) + 1).all()
    assert not found.duplicated(["patient_id", "code"]).any()
    assert set(found["code"]) <= {*tiny().vocabulary.codes, *tiny().vocabulary.categories}
    assert (found["log_likelihood"] < 0).all()
    assert (found.groupby("patient_id")["log_likelihood"].nunique() == 1).all()


@pytest.mark.slow
def test_the_seed_decides():
    pd.testing.assert_frame_equal(drawn(), drawn())
    assert drawn()["code"].tolist() != drawn(seed=1)["code"].tolist()


@pytest.mark.slow
def test_how_many_go_through_the_model_at_a_time_changes_nothing_but_rounding():
    one, many = (drawn(greedy=True, batch_patients=size) for size in (3, 100))
    pd.testing.assert_frame_equal(one, many, rtol=1e-4)


@pytest.mark.slow
def test_later_visits_are_of_patients_whom_the_model_lets_go_on():
    found = drawn(visits=3)
    numbers = found.groupby("patient_id")["visit"].agg(["min", "max", "nunique"])
    assert (numbers["max"] - numbers["min"] + 1 == numbers["nunique"]).all()
    assert numbers["nunique"].max() > 1 and numbers["nunique"].min() == 1
    pd.testing.assert_frame_equal(
        found[found["visit"] == found.groupby("patient_id")["visit"].transform("min")].reset_index(drop=True),
        drawn(visits=1),
    )


@pytest.mark.slow
@pytest.mark.parametrize("changes", [{}, {"demographics": False}, {"no_repeats": False}])
def test_the_log_likelihood_is_that_of_the_whole_history_less_what_was_given(changes):
    """log P(h, visit, end) = log P(h, end) - log P(end | h) + log P(visit opens | h) + what is claimed."""
    model, settings = stirred(untrained()), sampling(**changes)
    found = drawn(model=model, **changes)
    opened, _, _ = histories(model, GIVEN)
    own = found.drop_duplicates("patient_id")["log_likelihood"].to_numpy()
    codes = model.vocabulary.encode(found["code"])
    visits = [codes[found["patient_id"] == patient] for patient in GIVEN.patients["patient_id"]]
    before = [opened.tokens[start:stop] for start, stop in zip(opened.offsets, opened.offsets[1:], strict=False)]
    after = [np.concatenate([h, [VISIT], visit]) for h, visit in zip(before, visits, strict=True)]

    def of(parts, end):
        whole = [np.append(part, end) for part in parts] if end else parts
        offsets = np.append(0, np.cumsum([len(part) for part in whole]))
        return replace(opened, tokens=np.concatenate(whole), offsets=offsets)

    def total(parts):
        return log_likelihood(model, of(parts, EOS), settings, here())

    def step(parts):
        log_prob = next_symbols(model, of(parts, 0), settings, here()).double().numpy()
        return log_prob[:, VISIT - FIRST_SYMBOL], log_prob[:, EOS - FIRST_SYMBOL]

    (opens, ends), (goes_on, stops) = step(before), step(after)
    codes_alone = total(after) - stops - (total(before) - ends) - opens
    full = np.array([len(history) for history in after]) == model.max_tokens - 1  # such a visit has no end of its own
    ways = np.where(full, [codes_alone, codes_alone], [codes_alone + goes_on, codes_alone + stops])
    assert abs(ways - own).min(axis=0).max() < 1e-3 and not full.all()


def of_the_sampler(model: PromptBart, sequences: Sequences, monkeypatch: pytest.MonkeyPatch, **changes) -> list[list]:
    """The sampler writes these histories token by token: [patient][step] -> its log-probability of every symbol."""
    whole = [sequences.tokens[start:stop] for start, stop in itertools.pairwise(sequences.offsets)]
    found: list[list] = [[] for _ in whole]
    going = np.arange(len(whole))

    def dictated(log_prob, settings, generator):
        nonlocal going
        for row, given in zip(going, log_prob, strict=True):
            found[row].append(given)
        symbols = {row: whole[row][len(found[row])] - FIRST_SYMBOL for row in going}
        going = np.array([row for row in going if len(found[row]) + 1 < len(whole[row])])
        return torch.tensor([int(symbol) for symbol in symbols.values()])

    monkeypatch.setattr(sampler, "draw", dictated)
    people = pd.DataFrame({"sex": np.array(SEXES)[sequences.sex], "age_years": sequences.age.astype(float)})
    settings = sampling(greedy=True, max_tokens=1000, **changes)  # any but the plain draw scores all symbols
    sampler.write_histories(model, people, settings, torch.Generator(), here())
    return found


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model_changes", "changes"),
    [
        ({}, {}),
        ({}, {"demographics": False, "no_repeats": False}),
        ({"hierarchy": "category"}, {}),
        ({"hierarchy": "flat", "prompt_decoder": False}, {}),
        ({"held_output": False, "history_output": False, "length_output": False, "demographic_output": False}, {}),
    ],
)
def test_what_comes_next_is_what_the_sampler_sees_there(monkeypatch, model_changes, changes):
    """Of the same histories, cut at places of all kinds: in a first and in a later visit, just open and half full."""
    model = stirred(untrained(**model_changes))
    sequences = tiny().of_split("validation")
    expected = of_the_sampler(model, sequences, monkeypatch, **changes)
    lengths = np.diff(sequences.offsets)
    for cut in (1, 2, 4, 100):
        kept = np.minimum(lengths - 1, cut)
        pieces = [sequences.tokens[start : start + size] for start, size in zip(sequences.offsets, kept, strict=False)]
        opened = replace(sequences, tokens=np.concatenate(pieces), offsets=np.append(0, np.cumsum(kept)))
        found = next_symbols(model, opened, sampling(**changes), here())
        wanted = torch.stack([expected[row][size - 1] for row, size in enumerate(kept)])
        torch.testing.assert_close(found, wanted, atol=1e-3, rtol=1e-3)
    assert (np.add.reduceat(sequences.tokens == VISIT, sequences.offsets[:-1]) > 0).any()


def test_of_a_history_longer_than_the_window_the_first_visits_are_left_out():
    codes = list(tiny().vocabulary.codes)
    given = cohort([[" ".join(codes[at : at + 6]) for at in range(0, 48, 6)], [codes[0]]])
    model = stirred(untrained())
    opened, ids, last = histories(model, given)
    own = opened.tokens[: opened.offsets[1]]
    assert model.vocabulary.decode(own[-6:]).tolist() == codes[42:48]
    assert model.max_tokens // 2 - 7 < len(own) <= model.max_tokens // 2
    assert ids.tolist() == [0, 1] and last.tolist() == [7, 0]
    assert drawn(given=given, model=model)["visit"].unique().tolist() == [8, 1]


def test_codes_that_the_model_never_saw_are_passed_over_and_nobody_left_is_an_error():
    known = tiny().vocabulary.codes[0]
    found = drawn(given=cohort([["V8989", known], ["V8989"], [f"{known} V8989"]]))
    assert found["patient_id"].unique().tolist() == [0, 2]
    with pytest.raises(ContinuationError, match="no given patient has a code that the model has seen"):
        drawn(given=cohort([["V8989"]]))
