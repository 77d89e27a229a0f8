"""Where the numbers of `DirectOutput` start: log ratios counted on the training split, shrunken by their counts.

Each compares how often something comes after what it stands for with how often it comes at all, on the scale of the
logits. Nothing is fitted to a cohort beforehand: a code that never came twice starts at what is usual for all codes.

Axes: C codes of all visits, T transitions (a visit with one after it), K classes, S symbols.
"""

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Self

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, Shaped
from numpy import ndarray

from ehrgen.data.cohort import SEXES
from ehrgen.data.sequences.sequences import Sequences
from ehrgen.data.sequences.vocabulary import EOS, FIRST_CODE, FIRST_SYMBOL, SPECIAL_CLASSES, Vocabulary
from ehrgen.learning.model.context import FOLDS, folds
from ehrgen.learning.model.direct_output import AGE_GROUPS, MOST_CODES, MOST_VISITS, DirectOutput
from ehrgen.learning.training.shrinkage import shrunken

RARE_IN_SEX, RARE_IN_AGE, TINY = 0.3, 0.03, 1e-4
"""Of what a group should have by its size: what hardly ever comes in a sex, in an age group; what is never."""
SURE = 1e-3
"""No chance is taken for nearer to 0 or 1 than this, so that a start can be unlearned."""


def begin(direct: DirectOutput, training: Sequences) -> None:
    """Set every start, without each fold of the patients and with all of them."""
    every = Counts.of(training)
    codes = torch.from_numpy(np.asarray(training.tokens)[every.at].astype(np.int64))
    fold = folds(codes, torch.from_numpy(every.patient), len(training)).numpy()
    sex, age = np.asarray(training.sex).astype(np.int64), np.asarray(training.age)
    if direct.class_group is not None:
        direct.age_edges.copy_(torch.from_numpy(age_edges(age)))
        age_group = torch.bucketize(torch.from_numpy(age), direct.age_edges, right=True).numpy()
    for number in range(FOLDS + 1):
        counts = every.among(fold[every.patient] != number)
        if direct.held is not None:
            direct.held.begin(number, held(counts))
        if direct.class_history is not None and direct.symbol_history is not None:
            direct.class_history.begin(number, class_history(counts).ravel())
            direct.symbol_history.begin(number, symbol_history(counts).ravel())
        if direct.class_group is not None and direct.symbol_group is not None:
            of_groups = [
                demographics(counts, sex, len(SEXES), RARE_IN_SEX),
                demographics(counts, age_group, AGE_GROUPS, RARE_IN_AGE),
            ]
            of_classes, of_symbols = (np.concatenate(parts) for parts in zip(*of_groups, strict=True))
            direct.class_group.begin(number, of_classes.ravel())
            direct.symbol_group.begin(number, of_symbols.ravel())
        if direct.visit_ends is not None and direct.history_ends is not None:
            direct.visit_ends.begin(number, visit_ends(counts).ravel())
            direct.history_ends.begin(number, history_ends(counts))


@dataclass(frozen=True)
class Counts:
    """The codes of training visits, in order."""

    vocabulary: Vocabulary
    at: Int[ndarray, " C"]
    """Place among the tokens."""
    patient: Int[ndarray, " C"]
    visit: Int[ndarray, " C"]
    symbol: Int[ndarray, " C"]

    @classmethod
    def of(cls, training: Sequences) -> Self:
        token = np.asarray(training.tokens)
        at = np.flatnonzero(token >= FIRST_CODE)
        patient = np.repeat(np.arange(len(training)), np.diff(training.offsets))
        visit = np.cumsum((token < FIRST_CODE) & (token != EOS)) - 1
        return cls(training.vocabulary, at, patient[at], visit[at], token[at].astype(np.int64) - FIRST_SYMBOL)

    def among(self, chosen: Bool[ndarray, " C"]) -> Self:
        """Those of whole patients."""
        parts = (self.at, self.patient, self.visit, self.symbol)
        return type(self)(self.vocabulary, *(part[chosen] for part in parts))

    @cached_property
    def symbol_class(self) -> Int[ndarray, " C"]:
        return self.vocabulary.symbol_class[self.symbol]

    @property
    def classes(self) -> int:
        return len(self.vocabulary.class_size)

    @property
    def symbols(self) -> int:
        return len(self.vocabulary.symbol_class)


