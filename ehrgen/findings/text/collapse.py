"""Whether the patients of a variant are one and the same, in sentences, and what ends it."""

from collections.abc import Mapping
from typing import Any

from ehrgen.findings.statistics.comparison import Ablation
from ehrgen.findings.statistics.results import FLOOR
from ehrgen.findings.text.tables import percent
from ehrgen.findings.text.words import another_system, names, removed, subject

UNLIKE = "unique_patients"
COLLAPSED = 0.1  # of what real patients have
NAMED = 2  # variants without collapse that are given with their share, the smallest changes first


def collapsed(ablation: Ablation, variant: str) -> bool | None:
    """Whether fewer than COLLAPSED of the patients are unlike each other, as real patients are; None if unknown."""
    if UNLIKE not in ablation.estimates.get(variant, {}):
        return None
    real = ablation.anchors.get(FLOOR, {}).get(UNLIKE, 1.0)
    return ablation.estimates[variant][UNLIKE].mean < COLLAPSED * real


def sentences(ablation: Ablation, changed: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Whose samples collapsed, and what ends it; empty where nothing tells."""
    known = {variant: collapsed(ablation, variant) for variant in ablation.estimates}
    those = [variant for variant, one in known.items() if one]
    if all(one is None for one in known.values()):
        return []
    if not those:
        return ["no variant's samples collapsed"]
    if ablation.reference in those:
        return _ended(ablation, changed, [variant for variant in those if variant != ablation.reference])
    said = [f"the samples of {names(those)} collapsed: {_copies(ablation, those[0])}"]
    if mixed := [variant for variant in those if another_system(changed.get(variant, {}))]:
        one = "it differs" if len(mixed) == 1 else "they differ"
        said.append(
            f"{one} from `{ablation.reference}` in loss, model, training and sampling, so this run names no cause"
        )
    return said


def _copies(ablation: Ablation, variant: str) -> str:
    share, patients = ablation.estimates[variant][UNLIKE].mean, max(ablation.patients)
    records = max(1, round(share * patients))
    return f"{patients:,} patients are copies of {records} record{'' if records == 1 else 's'}"


def _ended(ablation: Ablation, changed: Mapping[str, Mapping[str, Any]], still: list[str]) -> list[str]:
    """Of a reference that collapsed: what does not end it, losses first, and what does."""
    said = [f"the samples of `{ablation.reference}` collapsed: {_copies(ablation, ablation.reference)}"]
    losses = [variant for variant in still if removed(changed.get(variant, {}))]
    if losses:
        said.append(f"leaving out losses does not end it ({names(losses)})")
    if others := [variant for variant in still if variant not in losses]:
        said.append(f"neither does what {names(others)} change{'s' if len(others) == 1 else ''}")
    ended = [variant for variant in ablation.estimates if collapsed(ablation, variant) is False]
    ended.sort(key=lambda variant: len(changed.get(variant, {})))
    for variant in ended[:NAMED]:
        share = percent(round(ablation.estimates[variant][UNLIKE].mean, 2))
        said.append(f"{subject(variant, changed.get(variant, {}))}, {share} of the patients are unlike each other")
    if len(ended) > NAMED:
        said.append(f"it also ends in {names(ended[NAMED:])}")
    return said
