"""What an ablation shows, in a few sentences: the same on the page, in ablation.md and in the README."""

from collections import Counter

from ehrgen.findings.statistics.comparison import Ablation
from ehrgen.findings.statistics.significance import EQUIVALENT, NO_HARM, PRIMARY, UNDECIDED
from ehrgen.findings.text.tables import cell

MANY = 4  # endpoints of one variant: beyond, they are counted and not listed


def summary(ablation: Ablation) -> str:
    """Primary endpoints first: which differ, how many do not, how many are open; then the exploratory leads."""
    outcomes = Counter(
        judged.outcome for row in ablation.significance.values() for judged in row.values() if judged.family == PRIMARY
    )
    if not outcomes:
        return f"No primary comparison with {ablation.reference}: differences need two seeds that both variants have."
    differing = [text for variant in ablation.significance if (text := _primary(ablation, variant))]
    decided = outcomes.total() - outcomes[UNDECIDED]
    none = outcomes[EQUIVALENT] + outcomes[NO_HARM]
    counted = (
        f"Of {outcomes.total()} primary comparisons with {ablation.reference}, {decided} are decided: "
        f"{decided - none} differ and {none} have no effect that matters"
    )
    return " ".join(
        [
            f"{counted}; {outcomes[UNDECIDED]} undecided.",
            f"Beyond chance: {'; '.join(differing) or 'none'}.",
            _exploratory(ablation),
        ]
    )


def _primary(ablation: Ablation, variant: str) -> str:
    """A variant and those of its endpoints that differ; empty if none does."""
    judged = {name: one for name, one in ablation.significance[variant].items() if one.family == PRIMARY}
    names = [name for name, one in judged.items() if one.differs]
    if len(names) > MANY:
        return f"{variant} ({len(names)} of its {len(judged)} endpoints)"
    listed = [f"{name} {cell(ablation.differences[variant][name], signed=True)}" for name in names]
    return f"{variant} ({', '.join(listed)})" if listed else ""


def _exploratory(ablation: Ablation) -> str:
    """Of each variant the strongest difference beyond the false discovery rate; if there is none, the strongest."""
    ranked = sorted(
        (judged.p, variant, name)
        for variant, row in ablation.significance.items()
        for name, judged in row.items()
        if judged.family != PRIMARY
    )
    if not ranked:
        return "Nothing was compared beyond that."
    strongest: dict[str, str] = {}
    for _, variant, name in ranked:
        if ablation.significance[variant][name].differs and variant not in strongest:
            strongest[variant] = f"{name} of {variant} {cell(ablation.differences[variant][name], signed=True)}"
    if strongest:
        return f"Strongest exploratory, a lead and no result: {'; '.join(strongest.values())}."
    p, variant, name = ranked[0]
    return f"Nothing exploratory is beyond chance; the strongest is {name} of {variant} (corrected p {p:.2g})."
