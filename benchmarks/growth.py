"""How time and memory grow with the number of patients, from tables to metrics.

    python -m benchmarks.growth [--patients 12000 48000 190000] [--limit 600]

Simulated patients, written as MIMIC-III's tables, go through `ingest`, `preprocess` and `cooccurrence`; one epoch of
the default model on their training split; a sample of as many patients as that split has; and all metrics of that
sample against equally many held-out patients, a quarter of all. Each part is a process of its own with one thread:
start of Python, reading and writing included, so that small sizes look flatter than they are. The exponent is of CPU
seconds against the size before: 1 is linear. A part that would take more than LIMIT seconds, by the exponent so far
or by a quadratic one where there is none, is not run.

The smallest size runs once more with LONG_ONES of its patients at 500 codes in 40 visits each. Writes growth.svg too.
"""

import argparse
import math
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks import measure, preparation, usage
from benchmarks.growth_figure import figure
from benchmarks.training import learner
from benchmarks.usage import Usage
from ehrgen.core.files import write_text
from ehrgen.core.params import load_yaml, section
from ehrgen.data.cohort import Cohort
from ehrgen.data.sequences.sequences import Sequences
from ehrgen.learning.machine.device import prepare_machine
from ehrgen.learning.model.prompt_bart import PromptBart
from ehrgen.learning.sampling.sampler import sample_cohort
from ehrgen.learning.settings import SamplingSettings
from ehrgen.metrics.evaluation import EvaluationData, evaluate

ROOT = preparation.ROOT
SIZES = (12_000, 48_000, 190_000)
LIMIT = 600.0
LONG_ONES, CODES, VISITS = 10, 500, 40
LONG = f"{LONG_ONES} of {CODES} codes in {VISITS} visits"
FIGURE = Path("benchmarks/growth.svg")


def training(folder: Path) -> None:
    """An epoch on the sequences of a folder; leaves its model there."""
    own = learner(Sequences.load(folder / "data/sequences"), {}, {})
    own.epoch(1)
    own.model.save(folder / "model")


def sampling(folder: Path) -> None:
    """As many patients as that model was trained on, with their sexes and ages."""
    params = load_yaml(Path("params.yaml"))
    settings = section(params, "sampling", SamplingSettings, "params.yaml")
    people = Cohort.load(folder / "data/cohort").of_split("train").patients
    machine = prepare_machine("cpu", "fp32", 1, params["model"]["d_model"])
    sample_cohort(PromptBart.load(folder / "model"), people, settings, 0, machine).save(folder / "synthetic")


def metrics(folder: Path) -> None:
    """All metrics of that sample, of as many patients as are held out."""
    real = Cohort.load(folder / "data/cohort")
    splits = [real.of_split(name) for name in ("heldout", "train")]
    evaluate(EvaluationData.of(splits[0], Cohort.load(folder / "synthetic"), splits[1], len(real), 0))


PARTS = {"training": training, "sampling": sampling, "metrics": metrics}
ALL = (*preparation.STAGES, *PARTS)


def with_long_histories(cohort: Cohort, rng: np.random.Generator) -> Cohort:
    """The same patients, LONG_ONES of whom have CODES codes that others have, in VISITS visits."""
    rows, known = cohort.diagnoses, cohort.diagnoses["code"].unique().astype(str)
    chosen = rng.choice(cohort.patients["patient_id"].to_numpy(), LONG_ONES, replace=False)
    place = np.arange(CODES)
    long = [
        pd.DataFrame({
            "patient_id": patient, "visit": place % VISITS, "position": place // VISITS,
            "code": rng.choice(known, CODES, replace=False),
        })
        for patient in chosen
    ]  # fmt: skip
    others = rows[~rows["patient_id"].isin(chosen)].astype({"code": str})
    return Cohort.from_rows(cohort.patients, pd.concat([others, *long], ignore_index=True))


def command(part: str, folder: Path) -> Usage:
    """What a part took, in a folder in which those before it have run."""
    if part in PARTS:
        return usage.of([sys.executable, "-m", "benchmarks.growth", "--part", part, str(folder)], ROOT, measure.quiet())
    environment = measure.quiet() | {"PYTHONPATH": str(ROOT)}
    return usage.of([sys.executable, "-m", f"pipeline.{part}"], folder, environment)


