"""Are there as many different codes and patients as in real life, or twenty patients over and over?"""

import numpy as np
import pandas as pd
from jaxtyping import Int
from numpy import ndarray

from ehrgen.data.cohort import Cohort
from ehrgen.data.icd9 import codes as icd9
from ehrgen.metrics.cohorts import fingerprints, incidence
from ehrgen.metrics.statistics import rarefaction


def coverage(real: Cohort, synthetic: Cohort) -> float:
    """Distinct codes over those of the real sample, both at the number of tokens of the smaller.

    Distinct codes grow with the sample, so the larger is thinned: the expected number, not one random draw. Good is 1;
    0.01 is a collapse, and above 1 there are more different codes than in life, as random codes show.
    """
    ours, theirs = incidence.code_counts(real, synthetic)
    tokens = int(min(ours.sum(), theirs.sum()))
    return rarefaction.distinct(theirs, tokens) / rarefaction.distinct(ours, tokens)


def distinct_codes(real: Cohort, synthetic: Cohort) -> float:
    """Number of distinct synthetic codes among as many patients as the real sample has.

    Good is the floor's number; 31 is a collapse. Codes emitted at random overshoot it; `coverage` is the same at equal
    numbers of tokens.
    """
    return float(synthetic.diagnoses["code"].nunique())


def effective_codes(real: Cohort, synthetic: Cohort) -> float:
    """Effective number of codes, exp(entropy), over that of the real sample, thinned as in `coverage`.

    Good is 1; below it few codes take over, above it codes are too equally frequent. A generator that emits each code
    once to please `coverage` gains hardly anything here; copies pass.
    """
    ours, theirs = incidence.code_counts(real, synthetic)
    tokens = int(min(ours.sum(), theirs.sum()))
    return rarefaction.effective(theirs, tokens) / rarefaction.effective(ours, tokens)


def top_code_share(real: Cohort, synthetic: Cohort) -> float:
    """Share of the commonest code among the synthetic code tokens.

    Good is the floor's share; a fifth or more is a model that repeats itself. Twenty real patients over and over pass:
    their codes are as frequent as in life.
    """
    counts = _visits_with_code(synthetic)
    return float(counts.max() / counts.sum())


def categories_mean(real: Cohort, synthetic: Cohort) -> float:
    """Mean number of distinct ICD-9 categories of a synthetic patient, over all visits.

    Good is the floor's mean; a small one means short or repetitive records. The same number for everybody passes here
    and fails `categories_sd`.
    """
    return float(categories_per_patient(synthetic).mean())


def categories_sd(real: Cohort, synthetic: Cohort) -> float:
    """Standard deviation of the number of categories of a synthetic patient; 0 if all have equally many.

    Good is the floor's; 0 is the collapse in which every patient has the same few categories. Lengths drawn at random
    pass, whatever the codes are.
    """
    return float(categories_per_patient(synthetic).std(ddof=1))


def categories_modal_share(real: Cohort, synthetic: Cohort) -> float:
    """Share of synthetic patients with the commonest number of categories; 1 if all have equally many.

    Good is the floor's share; near 1 all patients are of one length. Lengths drawn at random pass, whatever the codes
    are.
    """
    return categories_modal_patients(synthetic) / len(synthetic)


def unique_patients(real: Cohort, synthetic: Cohort) -> float:
    """Distinct synthetic records over patients; short records repeat in real patients too.

    Good is the floor's share, not 1; near 0 there are a few patients over and over. Noise in every record wins it, and
    so does a copy of the training patients.
    """
    return float(len(fingerprints.record_counts(synthetic)) / len(synthetic))


def top_patient_share(real: Cohort, synthetic: Cohort) -> float:
    """Share of synthetic patients that have the commonest record.

    Good is the floor's share: real newborns are often alike. More is a favourite patient; noise in every record wins
    it.
    """
    return top_record_patients(synthetic) / len(synthetic)


def categories_per_patient(cohort: Cohort) -> Int[ndarray, " P"]:
    """Number of distinct categories of each patient, over all visits."""
    rows = pd.DataFrame(
        {"patient": cohort.diagnoses["patient_id"], "category": icd9.category(cohort.diagnoses["code"])}
    )
    owner = rows.drop_duplicates()["patient"].to_numpy()
    return np.unique(owner, return_counts=True)[1]


def categories_modal_patients(cohort: Cohort) -> int:
    """Patients with the commonest number of categories."""
    return int(np.bincount(categories_per_patient(cohort)).max())


def top_record_patients(cohort: Cohort) -> int:
    """Patients with the commonest record."""
    return int(fingerprints.record_counts(cohort).max())


def top_code_patients(cohort: Cohort) -> int:
    """Patients with the code that most visits have."""
    codes = incidence.distinct_codes(cohort)
    top = codes[[int(_visits_with_code(cohort).argmax())]]
    return int(incidence.patient_codes(cohort, top).sum())


def _visits_with_code(cohort: Cohort) -> Int[ndarray, " V"]:
    return incidence.code_counts(cohort, cohort)[0]
