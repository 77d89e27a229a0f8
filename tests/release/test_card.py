from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest

from ehrgen.data.settings import CohortSettings
from ehrgen.metrics.table.suite import HEADLINE
from ehrgen.release.card import FORMATS, PRIVACY, SOURCES, card
from ehrgen.release.provenance import Provenance
from tests.support.findings import scores
from tests.support.golden import assert_golden

COUNTS = {"patients": 1000, "visits": 1200, "diagnoses": 9000}
TOLD = {"age": "65", "sex": "F", "rule_edits": True}
REASON = "dvc.lock has no models/base/0 of stage sample"
KNOWN = Provenance(
    variant="base",
    seed=3,
    manifest={
        "model": {"d_model": 64},
        "loss": {"cooccur": 0.05},
        "train": {"epochs": 5},
        "parameters": {"all": 1000},
        "machine": {"torch": "2.13.0"},
        "seed": 3,
        "seconds": 60.5,
    },
    quality={"source": "mimic3", "cohort": {"patients": 12000, "patients, train": "<11"}},
    run=scores(membership_auc=0.512),
    anchors={"floor": scores(membership_auc=0.501), "memoriser": scores(membership_auc=0.987)},
)
UNKNOWN = Provenance("base", 3, missing=dict.fromkeys(("manifest", "quality", "run", "anchors"), REASON))


def cells(text: str, name: str) -> list[str]:
    """The row of a metric in the last table that has it."""
    [*_, row] = [line for line in text.splitlines() if line.startswith(f"| {name} ")]
    return [cell.strip() for cell in row.strip("|").split("|")]


def sections(text: str) -> Mapping[str, str]:
    return dict(part.split("\n\n", 1) for part in text.split("\n## ")[1:])


@pytest.mark.parametrize("form", FORMATS)
def test_a_known_model(form: str):
    text = card(KNOWN, COUNTS, TOLD, form)
    assert text.startswith("# Synthetic patients of base, seed 3")
    assert "Not measured" not in text
    found = sections(text)
    assert list(found) == ["Request", "Format", "Data source", "Training", "Quality", "Privacy", "Use and limits"]
    assert found["Request"].strip() == "- age: 65\n- sex: F\n- rule edits: True"
    assert "All dates are invented" in found["Format"]
    assert SOURCES["mimic3"] in found["Data source"] and "- patients, train: <11" in found["Data source"]
    assert "- loss: cooccur 0.05" in found["Training"] and "- seconds: 60.5" in found["Training"]
    assert cells(found["Quality"], "membership_auc") == ["membership_auc", "0.512", "0.501", "lower, 0.5"]
    assert cells(found["Privacy"], "membership_auc") == ["membership_auc", "0.512", "0.501", "0.987", "lower, 0.5"]


def test_how_it_reads(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("ehrgen.release.card.HEADLINE", ("pair_r2", "coverage"))  # so that a new metric changes nothing
    monkeypatch.setattr("ehrgen.release.card.PRIVACY", ("membership_auc",))
    assert_golden(card(KNOWN, COUNTS, TOLD, "mimic3"), Path(__file__).parent / "golden/card.md")


def test_every_headline_and_privacy_metric_is_shown():
    found = sections(card(KNOWN, COUNTS, TOLD, "meds"))
    assert all(cells(found["Quality"], name) for name in HEADLINE)
    assert all(cells(found["Privacy"], name) for name in PRIVACY)
    assert {"membership_auc", "nnaar", "dcr_share", "likelihood_membership_auc"} <= set(PRIVACY)


def test_an_unknown_model_has_no_numbers():
    found = sections(card(UNKNOWN, COUNTS, TOLD, "mimic3"))
    for name in ("Data source", "Training", "Quality", "Privacy"):
        assert found[name].strip() == f"Not measured: {REASON}."


def test_without_anchors_the_model_stands_alone_and_says_so():
    alone = replace(KNOWN, anchors={}, missing={"anchors": "reports/anchors is not there"})
    found = sections(card(alone, COUNTS, TOLD, "mimic3"))
    assert cells(found["Privacy"], "membership_auc") == ["membership_auc", "0.512", "–", "–", "lower, 0.5"]
    assert "reports/anchors is not there" in found["Privacy"]


def test_a_metric_without_value_says_why():
    run = scores()
    del run.metrics["nnaar"]
    text = card(replace(KNOWN, run=replace(run, not_judged={"nnaar": "too few patients"})), COUNTS, TOLD, "mimic3")
    assert "- nnaar: not judged: too few patients" in sections(text)["Privacy"]


def test_every_source_that_can_be_read_has_its_sentence():
    assert set(SOURCES) == set(get_args(CohortSettings.model_fields["source"].annotation))


@pytest.mark.parametrize("source", SOURCES)
def test_every_source_says_what_it_is(source: str):
    known = replace(KNOWN, quality={"source": source, "cohort": {}})
    assert SOURCES[source] in card(known, COUNTS, TOLD, "mimic3")
