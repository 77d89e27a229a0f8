"""The comment, on made-up results of two revisions."""

import re
from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest

from ehrgen.findings.review.changes import FILES, Revision
from ehrgen.findings.review.comment import LONGEST, MARK, UP_TO_DATE, comment, fitting, plain


def estimates(**means: float) -> dict[str, dict[str, float]]:
    return {name: {"mean": mean, "half_width": 0.03, "seeds": 3} for name, mean in means.items()}


BASE = Revision(
    "main (abc)",
    params={
        "ablation": {"reference": "multitask", "headline": "multitask", "seeds": [0, 1, 2]},
        "evaluate": {"patients": 3000},
    },
    resolved={
        "effective": {
            "multitask": {"loss": {"sex": 0.005, "cooccur": 0.05}},
            "no_sex": {"loss": {"sex": 0.0, "cooccur": 0.05}},
        }
    },
    headline={"coverage": 0.9, "unigram_r2": 0.96, "codes_per_visit": 7.0},
    ablation={
        "reference": "multitask",
        "patients": [3000],
        "variants": {
            "multitask": estimates(coverage=0.9, unigram_r2=0.96, codes_per_visit=7.0, unigram_js=0.1),
            "no_sex": estimates(coverage=0.88, unigram_r2=0.95),
        },
        "difference_from_reference": {
            "no_sex": {
                name: estimate | {"outcome": "undecided", "family": "primary"}
                for name, estimate in estimates(coverage=-0.02, unigram_r2=-0.01).items()
            }
        },
    },
    findings={
        "objectives": {"multitask": {"sex": {"verdict": "healthy", "evidence": "1 % of the gradient"}}},
        "claims": [{"quote": "mode collapse", "measure": "coverage: a - b", "margin": "is 0", "verdict": "refuted"}],
        "expectations": [],
    },
)


def changed(**paths: Any) -> Revision:
    """BASE with values set at `file__key__key`."""
    now = replace(BASE, name="def", **{name: deepcopy(getattr(BASE, name)) for name in FILES})
    for path, value in paths.items():
        file, *keys, last = path.split("__")
        place = getattr(now, file)
        for key in keys:
            place = place[int(key) if key.isdecimal() else key]
        place[last] = value
    return now


def sections(text: str) -> dict[str, str]:
    return dict(part.split("\n\n", 1) for part in text.split("\n### ")[1:])


def row(text: str, *begins: str) -> list[str]:
    """The cells of the only row of a table that begins with these."""
    rows = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in text.splitlines() if line[:1] == "|"]
    [by_section] = [cells for cells in rows if tuple(cells[: len(begins)]) == begins]
    return by_section[len(begins) :]


def test_nothing_changed():
    text = comment(BASE, changed(), [])
    assert text.startswith(MARK) and UP_TO_DATE in text
    assert "**Nothing changed**" in text
    assert "|" not in text


def test_a_weight_a_metric_and_noise():
    now = changed(
        resolved__effective__multitask__loss__cooccur=0.5,
        resolved__effective__no_sex__loss__cooccur=0.5,
        headline__coverage=0.8,
        headline__unigram_r2=0.97,
        ablation__variants__multitask__coverage__mean=0.8,
        ablation__variants__multitask__unigram_r2__mean=0.97,
        ablation__variants__multitask__unigram_js__mean=0.9,  # not among the metrics shown
        ablation__difference_from_reference__no_sex__coverage__mean=0.08,
    )
    by_section = sections(comment(BASE, now, []))
    assert set(by_section) == {"Parameters", "Headline metrics", "Ablation"}
    assert row(by_section["Parameters"], "loss.cooccur") == ["0.05", "0.5", "all"]
    assert row(by_section["Headline metrics"], "coverage =") == ["0.9", "0.8", "-0.100 ± 0.042", "exceeds", "worse"]
    assert row(by_section["Headline metrics"], "unigram_r2 ↑") == ["0.96", "0.97", "+0.010 ± 0.042", "within", "better"]
    assert "codes_per_visit" not in by_section["Headline metrics"]
    means, differences = by_section["Ablation"].split("**Differences")
    assert re.findall(r"\b\d+\b", means)[:2] == ["2", "1"], "changed, and beyond their interval"
    assert row(means, "multitask", "coverage =") == ["0.900 ± 0.030", "0.800 ± 0.030", "-0.100 ± 0.042", "worse"]
    assert row(differences, "no_sex", "coverage =")[:3] == ["-0.020 ± 0.030", "0.080 ± 0.030", "+0.100 ± 0.042"]
    assert "unigram_js" not in by_section["Ablation"]
    assert "Verdicts on objectives, Claims" in by_section["Ablation"]


def test_a_change_that_reaches_some_variants_names_them():
    by_section = sections(comment(BASE, changed(resolved__effective__multitask__loss__sex=1.0), []))
    assert row(by_section["Parameters"], "loss.sex") == ["0.005", "1.0", "multitask"]


def test_what_is_common_to_all_is_a_parameter_too():
    by_section = sections(comment(BASE, changed(params__evaluate__patients=500, ablation__patients=[500]), []))
    assert row(by_section["Parameters"], "evaluate.patients") == ["3000", "500", "all"]
    assert re.search(r"3000.* before, .*500.* now", by_section["Ablation"])


