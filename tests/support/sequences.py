"""Token sequences for tests: random small records, and a cohort from which something can be learned."""

from functools import cache
from typing import Any

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st

from ehrgen.data.cohort import Cohort
from ehrgen.data.sequences.sequences import Sequences
from ehrgen.data.sequences.vocabulary import Vocabulary
from tests.support.cohorts import cohort, population

few = settings(max_examples=20)  # pandas takes 20 ms an example

Record = list[list[str]]
"""A patient: visits of codes."""
RECORDS = st.lists(
    st.lists(
        st.lists(st.sampled_from(["4010", "4011", "4019", "401", "25000", "486", "V270"]), min_size=1, max_size=6),
        min_size=1,
        max_size=4,
    ),
    min_size=1,
    max_size=6,
)
"""Patients with repeats inside visits; one category with siblings, three alone."""


def from_records(records: list[Record], **people: Any) -> Cohort:
    return cohort([[" ".join(codes) for codes in visits] for visits in records], **people)


def sequences_of(patients: Cohort, max_tokens: int = 1000) -> Sequences:
    """Sequences over the cohort's own vocabulary."""
    return Sequences.from_cohort(patients, Vocabulary.from_codes(patients.diagnoses["code"]), max_tokens)


@cache
def tiny() -> Sequences:
    """160 patients of `made_up.population`, a fifth of them for validation."""
    shares = {"train": 0.8, "validation": 0.2}
    return sequences_of(population(160, 0).with_split(shares, np.random.default_rng(0)), max_tokens=64)


@cache
def learnable() -> Sequences:
    """300 patients whose age and sex say which three codes they may have, each with probability 3/4."""
    rng = np.random.default_rng(0)
    kinds = [
        ("F", 0.0, ["V3000", "7742", "7661"]),
        ("F", 30.0, ["V270", "64421", "6826"]),
        ("M", 70.0, ["4019", "1850", "486"]),
    ]
    sex, age, codes = zip(*[kinds[kind] for kind in rng.integers(3, size=300)], strict=True)
    records = [[[code for code in choice if rng.random() < 0.75] or choice[:1]] for choice in codes]
    patients = from_records(records, sex="".join(sex), age=list(age))
    return sequences_of(patients.with_split({"train": 0.8, "validation": 0.2}, rng))
