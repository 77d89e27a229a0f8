"""The parts of the page, from the answer down to a single variant and the run."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ehrgen.findings.page import curves, heatmaps, overview, patients, trainings, verdicts
from ehrgen.findings.page.html import Markup, el, joined
from ehrgen.findings.page.inputs import Sources
from ehrgen.findings.page.patients import Portrait
from ehrgen.findings.statistics.results import FLOOR
from ehrgen.findings.text.findings_md import tested

CAPTIONS: dict[str, str] = json.loads((Path(__file__).parent / "captions.json").read_text(encoding="utf-8"))
EXPECTED = "What we expected before measuring"


def header(sources: Sources) -> Markup:
    """The question."""
    return el("header", el("h1", "Which loss does what?"), el("p", CAPTIONS["lead"], class_="lead"))


def answer(sources: Sources) -> Markup:
    """What the run shows, a point an item, and what was run to find it."""
    points = [
        el("li", el("strong", f"{point['head']}."), " ", _coded(point["text"])) for point in sources.ablation["summary"]
    ]
    return joined(el("ul", *points, class_="answer"), _facts(sources))


def _coded(text: str) -> Markup:
    """What stands in backticks as code."""
    parts = text.split("`")
    return joined(*(el("code", part) if at % 2 else part for at, part in enumerate(parts)))


def _facts(sources: Sources) -> Markup:
    seeds = sorted({seed for by_seed in sources.traces.values() for seed in by_seed})
    facts = {
        "data": f"{sources.quality['source']}, {sources.quality['cohort']['patients']:,} patients",
        "variants": str(len(sources.variants)),
        "training seeds": ", ".join(map(str, seeds)) or "none",
        "compared": f"{' or '.join(f'{n:,}' for n in sources.ablation['patients'])} synthetic with as many held-out",
        "reference": sources.ablation["reference"],
    }
    return el("dl", *(el("div", el("dt", word), el("dd", fact)) for word, fact in facts.items()))


def losses(sources: Sources) -> Markup:
    """Share of the loss against share of the gradient, and every verdict."""
    return joined(
        figure(overview.balance(sources.ablation, sources.variants, sources.objectives, sources.series), "balance"),
        figure(verdicts.matrix(sources.findings["objectives"], sources.variants, sources.objectives), "matrix"),
    )


def quality(sources: Sources) -> Markup:
    """Headline metrics of all variants, primary endpoints, and what could not be judged."""
    remarks, table = sources.ablation["remarks"], overview.numbers(sources.ablation, sources.variants)
    listed = el("ul", *(el("li", remark) for remark in remarks))
    return joined(
        figure(overview.quality(sources.ablation, sources.variants), "quality"),
        el("details", el("summary", "The same in numbers"), el("div", table, class_="wide")),
        el("h3", "Does it matter? Primary endpoints, what differs first"),
        el("p", CAPTIONS["primary"]),
        el("div", overview.primary(sources.ablation), class_="wide"),
        el("details", el("summary", f"Not judged, and why ({len(remarks)})"), listed) if remarks else None,
    )


def variants(sources: Sources) -> Markup:
    """One article a variant, and one for real patients; the script shows the one that is chosen."""
    floor = article(FLOOR, el("p", CAPTIONS["floor"], class_="lead"), *likeness(sources.floor))
    return joined(
        chooser("Variant", [*sources.variants, FLOOR]),
        *(_variant(sources, name) for name in sources.variants),
        floor,
    )


def chooser(what: str, names: Sequence[str]) -> Markup:
    """Buttons, one an article; the first is chosen."""
    choices = [
        el("label", el("input", type="radio", name="variant", value=name, checked=at == 0), el("span", name))
        for at, name in enumerate(names)
    ]
    return el("fieldset", el("legend", what), *choices, class_="chooser")


def claims(sources: Sources) -> Markup:
    """Tallies and tables of claims and expectations; what the run did not test is folded away."""
    return joined(
        el("p", CAPTIONS["claims"]),
        *_judged(sources.findings["claims"]),
        el("h3", EXPECTED),
        *_judged(sources.findings["expectations"]),
    )


def _judged(claims: Sequence[Mapping[str, Any]]) -> list[Markup]:
    untested = sum(not tested(claim) for claim in claims)
    parts = [verdicts.tally(claims), el("div", verdicts.table(claims), class_="wide")]
    if untested:
        rest = el("div", verdicts.table(claims, untested=True), class_="wide")
        parts.append(el("details", el("summary", f"Not tested by this run ({untested})"), rest))
    return parts


def run(sources: Sources) -> Markup:
    """Machines, versions and trainings."""
    table = el("div", trainings.trainings(sources.manifests), class_="wide")
    return joined(el("p", CAPTIONS["run"]), trainings.machines(sources.manifests), table)


def _variant(sources: Sources, name: str) -> Markup:
    traces, series = sources.traces[name], sources.series
    parts = [el("p", _difference(sources, name), class_="lead")]
    if traces:
        parts += [
            figure(curves.shares(traces, series), "shares"),
            verdicts.cards(sources.findings["objectives"].get(name, {}), sources.objectives),
            figure(joined(curves.trajectories(traces, series), curves.key()), "trajectories"),
        ]
    else:
        parts.append(el("p", "No history of a training was found.", class_="note"))
    if portraits := sources.portraits.get(name):
        seed, portrait = min(portraits.items())
        title = f"Its patients beside real ones: {portrait['patients']:,} of each, training seed {seed}"
        parts += [el("h4", title), *likeness(portrait)]
    else:
        parts.append(el("p", "No portrait of its patients was found.", class_="note"))
    return article(name, *parts)


def _difference(sources: Sources, name: str) -> str:
    if name == sources.ablation["reference"]:
        return "The reference, which the other variants are compared with."
    changed = ", ".join(f"{key} = {value}" for key, value in sources.changes.get(name, {}).items())
    return f"Differs from {sources.ablation['reference']} in {changed or 'nothing'}."


def likeness(portrait: Portrait) -> Sequence[Markup]:
    """Every drawing of a portrait; none of a part that is empty."""
    drawn: dict[str, Callable[[], Markup]] = {
        "codes": lambda: joined(patients.scatter(portrait), patients.legend(portrait)),
        "farthest": lambda: patients.farthest(portrait),
        "commonest": lambda: patients.commonest(portrait),
        "chapters": lambda: joined(heatmaps.heatmaps(portrait["chapter_pairs"], 16, True), heatmaps.scale()),
        "categories": lambda: joined(heatmaps.heatmaps(portrait["category_pairs"], 10, False), heatmaps.scale()),
        "lengths": lambda: patients.lengths(portrait),
        "conditioning": lambda: patients.conditioning(portrait),
        "distances": lambda: patients.distances(portrait),
    }
    return [figure(draw(), name) for name, draw in drawn.items() if portrait.get(name) != {}]


def article(name: str, *parts: Markup) -> Markup:
    """The part of the page that the chooser's button of this name shows."""
    return el("article", el("h3", name), *parts, class_="variant", id=f"variant-{name}", data_variant=name)


def figure(drawn: Markup, name: str) -> Markup:
    """A drawing above its caption, which says how to read it."""
    return el("figure", el("div", drawn, class_="wide"), el("figcaption", CAPTIONS[name]), class_=name)
