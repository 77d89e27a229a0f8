"""What `dvc plots` is filled with: the template of a plot, and the page that draws it without a network."""

import json
from pathlib import Path

import pytest
import yaml

from ehrgen.findings.page.plots_csv import COLUMNS
from tests.support.chromium import chromium, tab
from tests.support.sandbox import ROOT

TEMPLATE = (ROOT / ".dvc" / "plots" / "shares.json").read_text(encoding="utf-8")
PAGE = (ROOT / ".dvc" / "plots" / "page.html").read_text(encoding="utf-8")
ROWS = [
    {"variant": variant, "seed": "0", "objective": name, "epoch": epoch, "share": share, "grad_share": "0", "rev": rev}
    for variant in ("multitask", "<b>replica")
    for name, share in (("lm", "0.9"), ("cooccur", "0.1"))
    for epoch in ("1", "2")
    for rev in ("workspace", "main")
]


def filled(y: str) -> dict:
    """The template as DVC fills it."""
    anchors = {"TITLE": "Share of the loss", "X": "epoch", "Y": y, "X_LABEL": "epoch", "Y_LABEL": "share"}
    text = TEMPLATE.replace('"<DVC_METRIC_DATA>"', json.dumps(ROWS))
    for name, value in anchors.items():
        text = text.replace(f"<DVC_METRIC_{name}>", value)
    return json.loads(text)


def test_the_plots_of_dvc_yaml_read_columns_that_are_written():
    plots = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["plots"]
    for plot in plots:
        (entry,) = plot.values()
        assert entry["template"] == "shares" and entry["x"] in COLUMNS
        assert set(entry["y"]) == {"reports/shares.csv"} and set(entry["y"].values()) <= set(COLUMNS)


def test_no_anchor_is_left_and_the_fields_are_columns():
    spec = filled("share")
    assert "DVC_METRIC" not in json.dumps(spec)
    encoding = spec["spec"]["encoding"]
    fields = {one["field"] for one in encoding.values()} - {"across", "up", "rev"}
    assert fields | {spec["facet"]["field"]} <= set(COLUMNS)


def test_the_page_has_the_places_that_dvc_fills_and_no_others():
    assert "{plot_divs}" in PAGE and "{refresh_tag}" in PAGE
    assert "{scripts}" not in PAGE, "DVC would put there what it loads from the network"
    assert "src=" not in PAGE and "default-src 'none'" in PAGE


@pytest.mark.browser
def test_the_page_draws_every_variant_objective_and_revision(tmp_path: Path):
    script = f"<div id='plot'></div><script>vegaEmbed('#plot', {json.dumps(filled('share'))});</script>"
    (tmp_path / "index.html").write_text(PAGE.replace("{plot_divs}", script).replace("{refresh_tag}", ""))
    with chromium() as browser, tab(browser) as opened:
        opened.open(tmp_path / "index.html")
        assert opened.complaints == [] and opened.requests == [(tmp_path / "index.html").as_uri()]
        assert opened.js("[...document.querySelectorAll('svg .title')].map(one => one.textContent)") == [
            "multitask",
            "<b>replica",
        ]
        assert opened.js("document.querySelectorAll('.panels .line').length") == 8
        assert opened.js("document.querySelectorAll('.panels .line[stroke-dasharray=\"6 4\"]').length") == 4
        assert opened.js("document.querySelector('.key').textContent") == "lmcooccurworkspacemain"
