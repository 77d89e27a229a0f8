import numpy as np
import pytest

from ehrgen.data.cohort import Cohort
from ehrgen.metrics.anchors import generators
from ehrgen.metrics.families import privacy
from ehrgen.metrics.table.suite import METRICS, NotJudged, function
from tests.support.cohorts import GENERIC, cohort, population

N = 1200
HELDOUT, TRAIN, FRESH = (population(N, seed) for seed in (1, 2, 3))
COPY = generators.memoriser(TRAIN, N, np.random.default_rng(0))
FAMILY = [name for name, metric in METRICS.items() if metric.family == "privacy" and metric.ideal is not None]


def value(name: str, synthetic: Cohort, heldout: Cohort = HELDOUT, train: Cohort = TRAIN) -> float:
    return function(name)(heldout, synthetic, train)


@pytest.mark.parametrize("name", FAMILY)
def test_fresh_patients_are_ideal_and_copies_are_not(name: str):
    ideal, noise = METRICS[name].ideal, 0.05 if METRICS[name].unit != "visits" else 0
    assert abs(value(name, FRESH) - ideal) <= noise
    assert value(name, COPY) - ideal > max(3 * noise, 0.1)


@pytest.mark.parametrize("name", ["membership_auc", "density_membership_auc", "dcr_share", "nnaar", "memorised_run"])
def test_held_out_and_training_patients_may_swap(name: str):
    """What leaks the one to this side leaks the other to the other side."""
    ideal, here, there = METRICS[name].ideal, value(name, COPY), value(name, COPY, heldout=TRAIN, train=HELDOUT)
    assert there - ideal == pytest.approx(ideal - here, abs=1e-9)


def test_copies_of_held_out_patients_are_no_leak():
    for name in ("membership_auc", "density_membership_auc", "dcr_share", "nnaar"):
        assert value(name, generators.memoriser(HELDOUT, N, np.random.default_rng(0))) < METRICS[name].ideal - 0.2


def test_by_hand():
    train, heldout = cohort([["4019"], ["4280"]]), cohort([["4019 486"], ["486"]])
    synthetic = cohort([["4019"], ["V270"]])
    # all are women of 50. training distances to synthetic: 0 and 1 - 2/4 (V270 or 4019: both share sex and bracket)
    # held out: 1 - 3/4 (with 4019) and 1 - 2/4. Pairs: 0 < 1/4, 0 < 1/2, 1/2 > 1/4, 1/2 = 1/2
    assert privacy.membership_auc(heldout, synthetic, train) == 2.5 / 4
    # 4019 is nearer to training (0 to 1/4), V270 ties (1/2 to 486 and to 4019)
    assert privacy.dcr_share(heldout, synthetic, train) == 1.5 / 2
    assert privacy.memorised_records(heldout, synthetic, train) == 0.5
    # adversarial accuracy on H: h1 1/4 to S, 1/4 to h2: tie; h2 1/2 to S, 1/4 to h1: above; s1 1/4 to H, 1/2 to s2:
    # below; s2 1/2 and 1/2: tie. On T: t1 0 below 1/2; t2 1/2 and 1/2: tie; s1 0 below 1/2; s2 tie
    assert privacy.adversarial_accuracy(heldout, synthetic, train) == (1.5 / 2 + 0.5 / 2) / 2
    assert privacy.nnaar(heldout, synthetic, train) == 0.5 - (0.5 / 2 + 0.5 / 2) / 2


def test_the_half_width_covers_chance():
    assert 0.01 < value("membership_auc_half_width", FRESH) < 0.04
    assert value("membership_auc_half_width", COPY) < value("membership_auc_half_width", FRESH)


def test_runs_that_fewer_than_eleven_patients_share_are_not_reported():
    def patients(copies: int) -> Cohort:
        return cohort([["4010", "4011", "4012"]] * copies + [[code] for code in GENERIC[6:26]])

    nobody = cohort([[code] for code in GENERIC[30:61]])
    assert privacy.memorised_run(nobody, patients(1), patients(11)) == 3
    assert privacy.memorised_run(nobody, patients(1), patients(10)) == 1  # 20 others share one visit
    assert privacy.memorised_run(patients(11), patients(1), nobody) == -3


def test_rare_codes_of_few_patients_are_suppressed():
    common = [[code] for code in GENERIC[: privacy.attribute_attack.COMMON]] * 2
    train = cohort(common + [["V270"]] * 1 + [["4280"]] * 9)
    heldout = cohort(common + [[GENERIC[0]]] * 10)
    with pytest.raises(NotJudged, match="suppressed: fewer than 11 training patients have a code beyond the 100"):
        privacy.attribute_inference(heldout, heldout, train)


def test_bad_cohorts_have_a_defined_outcome():
    one = cohort([["4019"]])
    assert privacy.membership_auc(one, one, one) == 0.5
    assert privacy.dcr_share(one, one, one) == 0.5
    assert privacy.nnaar(one, one, one) == 0
    single = population(N, 4)
    assert privacy.memorised_run(single, single, single) == 0
