"""Verdicts and claims on the page: the matrix of verdicts, a card for each, and the table of claims."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ehrgen.findings.page.html import Markup, el
from ehrgen.findings.statistics.intervals import Estimate
from ehrgen.findings.text.tables import NOTHING, cell, percent
from ehrgen.findings.verdicts.claims import REFUTED, SUPPORTED, UNDECIDED
from ehrgen.findings.verdicts.losses import HEALTHY, NEGLIGIBLE, RULES, UNCLEAR, shared_by

Verdicts = Mapping[str, Mapping[str, Mapping[str, Any]]]  # variant -> objective -> what findings.json says
SIGNS = {SUPPORTED: "✓", REFUTED: "✕", UNDECIDED: "?", HEALTHY: "✓", UNCLEAR: "?"} | dict.fromkeys(RULES, "!")
MEANINGS = {
    "constant": "no path to the shared parameters",
    "leaky": "reads what it must not",
    "solved": "nothing left to learn",
    "negligible": f"less than {percent(NEGLIGIBLE)} of the gradient",
    "conflicting": "pulls against lm",
    "unlearned": "ended at chance",
    HEALTHY: "none of these",
    UNCLEAR: "no fault found, not all could be checked",
}


def pill(verdict: str, title: str | None = None, votes: str = "") -> Markup:
    """A verdict as a word with a sign; its colour repeats what the sign says."""
    return el("span", f"{SIGNS.get(verdict, '')} {verdict}{votes}".strip(), class_=f"pill {verdict}", title=title)


def matrix(verdicts: Verdicts, variants: Sequence[str], objectives: Sequence[str]) -> Markup:
    """Variants x objectives; empty where the variant trains without that objective."""
    head = el("tr", el("th", "variant", scope="col"), *(el("th", name, scope="col") for name in objectives))
    rows = []
    for variant in variants:
        found = verdicts.get(variant, {})
        cells = [
            el(
                "td",
                pill(one["verdict"], one["evidence"], shared_by(one["verdict"], one["seeds"]))
                if (one := found.get(name))
                else NOTHING,
            )
            for name in objectives
        ]
        link = el("a", variant, href=f"#variant-{variant}")
        rows.append(el("tr", el("th", link, scope="row"), *cells))
    words = [el("li", pill(name), " ", meaning) for name, meaning in MEANINGS.items() if name in _used(verdicts)]
    return el(
        "div", el("table", el("thead", head), el("tbody", *rows), class_="matrix"), el("ul", *words, class_="words")
    )


def faults(verdicts: Verdicts, reference: str) -> list[Markup]:
    """One sentence for each objective and fault that most seeds have, the gravest first: the variants, the evidence.

    The evidence is that of the reference if it is among them, else of the first. Where seeds are split, that is said.
    """
    found: dict[tuple[str, str], list[str]] = {}
    first: dict[tuple[str, str], str] = {}
    split: list[str] = []
    for variant in sorted(verdicts, key=lambda name: name != reference):
        for objective, one in verdicts[variant].items():
            if 2 * one["seeds"][one["verdict"]] <= sum(one["seeds"].values()):
                votes = ", ".join(f"{name} {count}" for name, count in one["seeds"].items())
                split.append(f"{objective} in {variant} ({votes})")
            elif one["verdict"] in RULES:
                found.setdefault((objective, one["verdict"]), []).append(
                    f"{variant}{shared_by(one['verdict'], one['seeds'])}"
                )
                first.setdefault((objective, one["verdict"]), variant)
    sentences = [
        el(
            "li", el("strong", objective), " is ", pill(verdict), f" in {', '.join(variants)}: ",
            f"{verdicts[variant][objective]['evidence']}{f' ({variant})' if len(variants) > 1 else ''}.",
        )
        for (objective, verdict), variants in sorted(found.items(), key=lambda one: list(RULES).index(one[0][1]))
        for variant in [first[objective, verdict]]
    ]  # fmt: skip
    return sentences + ([el("li", f"Seeds are split over {'; '.join(split)}.")] if split else [])


def cards(verdicts: Mapping[str, Mapping[str, Any]], objectives: Sequence[str]) -> Markup:
    """Verdict, evidence and votes of each objective of one variant, in this order."""
    return el("div", *(_card(name, verdicts[name]) for name in objectives if name in verdicts), class_="cards")


def _card(objective: str, found: Mapping[str, Any]) -> Markup:
    votes = ", ".join(f"{name} {count}" for name, count in found["seeds"].items())
    unchecked = (
        el("p", f"Not checked: {', '.join(found['not_checked'])}", class_="note") if found["not_checked"] else None
    )
    evidence = [el("li", part) for part in found["evidence"].split(", ")]
    return el(
        "article", el("h4", objective, " ", pill(found["verdict"])), el("ul", *evidence), unchecked,
        el("p", f"seeds: {votes}", class_="note"), class_=f"card {found['verdict']}",
    )  # fmt: skip


def tally(claims: Iterable[Mapping[str, Any]]) -> Markup:
    """How many claims have which verdict, as one bar and in words."""
    counts = Counter(one["verdict"] for one in claims)
    parts = [name for name in (SUPPORTED, REFUTED, UNDECIDED) if counts[name]]
    bar = el(
        "div",
        *(el("span", class_=name, style=f"flex-grow:{counts[name]}") for name in parts),
        class_="tally",
        aria_hidden="true",
    )
    return el("div", bar, el("p", *(el("span", pill(name), f" {counts[name]}") for name in parts), class_="key"))


def table(claims: Sequence[Mapping[str, Any]]) -> Markup:
    """Every claim: what was said, what came out, and under which values it would hold."""
    words = {"": "number", "sentence": None, "verdict": None, "measured": "number", "holds if": "number"}
    words |= {"measured by": None}
    head = el("tr", *(el("th", word, scope="col", class_=kind) for word, kind in words.items()))
    rows = [_row(number, one) for number, one in enumerate(claims, start=1)]
    return el("table", el("thead", head), el("tbody", *rows), class_="claims")


def _row(number: int, one: Mapping[str, Any]) -> Markup:
    line = el("small", f" line {one['line']}") if one["line"] else None
    value = cell(Estimate(one["mean"], one.get("half_width"), one["seeds"])) if "mean" in one else NOTHING
    ends = [f"{word} {one[name]:.3g}" for name, word in (("supported_from", "≥"), ("supported_to", "≤")) if name in one]
    reason = el("small", one["reason"]) if one.get("reason") else None
    return el(
        "tr",
        el("td", str(number), class_="number"),
        el("th", one["quote"], line, scope="row"),
        el("td", pill(one["verdict"])),
        el("td", value, class_="number"),
        el("td", " and ".join(ends) or NOTHING, class_="number"),
        el("td", one["measure"], el("small", one["margin"]), reason),
    )


def _used(verdicts: Verdicts) -> set[str]:
    return {one["verdict"] for found in verdicts.values() for one in found.values()}
