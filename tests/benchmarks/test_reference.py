"""Benchmarks compare like with like: `generate` and our sampler are the same distribution."""

from collections import Counter

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.stats import chi2_contingency

from benchmarks import sampling as benchmark
from benchmarks.reference import BATCH, Generator, Loop
from ehrgen.data.cohort import SEXES
from ehrgen.data.sequences.vocabulary import VISIT
from tests.support.sequences import tiny
from tests.support.training import here, recipe, sampling, untrained

LIMIT = 12


def people(patients: int, same: bool = False) -> tuple[pd.DataFrame, torch.Tensor, torch.Tensor]:
    """A table of people, one and the same person if `same`, and their age and sex as tensors."""
    rng = np.random.default_rng(0)
    sex = np.zeros(patients, dtype=int) if same else rng.integers(0, 2, patients)
    age = np.full(patients, 40.0) if same else rng.uniform(0, 90, patients)
    table = pd.DataFrame({"sex": np.array(SEXES)[sex], "age_years": age})
    return table, torch.from_numpy(age).float(), torch.from_numpy(sex)


def test_greedy_histories_are_the_same_token_by_token():
    model = untrained(**benchmark.READABLE)
    table, age, sex = people(60)
    theirs = Generator(model).histories(age, sex, LIMIT, greedy=True)
    settings = sampling(greedy=True, max_tokens=LIMIT, batch_patients=60)
    assert benchmark.histories(model, table, settings, 0, here()) == theirs
    assert len({tuple(tokens) for tokens in theirs}) > 5 and any(VISIT in tokens for tokens in theirs)


def test_sampled_histories_are_of_one_distribution():
    """Of 4,000 histories of one person: length, first code, and visits do not tell which of the two wrote them."""
    model = untrained(**benchmark.READABLE)
    table, age, sex = people(2000, same=True)
    settings = sampling(max_tokens=LIMIT, batch_patients=2000)
    torch.manual_seed(0)
    theirs = Generator(model).histories(age, sex, LIMIT, greedy=False)
    ours = benchmark.histories(model, table, settings, 0, here())
    for feature in (len, lambda tokens: tokens[0], lambda tokens: tokens.count(VISIT), lambda tokens: tokens[-1]):
        counts = [Counter(map(feature, written)) for written in (ours, theirs)]
        common = [value for value in counts[0] | counts[1] if counts[0][value] + counts[1][value] >= 10]
        assert len(common) > 1
        rows = [[found[value] for value in common] for found in counts]
        assert chi2_contingency(rows).pvalue > 0.001


def test_other_outputs_are_refused():
    with pytest.raises(ValueError, match=r"generate needs model\.hierarchy flat"):
        Generator(untrained())


def test_unequal_histories_are_an_error():
    with pytest.raises(RuntimeError, match="1 of 2 greedy histories differ from generate's, first row 1"):
        benchmark.require_equal([[4], [5]], [[4], [6]])


def test_the_plain_loop_learns_and_counts_real_tokens():
    sequences = tiny().of_split("train")
    loop = Loop(untrained().bart.config, sequences, recipe().train.learning_rate, 1.0)
    rows = loop.shuffled(np.random.default_rng(0))
    first = next(rows)
    assert len(first) == BATCH
    assert loop.step(first) == (np.diff(sequences.offsets) - 1)[first].sum()
    before = loop.model.get_input_embeddings().weight.clone()
    loop.step(next(rows))
    assert not torch.equal(before, loop.model.get_input_embeddings().weight)
