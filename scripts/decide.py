"""More seeds for what is undecided among the primary comparisons, until it is decided or the time is spent.

    python -m scripts.decide --minutes 60 --jobs 2        (make decide MINUTES=60)

Needs a finished `make repro`. It looks with half as many seeds again each time, up to --most. At each look, variants
with an undecided primary comparison get the further seeds, and so does the reference. They run in .studies/decide, a
clone of the last commit, with the trainings of this project's store: nothing is trained twice, and stopped, the same
command goes on where it was. All looks together may err in 5 % (ehrgen/findings/statistics/looks.py); so the first, at
the seeds of params.yaml, is stricter than reports/ablation.md, which is for whoever looks once. -> reports/decided.md
"""

import argparse
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from ehrgen.core.files import read_json, write_text
from ehrgen.core.params import ParamsError, load_yaml, section
from ehrgen.findings.statistics import pooling
from ehrgen.findings.statistics.caveats import Runs, blind
from ehrgen.findings.statistics.comparison import COMPARED, changes, loss_alone, means
from ehrgen.findings.statistics.harm import harm_ways
from ehrgen.findings.statistics.intervals import Estimate
from ehrgen.findings.statistics.looks import Look, decided, schedule
from ehrgen.findings.statistics.margins import equivalence_margins
from ehrgen.findings.statistics.results import FLOOR, by_seed, long_table
from ehrgen.findings.statistics.significance import UNDECIDED, Key, Significance, significance
from ehrgen.findings.text.tables import cell, table
from ehrgen.learning.endpoints import harmed, primary
from ehrgen.metrics.table.scores import Scores
from ehrgen.variants import AblationSettings, load_effective
from ehrgen.workflow.plan import Plan
from scripts.study import ROOT, StudyError, check_out, execute, lay_over

FOLDER, PAGE = Path(".studies/decide"), Path("reports/decided.md")
BESIDE = 45.0  # seconds of a cell beside its training
Execute = Callable[[Path, int, Path], None]


@dataclass(frozen=True)
class Seen:
    """What the looks so far say.

    Attributes:
        looks: Of each look at which all seeds were there, what it says and the differences it saw.
        open: Variants with a primary comparison that no look decided.
        seeds: The seeds of the next look; none after the last.
    """

    looks: list[tuple[Look, dict[Key, Significance], dict[Key, Estimate]]]
    open: list[str]
    seeds: list[int]

    @property
    def outcomes(self) -> dict[Key, tuple[int, Significance]]:
        """Of every primary comparison the place of the look that decided it, and how."""
        return decided([judged for _, judged, _ in self.looks])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60, help="no look begins that would take longer than is left")
    parser.add_argument("--most", type=int, default=12, help="seeds of the last look; fixed before the first")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="cells of variant x seed side by side")
    asked = parser.parse_args()
    try:
        os.chdir(ROOT)
        if todo := Plan.of().todo:
            raise StudyError(f"{len(todo)} stages of the run are not up to date; run `make repro` first")
        write_text(page(decide(ROOT, asked.most, asked.minutes, asked.jobs, execute)), ROOT / PAGE)
        print(f"written: {PAGE}")
    except (StudyError, ParamsError, ValueError) as error:
        sys.exit(f"error: {error}")


def decide(root: Path, most: int, minutes: float, jobs: int, run: Execute) -> Seen:
    """Look, and run further seeds of what is open, until nothing is, or the last look or the time is over."""
    settings = section(load_yaml(root / "params.yaml"), "ablation", AblationSettings, "params.yaml")
    began = time.monotonic()
    while True:
        seen = look_at(root, settings, schedule(len(settings.seeds), most))
        if not seen.open or not seen.seeds:
            return seen
        further = [seed for seed in seen.seeds if seed not in settings.seeds]
        needs = seconds(root, [settings.reference, *seen.open], further) / jobs
        left = 60 * minutes - (time.monotonic() - began)
        print(f"{', '.join(seen.open)}: undecided; {len(seen.seeds)} seeds would take {needs / 60:.0f} minutes more")
        if needs > left:
            print(f"stopped: {max(0.0, left) / 60:.0f} minutes are left; give --minutes, and the same command goes on")
            return seen
        check_out(root, root / FOLDER)
        asked = {"run": [settings.reference, *seen.open], "seeds": further}
        lay_over(root / FOLDER / "params.yaml", {"ablation": asked | {"headline": settings.reference}})
        run(root / FOLDER, jobs, root / ".store")


def look_at(root: Path, settings: AblationSettings, looks: Sequence[Look]) -> Seen:
    """All looks whose seeds are there, one after the other: each asks of the variants that those before left open."""
    effective = load_effective(root / "resolved.yaml", settings)
    anchors = {path.stem: Scores.load(path) for path in sorted((root / "reports/anchors").glob("*.json"))}
    seen, open_ = [], [variant for variant in settings.run if variant != settings.reference]
    for look in looks:
        seeds = seeds_of(settings.seeds, look.seeds)
        variants = [settings.reference, *open_]
        runs = runs_of(root, effective, settings, variants, seeds)
        if not open_ or any(len(row) < len(seeds) for row in runs.values()):
            return Seen(seen, open_, seeds)
        changed = {name: row for name, row in changes(effective, settings.reference).items() if name in variants}
        judged, differences = judged_at(runs, anchors, changed, effective, settings.reference, look.alpha)
        seen.append((look, judged, differences))
        outcomes = decided([one for _, one, _ in seen])
        undecided = {variant for (variant, _), (_, one) in outcomes.items() if one.outcome == UNDECIDED}
        open_ = [variant for variant in open_ if variant in undecided]
    return Seen(seen, open_, [])


