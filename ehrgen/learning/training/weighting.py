"""Schemes that weigh the objectives by what training shows. All start from the configured weights.

A scheme sets the gradient of every step. It learns after the step from values (nats) and from gradient norms, where
these were measured; `state` is all it has learned, so that a checkpoint can carry it. Plans made beforehand are in
`schedules` and multiply what a scheme says.

Axes: O objectives, S shared parameters laid out one after the other.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ehrgen.learning.training.gradients import StepGradient

RATE = 0.025
"""Of the gradient steps on log variances and log weights: what GradNorm's authors use. The model's own rate, 0.003 over
some hundred steps, would not get from 0.005 to where the schemes lead."""

TEMPERATURE = 2.0
"""Of DWA's softmax, as its authors chose it: at infinity all weights stay as configured."""


class WeightingError(ValueError):
    """A scheme that cannot weigh an objective; the message says which, why, and what to do."""


class Fixed:
    """The configured weights, and the step along the gradient of the weighted sum."""

    name = "fixed"

    def __init__(self, configured: Mapping[str, float]) -> None:
        self.configured = dict(configured)

    def weights(self) -> dict[str, float]:
        """The weight of each objective, above 0."""
        return dict(self.configured)

    def begin(self, past: Mapping[str, Sequence[float]]) -> None:
        """Before an epoch: learn from the objectives' values in each whole epoch so far."""

    def set_gradient(self, step: StepGradient, rng: np.random.Generator) -> None:
        """Give every parameter the gradient to descend along in this step.

        Raises:
            NoGradientError: If no objective with a weight reaches a parameter.
        """
        step.follow_weighted_sum()

    def learn(self, values: Mapping[str, float], norms: Mapping[str, float]) -> None:
        """After a step: learn from its values and its gradient norms, empty where they were not measured."""

    def require_paths(self, values: Mapping[str, float], norms: Mapping[str, float]) -> None:
        """Raise WeightingError for an objective with a value but no gradient, if it would mislead the scheme."""

    def state(self) -> dict[str, float]:
        """What was learned, by objective."""
        return {}

    def load(self, state: Mapping[str, float]) -> None:
        """Go on from a `state`."""


class Dynamic(Fixed):
    """What the dynamic schemes have in common: they refuse a constant, whose value they would follow in vain."""

    def require_paths(self, values: Mapping[str, float], norms: Mapping[str, float]) -> None:
        constant = [name for name, value in values.items() if value != 0 and norms[name] == 0]
        if constant:
            listed = ", ".join(f"{name} (value {values[name]:.4g}, gradient 0)" for name in constant)
            raise WeightingError(
                f"loss.weighting {self.name}: no path to the shared parameters from {listed}; set its weight to 0, "
                "give it a form that reads the model's predictions, or use weighting: fixed"
            )


class Uncertainty(Dynamic):
    """Weights exp(-s) with s = log variance, from descending exp(-s) x value + s / 2.

    It settles where weight x value = 1/2 nat for every objective, whatever the configured weights. Departure from the
    source: s takes gradient steps of its own `RATE`, clipped at 1, instead of sharing the model's optimiser.

    Source:
        Kendall, Gal, Cipolla (2018), Multi-Task Learning Using Uncertainty, section 3, the form for classification.
    """

    name = "uncertainty"

    def __init__(self, configured: Mapping[str, float]) -> None:
        super().__init__(configured)
        self.log_variance = {name: -math.log(weight) for name, weight in configured.items()}

    def weights(self) -> dict[str, float]:
        return {name: math.exp(-s) for name, s in self.log_variance.items()}

    def learn(self, values: Mapping[str, float], norms: Mapping[str, float]) -> None:
        _refuse(values, "below 0", [name for name, value in values.items() if value < 0], self.name)
        for name, value in values.items():
            slope = 0.5 - math.exp(-self.log_variance[name]) * value
            self.log_variance[name] -= RATE * max(slope, -1.0)

    def state(self) -> dict[str, float]:
        return dict(self.log_variance)

    def load(self, state: Mapping[str, float]) -> None:
        self.log_variance = {name: state[name] for name in self.log_variance}


