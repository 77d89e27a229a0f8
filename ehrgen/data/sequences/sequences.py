"""Patients as token sequences: `<bos>` codes `<visit>` codes ... `<eos>`, flat and memory-mappable.

A folder of `vocabulary.json`, `report.json` and one .npy an array:

tokens   int32  [N]    all patients one after the other
offsets  int64  [P+1]  patient p is tokens[offsets[p]:offsets[p+1]]
age      float32[P]    years at the first visit
sex      int8   [P]    index into cohort.SEXES
split    int8   [P]    index into cohort.SPLITS
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import numpy as np

from ehrgen.core.arrays import ArraysError, read_array
from ehrgen.core.files import FileError, read_json, replacing, write_json
from ehrgen.data.cohort import SEXES, SPLITS, Cohort
from ehrgen.data.sequences.vocabulary import BOS, EOS, FIRST_CODE, REMEDY, VISIT, Vocabulary

ARRAYS = {"tokens": "int32", "offsets": "int64", "age": "float32", "sex": "int8", "split": "int8"}
REPORT = (
    *("patients", "tokens", "codes_unknown_to_training", "codes_repeated_within_visit", "codes_truncated"),
    *("patients_truncated", "patients_without_known_code"),
)


class SequencesError(ValueError):
    """Sequences that cannot be learnt from; the message says what is missing."""


@dataclass(frozen=True)
class Sequences:
    """Token sequences of patients, their demographics, and counts of what did not fit."""

    vocabulary: Vocabulary
    tokens: np.ndarray
    offsets: np.ndarray
    age: np.ndarray
    sex: np.ndarray
    split: np.ndarray
    report: dict[str, int]

    def __len__(self) -> int:
        return len(self.age)

    @classmethod
    def from_cohort(cls, cohort: Cohort, vocabulary: Vocabulary, max_tokens: int) -> Self:
        """Encode a cohort; a code repeated within a visit counts once, unknown codes are left out.

        Histories longer than `max_tokens` lose their last visits (a first visit that alone is longer loses
        its last codes). `report` counts every loss.
        """
        rows = cohort.diagnoses.assign(token=vocabulary.encode(cohort.diagnoses["code"]))
        known = rows[rows["token"] >= 0]
        unique = known.drop_duplicates(["patient_id", "visit", "token"])
        visit = unique.groupby("patient_id")["visit"].rank(method="dense").astype(int).to_numpy() - 1
        owner = unique["patient_id"].to_numpy()
        rank = np.arange(len(owner)) - np.searchsorted(owner, owner, side="left")
        place = 1 + rank + visit
        last_of_visit = unique.assign(place=place).groupby(["patient_id", "visit"])["place"].transform("max")
        fits = np.where(visit == 0, place, last_of_visit.to_numpy()) < max_tokens - 1
        patients = cohort.patients[cohort.patients["patient_id"].isin(owner)]
        sequences = cls._laid_out(
            vocabulary,
            np.searchsorted(patients["patient_id"].to_numpy(), owner[fits]),
            visit[fits],
            place[fits],
            unique["token"].to_numpy()[fits],
            len(patients),
        )
        report = {
            "patients": len(patients),
            "tokens": len(sequences[0]),
            "codes_unknown_to_training": len(rows) - len(known),
            "codes_repeated_within_visit": len(known) - len(unique),
            "codes_truncated": int((~fits).sum()),
            "patients_truncated": len(np.unique(owner[~fits])),
            "patients_without_known_code": len(cohort) - len(patients),
        }
        return cls(
            vocabulary,
            *sequences,
            age=patients["age_years"].to_numpy(dtype=np.float32),
            sex=np.searchsorted(SEXES, patients["sex"].to_numpy(dtype=str)).astype(np.int8),
            split=patients["split"].map(SPLITS.index).to_numpy(dtype=np.int8),
            report=report,
        )

    @staticmethod
    def _laid_out(
        vocabulary: Vocabulary,
        row: np.ndarray,
        visit: np.ndarray,
        place: np.ndarray,
        token: np.ndarray,
        patients: int,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Tokens and offsets: codes at their places, special tokens in the gaps."""
        length = np.bincount(row, minlength=patients) + 2
        length += np.maximum.reduceat(visit, np.searchsorted(row, np.arange(patients)))
        offsets = np.concatenate([[0], np.cumsum(length)])
        tokens = np.full(offsets[-1], VISIT, dtype=np.int32)
        tokens[offsets[:-1]] = BOS
        tokens[offsets[1:] - 1] = EOS
        tokens[offsets[row] + place] = token
        return tokens, offsets.astype(np.int64)

    def of_split(self, split: str) -> Self:
        """The sequences of one split.

        Raises:
            SequencesError: If no patient belongs to it.
        """
        chosen = np.flatnonzero(self.split == SPLITS.index(split))
        if len(chosen) == 0:
            raise SequencesError(
                f"no patient with a code is in split '{split}'; give it a larger share in cohort.split"
            )
        length = np.diff(self.offsets)[chosen]
        offsets = np.concatenate([[0], np.cumsum(length)])
        source = np.repeat(self.offsets[chosen] - offsets[:-1], length) + np.arange(offsets[-1])
        return replace(
            self,
            tokens=self.tokens[source],
            offsets=offsets,
            age=self.age[chosen],
            sex=self.sex[chosen],
            split=self.split[chosen],
        )

    def shuffled(self, rng: np.random.Generator) -> Self:
        """The same patients with the codes of each visit in random order."""
        return self._ordered(rng.random(len(self.tokens)))

    def by_frequency(self) -> Self:
        """The same patients with the codes of each visit from the commonest to the rarest in training."""
        counts = np.concatenate([np.zeros(FIRST_CODE), -np.array(self.vocabulary.counts)])
        return self._ordered(counts[self.tokens])

    def _ordered(self, key: np.ndarray) -> Self:
        special = self.tokens < FIRST_CODE
        block = 2 * np.cumsum(special) + ~special
        return replace(self, tokens=self.tokens[np.lexsort((key, block))])

    def save(self, folder: Path) -> None:
        """Write the folder of the module's docstring."""
        with replacing(folder) as temporary:
            temporary.mkdir()
            self.vocabulary.save(temporary / "vocabulary.json")
            write_json(self.report, temporary / "report.json", indent=1, end="")
            for name in ARRAYS:
                np.save(temporary / f"{name}.npy", getattr(self, name))

    @classmethod
    def load(cls, folder: Path) -> Self:
        """The sequences written by `save`; arrays are memory-mapped.

        Raises:
            FileError: If a file cannot be read.
            SequencesError: If the files do not belong together, or are not what the module's docstring says.
        """
        arrays = {name: _read_array(folder / f"{name}.npy", kind) for name, kind in ARRAYS.items()}
        report = read_json(folder / "report.json")
        sequences = cls(Vocabulary.load(folder / "vocabulary.json"), **arrays, report=report)
        _check(sequences, str(folder))
        return sequences


