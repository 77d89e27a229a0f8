"""A trained model -> new patients as tables of MIMIC-III and as MEDS, each with its model card. Not a stage."""

import sys
from pathlib import Path

import numpy as np

from ehrgen.core.command import run
from ehrgen.core.files import replacing
from ehrgen.core.params import load_yaml
from ehrgen.release import meds, mimic3_tables
from ehrgen.release.card import card
from ehrgen.release.provenance import Provenance
from ehrgen.release.request import Request
from ehrgen.release.timeline import Timeline


def main() -> None:
    request = Request.parse(sys.argv[1:])
    resolved = load_yaml(Path("resolved.yaml"))
    origin = Provenance.of(request.folder, Path("dvc.lock"), Path("reports"))
    cohort = request.generate(resolved)
    timeline = Timeline.of(cohort, np.random.default_rng([request.seed, 1]))
    counts = {"patients": len(cohort), "visits": len(timeline.admissions), "diagnoses": len(cohort.diagnoses)}
    with replacing(request.out) as folder:
        for form in ("mimic3", "meds"):
            (folder / form).mkdir(parents=True)
            text = card(origin, counts, request.stated(resolved), form)
            (folder / form / "MODEL_CARD.md").write_text(text, encoding="utf-8")
        mimic3_tables.write(cohort, timeline, folder / "mimic3")
        name, rng = f"ehrgen {request.variant} {request.seed_of_model}", np.random.default_rng([request.seed, 2])
        meds.write(cohort, timeline, name, rng, folder / "meds")
    print(f"{request.out}: {', '.join(f'{count:,} {kind}' for kind, count in counts.items())}, as mimic3 and as meds")
    for part, reason in origin.missing.items():
        print(f"not in the model card: {part}: {reason}")


if __name__ == "__main__":
    run(main)
