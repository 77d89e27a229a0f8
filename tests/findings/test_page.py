"""The page as a program reads it, and as Chromium draws it where there is one."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from ehrgen.findings.page.page import PARTS, page
from tests.support.chromium import chromium, tab
from tests.support.html import Reading
from tests.support.page_inputs import sources

HOSTILE = "\"'><x-evil onload=alert(1)></script></style></svg>&amp;"


@pytest.fixture(scope="module")
def html() -> str:
    return page(sources("multitask", "replica", "lm_only"))


def test_every_variant_verdict_and_claim_is_there(html: str):
    read, shown = Reading(html), sources("multitask", "replica", "lm_only")
    assert read.balanced
    for name in shown.variants:
        assert read.all("article", id=f"variant-{name}")
    for claim in (*shown.findings["claims"], *shown.findings["expectations"]):
        assert claim["quote"] in read.text
    for of_variant in shown.findings["objectives"].values():
        for one in of_variant.values():
            assert read.classed(one["verdict"]) and one["evidence"].split(", ")[0] in read.text
    for word in ("0123abcd", "x86_64", "2.13.0"):
        assert word in read.text
    assert [one["href"] for one in read.all("a") if one["href"].strip("#") in PARTS][1:] == [f"#{n}" for n in PARTS]


def test_ids_are_unique_and_every_link_has_its_place(html: str):
    read = Reading(html)
    ids = [own["id"] for _, own in read.tags if "id" in own]
    assert len(ids) == len(set(ids))
    assert {one["href"].removeprefix("#") for one in read.all("a")} <= set(ids)


def test_nothing_is_asked_of_the_network(html: str):
    read = Reading(html)
    assert not [own for _, own in read.tags if "src" in own]
    assert all(own["href"].startswith("#") for _, own in read.tags if "href" in own)
    assert "default-src 'none'" in read.all("meta", **{"http-equiv": "Content-Security-Policy"})[0]["content"]
    assert "url(" not in html and "@import" not in html and "fetch(" not in html


def poisoned(content: Any) -> Any:
    """The same structure, with something hostile after every text in it."""
    if isinstance(content, dict):
        return {key: poisoned(value) for key, value in content.items()}
    if isinstance(content, list):
        return [poisoned(one) for one in content]
    return content + HOSTILE if isinstance(content, str) else content


def test_hostile_text_stays_text():
    clean = sources()
    parts = {name: poisoned(getattr(clean, name)) for name in ("quality", "manifests", "portraits", "floor", "changes")}
    parts["ablation"] = dict(clean.ablation) | {"remarks": [HOSTILE], "reference": HOSTILE}
    quoted = [one | {"quote": HOSTILE, "measure": HOSTILE, "reason": HOSTILE} for one in clean.findings["claims"]]
    verdicts = {
        variant: {name: one | {"evidence": HOSTILE, "not_checked": [HOSTILE]} for name, one in of_variant.items()}
        for variant, of_variant in clean.findings["objectives"].items()
    }
    parts["findings"] = dict(clean.findings) | {"claims": quoted, "objectives": verdicts}
    parts["traces"] = {
        variant: {
            seed: {name + HOSTILE: trace for name, trace in training.items()} for seed, training in by_seed.items()
        }
        for variant, by_seed in clean.traces.items()
    }
    read, expected = Reading(page(replace(clean, **parts))), Reading(page(clean))
    assert read.balanced and HOSTILE in read.text
    assert {name for name, _ in read.tags} <= {name for name, _ in expected.tags}
    assert not [own for _, own in read.tags if any(key.startswith("on") for key in own)]
    assert len(read.all("script")) == 1


def test_a_page_of_one_variant_and_no_history():
    lone = sources("multitask")
    lone = replace(lone, traces={"multitask": {}}, portraits={}, manifests={})
    assert Reading(page(lone)).balanced


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory, html: str) -> Path:
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(html, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.mark.browser
def test_it_renders_quietly_and_alone(browser: Browser, path: Path, tmp_path: Path):
    with tab(browser) as opened:
        opened.open(path)
        drawn = (
            "[...document.querySelectorAll('.chosen svg, #losses svg')].map(one => one.getBoundingClientRect().width)"
        )
        assert min(opened.js(drawn)) > 0
        opened.page.screenshot(path=tmp_path / "page.png", full_page=True)
        assert (tmp_path / "page.png").stat().st_size > 50_000
        assert opened.complaints == []
        assert opened.requests == [path.as_uri()]


@pytest.mark.browser
def test_one_variant_shows_and_the_arrow_keys_choose(browser: Browser, path: Path):
    shown = "[...document.querySelectorAll('.variant')].filter(one => one.offsetHeight).map(one => one.id).join()"
    with tab(browser) as opened:
        opened.open(path)
        assert opened.js(shown) == "variant-multitask"
        opened.page.focus(".chooser input")
        opened.page.keyboard.press("ArrowRight")
        assert opened.js(shown) == "variant-replica"
        opened.js("new Promise(done => { onhashchange = () => done(1); location.hash = 'variant-lm_only' })")
        assert opened.js(shown) == "variant-lm_only"


@pytest.mark.browser
def test_the_pointer_is_answered_and_a_chapter_lights_up(browser: Browser, path: Path):
    with tab(browser) as opened:
        opened.open(path)
        opened.page.hover(".chosen .chapters svg", position={"x": 168 + 8, "y": 26 + 8})
        tip = opened.page.text_content("#tip")
        assert "real: 2.00" in tip and "synthetic / real: 0.500" in tip and "circulatory" in tip
        opened.page.click('.chosen .legend button[data-chapter="1"]')
        assert opened.page.locator(".chosen .lit .code.on").count() == 1
        assert opened.complaints == []


@pytest.mark.browser
def test_without_scripts_every_variant_is_readable(browser: Browser, path: Path):
    with tab(browser, java_script_enabled=False) as opened:
        opened.open(path)
        heights = [one.bounding_box()["height"] for one in opened.page.locator(".variant").all()]
    assert len(heights) == 4 and min(heights) > 500


@pytest.mark.browser
def test_it_fits_a_phone_and_a_sheet_of_paper(browser: Browser, path: Path):
    with tab(browser, width=390, height=844) as opened:
        opened.open(path)
        assert opened.js("document.documentElement.scrollWidth") == 390
    wide = "[...document.querySelectorAll('.chosen svg')].filter(one => one.getBoundingClientRect().right > 794).length"
    with tab(browser, width=794, height=1123) as opened:
        opened.page.emulate_media(media="print")
        opened.open(path)
        assert opened.js(wide) == 0


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_in_light_and_dark(scheme: str, browser: Browser, path: Path):
    contrast = """(() => {
      const parts = (colour) => colour.match(/[\\d.]+/g).slice(0, 3).map((n) => {
        const c = n / 255; return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4; });
      const light = (colour) => { const [r, g, b] = parts(colour); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
      const ratio = (a, b) => (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
      const style = (found, name) => getComputedStyle(found)[name];
      const paper = light(style(document.body, 'backgroundColor')), found = {};
      for (const name of ['p.lead', 'figcaption', '.note', 'nav a', 'dt', 'th', 'td small'])
        found[name] = ratio(light(style(document.querySelector(name), 'color')), paper);
      for (const one of document.querySelectorAll('.pill'))
        found[one.className] = ratio(light(style(one, 'color')), light(style(one, 'backgroundColor')));
      return found; })()"""
    with tab(browser, color_scheme=scheme) as opened:
        opened.open(path)
        ratios = opened.js(contrast)
    assert len(ratios) > 9
    assert {name: ratio for name, ratio in ratios.items() if ratio < 4.5} == {}, "WCAG 2.1 AA asks for 4.5"


@pytest.mark.browser
def test_on_a_phone_nothing_of_the_comparison_is_cut(browser: Browser, path: Path):
    inside = (
        "[...document.querySelectorAll('#losses .panels svg, #losses .own text, #quality .panels svg, .stacked td')]"
        ".map(one => one.getBoundingClientRect()).every(box => box.left >= 0 && box.right <= innerWidth)"
    )
    with tab(browser) as opened:
        opened.page.set_viewport_size({"width": 390, "height": 844})
        opened.open(path)
        assert opened.js(inside)
        assert opened.js("document.documentElement.scrollWidth") == 390
        opened.page.set_viewport_size({"width": 1280, "height": 844})
        assert opened.js(
            "[...document.querySelectorAll('#quality .own text')].every(one => !one.getClientRects().length)"
        )
