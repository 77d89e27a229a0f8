"""Other people's generators beside ours on the same patients, judged by `pipeline.score`.

    python -m scripts.peers simulated --run . --peers PEERS/bin/python
    python -m scripts.peers nhds --run .studies/nhds --peers PEERS/bin/python --of gpt2 promptehr

`--run` is a finished run of the pipeline: its training patients are learnt from, its held-out ones compared with, and
its models are ours. `--peers` is the Python of an environment with PyHealth (studies/peers/ABOUT.md). Sets of
others lie in .studies/peers and are made once for the same training patients and settings. Written:
studies/peers/NAME.json, and studies/peers/peers.md of all NAMEs there.
"""

import argparse
import hashlib
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ehrgen.core.files import read_json, replacing, write_json, write_text
from ehrgen.data.cohort import Cohort
from ehrgen.findings.statistics.intervals import Estimate
from ehrgen.findings.text.tables import NOTHING, cell, table
from ehrgen.metrics.anchors.generators import reference_generators
from ehrgen.scoring.markdown import titled
from ehrgen.scoring.sides import at_category

ROOT = Path(__file__).resolve().parents[1]
STUDY = ROOT / "studies/peers"
PROGRAM = STUDY / "pyhealth_sets.py"
SETTINGS = STUDY / "settings.json"
SEEDS = (0, 1, 2)
PATIENTS, FEW = 3000, 100
LEVELS = ("code", "category")
PATIENTS_OF = {"simulated": "Simulated patients", "nhds": "Discharges of the NHDS"}
PLURALS = {"code": "codes", "category": "categories"}
PEERS = {"gpt2": "code", "promptehr": "code", "halo": "category"}  # what each can learn in minutes
ONCE = ("halo",)  # takes as long as all the others together: the first seed alone
ANCHORS = {"mixture": "latent_profiles", "independent": "independent_codes"}
OURS = "ehrgen"
VARIANT = "multitask"
BESIDE = {"floor": "real patients", "memoriser": "memoriser"}
SHOWN = {
    "Fidelity": ("unigram_r2", "odd_code_ratio", "pair_r2", "pair_lift", "c2st_auc", "tstr_auroc"),
    "Diversity": ("coverage", "effective_codes", "unique_patients", "tail_recall", "recall"),
    "Histories": ("codes_per_visit_w1", "visits_per_patient_w1", "persistence", "repeated_code_r2", "new_code_r2"),
    "Validity": ("repeated_codes",),
    "Privacy": ("membership_auc", "memorised_records", "nnaar", "dcr_share"),
}
COSTS = {
    "training_cpu_seconds": "training, CPU s",
    "sampling_cpu_seconds": f"sampling {PATIENTS:,}, CPU s",
    "parameters": "parameters",
    "empty_patients": "patients without a code",
}


@dataclass(frozen=True)
class Made:
    """One set of patients: where it is, and what it cost."""

    name: str
    seed: int
    place: Path
    costs: dict[str, float]
    level: str = "code"

    @property
    def title(self) -> str:
        return f"{self.name}-{self.seed}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", help="what these patients are called, as simulated or nhds")
    parser.add_argument("--run", type=Path, default=ROOT, help="a finished run of the pipeline (default: here)")
    parser.add_argument("--peers", type=Path, required=True, help="Python of the environment with PyHealth")
    parser.add_argument("--of", nargs="+", choices=PEERS, default=list(PEERS), help="PyHealth's generators (all)")
    asked = parser.parse_args()
    work = ROOT / ".studies/peers" / asked.name
    train = Cohort.load(asked.run / "data/cohort").of_split("train")
    sets = [*others(train, work, asked.peers, asked.of), *anchors(train, work), *ours(asked.run, train, work)]
    content: dict[str, Any] = {"training_patients": len(train), "peers": {kind: how(work, kind) for kind in asked.of}}
    for level in LEVELS:
        here = [made for made in sets if LEVELS.index(made.level) <= LEVELS.index(level)]
        if any(made.level == level for made in sets):
            content[level] = findings(here, scored(asked.run / "data/cohort", here, level, work / f"scored_{level}"))
    write_json(content, STUDY / f"{asked.name}.json")
    found = {path.stem: read_json(path) for path in sorted(STUDY.glob("*.json"), reverse=True) if path != SETTINGS}
    write_text(report(found), STUDY / "peers.md")
    print(f"written: studies/peers/{asked.name}.json, studies/peers/peers.md")


