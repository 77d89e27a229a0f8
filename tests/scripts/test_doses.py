"""Curves of dose and response from made-up results, and a study that can be run."""

import json
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from ehrgen.core.params import load_yaml
from ehrgen.findings.statistics.comparison import changes
from ehrgen.variants import resolve
from pipeline.resolve import VARIED
from scripts import doses
from scripts.doses import COSTS, NAME, curves, dose_figure, page, sentence
from scripts.study import merged
from tests.support.sandbox import ROOT

BASE = {
    "sex_violations": 0.03,
    "sex_probe": 1.2,
    "c2st_auc": 0.6,
    "pair_r2": 0.74,
    "coverage": 0.9,
    "effective_codes": 0.94,
}
FLOOR = {
    "sex_violations": 0.0,
    "sex_probe": 1.0,
    "c2st_auc": 0.5,
    "pair_r2": 0.8,
    "coverage": 0.97,
    "effective_codes": 1.0,
}
MARGINS = dict.fromkeys(BASE, 0.01)


def ablation(shifts: dict[int, dict[str, float]], differs: dict[int, list[str]]) -> dict:
    """A study of sex: dose -> metric -> difference, and those that differ."""
    variants = {"lm_only": {name: {"mean": value, "seeds": 3} for name, value in BASE.items()}}
    differences = {}
    for dose, of_dose in shifts.items():
        shifted = {name: value + of_dose.get(name, 0.0) for name, value in BASE.items()}
        variants[f"sex_x{dose}"] = {name: {"mean": value, "seeds": 3} for name, value in shifted.items()}
        differences[f"sex_x{dose}"] = {
            name: {"mean": of_dose.get(name, 0.0), "half_width": 0.005, "seeds": 3,
                   "outcome": "differs" if name in differs[dose] else "undecided"}
            | ({"endpoint_of": ["sex moves"]} if name.startswith("sex_") else {})
            for name in BASE
        }  # fmt: skip
    return {"reference": "lm_only", "variants": variants, "anchors": {"floor": FLOOR},
            "equivalence_margins": MARGINS, "difference_from_reference": differences}  # fmt: skip


ACTS = ablation(
    {1: {"sex_violations": -0.001}, 10: {"sex_violations": -0.02, "coverage": -0.03, "pair_r2": 0.001}},
    {1: [], 10: ["sex_violations", "coverage"]},
)


def test_effects_by_hand():
    (curve,) = curves(ACTS)
    assert (
        curve.loss == "sex" and set(curve.moved) == {"sex_violations", "sex_probe"} and set(curve.costs) == set(COSTS)
    )
    one = curve.moved["sex_violations"][10]
    assert one.benefit == pytest.approx(2.0) and one.half_width == pytest.approx(0.5) and one.acts
    assert curve.costs["coverage"][10].benefit == pytest.approx(-3.0) and curve.costs["coverage"][10].harms
    assert curve.acts_from == 10


def test_a_loss_that_acts_says_from_where_and_at_what_cost():
    text = sentence(curves(ACTS)[0])
    assert text == "**sex** acts from 10 times its weight (sex_violations -0.02) and costs coverage -0.03 there."


def test_a_loss_that_does_not_act_or_only_harms():
    idle = ablation({1: {}, 1000: {"coverage": -0.03}}, {1: [], 1000: ["coverage"]})
    assert sentence(curves(idle)[0]).startswith(
        "**sex** does not act up to 1,000 times its weight; there it costs coverage"
    )
    worse = ablation({1: {}, 10: {"sex_violations": 0.03}}, {1: [], 10: ["sex_violations"]})
    assert "does not act" in sentence(curves(worse)[0]) and "worsens sex_violations +0.03" in sentence(curves(worse)[0])


def test_the_command_writes_a_page_and_a_figure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "ablation.json").write_text(json.dumps(ACTS))
    monkeypatch.setattr(sys, "argv", ["doses", "--folder", str(tmp_path)])
    doses.main()
    assert (tmp_path / "doses.md").read_text() == page(curves(ACTS))
    drawn = ET.fromstring((tmp_path / "doses.svg").read_text())
    dots = [one for one in drawn.iter() if one.tag.endswith("circle")]
    assert len(dots) == 2 * len(BASE), "a dot a dose and metric"
    filled = [dot for dot in dots if dot.get("fill") != "#ffffff"]
    assert len(filled) == 2
    assert dose_figure(curves(ACTS)) == (tmp_path / "doses.svg").read_text()


def test_the_study_has_each_loss_alone_at_each_dose():
    content = merged(load_yaml(ROOT / "params.yaml"), load_yaml(ROOT / "studies/doses/params.yaml"))
    found = changes(resolve(content, VARIED, "doses"), "lm_only")
    base = {"age": 0.005, "sex": 0.005, "cooccur": 0.05, "npmi": 0.05, "age_matching": 0.1, "diversity": 0.1}
    expected = {}
    for loss, weight in base.items():
        for dose in (1, 10, 100, 1000):
            key, form = ("cooccur", {"loss.cooccur_form": "npmi"}) if loss == "npmi" else (loss, {})
            expected[f"{loss}_x{dose}"] = {f"loss.{key}": pytest.approx(weight * dose)} | form
    assert {name: row for name, row in found.items() if NAME.fullmatch(name)} == expected
    assert content["ablation"]["run"] == ["lm_only", *expected]
