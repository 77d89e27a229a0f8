"""Results for tests of findings: histories, runs and manifests that say what a test wants them to say."""

from collections.abc import Mapping

from ehrgen.findings.statistics.history import FINAL_COLUMNS, History, Trace, Traces
from ehrgen.findings.statistics.results import Results
from ehrgen.metrics.table.scores import Scores
from ehrgen.metrics.table.suite import METRICS

SEEDS = (0, 1, 2)
HEALTHY_HEAD = {  # reads the codes: another patient's prompt changes nothing, other codes mislead it
    "weight": 1.0,
    "value": 0.45,
    "share": 0.1,
    "grad_norm": 0.4,
    "grad_share": 0.1,
    "grad_cosine": 0.02,
    "validation_nll": 5.0,
    "validation_value": 0.46,
    "chance": 0.69,
    "accuracy": 0.8,
    "value_codes_shuffled": 1.0,
    "accuracy_codes_shuffled": 0.5,
    "value_prompts_shuffled": 0.47,
    "accuracy_prompts_shuffled": 0.79,
    "probe_accuracy": 0.81,
    "majority": 0.55,
}
HEALTHY_LM = {name: HEALTHY_HEAD[name] for name in ("weight", "grad_norm", "grad_cosine")} | {
    "value": 4.0,
    "share": 0.9,
    "grad_share": 0.9,
    "validation_nll": 4.3,
    "validation_value": 4.2,
    "chance": 6.0,
}
HEALTHY_OTHER = {name: HEALTHY_HEAD[name] for name in ("weight", "value", "share", "grad_norm", "grad_share")} | {
    "grad_cosine": 0.0,
    "validation_value": 0.5,
}


def trace(base: Mapping[str, float], epochs: int = 2, **changed: float | None) -> Trace:
    """The same row in every epoch; None leaves a column out."""
    row = {name: value for name, value in {**base, **changed}.items() if value is not None}
    return Trace(tuple({"epoch": float(epoch), **row} for epoch in range(1, epochs + 1)))


def training() -> Traces:
    """All four objectives, healthy."""
    return {
        "lm": trace(HEALTHY_LM),
        "age": trace(HEALTHY_HEAD),
        "sex": trace(HEALTHY_HEAD),
        "cooccur": trace(HEALTHY_OTHER),
    }


def history(traces: Traces) -> History:
    """A history of these traces, with what its columns hold in the last epoch."""
    last = {name: one.epochs[-1] for name, one in traces.items()}
    final = {name: {column: row[column] for column in FINAL_COLUMNS if column in row} for name, row in last.items()}
    return History(traces, final, max(len(one.epochs) for one in traces.values()))


def scores(**changed: float) -> Scores:
    """Every metric at 0.5, but for these."""
    return Scores(dict.fromkeys(METRICS, 0.5) | changed, {}, 3000)


def results(*variants: str) -> Results:
    """Three seeds of these variants, all alike, below a floor of 1 in everything."""
    manifest = {"parameters": {"all": 1000, "age_head": 1, "sex_head": 1}, "seconds": 110.0, "cpu_seconds": 100.0}
    return Results(
        runs={name: {seed: scores() for seed in SEEDS} for name in variants},
        histories={name: {seed: history(training()) for seed in SEEDS} for name in variants},
        manifests={name: dict.fromkeys(SEEDS, manifest) for name in variants},
        anchors={"floor": Scores(dict.fromkeys(METRICS, 1.0), {}, 3000)},
    )
