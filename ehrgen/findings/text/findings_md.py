"""The verdicts on objectives and on claims in words: reports/findings.md, and some lines for the terminal."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from ehrgen.findings.statistics.intervals import Estimate
from ehrgen.findings.text.tables import NOTHING, about, cell, table
from ehrgen.findings.verdicts.claims import REFUTED, SUPPORTED, UNDECIDED, Judged
from ehrgen.findings.verdicts.losses import HEALTHY, MEANINGS, UNCLEAR, Verdict, Verdicts, shared_by

INTRODUCTION = """\
Which sentences of the loss analysis hold in this run, and the evidence for the verdict on each loss. All of it is
computed from histories, runs and manifests; no verdict is written by hand."""
OBJECTIVES = """\
What became of each loss in training:

{meanings}

None of these words says what the patients would be without the loss; ablation.md does. Each seed is judged alone, and
the verdict of most seeds stands. The numbers are means over the seeds with that verdict. Shares and cosine are over all
epochs, values of the validation split after the last. Thresholds and their reasons: docs/verdicts.md."""
CLAIMS = """\
These are sentences of the analysis that started this project, with their line in docs/LOSS_ANALYSIS.md. Each is turned
into a number and into the values under which it would hold. It is *supported* if the 95 % t interval over seeds lies
among those values, *refuted* if it lies outside, and *undecided* if it lies across their edge.

A difference from the reference has the interval that ablation.md shows of it. Other differences are between two
variants, seed by seed, with the spread of those two. There is no correction for the number of claims. A verdict speaks
of the system as rebuilt here and of this cohort; docs/claims.md has one verdict over all cohorts."""
EXPECTED = """\
What we expected before measuring, judged in the same way."""
Claims = Sequence[Mapping[str, Any]]  # as in findings.json
TABLES = {  # verdict -> what its table says above it
    SUPPORTED: "",
    REFUTED: "",
    UNDECIDED: "The last column says how many seeds would decide it with a power of 80 %, if mean and spread stay as "
    "they are.",
}


def report(verdicts: Verdicts, claims: Claims, expectations: Claims) -> str:
    """The whole of reports/findings.md; claims and expectations as findings.json holds them."""
    used = {verdict.name for of_variant in verdicts.values() for verdict in of_variant.values()}
    meanings = "\n".join(f"- *{name}*: {meaning}" for name, meaning in MEANINGS.items() if name in used)
    parts = [
        "# Findings",
        INTRODUCTION,
        "## Claims of the analysis",
        f"{counts(claims)}." if claims else "",
        CLAIMS,
        *_claims(claims),
        "## Expectations",
        EXPECTED,
        f"{counts(expectations)}." if expectations else "",
        *_claims(expectations),
        "## Losses",
        OBJECTIVES.format(meanings=meanings) if meanings else "No history of training was found.",
        *(f"### {variant}\n\n{_objectives(of_variant)}" for variant, of_variant in verdicts.items()),
        "## How each claim is measured",
        "Where the bound comes from stands after the measure.",
        _measures(claims),
        "Expectations:",
        _measures(expectations),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def summary(verdicts: Verdicts, claims: Claims, expectations: Claims) -> str:
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
    return "\n".join([*lines, f"claims: {counts(claims)}", f"our expectations: {counts(expectations)}"])


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


def counts(claims: Claims) -> str:
    """How many claims have which verdict, in words; what was not tested counts for itself.

    Example:
        >>> counts([{"verdict": "supported", "mean": 1.0}, {"verdict": "undecided", "reason": "not run: a"}])
        '1 supported, 0 refuted, 0 undecided, 1 not tested'
    """
    of_verdict = Counter(claim["verdict"] for claim in claims if tested(claim))
    said = [f"{of_verdict[name]} {name}" for name in (SUPPORTED, REFUTED, UNDECIDED)]
    untested = sum(not tested(claim) for claim in claims)
    return ", ".join([*said, f"{untested} not tested"] if untested else said)


def tested(claim: Mapping[str, Any]) -> bool:
    """Whether the run has a value for a claim."""
    return "mean" in claim


def needed(claim: Mapping[str, Any]) -> str:
    """The values under which a claim holds.

    Example:
        >>> needed({"supported_from": 0.1}), needed({"supported_from": 0.2, "supported_to": 0.35}), needed({})
        ('≥ 0.1', '0.2 to 0.35', '–')
    """
    low, high = claim.get("supported_from"), claim.get("supported_to")
    if low is None:
        return NOTHING if high is None else f"≤ {high:.3g}"
    return f"≥ {low:.3g}" if high is None else f"{low:.3g} to {high:.3g}"


def _objectives(verdicts: Mapping[str, Verdict]) -> str:
    return (
        "\n".join(f"- {name}: {verdict}" for name, verdict in verdicts.items()) or "No history of training was found."
    )


def _claims(claims: Claims) -> list[str]:
    """A table a verdict; last what was not tested, with the reason."""
    parts = []
    for verdict, words in TABLES.items():
        seeds = verdict == UNDECIDED
        rows = [
            [_named(number, claim), cell(Estimate.read(claim)), needed(claim), *([_seeds(claim)] if seeds else [])]
            for number, claim in enumerate(claims, start=1)
            if claim["verdict"] == verdict and tested(claim)
        ]
        if rows:
            header = ["claim", "measured", "holds if", *(["would decide"] if seeds else [])]
            parts += [f"### {verdict.capitalize()}", words, table(header, rows)]
    reasons: dict[str, list[str]] = {}
    for number, claim in enumerate(claims, start=1):
        if not tested(claim):
            reasons.setdefault(claim.get("reason", "no value"), []).append(_named(number, claim))
    if reasons:
        listed = [f"- {reason}: {'; '.join(names)}" for reason, names in reasons.items()]
        parts += ["### Not tested by this run, and why", "\n".join(listed)]
    return parts


def _named(number: int, claim: Mapping[str, Any]) -> str:
    return f"{number}. {claim['quote']}" + (f" (line {claim['line']})" if claim["line"] else "")


def _seeds(claim: Mapping[str, Any]) -> str:
    return about(claim.get("seeds_to_decide")) if "half_width" in claim else claim.get("reason", "")


def _measures(claims: Claims) -> str:
    return "\n".join(f"{at}. {claim['measure']}; {claim['margin']}" for at, claim in enumerate(claims, start=1))
