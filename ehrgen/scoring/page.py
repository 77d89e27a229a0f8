"""What was found about several sets of patients as one HTML file that needs nothing else: numbers, then pictures."""

from collections.abc import Sequence

from ehrgen.findings.page import sections
from ehrgen.findings.page.html import Markup, el, joined
from ehrgen.findings.page.page import document
from ehrgen.metrics.table.suite import FAMILIES, HEADLINE, METRICS
from ehrgen.scoring import markdown
from ehrgen.scoring.judging import FLOOR, Judged
from ehrgen.scoring.markdown import REAL
from ehrgen.scoring.sides import Sides

LEAD = "Synthetic patients, whoever made them, beside real ones; and real patients beside other real ones, as the goal."


def score_html(judged: Judged, sides: Sides) -> str:
    """The whole page of score.html."""
    parts = {
        "glance": ("At a glance", _glance(judged, sides)),
        "variant": ("One set", _sets(judged)),
        "metrics": ("All metrics", _metrics(judged, sides)),
        "rest": ("Not judged, and what was read", _rest(judged, sides)),
    }
    return document("ehrgen: synthetic patients beside real ones", _header(judged), parts)


def _header(judged: Judged) -> Markup:
    facts = {"sets": ", ".join(judged.sets), "compared": f"{judged.floor.patients:,} of each with as many real ones"}
    listed = [el("div", el("dt", word), el("dd", fact)) for word, fact in facts.items()]
    return el("header", el("h1", "How real are these patients?"), el("p", LEAD, class_="lead"), el("dl", *listed))


def _glance(judged: Judged, sides: Sides) -> Markup:
    remarks = el("ul", *(el("li", remark) for remark in sides.remarks)) if sides.remarks else None
    columns = [*judged.sets, FLOOR, *judged.generators]
    return joined(remarks, el("p", _plain(markdown.legend(judged))), _numbers(judged, HEADLINE, columns))


def _sets(judged: Judged) -> Markup:
    floor = el("p", sections.CAPTIONS["floor"], class_="lead")
    return joined(
        sections.chooser("Set", [*judged.sets, REAL]),
        *(sections.article(name, *sections.likeness(judged.portraits[name])) for name in judged.sets),
        sections.article(REAL, floor, *sections.likeness(judged.portraits[FLOOR])),
    )


def _metrics(judged: Judged, sides: Sides) -> Markup:
    columns = [*judged.sets, FLOOR, *judged.generators]
    parts = [el("p", _plain(markdown.REFERENCES.format(train=markdown.learnt_from(sides))))]
    for family in FAMILIES:
        names = [name for name, metric in METRICS.items() if metric.family == family]
        if any(name in scores.metrics for name in names for scores in [*judged.sets.values(), judged.floor]):
            parts += [el("h3", family.capitalize()), _numbers(judged, names, columns)]
    return joined(*parts)


def _rest(judged: Judged, sides: Sides) -> Markup:
    reasons = markdown.unjudged(judged) or ["Everything was judged."]
    return joined(
        el("ul", *(el("li", reason) for reason in reasons)),
        el("h3", "What was read"),
        el("ul", *(el("li", _plain(line)) for line in sides.described)),
    )


def _numbers(judged: Judged, metrics: Sequence[str], columns: Sequence[str]) -> Markup:
    """A row a metric, a column a set or reference."""
    head = el("tr", el("th"), *(el("th", REAL if name == FLOOR else name, scope="col") for name in columns))
    rows = [
        el(
            "tr",
            el("th", markdown.titled(name), scope="row"),
            *(el("td", markdown.value(judged, owner, name), class_="number") for owner in columns),
        )
        for name in metrics
    ]
    return el("div", el("table", el("thead", head), el("tbody", *rows)), class_="wide")


def _plain(text: str) -> str:
    """Markdown without its stars, on one line."""
    return " ".join(text.replace("*", "").split())
