"""How well is the next visit foreseen? -> docs/next_visit.md.

python -m scripts.next_visit --models models/multitask/0 models/lm_only/0

Held-out patients with two visits or more: their last visit is hidden, everything before it is given. Everybody ranks
all codes that training patients have; accuracy@k is the share of the first k that are in the hidden visit, of as many
as it has if they are fewer. New codes are those that no visit before had: there, who repeats the last visit knows
nothing.
"""

import argparse
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float
from numpy import ndarray
from scipy import sparse

from ehrgen.core.files import write_text
from ehrgen.core.params import load_yaml, section
from ehrgen.data.cohort import Cohort
from ehrgen.data.indicator import indicator
from ehrgen.data.simulation.profiles import Profiles
from ehrgen.findings.text.tables import table
from ehrgen.learning.machine.device import machine_for
from ehrgen.learning.model.prompt_bart import PromptBart
from ehrgen.learning.sampling import continuation
from ehrgen.learning.settings import Recipe, SamplingSettings, effective
from ehrgen.metrics.cohorts import incidence
from ehrgen.metrics.cohorts.subgroups import SUBGROUPS, subgroup_of
from ehrgen.metrics.statistics.ranking import RESAMPLES

RANKS = (5, 10, 20)
PROFILES, SMALLEST = 64, 1e-9
Ranking = Float[ndarray, "P V"]
OUT = Path("docs/next_visit.md")
TEXT = """\
# How well is the next visit foreseen?

The last visit of {patients:,} held-out patients is hidden, and each way ranks the codes that it may have. Written by
`python -m scripts.next_visit`.

*accuracy@k* is the share of the first k codes that are in the hidden visit. Where the visit has fewer than k codes, it
is the share of those. After ± stands half of the 95 % bootstrap interval over patients. *New codes* leaves out the
codes that an earlier visit had.

- *frequency*: how often training patients of that sex and age bracket have the code
- *last visit*: codes of the last visit given first, the others by frequency
- *persistence*: P(code in the next visit | code in this one) of training patients for codes given, else frequency
- *mixture*: the code probabilities of the latent profiles that fit the last visit given (64 profiles)
- a model: its probability of each code as the first of the next visit

{rows}
"""


def main() -> None:
    asked = _arguments()
    cohort = Cohort.load(Path("data/cohort"))
    train, given, hidden = cohort.of_split("train"), *last_hidden(cohort.of_split("heldout"))
    codes = incidence.distinct_codes(train)
    ways: dict[str, Ranking] = baselines(train, given, codes)
    resolved = load_yaml(Path("resolved.yaml"))
    for folder in asked.models:
        print(f"{folder}: reading {len(given):,} histories", file=sys.stderr)
        ways[f"{folder.parent.name} {folder.name}"] = by_model(folder, resolved, given, codes)
    truth = incidence.patient_codes(hidden, codes).toarray() > 0
    known = incidence.patient_codes(given, codes).toarray() > 0
    text = TEXT.format(patients=len(given), rows=rows(ways, truth, known))
    write_text(text, OUT)
    print(text)


def last_hidden(cohort: Cohort) -> tuple[Cohort, Cohort]:
    """The patients with two visits or more, without their last visit, and with nothing else."""
    last = cohort.diagnoses.groupby("patient_id")["visit"].transform("max")
    chosen = cohort.diagnoses[last > 0]
    is_last = chosen["visit"] == last[last > 0]
    people = cohort.patients[cohort.patients["patient_id"].isin(chosen["patient_id"])]
    return Cohort.from_rows(people, chosen[~is_last]), Cohort.from_rows(people, chosen[is_last])


