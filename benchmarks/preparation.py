"""From MIMIC-III's tables to what a training reads: `ingest`, `preprocess` and `cooccurrence`, at MIMIC-III's size.

    python -m benchmarks.preparation [--rounds 3] [--times 10]

The tables are those of simulated patients, written by `ehrgen.release.mimic3_tables`: 46,520 of them have 58,891
admissions, but 425,021 diagnoses of 3,668 codes alone, as discharges name fewer. So visits are filled up to MIMIC-III's
651,047 diagnoses of 6,985 codes, from the billable ones and by a Zipf law.

Each stage runs as DVC runs it, a process for itself: seconds from start to end, start of Python and writing included,
and its peak memory. TIMES the size, of as many codes, runs once and shows how both grow.
"""

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from ruamel.yaml import YAML

from benchmarks import measure, usage
from benchmarks.counting import CODES, KINDS, PATIENTS
from benchmarks.usage import Usage
from ehrgen.core.params import load_yaml
from ehrgen.data.cohort import Cohort
from ehrgen.data.icd9.codebook import long_titles
from ehrgen.data.readers.source import files_of
from ehrgen.data.simulation import simulator
from ehrgen.release import mimic3_tables
from ehrgen.release.timeline import Timeline

ROOT = Path(__file__).resolve().parents[1]
STAGES = ("ingest", "preprocess", "cooccurrence")
TABLES = "tables"
SECONDS, PEAK = 15.0, 1.0
"""The goal at MIMIC-III's size: seconds of the three stages together, GB of the largest."""


def patients(number: int, codes: int, kinds: int, rng: np.random.Generator) -> Cohort:
    """Simulated patients whose visits are filled up with random codes, to `codes` diagnoses of `kinds` codes.

    A filled-in code may be in the visit already, as in real tables.

    Raises:
        ValueError: If the simulated visits alone hold more of either.
    """
    people, rows = simulated(number, rng)
    own = rows["code"].unique().astype(str)
    others = rng.permutation(np.setdiff1d(np.array(list(long_titles())), own))[: max(kinds - len(own), 0)]
    missing = codes - len(rows)
    if len(own) > kinds or missing < len(others):
        raise ValueError(
            f"{number:,} simulated patients have {len(rows):,} diagnoses of {len(own):,} codes, which cannot be filled "
            f"up to {codes:,} of {kinds:,}; ask for more"
        )
    known = np.concatenate([own, others])
    share = 1 / np.arange(10, len(known) + 10)
    added = np.concatenate([others, rng.choice(known, missing - len(others), p=share / share.sum())])
    visits = rows.loc[rows["position"] == 0, ["patient_id", "visit"]]
    filled = visits.iloc[rng.integers(len(visits), size=missing)].assign(
        position=rows["position"].max() + 1, code=added
    )
    return Cohort.from_rows(people, pd.concat([rows, filled]))


def simulated(number: int, rng: np.random.Generator) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Patients and diagnoses, PATIENTS at a time: the simulator needs memory for patients x codes."""
    process = simulator.load(ROOT / "ehrgen/data/simulation/simulator.npz")
    people, rows = [], []
    for first in range(0, number, PATIENTS):
        part = process.sample(min(PATIENTS, number - first), rng)
        people.append(part.patients.assign(patient_id=part.patients["patient_id"] + first))
        rows.append(part.diagnoses.assign(patient_id=part.diagnoses["patient_id"] + first))
    return pd.concat(people, ignore_index=True), pd.concat(rows, ignore_index=True)


def write(cohort: Cohort, folder: Path) -> None:
    """A project of its own in `folder`: the cohort as MIMIC-III tables, and params.yaml that reads them all."""
    tables = folder / TABLES
    tables.mkdir()
    mimic3_tables.write(cohort, Timeline.of(cohort, np.random.default_rng(1)), tables)
    params = load_yaml(ROOT / "params.yaml")
    files = [f"{TABLES}/{path.name}" for path in files_of(tables, "mimic3")]
    params["cohort"] |= {"source": "mimic3", "files": files, "patients": None}
    with open(folder / "params.yaml", "w", encoding="utf-8") as file:
        YAML(typ="safe").dump({name: params[name] for name in ("cohort", "sequence")}, file)


def stages(folder: Path) -> dict[str, Usage]:
    """What each stage took, in a folder made by `write`."""
    environment = measure.quiet() | {"PYTHONPATH": str(ROOT)}
    return {stage: usage.of([sys.executable, "-m", f"pipeline.{stage}"], folder, environment) for stage in STAGES}


def together(parts: dict[str, Usage]) -> Usage:
    """All stages one after the other: times add up, the largest peak counts."""
    of = parts.values()
    return Usage(sum(one.seconds for one in of), sum(one.cpu for one in of), max(one.peak for one in of))


def measured(times: int, rounds: int) -> dict[str, dict[str, float]]:
    """A row a stage and one for all, at `times` the size of MIMIC-III."""
    with tempfile.TemporaryDirectory(prefix="ehrgen-preparation-") as holder:
        folder = Path(holder)
        cohort = patients(times * PATIENTS, times * CODES, KINDS, np.random.default_rng(0))
        admissions = int((cohort.diagnoses["position"] == 0).sum())
        print(f"{len(cohort):,} patients, {admissions:,} admissions, {len(cohort.diagnoses):,} diagnoses", flush=True)
        write(cohort, folder)
        del cohort
        found = [stages(folder) for _ in range(rounds)]
    label = "" if times == 1 else f", {times} times the size"
    rows = {f"{stage}{label}": usage.row(one[stage] for one in found) for stage in STAGES}
    return rows | {f"together{label}": usage.row(map(together, found))}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--times", type=int, default=10, help="1: leave out the larger size")
    arguments = parser.parse_args()
    table = measured(1, arguments.rounds)
    if arguments.times > 1:
        table |= measured(arguments.times, 1)
    for name, row in table.items():
        print(f"{name:34} {row['seconds']:7.1f} s, {row['cpu']:7.1f} s of CPU time, {row['peak']:.2f} GB")
    whole = table["together"]
    goals = [
        measure.goal("the three stages at MIMIC-III's size", whole["seconds"], SECONDS, "s"),
        measure.goal("their peak memory", whole["peak"], PEAK, "GB"),
    ]
    measure.save("preparation", {"rounds": arguments.rounds, "of": table, "goals": goals}, threads=1)


if __name__ == "__main__":
    main()
