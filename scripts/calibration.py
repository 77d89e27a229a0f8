"""Is the instrument right? How often it marks what is the same, and which harm it sees -> docs/calibration.md.

    python -m scripts.calibration --jobs 2            trains what the store has not; stopped, it goes on where it was
    python -m scripts.calibration --read              the page and the figure anew, from docs/calibration.json

Needs the data of a finished `make repro`. A/A: the reference variant under --seeds seeds, cut at random into variants
that differ in nothing. Planted harm: the same variant trained on patients of whom a share of the codes is swapped
in pairs, at random, so that every code stays as frequent and what belongs together does not. Both are judged as
reports are, on the endpoints of all objectives at once. Trainings are kept in .store, measurements in
.studies/calibration.
"""

import argparse
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from itertools import combinations
from multiprocessing import get_context
from pathlib import Path
from statistics import fmean

import numpy as np

from ehrgen.core.files import read_json, write_json, write_text
from ehrgen.core.params import load_yaml, section
from ehrgen.data.cohort import SPLITS
from ehrgen.data.sequences.sequences import Sequences
from ehrgen.data.sequences.vocabulary import FIRST_CODE
from ehrgen.findings.page.axes import Linear, path_through, x_axis, y_axis
from ehrgen.findings.page.html import Markup, el, joined, short, svg_file
from ehrgen.findings.statistics import pooling
from ehrgen.findings.statistics.significance import ALPHA, holm
from ehrgen.findings.text.tables import percent, table
from ehrgen.learning.endpoints import ENDPOINTS
from ehrgen.metrics.table.scores import Scores, rounded

ROOT = Path(__file__).resolve().parents[1]
FOLDER, NUMBERS, PAGE, FIGURE = (
    Path(".studies/calibration"),
    Path("docs/calibration.json"),
    Path("docs/calibration.md"),
    Path("docs/calibration.svg"),
)
HARMS = (0.02, 0.05, 0.1, 0.2)
SEEDS_SEEN = (3, 5, 8)
DRAWS = 300  # ways to cut the A/A trainings into variants
MOVED = tuple(dict.fromkeys(name for one in ENDPOINTS.values() for name in (*one.moves, *one.harms)))
Values = Mapping[str, Mapping[int, Mapping[str, float]]]  # share swapped -> seed -> metric -> value


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=12, help="of the variant itself, for A/A; 8 of each harm")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--read", action="store_true", help="measure nothing")
    asked = parser.parse_args()
    os.chdir(ROOT)
    if not asked.read:
        measure(asked.seeds, asked.jobs)
    values = read(NUMBERS)
    write_text(page(values), PAGE)
    write_text(figure(values), FIGURE)
    print(f"wrote {PAGE}, {FIGURE}")


def measure(seeds: int, jobs: int) -> None:
    """Train and measure what is not there yet, and write down the endpoints of all."""
    variant = load_yaml(Path("params.yaml"))["ablation"]["reference"]
    for harm in HARMS:
        plant(Path("data/sequences"), sequences_of(harm), harm)
    cells = [(0.0, seed) for seed in range(seeds)]
    cells += [(harm, seed) for seed in range(max(SEEDS_SEEN)) for harm in HARMS]
    os.environ["OMP_NUM_THREADS"] = "1"  # of the processes that are started
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        for number, done in enumerate(pool.map(_cell, [variant] * len(cells), *zip(*cells, strict=True)), 1):
            print(f"{number} of {len(cells)}: {done}", flush=True)
    found: dict[str, dict[str, dict[str, float]]] = {}
    for harm, seed in cells:
        metrics = Scores.load(result_of(harm, seed)).metrics
        kept = {name: rounded(metrics[name]) for name in MOVED if name in metrics}
        found.setdefault(f"{harm:g}", {})[str(seed)] = kept
    write_json(found, NUMBERS, indent=1)


def _cell(variant: str, harm: float, seed: int) -> str:
    """Train, sample and measure one, unless that was done; which it is, in words."""
    target = result_of(harm, seed)
    if not target.exists():
        _measured(variant, sequences_of(harm), seed).save(target)
    return f"{percent(harm)} swapped, seed {seed}"


