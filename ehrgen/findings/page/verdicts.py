"""Verdicts and claims on the page: the matrix of verdicts, a card for each, and the table of claims."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ehrgen.findings.page.html import Markup, el
from ehrgen.findings.statistics.intervals import Estimate
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


def faults(verdicts: VerdictsJson, reference: str) -> list[Markup]:
    """One sentence for each objective and fault that most seeds have, the gravest first: the variants, the evidence.

    The evidence is that of the reference if it is among them, else of the first. Where seeds are split, that is said.
    """
    variants_with: dict[tuple[str, str], list[str]] = {}  # (objective, fault) -> variants
    first: dict[tuple[str, str], str] = {}
    split: list[str] = []
    for variant in sorted(verdicts, key=lambda name: name != reference):
        for objective, judged in verdicts[variant].items():
            verdict, seeds = judged["verdict"], judged["seeds"]
            if 2 * seeds[verdict] <= sum(seeds.values()):
                votes = ", ".join(f"{name} {count}" for name, count in seeds.items())
                split.append(f"{objective} in {variant} ({votes})")
            elif verdict in RULES:
                variants_with.setdefault((objective, verdict), []).append(f"{variant}{shared_by(verdict, seeds)}")
                first.setdefault((objective, verdict), variant)
    gravest_first = sorted(variants_with.items(), key=lambda item: list(RULES).index(item[0][1]))
    sentences = [
        el(
            "li", el("strong", objective), " is ", pill(verdict), f" in {', '.join(variants)}: ",
            f"{verdicts[variant][objective]['evidence']}{f' ({variant})' if len(variants) > 1 else ''}.",
        )
        for (objective, verdict), variants in gravest_first
        for variant in [first[objective, verdict]]
    ]  # fmt: skip
    return sentences + ([el("li", f"Seeds are split over {'; '.join(split)}.")] if split else [])


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
    """How many claims have which verdict, as one bar and in words."""
    counts = Counter(claim["verdict"] for claim in claims)
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
    rows = [_row(number, claim) for number, claim in enumerate(claims, start=1)]
    return el("table", el("thead", head), el("tbody", *rows), class_="claims")


def _row(number: int, claim: Mapping[str, Any]) -> Markup:
    line = el("small", f" line {claim['line']}") if claim["line"] else None
    value = cell(Estimate(claim["mean"], claim.get("half_width"), claim["seeds"])) if "mean" in claim else NOTHING
    bounds = (("supported_from", "≥"), ("supported_to", "≤"))
    ends = [f"{word} {claim[name]:.3g}" for name, word in bounds if name in claim]
    reason = el("small", claim["reason"]) if claim.get("reason") else None
    undecided = claim["verdict"] == UNDECIDED and "half_width" in claim
    seeds = el("small", about(claim.get("seeds_to_decide"))) if undecided else None
    return el(
        "tr",
        el("td", str(number), class_="number"),
        el("th", claim["quote"], line, scope="row"),
        el("td", pill(claim["verdict"]), seeds),
        el("td", value, class_="number"),
        el("td", " and ".join(ends) or NOTHING, class_="number"),
        el("td", claim["measure"], el("small", claim["margin"]), reason),
    )


def _used(verdicts: VerdictsJson) -> set[str]:
    return {judged["verdict"] for of_variant in verdicts.values() for judged in of_variant.values()}
