"""The training loop: multiply objectives by their weights, sum, step; one checkpoint an epoch."""

import math
from collections.abc import Iterator
from contextlib import suppress

import numpy as np
import torch
from torch.nn.utils import clip_grad_norm_
from tqdm import tqdm

from ehrgen.core import costs
from ehrgen.data.sequences.cooccurrence import Cooccurrence, Space
from ehrgen.data.sequences.sequences import Sequences
from ehrgen.learning.batches import Batch, batches, steps
from ehrgen.learning.machine import processes
from ehrgen.learning.machine.device import Machine
from ehrgen.learning.model.prompt_bart import PromptBart
from ehrgen.learning.objectives.table import NothingToScoreError, build_objectives
from ehrgen.learning.settings import Recipe
from ehrgen.learning.training import logit_adjustment, starts
from ehrgen.learning.training.alarms import Alarms
from ehrgen.learning.training.checkpoint import Checkpoint
from ehrgen.learning.training.gradients import NoGradientError, Parameters, StepGradient
from ehrgen.learning.training.history import Epoch, Row
from ehrgen.learning.training.optimizer import RATE, adamw, learning_rate_factor
from ehrgen.learning.training.parts import whole_output
from ehrgen.learning.training.probes import Probes
from ehrgen.learning.training.schedules import Schedules
from ehrgen.learning.training.weighting import SCHEMES

MEASURE_EVERY = 30
"""Steps between gradient measurements, which take one backward pass an objective instead of one in all; what that and
the probes add to a training is in benchmarks/RESULTS.md."""


class TrainingError(ValueError):
    """Training cannot go on; the message says at which step and why."""


def train(
    recipe: Recipe,
    sequences: Sequences,
    matrices: dict[Space, Cooccurrence],
    machine: Machine,
    checkpoint: Checkpoint,
) -> tuple[PromptBart, list[Row]]:
    """The trained model, in evaluation mode, and the history of every objective.

    Randomness restarts from (seed, epoch) at each epoch, so that a run resumed from a checkpoint ends with the
    same weights as an uninterrupted one. Several processes take the same steps together and end with the same weights.
    The history is of the network as it learned; offsets of what is rare come last (`logit_adjustment`).
    """
    learner = Learner(recipe, sequences, matrices, machine)
    learner.restore(checkpoint)
    first = learner.rows[-1].epoch + 1 if learner.rows else 1
    with tqdm(
        total=recipe.train.epochs,
        initial=first - 1,
        unit="epoch",
        mininterval=1,
        leave=False,
        disable=None if processes.first() else True,
    ) as bar:
        for epoch in range(first, recipe.train.epochs + 1):
            with costs.part("epochs"):
                added = learner.epoch(epoch)
            if not processes.first():
                continue
            checkpoint.save(learner.model, learner.optimizer, learner.scheme, learner.rows)
            bar.set_postfix({row.objective: f"{row.value:.3f}" for row in added}, refresh=False)
            bar.update()
            parts = " ".join(f"{row.objective}={row.value:.4f} ({row.share:.1%})" for row in added)
            tqdm.write(f"epoch {epoch}: {parts} validation_nll={added[0].validation_nll:.4f}")
    if recipe.train.logit_adjustment:
        learner.adjust()
    return learner.model.eval(), learner.rows


