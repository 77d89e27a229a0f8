"""A trained model and given patients -> their next visits, with the model's likelihood of each. Not a stage."""

import sys
from pathlib import Path

from ehrgen.core.command import run
from ehrgen.core.files import replacing
from ehrgen.core.params import load_yaml
from ehrgen.release.extension import Extension


def main() -> None:
    request = Extension.parse(sys.argv[1:])
    resolved = load_yaml(Path("resolved.yaml"))
    cohort = request.patients(request.settings(resolved))
    found = request.visits_of(cohort, resolved)
    with replacing(request.out) as temporary:
        found.to_csv(temporary, index=False, float_format="%.6g")
    patients, visits = found["patient_id"].nunique(), len(found.drop_duplicates(["patient_id", "visit"]))
    print(f"{request.out}: {visits:,} visits of {patients:,} patients")
    if patients < len(cohort):
        print(f"{len(cohort) - patients:,} patients have no code that the model knows, and no next visit")


if __name__ == "__main__":
    run(main)
