"""Write docs/metrics.md: what each metric says, from the table of the suite and the docstrings of its functions.

python -m scripts.metrics_guide
"""

import inspect
import math
import re
import sys
from importlib import import_module
from pathlib import Path

from ehrgen.core.files import write_text
from ehrgen.metrics.table.suite import FAMILIES, METRICS, Metric, function

PAGE = Path(__file__).resolve().parents[1] / "docs" / "metrics.md"
SECTIONS = r"\n(?:Args|Raises|Example|Source|Attributes):\n"
BETTER = {"higher": "higher is better", "lower": "lower is better", "match": "closest to {} is best"}
HEAD = """\
# Metrics

This page says of each metric what it measures, what is good and bad, and who passes it undeservedly. Written by
`python -m scripts.metrics_guide` from the docstrings in `ehrgen/metrics`; do not edit.

- Every metric compares equally many patients: held-out real ones (H), the ones to be judged (S), training patients (T).
- The **floor** is the real-vs-real baseline: the same number for a second sample of held-out real patients. No
  generator can be asked for more, and many metrics are far from their ideal even there. Read each number beside the
  floor and the **reference generators**, whose numbers are in `reports/anchors`: *memoriser* (copies of T),
  *independent codes*, *latent profiles*, *Markov*, *collapsed* (20 patients over and over).
- **A copy of the training patients passes every metric of fidelity and diversity.** Only the metrics that compare T
  with H tell it from a good generator.
- A metric without a value says why: too few patients, nothing to compute, a rate without a denominator ("vacuous"),
  or a count of 1 to 10 real patients, which is suppressed.
- **Bold**: a headline metric, in `dvc metrics show`."""


def guide() -> str:
    """The whole page."""
    parts = [HEAD]
    for family in FAMILIES:
        purpose = inspect.getdoc(import_module(f"ehrgen.metrics.families.{family}")).split("\n\n")[0]
        entries = [entry(name, metric) for name, metric in METRICS.items() if metric.family == family]
        parts += [f"## {family.capitalize()}", " ".join(purpose.split()), "\n".join(entries)]
    return "\n\n".join(parts) + "\n"


def entry(name: str, metric: Metric) -> str:
    """One metric as an item of a list: its range, and what its docstring says up to the first section."""
    if not (text := inspect.getdoc(function(name))):
        sys.exit(f"error: {name}: the page is made of docstrings and it has none; give the reviewer two sentences")
    said = re.split(SECTIONS, text + "\n")[0]
    shown = f"**{name}**" if metric.headline else name
    return f"- {shown} ({traits(metric)}). {' '.join(said.split())}"


def traits(metric: Metric) -> str:
    """Unit, range, direction, fewest patients."""
    low, high = (f"{end:g}" if math.isfinite(end) else "…" for end in (metric.low, metric.high))
    best = BETTER[metric.better].format("the floor" if metric.ideal is None else f"{metric.ideal:g}")
    least = f"; {metric.minimum:,} patients at least" if metric.minimum > 1 else ""
    return f"{metric.unit}, {low} to {high}; {best}{least}"


def main() -> None:
    write_text(guide(), PAGE)
    print(f"{PAGE.relative_to(PAGE.parents[1])}: {len(METRICS)} metrics")


if __name__ == "__main__":
    main()
