"""Training and sampling at full size on a GPU: BART-base dimensions, as many patients as MIMIC-III has, bf16.

    python -m benchmarks.full_size [--steps 60] [--batch-tokens 32768] [--device cuda]

Simulated patients; the default objectives, and the language model alone. Seconds are of the wall clock with the GPU
waited for, the median of ROUNDS of so many steps, after as many to warm up. The peak is a product of two bf16 matrices
of 8,192 measured in the same run. Patients are sampled from the model as those steps left it; `codes a patient` tells
how long their histories are.
"""

import argparse
import time
from pathlib import Path
from statistics import median

import numpy as np
import pandas as pd
import torch

from benchmarks import measure
from benchmarks.training import DEFAULT, LM_ONLY, OURS, Changes, Ours, flop_a_token, learner, patients
from ehrgen.data.cohort import SEXES
from ehrgen.data.sequences import Sequences
from ehrgen.learning import sampling
from ehrgen.learning.settings import SamplingSettings
from ehrgen.learning.training import Learner
from ehrgen.params import load_yaml, section

BASE: Changes = {"d_model": 768, "layers": 6, "heads": 12, "feed_forward": 3072}
PATIENTS, EPOCHS, ROUNDS = 46_520, 30, 5
MINUTES, RATE = 3.0, 2000.0
"""The goals on one H100: minutes for EPOCHS epochs, and patients sampled a second."""


def waited(device: torch.device) -> float:
    """Seconds of the wall clock once the device has done all it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


def rate(contender: measure.Contender, steps: int, device: torch.device) -> float:
    """Work a second: the median of ROUNDS of `steps` calls, after as many to warm up."""
    found = []
    for number in range(1 + ROUNDS):
        start = waited(device)
        work = sum(contender(number * steps + step) for step in range(steps))
        found.append(work / (waited(device) - start))
    return median(found[1:])


def peak(device: torch.device, size: int) -> float:
    """FLOP/s of a product of two square bf16 matrices, the best of ten."""
    left, right = (torch.randn(size, size, device=device, dtype=torch.bfloat16) for _ in range(2))
    seconds = []
    for _ in range(13):
        start = waited(device)
        torch.mm(left, right)
        seconds.append(waited(device) - start)
    return 2.0 * size**3 / min(seconds[3:])


def training(own: Learner, steps: int, best: float) -> dict[str, float]:
    """Tokens a second, their share of the peak, peak memory and minutes for EPOCHS epochs of steps."""
    device = own.machine.device
    contender = Ours(own)
    flop = flop_a_token(contender)
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    found = rate(contender, steps, device)
    tokens = sum(len(batch.target) for batch in contender.steps)
    row = {"rate": found, "share_of_peak": flop * found / best, "minutes": EPOCHS * tokens / found / 60}
    return row | ({"peak": torch.cuda.max_memory_allocated(device) / 1e9} if device.type == "cuda" else {})


def drawing(own: Learner, sequences: Sequences, number: int) -> dict[str, float]:
    """Patients sampled a second, and how many tokens they have."""
    content = load_yaml(Path("params.yaml"))
    settings = section(content, "sampling", SamplingSettings, "params.yaml").model_copy(update={"batch_patients": 4096})
    chosen = np.resize(np.arange(len(sequences)), number)
    people = pd.DataFrame({"sex": np.array(SEXES)[sequences.sex[chosen]], "age_years": sequences.age[chosen]})
    device = own.machine.device
    sampling.sample(own.model, people, settings, 0, own.machine)
    start = waited(device)
    made = sampling.sample(own.model, people, settings, 1, own.machine)
    return {"rate": number / (waited(device) - start), "codes": len(made.diagnoses) / number}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--batch-tokens", type=int, default=32_768)
    parser.add_argument("--device", default="cuda", choices=["cpu", "cuda"])
    parser.add_argument("--patients", type=int, default=PATIENTS)
    parser.add_argument("--sampled", type=int, default=20_000)
    asked = parser.parse_args()
    sequences = patients(asked.patients)
    how = {"precision": "bf16", "device": asked.device, "batch_tokens": asked.batch_tokens}
    rows, best = {}, 0.0
    for name, loss in ((OURS, LM_ONLY), (DEFAULT, {})):
        own = learner(sequences, BASE, loss, **how)
        best = best or peak(own.machine.device, 8192 if asked.device == "cuda" else 1024)
        rows[name] = training(own, asked.steps, best)
        print(name, rows[name])
    facts = {"rounds": ROUNDS, "device": own.machine.facts()["device"], "codes": len(sequences.vocabulary.codes)}
    goals = [measure.goal(f"{EPOCHS} epochs, {DEFAULT}", rows[DEFAULT]["minutes"], MINUTES, "min")]
    measure.save("full_training", {"unit": "tokens/s", "peak_flop_s": best, **facts, "of": rows, "goals": goals})
    drawn = drawing(own, sequences, asked.sampled)
    goals = [measure.goal_at_least("sampling", drawn["rate"], RATE, "patients/s")]
    measure.save("full_sampling", {"unit": "patients/s", **facts, "of": {DEFAULT: drawn}, "goals": goals})


if __name__ == "__main__":
    main()
