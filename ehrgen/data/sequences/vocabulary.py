"""The tokens of a cohort: four special tokens, then its codes sorted by category so that siblings are neighbours.

token 0 `<pad>`, 1 `<bos>`, 2 `<visit>` (between two visits), 3 `<eos>`, 4... codes.
What a model predicts, the *symbols*, is everything from `<visit>` on: symbol = token - 2.
Each symbol has a *class*: 0 for `<visit>`, 1 for `<eos>`, 2... for the ICD-9 categories in order. Codes of one
category are a contiguous run of symbols, so a category is a (start, size) pair and needs no table of members.
"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Self

import numpy as np
import pandas as pd

from ehrgen.core.files import read_json, write_json
from ehrgen.data.icd9 import codes as icd9

SPECIAL_TOKENS = ("<pad>", "<bos>", "<visit>", "<eos>")
PAD, BOS, VISIT, EOS = range(4)
FIRST_CODE = len(SPECIAL_TOKENS)
FIRST_SYMBOL = VISIT
SPECIAL_CLASSES = 2


REMEDY = "run `dvc repro`"


class VocabularyError(ValueError):
    """A file that holds no vocabulary; the message says what is wrong with it."""


@dataclass(frozen=True)
class Vocabulary:
    """Codes, sorted by (category, code), and how often each occurs in the training split."""

    codes: tuple[str, ...]
    counts: tuple[int, ...]

    def __len__(self) -> int:
        """Number of tokens, special tokens included."""
        return FIRST_CODE + len(self.codes)

    @classmethod
    def from_codes(cls, codes: pd.Series, min_count: int = 1) -> Self:
        """The vocabulary of these training codes; codes rarer than `min_count` become their category.

        Example:
            >>> Vocabulary.from_codes(pd.Series(["4019", "4019", "4011", "25000"]), min_count=2).codes
            ('250', '401', '4019')
        """
        count = codes.value_counts()
        kept = count[count >= min_count]
        rare = count[count < min_count]
        stand_ins = rare.groupby(icd9.category(rare.index.to_numpy(dtype=str))).sum()
        total = pd.concat([kept, stand_ins]).groupby(level=0).sum()
        names = total.index.to_numpy(dtype=str)
        order = np.lexsort((names, icd9.category(names)))
        return cls(tuple(names[order].tolist()), tuple(int(n) for n in total.to_numpy()[order]))

    @cached_property
    def categories(self) -> tuple[str, ...]:
        """Categories present, ascending."""
        return tuple(dict.fromkeys(icd9.category(np.array(self.codes, dtype=str)).tolist()))

    @cached_property
    def symbol_class(self) -> np.ndarray:
        """Class of each symbol, shape [symbols]."""
        categories = icd9.category(np.array(self.codes, dtype=str))
        of_codes = np.searchsorted(np.array(self.categories), categories)
        return np.concatenate([np.arange(SPECIAL_CLASSES), SPECIAL_CLASSES + of_codes])

    @cached_property
    def class_start(self) -> np.ndarray:
        """First symbol of each class, shape [classes]."""
        return np.searchsorted(self.symbol_class, np.arange(SPECIAL_CLASSES + len(self.categories)))

    @cached_property
    def class_size(self) -> np.ndarray:
        """Number of symbols of each class, shape [classes]."""
        return np.bincount(self.symbol_class)

    def encode(self, codes: pd.Series) -> np.ndarray:
        """Token of each code: its own, else its category's, else -1 for a code training never saw.

        Example:
            >>> Vocabulary(("250", "4019"), (1, 1)).encode(pd.Series(["4019", "25013", "V270"])).tolist()
            [5, 4, -1]
        """
        index = pd.Index(self.codes)
        distinct = codes.astype("category")
        names = distinct.cat.categories.to_numpy(dtype=str)
        own = index.get_indexer(pd.Index(names))
        parent = index.get_indexer(pd.Index(icd9.category(names))) if len(names) else own
        token = np.where(own >= 0, own, parent)
        return np.where(token >= 0, token + FIRST_CODE, -1)[distinct.cat.codes.to_numpy()]

    def decode(self, tokens: np.ndarray) -> np.ndarray:
        """Code of each token.

        Raises:
            ValueError: If a token is a special one.
        """
        if (tokens < FIRST_CODE).any():
            raise ValueError(f"{int((tokens < FIRST_CODE).sum())} tokens are special ones, not codes")
        return np.array(self.codes, dtype=object)[tokens - FIRST_CODE]

    def save(self, path: Path) -> None:
        """Write JSON: codes and counts."""
        write_json({"codes": self.codes, "counts": self.counts}, path, indent=None, end="")

    @classmethod
    def load(cls, path: Path) -> Self:
        """The vocabulary written by `save`.

        Raises:
            FileError: If the file cannot be read.
            VocabularyError: If it holds no vocabulary: codes in order, each once, with counts of 1 or more.
        """
        content = read_json(path)
        if not isinstance(content, dict) or set(content) != {"codes", "counts"}:
            raise VocabularyError(f"{path}: expected the keys codes and counts; {REMEDY}")
        codes, counts = content["codes"], content["counts"]
        if not (isinstance(codes, list) and isinstance(counts, list) and len(codes) == len(counts) > 0):
            raise VocabularyError(f"{path}: expected as many counts as codes, and at least one; {REMEDY}")
        if not (all(isinstance(code, str) for code in codes) and icd9.is_code(codes).all()):
            raise VocabularyError(f"{path}: not all of its {len(codes)} codes are ICD-9-CM codes; {REMEDY}")
        if not all(type(count) is int and count > 0 for count in counts):
            raise VocabularyError(f"{path}: not all of its {len(counts)} counts are 1 or more; {REMEDY}")
        in_order = sorted(set(zip(icd9.category(codes).tolist(), codes, strict=True)))
        if [code for _, code in in_order] != codes:
            raise VocabularyError(f"{path}: its codes are not in order of category and code, each once; {REMEDY}")
        return cls(tuple(codes), tuple(counts))