def others(train: Cohort, work: Path, python: Path, kinds: Sequence[str]) -> list[Made]:
    """The sets of PyHealth's generators; those of the same training patients and settings are not made again."""
    tables = {"code": train, "category": at_category(train)}
    for level, cohort in tables.items():
        rows = cohort.diagnoses[["patient_id", "visit", "code"]].set_axis(["patient", "visit", "code"], axis=1)
        write_text(rows.to_csv(index=False), work / f"train_{level}.csv")
    sets = []
    for kind in kinds:
        learnt_from = work / f"train_{PEERS[kind]}.csv"
        for seed in SEEDS[:1] if kind in ONCE else SEEDS:
            folder = work / f"{kind}-{seed}"
            made = made_once(python, [kind, "--train", learnt_from, "--seed", seed, "--patients", PATIENTS], folder)
            shared = {name: made[name] for name in ("training_cpu_seconds", "parameters")}
            for name, costs in made["sets"].items():
                known = {cost: costs[cost] for cost in ("sampling_cpu_seconds", "empty_patients")}
                sets.append(Made(name, seed, folder / f"{name}.csv", shared | known, PEERS[kind]))
    return sets


def made_once(python: Path, arguments: list[Any], folder: Path) -> dict[str, Any]:
    """Run the program that makes sets, unless the folder has what it made of the same table with the same settings."""
    settings = json.dumps(read_json(SETTINGS)[arguments[0]]).encode()
    key = hashlib.sha256(settings + arguments[2].read_bytes()).hexdigest()
    if not (folder / "key").is_file() or (folder / "key").read_text() != key:
        print(f"{folder.name}: training and sampling", flush=True)
        with replacing(folder) as fresh, folder.with_suffix(".log").open("w") as log:
            fresh.mkdir()
            command = [python, PROGRAM, *map(str, arguments), "--out", str(fresh)]
            subprocess.run(command, check=True, stdout=log, stderr=log)
            (fresh / "key").write_text(key)
    return read_json(folder / "made.json")


def how(work: Path, kind: str) -> dict[str, Any]:
    """Versions, sizes and ways of sampling of one of PyHealth's generators."""
    made = read_json(work / f"{kind}-{SEEDS[0]}/made.json")
    ways = {name: one["sampling"] for name, one in made["sets"].items()}
    return {"versions": made["versions"], "settings": made["settings"], "sampling": ways}


def anchors(train: Cohort, work: Path) -> list[Made]:
    """The sets of the mixture and of independent codes, which are fitted and sampled in one go."""
    makers = reference_generators(64)
    sets = []
    for name, maker in ANCHORS.items():
        for seed in SEEDS:
            rng = np.random.default_rng([seed, 5])
            seconds, cohort = timed(lambda: makers[maker](train, PATIENTS, rng))  # noqa: B023
            cohort.save(work / f"{name}-{seed}")
            sets.append(Made(name, seed, work / f"{name}-{seed}", {"training_cpu_seconds": seconds}))
    return sets


def ours(run: Path, train: Cohort, work: Path) -> list[Made]:
    """The first sample of each model of our base, as the run made it; its program tells how long sampling takes."""
    sets, people = [], (work / "people.parquet").resolve()
    train.patients[["sex", "age_years"]].to_parquet(people, index=False)
    for seed in SEEDS:
        manifest = read_json(run / "reports/manifests" / VARIANT / f"{seed}.json")
        costs = {"training_cpu_seconds": manifest["cpu_seconds"], "parameters": manifest["parameters"]["all"]}
        if seed == SEEDS[0]:  # all take as long
            sampling = generating(run, seed, people, PATIENTS) - generating(run, seed, people, FEW)  # without its start
            costs["sampling_cpu_seconds"] = round(sampling * PATIENTS / (PATIENTS - FEW), 1)
        sets.append(Made(OURS, seed, run / "samples" / VARIANT / str(seed) / "0", costs))
    return sets


