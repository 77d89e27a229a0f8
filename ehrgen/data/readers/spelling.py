"""Whether a column of diagnoses holds ICD-9-CM codes as the source wrote them.

A code of another system, or one that a program padded or took for a number, still looks like a code and stands for
another disease. A single one proves nothing; above the shares below the reader stops. Of intact columns the MIMIC-III
demo (1,761 codes) and NHDS 2010 (1,105,846) were measured.
"""

import numpy as np
import pandas as pd
from jaxtyping import Bool
from numpy import ndarray

from ehrgen.data.icd9 import codes as icd9
from ehrgen.data.readers.quality import ABSENT, TOLERATED, Quality, refuse

# Codes of four digits that are none, but would be with a zero before them: none in intact columns, 0.7 to 1.1 % of the
# digit codes where all zeros are lost. Those that were codes until 2011 are left out.
LOST_ZEROS = 0.001
UNTIL_2011 = r"173[0-9]|631"
# Codes that are none, but would be without a zero or two at an end: none in intact columns, 2.6 to 55 % in padded ones.
PADDED = 0.001
# Codes of no category: none in intact columns, 6 to 9 % where zeros were put before, all of an extract of ICD-10's E.
UNKNOWN = TOLERATED
# Codes of a known category that nobody can bill, retired or cut: 1.0 and 2.6 % in intact columns, 41 to 57 % in padded
# ones, 45 % and more in those cut to four or three characters.
UNBILLABLE = 0.25
FEWEST = 2  # a single odd code is chance, however short the column
FEWEST_UNBILLABLE = 11  # our own tables may hold a few categories in place of rare codes

SYSTEM = "take the ICD-9-CM codes as the source has them (ICD-10 is not read)"
EXPORT = "export the column as text, as the source has it"


def usable_codes(raw: pd.Series, codes: pd.Series, where: str, quality: Quality, doubted: bool = True) -> pd.Series:
    """Which rows hold a code.

    Args:
        raw: The texts of the column, '' for none.
        codes: The same, normalised.
        where: The place, as messages name it.
        doubted: Whether codes that are well formed are checked too; what a generator made may be odd, and is judged.

    Raises:
        ReaderError: If too many are none, or those that are seem not to be what the source wrote.
    """
    filled = raw != ""
    number = raw.str.fullmatch(r"[0-9]{4,5}\.0+|[0-9]{1,2}(?:\.[0-9]*)?")
    refuse(int(number.sum()), int(filled.sum()), where, "are numbers, not codes", EXPORT, TOLERATED)
    formed = icd9.is_code(codes) & ~number.to_numpy(dtype=bool)
    quality.dropped["diagnoses without a code"] = refuse(
        int((~filled).sum()), len(raw), where, "are empty", "take the complete table", ABSENT
    )
    quality.dropped["diagnoses with a text that is no ICD-9-CM code"] = refuse(
        int((filled & ~formed).sum()),
        int(filled.sum()),
        where,
        "are no ICD-9-CM codes",
        SYSTEM,
        TOLERATED,
    )
    if doubted:
        check_codes(codes[formed], where)
    quality.repaired["codes with dots, blanks or lower case"] = int((formed & (raw != codes)).sum())
    return pd.Series(formed, index=codes.index)


def check_codes(codes: pd.Series, where: str) -> None:
    """Stop if these texts, all of which have the form of a code, are not ICD-9-CM or not in its spelling.

    Args:
        where: The place, as messages name it.

    Raises:
        ReaderError: If more than the stated share is odd; the message says in which way.
    """
    rows = codes.value_counts()
    distinct = pd.Series(rows.index, dtype="str")
    known, billable = icd9.known(distinct), icd9.billable(distinct)

    def count(odd: Bool[ndarray, " distinct"]) -> int:
        return int(rows.to_numpy()[odd].sum())

    digits = distinct.str.fullmatch(r"[0-9]+").to_numpy(dtype=bool)
    refuse(count(_padded(distinct)), len(codes), where, "seem to be padded with zeros", EXPORT, PADDED, FEWEST)
    what = "are categories or cut codes, which nobody can bill"
    refuse(count(known & ~billable), len(codes), where, what, SYSTEM, UNBILLABLE, FEWEST_UNBILLABLE)
    some = bool(distinct[digits].str.startswith("0").any())
    what = f"seem to have lost a leading zero{'' if some else ', and no code has one'}"
    lost = count(_lost_zeros(distinct, digits, some))
    refuse(lost, count(digits), where, what, EXPORT, LOST_ZEROS, FEWEST if some else 1)
    refuse(count(~known), len(codes), where, "are of no ICD-9-CM category", SYSTEM, UNKNOWN)


def _lost_zeros(codes: pd.Series, digits: Bool[ndarray, " n"], some: bool) -> Bool[ndarray, " n"]:
    """Which codes seem to have lost a zero; `some`, if others begin with one."""
    lost = digits & ~icd9.billable(codes) & (icd9.billable("0" + codes) | icd9.billable("00" + codes))
    lost &= ~codes.str.fullmatch(UNTIL_2011).to_numpy(dtype=bool)
    if some:  # one of three digits may be a category in place of a rare code
        lost &= (codes.str.len() == 4).to_numpy()
    return lost


def _padded(codes: pd.Series) -> Bool[ndarray, " n"]:
    padded = np.zeros(len(codes), dtype=bool)
    for zeros in (1, 2):
        padded |= icd9.billable(codes.str[:-zeros]) & codes.str.endswith("0" * zeros).to_numpy(dtype=bool)
        padded |= icd9.billable(codes.str[zeros:]) & codes.str.startswith("0" * zeros).to_numpy(dtype=bool)
    return padded & ~icd9.billable(codes)
