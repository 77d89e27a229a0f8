"""The training loop: multiply objectives by their weights, sum, step; one checkpoint an epoch."""

import math
from collections.abc import Iterator
from contextlib import suppress
from itertools import chain

import numpy as np
import torch
from torch.nn.utils import clip_grad_norm_
from tqdm import tqdm

from ehrgen.data.cooccurrence import Cooccurrence
from ehrgen.data.sequences import Sequences
from ehrgen.learning import gradients, objectives
from ehrgen.learning.batches import Batch, batches, plan
from ehrgen.learning.checkpoint import Checkpoint
from ehrgen.learning.history import Epoch, Row
from ehrgen.learning.machine import Machine
from ehrgen.learning.model import PromptBart
from ehrgen.learning.settings import Recipe

MEASURE_EVERY = 20
"""Steps between gradient measurements; each costs one backward pass an objective, so about 10 % of the time."""


BETAS = (0.9, 0.999)
"""Of AdamW. The second moment has to remember the last patient with a rare code. At 0.98 it forgets within 50 steps,
the code is pushed down in full steps between its patients, and coverage on NHDS fell from 0.92 to 0.88."""


class TrainingError(ValueError):
    """Training cannot go on; the message says at which step and why."""


def train(
    recipe: Recipe,
    sequences: Sequences,
    matrices: dict[str, Cooccurrence],
    machine: Machine,
    checkpoint: Checkpoint,
) -> tuple[PromptBart, list[Row]]:
    """The trained model, in evaluation mode, and the history of every objective.

    Randomness restarts from (seed, epoch) at each epoch, so that a run resumed from a checkpoint ends with the
    same weights as an uninterrupted one.
    """
    learner = Learner(recipe, sequences, matrices, machine)
    rows = learner.restore(checkpoint)
    first = rows[-1].epoch + 1 if rows else 1
    with tqdm(
        total=recipe.train.epochs, initial=first - 1, unit="epoch", mininterval=1, leave=False, disable=None
    ) as bar:
        for epoch in range(first, recipe.train.epochs + 1):
            added = learner.epoch(epoch)
            rows += added
            checkpoint.save(learner.model, learner.optimizer, rows)
            bar.set_postfix({row.objective: f"{row.value:.3f}" for row in added}, refresh=False)
            bar.update()
            parts = " ".join(f"{row.objective}={row.value:.4f} ({row.share:.1%})" for row in added)
            tqdm.write(f"epoch {epoch}: {parts} validation_nll={added[0].validation_nll:.4f}")
    return learner.model.eval(), rows


