import csv
from itertools import pairwise

import pandas as pd

from ehrgen.data.icd9 import codebook


def test_counts_are_the_published_ones():
    assert len(codebook.long_titles()) == 14_567
    lengths = pd.Series([len(code) - code.startswith("E") for code in codebook.headings()])
    assert (lengths == 3).sum() == 1_234 and (lengths > 3).sum() == 1_889
    assert all(codebook.headings().values()) and all(codebook.long_titles().values())


def test_chapters_follow_each_other_without_gap():
    numbered = codebook.CHAPTERS[:-2]
    assert [int(after.first) - int(before.last) for before, after in pairwise(numbered)] == [1] * 16
    assert [chapter.first[0] for chapter in codebook.CHAPTERS[-2:]] == ["V", "E"]


def test_an_edit_table_of_ours_names_known_edits_alone():
    with open(codebook.FOLDER / "edits.csv", encoding="utf-8", newline="") as file:
        assert {row["edit"] for row in csv.DictReader(file)} == set(codebook.EDITS)


def test_edit_prefixes_each_reach_a_billable_code():
    lengths = {length: set(pd.Series(codebook.long_titles().keys(), dtype="str").str[:length]) for length in (3, 4, 5)}
    for edit, prefixes in codebook.edit_prefixes().items():
        assert prefixes.is_unique and all(prefix in lengths[len(prefix)] for prefix in prefixes), edit


def test_ranges_of_prefixes():
    assert codebook._span("V22-V24") == ["V22", "V23", "V24"]
    assert codebook._span("0166") == ["0166"]
    assert codebook._span("09815-09817") == ["09815", "09816", "09817"]
