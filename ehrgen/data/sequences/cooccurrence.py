"""How many training visits hold two codes, or two categories, together: sparse, symmetric counts.

The index space is part of the type: a matrix of categories refuses to be read with code indices. (The analysed
system indexed a code matrix by category ids, and nothing complained.)
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
from scipy import sparse

from ehrgen.core.arrays import ArraysError, read_arrays
from ehrgen.core.files import FileError, replacing
from ehrgen.data.sequences.sequences import Sequences
from ehrgen.data.sequences.vocabulary import FIRST_CODE, REMEDY, SPECIAL_CLASSES, Vocabulary

Space = Literal["code", "category"]
PSEUDO_VISITS = 1.0
"""Added to observed and to expected counts by `smoothed_npmi`."""


class CooccurrenceError(ValueError):
    """Counts that cannot be used; the message says why."""


@dataclass(frozen=True)
class Cooccurrence:
    """Counts over visits in one index space.

    Attributes:
        space: What an index means: a position in `Vocabulary.codes` or in `Vocabulary.categories`.
        labels: The code or category of each index.
        pairs: [n, n] symmetric visit counts; the diagonal of `category` counts visits with two codes of it.
        visits_with: [n] visits that hold the code or category.
        visits: All visits.
    """

    space: Space
    labels: tuple[str, ...]
    pairs: sparse.csr_array
    visits_with: np.ndarray
    visits: int

    def require(self, space: Space, labels: tuple[str, ...]) -> Self:
        """This matrix, if it speaks of exactly these labels.

        Raises:
            CooccurrenceError: If it is of the other space or of another vocabulary.
        """
        if self.space != space:
            raise CooccurrenceError(f"a {self.space} matrix cannot be indexed by {space}")
        if self.labels != labels:
            raise CooccurrenceError(f"the {space} matrix has other labels ({len(self.labels)}, expected {len(labels)})")
        return self

    def penalty(self, threshold: float) -> np.ndarray:
        """threshold / (count + 1) where count < threshold, else 0: dense [n, n], from 0 to `threshold`.

        Raises:
            ValueError: If the space is `code`: a dense matrix of codes is what this project avoids.

        Source:
            The penalty of the analysed system, LOSS_ANALYSIS.md.
        """
        if self.space == "code":
            raise ValueError("a dense penalty over codes would be quadratic in the vocabulary; use categories")
        count = self.pairs.toarray()
        return np.where(count < threshold, threshold / (count + 1), 0.0).astype(np.float32)

    def pair_penalty(self, first: np.ndarray, second: np.ndarray, threshold: float) -> np.ndarray:
        """The same penalty for listed pairs of indices, shape of `first`."""
        count = np.asarray(self.pairs[first, second]).ravel()
        return np.where(count < threshold, threshold / (count + 1), 0.0).astype(np.float32)

    def npmi(self) -> sparse.csr_array:
        """Normalised pointwise mutual information of observed pairs, in [-1, 1]; absent pairs are -1 by limit.

        A pair present in every visit has p = 1, where the formula is 0/0; it is given its limit 1.

        Source:
            Bouma (2009), Normalized (pointwise) mutual information in collocation extraction.
        """
        pairs = self.pairs.tocoo()
        joint = pairs.data / self.visits
        first, second = pairs.coords
        apart = self.visits_with[first] * self.visits_with[second] / self.visits**2
        certain = joint == 1
        value = np.where(certain, 1.0, np.log(joint / apart) / -np.log(np.where(certain, 0.5, joint)))
        return sparse.csr_array((value, (first, second)), shape=self.pairs.shape)

    def smoothed_npmi(self) -> np.ndarray:
        """`npmi` after PSEUDO_VISITS, dense [n, n], in [-1, 1]; 0 where the counts say nothing either way.

        With joint = (count + 1) / (visits + 1) and apart = (count expected of independent labels + 1) / (visits + 1):
        log(joint / apart) / -log(joint). Plain NPMI is -1 for every pair that was never seen, but most of these were
        hardly to be seen: of 739 categories in 6,629 simulated visits 88 % of pairs are absent, and for 98 % of
        these independence expects less than one visit. The diagonal compares visits with two codes of a category
        with what two independent labels of its frequency would give.

        Raises:
            ValueError: If the space is `code`: a dense matrix of codes is what this project avoids.

        Source:
            Bouma (2009) for NPMI; adding a constant to observed and expected counts: DuMouchel (1999), Bayesian data
            mining in large frequency tables, with the gamma prior of shape and rate 1.
        """
        if self.space == "code":
            raise ValueError("dense NPMI over codes would be quadratic in the vocabulary; use categories")
        visits = self.visits + PSEUDO_VISITS
        joint = (self.pairs.toarray() + PSEUDO_VISITS) / visits
        apart = (np.outer(self.visits_with / self.visits, self.visits_with) + PSEUDO_VISITS) / visits
        certain = joint == 1
        value = np.log(joint / apart) / -np.log(np.where(certain, 0.5, joint))
        return np.where(certain, 1.0, value).astype(np.float32)


def count(sequences: Sequences) -> dict[Space, Cooccurrence]:
    """Pair counts of these sequences at code and at category level, one sparse product each."""
    vocabulary = sequences.vocabulary
    token = np.asarray(sequences.tokens)
    segment = np.cumsum(token < FIRST_CODE)[token >= FIRST_CODE]
    code = token[token >= FIRST_CODE] - FIRST_CODE
    _, visit = np.unique(segment, return_inverse=True)
    category = vocabulary.symbol_class[SPECIAL_CLASSES:][code] - SPECIAL_CLASSES
    spaces: dict[Space, tuple[np.ndarray, tuple[str, ...]]] = {
        "code": (code, vocabulary.codes),
        "category": (category, vocabulary.categories),
    }
    return {space: _count(space, visit, index, labels) for space, (index, labels) in spaces.items()}


def _count(space: Space, visit: np.ndarray, index: np.ndarray, labels: tuple[str, ...]) -> Cooccurrence:
    ones = np.ones(len(index), dtype=np.int32)
    times: Any = sparse.csr_array((ones, (visit, index)), shape=(visit.max() + 1, len(labels)))
    present: Any = times.astype(bool).astype(np.int32)
    with_itself = np.asarray((times > 1).sum(axis=0)).ravel()
    pairs: Any = (present.T @ present).tocsr()
    pairs = sparse.csr_array(pairs + sparse.diags_array(with_itself - pairs.diagonal(), dtype=pairs.dtype))
    pairs.eliminate_zeros()
    return Cooccurrence(space, labels, pairs, np.asarray(present.sum(axis=0)).ravel(), int(visit.max()) + 1)


def save(matrices: dict[Space, Cooccurrence], path: Path) -> None:
    """Write both spaces to one .npz."""
    arrays: dict[str, Any] = {}
    for space, matrix in matrices.items():
        arrays |= {
            f"{space}_data": matrix.pairs.data,
            f"{space}_indices": matrix.pairs.indices,
            f"{space}_indptr": matrix.pairs.indptr,
            f"{space}_visits_with": matrix.visits_with,
            f"{space}_visits": np.array(matrix.visits),
        }
    with replacing(path) as temporary:
        np.savez(temporary, **arrays)


def load(path: Path, vocabulary: Vocabulary) -> dict[Space, Cooccurrence]:
    """The matrices written by `save`, labelled by the vocabulary they were counted with.

    Raises:
        FileError: If the file cannot be read.
        CooccurrenceError: If it holds no such counts, or those of another vocabulary.
    """
    labels: dict[Space, tuple[str, ...]] = {"code": vocabulary.codes, "category": vocabulary.categories}
    try:
        parts = read_arrays(path)
    except ArraysError as error:
        raise FileError(f"{path}: {error}; {REMEDY}") from None
    matrices = {space: _matrix(parts, space, names, path) for space, names in labels.items()}
    of_code = np.array(vocabulary.counts)
    category = vocabulary.symbol_class[SPECIAL_CLASSES:] - SPECIAL_CLASSES
    most = {"code": of_code, "category": np.bincount(category, of_code, minlength=len(vocabulary.categories))}
    if any((matrix.visits_with > most[space]).any() for space, matrix in matrices.items()):
        raise CooccurrenceError(f"{path}: counts of another vocabulary; {REMEDY}")
    if len({matrix.visits for matrix in matrices.values()}) > 1:
        raise CooccurrenceError(f"{path}: codes and categories are of different visits; {REMEDY}")
    return matrices


def _matrix(parts: dict[str, np.ndarray], space: Space, labels: tuple[str, ...], path: Path) -> Cooccurrence:
    names = [f"{space}_{name}" for name in ("data", "indices", "indptr", "visits_with", "visits")]
    if missing := [name for name in names if name not in parts]:
        raise CooccurrenceError(f"{path}: {', '.join(missing)} missing; {REMEDY}")
    data, indices, indptr, visits_with, visits = (parts[name] for name in names)
    n = len(labels)
    whole = all(np.issubdtype(parts[name].dtype, np.integer) for name in names) and visits.ndim == 0
    whole &= indptr.shape == (n + 1,) and visits_with.shape == (n,) and data.shape == indices.shape == (indptr[-1],)
    if not (whole and indptr[0] == 0 and (np.diff(indptr) >= 0).all() and ((indices >= 0) & (indices < n)).all()):
        raise CooccurrenceError(f"{path}: no matrix of the {n} labels of space {space}; {REMEDY}")
    pairs: Any = sparse.csr_array((data, indices, indptr), shape=(n, n))
    first, second = pairs.tocoo().coords
    fits = (data > 0) & (data <= np.minimum(visits_with[first], visits_with[second]))
    if not fits.all() or (pairs != pairs.T).nnz or (visits_with < 0).any() or (visits_with > visits).any():
        raise CooccurrenceError(f"{path}: counts of space {space} that no visits have; {REMEDY}")
    return Cooccurrence(space, labels, pairs, visits_with, int(visits))
