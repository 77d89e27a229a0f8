"""A simulated cohort whose truth is known: latent profiles shaped like NHDS 2010, visits counted like MIMIC.

First visits are drawn from `Profiles`, so P(code | sex, age bracket) and P(pair) are exact; codes that break
a sex or age edit are impossible by construction. The mixture of sexes and ages, the code frequencies, age
curves and pairs follow NHDS 2010 discharges; the number of visits follows MIMIC-III, independently of all
else. A later visit keeps some chronic conditions of the one before and draws the rest from the same profile
or a new one of its stratum: nobody is born twice, and no delivery directly follows a delivery.

`simulator.npz` is written by `scripts/fit_simulator.py` and holds parameters alone, no patient:

    codes                  U5 [V]              leaf codes seen in 11 or more discharges
    chronic                bool [V]            carried from visit to visit
    rank, spread           float16 [V]         mean and sd of the code's place in a visit, 0 first to 1 last
    shares                 float64 [strata]     patients by stratum
    weights                float32 [strata, K]  P(profile | stratum)
    data, indices, indptr  float16, uint16, .  P(code | profile), a sparse K x V table
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Int
from numpy import ndarray
from scipy import sparse
from scipy.optimize import brentq

from ehrgen.core.arrays import read_arrays
from ehrgen.core.files import replacing
from ehrgen.data.cohort import Cohort, CohortError
from ehrgen.data.icd9 import codes as icd9
from ehrgen.data.simulation.profiles import Profiles, merged, present
from ehrgen.data.simulation.strata import STRATA, ages_of, allowed_codes, as_infants, group_of, sex_of, strata_of

# MIMIC-III v1.4 (Johnson et al. 2016): patients with 1, 2, 3+ admissions; mean and maximum of the last.
ADMISSIONS = (38_983, 5_160, 2_377)
MEAN_OF_MANY, MOST = 4.07, 42

PERSISTENCE = 0.6  # P(a chronic code keeps its state from visit to visit); else it is drawn anew
LOYALTY = 0.5  # P(the next visit has the same profile)


def of_birth(codes: ndarray) -> Bool[ndarray, " V"]:
    """Codes of the newborn alone: those the edits restrict to age 0."""
    return icd9.edits(codes)["age_max"].to_numpy() == 0


def of_delivery(codes: ndarray) -> Bool[ndarray, " V"]:
    """Codes of a delivery: its outcome (V27), the normal one (650), 640-676 with fifth digit 1 or 2."""
    delivered = pd.Series(codes, dtype="str").str.fullmatch(r"V27\d|650|6(?:[456]\d|7[0-6])\d[12]")
    return delivered.to_numpy(dtype=bool)


@dataclass(frozen=True)
class Simulator:
    """The process: first visits are exactly `profiles`, strata weighted by `shares`."""

    codes: ndarray
    chronic: Bool[ndarray, " V"]
    rank: Float[ndarray, " V"]
    spread: Float[ndarray, " V"]
    shares: Float[ndarray, " strata"]
    profiles: Profiles

    def save(self, path: Path) -> None:
        """Write the parameters, rounded as the module's docstring says; `load` gives them back."""
        table = sparse.csr_array(self.profiles.codes.astype("float16").astype("float32"))
        with replacing(path) as temporary, open(temporary, "wb") as file:
            np.savez_compressed(
                file,
                codes=self.codes.astype("U5"),
                chronic=self.chronic,
                rank=self.rank.astype("float16"),
                spread=self.spread.astype("float16"),
                shares=self.shares,
                weights=self.profiles.weights.astype("float32"),
                data=table.data.astype("float16"),
                indices=table.indices.astype("uint16"),
                indptr=table.indptr,
            )

    def code_probability(self, sex: str | None = None, bracket: int | None = None) -> Float[ndarray, " V"]:
        """Exact P(code in a first visit | sex, age bracket), 0 to 1; None for all sexes or brackets.

        Args:
            bracket: Index into AGE_BRACKETS.

        Raises:
            CohortError: If the sex or the bracket does not exist.
        """
        return self.profiles.code_probability(self._among(sex, bracket))

    def pair_probability(
        self, codes: Int[ndarray, " n"], sex: str | None = None, bracket: int | None = None
    ) -> Float[ndarray, "n n"]:
        """Exact P(both in a first visit | sex, age bracket) of the codes with these indices.

        The diagonal is P(code).

        Raises:
            CohortError: If the sex or the bracket does not exist.
        """
        return self.profiles.pair_probability(self._among(sex, bracket), codes)

    def sample(self, patients: int, rng: np.random.Generator) -> Cohort:
        """`patients` new patients of split 'unassigned', with ids 0, 1, ..."""
        strata = rng.choice(STRATA, size=patients, p=self.shares)
        people = pd.DataFrame(
            {
                "patient_id": np.arange(patients),
                "sex": pd.Series(sex_of(strata), dtype="str"),
                "age_years": ages_of(group_of(strata), rng),
                "split": pd.Series("unassigned", index=range(patients), dtype="str"),
            }
        )
        patient, visit, code = self._histories(strata, _visit_counts(patients, rng), rng)
        place = self.rank[code] + self.spread[code] * rng.standard_normal(len(code))
        order = np.lexsort((place, visit, patient))
        patient, visit, code = patient[order], visit[order], code[order]
        starts = np.flatnonzero(np.append(True, (np.diff(patient) != 0) | (np.diff(visit) != 0)))
        first = np.repeat(starts, np.diff(np.append(starts, len(code))))
        diagnoses = pd.DataFrame(
            {
                "patient_id": patient.astype("int64"),
                "visit": visit.astype("int32"),
                "position": (np.arange(len(code)) - first).astype("int32"),
                "code": pd.array(self.codes, dtype="str").take(code),
            }
        )
        return Cohort(people, diagnoses)

    def _among(self, sex: str | None, bracket: int | None) -> Float[ndarray, " strata"]:
        weights = self.shares * strata_of(sex, bracket)
        return weights / weights.sum()

    def _histories(
        self, strata: Int[ndarray, " N"], counts: Int[ndarray, " N"], rng: np.random.Generator
    ) -> tuple[ndarray, ndarray, ndarray]:
        """Patient, visit and code index of every diagnosis."""
        follow_up = self._follow_up()
        who = np.arange(len(strata))
        profile, codes = self.profiles.draw(strata, rng)
        visits = []
        for number in range(counts.max()):
            if number > 0:
                stay = counts[who] > number
                who, profile, codes = who[stay], profile[stay], codes[stay]
                profile, codes = self._next_visit(follow_up, strata[who], profile, codes, rng)
            entry = codes.tocoo()
            visits.append((who[entry.row], np.full(entry.nnz, number), entry.col))
        patient, visit, code = (np.concatenate(column) for column in zip(*visits, strict=True))
        return patient, visit, code

    def _follow_up(self) -> Profiles:
        """The mixture of later visits: strata as ever, then the same strata right after a delivery."""
        later = self.profiles.without(of_birth(self.codes))
        recovering = later.without(of_delivery(self.codes))
        return Profiles(
            np.concatenate([later.weights, recovering.weights]),
            self.profiles.codes,
            np.concatenate([later.allowed, recovering.allowed]),
        )

    def _next_visit(
        self,
        follow_up: Profiles,
        strata: Int[ndarray, " N"],
        profile: Int[ndarray, " N"],
        codes: sparse.csr_array,
        rng: np.random.Generator,
    ) -> tuple[Int[ndarray, " N"], sparse.csr_array]:
        """Profile and codes of the visit after one of this profile with these codes.

        A chronic code keeps its state with probability PERSISTENCE and is drawn anew otherwise, so it is as
        frequent in later visits as in first ones.
        """
        delivered = codes @ of_delivery(self.codes) > 0
        now = as_infants(strata)
        moves = (now != strata) | delivered | (rng.random(len(now)) >= LOYALTY)
        now = now + STRATA * delivered
        new_profile = np.where(moves, follow_up.choose(now, rng), profile)
        fresh = follow_up.codes_of(new_profile, now, rng)
        keeps = self.chronic[codes.indices] & (rng.random(codes.nnz) < PERSISTENCE)
        keeps &= follow_up.allowed[np.repeat(now, np.diff(codes.indptr)), codes.indices]
        anew = ~self.chronic[fresh.indices] | (rng.random(fresh.nnz) >= PERSISTENCE)
        visits = present(_those(codes, keeps) + _those(fresh, anew) + fresh.multiply(codes))
        if len(empty := np.flatnonzero(np.diff(visits.indptr) == 0)):
            new_profile[empty], others = self._next_visit(follow_up, strata[empty], profile[empty], codes[empty], rng)
            visits = merged(visits, others, empty)
        return new_profile, visits


