"""When an objective is leaky: one rule for the warnings of a training and for the verdict on it.

All values are nats of an objective on validation patients. What it has learned is what it lies below chance, its value
for who knows frequencies alone. Each value under changed inputs says which part of that came from inputs it must not
read.
"""

LEAST_BELOW_CHANCE = 0.02
"""Of chance: of what has learned less, a share is a ratio of noise."""
LEAKY = 0.5
"""An objective is leaky from this share of what it has learned on."""


def nats_below_chance(value: float | None, chance: float | None) -> float | None:
    """Chance - value; None where either is unknown, or less than LEAST_BELOW_CHANCE of chance was learned.

    Example:
        >>> nats_below_chance(0.5, 2.0), nats_below_chance(1.99, 2.0)
        (1.5, None)
    """
    if value is None or not chance:
        return None
    learned = 1 - value / chance
    return None if learned < LEAST_BELOW_CHANCE else learned * chance


def share_lost(value: float | None, chance: float | None, changed: float | None) -> float | None:
    """Share of the nats below chance that is lost where inputs change, and the value becomes `changed`.

    0 nothing, 1 all, above 1 if what was learned misleads; None where it cannot be said.

    Example:
        >>> share_lost(0.5, 2.0, 1.25), share_lost(0.5, 2.0, None)
        (0.5, None)
    """
    learned = nats_below_chance(value, chance)
    if learned is None or value is None or changed is None:
        return None
    return (changed - value) / learned


def is_leaky(
    value: float | None,
    chance: float | None,
    *,
    with_another_prompt: float | None = None,
    with_other_codes: float | None = None,
    with_inputs_of_sampling: float | None = None,
) -> bool:
    """Whether an objective owes LEAKY of what it has learned to inputs it must not read.

    Args:
        with_another_prompt: Of a head: its value with another patient's prompt; what is lost came from the prompt.
        with_other_codes: Of a head: its value with another patient's codes; what is left came from the prompt.
        with_inputs_of_sampling: Of lm: its value under the inputs the sampler has; what is lost came from the rest.

    Example:
        >>> is_leaky(0.1, 0.7, with_another_prompt=3.0), is_leaky(0.1, 0.7, with_other_codes=0.65)
        (True, False)
    """
    lost = [share_lost(value, chance, changed) for changed in (with_another_prompt, with_inputs_of_sampling)]
    lost_with_other_codes = share_lost(value, chance, with_other_codes)
    if lost_with_other_codes is not None:
        lost.append(1 - lost_with_other_codes)
    return any(share is not None and share >= LEAKY for share in lost)
