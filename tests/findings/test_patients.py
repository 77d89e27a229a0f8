from copy import deepcopy

from ehrgen.data.icd9.codebook import CHAPTERS
from ehrgen.findings.page import patients
from tests.support.html import Reading
from tests.support.page_inputs import PORTRAIT


def places(portrait: dict) -> dict[str, tuple[float, float]]:
    """Code -> where its mark is drawn."""
    told = Reading(patients.scatter(portrait)).told
    return {title.split()[0]: (float(own["cx"]), float(own["cy"])) for title, own in told.items()}


def test_a_mark_a_code_with_both_shares():
    read = Reading(patients.scatter(PORTRAIT))
    assert "4019 Unspecified essential hypertension\nreal: 25 %, synthetic: 50 %" in read.told
    assert "8020 Closed fracture of nasal bones\nreal: not published" in read.text
    assert len(read.told) == 4
    assert {one["class"] for one in read.classed("code")} == {"code c0 odd", "code c1", "code c2", "code c2 odd"}


def test_what_is_equal_lies_on_the_diagonal_and_what_is_absent_at_the_edge():
    portrait = deepcopy(PORTRAIT)
    portrait["codes"] |= {"real": [0.3, 0.3, 0.003, None], "synthetic": [0.3, 0.003, 0.3, 0.3]}
    equal, less, more, absent = (places(portrait)[code] for code in portrait["codes"]["code"])
    assert absent[0] < more[0] < equal[0] == less[0]
    assert equal[1] == more[1] == absent[1] < less[1]


def test_every_chapter_has_few_words_of_its_own():
    names = [patients.brief(chapter.title) for chapter in CHAPTERS]
    assert len(set(names)) == len(CHAPTERS) and max(map(len, names)) <= 25


def test_the_codes_farthest_from_real_are_listed():
    text = Reading(patients.farthest(PORTRAIT)).text
    assert "8020Closed fracture of nasal bones7.0 times too often100<11" in text
    assert "0389Unspecified septicemia176.3 times too rarely21,229" in text


def test_the_legend_has_a_button_a_chapter_shown():
    read = Reading(patients.legend(PORTRAIT))
    assert [one["data-chapter"] for one in read.all("button")] == ["0", "1", "2"]
    assert read.text == "InfectiousCirculatory systemInjury"


def test_the_commonest_generated_codes_are_those_generated():
    read = Reading(patients.commonest(PORTRAIT, most=2))
    assert "4019Unspecified essential hypertension50 %25 %" in read.text
    assert "8020" in read.text and "0389" not in read.text and "9999" not in read.text


def test_hidden_shares_are_marked_and_break_the_line():
    read = Reading(patients.lengths(PORTRAIT))
    assert [one["aria-label"] for one in read.all("svg")] == ["Visits per patient", "Codes per visit"]
    assert len(read.classed("hidden")) == 1
    assert [one["d"].count("M") for one in read.classed("steps")] == [1, 1]
    assert "3: bar 0 %, line not published" in read.text
    assert "4: " not in read.text, "nobody on either side: the axis ends before"


def test_distances_set_training_against_held_out():
    read = Reading(patients.distances(PORTRAIT))
    assert "0: bar 60 %, line not published" in read.text and "0.5: bar 40 %, line 50 %" in read.text
    assert len(read.classed("bar")) == 2


def test_conditioning_leaves_gaps_where_nothing_may_be_shown():
    read = Reading(patients.conditioning(PORTRAIT))
    assert "F, 12-18 years, real: 50 %" in read.text
    assert len(read.all("circle")) == 10, "2 of 12 are hidden"
    assert [one["class"] for one in read.classed("s1")] == ["s1 dashed", "s1 solid"]
