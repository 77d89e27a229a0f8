"""Trains a generator of PyHealth 2.1.0, as it is shipped, and writes the patients that it makes.

It runs in an environment of PyHealth's own and imports nothing of this project (studies/peers/ABOUT.md says how to make
one); `python -m scripts.peers` calls it:

    PEERS/bin/python studies/peers/pyhealth_sets.py gpt2 --train train.csv --seed 0 --patients 3000 --out folder

`--train` is a table of patient, visit and code. In the folder: a table for each way of sampling, made.json with times,
sizes and versions. One thread; nothing of PyHealth is changed.
"""

import argparse
import csv
import json
import sys
import tempfile
import time
from pathlib import Path

import torch
import transformers

OPERATORS = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
if torch.version.cuda is None:  # torchvision, which PyHealth imports for pictures, looks for these; nothing calls them
    for operator in ("nms", "qnms"):
        torch.library.define(f"torchvision::{operator}", OPERATORS)

import pyhealth  # noqa: E402
from pyhealth.datasets import create_sample_dataset  # noqa: E402
from pyhealth.models import GPT2, HALO, PromptEHR  # noqa: E402

SPARE = 1.1  # some patients come out empty
SETTINGS = Path(__file__).with_name("settings.json")
MODELS = {"gpt2": GPT2, "promptehr": PromptEHR, "halo": HALO}
ENCODING = {"gpt2": "nested_sequence", "promptehr": "nested_sequence", "halo": "nested_multihot"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("generator", choices=MODELS)
    parser.add_argument("--train", type=Path, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--patients", type=int, required=True)
    parser.add_argument("--out", type=Path, required=True)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    transformers.set_seed(asked.seed)  # of torch, numpy and random; PromptEHR masks by numpy
    kind, settings = asked.generator, json.loads(SETTINGS.read_text(encoding="utf-8"))[asked.generator]
    data = create_sample_dataset(read(asked.train), input_schema={"visits": ENCODING[kind]}, output_schema={})
    with tempfile.TemporaryDirectory() as checkpoints:
        model = MODELS[kind](data, save_dir=checkpoints, **settings["model"])
        training, _ = timed(lambda: model.train_model(data, device="cpu"))
    made = {
        "versions": {"pyhealth": pyhealth.__version__, "torch": torch.__version__, "python": sys.version.split()[0]},
        "settings": settings["model"],
        "parameters": sum(one.numel() for one in model.parameters()),
        "training_cpu_seconds": round(training, 1),
        "sets": {},
    }
    for name, options in settings["sampling"].items():
        drawn = int(asked.patients * SPARE)
        sampling, patients = timed(lambda: model.generate(drawn, device="cpu", **options))  # noqa: B023
        full = [one["visits"] for one in patients if one["visits"]]
        write(full[: asked.patients], asked.out / f"{name}.csv")
        made["sets"][name] = {
            "sampling": options,
            "sampling_cpu_seconds": round(sampling * asked.patients / drawn, 1),
            "empty_patients": round(1 - len(full) / drawn, 4),
        }
    (asked.out / "made.json").write_text(json.dumps(made, indent=2) + "\n", encoding="utf-8")


def timed(work):
    """CPU seconds that a piece of work took, and what it returned."""
    start = time.process_time()
    result = work()
    return time.process_time() - start, result


def read(path: Path) -> list[dict]:
    """The patients of a table of patient, visit and code, as PyHealth takes them."""
    patients: dict[str, dict[str, list[str]]] = {}
    with path.open(encoding="utf-8", newline="") as stream:
        for row in csv.DictReader(stream):
            patients.setdefault(row["patient"], {}).setdefault(row["visit"], []).append(row["code"])
    return [{"patient_id": name, "visits": list(visits.values())} for name, visits in patients.items()]


def write(patients: list[list[list[str]]], path: Path) -> None:
    """A table of patient, visit and code."""
    with path.open("w", encoding="utf-8", newline="") as stream:
        table = csv.writer(stream)
        table.writerow(["patient", "visit", "code"])
        for number, visits in enumerate(patients):
            table.writerows([number, order, code] for order, codes in enumerate(visits) for code in codes)


if __name__ == "__main__":
    main()