def held(counts: Counts) -> Float[ndarray, " K"]:
    """Log ratio, for each class: how often a code of it follows in a visit that holds one, to how often it comes.

    The visit is thought of in random order: of n codes, m of the class, n - (n + 1) / (m + 1) follow the first of them.
    """
    key, of_class = np.unique(counts.visit * counts.classes + counts.symbol_class, return_counts=True)
    size = np.bincount(counts.visit)[key // counts.classes]
    number = key % counts.classes
    follow = np.bincount(number, size - (size + 1) / (of_class + 1), minlength=counts.classes)
    again = np.bincount(number, of_class - 1, minlength=counts.classes)
    usual = np.bincount(counts.symbol_class, minlength=counts.classes) / len(counts.symbol)
    return _log_ratio(again, follow, usual, expected=follow * usual)


def class_history(counts: Counts) -> Float[ndarray, "2 K"]:
    """Log ratio of rates, for each class of the last visit, or of one before that alone: in this visit to in any.

    A class that comes with chance p is, among the symbols of a visit, as frequent as -log(1 - p).
    """
    present = Presence.of(counts.visit, counts.patient, counts.symbol_class, counts.classes)
    base = np.bincount(present.now % counts.classes, minlength=counts.classes) / present.visits
    starts = []
    for before in (present.last, present.earlier):
        trials = np.bincount(before % counts.classes, minlength=counts.classes)
        again = np.bincount(before[np.isin(before, present.now)] % counts.classes, minlength=counts.classes)
        usual = again.sum() / max(trials.sum(), 1)
        chance = _chance(again, trials, np.full(counts.classes, usual))
        starts.append(np.where(trials.sum() > 0, _rate(chance) - _rate(base), 0))
    return _codes_only(np.stack(starts))


def symbol_history(counts: Counts) -> Float[ndarray, "2 S"]:
    """The same for each code, as a log odds ratio: its share of its class's codes, to what is usual."""
    of_symbol = counts.vocabulary.symbol_class
    present = Presence.of(counts.visit, counts.patient, counts.symbol, counts.symbols)
    visit, symbol = np.divmod(present.now, counts.symbols)
    occupied, size = np.unique(visit * counts.classes + of_symbol[symbol], return_counts=True)
    in_class = np.bincount(counts.symbol_class, minlength=counts.classes)[of_symbol]
    share = np.clip(np.bincount(counts.symbol, minlength=counts.symbols) / np.maximum(in_class, 1), SURE, 1 - SURE)
    starts = []
    for before in (present.last, present.earlier):
        visit, symbol = np.divmod(before, counts.symbols)
        key = visit * counts.classes + of_symbol[symbol]
        place = np.minimum(np.searchsorted(occupied, key), len(occupied) - 1)
        codes = np.where(occupied[place] == key, size[place], 0)  # of the class, in the visit after
        trials = np.bincount(symbol, codes, minlength=counts.symbols)
        again = np.bincount(symbol[np.isin(before, present.now)], minlength=counts.symbols)
        chance = _chance(again, trials, _raised(share, trials, again.sum()))
        starts.append(np.where(trials.sum() > 0, _logit(chance) - _logit(share), 0))
    alone = counts.vocabulary.class_size[of_symbol] == 1
    return _codes_only(np.where(alone, 0, np.stack(starts)))


def age_edges(age: Float[ndarray, " P"]) -> Float[ndarray, " edges"]:
    """Where age groups begin, after the first: of about equally many patients each, an age of more a group of its own.

    Example:
        >>> age_edges(np.repeat([0.0, 1.0, 50.0, 51.0], [100, 1, 99, 99]))[:4].tolist()
        [1.0, 50.0, 51.0, inf]
    """
    values, patients = np.unique(age, return_counts=True)
    edges, filled, size = [], 0.0, len(age) / AGE_GROUPS
    for value, here in zip(values[1:], pairwise(patients), strict=True):
        before, own = here
        filled += before
        if own >= size or filled + own / 2 > size or before >= size:
            edges.append(value)
            filled = 0.0
    return np.array([*edges, *[np.inf] * AGE_GROUPS], dtype=np.float32)[: AGE_GROUPS - 1]


def demographics(
    counts: Counts, group: Int[ndarray, " P"], groups: int, rare: float
) -> tuple[Float[ndarray, "G K"], Float[ndarray, "G S"]]:
    """Log ratio of a group's share of a class, or of a code, to its share of all codes, where that is below `rare`.

    A class draws towards its block, the categories with its first two characters, a code towards its class. All else
    is left to the states: what a visit holds tells of sex and age too, and would be counted twice. A code's own number
    comes on top of its class's.
    """
    here, of_symbol = group[counts.patient], counts.vocabulary.symbol_class
    names = np.array(["", "", *counts.vocabulary.categories])
    _, block = np.unique([name[:2] for name in names], return_inverse=True)

    def table(row: Int[ndarray, " C"], rows: int) -> Float[ndarray, "rows G"]:
        return np.bincount(row * groups + here, minlength=rows * groups).reshape(rows, groups).astype(np.float64)

    def where_rare(shares: Float[ndarray, "rows G"]) -> Float[ndarray, "rows G"]:
        ratio = np.maximum(shares, TINY) / overall
        return np.where(ratio < rare, np.log(ratio), 0)

    of_classes = table(counts.symbol_class, counts.classes)
    overall = np.maximum(of_classes.sum(axis=0), 1) / len(here)
    blocks = int(block.max()) + 1
    of_blocks = shrunken(table(block[counts.symbol_class], blocks), np.tile(overall, (blocks, 1)))
    in_class = shrunken(of_classes, of_blocks[block])
    in_symbol = shrunken(table(counts.symbol, counts.symbols), in_class[of_symbol])
    of_class = _codes_only(where_rare(in_class).T)
    return of_class, _codes_only(where_rare(in_symbol).T) - of_class[:, of_symbol]


def visit_ends(counts: Counts) -> Float[ndarray, "2 M"]:
    """Log odds that no code follows the m-th, to those after any, for m from 0: of first visits, and of later ones."""
    _, at, codes = np.unique(counts.visit, return_index=True, return_counts=True)
    patient = counts.patient[at]
    later = np.append(False, patient[1:] == patient[:-1])
    every = _hazard(codes, MOST_CODES + 1)
    return np.stack([_hazard(codes[which], MOST_CODES + 1) if which.any() else every for which in (~later, later)])


def history_ends(counts: Counts) -> Float[ndarray, " M"]:
    """The same for visits: that none follows the visit of this number, from 0 to MOST_VISITS."""
    patient = np.unique(np.stack([counts.patient, counts.visit]), axis=1)[0]
    return _hazard(np.unique(patient, return_counts=True)[1] - 1, MOST_VISITS + 1)


def _hazard(ends: Int[ndarray, " X"], places: int) -> Float[ndarray, " M"]:
    """Log odds of ending at each place, for who gets there, to those at any; alike where only one in 100 gets."""
    ended = np.bincount(np.minimum(ends, places - 1), minlength=places)
    there = np.cumsum(ended[::-1])[::-1]
    far = there < there[0] / 100
    ended, there = (np.where(far, part[far].sum(), part) for part in (ended, there))
    usual = np.full(places, ended.sum() / there.sum())
    return np.asarray(_logit(_chance(ended, there, usual)) - _logit(usual))


@dataclass(frozen=True)
class Presence:
    """Sorted keys visit x width + thing: what each visit holds, the one before it held, and only earlier ones did."""

    now: Int[ndarray, " A"]
    last: Int[ndarray, " L"]
    earlier: Int[ndarray, " E"]
    visits: int

    @classmethod
    def of(cls, visit: Int[ndarray, " C"], patient: Int[ndarray, " C"], thing: Int[ndarray, " C"], width: int) -> Self:
        numbers, visit = np.unique(visit, return_inverse=True)
        owner = np.zeros(len(numbers), dtype=np.int64)
        owner[visit] = patient
        now = np.unique(visit * width + thing)
        visit, thing = np.divmod(now, width)
        after = np.searchsorted(owner, owner, side="right")[visit] - visit - 1  # visits of the patient still to come
        last = now[after > 0] + width
        more = np.maximum(after - 1, 0)
        number = np.arange(more.sum()) - np.repeat(np.cumsum(more) - more, more)
        earlier = np.repeat(now, more) + (2 + number) * width
        return cls(now, last, np.setdiff1d(earlier, last), len(numbers))


def _log_ratio(
    again: ndarray, trials: ndarray, usual: Float[ndarray, " R"], expected: Float[ndarray, " R"]
) -> Float[ndarray, " R"]:
    """Log of the shrunken chance to what is usual; rows draw towards the ratio of all of them together."""
    if expected.sum() == 0:
        return np.zeros(len(usual))
    usual = np.maximum(usual, 1e-9)
    ratio = again.sum() / expected.sum()
    chance = _chance(again, trials, np.minimum(usual * ratio, 0.5))
    return _codes_only(np.log(np.maximum(chance, 1e-9)) - np.log(usual))


def _chance(again: ndarray, trials: ndarray, usual: Float[ndarray, " R"]) -> Float[ndarray, " R"]:
    """Shrunken share of the trials that ended so."""
    usual = np.clip(usual, 1e-9, 1 - 1e-9)
    counts = np.stack([again, np.maximum(trials - again, 0)], axis=1).astype(np.float64)
    return shrunken(counts, np.stack([usual, 1 - usual], axis=1))[:, 0]


def _rate(chance: Float[ndarray, "..."]) -> Float[ndarray, "..."]:
    """Log of the rate at which something comes that is there with this chance."""
    return np.log(-np.log1p(-np.clip(chance, SURE / 10, 1 - SURE)))


def _raised(
    share: Float[ndarray, " R"], trials: Shaped[ndarray, " R"], successes: int | np.integer
) -> Float[ndarray, " R"]:
    """The shares with one number added to the log odds of all, so that as many successes are to be expected.

    Example:
        >>> _raised(np.array([0.1, 0.5]), np.array([0.0, 8.0]), 6).round(2).tolist()
        [0.25, 0.75]
    """
    low, high = -20.0, 20.0
    for _ in range(40):
        shift = (low + high) / 2
        raised = 1 / (1 + np.exp(-_logit(share) - shift))
        low, high = (shift, high) if trials @ raised < successes else (low, shift)
    return raised


def _logit(chance: float | Float[ndarray, "..."]) -> float | Float[ndarray, "..."]:
    chance = np.clip(chance, SURE / 10, 1 - SURE / 10)
    return np.log(chance) - np.log1p(-chance)


def _codes_only(starts: Float[ndarray, "... K"]) -> Float[ndarray, "... K"]:
    """0 for the special tokens."""
    return np.where(np.arange(starts.shape[-1]) < SPECIAL_CLASSES, 0.0, starts)
