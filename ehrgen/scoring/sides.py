"""The patients of a comparison, read and made comparable: as many of each, and of none is known what is not of all."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np

from ehrgen.data.cohort import Cohort
from ehrgen.data.icd9 import codes as icd9
from ehrgen.data.readers import kinds
from ehrgen.data.readers.quality import Quality
from ehrgen.data.readers.spelling import check_codes
from ehrgen.metrics.cohorts import fingerprints
from ehrgen.scoring.request import Request, RequestError

LONG_RECORD = 10  # codes; hardly two real patients share a record of that many
SHARED = 0.05  # of the long records: above that the real patients seem to be training patients
MORE_CATEGORIES = 0.3
FEWEST = 10
SPLITS_OF = {"real": ("heldout", "heldout2"), "train": ("train",)}


@dataclass(frozen=True)
class Sides:
    """Who is compared.

    Attributes:
        heldout: One half of the real patients, whom everybody is compared with.
        others: The other half, who show how near real patients come.
        train: Real patients that the generators were trained on, if anybody says.
        synthetic: Name -> patients to be judged.
        patients: How many of each are compared.
        described: What was read, a line each.
        remarks: What a reader of the numbers must know, a sentence each.
    """

    heldout: Cohort
    others: Cohort
    train: Cohort | None
    synthetic: Mapping[str, Cohort]
    patients: int
    described: list[str]
    remarks: list[str]

    @classmethod
    def read(cls, request: Request) -> Self:
        """The patients of a request.

        Raises:
            ReaderError: If some cannot be read, or the codes of real patients seem not to be what their source wrote.
            RequestError: If they are too few.
        """
        paths = {"real": request.real, **({"train": request.train} if request.train else {}), **request.synthetic}
        found, described = {}, []
        for name, path in paths.items():
            print(f"reading {name}: {path}", file=sys.stderr)
            cohort, quality = kinds.read_judged(path)
            if name in SPLITS_OF and request.level == "code":
                check_codes(cohort.diagnoses["code"], f"--{name} {path}")
            cohort = of_role(cohort, name)
            found[name] = at_category(cohort) if request.level == "category" else cohort
            described.append(_described(name, cohort, quality))
        found, remarks = _alike(found)
        real, train = found.pop("real"), found.pop("train", None)
        patients, limits = _size(request, real, train, found)
        remarks += [*limits, *_categories(real, found), *([] if train is None else _overlap(real, train))]
        order = np.random.default_rng([request.seed, 4]).permutation(real.patients["patient_id"].to_numpy())
        halves = real.take(order[: len(order) // 2]), real.take(order[len(order) // 2 :])
        return cls(*halves, train, found, patients, described, remarks)


def of_role(cohort: Cohort, role: str) -> Cohort:
    """The patients whom the source itself has put into the split of this role, `real` or `train`; all if into none."""
    mine = cohort.patients["split"].isin(SPLITS_OF.get(role, ()))
    return cohort.take(cohort.patients.loc[mine, "patient_id"].to_numpy()) if mine.any() else cohort


def at_category(cohort: Cohort) -> Cohort:
    """The same patients with the ICD-9 category in place of each code, none twice in a visit."""
    rows = cohort.diagnoses.assign(code=icd9.category(cohort.diagnoses["code"]))
    return type(cohort).from_rows(cohort.patients, rows.drop_duplicates(["patient_id", "visit", "code"]))


def _described(name: str, cohort: Cohort, quality: Quality) -> str:
    dropped = [f"{count} {reason}" for reason, count in quality.published()["dropped"].items() if count != 0]
    lost = f"; dropped: {', '.join(dropped)}" if dropped else ""
    return f"**{name}**: {kinds.KINDS[quality.source].title}, {len(cohort):,} patients{lost}"


def _alike(cohorts: Mapping[str, Cohort]) -> tuple[dict[str, Cohort], list[str]]:
    """The cohorts, all without what one of them has not, and a remark that says so."""
    unknown = {
        "sex": not all(cohort.has_sex for cohort in cohorts.values()),
        "age": not all(cohort.has_age for cohort in cohorts.values()),
    }
    absent = " and ".join(word for word, missing in unknown.items() if missing)
    remark = (
        f"Not every set has {absent}, so {absent} is left out of all of them, that they may compare: what reads it is "
        "not applicable, and all else looks at codes and visits alone."
    )
    return {name: cohort.without(**unknown) for name, cohort in cohorts.items()}, [remark] if absent else []


def _size(
    request: Request, real: Cohort, train: Cohort | None, synthetic: Mapping[str, Cohort]
) -> tuple[int, list[str]]:
    """How many patients of each are compared, and a remark if they are fewer than asked for."""
    sizes = {"half of the real patients": len(real) // 2, **{name: len(one) for name, one in synthetic.items()}}
    sizes |= {"the training patients": len(train)} if train is not None else {}
    least = min(sizes, key=sizes.__getitem__)
    if sizes[least] < FEWEST:
        raise RequestError(f"{least}: {sizes[least]} patients are too few to compare; {FEWEST} are the least")
    if sizes[least] >= request.patients:
        return request.patients, []
    return sizes[least], [
        f"{sizes[least]:,} patients of each are compared, not {request.patients:,}, because of {least}."
    ]


def _categories(real: Cohort, synthetic: Mapping[str, Cohort]) -> list[str]:
    """A remark for each set that seems to have categories where real patients have codes."""
    shares = {name: _category_share(cohort) for name, cohort in synthetic.items()}
    ours = _category_share(real)
    return [
        f"{share:.0%} of the codes of {name} are categories, of the real {ours:.0%}: compare with --level category."
        for name, share in shares.items()
        if share > ours + MORE_CATEGORIES
    ]


def _category_share(cohort: Cohort) -> float:
    codes = cohort.diagnoses["code"]
    return float((codes.to_numpy(dtype=object) == icd9.category(codes)).mean())


def _overlap(real: Cohort, train: Cohort) -> list[str]:
    """A remark if real patients seem to be training patients."""
    long = real.diagnoses.groupby("patient_id").size().to_numpy() >= LONG_RECORD
    known = np.isin(fingerprints.of_records(real)[long], fingerprints.of_records(train))
    if not long.any() or known.mean() <= SHARED:
        return []
    return [
        f"{known.mean():.0%} of the real patients with {LONG_RECORD} or more codes have the record of a training "
        "patient: --real seems to hold patients of --train, and then neither privacy nor baselines mean anything."
    ]
