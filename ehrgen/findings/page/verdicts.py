"""Verdicts and claims on the page: the matrix of verdicts, a card for each, and the table of claims."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ehrgen.findings.page.html import Markup, el
from ehrgen.findings.statistics.intervals import Estimate
from ehrgen.findings.text.findings_md import needed, tested
from ehrgen.findings.text.tables import NOTHING, about, cell
from ehrgen.findings.verdicts.claims import REFUTED, SUPPORTED, UNDECIDED
from ehrgen.findings.verdicts.losses import HEALTHY, MEANINGS, RULES, UNCLEAR, shared_by

VerdictJson = Mapping[str, Any]
VerdictsJson = Mapping[str, Mapping[str, VerdictJson]]  # variant -> objective -> what findings.json says
SIGNS = {SUPPORTED: "✓", REFUTED: "✕", UNDECIDED: "?", HEALTHY: "✓", UNCLEAR: "?"} | dict.fromkeys(RULES, "!")


def pill(verdict: str, title: str | None = None, votes: str = "") -> Markup:
    """A verdict as a word with a sign; its colour repeats what the sign says."""
    return el("span", f"{SIGNS.get(verdict, '')} {verdict}{votes}".strip(), class_=f"pill {verdict}", title=title)


def matrix(verdicts: VerdictsJson, variants: Sequence[str], objectives: Sequence[str]) -> Markup:
    """Variants x objectives; empty where the variant trains without that objective."""
    head = el("tr", el("th", "variant", scope="col"), *(el("th", name, scope="col") for name in objectives))
    rows = []
    for variant in variants:
        of_variant = verdicts.get(variant, {})
        cells = [el("td", _shared(of_variant[name]) if name in of_variant else NOTHING) for name in objectives]
        link = el("a", variant, href=f"#variant-{variant}")
        rows.append(el("tr", el("th", link, scope="row"), *cells))
    words = [el("li", pill(name), " ", meaning) for name, meaning in MEANINGS.items() if name in _used(verdicts)]
    return el(
        "div", el("table", el("thead", head), el("tbody", *rows), class_="matrix"), el("ul", *words, class_="words")
    )


def _shared(verdict: VerdictJson) -> Markup:
    return pill(verdict["verdict"], verdict["evidence"], shared_by(verdict["verdict"], verdict["seeds"]))


def cards(verdicts: Mapping[str, Mapping[str, Any]], objectives: Sequence[str]) -> Markup:
    """Verdict, evidence and votes of each objective of one variant, in this order."""
    return el("div", *(_card(name, verdicts[name]) for name in objectives if name in verdicts), class_="cards")


def _card(objective: str, judged: VerdictJson) -> Markup:
    votes = ", ".join(f"{name} {count}" for name, count in judged["seeds"].items())
    not_checked = ", ".join(judged["not_checked"])
    unchecked = el("p", f"Not checked: {not_checked}", class_="note") if not_checked else None
    evidence = [el("li", part) for part in judged["evidence"].split(", ")]
    return el(
        "article", el("h4", objective, " ", pill(judged["verdict"])), el("ul", *evidence), unchecked,
        el("p", f"seeds: {votes}", class_="note"), class_=f"card {judged['verdict']}",
    )  # fmt: skip


def tally(claims: Iterable[Mapping[str, Any]]) -> Markup:
    """How many claims that were tested have which verdict, as one bar and in words."""
    counts = Counter(claim["verdict"] for claim in claims if tested(claim))
    parts = [name for name in (SUPPORTED, REFUTED, UNDECIDED) if counts[name]]
    bar = el(
        "div",
        *(el("span", class_=name, style=f"flex-grow:{counts[name]}") for name in parts),
        class_="tally",
        aria_hidden="true",
    )
    return el("div", bar, el("p", *(el("span", pill(name), f" {counts[name]}") for name in parts), class_="key"))


def table(claims: Sequence[Mapping[str, Any]], untested: bool = False) -> Markup:
    """What was said, what came out, and under which values it would hold; of the claims tested, or of the others."""
    words = {"": "number", "sentence": None, "verdict": None, "measured": "number", "holds if": "number"}
    words |= {"measured by": None}
    head = el("tr", *(el("th", word, scope="col", class_=kind) for word, kind in words.items()))
    rows = [_row(number, claim) for number, claim in enumerate(claims, start=1) if tested(claim) is not untested]
    return el("table", el("thead", head), el("tbody", *rows), class_="claims")


def _row(number: int, claim: Mapping[str, Any]) -> Markup:
    line = el("small", f" line {claim['line']}") if claim["line"] else None
    value = cell(Estimate.read(claim)) if tested(claim) else NOTHING
    reason = el("small", claim["reason"]) if claim.get("reason") else None
    undecided = claim["verdict"] == UNDECIDED and "half_width" in claim
    seeds = el("small", about(claim.get("seeds_to_decide"))) if undecided else None
    return el(
        "tr",
        el("td", str(number), class_="number"),
        el("th", claim["quote"], line, scope="row"),
        el("td", pill(claim["verdict"]), seeds),
        el("td", value, class_="number"),
        el("td", needed(claim), class_="number"),
        el("td", claim["measure"], el("small", claim["margin"]), reason),
    )


def _used(verdicts: VerdictsJson) -> set[str]:
    return {judged["verdict"] for of_variant in verdicts.values() for judged in of_variant.values()}
