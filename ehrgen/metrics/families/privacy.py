"""Do the synthetic patients give away the real ones that the generator has learnt from?

Every measure sets training patients against held-out ones, treated alike, so that what any real patient would
show counts for nothing. Without that a good generator looks like a leak. Ties count one half.
"""

from dataclasses import dataclass
from itertools import permutations

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray

from ehrgen.data.cohort import Cohort
from ehrgen.data.disclosure import SMALLEST_SHOWN
from ehrgen.metrics.cohorts import fingerprints, neighbours
from ehrgen.metrics.cohorts.cache import remembered
from ehrgen.metrics.cohorts.handed_on import of_real_patients
from ehrgen.metrics.cohorts.neighbours import Nearness
from ehrgen.metrics.statistics import attribute_attack, ranking
from ehrgen.metrics.table.suite import NotJudged

LOW_FPR = 0.01  # Carlini et al. (2022): what counts is who is recognised with hardly any false alarm

Attack = tuple[Bool[ndarray, " n"], Float[ndarray, " n"]]


def membership_auc(heldout: Cohort, synthetic: Cohort, train: Cohort) -> float:
    """P(a training patient has a nearer synthetic neighbour than a held-out one), ties half: 0.5 is ideal, 1 a leak.

    A copy of the training set is far above 0.5, and below 1 because short records are shared. A generator of noise has
    0.5 too, so read it beside fidelity.
    """
    return ranking.auroc(*_by_distance(heldout, synthetic, train))


def membership_auc_half_width(heldout: Cohort, synthetic: Cohort, train: Cohort) -> float:
    """Half-width of the 95 % bootstrap interval of `membership_auc` over real patients.

    About 0.015 for 3,000 patients each; within it of 0.5 nothing was found.
    """
    member, score = _by_distance(heldout, synthetic, train)
    order = np.lexsort((score, member))
    times = np.random.default_rng(0).poisson(1, (ranking.RESAMPLES, len(order)))
    return ranking.half_width(ranking.auroc_of_resamples(member[order], score[order], times))


def membership_tpr(heldout: Cohort, synthetic: Cohort, train: Cohort) -> float:
    """Share of training patients recognised by their synthetic neighbour at 1 % false alarms: 0.01 is ideal, 1 a leak.

    A few patients copied word for word show here and not in the AUC. Common short records, which everybody shares, hide
    a copy: `density_membership_tpr` corrects for them.
    """
    return ranking.tpr_at_fpr(*_by_distance(heldout, synthetic, train), LOW_FPR)


def density_membership_auc(heldout: Cohort, synthetic: Cohort, train: Cohort) -> float:
    """As `membership_auc`, by how much denser synthetic patients lie around a patient than real ones do.

    Good is 0.5. It finds what overfitting adds even without copies; common records no longer pass for members.

    Source:
        van Breugel et al. (2023), DOMIAS. https://arxiv.org/abs/2302.12580
    """
    return ranking.auroc(*_by_density(heldout, synthetic, train))


def density_membership_tpr(heldout: Cohort, synthetic: Cohort, train: Cohort) -> float:
    """As `membership_tpr`, by the density ratio of `density_membership_auc`.

    The strongest attack here: a copy of the training set is recognised in most patients, an honest generator in 1 %.
    """
    return ranking.tpr_at_fpr(*_by_density(heldout, synthetic, train), LOW_FPR)


def adversarial_accuracy(heldout: Cohort, synthetic: Cohort, train: Cohort) -> float:
    """How well the nearest neighbour tells held-out from synthetic patients, 0 to 1; 0.5: not at all.

    Above 0.5 the synthetic patients are a crowd of their own, below they sit on real ones. Judge it by the floor.

    Source:
        Yale et al. (2020). https://doi.org/10.1016/j.neucom.2019.12.136
    """
    return _accuracies(_nearness(heldout, synthetic, train))[0]


def nnaar(heldout: Cohort, synthetic: Cohort, train: Cohort) -> float:
    """Adversarial accuracy on held-out minus that on training patients, -1 to 1: 0 is ideal, 0.5 a copy.

    Privacy loss as Yale defines it; distances of 0 stay in, else a copy would score as well as an honest generator.

    Source:
        Yale et al. (2020). https://doi.org/10.1016/j.neucom.2019.12.136
    """
    heldout_accuracy, train_accuracy = _accuracies(_nearness(heldout, synthetic, train))
    return heldout_accuracy - train_accuracy


def dcr_share(heldout: Cohort, synthetic: Cohort, train: Cohort) -> float:
    """Share of synthetic patients nearer to a training than to a held-out patient, ties half: 0.5 is ideal, 1 a leak.

    Counts synthetic patients, where `membership_auc` counts real ones: few sources copied often show here.

    Source:
        Platzer & Reutterer (2021). https://doi.org/10.3389/fdata.2021.679939
    """
    near = _nearness(heldout, synthetic, train)
    return _share_above(near.synthetic_to_heldout.distance, near.synthetic_to_train.distance)


