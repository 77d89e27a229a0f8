"""Are rare codes reached, and are patients as different from each other as in real life?

Where `collapse` counts what there is, this weighs how much of it differs. Axes: V codes, n patients of a subset.
"""

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

from ehrgen.data.cohort import Cohort
from ehrgen.data.icd9 import codes as icd9
from ehrgen.metrics.cohorts import fingerprints, incidence
from ehrgen.metrics.cohorts.cache import remembered
from ehrgen.metrics.cohorts.handed_on import of_real_patients
from ehrgen.metrics.statistics import rarefaction
from ehrgen.metrics.table.suite import NotJudged

TAIL = 0.1
SUBSET = 500  # patients whose similarities are looked at: their eigenvalues cost the cube of that
LENGTH_BINS = 5


def tail_mass(real: Cohort, synthetic: Cohort, train: Cohort) -> float:
    """Share of the synthetic code tokens that are codes of the tail, 0 to 1.

    The tail is the rarest tenth of the real sample's codes that training patients have too. Good is the floor's share;
    0 is bad: rare codes are gone, and several times the floor's is noise in their place. Codes emitted at random pass
    `tail_recall` and overshoot here.
    """
    tail, theirs = _tail(real, synthetic, train)
    return float((tail * theirs).sum() / theirs.sum())


def tail_recall(real: Cohort, synthetic: Cohort, train: Cohort) -> float:
    """Share of the codes of the tail that the synthetic patients have at all, 0 to 1.

    Good is the floor, which is far below 1: another real sample lacks many of these codes too. Sampling that cuts off
    the tail is bad; above the floor, read `tail_mass` for codes emitted at random; copies pass.
    """
    tail, theirs = _tail(real, synthetic, train)
    return float(tail[theirs > 0].sum() / tail.sum())


def effective_codes_order2(real: Cohort, synthetic: Cohort) -> float:
    """Effective number of codes of order 2, 1 / P(two tokens are the same code), over that of the real sample.

    Good is 1; below it a handful of codes takes over, above it the frequent codes are too rare. The tail hardly counts
    (for that see `coverage`), nor does the size of the sample; copies pass.
    """
    ours, theirs = incidence.code_counts(real, synthetic)
    return _same(ours, "held-out") / _same(theirs, "synthetic")


def chapter_effective_codes(real: Cohort, synthetic: Cohort) -> float:
    """How close the effective number of codes comes to the real one within each ICD-9 chapter, 0 to 1.

    The smaller of the two numbers over the larger, at equal tokens, averaged over chapters by real tokens. Good is the
    floor; bad are models that know one code per chapter, or none (0). Excess in one chapter cannot hide a lack in
    another, as it can in `effective_codes`; copies pass.
    """
    ours, theirs = incidence.code_counts(real, synthetic)
    codes = np.union1d(incidence.distinct_codes(real), incidence.distinct_codes(synthetic))
    chapter = icd9.chapter(codes)
    closeness, tokens = [], []
    for number in np.unique(chapter[ours > 0]):
        here, there = ours[chapter == number], theirs[chapter == number]
        tokens.append(here.sum())
        closeness.append(_closeness(here, there) if there.any() else 0.0)
    return float(np.average(closeness, weights=tokens))


def vendi(real: Cohort, synthetic: Cohort) -> float:
    """Vendi score of 500 patients over that of 500 real ones: the effective number of different patients.

    Similarity is the Jaccard index of the codes of the whole record. Good is 1; 20 patients over and over are far
    below it, and above it patients have too little in common. Random codes overshoot; copies pass.
    """
    return _vendi_score(synthetic) / _vendi_score(real)


