"""Shares estimated from few counts: drawn towards what is usual, as far as the counts of all rows together advise.

Axes: R rows (codes or categories), G groups that a row's observations fall into, M strengths of the prior.
"""

import numpy as np
from jaxtyping import Float, Shaped
from numpy import ndarray
from scipy.special import gammaln, logsumexp

STRENGTHS = np.geomspace(0.01, 10_000, 13)
"""What the prior may be worth in observations: from codes of one sex alone to codes that are all alike."""
STEPS = 50


def shrunken(counts: Shaped[ndarray, "R G"], usual: Float[ndarray, "R G"]) -> Float[ndarray, "R G"]:
    """P(group | row), rows summing to 1: the posterior mean under a mixture of Dirichlet priors around `usual`.

    The mixture's weights are fitted to all rows by EM: the rows themselves say how much alike they are.

    Source:
        Empirical Bayes: Robbins (1956); Efron & Morris (1975).
    """
    usual = usual / usual.sum(axis=1, keepdims=True)
    total = counts.sum(axis=1)
    evidence = np.stack([_evidence(counts, strength * usual) for strength in STRENGTHS], axis=1)
    weights, seen = np.full(len(STRENGTHS), 1 / len(STRENGTHS)), total > 0
    for _ in range(STEPS if seen.any() else 0):
        weights = np.maximum(_posterior(evidence[seen], weights).mean(axis=0), 1e-12)
    mixed = _posterior(evidence, weights)
    share = np.zeros_like(usual)
    for strength, belief in zip(STRENGTHS, mixed.T, strict=True):
        share += (belief / (total + strength))[:, None] * (counts + strength * usual)
    return share


def _posterior(evidence: Float[ndarray, "R M"], weights: Float[ndarray, " M"]) -> Float[ndarray, "R M"]:
    scores = evidence + np.log(weights)
    return np.exp(scores - logsumexp(scores, axis=1, keepdims=True))


def _evidence(counts: Shaped[ndarray, "R G"], prior: Float[ndarray, "R G"]) -> Float[ndarray, " R"]:
    """Log-probability of each row's counts under the Dirichlet-multinomial, but for a constant of the row."""
    prior = np.maximum(prior, 1e-12)
    gained = (gammaln(counts + prior) - gammaln(prior)).sum(axis=1)
    strength = prior.sum(axis=1)
    return gained + gammaln(strength) - gammaln(counts.sum(axis=1) + strength)
