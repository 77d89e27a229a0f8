"""Every set, other real patients and reference generators, all against the same real patients by the same code."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ehrgen.data.cohort import SEXES, Cohort
from ehrgen.findings.statistics.intervals import t_quantile
from ehrgen.metrics import jackknife
from ehrgen.metrics.anchors.generators import COPIES, reference_generators
from ehrgen.metrics.evaluation import EvaluationData, evaluate
from ehrgen.metrics.portrait import portrait
from ehrgen.metrics.table.scores import Scores, rounded
from ehrgen.metrics.table.suite import NotJudged
from ehrgen.scoring.progress import Progress
from ehrgen.scoring.request import Request
from ehrgen.scoring.sides import Sides

FLOOR = "floor"
PROFILES = 64
HALF_WIDTHS, PORTRAIT, PER_PATIENT, PER_PAIR = 4.0, 0.2, 8e-4, 1e-7  # times one evaluation; seconds of one
SOME_AGE = 50.0


@dataclass(frozen=True)
class Judged:
    """What was found.

    Attributes:
        sets: Name -> scores of patients to be judged, in the order asked for.
        floor: Scores of other real patients.
        generators: Name -> scores of reference generators.
        half_widths: Name of a set or FLOOR -> metric -> half-width of the 95 % interval over samples of patients.
        portraits: Name of a set or FLOOR -> what the page draws.
        left_out: Reference generators that are not there, and why, a sentence each.
    """

    sets: dict[str, Scores]
    floor: Scores
    generators: dict[str, Scores]
    half_widths: dict[str, dict[str, float]]
    portraits: dict[str, dict[str, Any]]
    left_out: list[str]

    def content(self) -> dict[str, Any]:
        """The numbers, as what JSON can hold."""
        everyone = {**self.sets, FLOOR: self.floor, **self.generators}
        return {
            "patients": self.floor.patients,
            "metrics": {name: _rounded(scores.metrics) for name, scores in everyone.items()},
            "half_widths": {name: _rounded(found) for name, found in self.half_widths.items()},
            "not_judged": {name: scores.not_judged for name, scores in everyone.items()},
        }


def judge(sides: Sides, request: Request) -> Judged:
    """All metrics of everybody, with progress on stderr."""
    real = EvaluationData.of(sides.heldout, sides.others, sides.train, sides.patients, request.seed, copies=True)
    makers = reference_generators(PROFILES)
    progress = _progress(sides, request, list(makers))
    scores: dict[str, Scores] = {}
    widths: dict[str, dict[str, float]] = {}
    portraits: dict[str, dict[str, Any]] = {}
    for name in (FLOOR, *sides.synthetic):
        with progress.step(name):
            data = real if name == FLOOR else real.judging(_drawn(sides, name, request.seed), copies=False)
            scores[name], portraits[name] = evaluate(data), portrait(data)
            if not request.quick:
                widths[name] = half_widths(data, request.seed)
    generators: dict[str, Scores] = {}
    left_out = []
    learnt_from = sides.others if sides.train is None else sides.train
    for number, (name, make) in enumerate(makers.items()):
        with progress.step(name):
            try:
                made = _made(make, learnt_from, sides.patients, np.random.default_rng([request.seed, 2, number]))
                generators[name] = evaluate(real.judging(made, copies=name in COPIES))
            except NotJudged as reason:
                left_out.append(f"{name}: {reason}")
    floor = scores.pop(FLOOR)
    return Judged(scores, floor, generators, widths, portraits, left_out)


def _progress(sides: Sides, request: Request, generators: list[str]) -> Progress:
    whole = 1 + PORTRAIT + (0 if request.quick else HALF_WIDTHS)
    steps = dict.fromkeys([FLOOR, *sides.synthetic], whole) | dict.fromkeys(generators, 1.0)
    seconds = sides.patients * PER_PATIENT + sides.patients**2 * PER_PAIR
    return Progress(steps, seconds * sum(steps.values()))


def _drawn(sides: Sides, name: str, seed: int) -> Cohort:
    return sides.synthetic[name].sample(sides.patients, np.random.default_rng([seed, 1]))


def half_widths(data: EvaluationData, seed: int) -> dict[str, float]:
    """Metric -> half-width of the 95 % interval over samples of patients: Student's t on the jackknife's groups."""
    t = t_quantile(jackknife.GROUPS - 1)
    return {name: t * error for name, error in jackknife.standard_errors(data, seed).items()}


def _made(make: Any, real: Cohort, patients: int, rng: np.random.Generator) -> Cohort:
    """What a reference generator makes of real patients; they are as one sex and one age where nobody knows either."""
    known: dict[str, Any] = {} if real.has_sex else {"sex": SEXES[0]}
    known |= {} if real.has_age else {"age_years": SOME_AGE}
    made = make(Cohort(real.patients.assign(**known), real.diagnoses), patients, rng)
    return made.without(sex=not real.has_sex, age=not real.has_age)


def _rounded(values: Mapping[str, float]) -> dict[str, float]:
    return {name: rounded(value) for name, value in values.items()}
