"""docs/claims.md: one verdict for each sentence of the loss analysis, over all committed runs."""

from collections import Counter
from collections.abc import Sequence

from ehrgen.findings.statistics.intervals import Estimate
from ehrgen.findings.text.tables import NOTHING, cell, percent
from ehrgen.findings.verdicts.claims import REFUTED, SUPPORTED, Between
from ehrgen.findings.verdicts.pooled import DECIDED, DEPENDS, UNTESTABLE, Evidence, Pooled

HEAD = """\
# One verdict for each sentence of the analysis

This page judges the sentences of [the analysis](LOSS_ANALYSIS.md) that this project started from, over all committed
runs. What one run says alone is in its `findings.md`. `python -m scripts.claims` writes the page.

A verdict comes about like this:

- If one run supports a sentence and another refutes it, the verdict is *depends on the run*.
- Otherwise one run speaks for each cohort, the one with most seeds, as runs on one cohort share trainings.
- If all cohorts say the same, that is the verdict.
- Else the mean over cohorts decides (random effects, DerSimonian and Laird, 95 % interval by Student's t).
- A sentence *cannot be tested* if it is about a rate that has no denominator in any run.

Column *pooled* is the mean over cohorts. *I²* is how much of the variance between cohorts is not chance. Some sentences
need a change that is a share of the gap to real patients. For them *pooled* counts in such changes: 1 or more supports
"it recovers", below -1 refutes "it does no harm"."""
COLLAPSE, DIVERSITY = "directly causing mode collapse", "costs diversity, if it has a gradient"
NO_COLLAPSE = """\
The co-occurrence loss did not cause the mode collapse ({refuted}). One with a gradient costs some diversity
({supported}): without it the samples gain at least a tenth of the different codes that they lack, which is far from a
collapse."""
PLURAL = {DEPENDS: "depend on the run"}
TINY = 1e-5  # half-widths that stand for none (`pooled.LEAST_ERROR`)
EXPLAINED = {  # quote -> why runs contradict each other
    "sex = 0.000 (DEAD)": "The head of `replica` reads its own prompt back, and has to learn to. That takes optimiser "
    "steps. With the 129 patients of the demo it gets nowhere, in six epochs of the simulated cohort a little way, in "
    "ten most of the way, and with NHDS's patients all the way. Where it gets there the loss is dead, and has taught "
    "nothing.",
    "near-perfect accuracy": "As with the loss of the same head: it is accurate where it has learned to copy its "
    "prompt. Long trainings have, shorter ones have not. From the codes alone it is right for 59 to 80 % of patients.",
    "gradient is 100x weaker than LM gradient": "Both gradients change through a training, and so does their ratio. It "
    "is between 29 and 209 in all runs. So a hundred is right within a factor of four, and not within the two that the "
    "claim allows.",
}


def page(claims: Sequence[Pooled]) -> str:
    """The whole page."""
    counts = Counter(one.verdict for one in claims)
    decided = sum(counts[verdict] for verdict in DECIDED)
    listed = ", ".join(
        f"{number} {PLURAL.get(verdict, verdict) if number > 1 else verdict}"
        for verdict, number in counts.most_common()
        if verdict in DECIDED
    )
    lines = ["| | line | sentence | verdict | pooled | I² | cohorts |", "|--:|--:|:--|:--|--:|--:|:--|"]
    for number, one in enumerate(claims, 1):
        share = NOTHING if one.heterogeneity is None else percent(round(one.heterogeneity, 2))
        cells = (number, one.claim.line, one.claim.quote, one.verdict, _pooled(one), share, _said(one))
        lines.append(f"| {' | '.join(map(str, cells))} |")
    parts = [HEAD, f"{decided} of {len(claims)} are decided: {listed}.", *_collapse(claims), "\n".join(lines)]
    reasons = [
        f"- **{number}, {one.claim.quote}**: {_reason(one)}"
        for number, one in enumerate(claims, 1)
        if one.verdict in (DEPENDS, UNTESTABLE)
    ]
    parts += ["## Contradictions, and what cannot be tested", "\n".join(reasons)] if reasons else []
    open_ = [
        f"- **{number}, {one.claim.quote}**: {one.claim.measure}; {_open(one)}"
        for number, one in enumerate(claims, 1)
        if one.verdict not in DECIDED
    ]
    parts += ["## Undecided", "\n".join(open_)] if open_ else []
    return "\n\n".join(parts) + "\n"


def _collapse(claims: Sequence[Pooled]) -> list[str]:
    """What two verdicts that seem to contradict each other say together, if they are these."""
    found = {one.claim.quote: (number, one.verdict) for number, one in enumerate(claims, 1)}
    (refuted, first), (supported, second) = (found.get(quote, (0, "")) for quote in (COLLAPSE, DIVERSITY))
    if (first, second) != (REFUTED, SUPPORTED):
        return []
    return [NO_COLLAPSE.format(refuted=refuted, supported=supported)]


def _pooled(one: Pooled) -> str:
    if one.effect is None:
        return NOTHING
    mean, half_width = one.effect.mean, one.effect.half_width or 0.0
    return cell(Estimate(mean, half_width if half_width > TINY else 0.0, one.effect.seeds))


def _said(one: Pooled) -> str:
    seen: dict[str, Evidence] = {}
    for evidence in one.evidence:
        seen.setdefault(evidence.cohort, evidence)
    return (
        "; ".join(f"{cohort}: {said.verdict} ({_seeds(said.effect.seeds)})" for cohort, said in seen.items()) or NOTHING
    )


def _seeds(number: int) -> str:
    return f"{number} seed{'' if number == 1 else 's'}"


def _reason(one: Pooled) -> str:
    if one.verdict == UNTESTABLE:
        return f"{one.claim.measure}: {one.reason.rpartition(': ')[2]}, in every run."
    runs = "; ".join(f"{said.run} {said.verdict} ({cell(said.effect)})" for said in one.evidence)
    return f"{runs}. {EXPLAINED.get(one.claim.quote, 'Not explained yet.')}"


def _open(one: Pooled) -> str:
    if not one.evidence:
        return one.reason
    unit = "" if isinstance(one.claim.support, Between) else " of the change needed"
    low, high = one.evidence[0].limits
    ends = (
        f"from {low:g}" if high == float("inf") else f"to {high:g}" if low == -float("inf") else f"{low:g} to {high:g}"
    )
    said = ", ".join(f"{cell(said.effect)} in {said.run}" for said in one.evidence)
    return f"measured {said}{unit}; holds {ends}."
