"""Do the codes fit the sex and the age that the patients are said to have?

Both sides count: codes that ignore the demographics, and caricatures, in which every man has a prostate. Codes of first
visits, where the age is known. Axes: P patients, V codes.
"""

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy import ndarray
from scipy import sparse

from ehrgen.data.cohort import AGE_BRACKETS, SEXES, Cohort
from ehrgen.metrics.cohorts import fingerprints, incidence
from ehrgen.metrics.cohorts.cache import remembered
from ehrgen.metrics.cohorts.handed_on import of_real_patients
from ehrgen.metrics.cohorts.subgroups import SUBGROUPS, bracket_of, sex_of, shares_by_subgroup, subgroup_of
from ehrgen.metrics.statistics import agreement
from ehrgen.metrics.statistics.naive_bayes import Probe
from ehrgen.metrics.table.suite import NotJudged

ENOUGH = 50  # patients of each cohort in a sex and age bracket
FREQUENT = 30  # training patients with a code before a probe reads it
READABLE = 0.05  # accuracy above chance on real patients, below which a probe reads nothing
SHUFFLES = 20


def cell_r2(real: Cohort, synthetic: Cohort) -> float:
    """`unigram_r2` of first visits within each sex and age bracket, averaged over those with 50 patients a side.

    Good is the floor; codes that ignore the demographics are bad even if they are right on the whole. Independent
    codes drawn within the bracket pass: pairs and sequences are not asked for; copies pass.
    """
    codes = np.union1d(incidence.distinct_codes(real), incidence.distinct_codes(synthetic))
    subgroups = [subgroup_of(cohort) for cohort in (real, synthetic)]
    enough = np.minimum(*(np.bincount(subgroup, minlength=SUBGROUPS) for subgroup in subgroups)) >= ENOUGH
    if not enough.any():
        raise NotJudged(f"no sex and age bracket has {ENOUGH} patients in both cohorts; evaluate more patients")
    ours, theirs = (
        shares_by_subgroup(incidence.first_visit_codes(cohort, codes), subgroup)
        for cohort, subgroup in zip((real, synthetic), subgroups, strict=True)
    )
    values = []
    for p, q in zip(ours[enough], theirs[enough], strict=True):
        seen = (p > 0) | (q > 0)
        values.append(agreement.r2(p[seen], q[seen], "code of a sex and age bracket"))
    return float(np.mean(values))


def sex_probe(real: Cohort, synthetic: Cohort, train: Cohort) -> float:
    """How well the sex can be read from synthetic codes, over how well from real ones.

    Accuracy above chance of a classifier trained on real training patients. Good is 1; 0 says that the codes ignore
    the sex, below 0 they contradict it, and above 1 men and women are caricatures. Copies pass.
    """
    return _read(real, synthetic, train, sex_of, len(SEXES), "sex")


def age_probe(real: Cohort, synthetic: Cohort, train: Cohort) -> float:
    """How well the age bracket can be read from synthetic codes, over how well from real ones.

    As `sex_probe`, averaged over the brackets with 50 patients in every cohort: good is 1, 0 ignores the age, and
    above 1 children and the old are caricatures. Copies pass.
    """
    return _read(real, synthetic, train, bracket_of, len(AGE_BRACKETS), "age")


def sex_contrast(real: Cohort, synthetic: Cohort) -> float:
    """Jensen-Shannon divergence between the categories of the sexes, over that in real patients.

    Less what random sexes would show in the same patients, so that small samples do not look different. Good is 1; 0
    says that the sexes share one distribution of categories, above 1 they are caricatures. Men with women's codes and
    women with men's pass: see `sex_probe` and `sex_violations`.
    """
    ours, chance = _contrast(real)
    if ours <= chance:
        raise NotJudged("the codes of real men and women differ no more than those of random halves")
    theirs, _ = _contrast(synthetic)
    return float(theirs / ours)


def _read(real: Cohort, synthetic: Cohort, train: Cohort, label, classes: int, what: str) -> float:
    labels = [label(cohort) for cohort in (train, real, synthetic)]
    enough = np.min([np.bincount(classes_of, minlength=classes) for classes_of in labels], axis=0) >= ENOUGH
    if enough.sum() < 2:
        raise NotJudged(f"{what}: fewer than two classes have {ENOUGH} patients in every cohort")
    codes = _frequent(train)
    trained_on, held_out, generated = (
        _among(incidence.first_visit_codes(cohort, codes), classes_of, enough)
        for cohort, classes_of in zip((train, real, synthetic), labels, strict=True)
    )
    probe = Probe.train(*trained_on, int(enough.sum()))
    ours, theirs = (probe.balanced_accuracy(*patients) - 1 / enough.sum() for patients in (held_out, generated))
    if ours < READABLE:
        raise NotJudged(f"{what} cannot be read from real codes: {ours:.3f} above chance, {READABLE} is the least")
    return float(theirs / ours)


@remembered
def _frequent(train: Cohort) -> ndarray:
    """The codes that a probe reads: the others would let it recognise training patients, and favour copies of them."""
    codes = incidence.distinct_codes(train)
    return codes[incidence.first_visit_codes(train, codes).sum(axis=0) >= FREQUENT]


def _among(
    codes: sparse.csr_array, label: Int[ndarray, " P"], classes: Bool[ndarray, " C"]
) -> tuple[sparse.csr_array, Int[ndarray, " p"]]:
    """The patients of these classes, which are numbered from 0."""
    rows = classes[label]
    return codes[rows], (np.cumsum(classes) - 1)[label[rows]]


@remembered
@of_real_patients
def _contrast(cohort: Cohort) -> Float[ndarray, "2"]:
    """Divergence in bits between the sexes beyond its mean over random sexes, and the spread of the random ones.

    The patients are put into the order of their records first, so that the shuffles fall on the same ones.
    """
    codes = incidence.first_visit_categories(cohort)
    order = fingerprints.subset(cohort, len(cohort))
    men = sex_of(cohort)[order]
    if not 0 < men.sum() < len(men):
        raise NotJudged("all patients of a cohort have the same sex")
    shuffled = np.random.default_rng(0).permuted(np.tile(np.sort(men)[:, None], SHUFFLES), axis=0)
    sides = np.column_stack([men, shuffled])
    male = codes[order].T @ sides
    female = codes.sum(axis=0)[:, None] - male
    actual, *by_chance = (agreement.jensen_shannon(*pair) for pair in zip(male.T, female.T, strict=True))
    return np.array([actual - np.mean(by_chance), 2 * np.std(by_chance)])
