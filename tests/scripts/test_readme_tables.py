"""The tables of README.md and docs are those of the committed reports."""

import json
import re
from pathlib import Path

import pytest

from scripts.readme_tables import ROOT, filled, pages

CONTENT = {
    "reference": "base",
    "variants": {
        "bare": {},
        "base": {"pair_r2": {"mean": 0.7, "half_width": 0.02, "seeds": 3}, "coverage": {"mean": 0.9, "seeds": 1}},
    },
    "anchors": {"memoriser": {"pair_r2": 0.79}, "floor": {"pair_r2": 0.8, "sex_violations": 0.0, "coverage": 1.0}},
    "resolution": {"coverage": 0.04},
    "vacuous": {"bare": ["sex_violations"]},
}


def test_tables_by_hand(tmp_path: Path):
    (tmp_path / "run.json").write_text(json.dumps(CONTENT))
    text = "before\n<!-- table: run.json -->\nold\n<!-- end -->\nafter\n"
    assert filled(text, tmp_path, tmp_path).splitlines() == [
        "before",
        "<!-- table: run.json -->",
        "|             |       pair_r2 | coverage | sex_violations |",
        "|:------------|--------------:|---------:|---------------:|",
        "| base        | 0.700 ± 0.020 |      0.9 |              – |",
        "| bare        |             – |        – |        vacuous |",
        "| *floor*     |           0.8 | 1 (0.04) |              0 |",
        "| *memoriser* |          0.79 |        – |              – |",
        "<!-- end -->",
        "after",
    ]


def test_a_summary_is_that_of_the_report(tmp_path: Path):
    (tmp_path / "run.json").write_text(json.dumps(CONTENT | {"summary": [{"head": "In short", "text": "Nothing."}]}))
    text = "<!-- summary: run.json -->\nold\n<!-- end -->\n<!-- table: run.json -->\n<!-- end -->\n"
    lines = filled(text, tmp_path, tmp_path).splitlines()
    assert lines[:3] == ["<!-- summary: run.json -->", "- **In short.** Nothing.", "<!-- end -->"]
    assert len(lines) > 9, "the table is written as well"


def test_how_losses_weigh_and_pull_by_hand(tmp_path: Path):
    row = {"weight": 1.0, "grad_norm": 0.25, "grad_share": 0.9, "share": 0.99}
    dead = {"weight": 1.0, "grad_norm": 0.0, "grad_share": 0.0, "share": 0.3}
    objectives = {"a": {"lm": row, "cooccur": dead}, "b": {"lm": row | {"grad_norm": 0.5}}}
    (tmp_path / "run.json").write_text(json.dumps({"objectives": objectives}))
    assert filled("<!-- losses: run.json -->\n<!-- end -->\n", tmp_path, tmp_path).splitlines()[1:-1] == [
        "| loss with a gradient | norm of the gradient | share of the gradient | share of the value |",
        "|:---------------------|---------------------:|----------------------:|-------------------:|",
        "| lm                   |          0.25 to 0.5 |                   0.9 |               0.99 |",
    ]


def test_claims_by_hand(tmp_path: Path):
    for name, verdicts in {"reports": ["supported"] * 3, "studies/one": ["refuted", "supported", "undecided"]}.items():
        (tmp_path / name).mkdir(parents=True)
        claims = [{"verdict": verdict, "mean": 1.0} for verdict in verdicts] + [{"verdict": "undecided"}]
        (tmp_path / name / "findings.json").write_text(json.dumps({"claims": claims}))
    text = "<!-- table: reports/findings.json studies/one/findings.json -->\n<!-- end -->\n"
    assert filled(text, tmp_path, tmp_path).splitlines()[1:-1] == [
        "| claims                         | supported | refuted | undecided | not tested |",
        "|:-------------------------------|----------:|--------:|----------:|-----------:|",
        "| [reports](reports/findings.md) |         3 |       0 |         0 |          1 |",
        "| [one](studies/one/findings.md) |         1 |       1 |         1 |          1 |",
    ]


