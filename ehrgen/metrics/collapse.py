"""Are there as many different codes and patients as in real life, or twenty patients over and over?"""

import numpy as np
import pandas as pd
from jaxtyping import Int
from numpy import ndarray

from ehrgen.data import icd9
from ehrgen.data.cohort import Cohort
from ehrgen.metrics import incidence, rarefaction


def coverage(real: Cohort, synthetic: Cohort) -> float:
    """Distinct codes over those of the real sample, both at the number of tokens of the smaller; 1 is ideal.

    Distinct codes grow with the sample, so the larger is thinned: the expected number, not one random draw.
    Above 1 there are more different codes than in life.
    """
    ours, theirs = incidence.code_counts(real, synthetic)
    tokens = int(min(ours.sum(), theirs.sum()))
    return rarefaction.distinct(theirs, tokens) / rarefaction.distinct(ours, tokens)


def distinct_codes(real: Cohort, synthetic: Cohort) -> float:
    """Number of distinct synthetic codes among as many patients as the real sample has."""
    return float(synthetic.diagnoses["code"].nunique())


def effective_codes(real: Cohort, synthetic: Cohort) -> float:
    """Effective number of codes over that of the real sample, thinned as in `coverage`; 1 is ideal."""
    ours, theirs = incidence.code_counts(real, synthetic)
    tokens = int(min(ours.sum(), theirs.sum()))
    return rarefaction.effective(theirs, tokens) / rarefaction.effective(ours, tokens)


def top_code_share(real: Cohort, synthetic: Cohort) -> float:
    """Share of the commonest code among the synthetic code tokens."""
    _, counts = incidence.code_counts(real, synthetic)
    return float(counts.max() / counts.sum())


def categories_mean(real: Cohort, synthetic: Cohort) -> float:
    """Mean number of distinct ICD-9 categories of a synthetic patient, over all visits."""
    return float(categories_per_patient(synthetic).mean())


def categories_sd(real: Cohort, synthetic: Cohort) -> float:
    """Standard deviation of the number of categories of a synthetic patient; 0 if all have equally many."""
    return float(categories_per_patient(synthetic).std(ddof=1))


def categories_modal_share(real: Cohort, synthetic: Cohort) -> float:
    """Share of synthetic patients with the commonest number of categories; 1 if all have equally many."""
    return float(np.bincount(categories_per_patient(synthetic)).max() / len(synthetic))


def unique_patients(real: Cohort, synthetic: Cohort) -> float:
    """Distinct synthetic records over patients; short records repeat in real patients too."""
    return float(len(_record_counts(synthetic)) / len(synthetic))


def top_patient_share(real: Cohort, synthetic: Cohort) -> float:
    """Share of synthetic patients that have the commonest record."""
    return float(_record_counts(synthetic).max() / len(synthetic))


def categories_per_patient(cohort: Cohort) -> Int[ndarray, " P"]:
    """Number of distinct categories of each patient, over all visits."""
    rows = pd.DataFrame(
        {"patient": cohort.diagnoses["patient_id"], "category": icd9.category(cohort.diagnoses["code"])}
    )
    owner = rows.drop_duplicates()["patient"].to_numpy()
    return np.unique(owner, return_counts=True)[1]


def _record_counts(cohort: Cohort) -> ndarray:
    """How often each distinct record occurs; a record is its visits in order, each a set of codes.

    Records are told apart by the sum of a 64-bit hash of their (visit, code) pairs: for 10^5 patients the
    chance of a wrong match is about 10^-9.
    """
    code, distinct = pd.factorize(cohort.diagnoses["code"])
    visit = cohort.diagnoses["visit"].to_numpy().astype(np.int64)
    rows = pd.DataFrame({"patient": cohort.diagnoses["patient_id"].to_numpy(), "pair": visit * len(distinct) + code})
    rows = rows.drop_duplicates()
    owner = rows["patient"].to_numpy()
    starts = np.flatnonzero(np.append(True, owner[1:] != owner[:-1]))
    record = np.add.reduceat(pd.util.hash_array(rows["pair"].to_numpy()), starts)
    return np.unique(record, return_counts=True)[1]
