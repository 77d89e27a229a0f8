"""Does the suite rank generators as their known faults demand? On simulated patients, with all numbers.

    python -m scripts.metrics_check --patients 5000

prints every metric of every reference generator, then each claim with its number, and fails if one does not hold.
tests/metrics/test_acceptance.py holds the same claims at fewer patients.
"""

import argparse
import math
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from ehrgen.data.cohort import Cohort
from ehrgen.data.simulation.simulator import load
from ehrgen.metrics.anchors import generators
from ehrgen.metrics.evaluation import EvaluationData, evaluate
from ehrgen.metrics.table.suite import METRICS

SIMULATOR = Path(__file__).resolve().parents[1] / "ehrgen/data/simulation/simulator.npz"
PROFILES = 64
FLOOR, FLIPPED, MISWRITTEN = "floor", "flipped", "miswritten"
GENERATORS = tuple(generators.reference_generators(PROFILES))
COPIERS = ("memoriser", "markov", "collapsed")  # the chain too begins each history with a training patient's visit
HONEST = tuple(name for name in GENERATORS if name not in COPIERS)


@dataclass(frozen=True)
class Claim:
    """How much worse than fresh real patients the metric must find a cohort, and how much at most."""

    says: str
    metric: str
    owner: str
    least: float = -math.inf
    most: float = math.inf

    def holds(self, gap: float) -> bool:
        """Whether `gap` lies between, ends excluded."""
        return self.least < gap < self.most


FIDELITY = ("pair_r2", "pair_lift", "c2st_auc", "adversarial_accuracy", "tstr_next_auroc", "persistence")
COPIED = {"unigram_r2": 0.01, "pair_r2": 0.03, "pair_lift": 0.05, "c2st_auc": 0.03, "tstr_auroc": 0.02}
LEAKED = {  # how far a copy lies from what is ideal; nobody honest may go half as far
    "membership_auc": 0.4,
    "density_membership_auc": 0.4,
    "density_membership_tpr": 0.5,
    "dcr_share": 0.4,
    "memorised_records": 0.8,
    "memorised_run": 0.5,
    "nnaar": 0.3,
    "attribute_inference": 0.3,
}
VARIETY = {"coverage": 0.4, "effective_codes": 0.4, "unique_patients": 0.4, "c2st_auc": 0.4, "tstr_auroc": 0.1}
LINKS = {"pair_r2": 0.05, "pair_lift": 0.2, "persistence": 0.3, "tstr_auroc": 0.03, "tstr_next_auroc": 0.05}
WITHIN_A_VISIT = {"pair_r2": 0.05, "pair_lift": 0.2, "tstr_auroc": 0.03}
BETWEEN_VISITS = {"persistence": 0.3, "sequential_pair_r2": 0.03, "tstr_next_auroc": 0.1}
UNIGRAMS = {"unigram_r2": 0.02, "odd_code_ratio": 1}
SEXES = {"sex_violations": 0.4, "sex_probe": 0.1, "sex_contrast": 0.1, "cell_r2": 0.02}


def claims() -> Iterator[Claim]:
    """All of them."""
    for name in FIDELITY:
        for owner in (*HONEST, "collapsed"):
            yield Claim("fresh real patients beat every generator", name, owner, least=0)
    for name, most in COPIED.items():
        yield Claim("a copy of the training set wins fidelity", name, "memoriser", most=most)
    for name, least in LEAKED.items():
        yield Claim("and fails privacy", name, "memoriser", least=least)
        for owner in HONEST:
            yield Claim("which an honest generator does not", name, owner, most=least / 2)
    for name, least in VARIETY.items():
        yield Claim("twenty patients repeated have no variety and teach little", name, "collapsed", least=least)
    for name, most in UNIGRAMS.items():
        yield Claim("independent codes pass unigrams", name, "independent_codes", most=most)
    yield Claim("so does a rare code in a common one's place", "unigram_r2", MISWRITTEN, most=UNIGRAMS["unigram_r2"])
    yield Claim("which is the oddest code", "odd_code_ratio", MISWRITTEN, least=UNIGRAMS["odd_code_ratio"])
    for name, least in LINKS.items():
        yield Claim("and fail whatever links codes", name, "independent_codes", least=least)
    for name, most in WITHIN_A_VISIT.items():
        yield Claim("latent profiles come close within a visit", name, "latent_profiles", most=most)
    for name, least in BETWEEN_VISITS.items():
        yield Claim("and forget between visits", name, "latent_profiles", least=least)
    for name, least in SEXES.items():
        yield Claim("sexes flipped for half fail validity and conditioning", name, FLIPPED, least=least)


def cohorts(patients: int, seed: int) -> dict[str, Cohort]:
    """Real patients as `train`, `heldout` and `floor`, the last with two faults, and the generators' of `train`."""
    everybody = load(SIMULATOR).sample(3 * patients, np.random.default_rng(seed))
    parts = np.array_split(everybody.patients["patient_id"].to_numpy(), 3)
    train, heldout, fresh = (everybody.take(ids) for ids in parts)
    made = {
        name: generate(train, patients, np.random.default_rng([seed, number]))
        for number, (name, generate) in enumerate(generators.reference_generators(PROFILES).items())
    }
    return {
        "train": train,
        "heldout": heldout,
        FLOOR: fresh,
        FLIPPED: flipped(fresh, seed),
        **made,
        MISWRITTEN: miswritten(fresh),
    }


def flipped(original: Cohort, seed: int) -> Cohort:
    """The cohort with the other sex for half of its patients."""
    sex = original.patients["sex"].to_numpy(dtype=str)
    drawn = np.random.default_rng(seed).random(len(sex)) < 0.5
    other = pd.Series(np.where(drawn, np.where(sex == "F", "M", "F"), sex), dtype="str")
    return Cohort(original.patients.assign(sex=other), original.diagnoses)


def miswritten(original: Cohort) -> Cohort:
    """The cohort with a rare sibling, uncontrolled diabetes, in place of every third diabetes without complication."""
    code = original.diagnoses["code"].to_numpy(dtype=object).copy()
    code[np.flatnonzero(code == "25000")[::3]] = "25002"
    return Cohort(original.patients, original.diagnoses.assign(code=pd.Series(code, dtype="str")))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--patients", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    made = cohorts(chosen.patients, chosen.seed)
    owners = (FLOOR, *GENERATORS, FLIPPED, MISWRITTEN)
    found = {owner: evaluate(EvaluationData(made["heldout"], made[owner], made["train"])) for owner in owners}
    values = pd.DataFrame({owner: scores.metrics for owner, scores in found.items()}).reindex(METRICS)
    print(values.dropna(how="all").to_string(float_format="{:.4g}".format, na_rep="-"))
    failed = 0
    for claim in claims():
        of = values.loc[claim.metric]
        gap = METRICS[claim.metric].gap(of[claim.owner], of[FLOOR])
        failed += not claim.holds(gap)
        print(
            f"{'holds' if claim.holds(gap) else 'FAILS'}  {claim.says}: {claim.metric} of {claim.owner} is {gap:.4g} "
            f"worse than the floor ({claim.least:g} to {claim.most:g})"
        )
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