def generating(run: Path, seed: int, people: Path, patients: int) -> float:
    """CPU seconds of `pipeline.generate`, which samples and writes patients."""
    with tempfile.TemporaryDirectory() as folder:
        what = [
            f"models/{VARIANT}/{seed}",
            "--table",
            str(people),
            "--patients",
            str(patients),
            "--out",
            f"{folder}/made",
        ]
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        command = [sys.executable, "-m", "pipeline.generate", "--model", *what]
        subprocess.run(command, cwd=run, check=True, stdout=subprocess.DEVNULL)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def timed(work: Callable[[], Cohort]) -> tuple[float, Cohort]:
    """CPU seconds, to a tenth, and what the work returned."""
    start = time.process_time()
    result = work()
    return round(time.process_time() - start, 1), result


def scored(real: Path, sets: list[Made], level: str, out: Path) -> dict[str, Any]:
    """What `pipeline.score` finds of all sets against the held-out patients of a cohort."""
    shutil.rmtree(out, ignore_errors=True)
    given = [part for made in sets for part in ("--synthetic", f"{made.title}={made.place.resolve()}")]
    known = ["--real", real.resolve(), "--train", real.resolve(), "--patients", PATIENTS, "--quick", "--level", level]
    known += ["--out", out]
    command = [sys.executable, "-m", "pipeline.score", *map(str, known), *given]
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    return read_json(out / "score.json")


def findings(sets: list[Made], score: dict[str, Any]) -> dict[str, Any]:
    """Each generator's values a seed, of all metrics and of what it cost; those of references as they are."""
    generators: dict[str, dict[str, list[float]]] = {}
    for made in sets:
        values = score["metrics"][made.title] | {cost: float(value) for cost, value in made.costs.items()}
        mine = generators.setdefault(made.name, {})
        for key, value in values.items():
            mine.setdefault(key, []).append(value)
    beside = {title: score["metrics"][name] for name, title in BESIDE.items()}
    return {"patients": score["patients"], "generators": generators, "beside": beside}


def report(found: dict[str, dict[str, Any]]) -> str:
    """The tables of all populations, as Markdown."""
    parts = [
        "# Other people's generators beside ours",
        "Mean over three seeds (HALO: one) ± half-width of the 95 % interval over seeds. ↑ higher is better,\n"
        "↓ lower is better, = as in real patients is best. *real patients* are other real ones: what a perfect\n"
        "generator reaches. How this came about, and with which settings, is in ABOUT.md.",
    ]
    for name, content in found.items():
        for level in LEVELS:
            if level in content:
                size = f"{content[level]['patients']:,} patients of each, learnt from {content['training_patients']:,}"
                title = f"{PATIENTS_OF.get(name, name)}, {PLURALS[level]}"
                parts += [f"## {title}", f"{size}.", *tables(content[level])]
    return "\n\n".join(parts) + "\n"


def tables(content: dict[str, Any]) -> list[str]:
    """A heading and a table for each group of metrics, and one of costs."""
    everyone = content["generators"] | {name: one_seed(values) for name, values in content["beside"].items()}
    parts = []
    for group, metrics in SHOWN.items():
        rows = [[titled(name), *(number(values.get(name)) for values in everyone.values())] for name in metrics]
        parts += [f"### {group}", table(["", *everyone], rows)]
    trained = content["generators"]
    rows = [[title, *(number(values.get(cost)) for values in trained.values())] for cost, title in COSTS.items()]
    return [*parts, "### Costs", table(["", *trained], rows)]


def one_seed(values: dict[str, float]) -> dict[str, list[float]]:
    return {name: [value] for name, value in values.items()}


def number(values: list[float] | None) -> str:
    """Mean and half-width over seeds, the half-width only where all have a value that is not the same."""
    if not values:
        return NOTHING
    found = Estimate.of(values)
    return cell(found if found.half_width else Estimate(found.mean, None, 1))


if __name__ == "__main__":
    main()