def exponent(small: tuple[int, float], large: tuple[int, float]) -> float:
    """Of the power law through two sizes, each with what was measured there.

    Example:
        >>> exponent((100, 2.0), (400, 32.0))
        2.0
    """
    return math.log(large[1] / small[1]) / math.log(large[0] / small[0])


def foreseen(earlier: list[tuple[int, float]], size: int) -> float:
    """Seconds at a size: by the exponent of the last two measured, quadratic after only one, 0 after none.

    Example:
        >>> foreseen([(100, 2.0)], 200), foreseen([(100, 2.0), (200, 4.0)], 400), foreseen([], 400)
        (8.0, 8.0, 0.0)
    """
    if not earlier:
        return 0.0
    power = exponent(*earlier[-2:]) if len(earlier) > 1 else 2.0
    return earlier[-1][1] * (size / earlier[-1][0]) ** power


def measured(cohort: Cohort, earlier: dict[str, list[tuple[int, float]]], limit: float) -> dict[str, dict[str, float]]:
    """A row a part for this cohort; of a part not run, what was foreseen.

    Args:
        earlier: Of each part, smaller sizes with their CPU seconds.
    """
    rows = {}
    with tempfile.TemporaryDirectory(prefix="ehrgen-growth-") as holder:
        folder = Path(holder)
        preparation.write(cohort, folder)
        for part in ALL:
            if (seconds := foreseen(earlier.get(part, []), len(cohort))) > limit:
                rows[part] = {"foreseen": seconds}
                print(f"{part:14} {len(cohort):9,} patients: not run, {seconds:,.0f} s foreseen", flush=True)
                break  # those after it need what it leaves
            took = command(part, folder)
            rows[part] = {"seconds": took.seconds, "cpu": took.cpu, "peak": took.peak}
            print(f"{part:14} {len(cohort):9,} patients: {took.cpu:7.1f} s, {took.peak:.2f} GB", flush=True)
    return rows


def simulated(number: int) -> Cohort:
    """That many patients, always the same."""
    return Cohort.from_rows(*preparation.simulated(number, np.random.default_rng(0)))


def table(sizes: list[int], limit: float) -> dict[str, dict[str, float]]:
    """Rows of all parts and sizes, part by part, then those with long histories."""
    known: dict[str, list[tuple[int, float]]] = {}
    found = {}
    for size in sizes:
        for part, row in measured(simulated(size), known, limit).items():
            if "cpu" in row:
                before = known.setdefault(part, [])
                row |= {"exponent": exponent(before[-1], (size, row["cpu"]))} if before else {}
                before.append((size, row["cpu"]))
            found[part, size] = row
    long = measured(with_long_histories(simulated(sizes[0]), np.random.default_rng(1)), {}, limit)
    rows = {f"{part}, {size:,} patients": found[part, size] for part in ALL for size in sizes if (part, size) in found}
    return rows | {f"{part}, {sizes[0]:,} patients, {LONG}": row for part, row in long.items()}


def added_by_long(rows: dict[str, dict[str, float]], size: int) -> float:
    """How much more CPU time all parts take with long histories, in per cent."""
    plain, long = (
        sum(rows[f"{part}, {size:,} patients{tail}"]["cpu"] for part in ALL) for tail in ("", f", {LONG}")
    )  # fmt: skip
    return 100 * (long / plain - 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--patients", type=int, nargs="+", default=SIZES)
    parser.add_argument("--limit", type=float, default=LIMIT, help="seconds that a part may be expected to take")
    parser.add_argument("--part", nargs=2, metavar=("PART", "FOLDER"), help="run this part alone, unmeasured")
    asked = parser.parse_args()
    if asked.part:
        PARTS[asked.part[0]](Path(asked.part[1]))
        return
    sizes = sorted(asked.patients)
    rows = table(sizes, asked.limit)
    goals = [measure.goal(f"added by {LONG}", added_by_long(rows, sizes[0]), 5, "% of CPU time")]
    measure.save("growth", {"rounds": 1, "figure": FIGURE.name, "of": rows, "goals": goals}, threads=1)
    write_text(figure(rows), FIGURE)
    print(f"wrote {FIGURE}")


if __name__ == "__main__":
    main()
