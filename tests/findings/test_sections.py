from dataclasses import replace

from ehrgen.findings.page import sections
from tests.support.html import Reading
from tests.support.page_inputs import sources


def test_the_header_says_what_was_run():
    text = Reading(sections.header(sources())).text
    assert "simulated, 12,000 patients" in text and "3,000 synthetic" in text and "0, 1, 2" in text


def test_every_variant_and_real_patients_can_be_chosen():
    found = Reading(sections.variants(sources("base", "less")))
    assert [one["value"] for one in found.all("input")] == ["base", "less", "floor"]
    assert [one["id"] for one in found.classed("variant")] == ["variant-base", "variant-less", "variant-floor"]
    assert "Differs from base in loss.cooccur_form = observed." in found.text
    assert "The reference, which the other variants are compared with." in found.text


def test_a_variant_that_differs_in_nothing_says_so():
    assert "Differs from multitask in nothing." in Reading(sections.variants(sources(changes={}))).text


def test_every_figure_has_a_caption():
    found = Reading(sections.variants(sources()))
    assert len(found.all("figure")) == len(found.all("figcaption")) > 15
    assert {one["class"] for one in found.all("figure")} <= set(sections.CAPTIONS)


def test_what_is_missing_is_said():
    nothing = sources()
    nothing = replace(nothing, traces={name: {} for name in nothing.traces}, portraits={}, manifests={})
    text = Reading(sections.variants(nothing)).text
    assert text.count("No history of a training was found.") == text.count("No portrait of its patients") == 2
    assert "No manifest of a training was found." in Reading(sections.run(nothing)).text
    assert "none" in Reading(sections.header(nothing)).text


def test_no_fault_is_told_as_such():
    assert "No objective of any variant shows a fault." in Reading(sections.glance(sources())).text


def test_remarks_are_listed():
    found = sources()
    found = replace(found, ablation=dict(found.ablation) | {"remarks": ["pair_r2: floor too low to judge"]})
    assert "pair_r2: floor too low to judge" in Reading(sections.quality(found)).text


def test_the_first_seed_is_drawn():
    found = sources()
    portrait = found.portraits["replica"][0]
    found = replace(found, portraits={"replica": {2: portrait, 1: portrait | {"patients": 17}}})
    assert "17 of each, training seed 1" in Reading(sections.variants(found)).text