class Learner:
    """A model, its optimizer and its data."""

    def __init__(
        self, recipe: Recipe, sequences: Sequences, matrices: dict[str, Cooccurrence], machine: Machine
    ) -> None:
        self.recipe, self.machine = recipe, machine
        settings = recipe.train
        ordered = sequences.by_frequency() if settings.order == "frequency" else sequences
        self.training, self.validation = ordered.of_split("train"), ordered.of_split("validation")
        torch.manual_seed(recipe.seed)
        longest = int(np.diff(sequences.offsets).max())
        model = PromptBart(recipe.model, sequences.vocabulary, longest, recipe.loss.sex_pool)
        self.model = model.placed(machine)
        self.objectives = objectives.build(recipe.loss, sequences.vocabulary, matrices, machine.device)
        self.weights = {name: getattr(recipe.loss, name) for name in self.objectives}
        self.optimizer = torch.optim.AdamW(
            _decay_groups(self.model, settings.weight_decay),
            lr=settings.learning_rate,
            betas=BETAS,
            fused=True,
        )
        per_epoch = len(plan(np.diff(self.training.offsets) - 1, settings.batch_tokens, None))
        self.steps_per_epoch, self.total_steps = per_epoch, per_epoch * settings.epochs

    def restore(self, checkpoint: Checkpoint) -> list[Row]:
        """Continue from a checkpoint if there is one; the rows so far."""
        return checkpoint.restore(self.model, self.optimizer)

    def epoch(self, number: int) -> list[Row]:
        """One pass over the training split."""
        torch.manual_seed(_mix(self.recipe.seed, number))
        rng = np.random.default_rng([self.recipe.seed, number])
        self.model.train()
        tally = Epoch()
        step = (number - 1) * self.steps_per_epoch
        for parts in self._batches(rng):
            self.step(step, [part.to(self.machine.device) for part in parts], tally)
            step += 1
        if silent := set(self.objectives) - set(tally.value):
            raise TrainingError(f"epoch {number}: no batch gave {', '.join(sorted(silent))} anything to score")
        return tally.rows(number, self.weights, self.validation_nll())

    def step(self, step: int, parts: list[Batch], tally: Epoch) -> None:
        """One update; every MEASURE_EVERY steps of an epoch gradients are measured too."""
        for group in self.optimizer.param_groups:
            group["lr"] = self.recipe.train.learning_rate * self._pace(step)
        self.optimizer.zero_grad(set_to_none=True)
        measured = gradients.Sums(self.model.shared_parameters(), self.objectives) if self._measures(step) else None
        for part in parts:
            losses = self.losses(part)
            values = {name: float(loss.detach()) for name, loss in losses.items()}
            _refuse_nonfinite(values, step, part)
            if measured is not None:
                measured.add(losses, part.weight)
            if not losses:
                continue
            total = sum(self.weights[name] * loss for name, loss in losses.items())
            if not total.requires_grad:
                raise TrainingError(f"step {step}: no objective with a weight reaches a parameter: {', '.join(losses)}")
            (part.weight * total).backward()
            tally.add(values, part.weight)
        if measured is not None:
            tally.add_norms(measured.norms())
        norm = float(clip_grad_norm_(self.model.parameters(), self.recipe.train.clip))
        if not math.isfinite(norm):
            shapes = [tuple(part.inputs.shape) for part in parts]
            raise TrainingError(f"step {step}: gradient norm of the total is {norm}; batches of shape {shapes}")
        self.optimizer.step()

    def _measures(self, step: int) -> bool:
        return step % self.steps_per_epoch % MEASURE_EVERY == 0

    def losses(self, batch: Batch) -> dict[str, torch.Tensor]:
        """The unweighted objectives on a batch, without those that have nothing to score in it."""
        with self.machine.autocast():
            out = self.model(batch, forbid_used=self.recipe.train.mask_repeats)
            losses = {}
            for name, objective in self.objectives.items():
                with suppress(objectives.NothingToScoreError):
                    losses[name] = objective(out, batch)
            return losses

    @torch.no_grad()
    def validation_nll(self) -> float:
        """Nats per symbol of the validation split when the encoder sees what it sees while sampling."""
        self.model.eval()
        rng = np.random.default_rng(0)
        held_out = self.validation.shuffled(rng) if self.recipe.train.order == "shuffled" else self.validation
        total = seen = 0.0
        for batch in chain.from_iterable(batches(held_out, self.recipe.train.batch_tokens)):
            with self.machine.autocast():
                out = self.model(batch.to(self.machine.device), forbid_used=self.recipe.train.mask_repeats)
            total -= float(out.target_log_prob.sum())
            seen += len(out.target_log_prob)
        return total / seen

    def _batches(self, rng: np.random.Generator) -> Iterator[list[Batch]]:
        settings = self.recipe
        ordered = self.training.shuffled(rng) if settings.train.order == "shuffled" else self.training
        return batches(
            ordered, settings.train.batch_tokens, settings.model.encoder_input, settings.model.corruption, rng
        )

    def _pace(self, step: int) -> float:
        """Linear warm-up, then cosine decay to 0."""
        warm = max(1, round(self.recipe.train.warmup * self.total_steps))
        if step < warm:
            return (step + 1) / warm
        return 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, self.total_steps - warm)))


def _decay_groups(model: PromptBart, weight_decay: float) -> list[dict]:
    """Weight decay for matrices only, as is usual."""
    matrices = [p for p in model.parameters() if p.ndim > 1]
    vectors = [p for p in model.parameters() if p.ndim <= 1]
    return [{"params": matrices, "weight_decay": weight_decay}, {"params": vectors, "weight_decay": 0.0}]


def _mix(seed: int, epoch: int) -> int:
    return int(np.random.SeedSequence([seed, epoch]).generate_state(1)[0])


def _refuse_nonfinite(values: dict[str, float], step: int, batch: Batch) -> None:
    bad = [f"{name}={value}" for name, value in values.items() if not math.isfinite(value)]
    if bad:
        raise TrainingError(f"step {step}: {', '.join(bad)}; batch of shape {tuple(batch.inputs.shape)}")
