"""The whole of reports/report.html: one file that needs nothing else. It draws what other stages have found."""

from collections.abc import Mapping
from pathlib import Path

from ehrgen.findings.page import sections
from ehrgen.findings.page.html import Markup, el
from ehrgen.findings.page.inputs import Sources

FOLDER = Path(__file__).parent
POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'"  # nothing may be fetched
PARTS = {
    "answer": ("The answer", sections.answer),
    "losses": ("What became of each loss", sections.losses),
    "quality": ("How real the patients are", sections.quality),
    "variant": ("One variant", sections.variants),
    "claims": ("Claims", sections.claims),
    "run": ("The run", sections.run),
}


def page(sources: Sources) -> str:
    """The report as HTML."""
    drawn = {name: (title, draw(sources)) for name, (title, draw) in PARTS.items()}
    return document("ehrgen: ablation report", sections.header(sources), drawn)


def document(name: str, header: Markup, parts: Mapping[str, tuple[str, Markup]]) -> str:
    """A page of these parts, id -> title and content; page.css and page.js beside this module are written into it."""
    style, script = (Markup((FOLDER / f"page.{kind}").read_text(encoding="utf-8")) for kind in ("css", "js"))
    head = el(
        "head",
        el("meta", charset="utf-8"),
        el("meta", http_equiv="Content-Security-Policy", content=POLICY),
        el("meta", name="viewport", content="width=device-width, initial-scale=1"),
        el("title", name),
        el("style", style),
    )
    body = el(
        "body",
        el("a", "Skip to the results", href=f"#{next(iter(parts))}", class_="skip"),
        header,
        el("nav", *(el("a", title, href=f"#{part}") for part, (title, _) in parts.items()), aria_label="Sections"),
        el("main", *(el("section", el("h2", title), content, id=part) for part, (title, content) in parts.items())),
        el("div", "", id="tip", role="tooltip", hidden=True),
        el("script", script),
    )
    return f"<!doctype html>\n{el('html', head, body, lang='en')}\n"
