"""ICD-9-CM diagnosis codes: spelling, category, chapter, title, and the Medicare sex and age edits.

Every function takes many codes at once and does its work on the distinct ones.
"""

from collections.abc import Callable
from functools import lru_cache

import numpy as np
import pandas as pd

from ehrgen.data.cohort import CODE_PATTERN
from ehrgen.data.icd9.codebook import CHAPTERS, EDITS, OLDEST_IN_EDITS, edit_prefixes, headings, long_titles

UNKNOWN = "Unknown code"
Codes = pd.Series | np.ndarray | list[str]


class CodeError(ValueError):
    """Text that is not an ICD-9-CM code where one is needed."""


def normalise(codes: pd.Series) -> pd.Series:
    """The codes without blanks and dots, in upper case; empty values stay empty, and no zero is guessed.

    Example:
        >>> normalise(pd.Series([" 401.9 ", "v30.00"])).tolist()
        ['4019', 'V3000']
    """
    which, distinct = pd.factorize(codes.astype("str"))
    clean = pd.Series(distinct, dtype="str").str.replace(r"[\s.]+", "", regex=True).str.upper()
    return pd.Series(pd.array([*clean, None], dtype="str")[which], index=codes.index, name=codes.name)


def is_code(codes: Codes) -> np.ndarray:
    """Whether each text has the form of a code: 3 digits, V and 2 or E and 3, then up to 2 digits more."""
    which, distinct = _distinct(codes)
    return distinct.str.fullmatch(CODE_PATTERN).to_numpy(dtype=bool)[which]


def category(codes: Codes) -> np.ndarray:
    """The category of each code: its first three characters, four for an E code.

    Example:
        >>> category(["4019", "V3000", "E8497", "486"]).tolist()
        ['401', 'V30', 'E849', '486']
    """
    which, distinct = _distinct(codes)
    return _category(distinct).to_numpy(dtype="U4")[which]


def chapter(codes: Codes) -> np.ndarray:
    """The index into CHAPTERS of each code, 0 to 18, from the code itself: a retired code has a chapter too.

    Raises:
        CodeError: If a text has not the form of a code.

    Example:
        >>> chapter(["0389", "4019", "V3000", "E8497"]).tolist()
        [0, 6, 17, 18]
    """
    which, distinct = _distinct(codes)
    wrong = ~distinct.str.fullmatch(CODE_PATTERN).to_numpy(dtype=bool)
    if wrong.any():
        count, example = int(wrong[which].sum()), distinct[wrong].iloc[0]
        raise CodeError(f"{count} of {len(which)} texts are no ICD-9-CM codes, one is {example!r}")
    letter = distinct.str[0]
    number = distinct.str[:3].where(letter.str.isdigit(), "0").astype("int64").to_numpy()
    index = np.searchsorted([int(chapter.last) for chapter in CHAPTERS[:-2]], number)
    index = np.select([letter == "V", letter == "E"], [len(CHAPTERS) - 2, len(CHAPTERS) - 1], index)
    return index[which]


def known(codes: Codes) -> np.ndarray:
    """Whether each code lies in the hierarchy: its category exists, be the code billable or retired."""
    which, distinct = _distinct(codes)
    formed = distinct.str.fullmatch(CODE_PATTERN).to_numpy(dtype=bool)
    return (formed & _among(_category(distinct), headings))[which]


def billable(codes: Codes) -> np.ndarray:
    """Whether each code is billable in version 32: one of 14,567 that are not divided further."""
    which, distinct = _distinct(codes)
    return _among(distinct, long_titles)[which]


def title(code: str) -> str:
    """The title of one code: of a billable code the long one, of a category or subcategory its heading.

    Retired codes are mostly subcategories now, split into finer codes, and have their heading. Any other code
    of a known category is named after it; a code absent from the whole hierarchy is `UNKNOWN`.

    Example:
        >>> title("4019"), title("2765")
        ('Unspecified essential hypertension', 'Volume depletion disorder')
        >>> title("42799"), title("000")
        ('Cardiac dysrhythmias, category 427', 'Unknown code')
    """
    if code in long_titles():
        return long_titles()[code]
    if code in headings():
        return headings()[code]
    above = str(category([code])[0])
    if is_code([code])[0] and above in headings():
        return f"{headings()[above]}, category {above}"
    return UNKNOWN


def titles(codes: Codes) -> np.ndarray:
    """The title of each code."""
    which, distinct = _distinct(codes)
    return np.array([title(code) for code in distinct], dtype=object)[which]


def edit_flags(codes: Codes) -> pd.DataFrame:
    """Which of EDITS each code carries: one boolean column an edit, one row a code."""
    which, distinct = _distinct(codes)
    beginnings = [pd.Index(distinct.str[:length]) for length in (3, 4, 5)]
    carries = {
        edit: np.logical_or.reduce([prefixes.get_indexer(starts) >= 0 for starts in beginnings])
        for edit, prefixes in edit_prefixes().items()
    }
    return pd.DataFrame({edit: flags[which] for edit, flags in carries.items()})


def edits(codes: Codes) -> pd.DataFrame:
    """What each code demands of its patient: `sex_required` ('' for none), `age_min` and `age_max`.

    Ages are completed years, ends included: compare them with floor(age_years). A code without an age edit
    has 0 and 124. A code under two age edits has the years they share.

    Example:
        >>> edits(["V270", "1850", "V3000", "4019"]).to_numpy().tolist()
        [['F', 12, 55], ['M', 0, 124], ['', 0, 0], ['', 0, 124]]
    """
    flags = edit_flags(codes)
    demand = pd.DataFrame({"sex_required": "", "age_min": 0, "age_max": OLDEST_IN_EDITS}, index=flags.index)
    for name, edit in EDITS.items():
        carried = flags[name]
        if edit.sex:
            demand["sex_required"] = demand["sex_required"].mask(carried, edit.sex)
        demand["age_min"] = demand["age_min"].mask(carried & (demand["age_min"] < edit.age_min), edit.age_min)
        demand["age_max"] = demand["age_max"].mask(carried & (demand["age_max"] > edit.age_max), edit.age_max)
    return demand


def _distinct(codes: Codes) -> tuple[np.ndarray, pd.Series]:
    which, distinct = pd.factorize(pd.Series(codes, dtype="str"), use_na_sentinel=False)
    return which, pd.Series(distinct, dtype="str").fillna("")


def _category(codes: pd.Series) -> pd.Series:
    return codes.str[:4].where(codes.str.startswith("E"), codes.str[:3])


def _among(texts: pd.Series, table: Callable[[], dict[str, str]]) -> np.ndarray:
    return _keys(table).get_indexer(pd.Index(texts)) >= 0


@lru_cache
def _keys(table: Callable[[], dict[str, str]]) -> pd.Index:
    return pd.Index(table(), dtype="str")
