"""resolve: from params.yaml to one checked configuration a variant, on the project's own params.yaml."""

import re
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml
from dvc.utils.hydra import apply_overrides
from hypothesis import assume, given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from ehrgen.core.params import ParamsError, load_yaml
from ehrgen.variants import AblationSettings, check_ablation, check_sections, dropped, resolve, save
from pipeline import resolve as stage
from tests.support.sandbox import ROOT

PARAMS = load_yaml(ROOT / "params.yaml")
VARIED = {name: PARAMS[name] for name in stage.VARIED}
SEED_RESULTS = ("runs/{}.json", "history/{}.csv", "manifests/{}.json")


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run_with(content: dict[str, Any]) -> dict[str, Any]:
    """The effective configurations that the stage writes for this params.yaml."""
    YAML().dump(content, Path("params.yaml"))
    stage.main()
    return load_yaml(Path("resolved.yaml"))["effective"]


def changed(path: str, value: Any) -> dict[str, Any]:
    """The project's params.yaml with one value set at `a.b.c`."""
    content = deepcopy(PARAMS)
    *parents, key = path.split(".")
    place = content
    for parent in parents:
        place = place[parent]
    place[key] = value
    return content


def ablation(**values: Any) -> AblationSettings:
    return AblationSettings(**({"run": ["a", "b"], "seeds": [0], "reference": "a", "headline": "b"} | values))


def test_variants_are_the_base_with_their_overrides(workspace: Path):
    effective = run_with(PARAMS)
    assert list(effective) == sorted(PARAMS["ablation"]["run"])
    for name, sections in effective.items():
        overrides = PARAMS["variants"][name]
        assert sections == {part: VARIED[part] | overrides.get(part, {}) for part in sorted(VARIED)}


def test_by_hand(workspace: Path):
    content = changed("variants.x", {"loss": {"age": 0.5}, "sampling": {"greedy": True}})
    content["ablation"]["run"].append("x")
    effective = run_with(content)
    assert effective["x"]["loss"] == PARAMS["loss"] | {"age": 0.5}
    assert effective["x"]["sampling"]["greedy"] is True
    assert effective["x"]["model"] == effective["multitask"]["model"] == PARAMS["model"]


def test_a_variant_starts_from_the_one_it_extends(workspace: Path):
    content = changed("variants.old", {"loss": {"age": 0.5, "sex": 0.25}, "model": {"heads": 1}})
    content["variants"]["new"] = {"extends": "old", "loss": {"sex": 0}, "sampling": {"greedy": True}}
    content["variants"]["newest"] = {"extends": "new", "model": {"heads": 2}}
    content["ablation"]["run"] += ["newest", "new"]
    effective = run_with(content)
    assert effective["new"]["loss"] == PARAMS["loss"] | {"age": 0.5, "sex": 0}
    assert effective["new"]["model"] == PARAMS["model"] | {"heads": 1}
    assert effective["newest"] == effective["new"] | {"model": PARAMS["model"] | {"heads": 2}}
    assert effective["newest"]["sampling"]["greedy"] is True


@pytest.mark.parametrize(
    ("extends", "message"),
    [
        ({"a": "b"}, "params.yaml: variants.a.extends: unknown variant 'b'; known variants: a, age_matching"),
        ({"a": None}, "params.yaml: variants.a.extends: unknown variant None; known variants: a, age_matching"),
        ({"a": ["b"]}, "params.yaml: variants.a.extends: unknown variant ['b']; known variants: a, age_matching"),
        ({"a": "a"}, "params.yaml: variants: extends goes in a circle: a -> a; take one of them out"),
        ({"a": "b", "b": "c", "c": "b"}, "params.yaml: variants: extends goes in a circle: b -> c -> b; take"),
    ],
)
def test_an_unknown_parent_or_a_circle_is_one_line(extends: dict[str, Any], message: str):
    content = deepcopy(PARAMS)
    content["variants"] |= {name: {"extends": parent} for name, parent in extends.items()}
    with pytest.raises(ParamsError) as refused:
        resolve(content, stage.VARIED, "params.yaml")
    assert str(refused.value).startswith(message) and "\n" not in str(refused.value)


