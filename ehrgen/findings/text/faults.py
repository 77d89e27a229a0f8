"""The losses with a fault, in sentences: one for each loss and fault, the gravest first."""

from collections.abc import Sequence

from ehrgen.findings.text.words import LM, listed, loss, names
from ehrgen.findings.verdicts.losses import RULES, Verdicts

MANY = 3  # variants; beyond, they are counted
SAID = {  # fault -> of one loss, of several
    "constant": ("teaches nothing: it is {share} of the loss value and has no gradient",) * 2,
    "leaky": (
        "is leaky: it reads its answer in the input, and need not learn it from the codes",
        "are leaky: they read their answers in the input, and need not learn them from the codes",
    ),
    "solved": ("is solved: nothing is left to learn", "are solved: nothing is left to learn"),
    "negligible": ("is negligible: it has {grad_share} of the gradient",) * 2,
    "conflicting": ("pulls against the language model", "pull against the language model"),
    "unlearned": ("was not learned: it ends at chance", "were not learned: they end at chance"),
}
ALONE = ("constant", "negligible")  # said with numbers of one loss
COPIES = "is leaky: it reads inputs that it does not have when patients are sampled"


def sentences(verdicts: Verdicts, reference: str) -> list[str]:
    """What most seeds say of each loss, by fault; where seeds are split, that is said. Empty without any history."""
    if not any(verdicts.values()):
        return []
    found: dict[tuple[str, str], list[str]] = {}  # (fault, objective) -> variants
    split: dict[str, list[str]] = {}
    for variant in sorted(verdicts, key=lambda name: name != reference):
        for objective, verdict in verdicts[variant].items():
            if 2 * verdict.votes[verdict.name] <= sum(verdict.votes.values()):
                split.setdefault(variant, []).append(loss(objective))
            elif verdict.name in RULES:
                found.setdefault((verdict.name, objective), []).append(variant)
    together: dict[tuple[str, str, tuple[str, ...]], list[str]] = {}  # losses of which one sentence speaks
    for (fault, objective), variants in found.items():
        own = objective if fault in ALONE or (fault, objective) == ("leaky", LM) else ""
        together.setdefault((fault, own, tuple(variants)), []).append(objective)
    gravest_first = sorted(together.items(), key=lambda item: list(RULES).index(item[0][0]))
    said = [_sentence(fault, losses, variants, verdicts) for (fault, _, variants), losses in gravest_first]
    said += [f"seeds disagree about {listed(losses)} of `{variant}`" for variant, losses in split.items()]
    return said or ["no loss of any variant shows a fault"]


def _sentence(fault: str, losses: Sequence[str], variants: Sequence[str], verdicts: Verdicts) -> str:
    whose = names(variants) if len(variants) <= MANY else f"`{variants[0]}` and {len(variants) - 1} other variants"
    words = COPIES if (fault, losses) == ("leaky", [LM]) else SAID[fault][len(losses) > 1]
    evidence = verdicts[variants[0]][losses[0]].evidence
    shares = {"share": _part(evidence, "of the loss value"), "grad_share": _part(evidence, "of the gradient")}
    return f"{listed([loss(name) for name in losses])} of {whose} {words.format(**shares)}"


def _part(evidence: str, of_what: str) -> str:
    """The share in the evidence of a verdict, as every report says it.

    Example:
        >>> _part("0.28 % of the gradient, 0.05 % of the loss value", "of the gradient")
        '0.28 %'
    """
    return next(
        (part.removesuffix(of_what).strip() for part in evidence.split(", ") if part.endswith(of_what)), "a part"
    )