def attribute_inference(heldout: Cohort, synthetic: Cohort, train: Cohort) -> float:
    """F1 with which the nearest synthetic patient gives away a training patient's rare codes, minus the same of H.

    0 is ideal: held-out patients teach as much about people in general. Above 0 synthetic ones tell about these.

    Raises:
        NotJudged: If fewer than 11 training patients have a rare code.

    Source:
        Choi et al. (2017), medGAN. https://arxiv.org/abs/1703.06490
    """
    held, synthetics, trained = neighbours.elements(heldout, synthetic, train)
    hidden = attribute_attack.hidden(held, trained)
    with_any = np.count_nonzero(trained[:, hidden].sum(axis=1))
    if with_any < SMALLEST_SHOWN:
        common = f"a code beyond the {attribute_attack.COMMON} commonest"
        raise NotJudged(f"suppressed: fewer than {SMALLEST_SHOWN} training patients have {common}")
    return attribute_attack.f1(trained, synthetics, hidden) - _learnt_of_held_out(heldout, train)


@of_real_patients
def _learnt_of_held_out(heldout: Cohort, train: Cohort) -> float:
    """F1 with which the nearest held-out patient gives away a training patient's rare codes."""
    held, trained = neighbours.elements(heldout, train)
    return attribute_attack.f1(trained, held, attribute_attack.hidden(held, trained))


def memorised_records(heldout: Cohort, synthetic: Cohort, train: Cohort) -> float:
    """Share of synthetic records that are a training patient's, minus that of held-out ones that are: -1 to 1, 0 ideal.

    Records of one code match by chance, in real patients too, hence the difference. Sex and age do not count: the
    generator is given them.
    """
    known = fingerprints.of_records(train)
    copied, expected = (np.isin(fingerprints.of_records(cohort), known).mean() for cohort in (synthetic, heldout))
    return float(copied - expected)


def memorised_run(heldout: Cohort, synthetic: Cohort, train: Cohort) -> float:
    """Longest run of visits that 11 or more training patients share with synthetic ones, minus that of held-out ones.

    0 is ideal. It finds copies of a part of a long record. Of 11 patients: a run that fewer share tells on them.
    """
    trained, held = (_longest_run(real, synthetic) for real in (train, heldout))
    return float(trained - held)


def _longest_run(real: Cohort, synthetic: Cohort) -> int:
    length = 0
    while True:
        key, owner = fingerprints.of_runs(real, length + 1)
        shared_by = np.unique(owner[np.isin(key, fingerprints.of_runs(synthetic, length + 1)[0])])
        if len(shared_by) < SMALLEST_SHOWN:
            return length
        length += 1


@dataclass(frozen=True)
class _Nearness:
    """Who is near whom, by what the metrics need: `of_a_to_b`, and `among` for oneself left out."""

    train_to_synthetic: Nearness
    heldout_to_synthetic: Nearness
    synthetic_to_train: Nearness
    synthetic_to_heldout: Nearness
    among_synthetic: Nearness
    train_to_heldout: Nearness
    heldout_to_train: Nearness
    among_train: Nearness
    among_heldout: Nearness


@remembered
def _nearness(heldout: Cohort, synthetic: Cohort, train: Cohort) -> _Nearness:
    cohorts = {"heldout": heldout, "synthetic": synthetic, "train": train}
    near = {f"{a}_to_{b}": neighbours.near(cohorts[a], cohorts[b]) for a, b in permutations(cohorts, 2)}
    return _Nearness(**near, **{f"among_{kind}": neighbours.among(own) for kind, own in cohorts.items()})


def _by_distance(heldout: Cohort, synthetic: Cohort, train: Cohort) -> Attack:
    near = _nearness(heldout, synthetic, train)
    return _attack(-near.train_to_synthetic.distance, -near.heldout_to_synthetic.distance)


def _by_density(heldout: Cohort, synthetic: Cohort, train: Cohort) -> Attack:
    """The score is the synthetic over the real density, that of all real patients but oneself.

    Of all, so that members and others meet the same crowd: held-out ones alone are no denser around themselves.
    """
    near = _nearness(heldout, synthetic, train)
    members = near.train_to_synthetic.density / (near.among_train.density + near.train_to_heldout.density)
    others = near.heldout_to_synthetic.density / (near.among_heldout.density + near.heldout_to_train.density)
    return _attack(members, others)


def _attack(members: Float[ndarray, " T"], others: Float[ndarray, " H"]) -> Attack:
    """Whether each real patient was trained on, and how much the attacker believes so."""
    return np.repeat([True, False], [len(members), len(others)]), np.concatenate([members, others])


def _accuracies(near: _Nearness) -> tuple[float, float]:
    """Adversarial accuracy on held-out and on training patients."""
    own, to_heldout, to_train = (
        to.distance for to in (near.among_synthetic, near.synthetic_to_heldout, near.synthetic_to_train)
    )
    heldout = _share_above(near.heldout_to_synthetic.distance, near.among_heldout.distance)
    train = _share_above(near.train_to_synthetic.distance, near.among_train.distance)
    return (heldout + _share_above(to_heldout, own)) / 2, (train + _share_above(to_train, own)) / 2


def _share_above(first: Float[ndarray, " n"], second: Float[ndarray, " n"]) -> float:
    """Share of places where the first is larger, ties half."""
    return float(((first > second) + (first == second) / 2).mean())