def test_a_bad_value_is_blamed_on_the_variant_that_states_it():
    content = changed("variants", {"child": {"extends": "parent"}, "parent": {"loss": {"lm": -1}}})
    with pytest.raises(ParamsError, match=r"^params\.yaml: variants\.parent\.loss\.lm: "):
        resolve(content, stage.VARIED, "params.yaml")


def test_a_change_by_dvc_is_one_line_of_difference(workspace: Path):
    """DVC rewrites the whole file, in its own indentation and with null left empty."""
    before = (ROOT / "params.yaml").read_text()
    Path("params.yaml").write_text(before)
    apply_overrides("params.yaml", ["loss.cooccur=0"])
    lines = zip(before.splitlines(), Path("params.yaml").read_text().splitlines(), strict=True)
    assert [(old, new) for old, new in lines if old != new and "null" not in old] == [
        ("  cooccur: 0.05", "  cooccur: 0")
    ]


def test_only_what_runs_is_written_but_all_is_checked(workspace: Path):
    content = changed("ablation.run", ["multitask", "lm_only"])
    assert list(run_with(content)) == ["lm_only", "multitask"]
    content["variants"]["replica"] = {"loss": {"aeg": 1}}
    with pytest.raises(ParamsError, match=r"variants\.replica\.loss: unknown key 'aeg'; known keys: age, age_form"):
        run_with(content)


def test_written_twice_is_the_same_file(workspace: Path):
    run_with(PARAMS)
    first = Path("resolved.yaml").read_bytes()
    run_with({name: PARAMS[name] for name in reversed(PARAMS)})
    assert Path("resolved.yaml").read_bytes() == first


@pytest.mark.parametrize("written", [0.00001, "1e-05", "0.00001"])
def test_small_numbers_stay_numbers_for_every_reader(workspace: Path, written: float | str):
    text, found = re.subn(r"(?m)^  cooccur: \S+", f"  cooccur: {written}", (ROOT / "params.yaml").read_text())
    assert found == 1
    Path("params.yaml").write_text(text)
    stage.main()
    assert load_yaml(Path("resolved.yaml"))["effective"]["multitask"]["loss"]["cooccur"] == 1e-5
    old_reader = yaml.safe_load(Path("resolved.yaml").read_text())
    assert old_reader["effective"]["multitask"]["loss"]["cooccur"] == 1e-5


def test_an_integer_and_its_float_are_one_configuration(workspace: Path):
    assert repr(run_with(changed("loss.cooccur", 0))) == repr(run_with(changed("loss.cooccur", 0.0)))


SECTIONS = [*stage.FIXED, *stage.VARIED, "ablation"]


@pytest.mark.parametrize("name", SECTIONS)
def test_a_typo_in_any_section_lists_the_known_keys(workspace: Path, name: str):
    known = ", ".join(sorted(PARAMS[name]))
    with pytest.raises(ParamsError) as refused:
        run_with(changed(f"{name}.typo", 1))
    assert str(refused.value) == f"params.yaml: {name}: unknown key 'typo'; known keys: {known}"
    assert not Path("resolved.yaml").exists()


@pytest.mark.parametrize("name", SECTIONS)
def test_a_missing_section_is_named(workspace: Path, name: str):
    with pytest.raises(ParamsError, match=f"section '{name}' is missing"):
        run_with({key: value for key, value in PARAMS.items() if key != name})


