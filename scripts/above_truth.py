"""How far is each model from the process that the patients were drawn from? -> docs/above_truth.md.

python -m scripts.above_truth --models models/multitask/0 models/lm_only/0

Only a simulated cohort has an exact P(visit | sex, age). Held-out first visits are scored under it, under the mixture
of latent profiles and independent codes, which have exact probabilities too, and under models. A visit is a set and a
model writes it in an order: of n codes, P(visit) is n! times the mean of P(order) over all orders. The mean of the
logarithm over orders drawn at random is a lower bound of log P(visit) (Jensen); the logarithm of the mean over ORDERS
of them, an importance-weighted bound (Burda et al. 2016), lies between that and the truth. What lies between the two
bounds says how much a model's orders contradict each other.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float, Int
from numpy import ndarray
from scipy import sparse
from scipy.special import gammaln, logsumexp

from ehrgen.core.files import write_text
from ehrgen.core.params import load_yaml, section
from ehrgen.data.cohort import Cohort
from ehrgen.data.indicator import indicator
from ehrgen.data.sequences.sequences import Sequences
from ehrgen.data.sequences.vocabulary import SPECIAL_CLASSES
from ehrgen.data.simulation.process import known
from ehrgen.data.simulation.profiles import P_MAX, P_MIN, Profiles
from ehrgen.data.simulation.strata import stratum_of
from ehrgen.findings.text.tables import table
from ehrgen.learning.batches import collate, plan
from ehrgen.learning.machine.device import Machine, machine_for
from ehrgen.learning.model.prompt_bart import PromptBart, forbidden
from ehrgen.learning.settings import Recipe, SamplingSettings, effective
from ehrgen.metrics.cohorts import incidence
from ehrgen.metrics.cohorts.subgroups import SUBGROUPS, subgroup_of

ORDERS, PROFILES, TOKENS = 8, 64, 4096
OUT = Path("docs/above_truth.md")
TEXT = """\
# How far is a generator from the truth?

The table says how many more nats a generator needs for a real visit than the process that drew it: 0 is perfect. Only
simulated patients have such a process. Written by `python -m scripts.above_truth`.

There are {visits:,} held-out first visits, with {codes:.2f} codes each, all known from training patients.
Their own process needs {truth:.2f} nats a visit, given sex and age. No patients are drawn from any generator, so
the only chance is in the held-out visits, which are the same for all.

{rows}

*Mixture* has {profiles} latent profiles. *Independent codes* have the frequencies within sex and age bracket. Both
probabilities are exact. A model writes the codes of a visit in some order, so its columns are upper bounds:

- *one order* is the mean over {orders} orders drawn at random.
- *{orders} orders* takes the mean probability of these orders, and is never worse.