def load(path: Path) -> Simulator:
    """The simulator whose parameters `Simulator.save` wrote.

    Raises:
        CohortError: If the file is missing or is no parameter file of the simulator.
    """
    if not path.is_file():
        raise CohortError(f"{path}: no such file; the simulator's parameters are ehrgen/data/simulation/simulator.npz")
    try:
        part = read_arrays(path)
        table = sparse.csr_array(
            (part["data"].astype("float64"), part["indices"].astype("int32"), part["indptr"]),
            shape=(len(part["indptr"]) - 1, len(part["codes"])),
        )
        weights = part["weights"].astype("float64")
        weights /= weights.sum(axis=1, keepdims=True)
        profiles = Profiles(weights, table.toarray(), allowed_codes(part["codes"]))
        rank, spread = part["rank"].astype("float64"), part["spread"].astype("float64")
        return Simulator(part["codes"], part["chronic"], rank, spread, part["shares"], profiles)
    except (KeyError, ValueError, IndexError, TypeError) as error:  # ArraysError, or arrays of something else
        raise CohortError(
            f"{path}: not the simulator's parameters ({error}); take ehrgen/data/simulation/simulator.npz"
        ) from None


def _visit_counts(patients: int, rng: np.random.Generator) -> Int[ndarray, " N"]:
    """Visits of each patient: 1, 2, or 3 to MOST with the power law that has the published mean."""
    many = np.arange(3.0, MOST + 1)
    mean = lambda exponent: np.average(many, weights=many**-exponent)  # noqa: E731
    power = many ** -brentq(lambda exponent: mean(exponent) - MEAN_OF_MANY, 1, 10)
    one, two, more = np.array(ADMISSIONS) / sum(ADMISSIONS)
    return rng.choice(np.arange(1, MOST + 1), size=patients, p=[one, two, *more * power / power.sum()])


def _those(visits: sparse.csr_array, keep: Bool[ndarray, " entries"]) -> sparse.csr_array:
    entry = visits.tocoo()
    return sparse.csr_array((entry.data[keep], (entry.row[keep], entry.col[keep])), shape=visits.shape)
