"""The latent-profile mixture: what it says of itself is what it draws, and fitting finds what was planted."""

from itertools import product

import numpy as np
import pytest
from scipy import sparse

from ehrgen.data.simulation.profiles import Profiles, merged, present

ALL_VISITS = sparse.csr_array(np.array([visit for visit in product((0, 1), repeat=5) if any(visit)], dtype=float))


def small() -> Profiles:
    """Three profiles, two strata, five codes; the second stratum lacks the last code; many draws are empty."""
    rng = np.random.default_rng(5)
    allowed = np.array([[True] * 5, [True] * 4 + [False]])
    return Profiles(rng.dirichlet(np.ones(3), size=2), rng.random((3, 5)) * 0.4, allowed)


def probabilities(model: Profiles, stratum: int) -> np.ndarray:
    """P(visit | stratum) of every visit there is, from the likelihood."""
    one = np.array([stratum])
    return np.exp([model.log_likelihood(ALL_VISITS[[row]], one) for row in range(ALL_VISITS.shape[0])])


def planted(rng: np.random.Generator, n: int = 4000) -> tuple[Profiles, sparse.csr_array, np.ndarray]:
    codes = np.full((2, 12), 0.05)
    codes[0, :6], codes[1, 6:] = 0.6, 0.6
    model = Profiles(np.array([[0.8, 0.2], [0.3, 0.7]]), codes, np.ones((2, 12), dtype=bool))
    strata = rng.integers(2, size=n)
    return model, model.sample(strata, rng), strata


def test_likelihood_by_hand():
    """Two codes at 1/2 each: {a} has 1/4 of all draws, and 3/4 of the draws are kept."""
    model = Profiles(np.ones((1, 1)), np.full((1, 2), 0.5), np.ones((1, 2), dtype=bool))
    visit = sparse.csr_array(np.array([[1.0, 0.0]]))
    assert model.log_likelihood(visit, np.array([0])) == pytest.approx(np.log(1 / 3))


@pytest.mark.parametrize("stratum", [0, 1])
def test_probabilities_of_all_visits_add_up_to_one_and_agree_with_the_marginals(stratum):
    model, chance = small(), probabilities(small(), stratum)
    visits = ALL_VISITS.toarray()
    weights = np.eye(2)[stratum]
    pairs = (visits * chance[:, None]).T @ visits
    assert chance.sum() == pytest.approx(1)
    np.testing.assert_allclose(model.code_probability(weights), chance @ visits, atol=1e-12)
    np.testing.assert_allclose(model.pair_probability(weights, np.arange(5)), pairs, atol=1e-12)


def test_strata_mix_by_their_weights():
    model, codes = small(), np.array([4, 0])
    mixed = 0.25 * model.pair_probability(np.array([1.0, 0.0]), codes)
    mixed += 0.75 * model.pair_probability(np.array([0.0, 1.0]), codes)
    np.testing.assert_allclose(model.pair_probability(np.array([0.25, 0.75]), codes), mixed)


def test_samples_follow_the_exact_probabilities():
    model, n = small(), 60_000
    strata = np.repeat([0, 1], [n // 3, n - n // 3])
    visits = model.sample(strata, np.random.default_rng(0))
    exact = model.pair_probability(np.array([1 / 3, 2 / 3]), np.arange(5))
    found = (visits.T @ visits).toarray() / n
    assert np.diff(visits.indptr).min() >= 1
    assert set(visits.data) == {1.0}
    assert np.all(np.abs(found - exact) <= 4.5 * np.sqrt(exact * (1 - exact) / n))
    assert found[4, 4] > 0 and visits[strata == 1].sum(axis=0)[4] == 0


def test_likelihood_never_falls():
    rng = np.random.default_rng(3)
    model = small()
    strata = rng.integers(2, size=800)
    visits = model.sample(strata, rng)
    reached = [
        Profiles.fit(
            visits,
            strata,
            2,
            np.random.default_rng(1),
            profiles=4,
            iterations=steps,
            allowed=model.allowed,
            smoothing=0.0,
            code_smoothing=0.0,
        ).log_likelihood(visits, strata)
        for steps in range(1, 13)
    ]
    assert np.all(np.diff(reached) > -1e-9)
    assert reached[-1] > reached[0] + 1e-3
    assert reached[-1] >= model.log_likelihood(visits, strata) - 0.01


def test_fit_recovers_a_planted_mixture():
    truth, visits, strata = planted(np.random.default_rng(0))
    found = Profiles.fit(visits, strata, 2, np.random.default_rng(0), profiles=2)
    order = np.argsort(-found.codes[:, 0])
    np.testing.assert_allclose(found.codes[order], truth.codes, atol=0.05)
    np.testing.assert_allclose(found.weights[:, order], truth.weights, atol=0.05)


def test_smoothing_gives_an_unseen_cell_the_overall_shares():
    _, visits, strata = planted(np.random.default_rng(0))
    found = Profiles.fit(visits, strata, 3, np.random.default_rng(0), profiles=2)
    sizes = np.bincount(strata, minlength=3) / len(strata)
    np.testing.assert_allclose(found.weights[2], sizes @ found.weights, atol=0.01)


def test_without_is_conditioning_on_absence():
    model, forbidden = small(), np.array([False, True, False, False, True])
    for stratum in (0, 1):
        chance = probabilities(model, stratum)
        chance = np.where(ALL_VISITS.toarray()[:, forbidden].any(axis=1), 0, chance)
        np.testing.assert_allclose(probabilities(model.without(forbidden), stratum), chance / chance.sum(), atol=1e-9)


def test_seeds():
    model = small()
    strata = np.arange(200) % 2
    visits = [model.sample(strata, np.random.default_rng(seed)).toarray() for seed in (7, 7, 8)]
    assert np.array_equal(visits[0], visits[1])
    assert not np.array_equal(visits[0], visits[2])
    fits = [
        Profiles.fit(sparse.csr_array(visits[0]), strata, 2, np.random.default_rng(seed), profiles=3).codes
        for seed in (7, 7, 8)
    ]
    assert np.array_equal(fits[0], fits[1])
    assert not np.array_equal(fits[0], fits[2])


def test_merged_unites_visits():
    visits = present(sparse.csr_array(np.array([[1, 0, 0], [0, 0, 0], [0, 1, 0]], dtype=float)))
    others = sparse.csr_array(np.array([[0, 0, 1], [0, 1, 1]], dtype=float))
    expected = [[1, 0, 0], [0, 0, 1], [0, 1, 1]]
    assert merged(visits, others, np.array([1, 2])).toarray().tolist() == expected


def test_refusals_say_what_and_how_many():
    rng = np.random.default_rng(0)
    strata = np.zeros(2, dtype=int)
    with pytest.raises(ValueError, match="1 of 2 visits have no code"):
        Profiles.fit(sparse.csr_array(np.array([[1.0, 1], [0, 0]])), strata, 1, rng, profiles=1)
    full = sparse.csr_array(np.ones((2, 2)))
    with pytest.raises(ValueError, match="cannot fit 3 profiles to 2 visits"):
        Profiles.fit(full, strata, 1, rng, profiles=3)
    forbids = np.array([[True, False]])
    with pytest.raises(ValueError, match="2 of 4 codes are in strata that do not allow them"):
        Profiles.fit(full, strata, 1, rng, profiles=1, allowed=forbids)
    assert Profiles(np.ones((1, 1)), np.full((1, 2), 0.5), forbids).log_likelihood(full, strata) == -np.inf
