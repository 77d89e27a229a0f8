"""The verdicts on objectives and on claims in words: reports/findings.md, and some lines for the terminal."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from ehrgen.findings.text.tables import NOTHING, cell, percent, table
from ehrgen.findings.verdicts.claims import REFUTED, SUPPORTED, UNDECIDED, Judged
from ehrgen.findings.verdicts.losses import HEALTHY, NEGLIGIBLE, UNCLEAR, Verdict, shared_by

Verdicts = Mapping[str, Mapping[str, Verdict]]  # variant -> objective -> verdict
INTRODUCTION = """\
Written by `dvc repro` from histories, runs and manifests; no verdict is written by hand."""
OBJECTIVES = f"""\
*constant* has no path to the shared parameters; *leaky* reads what it must not; *solved* has nothing left to learn;
*negligible* has less than {percent(NEGLIGIBLE)} of the gradient; *conflicting* pulls against lm; *unlearned* ended at
chance; *healthy* is none of these; *unclear* is none of these either, but not all could be checked. None of them says
what the patients would be without the loss: reports/ablation.md does. Each seed is judged alone, and most seeds
decide. The numbers are means over the seeds with that verdict: shares and cosine over all epochs, values of the
validation split after the last. Thresholds and their reasons: docs/verdicts.md."""
CLAIMS = """\
Sentences of the loss analysis that started this project, by its lines. Each is turned into a number and into the values
under which it would hold; the 95 % t interval over training seeds lies among them (supported), outside (refuted) or
across their edge (undecided). Pairs of variants are compared seed by seed. No correction for the number of claims, and
no interval speaks of another cohort or of a larger model: a number of the analysis that is refuted here is refuted for
the system as rebuilt here."""
EXPECTED = """\
What we expected before measuring, judged in the same way."""


def findings(verdicts: Verdicts, analysis: Sequence[Judged], expected: Sequence[Judged]) -> str:
    """The whole of reports/findings.md."""
    parts = [
        "# Findings",
        INTRODUCTION,
        "## Objectives",
        OBJECTIVES,
        *(f"### {variant}\n\n{_objectives(found)}" for variant, found in verdicts.items()),
        "## Claims",
        CLAIMS,
        counts(analysis),
        *_claims(analysis),
        "## Expectations",
        EXPECTED,
        counts(expected),
        *_claims(expected),
    ]
    return "\n\n".join(parts) + "\n"


def summary(verdicts: Verdicts, analysis: Sequence[Judged], expected: Sequence[Judged]) -> str:
    """A line for each objective that is not healthy, and one for the claims: what the stage prints."""
    lines = []
    for variant, found in verdicts.items():
        told = [f"  {name}: {verdict}" for name, verdict in found.items() if verdict.name not in (HEALTHY, UNCLEAR)]
        for one in (HEALTHY, UNCLEAR):
            agreed = {name: verdict for name, verdict in found.items() if verdict.name == one}
            named = [f"{name}{shared_by(one, verdict.votes)}" for name, verdict in agreed.items()]
            told += [f"  {one}: {', '.join(named)}"] if named else []
        lines += [variant, *(told or ["  no history"])]
    return "\n".join([*lines, f"claims: {counts(analysis)}", f"our expectations: {counts(expected)}"])


def content(verdicts: Verdicts, analysis: Sequence[Judged], expected: Sequence[Judged]) -> dict[str, Any]:
    """Everything, as what JSON can hold."""
    return {
        "objectives": {
            variant: {objective: verdict.content() for objective, verdict in found.items()}
            for variant, found in verdicts.items()
        },
        "claims": [one.content() for one in analysis],
        "expectations": [one.content() for one in expected],
    }


def counts(judged: Sequence[Judged]) -> str:
    """How many claims have which verdict, in words."""
    found = Counter(one.verdict for one in judged)
    return ", ".join(f"{found[name]} {name}" for name in (SUPPORTED, REFUTED, UNDECIDED))


def needed(limits: tuple[float, float] | None) -> str:
    """The values under which a claim holds.

    Example:
        >>> needed((0.1, math.inf)), needed((-math.inf, 0.05)), needed((0.2, 0.35))
        ('≥ 0.1', '≤ 0.05', '0.2 to 0.35')
    """
    if limits is None:
        return NOTHING
    low, high = limits
    if math.isinf(high):
        return f"≥ {low:.3g}"
    return f"≤ {high:.3g}" if math.isinf(low) else f"{low:.3g} to {high:.3g}"


def _objectives(found: Mapping[str, Verdict]) -> str:
    return "\n".join(f"- {name}: {verdict}" for name, verdict in found.items()) or "No history of training was found."


def _claims(judged: Sequence[Judged]) -> list[str]:
    rows, details = [], []
    for number, one in enumerate(judged, start=1):
        place = f" (line {one.claim.line})" if one.claim.line else ""
        effect = cell(one.effect) if one.effect else NOTHING
        rows.append([f"{number}. {one.claim.quote}{place}", one.verdict, effect, needed(one.limits)])
        reason = f"; {one.reason}" if one.reason else ""
        details.append(f"{number}. {one.claim.measure}; {one.claim.support.why}{reason}")
    return [
        table(["claim", "verdict", "measured", "holds if"], rows),
        "Measured by, and where the bound comes from:\n\n" + "\n".join(details),
    ]
