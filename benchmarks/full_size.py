"""Training and sampling at full size on a GPU: BART-base dimensions, as many patients as MIMIC-III has, bf16.

    python -m benchmarks.full_size [--steps 60] [--batch-tokens 32768] [--device cuda]

Simulated patients; the default objectives, and the language model alone. Seconds are of the wall clock with the GPU
waited for, the median of ROUNDS of so many steps, after two rounds to warm up. The peak is a product of two bf16
matrices of 8,192 measured in the same rounds. Patients are sampled from the model as those steps left it; `codes a
patient` tells how long their histories are.
"""

import argparse
import time
from pathlib import Path
from statistics import median

import numpy as np
import pandas as pd
import torch

from benchmarks import measure
from benchmarks.training import DEFAULT, LM_ONLY, OURS, PEAK, Changes, Ours, flop_a_token, learner, patients
from ehrgen.core.params import load_yaml, section
from ehrgen.data.cohort import SEXES
from ehrgen.data.sequences.sequences import Sequences
from ehrgen.learning.sampling.sampler import sample_cohort
from ehrgen.learning.settings import SamplingSettings
from ehrgen.learning.training.loop import Learner

BASE: Changes = {"d_model": 768, "layers": 6, "heads": 12, "feed_forward": 3072}
PATIENTS, EPOCHS, ROUNDS = 46_520, 30, 5
MINUTES, RATE = 3.0, 2000.0
"""The goals on one H100: minutes for EPOCHS epochs, and patients sampled a second."""


def waited(device: torch.device) -> float:
    """Seconds of the wall clock once the device has done all it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


def training(own: Learner, steps: int, size: int) -> tuple[dict[str, float], float]:
    """Tokens a second, their share of the peak, peak memory and minutes for EPOCHS epochs; and the peak in FLOP/s.

    Args:
        steps: Of one round.
        size: Of the matrices whose product is the peak.
    """
    device = own.machine.device
    contender = Ours(own)
    flop = flop_a_token(contender)
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    turns = {
        PEAK: measure.multiply(size, device=device, dtype=torch.bfloat16),
        OURS: lambda _: sum(contender(step) for step in range(steps)),
    }
    rates = measure.in_turn(turns, ROUNDS, lambda: waited(device))
    found, best = median(rates[OURS]), max(rates[PEAK])
    tokens = sum(len(batch.target) for batch in contender.steps)
    row = {"rate": found, "share_of_peak": flop * found / best, "minutes": EPOCHS * tokens / found / 60}
    memory = {"peak": torch.cuda.max_memory_allocated(device) / 1e9} if device.type == "cuda" else {}
    return row | memory, best


def drawing(own: Learner, sequences: Sequences, number: int) -> dict[str, float]:
    """Patients sampled a second, and how many tokens they have."""
    content = load_yaml(Path("params.yaml"))
    settings = section(content, "sampling", SamplingSettings, "params.yaml").model_copy(update={"batch_patients": 4096})
    chosen = np.resize(np.arange(len(sequences)), number)
    people = pd.DataFrame({"sex": np.array(SEXES)[sequences.sex[chosen]], "age_years": sequences.age[chosen]})
    device = own.machine.device
    sample_cohort(own.model, people, settings, 0, own.machine)
    start = waited(device)
    made = sample_cohort(own.model, people, settings, 1, own.machine)
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
    rows = {}
    for name, loss in ((OURS, LM_ONLY), (DEFAULT, {})):
        own = learner(sequences, BASE, loss, **how)
        rows[name], best = training(own, asked.steps, 8192 if asked.device == "cuda" else 1024)
        print(name, rows[name])
    facts = {"rounds": ROUNDS, "device": own.machine.facts()["device"], "codes": len(sequences.vocabulary.codes)}
    goals = [measure.goal(f"{EPOCHS} epochs, {DEFAULT}", rows[DEFAULT]["minutes"], MINUTES, "min")]
    measure.save("full_training", {"unit": "tokens/s", "peak_flop_s": best, **facts, "of": rows, "goals": goals})
    drawn = drawing(own, sequences, asked.sampled)
    goals = [measure.goal_at_least("sampling", drawn["rate"], RATE, "patients/s")]
    measure.save("full_sampling", {"unit": "patients/s", **facts, "of": {DEFAULT: drawn}, "goals": goals})


if __name__ == "__main__":
    main()