def _measured(variant: str, folder: Path, seed: int) -> Scores:
    """As the stages train, sample and evaluate do; imports torch only here, in the processes that train."""
    from ehrgen.data.cohort import Cohort
    from ehrgen.data.sequences import cooccurrence
    from ehrgen.data.simulation.process import known
    from ehrgen.learning.machine.device import machine_for
    from ehrgen.learning.model.prompt_bart import PromptBart
    from ehrgen.learning.sampling.likelihoods import score_cohort
    from ehrgen.learning.sampling.sampler import sample_cohorts
    from ehrgen.learning.settings import Recipe, SamplingSettings, effective
    from ehrgen.learning.training import store
    from ehrgen.metrics.evaluation import EvaluationData, evaluate_samples
    from ehrgen.metrics.families.likelihood import Likelihood
    from ehrgen.metrics.settings import EvaluateSettings
    from pipeline.train import CODE, COOCCURRENCE

    resolved = load_yaml(Path("resolved.yaml"))
    recipe = Recipe.from_resolved(resolved, variant, seed)
    here, sequences = machine_for(recipe), Sequences.load(folder)
    matrices = cooccurrence.load(COOCCURRENCE, sequences.vocabulary)
    key = store.key(recipe, inputs=(folder, COOCCURRENCE), code=CODE)
    model = PromptBart.load(store.train_once(key, recipe, sequences, matrices, here).folder / "model")
    settings = section(effective(resolved, variant), "sampling", SamplingSettings, "resolved.yaml")
    evaluated = section(load_yaml(Path("params.yaml")), "evaluate", EvaluateSettings, "params.yaml")
    real = Cohort.load(Path("data/cohort"))
    first, *further = sample_cohorts(model, real.of_split("train").patients, settings, seed, here)
    heldout, train = real.of_split("heldout"), real.of_split("train")
    truth = known(Path("data/process"))
    data = EvaluationData.of(heldout, first, train, evaluated.patients, evaluated.seed, truth)
    stated = Likelihood(score_cohort(model, real, settings, recipe.train.order, seed, here))
    others = [data.sampled(one, evaluated.seed) for one in further]
    return evaluate_samples(replace(data, likelihood=stated), others)


def sequences_of(harm: float) -> Path:
    """Where the sequences with this share of codes swapped are."""
    return FOLDER / f"sequences/{harm:g}" if harm else Path("data/sequences")


def result_of(harm: float, seed: int) -> Path:
    """Where the measurements of a training are kept."""
    return FOLDER / f"runs/{harm:g}/{seed}.json"


def plant(source: Path, target: Path, harm: float) -> None:
    """Sequences as in `source`, with this share of the training patients' codes swapped."""
    if not (target / "vocabulary.json").exists():
        sequences = Sequences.load(source)
        rng = np.random.default_rng([7, round(harm * 1000)])
        replace(sequences, tokens=planted(sequences, harm, rng)).save(target)


def planted(sequences: Sequences, harm: float, rng: np.random.Generator) -> np.ndarray:
    """The tokens, of training patients a share swapped in pairs: every code stays as frequent as it was.

    Where a visit would hold a code twice the two stay where they are.
    """
    tokens = np.array(sequences.tokens)
    train = np.repeat(sequences.split == SPLITS.index("train"), np.diff(sequences.offsets))
    of_code = np.flatnonzero(train & (tokens >= FIRST_CODE))
    visit = np.cumsum(tokens < FIRST_CODE)
    chosen = rng.permutation(of_code)[: 2 * round(harm * len(of_code) / 2)]
    held = set(zip(visit[of_code].tolist(), tokens[of_code].tolist(), strict=True))
    for one, other in chosen.reshape(2, -1).T.tolist():
        old = {(int(visit[at]), int(tokens[at])) for at in (one, other)}
        new = {(int(visit[one]), int(tokens[other])), (int(visit[other]), int(tokens[one]))}
        if visit[one] != visit[other] and not new & held:
            held.difference_update(old)
            held.update(new)
            tokens[[one, other]] = tokens[[other, one]]
    return tokens


def read(path: Path) -> dict[str, dict[int, dict[str, float]]]:
    """Share replaced -> seed -> endpoint -> value, as `measure` wrote them."""
    content = read_json(path, "run `python -m scripts.calibration`")
    return {harm: {int(seed): row for seed, row in rows.items()} for harm, rows in content.items()}


def marked(groups: Sequence[Sequence[Mapping[str, float]]]) -> list[dict[str, bool]]:
    """Of each group after the first: endpoint -> whether it is said to differ from the first group.

    Judged as variants that differ in the loss alone, with all endpoints as the primary family of each.
    """
    names = [name for name in groups[0][0] if all(name in one for group in groups for one in group)]
    values = {
        (str(number), name): {place: one[name] for place, one in enumerate(group)}
        for number, group in enumerate(groups)
        for name in names
    }
    others = [str(number) for number in range(1, len(groups))]
    found = pooling.differences(pooling.bounded(values), "0", others)
    marks = []
    for other in others:
        corrected = holm({name: found[other, name].p or 0.0 for name in names})
        marks.append({name: p <= ALPHA for name, p in corrected.items()})
    return marks


