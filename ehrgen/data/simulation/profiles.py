"""Latent patient profiles: a visit has one hidden profile, and its codes are independent given that profile.

The profile depends on a demographic stratum (sex x age group), the codes on the profile alone, except that a
stratum may forbid codes (`allowed`: no delivery for men). A visit without any code is drawn again, profile
included, so every probability below is that of a visit with at least one code:

    P(visit | stratum) = sum_k w[stratum, k] prod_c p[k, c]^x_c (1 - p[k, c])^(1 - x_c) / (1 - P(empty | stratum))

over the codes c that the stratum allows. All is in closed form: the mixture is a generator whose truth is known.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy import ndarray
from scipy import sparse

from ehrgen.data.indicator import indicator, membership
from ehrgen.data.simulation.row_sampler import RowSampler

P_MIN, P_MAX = 1e-12, 1 - 1e-6  # keeps log-odds finite; a code with P_MIN is never seen in practice


@dataclass(frozen=True)
class Profiles:
    """The mixture: P(profile | stratum) before redraws, P(code | profile), and which codes a stratum allows."""

    weights: Float[ndarray, "strata K"]
    codes: Float[ndarray, "K V"]
    allowed: Bool[ndarray, "strata V"]

    @classmethod
    def fit(
        cls,
        matrix: sparse.csr_matrix | sparse.csr_array,
        strata: Int[ndarray, " N"],
        n_strata: int,
        rng: np.random.Generator,
        profiles: int = 64,
        iterations: int = 40,
        allowed: Bool[ndarray, "strata V"] | None = None,
        smoothing: float = 5.0,
        code_smoothing: float = 1.0,
    ) -> Self:
        """The mixture fitted to the visits by expectation maximisation.

        Args:
            matrix: Visits x codes; whatever is stored counts as present. No row may be empty.
            strata: Demographic stratum of each visit, 0 to n_strata - 1.
            iterations: At least 1; 40 are enough, the likelihood then gains less than 0.1 nats a visit.
            allowed: Codes a stratum may have; None allows all. The matrix must respect it.
            smoothing: Visits' worth of the overall profile shares added to each stratum.
            code_smoothing: Visits' worth of the overall code frequencies added to each profile. With both at
                0 the likelihood cannot fall from one iteration to the next; with this one alone, the
                posterior cannot.

        Raises:
            ValueError: If the matrix is empty, has an empty row, or has codes where they are not allowed.
        """
        visits = present(sparse.csr_array(matrix, copy=True).astype(float))
        allowed = np.ones((n_strata, visits.shape[1]), dtype=bool) if allowed is None else allowed
        _check(visits, strata, allowed)
        size = np.bincount(strata, minlength=n_strata).astype(float)
        overall = np.asarray(visits.sum(axis=0)).ravel() / np.maximum(size @ allowed, 1)
        prior = code_smoothing * overall
        belong = _first_guess(visits, profiles, rng)
        by_stratum = _by_stratum(belong, strata, n_strata)
        for _ in range(iterations):
            seen = np.asarray((visits.T @ belong).T) + prior
            codes = np.clip(seen / np.maximum(by_stratum.T @ allowed + code_smoothing, 1e-300), P_MIN, P_MAX)
            weights = np.maximum(by_stratum + smoothing * by_stratum.sum(axis=0) / by_stratum.sum(), 1e-300)
            model = cls(weights / weights.sum(axis=1, keepdims=True), codes, allowed)
            belong, _ = model._membership(visits, strata)
            # the redrawn empty visits of a stratum belong to profiles too: their expected number, unseen
            empty = model.weights * model.empty
            share = empty.sum(axis=1)
            by_stratum = _by_stratum(belong, strata, n_strata) + (size / (1 - share))[:, None] * empty
        return model

    @cached_property
    def empty(self) -> Float[ndarray, "strata K"]:
        """P(a draw has no code | profile, stratum), before redrawing."""
        return np.exp(self.allowed @ np.log1p(-self.codes).T)

    @cached_property
    def kept(self) -> Float[ndarray, "strata K"]:
        """The weights divided by P(a draw has a code | stratum): sums over them are those of kept visits."""
        return self.weights / (1 - (self.weights * self.empty).sum(axis=1, keepdims=True))

    def log_likelihood(self, matrix: sparse.csr_matrix | sparse.csr_array, strata: Int[ndarray, " N"]) -> float:
        """Nats per visit, at most 0; minus infinity for a visit with codes its stratum does not allow."""
        visits = present(sparse.csr_array(matrix, copy=True).astype(float))
        if _forbidden(visits, strata, self.allowed):
            return -np.inf
        return float(self._membership(visits, strata)[1].mean())

    def code_probability(self, stratum_weights: Float[ndarray, " strata"]) -> Float[ndarray, " V"]:
        """Exact P(code in a visit) for patients spread over the strata like `stratum_weights` (summing to 1)."""
        return ((stratum_weights[:, None] * self.kept) @ self.codes * self.allowed).sum(axis=0)

    def pair_probability(
        self, stratum_weights: Float[ndarray, " strata"], codes: Int[ndarray, " n"]
    ) -> Float[ndarray, "n n"]:
        """Exact P(both codes in a visit) for every pair of `codes`; the diagonal is P(code)."""
        kinds, kind = np.unique(self.allowed[:, codes], axis=0, return_inverse=True)
        share = np.zeros((len(kinds), len(self.codes)))
        np.add.at(share, kind, stratum_weights[:, None] * self.kept)
        given = (kinds[:, None] * self.codes[None, :, codes]).reshape(-1, len(codes))
        weighted = share.reshape(-1, 1) * given
        pairs = weighted.T @ given
        np.fill_diagonal(pairs, weighted.sum(axis=0))
        return pairs

    def sample(self, strata: Int[ndarray, " N"], rng: np.random.Generator) -> sparse.csr_array:
        """One visit for each stratum, none of them empty: visits x codes, ones where present."""
        return self.draw(strata, rng)[1]

    def draw(self, strata: Int[ndarray, " N"], rng: np.random.Generator) -> tuple[Int[ndarray, " N"], sparse.csr_array]:
        """The hidden profile of each visit, and the visits as `sample` returns them."""
        profile = self.choose(strata, rng)
        visits = self.codes_of(profile, strata, rng)
        while len(empty := np.flatnonzero(np.diff(visits.indptr) == 0)):
            profile[empty] = self.choose(strata[empty], rng)
            again = self.codes_of(profile[empty], strata[empty], rng)
            visits = merged(visits, again, empty)
        return profile, visits

    def choose(self, strata: Int[ndarray, " N"], rng: np.random.Generator) -> Int[ndarray, " N"]:
        """A profile for each stratum, with the weights before redraws."""
        return RowSampler.of(self.weights).draw(strata, rng)

    def codes_of(
        self, profile: Int[ndarray, " N"], strata: Int[ndarray, " N"], rng: np.random.Generator
    ) -> sparse.csr_array:
        """The codes of one draw for each profile, possibly none.

        A code drawn at least once in a Poisson number of draws with rate -log(1 - p) is present with
        probability p, independently of the others: ten draws a visit instead of a coin for every code.
        """
        rates = -np.log1p(-self.codes)
        counts = rng.poisson(rates.sum(axis=1)[profile])
        visit = np.repeat(np.arange(len(profile)), counts)
        code = RowSampler.of(rates).draw(profile[visit], rng)
        fits = self.allowed[strata[visit], code]
        shape = (len(profile), self.codes.shape[1])
        return indicator(visit[fits], code[fits], shape)

    def without(self, forbidden: Bool[ndarray, " V"]) -> Self:
        """The mixture of the visits without these codes: conditioned on their absence."""
        absent = np.exp((self.allowed & forbidden) @ np.log1p(-self.codes).T)
        weights = self.weights * absent
        return type(self)(weights / weights.sum(axis=1, keepdims=True), self.codes, self.allowed & ~forbidden)

    def _membership(
        self, visits: sparse.csr_array, strata: Int[ndarray, " N"]
    ) -> tuple[Float[ndarray, "N K"], Float[ndarray, " N"]]:
        """P(profile | visit), and the log-likelihood of each visit."""
        absent = np.log1p(-self.codes)
        base = np.log(np.maximum(self.weights, 1e-300)) + self.allowed @ absent.T
        nonempty = np.log1p(-(self.weights * self.empty).sum(axis=1))
        score = visits @ (np.log(np.maximum(self.codes, P_MIN)) - absent).T
        score += base[strata]
        top = score.max(axis=1, keepdims=True)
        score -= top
        np.exp(score, out=score)
        total = score.sum(axis=1, keepdims=True)
        score /= total
        return score, (top + np.log(total)).ravel() - nonempty[strata]


def merged(visits: sparse.csr_array, others: sparse.csr_array, rows: Int[ndarray, " n"]) -> sparse.csr_array:
    """The visits with `others` added at these rows; a code in both is there once."""
    return present(visits + membership(rows, visits.shape[0]) @ others)


def present(visits: sparse.csr_array) -> sparse.csr_array:
    """The same entries in order, once each and all equal to 1."""
    visits = visits.tocsr()
    visits.sum_duplicates()
    visits.data[:] = 1
    return visits


def _by_stratum(belong: Float[ndarray, "N K"], strata: Int[ndarray, " N"], n_strata: int) -> Float[ndarray, "strata K"]:
    return np.asarray(membership(strata, n_strata) @ belong)


def _first_guess(visits: sparse.csr_array, profiles: int, rng: np.random.Generator) -> Float[ndarray, "N K"]:
    """Each visit belongs to the most similar of `profiles` random visits: cosine, rare codes count more."""
    if visits.shape[0] < profiles:
        raise ValueError(f"cannot fit {profiles} profiles to {visits.shape[0]} visits")
    rarity = np.log(visits.shape[0] / np.maximum(np.asarray(visits.sum(axis=0)).ravel(), 1))
    scaled = visits * rarity
    length = np.sqrt(np.asarray(scaled.multiply(scaled).sum(axis=1)).ravel())
    chosen = rng.choice(visits.shape[0], size=profiles, replace=False)
    similar = np.asarray((scaled @ scaled[chosen].T).todense()) / np.maximum(length[chosen], 1e-12)
    similar += 1e-9 * rng.random(similar.shape)  # no code in common with any: anywhere
    belong = np.full(similar.shape, 0.1 / profiles)
    belong[np.arange(len(belong)), similar.argmax(axis=1)] += 0.9
    return belong


def _forbidden(visits: sparse.csr_array, strata: Int[ndarray, " N"], allowed: Bool[ndarray, "strata V"]) -> int:
    return int((~allowed[np.repeat(strata, np.diff(visits.indptr)), visits.indices]).sum())


def _check(visits: sparse.csr_array, strata: Int[ndarray, " N"], allowed: Bool[ndarray, "strata V"]) -> None:
    empty = int((np.diff(visits.indptr) == 0).sum())
    if visits.shape[0] == 0 or empty:
        raise ValueError(f"{empty} of {visits.shape[0]} visits have no code; leave them out before fitting")
    if forbidden := _forbidden(visits, strata, allowed):
        raise ValueError(f"{forbidden} of {visits.nnz} codes are in strata that do not allow them; remove them")
