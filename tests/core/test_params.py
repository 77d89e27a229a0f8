from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, ValidationError

from ehrgen.core.params import ParamsError, Settings, load_yaml, parse, section
from ehrgen.data.settings import CohortSettings


class Inner(Settings):
    rate: float = Field(ge=0)


class Outer(Settings):
    kind: Literal["a", "b"]
    inner: Inner
    size: int | None = None


KEYS = st.text(st.characters(exclude_categories=["C", "Z"]), max_size=8)
GOOD = {"kind": "a", "inner": {"rate": 0.5}}


def test_a_section_becomes_its_settings_and_is_frozen():
    found = section({"outer": GOOD}, "outer", Outer, "params.yaml")
    assert found == Outer(kind="a", inner=Inner(rate=0.5))
    with pytest.raises(ValidationError):
        found.kind = "b"


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({**GOOD, "knd": 1}, "here: unknown key 'knd'; known keys: inner, kind, size"),
        ({**GOOD, "inner": {"rate": 1, "rte": 2}}, "here.inner: unknown key 'rte'; known keys: rate"),
        ({**GOOD, "kind": "c"}, "here.kind: Input should be 'a' or 'b' (found 'c')"),
        (
            {**GOOD, "inner": {"rate": -1}},
            "here.inner.rate: Input should be greater than or equal to 0 (found -1)",
        ),
        (
            {**GOOD, "inner": {"rate": float("nan")}},
            "here.inner.rate: Input should be a finite number (found nan)",
        ),
        ({**GOOD, "inner": {"rate": "fast"}}, "here.inner.rate: Input should be a valid number"),
        ({"kind": "a"}, "here.inner: Field required"),
        (None, "here"),
        ([1], "here"),
    ],
)
def test_a_bad_value_is_one_line_that_names_it(values, message):
    with pytest.raises(ParamsError) as error:
        parse(values, Outer, "here")
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_every_problem_is_named_at_once():
    with pytest.raises(ParamsError, match=r"unknown key 'x'.*; .*|.*; .*unknown key 'x'"):
        parse({"kind": "c", "inner": {"rate": 1}, "x": 1}, Outer, "here")


def test_a_number_that_dvc_wrote_as_text_is_a_number():
    assert parse({"rate": "1e-05"}, Inner, "here").rate == 1e-05


def test_a_missing_section_lists_those_there_are():
    with pytest.raises(ParamsError, match="section 'model' is missing; known sections: cohort, loss"):
        section({"cohort": {}, "loss": {}}, "model", Outer, "params.yaml")


@given(st.dictionaries(KEYS, st.one_of(st.none(), st.integers(), st.text(max_size=8)), max_size=5))
def test_junk_is_refused_in_one_line(values):
    with pytest.raises(ParamsError) as error:
        parse(values, Outer, "here")
    assert "\n" not in str(error.value)


def test_load_yaml_reads_a_mapping(tmp_path):
    path = tmp_path / "params.yaml"
    path.write_text("cohort:\n  source: nhds  # a comment\n")
    assert load_yaml(path) == {"cohort": {"source": "nhds"}}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [1", "not valid YAML"),
        ("a: 1\na: 2", "not valid YAML"),
        ("- 1", "expected a mapping of sections, found list"),
        ("", "expected a mapping of sections, found NoneType"),
        ("a: !!python/object/apply:os.system ['true']", "not valid YAML"),
    ],
)
def test_load_yaml_refuses_what_is_no_mapping(tmp_path, text, message):
    path = tmp_path / "params.yaml"
    path.write_text(text)
    with pytest.raises(ParamsError, match=message) as error:
        load_yaml(path)
    assert "\n" not in str(error.value)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a: 1\n<<<<<<< HEAD\nb: 2\n", "line 2 is a mark of a merge conflict; choose a side"),
        (b"a:\n  b: 1\n\tc: 2\n", "line 3 is indented with a tab; use blanks"),
        ("a: 1\n".encode("utf-16"), "UTF-16 text; save it as UTF-8"),
        (b"a: \xff\xfa", "no text in UTF-8 .byte 3 of 5.; save it as UTF-8"),
        (b"a: " + b"9" * 5000, "not valid YAML: Exceeds the limit"),
        (b"a: 2024-13-45", "not valid YAML: month must be in 1..12"),
        (b"a: " + b"[" * 3000, "not valid YAML"),
    ],
)
def test_load_yaml_says_what_the_file_is_instead(tmp_path, content, message):
    path = tmp_path / "params.yaml"
    path.write_bytes(content)
    with pytest.raises(ParamsError, match=message) as error:
        load_yaml(path)
    assert "\n" not in str(error.value) and len(str(error.value)) < 400


def test_a_bomb_of_aliases_is_refused_in_a_short_line(tmp_path):
    path = tmp_path / "params.yaml"
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 30)]
    path.write_text("\n".join([*lines, "inner: *a29", "kind: *a29"]))
    with pytest.raises(ParamsError) as error:
        parse(load_yaml(path), Outer, "here")
    assert "here.kind: Input should be" in str(error.value) and len(str(error.value)) < 4000


def test_of_endless_problems_ten_are_named():
    class Many(Settings):
        values: list[int]

    with pytest.raises(ParamsError, match=r"and 990 more$") as error:
        parse({"values": ["x" * 1000] * 1000}, Many, "here")
    assert len(str(error.value)) < 3000


def test_load_yaml_names_a_missing_file(tmp_path):
    with pytest.raises(ParamsError, match=r"params.yaml: no such file; run from the project's root"):
        load_yaml(tmp_path / "params.yaml")


COHORT = {
    "source": "nhds",
    "files": ["x"],
    "patients": None,
    "seed": 0,
    "split": {"train": 0.5, "validation": 0.1, "heldout": 0.2, "heldout2": 0.2},
}


def test_split_shares_add_up_to_one():
    assert parse(COHORT, CohortSettings, "cohort").patients is None
    shares = {**COHORT["split"], "train": 0.6}
    with pytest.raises(ParamsError, match=r"the shares must add up to 1, not 1.1"):
        parse({**COHORT, "split": shares}, CohortSettings, "cohort")


@pytest.mark.parametrize("patients", [0, -3, 1.5, "many"])
def test_a_cap_is_a_positive_number_of_patients(patients):
    with pytest.raises(ParamsError, match=r"cohort.patients"):
        parse({**COHORT, "patients": patients}, CohortSettings, "cohort")