def false_marks(rows: Mapping[int, Mapping[str, float]], groups: int, seeds: int = 3) -> tuple[float, float, int]:
    """A/A: share of variants with any mark, share of comparisons marked, and how many variants were judged."""
    rng, found = np.random.default_rng(11), []
    for _ in range(DRAWS):
        order = rng.permutation(list(rows))[: groups * seeds]
        found += marked([[rows[seed] for seed in order[at : at + seeds]] for at in range(0, len(order), seeds)])
    return fmean(any(one.values()) for one in found), fmean(mark for one in found for mark in one.values()), len(found)


def detected(values: Values, harm: str, seeds: int) -> float:
    """Share of the choices of so many seeds in which any endpoint is said to differ from no harm."""
    common = sorted(values["0"].keys() & values[harm].keys())
    marks = [
        any(marked([[values["0"][seed] for seed in chosen], [values[harm][seed] for seed in chosen]])[0].values())
        for chosen in combinations(common, seeds)
    ]
    return fmean(marks)


def curve(values: Values) -> dict[int, dict[float, float]]:
    """Seeds -> share swapped -> how often it is seen; at 0 how often A/A is marked with as many seeds."""
    harms = sorted((harm for harm in values if harm != "0"), key=float)
    found = {}
    for seeds in SEEDS_SEEN:
        found[seeds] = {float(harm): detected(values, harm, seeds) for harm in harms if len(values[harm]) >= seeds}
        if len(values["0"]) >= 2 * seeds:
            found[seeds] = {0.0: false_marks(values["0"], 2, seeds)[0]} | found[seeds]
    return {seeds: row for seeds, row in found.items() if row}


def page(values: Values) -> str:
    """docs/calibration.md"""
    found, trainings = curve(values), len(values["0"])
    shown = sorted({harm for row in found.values() for harm in row})
    rows = [
        [f"{seeds} seeds", *(percent(round(row[harm], 3)) if harm in row else "–" for harm in shown)]
        for seeds, row in found.items()
    ]
    aa = [
        [f"{groups - 1}", percent(round(family, 3)), percent(round(each, 4))]
        for groups in range(2, trainings // 3 + 1)
        for family, each, _ in (false_marks(values["0"], groups),)
    ]
    return (
        "\n\n".join(
            [
                "# Is the instrument right?",
                "Written by `python -m scripts.calibration`, which says how; the numbers are in "
                "[calibration.json](calibration.json).",
                f"**The same against the same.** {trainings} trainings of one variant under other seeds, cut {DRAWS:,} "
                f"times at random into a reference and variants of three seeds. At most {percent(ALPHA)} of variants "
                "may have any endpoint marked. All cuts share these trainings, so the rates are known only roughly.",
                table(["variants beside the reference", "with any mark", "comparisons marked"], aa),
                "**Harm of known size.** A share of the codes of training patients swapped in pairs: every code stays "
                "as frequent, and what belongs together does not. How often any endpoint is said to differ, over all "
                "choices of so many of the seeds:",
                "![How often a planted harm is seen](calibration.svg)",
                table(["", *(percent(harm) for harm in shown)], rows),
            ]
        )
        + "\n"
    )


STYLE = (
    "text{font:12px system-ui,sans-serif;fill:#5b6472}.grid{stroke:#d9d6d0}.end{text-anchor:end}"
    ".mid{text-anchor:middle}"
)


def figure(values: Values) -> str:
    """The detection curve: share of codes swapped across, how often it is seen up, a line a number of seeds."""
    found = curve(values)
    harms = sorted({harm for row in found.values() for harm in row})
    x, y = Linear(0, max(harms), 60, 430), Linear(0, 1, 260, 40)
    inks = dict(zip(found, ("#c8500a", "#0b62a4", "#17703f"), strict=False))
    lines = [
        _line(row, x, y, inks[seeds], f"{seeds} seeds", 60 + 16 * place)
        for place, (seeds, row) in enumerate(found.items())
    ]
    return svg_file(
        520,
        310,
        "Detection curve",
        STYLE,
        el("rect", x=0, y=0, width=520, height=310, fill="#ffffff"),
        el("text", "How often a planted harm is seen, by the share of training codes swapped", x=8, y=20),
        y_axis(y, 60, 430, [(tick, percent(tick)) for tick in y.ticks(5)]),
        x_axis(x, 260, 260, [(harm, percent(harm)) for harm in harms]),
        el("path", d=f"M60 {short(y(ALPHA))}H430", stroke="#5b6472", stroke_dasharray="3 3"),
        *lines,
    )


def _line(row: Mapping[float, float], x: Linear, y: Linear, ink: str, name: str, below: float) -> Markup:
    places = [(x(harm), y(seen)) for harm, seen in row.items()]
    dots = [el("circle", cx=across, cy=down, r=3.5, fill=ink) for across, down in places]
    label = el("text", name, x=x.end + 12, y=below, style=f"fill:{ink}")
    return joined(el("path", d=path_through(places), fill="none", stroke=ink, stroke_width=2), *dots, label)


if __name__ == "__main__":
    main()
