"""What is known of where the patients come from: the exact process of simulated ones, nothing of real ones.

Ingest keeps it beside the cohort, so that measuring needs no file from outside the project.
"""

import json
import shutil
from pathlib import Path

from ehrgen.core.files import replacing
from ehrgen.data.cohort import CohortError
from ehrgen.data.simulation import simulator
from ehrgen.data.simulation.simulator import Simulator

SOURCE, PARAMETERS = "source.json", "simulator.npz"


def keep(source: str, parameters: Path, folder: Path) -> None:
    """Write where the patients come from and, of simulated ones, a copy of the simulator's parameters."""
    with replacing(folder) as fresh:
        fresh.mkdir()
        (fresh / SOURCE).write_text(json.dumps({"source": source}) + "\n", encoding="utf-8")
        if source == "simulated":
            shutil.copyfile(parameters, fresh / PARAMETERS)


def known(folder: Path) -> Simulator | None:
    """The process that the patients were drawn from; None for real patients, whose truth nobody knows.

    Raises:
        CohortError: If the folder does not say where the patients come from, or lacks the process.
    """
    try:
        source = json.loads((folder / SOURCE).read_text(encoding="utf-8"))["source"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CohortError(f"{folder / SOURCE}: not readable ({error}); run `dvc repro ingest`") from None
    if not isinstance(source, str) or (source != "simulated" and (folder / PARAMETERS).exists()):
        raise CohortError(f"{folder / SOURCE}: {source!r} is no source of these patients; run `dvc repro ingest`")
    return simulator.load(folder / PARAMETERS) if source == "simulated" else None