@pytest.mark.slow
@pytest.mark.parametrize("name", stage.VARIED)
@given(key=st.text(st.characters(codec="ascii", categories=["Ll"]), min_size=1))
def test_a_typo_in_any_variant_lists_the_known_keys(name: str, key: str):
    assume(key not in PARAMS[name])
    with pytest.raises(ParamsError) as refused:
        resolve(changed("variants.x", {name: {key: 1}}), stage.VARIED, "params.yaml")
    expected = f"params.yaml: variants.x.{name}: unknown key '{key}'; known keys: {', '.join(sorted(PARAMS[name]))}"
    assert str(refused.value) == expected


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("trian", {}, "unknown section 'trian'; known sections: ablation, cohort, evaluate, loss, model"),
        ("cohort.split.tset", 0.1, "cohort.split: unknown key 'tset'; known keys: heldout, heldout2, train"),
        (
            "variants.x",
            {"los": {}},
            "variants.x: unknown section 'los'; a variant may override loss, model, sampling",
        ),
        ("variants.x", {"cohort": {"patients": 5}}, "unknown section 'cohort'; a variant may override"),
        ("variants.x", None, "variants.x: expected a mapping of sections, found None; write {} for none"),
        ("variants.x", {"loss": 0}, "variants.x.loss: expected a mapping of settings, found 0"),
        ("variants", ["x"], "variants: expected a mapping of variants"),
        ("variants.x", {"loss": {"lm": "much"}}, "variants.x.loss.lm: "),
        ("variants.x", {"loss": {"lm": float("nan")}}, "variants.x.loss.lm: "),
        ("variants.LM-only", {}, "bad name 'LM-only'; use lower-case letters, digits and _"),
        ("variants.1", {}, "bad name"),
        ("loss.cooccur", -1, "loss.cooccur: "),
        (
            "ablation.run",
            ["multitask", "lm"],
            "unknown variant 'lm'; known variants: age_matching, cooccur_observed",
        ),
        ("ablation.reference", "base", "unknown variant 'base'; known variants: age_matching"),
        ("ablation.headline", "base", "unknown variant 'base'"),
        (
            "ablation.run",
            ["lm_only"],
            "ablation.reference: 'multitask' is not among the variants that run (lm_only)",
        ),
        ("ablation.run", [], "ablation.run"),
        ("ablation.seeds", [0, 0], "ablation.seeds"),
    ],
)
def test_what_cannot_run_is_refused_in_one_line(workspace: Path, path: str, value: Any, message: str):
    content = changed(path, value)
    if path == "variants.1":
        content["variants"][1] = content["variants"].pop("1")
    with pytest.raises(ParamsError) as refused:
        run_with(content)
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)
    assert not Path("resolved.yaml").exists()


def test_an_unknown_section_lists_the_known_ones():
    check_sections({"a": {}}, ["a", "b"], "p")
    with pytest.raises(ParamsError, match=r"p: unknown section 'c'; known sections: a, b"):
        check_sections({"c": {}}, ["b", "a"], "p")


def test_headline_and_reference_must_run():
    check_ablation(ablation(), ["a", "b", "c"], "p")
    with pytest.raises(ParamsError, match=r"ablation\.headline: 'c' is not among the variants that run \(a, b\)"):
        check_ablation(ablation(headline="c"), ["a", "b", "c"], "p")


def test_results_of_dropped_variants_and_seeds_go(workspace: Path, capsys: pytest.CaptureFixture[str]):
    kept = [pattern.format("multitask/0") for pattern in SEED_RESULTS]
    gone = [pattern.format(name) for pattern in SEED_RESULTS for name in ("multitask/7", "old/0")]
    for name in [*kept, *gone]:
        path = Path("reports") / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("{}")
    Path("reports/quality.json").write_text("{}")
    run_with(PARAMS)
    assert {p.relative_to("reports").as_posix() for p in Path("reports").rglob("*.*")} == {
        *kept,
        "quality.json",
    }
    assert capsys.readouterr().out.count("no longer part of the ablation") == len(gone)


def test_dropped_by_hand(tmp_path: Path):
    for name in ("runs/a/0.json", "runs/a/1.json", "history/c/0.csv", "other/c/0.json"):
        (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / name).touch()
    assert dropped(tmp_path, ablation()) == [tmp_path / "history/c/0.csv", tmp_path / "runs/a/1.json"]
    assert dropped(tmp_path / "absent", ablation()) == []


def test_a_failed_write_leaves_the_old_file(tmp_path: Path):
    target = tmp_path / "resolved.yaml"
    save({"a": {"loss": {"lm": 1.0}}}, target)
    before = target.read_text()
    with pytest.raises(Exception, match="cannot represent"):
        save({"a": {"loss": {"lm": object()}}}, target)
    assert target.read_text() == before
    assert before.splitlines() == ["%YAML 1.1", "---", "effective:", "  a:", "    loss:", "      lm: 1.0"]