def test_rows_may_be_chosen_and_links_lead_from_the_page(tmp_path: Path):
    (tmp_path / "run.json").write_text(json.dumps(CONTENT))
    text = "<!-- table: run.json only: memoriser base -->\n<!-- end -->\n"
    assert [line.split()[1] for line in filled(text, tmp_path, tmp_path).splitlines()[3:-1]] == ["*memoriser*", "base"]
    (tmp_path / "findings.json").write_text(json.dumps({"claims": []}))
    text = "<!-- table: findings.json -->\n<!-- end -->\n"
    assert "](../findings.md)" in filled(text, tmp_path, tmp_path / "docs")


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
def test_pages_show_the_committed_reports(page: Path):
    text = page.read_text(encoding="utf-8")
    assert filled(text, ROOT, page.parent) == text, "run: python -m scripts.readme_tables"


def test_the_readme_and_the_results_have_tables():
    for page in ("README.md", "docs/results.md"):
        assert "<!-- table: reports/ablation.json" in (ROOT / page).read_text(encoding="utf-8")


def test_the_answer_and_the_targets_are_those_of_the_committed_run():
    """What is typed by hand: the difference in the README, and the table of the base against its targets."""
    content = json.loads((ROOT / "reports/ablation.json").read_text(encoding="utf-8"))
    cost = content["difference_from_reference"]["no_cooccur"]["effective_codes"]
    said = f"{cost['mean']:.3f} ± {cost['half_width']:.3f}"
    assert said in (ROOT / "README.md").read_text(encoding="utf-8")
    rows = re.findall(
        r"^\| (\w+) \| \**([\d.]+)\** \|", (ROOT / "docs/results.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert len(rows) >= 13
    for name, value in rows:
        assert float(value) == pytest.approx(content["variants"]["multitask"][name]["mean"], abs=0.00051), name


WORDS = {
    "repeated share": "repeated_share",
    "persistence": "persistence",
    "c2st": "c2st_auc",
    "nats": "nll_per_code",
    "nats of a code": "nll_per_code",
    "coverage": "coverage",
    "pair R2": "pair_r2",
    "sex violations": "sex_violations",
    "age violations": "age_violations",
    "likelihood membership": "likelihood_membership_auc",
}
WITHOUT = {
    "history_output": "without_history",
    "logit_adjustment": "without_logit_adjustment",
    "demographic_output": "without_demographics",
    "priors": "without_priors",
    "held_output": "without_held",
    "table_rate": "without_table_rate",
    "`visit_output`": "without_visit",
    "half of the epochs": "half_the_epochs",
    "length_output": "without_length",
    "visit_code_output": "without_visit_codes",
}


def test_what_each_mechanism_is_worth_is_that_of_the_committed_study():
    found = json.loads((ROOT / "studies/mechanisms/ablation.json").read_text(encoding="utf-8"))
    text = (ROOT / "studies/mechanisms/ABOUT.md").read_text(encoding="utf-8")
    checked = 0
    for line in filter(lambda line: "±" in line and line.startswith("|"), text.splitlines()):
        (variant,) = {variant for word, variant in WITHOUT.items() if word in line}
        for word, mean, half in re.findall(r"([A-Za-z][\w ]+?) ([+-][\d.]+) ± ([\d.]+)", line):
            estimate = found["difference_from_reference"][variant][WORDS[word]]
            decimals = len(mean.partition(".")[2])
            assert (mean, half) == (f"{estimate['mean']:+.{decimals}f}", f"{estimate['half_width']:.{decimals}f}"), line
            checked += 1
    assert checked == 20


def test_the_targets_of_the_discharges_are_beside_the_committed_study():
    found = json.loads((ROOT / "studies/nhds/ablation.json").read_text(encoding="utf-8"))
    text = (ROOT / "docs/results.md").read_text(encoding="utf-8")
    rows = {
        "single codes: unigram R2": "unigram_r2",
        "pairs: pair R2": "pair_r2",
        "different codes: coverage": "coverage",
        "a classifier: c2st AUC": "c2st_auc",
    }
    for words, metric in rows.items():
        (cells,) = re.findall(rf"^\| {words} \|(.*)\|$", text, re.MULTILINE)
        ours, _, *others = (cell.strip() for cell in cells.split("|"))
        assert ours == f"{found['variants']['wide_lm_only'][metric]['mean']:.4f}"
        anchors = ("latent_profiles", "independent_codes", "floor")
        assert others == [f"{found['anchors'][name][metric]:.3f}" for name in anchors]
    for metric in ("effective_codes", "coverage"):
        cost = found["difference_from_reference"]["no_cooccur"][metric]
        assert f"{cost['mean']:.3f} ± {cost['half_width']:.3f}" in text
