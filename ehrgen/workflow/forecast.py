"""How many trainings new parameters ask for, and how long they take: said before the first begins."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from statistics import fmean
from typing import Any

START, EPOCH = 12.0, 4.0  # seconds: of everything but the epochs; of an epoch, where no manifest tells
SECTIONS = ("model", "loss", "train")


def forecast(effective: Mapping[str, Mapping[str, Any]], seeds: Iterable[int], manifests: Path) -> str:
    """A line on the trainings whose parameters differ from those of the last.

    Args:
        effective: Variant -> section -> all its settings.
        manifests: The folder of VARIANT/SEED.json. One that cannot be read is that of no training.
    """
    trainings = [(variant, seed) for variant in effective for seed in seeds]
    last = {cell: _manifest(manifests / cell[0] / f"{cell[1]}.json") for cell in trainings}
    anew = [
        (variant, seed)
        for variant, seed in trainings
        if any(last[variant, seed].get(section) != effective[variant][section] for section in SECTIONS)
    ]
    if not anew:
        return f"{len(trainings)} trainings, none with new parameters"
    took = [one["seconds"] / one["train"]["epochs"] for one in last.values() if "seconds" in one]
    epoch = fmean(took) if took else EPOCH
    minutes = sum(START + epoch * effective[variant]["train"]["epochs"] for variant, _ in anew) / 60
    names = ", ".join(dict.fromkeys(variant for variant, _ in anew))
    return (
        f"{len(anew)} of {len(trainings)} trainings have new parameters ({names}): about {minutes:.0f} min one after "
        "the other, less what the store has"
    )


def _manifest(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) and all(section in content for section in SECTIONS) else {}
