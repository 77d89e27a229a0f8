"""The numbers behind the figures of one synthetic cohort beside held-out real patients: reports/portraits/*.json.

Numbers alone: `findings` draws them. Shares that would tell of 1 to 10 real patients are None, and a reader says so.
Axes: N visits, V codes, K groups of codes (ICD chapters or categories), P patients.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy import ndarray

from ehrgen.core.files import write_text
from ehrgen.data.cohort import AGE_BRACKETS, SEXES, Cohort
from ehrgen.data.disclosure import SMALLEST_SHOWN, small, small_of_whole
from ehrgen.data.icd9 import codes as icd9
from ehrgen.data.icd9.codebook import CHAPTERS
from ehrgen.data.indicator import membership
from ehrgen.metrics.cohorts import incidence, neighbours
from ehrgen.metrics.cohorts.subgroups import SUBGROUPS, subgroup_of
from ehrgen.metrics.evaluation import EvaluationData
from ehrgen.metrics.families.fidelity import ODD_SMOOTHING
from ehrgen.metrics.statistics.agreement import smoothed_ratio
from ehrgen.metrics.table.scores import rounded

Published = list[float | None]

COMMONEST_CODES = 250  # of either side
COMMONEST_CATEGORIES = 30
ODD_CODES = 12  # of either direction
CONDITIONED_CHAPTERS = 8
MOST_VISITS, MOST_CODES = 10, 40  # the last bar holds what is beyond
DISTANCE_STEPS = 20


def portrait(data: EvaluationData) -> dict[str, Any]:
    """Everything, as what JSON can hold; `real` is held-out patients, `synthetic` those to be judged.

    `conditioning` is empty where nobody's sex or age is known, and `distances` where no training patients are.
    """
    sides = {"real": (data.heldout, True), "synthetic": (data.synthetic, data.copies)}
    codes = np.union1d(*(incidence.distinct_codes(cohort) for cohort, _ in sides.values()))
    categories, category = np.unique(icd9.category(codes), return_inverse=True)
    per_visit, per_patient = incidence.codes_per_visit, incidence.visits_per_patient
    return {
        "patients": len(data),
        "chapters": [chapter.title for chapter in CHAPTERS],
        "codes": _codes(data, codes),
        "odd_codes": _odd_codes(data, codes),
        "chapter_pairs": _pairs(data, icd9.chapter(codes), lambda k: CHAPTERS[k].title, len(CHAPTERS)),
        "category_pairs": _pairs(
            data, category, lambda k: f"{categories[k]} {icd9.title(categories[k])}", COMMONEST_CATEGORIES
        ),
        "visits_per_patient": {
            side: _histogram(per_patient(cohort), np.arange(len(cohort)), MOST_VISITS, real)
            for side, (cohort, real) in sides.items()
        },
        "codes_per_visit": {
            side: _histogram(per_visit(cohort), incidence.patient_of_visit(cohort), MOST_CODES, real)
            for side, (cohort, real) in sides.items()
        },
        "conditioning": _conditioning(data, codes) if data.heldout.has_sex and data.heldout.has_age else {},
        "distances": _distances(data, data.train) if data.train is not None else {},
    }


def save(content: dict[str, Any], path: Path) -> None:
    """Write a portrait as JSON, a part a line, so that git shows which part changed."""
    parts = [f"{json.dumps(name)}: {json.dumps(part, allow_nan=False)}" for name, part in content.items()]
    write_text("{\n" + ",\n".join(parts) + "\n}\n", path)


def _codes(data: EvaluationData, codes: ndarray) -> dict[str, list]:
    """Share of visits with each of the codes that are commonest on either side, the commonest generated first."""
    cohorts = {"real": data.heldout, "synthetic": data.synthetic}
    visits = incidence.visit_codes(*cohorts.values())
    share = {side: found.mean(axis=0) for side, found in zip(cohorts, visits, strict=True)}
    patients = {side: incidence.patient_codes(cohort, codes).sum(axis=0) for side, cohort in cohorts.items()}
    hidden = {"real": small(patients["real"]), "synthetic": small(patients["synthetic"]) & data.copies}
    shown = {side: np.where(hidden[side], 0.0, share[side]) for side in cohorts}
    commonest = {side: np.argsort(-shown[side], kind="stable")[:COMMONEST_CODES] for side in cohorts}
    chosen = np.union1d(*(columns[shown[side][columns] > 0] for side, columns in commonest.items()))
    chosen = chosen[np.lexsort((-shown["real"][chosen], -shown["synthetic"][chosen]))]
    return {
        "code": codes[chosen].tolist(),
        "title": icd9.titles(codes[chosen]).tolist(),
        "chapter": icd9.chapter(codes[chosen]).tolist(),
        **{side: published(share[side][chosen], hidden[side][chosen]) for side in cohorts},
    }


def _odd_codes(data: EvaluationData, codes: ndarray) -> dict[str, dict[str, list]]:
    """The codes farthest from real in either direction, the farthest first: patients with the code, and their ratio.

    A ratio is (one count + 5) / (the other + 5): as many patients are on both sides. A count of 1 to 10 real patients
    is None; its ratio is then what 10 would give, which it is at least.
    """
    cohorts = {"real": data.heldout, "synthetic": data.synthetic}
    patients = {side: incidence.patient_codes(cohort, codes).sum(axis=0) for side, cohort in cohorts.items()}
    hidden = {"real": small(patients["real"]), "synthetic": small(patients["synthetic"]) & data.copies}
    most = {side: np.where(hidden[side], SMALLEST_SHOWN - 1, count) for side, count in patients.items()}
    odd: dict[str, dict[str, list]] = {}
    for direction, many, few in (("too_often", "synthetic", "real"), ("too_rarely", "real", "synthetic")):
        ratio = smoothed_ratio(most[few], most[many], ODD_SMOOTHING)
        ratio[hidden[many]] = 1.0
        farthest = np.argsort(-ratio, kind="stable")[:ODD_CODES]
        chosen = farthest[ratio[farthest] > 1]
        odd[direction] = {
            "code": codes[chosen].tolist(),
            "title": icd9.titles(codes[chosen]).tolist(),
            "ratio": [rounded(float(times)) for times in ratio[chosen]],
            **{
                side: [None if hidden[side][code] else int(patients[side][code]) for code in chosen] for side in cohorts
            },
        }
    return odd


def _pairs(data: EvaluationData, group: Int[ndarray, " V"], label: Callable[[int], str], most: int) -> dict[str, list]:
    """Lift of the pairs of the groups commonest in real visits: times as often in one visit as if independent.

    The pairs are those of `numpy.tril_indices(K, -1)`. None: fewer than 11 patients and no more expected, so that
    the number would tell of persons on one side, and of chance alone on the other.
    """
    cohorts = {"real": data.heldout, "synthetic": data.synthetic}
    visits = incidence.visit_codes(*cohorts.values())
    of_group = membership(group, group.max() + 1).T
    held = {side: (found @ of_group).toarray() > 0 for side, found in zip(cohorts, visits, strict=True)}
    patients = _patients_with(held["real"], incidence.patient_of_visit(data.heldout))
    known = np.flatnonzero(patients >= SMALLEST_SHOWN)
    chosen = np.sort(known[np.argsort(-held["real"][:, known].mean(axis=0), kind="stable")[:most]])
    lifts = {side: _lift(held[side][:, chosen], incidence.patient_of_visit(one)) for side, one in cohorts.items()}
    return {"labels": [label(k) for k in chosen], **lifts}


def _lift(held: Bool[ndarray, "N K"], owner: Int[ndarray, " N"]) -> Published:
    share = held.mean(axis=0)
    both = held.T.astype(np.float64) @ held / len(held)
    expected = np.outer(share, share)
    groups = held.shape[1]  # none, where no group is in enough patients
    patients = np.array([_patients_with(held & held[:, [k]], owner) for k in range(groups)]).reshape(groups, groups)
    shown = (patients >= SMALLEST_SHOWN) | ((patients == 0) & (expected * len(held) >= SMALLEST_SHOWN))
    below = np.tril_indices(groups, -1)
    lift = np.divide(both, expected, out=np.full_like(both, np.nan), where=expected > 0)
    return published(lift[below], ~shown[below])


def _patients_with(held: Bool[ndarray, "N K"], owner: Int[ndarray, " N"]) -> Int[ndarray, " K"]:
    """How many patients have each group in any visit; the visits of a patient lie together."""
    starts = np.flatnonzero(np.append(True, owner[1:] != owner[:-1]))
    return np.logical_or.reduceat(held, starts, axis=0).sum(axis=0)


def _histogram(sizes: Int[ndarray, " n"], owner: Int[ndarray, " n"], most: int, real: bool) -> Published:
    """Share of each size from 1 to `most`, the last one with what is beyond; `owner` is whose each is."""
    sizes = np.minimum(sizes, most)
    patients = np.bincount(np.unique(np.stack([sizes, owner]), axis=1)[0], minlength=most + 1)[1:]
    hidden = small_of_whole(patients) if real else np.zeros(most, dtype=bool)
    return published(np.bincount(sizes, minlength=most + 1)[1:] / len(sizes), hidden)


def _conditioning(data: EvaluationData, codes: ndarray) -> dict[str, Any]:
    """Share of first visits with a chapter by sex and age, for the chapters that real subgroups differ most in."""
    real, size = _chapters_by_subgroup(data.heldout, codes)
    synthetic, generated = _chapters_by_subgroup(data.synthetic, codes)
    small_subgroup = size[:, None] < SMALLEST_SHOWN
    shares, hidden = real / np.maximum(size, 1)[:, None], small(real) | small_subgroup
    shown = np.where(hidden, np.nan, shares)
    width = np.nan_to_num(np.fmax.reduce(shown) - np.fmin.reduce(shown), nan=-1.0)
    chosen = np.sort(np.argsort(-width, kind="stable")[:CONDITIONED_CHAPTERS])
    theirs = np.divide(
        synthetic, generated[:, None], out=np.full(synthetic.shape, np.nan), where=generated[:, None] > 0
    )
    theirs_hidden = (small(synthetic) | (generated[:, None] < SMALLEST_SHOWN)) & data.copies
    return {
        "chapters": chosen.tolist(),
        "sexes": list(SEXES),
        "brackets": list(AGE_BRACKETS),
        "real": [_by_sex(shares[:, k], hidden[:, k]) for k in chosen],
        "synthetic": [_by_sex(theirs[:, k], theirs_hidden[:, k]) for k in chosen],
    }


def _chapters_by_subgroup(
    cohort: Cohort, codes: ndarray
) -> tuple[Int[ndarray, "subgroups K"], Int[ndarray, " subgroups"]]:
    """Patients of each subgroup with each chapter in their first visit, and all patients of each subgroup."""
    of_chapter = membership(icd9.chapter(codes), len(CHAPTERS)).T
    held = (incidence.first_visit_codes(cohort, codes) @ of_chapter).toarray() > 0
    counts = np.zeros((SUBGROUPS, len(CHAPTERS)), dtype=np.int64)
    np.add.at(counts, subgroup_of(cohort), held)
    return counts, np.bincount(subgroup_of(cohort), minlength=SUBGROUPS)


def _by_sex(shares: Float[ndarray, " subgroups"], hidden: Bool[ndarray, " subgroups"]) -> list[Published]:
    width = len(AGE_BRACKETS)
    return [published(shares[at : at + width], hidden[at : at + width]) for at in range(0, SUBGROUPS, width)]


def _distances(data: EvaluationData, trained_on: Cohort) -> dict[str, Any]:
    """Share of training and of held-out patients by the distance to their nearest synthetic patient, 0 to 1."""
    edges = np.linspace(0, 1, DISTANCE_STEPS + 1)
    found: dict[str, Any] = {"edges": edges.round(6).tolist()}
    for name, real in (("train", trained_on), ("heldout", data.heldout)):
        counts = np.histogram(neighbours.near(real, data.synthetic).distance, edges)[0]
        found[name] = published(counts / len(real), small_of_whole(counts))
    return found


def published(values: Float[ndarray, " n"], hidden: Bool[ndarray, " n"]) -> Published:
    """The values, rounded, as JSON can hold them; None where hidden or not a number."""
    unknown = hidden | ~np.isfinite(values)
    return [None if gone else rounded(float(value)) for value, gone in zip(values, unknown, strict=True)]
