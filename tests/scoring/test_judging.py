"""One judgement of small sets, looked at from all sides."""

from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from ehrgen.metrics.table.suite import METRICS
from ehrgen.scoring import markdown
from ehrgen.scoring.judging import FLOOR, Judged, judge
from ehrgen.scoring.markdown import score_md
from ehrgen.scoring.page import score_html
from ehrgen.scoring.request import Request
from ehrgen.scoring.sides import Sides
from tests.support.cohorts import population

pytestmark = pytest.mark.slow


def sides(people: bool = True, train: bool = True) -> Sides:
    cohorts = [population(150, seed).without(not people, not people) for seed in range(5)]
    collapsed = cohorts[0].resample([0] * 150)
    sets = {"good": cohorts[3], "poor": collapsed}
    return Sides(cohorts[1], cohorts[2], cohorts[0] if train else None, sets, 120, ["**real**: some"], ["A remark."])


def request(quick: bool) -> Request:
    return Request(Path("real"), {}, None, 120, 0, "code", quick, Path("out"))


@cache
def judged(people: bool = True, train: bool = True, quick: bool = False) -> Judged:
    return judge(sides(people, train), request(quick))


def test_everybody_is_judged_by_the_same_metrics():
    found = judged()
    assert list(found.sets) == ["good", "poor"]
    assert set(found.generators) == {"memoriser", "independent_codes", "latent_profiles", "collapsed", "markov"}
    assert set(found.half_widths) == set(found.portraits) == {"good", "poor", FLOOR}
    for scores in (*found.sets.values(), found.floor, *found.generators.values()):
        assert set(scores.metrics) | set(scores.not_judged) == set(METRICS) and scores.patients == 120


def test_other_real_patients_are_as_good_as_real_ones_and_a_collapse_is_not():
    found = judged()
    assert markdown.as_good(found, "good", "unigram_r2") and markdown.as_good(found, "good", "coverage")
    assert not markdown.as_good(found, "poor", "coverage") and not markdown.as_good(found, "poor", "unique_patients")
    assert markdown.value(found, "good", "coverage").endswith(" ≈")
    assert " ± " in markdown.value(found, "poor", "categories_mean")


def test_the_same_request_gives_the_same_numbers():
    again = judge(sides(), request(quick=True))
    assert again.content()["metrics"] == judged().content()["metrics"]
    assert again.half_widths == {} and " ± " not in score_md(again, sides())


@pytest.mark.parametrize("people, train", [(False, True), (True, False), (False, False)])
def test_without_people_or_training_patients_there_is_a_reason_and_the_generators_are_there(people, train):
    found = judged(people, train, True)
    assert len(found.generators) == 5
    reasons = " ".join(markdown.unjudged(found))
    assert ("the sex of the patients is unknown" in reasons) is not people
    assert ("it needs the patients that the generator was trained on" in reasons) is not train
    assert ("membership_auc" in found.sets["good"].metrics) is train
    assert ("sex_rule_patients" in found.sets["good"].metrics) is people
    assert found.sets["good"].metrics["unigram_r2"] == judged().sets["good"].metrics["unigram_r2"]


def test_the_table_has_every_family_that_was_judged_and_every_set():
    text = score_md(judged(), sides())
    assert text.startswith("# Synthetic patients beside real ones\n\nEach number compares 120 patients")
    for part in (
        "A remark.",
        "### Privacy",
        "### Collapse",
        " good | ",
        "*memoriser* copies the training",
        "**real**: some",
    ):
        assert part in text, part
    assert "### Truth" not in text and "no exact truth" in text


def test_there_is_no_skill_where_independent_codes_are_as_real_patients():
    found = judged()
    floor, independent = found.floor.metrics["coverage"], found.generators["independent_codes"].metrics["coverage"]
    apart = abs(floor - independent)
    for width, shown in ((apart * 1.01, False), (apart * 0.99, True)):
        widths = {**found.half_widths, FLOOR: {**found.half_widths[FLOOR], "coverage": width}}
        text = markdown.skills(replace(found, half_widths=widths))
        assert ("coverage" in text) is shown
    assert "coverage" in markdown.skills(judged(quick=True)), "without half-widths nobody can tell"


def test_the_page_needs_nothing_else_and_shows_every_set():
    found = judged()
    text = score_html(found, sides())
    assert "http-equiv" in text and "src=" not in text
    for name in ("good", "poor", "real patients"):
        assert f'data-variant="{name}"' in text
    bare = score_html(judged(False, False, True), sides(False, False))
    assert 'class="conditioning"' in text and 'class="conditioning"' not in bare
    assert 'class="distances"' in text and 'class="distances"' not in bare