def test_variants_that_came_and_went():
    now = changed(resolved__effective__heavy_age={"loss": {"sex": 0.1}})
    del now.resolved["effective"]["no_sex"]
    by_section = sections(comment(BASE, now, []))["Parameters"]
    assert "loss.sex 0.005 → 0.1" in by_section and "- gone: no_sex" in by_section


def test_of_a_list_is_told_what_went_and_what_came():
    before, now = changed(params__ablation__run=["a", "b"]), changed(params__ablation__run=["b", "c", "d"])
    by_section = sections(comment(before, now, []))["Parameters"]
    assert row(by_section, "ablation.run") == ["− a", "+ c, d", "all"]


def test_another_reference_is_not_compared_with():
    now = changed(ablation__reference="no_sex", ablation__difference_from_reference__no_sex__coverage__mean=9.0)
    by_section = sections(comment(BASE, now, []))["Ablation"]
    assert "multitask before and no_sex now" in by_section
    assert "9.0" not in by_section


def test_one_seed_is_not_judged():
    now = changed(headline__coverage=0.1, ablation__variants__multitask__coverage={"mean": 0.1, "seeds": 1})
    by_section = sections(comment(BASE, now, []))
    assert row(by_section["Headline metrics"], "coverage =") == ["0.9", "0.1", "-0.8", "–", "worse"]
    assert "1 have no interval" in by_section["Ablation"]


def test_verdicts_and_claims_that_turned():
    now = changed(
        findings__objectives__multitask__sex={"verdict": "leaky", "evidence": "3.1 with another prompt"},
        findings__claims__0__verdict="supported",
    )
    by_section = sections(comment(BASE, now, []))
    assert row(by_section["Verdicts on objectives"], "multitask: sex") == [
        "healthy",
        "leaky",
        "3.1 with another prompt",
    ]
    assert row(by_section["Claims"], "mode collapse (coverage: a - b)")[:2] == ["refuted", "supported"]


def test_stale_results_come_first():
    text = comment(BASE, changed(), ["compare", "train@multitask-0", "train@multitask-1"])
    head = text.split("\n\n")[2]
    assert head.startswith("**Results are stale**") and "3 stages" in head
    assert "compare (1), train (2)" in head
    assert "up to date" not in text


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("side", [0, 1, 2])
def test_a_file_that_is_missing_is_named_and_its_side(name: str, side: int):
    sides = [BASE, changed()]
    lacking = [one for number, one in enumerate(sides) if side in (number, 2)]
    sides = [replace(one, **{name: None}) if one in lacking else one for one in sides]
    text = comment(*sides, [])
    named = " and in ".join(one.name for one in lacking)
    assert f"{FILES[name]} is missing in {named}: not compared." in text
    assert "Nothing changed**" not in text


def test_a_metric_that_came_or_went_has_no_change():
    now = changed(headline__pair_r2=0.5)
    assert row(sections(comment(BASE, now, []))["Headline metrics"], "pair_r2 ↑") == ["–", "0.5", "–", "–", ""]


def test_a_long_table_is_cut_and_counted():
    now = changed(resolved__effective__multitask__loss={f"w{number}": number for number in range(100)})
    by_section = sections(comment(BASE, now, []))["Parameters"]
    assert len([line for line in by_section.splitlines() if line[:1] == "|"]) == LONGEST + 2
    assert f"... and {102 - LONGEST} more." in by_section


def test_a_comment_is_cut_to_what_github_takes():
    long = "w" * 400
    turned = {f"{long}{n}"[-300:]: {"verdict": long, "evidence": long} for n in range(99)}
    said = [{"quote": f"{n}{long}", "measure": long, "margin": long, "verdict": long, "mean": 1} for n in range(99)]
    more = {f"{n}{long}": long for n in range(99)}
    now = changed(findings__objectives__multitask=turned, findings__claims=said, params__evaluate=more)
    whole = comment(BASE, now, [])
    assert len(whole) > 60_000
    cut = fitting(whole)
    assert len(cut.encode()) < 65_536 and "... cut here" in cut
    assert cut.splitlines()[-3].endswith("|"), "after a whole row"
    assert whole.startswith(cut.partition("\n\n... cut")[0])
    short = comment(BASE, changed(), [])
    assert fitting(short) == short


HOSTILE = "x | <img src=http://a.b/c> @someone [l](http://d.e) `c` **b** \n\n## h #12 www.f.g"


def test_text_of_others_stays_text():
    safe = plain(HOSTILE)
    assert "\n" not in safe and "<" not in safe
    for live in ("@someone", "http://", "#12", "www.f", " | ", "[l]", "**b"):
        assert live not in safe.replace("\\|", "")
    now = changed(
        findings__objectives__multitask__sex={"verdict": HOSTILE, "evidence": HOSTILE},
        findings__claims__0__verdict=HOSTILE,
        findings__claims__0__reason=HOSTILE,
        **{f"resolved__effective__{HOSTILE.replace('__', '')}": {}},
        params__evaluate__patients=HOSTILE,
        ablation__reference=HOSTILE,
        ablation__patients=HOSTILE,
        headline__coverage=1.0,
    )
    now.headline[HOSTILE] = 1.0
    text = comment(BASE, now, [HOSTILE])
    for live in ("<img", "@someone", "http://", "#12", "www.f", "[l]", "**b"):
        assert live not in text, live