def judged_at(
    runs: Runs,
    anchors: Mapping[str, Scores],
    changed: Mapping[str, Mapping[str, Any]],
    effective: Mapping[str, Any],
    reference: str,
    alpha: float,
) -> tuple[dict[Key, Significance], dict[Key, Estimate]]:
    """What each primary comparison is at this error, and its difference."""
    unfit = blind(anchors.get(FLOOR))
    values = long_table(runs, [name for name in COMPARED if name not in unfit])
    differences = pooling.differences(pooling.bounded(values), reference, loss_alone(changed))
    estimates = means(values, list(runs))
    known = {anchor: scores.metrics for anchor, scores in anchors.items()}
    margins = equivalence_margins(known, {name: one.mean for name, one in estimates[reference].items()})
    ours = {(variant, metric) for variant, listed in changed.items() for metric in primary(listed)}
    may_harm = {variant: harmed(listed, effective[reference]["loss"]) for variant, listed in changed.items()}
    asked = {key: one for key, one in differences.items() if key in ours}
    margin_of = {key: margins[key[1]] for key in asked if key[1] in margins}
    ways = harm_ways(may_harm, estimates, known, reference)
    return significance(asked, margin_of, ours, ways, alpha), asked


def runs_of(
    root: Path, effective: Mapping[str, Any], settings: AblationSettings, variants: Sequence[str], seeds: Sequence[int]
) -> dict[str, dict[int, Scores]]:
    """Variant -> seed -> scores, those of params.yaml from the project's own run and the others from the clone.

    Raises:
        StudyError: If the clone was run with other parameters.
    """
    asked = AblationSettings(run=list(variants), seeds=list(seeds), reference=variants[0], headline=variants[0])
    runs = by_seed(asked, root / "reports/runs", ".json", Scores.load)
    clone = root / FOLDER
    if not (clone / "resolved.yaml").is_file():
        return runs
    theirs = load_yaml(clone / "resolved.yaml")["effective"]
    if other := [variant for variant in variants if theirs.get(variant, effective[variant]) != effective[variant]]:
        raise StudyError(f"{', '.join(other)}: other parameters than in {FOLDER}; remove that folder to begin anew")
    further = by_seed(asked, clone / "reports/runs", ".json", Scores.load)
    return {
        variant: {
            seed: (row if seed in settings.seeds else further[variant])[seed]
            for seed in seeds
            if seed in (row if seed in settings.seeds else further[variant])
        }
        for variant, row in runs.items()
    }


def seeds_of(seeds: Sequence[int], number: int) -> list[int]:
    """So many seeds: those there are, then the smallest others.

    Example:
        >>> seeds_of([0, 1, 5], 5)
        [0, 1, 5, 2, 3]
    """
    others = (seed for seed in range(number + len(seeds)) if seed not in seeds)
    return [*seeds, *(seed for _, seed in zip(range(number - len(seeds)), others, strict=False))]


def seconds(root: Path, variants: Sequence[str], seeds: Sequence[int]) -> float:
    """Of one core, for the cells that are not there yet, by what the trainings so far took."""
    paths = [(root / folder / f"reports/manifests/{name}") for folder in (".", FOLDER) for name in variants]
    took = [read_json(path, "run `make repro`")["seconds"] for folder in paths for path in folder.glob("*.json")]
    absent = [(v, s) for v in variants for s in seeds if not (root / FOLDER / f"reports/runs/{v}/{s}.json").is_file()]
    return len(absent) * (BESIDE + (fmean(took) if took else 0.0))


def page(seen: Seen) -> str:
    """reports/decided.md"""
    outcomes = seen.outcomes
    open_ = sum(judged.outcome == UNDECIDED for _, judged in outcomes.values())
    rows = [
        [
            f"{variant}: {metric}",
            cell(seen.looks[place][2][variant, metric], signed=True),
            judged.outcome,
            str(seen.looks[place][0].seeds),
        ]
        for (variant, metric), (place, judged) in outcomes.items()
    ]
    spent = [[str(look.seeds), f"{look.alpha:.2%}"] for look, _, _ in seen.looks]
    return (
        "\n\n".join(
            [
                "# What more seeds decide",
                f"Of {len(outcomes)} primary comparisons {len(outcomes) - open_} are decided, {open_} undecided. "
                "Written by `python -m scripts.decide`, which says how. All looks together err in at most 5 % of "
                "families; the intervals are of 95 % each, at the look that decided or the last one.",
                table(["comparison", "difference", "outcome", "seeds"], rows),
                table(["seeds of the look", "error it may spend"], spent),
            ]
        )
        + "\n"
    )


if __name__ == "__main__":
    main()
