"""What the page shows, read from the files of other stages."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ehrgen.core.records import read_record
from ehrgen.findings.page.contents import Portrayed
from ehrgen.findings.page.curves import Trainings, objectives
from ehrgen.findings.page.patients import Portrait
from ehrgen.findings.statistics.costs import Manifests


@dataclass(frozen=True)
class Sources:
    """Everything on the page.

    Attributes:
        ablation: reports/ablation.json.
        findings: reports/findings.json.
        quality: reports/quality.json.
        traces: Variant -> seed -> objective -> epochs.
        manifests: Variant -> seed -> manifest of the training.
        portraits: Variant -> seed -> portrait; the first seed is drawn.
        floor: The portrait of real patients beside other real patients.
        changes: Variant -> setting -> value, where it differs from the reference.
    """

    ablation: Mapping[str, Any]
    findings: Mapping[str, Any]
    quality: Mapping[str, Any]
    traces: Mapping[str, Trainings]
    manifests: Manifests
    portraits: Mapping[str, Mapping[int, Portrait]]
    floor: Portrait
    changes: Mapping[str, Mapping[str, Any]]

    @property
    def variants(self) -> list[str]:
        """In the order of the ablation."""
        return list(self.traces)

    @property
    def objectives(self) -> list[str]:
        """Those that any variant trains with."""
        return list(dict.fromkeys(name for trainings in self.traces.values() for name in objectives(trainings)))

    @property
    def series(self) -> dict[str, int]:
        """Objective -> number of its colour, the same all over the page."""
        return {name: at % 8 + 1 for at, name in enumerate(self.objectives)}


def load_portrait(path: Path) -> Portrait:
    """A portrait; raises FileError if it cannot be read or a part of it is missing."""
    return read_record(path, Portrayed)
