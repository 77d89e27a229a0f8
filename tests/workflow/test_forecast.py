import json
from pathlib import Path

from ehrgen.workflow.forecast import forecast

BASE = {"model": {"d_model": 64}, "loss": {"sex": 0.005}, "train": {"epochs": 10}}


def trained(folder: Path, variant: str, seed: int, seconds: float, **changed: dict) -> None:
    path = folder / variant / f"{seed}.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({**BASE, **changed, "seconds": seconds}))


def test_none_is_counted_where_no_parameter_changed(tmp_path: Path):
    trained(tmp_path, "base", 0, 40)
    assert forecast({"base": BASE}, [0], tmp_path) == "1 trainings, none with new parameters"


def test_trainings_with_other_parameters_and_new_seeds_count(tmp_path: Path):
    """Three trainings of 12 s and ten epochs of 4.8 s: 3 minutes."""
    for variant in ("base", "no_sex"):
        trained(tmp_path, variant, 0, 48)
    effective = {"base": BASE, "no_sex": {**BASE, "loss": {"sex": 0}}}
    line = forecast(effective, [0, 1], tmp_path)
    assert line.startswith("3 of 4 trainings have new parameters (base, no_sex): about 3 min one after the other")


def test_a_manifest_that_cannot_be_read_is_that_of_no_training(tmp_path: Path):
    trained(tmp_path, "base", 0, 40)
    (tmp_path / "base/0.json").write_text("{")
    assert forecast({"base": BASE}, [0], tmp_path).startswith("1 of 1 trainings")
