"""The verdicts on objectives and on claims in words: reports/findings.md, and some lines for the terminal."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from ehrgen.findings.text.tables import NOTHING, about, cell, table
from ehrgen.findings.verdicts.claims import REFUTED, SUPPORTED, UNDECIDED, Judged
from ehrgen.findings.verdicts.losses import HEALTHY, MEANINGS, UNCLEAR, Verdict, Verdicts, shared_by

INTRODUCTION = """\
Written by `dvc repro` from histories, runs and manifests; no verdict is written by hand."""
OBJECTIVES = """\
None of these words says what the patients would be without the loss: reports/ablation.md does. Each seed is judged
alone, and most seeds decide. The numbers are means over the seeds with that verdict: shares and cosine over all epochs,
values of the validation split after the last. Thresholds and their reasons: docs/verdicts.md."""
CLAIMS = """\
Sentences of the loss analysis that started this project, by its lines. Each is turned into a number and into the values
under which it would hold; the 95 % t interval over training seeds lies among them (supported), outside (refuted) or
across their edge (undecided). Pairs of variants are compared seed by seed. No correction for the number of claims, and
no interval speaks of another cohort or of a larger model: a number of the analysis that is refuted here is refuted for
the system as rebuilt here. Of the undecided it is said how many seeds would decide with a power of 80 %, were mean and
spread as they are."""
EXPECTED = """\
What we expected before measuring, judged in the same way."""


def report(verdicts: Verdicts, analysis: Sequence[Judged], expected: Sequence[Judged]) -> str:
    """The whole of reports/findings.md."""
    parts = [
        "# Findings",
        INTRODUCTION,
        "## Objectives",
        "\n".join(f"- *{name}*: {meaning}" for name, meaning in MEANINGS.items()),
        OBJECTIVES,
        *(f"### {variant}\n\n{_objectives(of_variant)}" for variant, of_variant in verdicts.items()),
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
    for variant, of_variant in verdicts.items():
        faults = {name: verdict for name, verdict in of_variant.items() if verdict.name not in (HEALTHY, UNCLEAR)}
        of_lines = [f"  {name}: {verdict}" for name, verdict in faults.items()]
        for word in (HEALTHY, UNCLEAR):
            agreed = {name: verdict for name, verdict in of_variant.items() if verdict.name == word}
            named = [f"{name}{shared_by(word, verdict.votes)}" for name, verdict in agreed.items()]
            of_lines += [f"  {word}: {', '.join(named)}"] if named else []
        lines += [variant, *(of_lines or ["  no history"])]
    return "\n".join([*lines, f"claims: {counts(analysis)}", f"our expectations: {counts(expected)}"])


def content(verdicts: Verdicts, analysis: Sequence[Judged], expected: Sequence[Judged]) -> dict[str, Any]:
    """Everything, as what JSON can hold."""
    return {
        "objectives": {
            variant: {objective: verdict.content() for objective, verdict in of_variant.items()}
            for variant, of_variant in verdicts.items()
        },
        "claims": [judged.content() for judged in analysis],
        "expectations": [judged.content() for judged in expected],
    }


def counts(claims: Sequence[Judged]) -> str:
    """How many claims have which verdict, in words."""
    of_verdict = Counter(judged.verdict for judged in claims)
    return ", ".join(f"{of_verdict[name]} {name}" for name in (SUPPORTED, REFUTED, UNDECIDED))


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


def _objectives(verdicts: Mapping[str, Verdict]) -> str:
    return (
        "\n".join(f"- {name}: {verdict}" for name, verdict in verdicts.items()) or "No history of training was found."
    )


def _claims(claims: Sequence[Judged]) -> list[str]:
    rows, details = [], []
    for number, judged in enumerate(claims, start=1):
        claim = judged.claim
        place = f" (line {claim.line})" if claim.line else ""
        effect = cell(judged.effect) if judged.effect else NOTHING
        seeds = about(judged.seeds_to_decide) if judged.verdict == UNDECIDED and judged.effect else ""
        rows.append([f"{number}. {claim.quote}{place}", judged.verdict, effect, needed(judged.limits), seeds])
        reason = f"; {judged.reason}" if judged.reason else ""
        details.append(f"{number}. {claim.measure}; {claim.support.why}{reason}")
    return [
        table(["claim", "verdict", "measured", "holds if", "would decide"], rows),
        "Measured by, and where the bound comes from:\n\n" + "\n".join(details),
    ]