class Learner:
    """A model, its optimizer, its data, the weighting of its objectives, and the history so far."""

    def __init__(
        self, recipe: Recipe, sequences: Sequences, matrices: dict[Space, Cooccurrence], machine: Machine
    ) -> None:
        self.recipe, self.machine = recipe, machine
        settings = recipe.train
        ordered = sequences.by_frequency() if settings.order == "frequency" else sequences
        self.training, self.validation = ordered.of_split("train"), ordered.of_split("validation")
        torch.manual_seed(recipe.seed)
        longest = int(np.diff(sequences.offsets).max())
        model = PromptBart(recipe.model, sequences.vocabulary, longest, recipe.loss.sex_pool)
        if model.direct is not None:
            starts.begin(model.direct, self.training)
        self.model = model.placed(machine)
        self.objectives = build_objectives(recipe.loss, self.training, matrices, machine.device)
        self.scheme = SCHEMES[recipe.loss.weighting]({name: recipe.loss.weights()[name] for name in self.objectives})
        self.schedules = Schedules(recipe, self.training)
        self.rows: list[Row] = []
        self.alarms = Alarms()
        self.parameters = Parameters.of(self.model)
        self.probes = Probes(recipe, self.training, self.validation, self.objectives, machine)
        self.optimizer = adamw(self.model, settings, len(self.training.tokens) - len(self.training))
        per_epoch = steps(self.training, settings.batch_tokens)
        self.steps_per_epoch, self.total_steps = per_epoch, per_epoch * settings.epochs

    def restore(self, checkpoint: Checkpoint) -> None:
        """Continue from a checkpoint if there is one."""
        self.rows = checkpoint.restore(self.model, self.optimizer, self.scheme)

    def epoch(self, number: int) -> list[Row]:
        """One pass over the training split; its rows, also added to the history."""
        torch.manual_seed(_mix(self.recipe.seed, number, processes.number()))
        rng = np.random.default_rng([self.recipe.seed, number])
        self.model.train()
        self.scheme.begin(self._past())
        tally = Epoch()
        step = (number - 1) * self.steps_per_epoch
        for batch in self._batches(rng):
            self.step(step, batch.to(self.machine.device), tally)
            step += 1
        if silent := set(self.objectives) - set(tally.value.mean):
            raise TrainingError(f"epoch {number}: no batch gave {', '.join(sorted(silent))} anything to score")
        with costs.part("probes"):
            probed = self.probes.measure(self.model)
        added = tally.rows(number, self.validation_nll(), probed)
        for line in self.alarms.changes(added, tally.constants()):
            if processes.first():
                tqdm.write(line)
        self.rows += added
        return added

    def step(self, step: int, batch: Batch, tally: Epoch) -> None:
        """One update along the gradient that the weighting scheme makes of the objectives.

        Each objective's own gradient is measured every MEASURE_EVERY steps of an epoch, and where the scheme asks.
        """
        settings = self.recipe.train
        for group in self.optimizer.param_groups:
            group["lr"] = (
                group[RATE] * settings.learning_rate * learning_rate_factor(step, self.total_steps, settings.warmup)
            )
        self.optimizer.zero_grad(set_to_none=True)
        weights = self.weights(step)
        losses = self.losses(batch)
        values = {name: float(loss.detach()) for name, loss in losses.items()}
        values = processes.agreed(values, self.machine.device)
        _refuse_nonfinite(values, step, batch)
        tally.add(values, weights, batch.weight)
        gradient = StepGradient(self.parameters, losses, weights, batch.weight)
        if step % self.steps_per_epoch % MEASURE_EVERY == 0:
            with costs.part("attribution"):
                gradient.measure()
        try:
            self.scheme.set_gradient(gradient, np.random.default_rng([self.recipe.seed, step, 0]))
        except NoGradientError as error:
            raise TrainingError(f"step {step}: {error}") from None
        norms = self._attribute(gradient, values, tally)
        norm = float(clip_grad_norm_(self.model.parameters(), settings.clip))
        if not math.isfinite(norm):
            shape = tuple(batch.inputs.shape)
            raise TrainingError(f"step {step}: gradient norm of the total is {norm}; batch of shape {shape}")
        self.optimizer.step()
        active = {name: value for name, value in values.items() if weights[name] > 0}
        self.scheme.learn(active, norms)

    def weights(self, step: int) -> dict[str, float]:
        """The multiplier of each objective at a step: what the scheme says times what the schedule says.

        Raises:
            TrainingError: If all are 0.
        """
        factors = self.schedules.factors(step / self.steps_per_epoch, self._past())
        weights = {name: weight * factors[name] for name, weight in self.scheme.weights().items()}
        if not any(weights.values()):
            raise TrainingError(f"step {step}: loss.schedules leave no weight above 0: {', '.join(weights)}")
        return weights

    def _past(self) -> dict[str, list[float]]:
        """The values of each objective in the whole epochs so far."""
        return {name: [row.value for row in self.rows if row.objective == name] for name in self.objectives}

    def _attribute(self, gradient: StepGradient, values: dict[str, float], tally: Epoch) -> dict[str, float]:
        """Norms of the objectives' own gradients, which it counts; empty if none were measured."""
        if gradient.own is None:
            return {}
        norms = gradient.own.norms()
        self.scheme.require_paths(values, norms)
        tally.add_gradients(norms, gradient.own.cosines(), gradient.weights, values)
        return norms

    def losses(self, batch: Batch) -> dict[str, torch.Tensor]:
        """The unweighted objectives on a batch, without those that have nothing to score in it."""
        with self.machine.autocast():
            settings = self.recipe.train
            out = whole_output(self.model, batch, settings.mask_repeats, settings.accumulation)
            losses = {}
            for name, objective in self.objectives.items():
                with suppress(NothingToScoreError):
                    losses[name] = objective(out, batch)
            return losses

    @torch.no_grad()
    def validation_nll(self) -> float:
        """Nats per symbol of the validation split when the encoder sees what it sees while sampling."""
        self.model.eval()
        total = seen = 0.0
        for batch in batches(self._validation(), self.recipe.train.batch_tokens):
            with self.machine.autocast():
                out = self.model(batch.to(self.machine.device), forbid_used=self.recipe.train.mask_repeats)
            total -= float(out.target_log_prob.sum())
            seen += len(out.target_log_prob)
        return total / seen

    def adjust(self) -> None:
        """Fit the offsets of what is rare to the validation split."""
        logit_adjustment.adjust(
            self.model, self.training, self._validation(), self.recipe.train.mask_repeats, self.machine
        )

    def _validation(self) -> Sequences:
        """The validation split, codes in an order that training meets."""
        shuffled = self.recipe.train.order == "shuffled"
        return self.validation.shuffled(np.random.default_rng(0)) if shuffled else self.validation

    def _batches(self, rng: np.random.Generator) -> Iterator[Batch]:
        settings = self.recipe
        ordered = self.training.shuffled(rng) if settings.train.order == "shuffled" else self.training
        return batches(
            ordered, settings.train.batch_tokens, settings.model.encoder_input, settings.model.corruption, rng
        )


def _mix(seed: int, epoch: int, process: int) -> int:
    """A seed of its own for each; that of process 0 is that of a process alone."""
    return int(np.random.SeedSequence([seed, epoch, *[process] * (process > 0)]).generate_state(1)[0])


def _refuse_nonfinite(values: dict[str, float], step: int, batch: Batch) -> None:
    bad = [f"{name}={value}" for name, value in values.items() if not math.isfinite(value)]
    if bad:
        raise TrainingError(f"step {step}: {', '.join(bad)}; batch of shape {tuple(batch.inputs.shape)}")
