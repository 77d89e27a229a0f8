"""The reports of a run from its JSON alone: what a stage writes is what can be written again without any training.

reports/ablation.json and findings.json keep the order of the run, as the tables do.
"""

from collections.abc import Mapping
from typing import Any

from ehrgen.findings.statistics.comparison import Ablation
from ehrgen.findings.statistics.costs import TrainingCost
from ehrgen.findings.statistics.intervals import Estimate
from ehrgen.findings.statistics.sampling_noise import Noise
from ehrgen.findings.statistics.significance import Significance
from ehrgen.findings.text import ablation_md, findings_md
from ehrgen.findings.text.summary import Changes, Objectives, summary
from ehrgen.findings.verdicts.losses import Verdict, Verdicts

Json = Mapping[str, Any]
COSTS = ("seconds", "step", "ratio")


def content(
    ablation: Ablation,
    objectives: Objectives,
    changed: Changes,
    verdicts: Verdicts,
    costs: Mapping[str, TrainingCost],
) -> dict[str, Any]:
    """reports/ablation.json."""
    written = {
        variant: {name: estimate.content() for name in COSTS if (estimate := getattr(cost, name))}
        for variant, cost in costs.items()
    }
    changes = {variant: dict(changed.get(variant, {})) for variant in ablation.differences}
    measured = {"changes": changes, **ablation.content(), "objectives": objectives, "costs": written}
    return answered(measured, verdicts)  # of the rounded numbers, as all that is written


def answered(measured: Json, verdicts: Verdicts) -> dict[str, Any]:
    """The content of ablation.json with its answer, or with the answer anew."""
    points = summary(read(measured), measured["changes"], verdicts, measured["objectives"])
    return {"summary": [point.content() for point in points], **{k: v for k, v in measured.items() if k != "summary"}}


def ablation_report(measured: Json, verdicts: Verdicts) -> str:
    """ablation.md from the content of ablation.json."""
    costs = {variant: _cost(row) for variant, row in measured["costs"].items()}
    return ablation_md.report(read(measured), measured["objectives"], measured["changes"], verdicts, costs)


def findings_report(findings: Json) -> str:
    """findings.md from the content of findings.json."""
    return findings_md.report(read_verdicts(findings), findings["claims"], findings["expectations"])


def read_verdicts(findings: Json) -> Verdicts:
    """The verdicts in the content of findings.json."""
    return {
        variant: {objective: Verdict.read(row) for objective, row in of_variant.items()}
        for variant, of_variant in findings["objectives"].items()
    }


def read(measured: Json) -> Ablation:
    """The comparison in the content of ablation.json."""
    differences = measured["difference_from_reference"]
    return Ablation(
        reference=measured["reference"],
        patients=measured["patients"],
        estimates=_estimates(measured["variants"]),
        differences=_estimates(differences),
        significance={
            variant: {name: _significance(row) for name, row in of_variant.items() if "outcome" in row}
            for variant, of_variant in differences.items()
        },
        endpoints=measured["endpoints"],
        skill=measured["skill"],
        anchors=measured["anchors"],
        margins=measured["equivalence_margins"],
        resolution=measured["resolution"],
        noise={name: Noise.read(row) for name, row in measured["noise"].items()},
        vacuous=measured["vacuous"],
        remarks=measured["remarks"],
    )


def _estimates(table: Json) -> dict[str, dict[str, Estimate]]:
    return {
        variant: {name: Estimate.read(row) for name, row in of_variant.items()} for variant, of_variant in table.items()
    }


def _significance(row: Json) -> Significance:
    return Significance(row["outcome"], row["p_corrected"], row["family"], row.get("seeds_to_decide"))


def _cost(row: Json) -> TrainingCost:
    step, ratio = (Estimate.read(row[name]) if name in row else None for name in ("step", "ratio"))
    return TrainingCost(Estimate.read(row["seconds"]), step, ratio)
