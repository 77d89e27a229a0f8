"""docs/claims.md: one verdict for each sentence of the loss analysis, over all committed runs."""

from collections import Counter
from collections.abc import Sequence

from ehrgen.findings.statistics.intervals import Estimate
from ehrgen.findings.text.tables import NOTHING, cell, percent
from ehrgen.findings.verdicts.claims import Between
from ehrgen.findings.verdicts.pooled import DECIDED, DEPENDS, UNTESTABLE, Evidence, Pooled

HEAD = """\
# Every sentence, one verdict

The sentences of the analysis this project started from ([LOSS_ANALYSIS.md](LOSS_ANALYSIS.md)), judged over all
committed runs: the default one and the studies. Written by `python -m scripts.claims`; what each run says alone is in
its `findings.md`. If one run supports a sentence and another refutes it, the verdict is *depends on the run*.
Otherwise, of each cohort the run with most seeds speaks, as runs on one cohort share trainings; if all cohorts say the
same, that is the verdict, and else the random-effects mean over cohorts decides (DerSimonian and Laird, 95 % interval
by Student's t). *I²* is the share of the variance between cohorts that is not the chance of seeds. Sentences of a gap
count in units of the share of it that they need: 1 or more supports "recovers", below -1 refutes "does no harm"."""
TINY = 1e-5  # half-widths that stand for none (`pooled.LEAST_ERROR`)
EXPLAINED = {  # quote -> why runs contradict each other
    "sex = 0.000 (DEAD)": "The head of `replica` reads its own prompt back, and has to learn to. How far it gets is a "
    "matter of optimiser steps: nowhere with 129 patients of the demo, little in six epochs of the simulated cohort, "
    "most of it in ten, all of it with NHDS's patients. It is dead where it had time to solve a riddle that teaches "
    "nothing.",
    "near-perfect accuracy": "As with the loss of the same head: its accuracy is that of copying its prompt, as long "
    "trainings have learned to and shorter ones have not. From the codes alone it is right for 59 to 80 %.",
    "gradient is 100x weaker than LM gradient": "Both gradients change through a training, and their ratio with them. "
    "It is between 29 and 209 in all runs: a hundred is right within a factor of four, and not within the two allowed.",
}


def page(claims: Sequence[Pooled]) -> str:
    """The whole page."""
    counts = Counter(one.verdict for one in claims)
    decided = sum(counts[verdict] for verdict in DECIDED)
    listed = ", ".join(f"{number} {verdict}" for verdict, number in counts.most_common() if verdict in DECIDED)
    lines = ["| | line | sentence | verdict | pooled | I² | cohorts |", "|--:|--:|:--|:--|--:|--:|:--|"]
    for number, one in enumerate(claims, 1):
        share = NOTHING if one.heterogeneity is None else percent(round(one.heterogeneity, 2))
        cells = (number, one.claim.line, one.claim.quote, one.verdict, _pooled(one), share, _said(one))
        lines.append(f"| {' | '.join(map(str, cells))} |")
    parts = [HEAD, f"{decided} of {len(claims)} are decided: {listed}.", "\n".join(lines)]
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
    unit = "" if isinstance(one.claim.support, Between) else " of the share needed"
    low, high = one.evidence[0].limits
    ends = (
        f"from {low:g}" if high == float("inf") else f"to {high:g}" if low == -float("inf") else f"{low:g} to {high:g}"
    )
    said = ", ".join(f"{cell(said.effect)} in {said.run}" for said in one.evidence)
    return f"{said}{unit}; holds {ends}."
