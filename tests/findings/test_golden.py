"""Each report of the room as a whole, made of made-up results: golden/ shows how it reads."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ehrgen.findings.page.page import page
from ehrgen.findings.review.comment import comment
from ehrgen.findings.statistics.comparison import Ablation, compare
from ehrgen.findings.statistics.costs import costs
from ehrgen.findings.statistics.history import mean_of_final_epochs
from ehrgen.findings.statistics.results import Results
from ehrgen.findings.text.committed import ablation_report, findings_report
from ehrgen.findings.text.committed import content as committed_content
from ehrgen.findings.text.findings_md import content
from ehrgen.findings.verdicts.claims import judge
from ehrgen.findings.verdicts.loss_analysis import ANALYSIS, EXPECTED
from ehrgen.findings.verdicts.losses import verdicts
from ehrgen.learning.endpoints import primary
from ehrgen.metrics.table.scores import Scores
from tests.findings.test_comment import BASE, changed
from tests.support.findings import HEALTHY_OTHER, SEEDS, history, results, scores, trace, training
from tests.support.golden import assert_golden
from tests.support.html import Reading
from tests.support.page_inputs import sources

GOLDEN = Path(__file__).parent / "golden"
CHANGED = {"no_cooccur": {"loss.cooccur": 0.0}, "replica": {"loss.cooccur_form": "observed"}}
MEASURED = (  # not all metrics, so that a new one changes nothing here
    *("unigram_r2", "pair_r2", "pair_lift", "coverage", "effective_codes", "unique_patients", "sex_violations"),
    *("age_violations", "top_code_share"),
)
EFFECTS = {  # variant -> metric -> what it adds to the reference in each seed
    "multitask": {},
    "no_cooccur": {
        "effective_codes": (0.04, 0.05, 0.06),
        "coverage": (0.0, 0.001, -0.001),
        "pair_r2": (0.2, -0.1, 0.0),
    },
    "replica": {"coverage": (-0.4, -0.39, -0.41), "unique_patients": (-0.3, -0.31, -0.3)},
}


@pytest.fixture(scope="module")
def found() -> Results:
    """Three variants with three seeds; replica's co-occurrence has no gradient, and its sex rate no denominator."""
    base = results(*EFFECTS)
    runs = {
        variant: {
            seed: scores(**{name: 0.5 + seed / 100 + by_seed[seed] for name, by_seed in effects.items()})
            for seed in SEEDS
        }
        for variant, effects in EFFECTS.items()
    }
    reference = {name for effects in EFFECTS.values() for name in effects}
    runs["multitask"] = {seed: scores(**dict.fromkeys(reference, 0.5 + seed / 100)) for seed in SEEDS}
    independent = scores(**dict.fromkeys(reference, 0.4))
    vacuous = {"sex_violations": "vacuous: no synthetic code carries a rule on sex"}
    runs["replica"] = {
        seed: Scores({k: v for k, v in one.metrics.items() if k not in vacuous}, vacuous, 3000)
        for seed, one in runs["replica"].items()
    }
    dead = training() | {"cooccur": trace(HEALTHY_OTHER, grad_norm=0, grad_share=0, share=0.28)}
    histories = {**base.histories, "replica": {seed: history(dead) for seed in SEEDS}}
    anchors = {"floor": few(base.anchors["floor"]), "independent_codes": few(independent)}
    runs = {variant: {seed: few(one) for seed, one in by_seed.items()} for variant, by_seed in runs.items()}
    return replace(base, runs=runs, histories=histories, anchors=anchors)


def few(measured: Scores) -> Scores:
    return replace(measured, metrics={name: value for name, value in measured.metrics.items() if name in MEASURED})


def ablation(found: Results) -> Ablation:
    endpoints = {variant: primary(changes) for variant, changes in CHANGED.items()}
    resolution = {"coverage": 0.025, "pair_r2": 0.02}
    return compare(found.runs, found.anchors, resolution, endpoints, list(EFFECTS), SEEDS, "multitask")


def measured(found: Results) -> dict[str, Any]:
    """reports/ablation.json."""
    objectives = {variant: mean_of_final_epochs(by_seed.values()) for variant, by_seed in found.histories.items()}
    return committed_content(
        ablation(found), objectives, CHANGED, verdicts(found.traces), costs(found.manifests, "multitask")
    )


def test_ablation_md(found: Results):
    assert_golden(ablation_report(measured(found), verdicts(found.traces)), GOLDEN / "ablation.md")


def test_findings_md(found: Results):
    analysis, expected = ([judge(claim, found) for claim in claims] for claims in (ANALYSIS, EXPECTED))
    assert_golden(findings_report(content(verdicts(found.traces), analysis, expected)), GOLDEN / "findings.md")


def test_review_comment():
    now = changed(
        resolved__effective__multitask__loss__sex=1.0,
        headline__coverage=0.8,
        ablation__variants__multitask__coverage__mean=0.8,
        ablation__difference_from_reference__no_sex__coverage={"mean": 0.1, "half_width": 0.02, "seeds": 3}
        | {"outcome": "differs", "family": "primary"},
        findings__objectives__multitask__sex={"verdict": "leaky", "evidence": "3.1 with another prompt"},
    )
    assert_golden(comment(BASE, now, ["compare", "train@multitask-0"]), GOLDEN / "comment.md")


def test_text_of_the_page(found: Results):
    shown = sources("multitask", "replica")
    html = page(replace(shown, ablation={**measured(found), "objectives": shown.ablation["objectives"]}))
    text = "\n".join(part for part in Reading(html).parts if part.strip())
    assert_golden(text + "\n", GOLDEN / "report.txt")
