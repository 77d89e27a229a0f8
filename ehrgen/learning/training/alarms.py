"""What the log of a training says of objectives that teach nothing, or what they must not.

Leaks are judged by the rule of the verdict (`ehrgen.leakage`) on the columns of the history, after each epoch. The
verdict judges the last epoch; what is over by then was said to be over.
"""

from collections.abc import Callable, Iterable, Iterator

from ehrgen.leakage import is_leaky
from ehrgen.learning.training.history import Row


class Alarms:
    """Which objectives were found at fault so far: each fault is said once when it begins, and once when it ends."""

    def __init__(self) -> None:
        self.standing: dict[str, str] = {}
        """Objective -> its fault."""

    def changes(self, rows: Iterable[Row], constants: set[str]) -> Iterator[str]:
        """What to say after an epoch of these rows, in which the objectives `constants` had a gradient of 0."""
        for row in (exact.as_written() for exact in rows):
            if row.weight == 0:
                continue
            fault = "constant" if row.objective in constants else "leaky" if leaks(row) else ""
            if fault and fault != self.standing.get(row.objective):
                yield f"warning: epoch {row.epoch}: {SAYING[fault](row)}"
            elif not fault and row.objective in self.standing:
                yield f"epoch {row.epoch}: {row.objective} is no longer {self.standing[row.objective]}"
            self.standing = {name: old for name, old in self.standing.items() if name != row.objective}
            if fault:
                self.standing[row.objective] = fault


def leaks(row: Row) -> bool:
    """Whether an objective owes half of what it has learned to what it must not read; of age and sex only heads can."""
    if row.objective == "lm":
        return is_leaky(row.validation_value, row.chance, with_inputs_of_sampling=row.validation_nll)
    if row.accuracy is None:
        return False
    return is_leaky(
        row.validation_value,
        row.chance,
        with_another_prompt=row.value_prompts_shuffled,
        with_other_codes=row.value_codes_shuffled,
    )


def _constant(row: Row) -> str:
    return (
        f"{row.objective} is constant: value {row.value:.4f}, gradient exactly 0 at every measured step; "
        f"it teaches nothing: set loss.{row.objective} to 0 or choose another form of it"
    )


def _leaky(row: Row) -> str:
    learned = f"{row.objective} is leaky: {row.validation_value:.3g} nats, {row.chance:.3g} at chance"
    if row.objective == "lm":
        return (
            f"{learned}, {row.validation_nll:.3g} under the inputs of sampling; it copies what the encoder is shown: "
            "set model.encoder_input to prompt"
        )
    return (
        f"{learned}, {row.value_prompts_shuffled:.3g} with another patient's prompt, {row.value_codes_shuffled:.3g} "
        f"with another patient's codes; it reads the prompt (a classifier of the patients' own codes is right for "
        f"{row.probe_accuracy:.0%}, the head for {row.accuracy:.0%}): set loss.{row.objective}_form to consistency or "
        f"loss.{row.objective} to 0"
    )


SAYING: dict[str, Callable[[Row], str]] = {"constant": _constant, "leaky": _leaky}
