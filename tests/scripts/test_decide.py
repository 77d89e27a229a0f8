"""Further seeds for what is undecided: with made-up measurements in place of trainings, and on a tiny cohort."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from ruamel.yaml import YAML

from ehrgen.core.files import write_json
from ehrgen.core.params import load_yaml
from ehrgen.findings.statistics.looks import schedule
from ehrgen.metrics.table.scores import Scores
from ehrgen.metrics.table.suite import METRICS
from ehrgen.variants import AblationSettings
from scripts.decide import FOLDER, decide, look_at, page, seeds_of
from scripts.study import StudyError

WEIGHTS = {"age": 0.005, "sex": 0.005, "cooccur": 0.05, "lm": 1.0}
EFFECTIVE = {
    "base": {"loss": WEIGHTS},
    "less": {"loss": WEIGHTS | {"cooccur": 0}},
    "other": {"loss": WEIGHTS | {"sex": 0}},
}
ABLATION = {"run": list(EFFECTIVE), "seeds": [0, 1, 2], "reference": "base", "headline": "base"}
ENDPOINTS = {"less": ("pair_r2", "pair_lift", "effective_codes", "coverage"),
             "other": ("sex_violations", "sex_probe", "sex_rule_patients")}  # fmt: skip


class Project:
    """A folder with the results of a run; further seeds are written as if they had been trained."""

    def __init__(self, root: Path, effects: Mapping[str, float], spread: Mapping[str, float]) -> None:
        self.root, self.effects, self.spread = root, effects, spread
        self.asked: list[dict] = []
        YAML().dump({"ablation": ABLATION}, root / "params.yaml")
        YAML().dump({"effective": EFFECTIVE}, root / "resolved.yaml")
        for name, value in (("floor", 1.0), ("independent_codes", 0.1)):
            Scores(dict.fromkeys(METRICS, value), {}, 9).save(root / f"reports/anchors/{name}.json")
        self.write(root, EFFECTIVE, [0, 1, 2])
        for command in (["init", "--quiet"], ["add", "--all"], ["commit", "--quiet", "-m", "start"]):
            subprocess.run(["git", *command], cwd=root, check=True, env=os.environ | {
                f"GIT_{who}_{what}": "a@b" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")
            })  # fmt: skip

    def write(self, folder: Path, variants, seeds) -> None:
        for variant in variants:
            for seed in seeds:
                rng = np.random.default_rng([seed, list(EFFECTIVE).index(variant)])
                values = {name: 0.5 + self.effects.get(variant, 0) + self.spread.get(variant, 0.001) * rng.normal()
                          for name in METRICS}  # fmt: skip
                Scores(values, {}, 9).save(folder / f"reports/runs/{variant}/{seed}.json")
                write_json({"seconds": 30.0}, folder / f"reports/manifests/{variant}/{seed}.json")

    def run(self, folder: Path, jobs: int, store: Path) -> None:
        assert folder == self.root / FOLDER and store == self.root / ".store"
        asked = load_yaml(folder / "params.yaml")["ablation"]
        self.asked.append(asked)
        YAML().dump({"effective": {name: EFFECTIVE[name] for name in asked["run"]}}, folder / "resolved.yaml")
        self.write(folder, asked["run"], asked["seeds"])

    def decide(self, minutes: float = 600, most: int = 12):
        return decide(self.root, most, minutes, 2, self.run)


def test_only_what_is_undecided_gets_seeds_and_what_is_there_is_not_run_again(tmp_path: Path):
    project = Project(tmp_path, {"less": 3.0}, {"other": 0.2, "base": 0.002, "less": 0.002})
    seen = project.decide()
    assert [asked["run"] for asked in project.asked] == [["base", "other"]] * len(project.asked)
    assert project.asked[0]["seeds"] == [3, 4] and project.asked[1]["seeds"] == [3, 4, 5, 6, 7]
    assert all(seen.outcomes["less", name][0] == 0 for name in ENDPOINTS["less"])
    assert set(seen.outcomes) == {(v, name) for v, names in ENDPOINTS.items() for name in names}
    runs = len(project.asked)
    assert project.decide().outcomes == seen.outcomes and len(project.asked) == runs, "done: nothing runs again"
    text = page(seen)
    assert "less: coverage" in text and f"| {seen.looks[0][0].seeds} " in text


def test_nothing_runs_where_all_is_decided_or_the_time_is_too_short(tmp_path: Path, capsys):
    (tmp_path / "clear").mkdir()
    clear = Project(tmp_path / "clear", {"less": 0.3, "other": 0.3}, {})
    assert clear.decide().open == [] and clear.asked == []
    (tmp_path / "noisy").mkdir()
    noisy = Project(tmp_path / "noisy", {}, {"other": 0.2, "base": 0.2})
    seen = noisy.decide(minutes=1)
    assert noisy.asked == [] and seen.open and "stopped: 1 minutes are left" in capsys.readouterr().out
    noisy.decide(minutes=4)
    assert len(noisy.asked) == 1, "the time is enough for one look"


def test_stopped_it_goes_on_where_it_was(tmp_path: Path):
    project = Project(tmp_path, {}, {"other": 0.2, "base": 0.2, "less": 0.2})

    def stopped(folder: Path, jobs: int, store: Path) -> None:
        project.write(folder, ["base"], [3])
        raise StudyError("stopped")

    with pytest.raises(StudyError, match="stopped"):
        decide(tmp_path, 5, 600, 2, stopped)
    settings = AblationSettings(**ABLATION)
    half = look_at(tmp_path, settings, schedule(3, 5))
    assert len(half.looks) == 1 and half.seeds == [0, 1, 2, 3, 4]
    assert len(project.decide(most=5).looks) == 2


def test_other_parameters_are_not_taken_for_these(tmp_path: Path):
    project = Project(tmp_path, {}, {"other": 0.2, "base": 0.2})
    project.decide(most=5)
    changed = EFFECTIVE | {"other": {"loss": WEIGHTS | {"sex": 1.0}}}
    YAML().dump({"effective": changed}, tmp_path / "resolved.yaml")
    with pytest.raises(StudyError, match="other: other parameters"):
        project.decide(most=5)


def test_the_first_look_is_stricter_than_looking_once(tmp_path: Path):
    project = Project(tmp_path, {}, {"other": 0.2, "base": 0.2})
    seen = project.decide(minutes=0)
    assert seen.looks[0][0].alpha < 0.05 and len(seen.looks) == 1


def test_seeds_by_hand():
    assert seeds_of([0, 1, 2], 5) == [0, 1, 2, 3, 4] and seeds_of([4, 1], 4) == [4, 1, 0, 2]
