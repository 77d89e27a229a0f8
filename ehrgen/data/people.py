"""Whom to generate: tables of people with a sex and an age, read by one rule wherever one is asked for.

What reads parquet is imported where it is used: whoever asks for no table, as most parameter files do, does not wait.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

COLUMNS = ["sex", "age_years"]


class PeopleError(ValueError):
    """A file that is no table of people; the message names it and says what is wrong."""


def read_people(path: Path) -> "pd.DataFrame":
    """The people of a parquet file: sex (M or F) and age_years (0 to 90, which stands for everyone over 89).

    Raises:
        PeopleError: If the file cannot be read, lacks a column or a row, or somebody has no such sex or age.
    """
    import pandas as pd

    from ehrgen.core.parquet import ParquetError, read_columns
    from ehrgen.data.cohort import SEXES
    from ehrgen.data.disclosure import OLDEST_PUBLISHED

    if not path.is_file():
        raise PeopleError(f"{path}: no such file; name a parquet file of people (sex, age_years)")
    try:
        people = read_columns(path).to_pandas()
    except ParquetError as error:
        raise PeopleError(f"{path}: {error}; write the people (sex, age_years) so") from None
    if missing := [column for column in COLUMNS if column not in people]:
        seen = ", ".join(map(str, people.columns))
        raise PeopleError(f"{path}: column {', '.join(missing)} missing; the file has {seen or 'none'}")
    if people.empty:
        raise PeopleError(f"{path}: no rows; give at least one person")
    if not pd.api.types.is_numeric_dtype(people["age_years"]) or pd.api.types.is_bool_dtype(people["age_years"]):
        raise PeopleError(f"{path}: column age_years is {people['age_years'].dtype}; write years as numbers")
    age = people["age_years"].astype("float64")
    remedies = {
        f"a sex of {' or '.join(SEXES)}": ~people["sex"].isin(SEXES),
        f"an age of 0 to {OLDEST_PUBLISHED:g}, which stands for all over 89": ~age.between(0, OLDEST_PUBLISHED),
    }
    for wanted, strange in remedies.items():
        if strange.any():
            raise PeopleError(f"{path}: {int(strange.sum())} of {len(people)} people are without {wanted}")
    return people[COLUMNS].astype({"age_years": "float64"})


def check_tables(effective: Mapping[str, Mapping[str, Any]], where: str) -> None:
    """Read the table of people of every variant that has one, so that a bad one stops the run before it trains.

    Args:
        effective: Variant -> its sections in full.
        where: The file of parameters, for messages.

    Raises:
        PeopleError: If one is no table of people; the variants that ask for it are named.
    """
    asked: dict[str, list[str]] = {}
    for variant, sections in effective.items():
        if table := sections["sampling"]["table"]:
            asked.setdefault(table, []).append(variant)
    for table, variants in asked.items():
        try:
            read_people(Path(table))
        except PeopleError as error:
            raise PeopleError(f"{where}: sampling.table of {', '.join(variants)}: {error}") from None


def draw_people(people: "pd.DataFrame", patients: int, rng: "np.random.Generator") -> "pd.DataFrame":
    """`patients` rows (sex, age_years) drawn with replacement from `people`, so that the joint is theirs."""
    return people[COLUMNS].iloc[rng.integers(len(people), size=patients)].reset_index(drop=True)