def _read_array(path: Path, kind: str) -> np.ndarray:
    try:
        array = read_array(path)
    except ArraysError as error:
        raise FileError(f"{path}: {error}; {REMEDY}") from None
    if array.dtype != kind or array.ndim != 1:
        raise FileError(f"{path}: an array of {array.dtype}{list(array.shape)}, not of {kind}[n]; {REMEDY}")
    return array


def _check(sequences: Sequences, where: str) -> None:
    tokens, offsets, report = sequences.tokens, sequences.offsets, sequences.report
    if not (isinstance(report, dict) and set(report) == set(REPORT) and all(type(n) is int for n in report.values())):
        raise SequencesError(f"{where}: report.json is not the one of sequences; {REMEDY}")
    lengths = {len(offsets) - 1, len(sequences.age), len(sequences.sex), len(sequences.split), report["patients"]}
    if len(lengths) > 1 or len(tokens) != report["tokens"]:
        raise SequencesError(f"{where}: files of {sorted(lengths)} patients and {len(tokens)} tokens; {REMEDY}")
    starts, ends = offsets[:-1], offsets[1:] - 1
    if not (offsets[0] == 0 and (np.diff(offsets) >= 3).all() and offsets[-1] == len(tokens)):
        raise SequencesError(f"{where}: offsets.npy does not divide the tokens among the patients; {REMEDY}")
    special = tokens < FIRST_CODE
    ordered = np.full(len(tokens), VISIT)
    ordered[starts], ordered[ends] = BOS, EOS
    misplaced = np.where(special, tokens != ordered, ordered != VISIT) | (tokens >= len(sequences.vocabulary))
    misplaced[1:] |= special[1:] & special[:-1] & (tokens[1:] != BOS)
    if misplaced.any():
        raise SequencesError(f"{where}: {int(misplaced.sum())} tokens cannot be where they are; {REMEDY}")
    people = (sequences.age >= 0) & (sequences.age <= 120) & np.isin(sequences.sex, range(len(SEXES)))
    people &= np.isin(sequences.split, range(len(SPLITS)))
    if not people.all():
        raise SequencesError(f"{where}: {int((~people).sum())} patients without age, sex or split; {REMEDY}")
    _check_counts(sequences, where)


def _check_counts(sequences: Sequences, where: str) -> None:
    """A vocabulary counts every code of the training split; sequences leave out repeats and what is too long."""
    train = np.repeat(sequences.split == SPLITS.index("train"), np.diff(sequences.offsets))
    seen = np.bincount(sequences.tokens[train], minlength=len(sequences.vocabulary))[FIRST_CODE:]
    left_out = np.array(sequences.vocabulary.counts) - seen
    most = sequences.report["codes_repeated_within_visit"] + sequences.report["codes_truncated"]
    if (left_out < 0).any() or left_out.sum() > most:
        raise SequencesError(f"{where}: vocabulary.json is not that of the training patients; {REMEDY}")