def self_similarity(real: Cohort, synthetic: Cohort) -> float:
    """Mean Jaccard index of two synthetic patients of a subset over that of two real ones.

    Good is 1; above it patients resemble each other too much, below it they share too little. Short records are alike
    by chance, so patients are weighted to the same numbers of codes (fifths of the real ones); copies pass.
    """
    ours, theirs = (np.diff(matrix.indptr) for matrix in (_subset(real), _subset(synthetic)))
    edges = np.unique(np.quantile(ours, np.arange(1, LENGTH_BINS) / LENGTH_BINS))
    bins = [np.searchsorted(edges, size, side="left") for size in (ours, theirs)]
    share = [np.bincount(bin_of, minlength=len(edges) + 1) / len(bin_of) for bin_of in bins]
    wanted = share[0] * (share[1] > 0)
    if not wanted.any():
        raise NotJudged("no synthetic patient has as many codes as any real one: lengths cannot be matched")
    means = [
        _mean_similarity(_jaccard(cohort), (wanted / np.maximum(has, 1e-300))[bin_of])
        for cohort, has, bin_of in zip((real, synthetic), share, bins, strict=True)
    ]
    if means[0] == 0:
        raise NotJudged("no two real patients have a code in common")
    return means[1] / means[0]


def _tail(real: Cohort, synthetic: Cohort, train: Cohort) -> tuple[Float[ndarray, " V"], Int[ndarray, " V"]]:
    """How far each code belongs to the tail, 0 to 1, and its synthetic count; ties at the edge share what is left."""
    ours, theirs = incidence.code_counts(real, synthetic)
    codes = np.union1d(incidence.distinct_codes(real), incidence.distinct_codes(synthetic))
    trained_on = set(incidence.distinct_codes(train))
    candidate = (ours > 0) & np.fromiter((code in trained_on for code in codes), dtype=bool, count=len(codes))
    if not candidate.any():
        raise NotJudged("no code of the held-out patients occurs in training patients: there is no tail to reach")
    _, which, size = np.unique(ours[candidate], return_inverse=True, return_counts=True)
    below = np.cumsum(size) - size
    tail = np.zeros(len(codes))
    tail[candidate] = np.clip((TAIL * size.sum() - below) / size, 0, 1)[which]
    return tail, theirs


def _same(counts: Int[ndarray, " V"], who: str) -> float:
    """P(two different tokens are the same code), whatever the number of tokens."""
    pairs = float((counts * (counts - 1)).sum())
    if pairs == 0:
        raise NotJudged(f"no {who} code occurs twice: too few tokens for an effective number of order 2")
    return pairs / float(counts.sum() * (counts.sum() - 1))


def _closeness(ours: Int[ndarray, " V"], theirs: Int[ndarray, " V"]) -> float:
    tokens = int(min(ours.sum(), theirs.sum()))
    ratio = rarefaction.effective(theirs, tokens) / rarefaction.effective(ours, tokens)
    return min(ratio, 1 / ratio)


@remembered
def _subset(cohort: Cohort):
    """0/1 matrix [n, V]: the codes of the patients of the subset."""
    return incidence.patient_codes(cohort, incidence.distinct_codes(cohort))[fingerprints.subset(cohort, SUBSET)]


@remembered
@of_real_patients
def _jaccard(cohort: Cohort) -> Float[ndarray, "n n"]:
    """Codes in common over codes of either, between the patients of the subset."""
    patients = _subset(cohort)
    shared, size = (patients @ patients.T).toarray(), np.diff(patients.indptr)
    return shared / (size[:, None] + size[None, :] - shared)


@remembered
@of_real_patients
def _vendi_score(cohort: Cohort) -> float:
    share = np.linalg.eigvalsh(_jaccard(cohort) / len(_jaccard(cohort)))
    share = share[share > 1e-12]
    return float(np.exp(-(share * np.log(share)).sum()))


def _mean_similarity(similar: Float[ndarray, "n n"], weight: Float[ndarray, " n"]) -> float:
    """Weighted mean over pairs of different patients."""
    pairs = weight.sum() ** 2 - (weight**2).sum()
    if pairs <= 0:
        raise NotJudged("one patient has no pair to be similar to")
    return float((weight @ similar @ weight - (weight**2 * np.diag(similar)).sum()) / pairs)
