from dataclasses import replace

from ehrgen.findings.page import sections
from tests.support.html import Reading
from tests.support.page_inputs import sources


def test_the_answer_says_what_was_found_and_what_was_run():
    text = Reading(sections.answer(sources())).text
    assert "simulated, 12,000 patients" in text and "3,000 synthetic" in text and "0, 1, 2" in text
    assert "No loss of any variant shows a fault." in text


def test_names_in_the_answer_are_code():
    shown = sources()
    point = {"head": "In short", "text": "Without `a`, `b` <falls>."}
    html = sections.answer(replace(shown, ablation=dict(shown.ablation) | {"summary": [point]}))
    assert "<strong>In short.</strong> Without <code>a</code>, <code>b</code> &lt;falls&gt;." in html


def test_claims_that_were_not_tested_are_folded_away():
    html = sections.claims(sources())
    folded = html[html.index("<details>") : html.index("</details>")]
    assert "Not tested by this run (" in folded and "not run: " in folded
    assert "not run: " not in html[: html.index("<details>")]


def test_every_variant_and_real_patients_can_be_chosen():
    read = Reading(sections.variants(sources("base", "less")))
    assert [one["value"] for one in read.all("input")] == ["base", "less", "floor"]
    assert [one["id"] for one in read.classed("variant")] == ["variant-base", "variant-less", "variant-floor"]
    assert "loss.cooccur_form = observed" in read.text
    assert "The reference" in read.text


def test_a_variant_that_differs_in_nothing_says_so():
    assert "Differs from multitask in nothing." in Reading(sections.variants(sources(changes={}))).text


def test_every_figure_has_a_caption():
    read = Reading(sections.variants(sources()))
    assert len(read.all("figure")) == len(read.all("figcaption")) > 15
    assert {one["class"] for one in read.all("figure")} <= set(sections.CAPTIONS)


def test_what_is_missing_is_said():
    nothing = sources()
    nothing = replace(nothing, traces={name: {} for name in nothing.traces}, portraits={}, manifests={})
    text = Reading(sections.variants(nothing)).text
    assert text.count("No history") == text.count("No portrait") == 2
    assert "No manifest" in Reading(sections.run(nothing)).text
    assert "none" in Reading(sections.answer(nothing)).text


def test_remarks_are_listed():
    shown = sources()
    shown = replace(shown, ablation=dict(shown.ablation) | {"remarks": ["pair_r2: floor too low to judge"]})
    assert "pair_r2: floor too low to judge" in Reading(sections.quality(shown)).text


def test_the_first_seed_is_drawn():
    shown = sources()
    portrait = shown.portraits["replica"][0]
    shown = replace(shown, portraits={"replica": {2: portrait, 1: portrait | {"patients": 17}}})
    assert "17 of each, training seed 1" in Reading(sections.variants(shown)).text