def baselines(train: Cohort, given: Cohort, codes: ndarray) -> dict[str, Ranking]:
    """Scores of every code for every patient, by each simple way."""
    visits = _visits(train, codes)
    owner = incidence.patient_of_visit(train)
    subgroup = subgroup_of(train)[owner]
    whole = visits.mean(axis=0)
    of_subgroup = np.stack(
        [visits[subgroup == one].mean(axis=0) if (subgroup == one).any() else whole for one in range(SUBGROUPS)]
    )
    frequency = (of_subgroup + 1e-3 * whole)[subgroup_of(given)]
    last = _visits(given, codes)[np.cumsum(incidence.visits_per_patient(given)) - 1]
    now = last.toarray() > 0
    before = incidence.transitions(train)
    stayed = (visits[before].multiply(visits[before + 1])).sum(axis=0)
    had = visits[before].sum(axis=0)
    stays = (stayed + 5 * stayed.sum() / had.sum()) / (had + 5)
    model = Profiles.fit(visits, subgroup, SUBGROUPS, np.random.default_rng(0), profiles=min(PROFILES, visits.shape[0]))
    return {
        "frequency": frequency,
        "last visit": frequency + now,
        "persistence": np.where(now, stays, frequency),
        "mixture": _mixture(model, last, subgroup_of(given)),
    }


def _mixture(model: Profiles, visits: sparse.csr_array, subgroup: ndarray) -> Ranking:
    p = np.clip(model.codes, SMALLEST, 1 - SMALLEST)
    fit = visits @ (np.log(p) - np.log1p(-p)).T + np.log1p(-p).sum(axis=1)
    fit += np.log(np.maximum(model.weights[subgroup], SMALLEST))
    share = np.exp(fit - fit.max(axis=1, keepdims=True))
    return (share / share.sum(axis=1, keepdims=True)) @ p


def _visits(cohort: Cohort, codes: ndarray) -> sparse.csr_array:
    """0/1 matrix [visits, codes]; codes not among them are left out."""
    column = pd.Index(codes, dtype=object).get_indexer(cohort.diagnoses["code"].to_numpy(dtype=object))
    known, row = column >= 0, incidence.visit_of_row(cohort)
    return indicator(row[known], column[known], (int(row[-1]) + 1, len(codes)))


def by_model(folder: Path, resolved: dict, given: Cohort, codes: ndarray) -> Ranking:
    """A model's probability of each code as the first of the next visit; patients it knows nothing of have none."""
    variant, seed = folder.resolve().parts[-2:]
    settings = section(effective(resolved, variant), "sampling", SamplingSettings, "resolved.yaml")
    here = machine_for(Recipe.from_resolved(resolved, variant, int(seed)))
    model = PromptBart.load(folder)
    probability, patient_ids = continuation.first_codes(model, given, settings, here)
    place = pd.Index(model.vocabulary.codes, dtype=object).get_indexer(codes)
    found = np.zeros((len(given), len(codes)))
    row = np.searchsorted(given.patients["patient_id"], patient_ids)
    found[np.ix_(row, np.flatnonzero(place >= 0))] = probability[:, place[place >= 0]]
    return found


def rows(ways: Mapping[str, Ranking], truth: Bool[ndarray, "P V"], known: Bool[ndarray, "P V"]) -> str:
    """A row a way: accuracy at each rank, of all codes and of new ones."""
    measures: list[Callable[[Ranking], list[str]]] = [
        lambda scores: accuracies(scores, truth),
        lambda scores: accuracies(np.where(known, -np.inf, scores), truth & ~known),
    ]
    header = ["", *(f"accuracy@{k}" for k in RANKS), *(f"new codes @{k}" for k in RANKS)]
    return table(
        header, [[way, *(one for measure in measures for one in measure(found))] for way, found in ways.items()]
    )


def accuracies(scores: Ranking, truth: Bool[ndarray, "P V"]) -> list[str]:
    """Accuracy at each rank with its half-width, over the patients who have a code to be found."""
    asked = truth.any(axis=1)
    order = np.argsort(-scores[asked], axis=1, kind="stable")[:, : max(RANKS)]
    hits = np.take_along_axis(truth[asked], order, axis=1).cumsum(axis=1)
    size = truth[asked].sum(axis=1)
    times = np.random.default_rng(0).multinomial(len(size), np.full(len(size), 1 / len(size)), RESAMPLES)
    said = []
    for k in RANKS:
        each = hits[:, k - 1] / np.minimum(k, size)
        low, high = np.percentile(times @ each / len(size), [2.5, 97.5])
        said.append(f"{each.mean():.3f} ± {(high - low) / 2:.3f}")
    return said


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=Path, nargs="+", default=[Path("models/multitask/0")], metavar="VARIANT/SEED")
    return parser.parse_args()


if __name__ == "__main__":
    main()