class GradNorm(Dynamic):
    """Weights that give every objective the same gradient norm on the shared parameters; their sum stays.

    That is the source with its asymmetry alpha = 0. Departures: the shared parameters are all of them instead of the
    last layer, as in the history's `grad_share`; what is descended is half the squared distance of each log norm from
    their mean instead of the distance of norms, because weights that start two hundredfold apart would leap below 0.

    Source:
        Chen, Badrinarayanan, Lee, Rabinovich (2018), GradNorm, algorithm 1.
    """

    name = "gradnorm"

    def __init__(self, configured: Mapping[str, float]) -> None:
        super().__init__(configured)
        self.learned = dict(configured)

    def weights(self) -> dict[str, float]:
        return dict(self.learned)

    def set_gradient(self, step: StepGradient, rng: np.random.Generator) -> None:
        step.measure()  # for the norms that it learns from
        step.follow_weighted_sum()

    def learn(self, values: Mapping[str, float], norms: Mapping[str, float]) -> None:
        logs = {name: math.log(self.learned[name] * norms[name]) for name in values if norms[name] > 0}
        for name, log in logs.items():
            self.learned[name] *= math.exp(-RATE * (log - fmean(logs.values())))
        excess = sum(self.learned.values()) / sum(self.configured.values())
        self.learned = {name: weight / excess for name, weight in self.learned.items()}

    def state(self) -> dict[str, float]:
        return dict(self.learned)

    def load(self, state: Mapping[str, float]) -> None:
        self.learned = {name: state[name] for name in self.learned}


class DWA(Dynamic):
    """Configured weights times O softmax(r / `TEMPERATURE`), r = last epoch's value over that of the one before.

    What falls more slowly than the others gets more weight. The first two epochs have the configured weights. There is
    no state: the history of the run says it all.

    Source:
        Liu, Johns, Davison (2019), End-to-End Multi-Task Learning with Attention, equation 7.
    """

    name = "dwa"

    def __init__(self, configured: Mapping[str, float]) -> None:
        super().__init__(configured)
        self.factor = dict.fromkeys(configured, 1.0)

    def weights(self) -> dict[str, float]:
        return {name: weight * self.factor[name] for name, weight in self.configured.items()}

    def begin(self, past: Mapping[str, Sequence[float]]) -> None:
        if any(len(values) < 2 for values in past.values()):
            return
        latest = {name: min(values[-2:]) for name, values in past.items()}
        _refuse(latest, "not above 0", [name for name, value in latest.items() if value <= 0], self.name)
        rise = {name: values[-1] / values[-2] / TEMPERATURE for name, values in past.items()}
        exponential = {name: math.exp(ratio - max(rise.values())) for name, ratio in rise.items()}
        total = sum(exponential.values())
        self.factor = {name: len(rise) * part / total for name, part in exponential.items()}


class PCGrad(Dynamic):
    """The configured weights; of each objective's gradient, what opposes another's is projected out before the sum.

    On the shared parameters; the others follow the weighted sum. The order of projections is drawn anew every step.

    Source:
        Yu et al. (2020), Gradient Surgery for Multi-Task Learning (PCGrad), algorithm 1.
    """

    name = "pcgrad"

    def set_gradient(self, step: StepGradient, rng: np.random.Generator) -> None:
        matrix, shared = step.measure().matrix, step.parameters.shared_size
        weighted = matrix * matrix.new_tensor(list(step.weights.values()))[:, None]
        on_shared, on_others = projected(weighted[:, :shared], rng).sum(dim=0), weighted[:, shared:].sum(dim=0)
        step.follow(torch.cat([on_shared, on_others]))


def projected(rows: Float[Tensor, "O S"], rng: np.random.Generator) -> Float[Tensor, "O S"]:
    """Each row without what opposes another: on a negative product it loses its component along that other row.

    Example:
        >>> rows = torch.tensor([[1.0, 0.0], [-1.0, 1.0]])
        >>> projected(rows, np.random.default_rng(0)).tolist()
        [[0.5, 0.5], [0.0, 1.0]]
    """
    result = rows.clone()
    for own in range(len(rows)):
        for other in rng.permutation(len(rows)):
            product = result[own] @ rows[other]
            if other != own and product < 0:
                result[own] -= product / rows[other].square().sum() * rows[other]
    return result


def _refuse(values: Mapping[str, float], what: str, names: Iterable[str], scheme: str) -> None:
    if listed := ", ".join(f"{name} {values[name]:.4g}" for name in names):
        raise WeightingError(f"loss.weighting {scheme}: a value is {what}: {listed}; use weighting: fixed or pcgrad")


SCHEMES: dict[str, type[Fixed]] = {scheme.name: scheme for scheme in (Fixed, Uncertainty, GradNorm, DWA, PCGrad)}
