"""What a claim may say about an objective through a training: (traces of one training, objective) -> number.

None where a column was not measured, or the quantity is undefined in this training.
"""

from collections.abc import Callable

from ehrgen.findings.statistics.history import Trace, Traces

Quantity = Callable[[Traces, str], float | None]


def remaining(traces: Traces, objective: str) -> float | None:
    """Validation value / chance at the end: 0 nothing left to learn, 1 nothing learned."""
    return traces[objective].remaining


def drift(traces: Traces, objective: str) -> float | None:
    """Largest change of the training value since the first epoch, as a share of it; 0 is flat."""
    values = traces[objective].of("value")
    return max(abs(value - values[0]) for value in values) / values[0] if values and values[0] else None


def from_codes(traces: Traces, objective: str) -> float | None:
    """Of a head's accuracy above the commonest label, the share that is lost with another patient's codes."""
    trace = traces[objective]
    accuracy, shuffled, majority = (trace.last(name) for name in ("accuracy", "accuracy_codes_shuffled", "majority"))
    if accuracy is None or shuffled is None or majority is None or accuracy <= majority:
        return None
    return (accuracy - shuffled) / (accuracy - majority)


def from_prompt(traces: Traces, objective: str) -> float | None:
    """Share of a head's nats below chance that is lost with another patient's prompt; above 1 if misled."""
    return traces[objective].lost_with("value_prompts_shuffled")


def from_record(traces: Traces, objective: str) -> float | None:
    """Share of lm's nats below chance that is lost under the inputs of sampling; above 1 if misled."""
    return traces[objective].lost_with("validation_nll")


def times_smaller(traces: Traces, objective: str) -> float | None:
    """Training value of lm / that of the objective, at the end."""
    return _ratio(traces["lm"].last("value"), traces[objective].last("value")) if "lm" in traces else None


def times_weaker(traces: Traces, objective: str) -> float | None:
    """Weighted gradient of lm / that of the objective, at the end."""
    return _ratio(traces["lm"].last("grad_share"), traces[objective].last("grad_share")) if "lm" in traces else None


def opposition(traces: Traces, objective: str) -> float | None:
    """Pull against lm: -cosine x share of the gradient, means over epochs; 0 for what does not pull."""
    pull, cosine = traces[objective].mean("grad_share"), traces[objective].mean("grad_cosine")
    if pull == 0:
        return 0.0
    return None if pull is None or cosine is None else -cosine * pull


def above_heads(column: str) -> Quantity:
    """Of a share: that of the objective minus that of both heads together, means over epochs."""

    def quantity(traces: Traces, objective: str) -> float | None:
        own = traces[objective].mean(column)
        heads = [traces[name].mean(column) for name in ("age", "sex") if name in traces]
        measured = [share for share in heads if share is not None]
        return None if own is None or len(measured) < len(heads) else own - sum(measured)

    return quantity


def sum_error(traces: Traces, objective: str) -> float | None:
    """Largest |share - weight x value / sum of weight x value| over the epochs: the formula of the total, redone."""
    errors = []
    for row in traces[objective].epochs:
        peers = [_at(trace, row["epoch"]) for trace in traces.values()]
        if "share" not in row or any("value" not in peer for peer in peers):
            return None
        total = sum(peer["weight"] * peer["value"] for peer in peers if peer)
        errors.append(abs(row["share"] - row["weight"] * row["value"] / total))
    return max(errors)


def _at(trace: Trace, epoch: float) -> dict[str, float]:
    """The row of an epoch; weight and value 0 where the objective had no weight."""
    return next((row for row in trace.epochs if row["epoch"] == epoch), {"weight": 0.0, "value": 0.0})


def _ratio(above: float | None, below: float | None) -> float | None:
    return above / below if above is not None and below else None


def _last(column: str) -> Quantity:
    return lambda traces, objective: traces[objective].last(column)


def _mean(column: str) -> Quantity:
    return lambda traces, objective: traces[objective].mean(column)


QUANTITIES: dict[str, Quantity] = {
    "value left": remaining,
    "drift": drift,
    "accuracy": _last("accuracy"),
    "accuracy from codes alone": _last("probe_accuracy"),
    "accuracy owed to codes": from_codes,
    "knowledge owed to the prompt": from_prompt,
    "knowledge owed to the record": from_record,
    "share of the loss": _last("share"),
    "share of the gradient": _mean("grad_share"),
    "last share of the gradient": _last("grad_share"),
    "value of lm / value": times_smaller,
    "gradient of lm / gradient": times_weaker,
    "pull against lm": opposition,
    "share above both heads": above_heads("share"),
    "gradient above both heads": above_heads("grad_share"),
    "error of the sum": sum_error,
}