Where the two lie far apart, a model's orders contradict each other. A model trained on one fixed order (`replica`)
knows no other, so its bounds say little.
"""


def main() -> None:
    asked = _arguments()
    process = known(Path("data/process"))
    if process is None:
        sys.exit("above_truth: nobody knows the process that real patients come from; set cohort.source to simulated")
    cohort, resolved = Cohort.load(Path("data/cohort")), load_yaml(Path("resolved.yaml"))
    train = cohort.of_split("train")
    codes = incidence.distinct_codes(train)
    firsts = first_visits(cohort.of_split("heldout"), codes)
    strata = stratum_of(firsts.patients["sex"], firsts.patients["age_years"])
    truth = -process.profiles.log_likelihood(visits_of(firsts, process.codes), strata)
    found = {way: [f"{nats - truth:.2f}"] * 2 for way, nats in baselines(train, firsts, codes).items()}
    for folder in asked.models:
        print(f"{folder}: {len(firsts):,} visits in {ORDERS} orders", file=sys.stderr)
        found[f"{folder.parent.name} {folder.name}"] = [
            f"{nats - truth:.2f}" for nats in by_model(folder, resolved, firsts)
        ]
    text = TEXT.format(
        visits=len(firsts),
        codes=len(firsts.diagnoses) / len(firsts),
        truth=truth,
        rows=table(["", "one order", f"{ORDERS} orders"], [[way, *bounds] for way, bounds in found.items()]),
        profiles=PROFILES,
        orders=ORDERS,
    )
    write_text(text, OUT)
    print(text)


def first_visits(cohort: Cohort, codes: ndarray) -> Cohort:
    """The patients whose first visit has none but these codes, with that visit alone, each code once."""
    rows = cohort.diagnoses[cohort.diagnoses["visit"] == 0].drop_duplicates(["patient_id", "code"])
    whole = rows["code"].isin(codes).groupby(rows["patient_id"]).transform("all")
    rows = rows[whole]
    return Cohort.from_rows(cohort.patients[cohort.patients["patient_id"].isin(rows["patient_id"])], rows)


def visits_of(firsts: Cohort, codes: ndarray) -> sparse.csr_array:
    """0/1 matrix [patients, codes]."""
    column = pd.Index(codes, dtype=object).get_indexer(firsts.diagnoses["code"].to_numpy(dtype=object))
    row = np.searchsorted(firsts.patients["patient_id"], firsts.diagnoses["patient_id"])
    return indicator(row, column, (len(firsts), len(codes)))


def baselines(train: Cohort, firsts: Cohort, codes: ndarray) -> dict[str, float]:
    """Exact nats a visit of the mixture and of independent codes, both of the visits of training patients."""
    column = pd.Index(codes, dtype=object).get_indexer(train.diagnoses["code"].to_numpy(dtype=object))
    of_row = incidence.visit_of_row(train)
    visits = indicator(of_row, column, (int(of_row[-1]) + 1, len(codes)))
    subgroup = subgroup_of(train)[incidence.patient_of_visit(train)]
    rng = np.random.default_rng(0)
    mixture = Profiles.fit(visits, subgroup, SUBGROUPS, rng, profiles=min(PROFILES, visits.shape[0]))
    asked, of_subgroup = visits_of(firsts, codes), subgroup_of(firsts)
    ways = {"mixture": mixture, "independent codes": independent(visits, subgroup)}
    return {way: -model.log_likelihood(asked, of_subgroup) for way, model in ways.items()}


def independent(visits: sparse.csr_array, subgroup: Int[ndarray, " N"]) -> Profiles:
    """Each subgroup a profile of its own: its frequencies, drawn towards those of all by one visit."""
    member = indicator(subgroup, np.arange(len(subgroup)), (SUBGROUPS, len(subgroup)))
    size = np.bincount(subgroup, minlength=SUBGROUPS)[:, None]
    overall = np.asarray(visits.sum(axis=0)) / visits.shape[0]
    p = np.clip(((member @ visits).toarray() + overall) / (size + 1), P_MIN, P_MAX)
    return Profiles(np.eye(SUBGROUPS), p, np.ones(p.shape, dtype=bool))


def by_model(folder: Path, resolved: dict, firsts: Cohort) -> tuple[float, float]:
    """Upper bounds of a model's nats a visit: by one order, and by ORDERS of them together."""
    variant, seed = folder.resolve().parts[-2:]
    settings = section(effective(resolved, variant), "sampling", SamplingSettings, "resolved.yaml")
    here = machine_for(Recipe.from_resolved(resolved, variant, int(seed)))
    model = PromptBart.load(folder)
    sequences = Sequences.from_cohort(firsts, model.vocabulary, model.max_tokens)
    size = np.diff(sequences.offsets) - 2  # without <bos> and <eos>
    if size.sum() != len(firsts.diagnoses):
        sys.exit(f"above_truth: {folder} has no room for the longest held-out visits, of {size.max()} codes and more")
    nats = np.stack(
        [
            log_probability(model.placed(here), sequences.shuffled(np.random.default_rng(order)), settings, here)
            for order in range(ORDERS)
        ]
    )
    nats += gammaln(size + 1)
    return -float(nats.mean()), -float((logsumexp(nats, axis=0) - np.log(ORDERS)).mean())


@torch.inference_mode()
def log_probability(
    model: PromptBart, sequences: Sequences, settings: SamplingSettings, machine: Machine
) -> Float[ndarray, " P"]:
    """log P(the first visit in that order | sex, age), whether another follows or not."""
    nats = np.zeros(len(sequences))
    for rows in plan(np.diff(sequences.offsets) - 1, TOKENS, None):
        batch = collate(sequences, rows, "prompt", 0.0, None).to(machine.device)
        age, sex = (batch.age, batch.sex) if settings.demographics else (None, None)
        with machine.autocast():
            states = model.decode(batch.inputs, age, sex, model.encode(batch.encoder, age, sex), use_cache=False)
            states = states[:, states.shape[1] - batch.inputs.shape[1] :][batch.real]
            of_patient = model.readout.patients(age, sex)
            of_patient = None if of_patient is None else of_patient[batch.patient]
            states = model.readout(states, of_patient, batch.used_at, batch.used_symbol)
            log_prob, of_class = model.distribution.target(
                states, batch.target, forbidden(batch, settings.no_repeats), model.direct_at(batch, age, sex)
            )
        ends = of_class[:, :SPECIAL_CLASSES].logsumexp(dim=1)
        log_prob = torch.where(batch.target < SPECIAL_CLASSES, ends, log_prob)
        total = torch.zeros(len(rows), dtype=torch.float64, device=machine.device)
        nats[rows] = total.index_add(0, batch.patient, log_prob.double()).cpu().numpy()
    return nats


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=Path, nargs="+", default=[Path("models/multitask/0")], metavar="VARIANT/SEED")
    return parser.parse_args()


if __name__ == "__main__":
    main()
