"""Pairs of codes counted at the size of MIMIC-III, against the nested loops of a first attempt.

    python -m benchmarks.counting [--rounds 5]

Visits are made up: 58,976 admissions of 46,520 patients with 651,047 codes in all, 6,985 different ones by a Zipf law.
Both count the same pairs; that they agree is checked before anything is timed. One thread, contenders in turn.
"""

import argparse
from collections import Counter
from itertools import combinations

import numpy as np

from benchmarks import measure
from ehrgen.data.sequences import cooccurrence
from ehrgen.data.sequences.sequences import Sequences
from ehrgen.data.sequences.vocabulary import BOS, EOS, FIRST_CODE, VISIT, Vocabulary

PATIENTS, ADMISSIONS, CODES, KINDS = 46_520, 58_976, 651_047, 6_985
PLAIN = "nested loops"


def made_up(rng: np.random.Generator) -> Sequences:
    """Histories of that size; a code drawn twice in a visit is left out, so that a few are missing."""
    share = 1 / np.arange(10, KINDS + 10)
    size = 1 + rng.multinomial(CODES - ADMISSIONS, rng.dirichlet(np.full(ADMISSIONS, 2.0)))
    drawn = np.split(rng.choice(KINDS, CODES, p=share / share.sum()), np.cumsum(size)[:-1])
    owner = np.sort(np.concatenate([np.arange(PATIENTS), rng.integers(0, PATIENTS, ADMISSIONS - PATIENTS)]))
    histories: list[list[int]] = [[BOS] for _ in range(PATIENTS)]
    for patient, codes in zip(owner, drawn, strict=True):
        history = histories[patient]
        history += [VISIT] * (len(history) > 1) + [FIRST_CODE + code for code in dict.fromkeys(codes.tolist())]
    names = tuple(f"{100 + number // 10}{number % 10}" for number in range(KINDS))
    return Sequences(
        vocabulary=Vocabulary(names, tuple(np.ones(KINDS, dtype=int).tolist())),
        tokens=np.concatenate([[*history, EOS] for history in histories]).astype(np.int32),
        offsets=np.cumsum([0, *(len(history) + 1 for history in histories)]),
        age=np.full(PATIENTS, 60.0, dtype=np.float32),
        sex=np.zeros(PATIENTS, dtype=np.int8),
        split=np.zeros(PATIENTS, dtype=np.int8),
        report={},
    )


def visits(sequences: Sequences) -> list[list[int]]:
    """Codes of every visit, as numbers from 0."""
    found: list[list[int]] = []
    for token in sequences.tokens.tolist():
        if token < FIRST_CODE:
            found.append([])
        else:
            found[-1].append(token - FIRST_CODE)
    return found


def nested_loops(of_visits: list[list[int]]) -> Counter:
    """How many visits hold both codes of a pair."""
    count: Counter = Counter()
    for codes in of_visits:
        for pair in combinations(sorted(codes), 2):
            count[pair] += 1
    return count


def require_equal(ours: cooccurrence.Cooccurrence, theirs: Counter) -> None:
    """Both have counted the same.

    Raises:
        RuntimeError: If a pair's count differs.
    """
    first, second = np.array(list(theirs)).T
    wrong = int((np.asarray(ours.pairs[first, second]).ravel() != np.array(list(theirs.values()))).sum())
    found = int((ours.pairs.tocoo().row < ours.pairs.tocoo().col).sum())
    if wrong or found != len(theirs):
        raise RuntimeError(
            f"{wrong} of {len(theirs)} pairs have another count than by nested loops; {found} were found"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    sequences = made_up(np.random.default_rng(0))
    of_visits = visits(sequences)
    require_equal(cooccurrence.count(sequences)["code"], nested_loops(of_visits))
    codes = float(sum(map(len, of_visits)))

    def plain(_: int) -> float:
        nested_loops(of_visits)
        return codes

    def ours(_: int) -> float:
        cooccurrence.count(sequences)
        return codes

    table = measure.against(measure.in_turn({PLAIN: plain, "ehrgen": ours}, rounds), PLAIN)
    for name, row in table.items():
        row["seconds"] = codes / row["rate"]
        print(f"{name:14} {row['seconds']:6.2f} s, {row['ratio']:.1f} x ({row['low']:.1f} to {row['high']:.1f})")
    measure.save("counting", {"unit": "codes/s", "codes": int(codes), "rounds": rounds, "of": table})


if __name__ == "__main__":
    main()
