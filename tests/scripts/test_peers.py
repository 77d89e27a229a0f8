"""The study of other people's generators: what is made once, what anew, and the table."""

import json
import sys
from pathlib import Path

import pytest

from ehrgen.core.files import read_json
from scripts import peers
from scripts.peers import Made, findings, number, others, report
from tests.support.cohorts import population

FAKE = """\
import csv, json, sys
from pathlib import Path
kind, out = sys.argv[1], Path(sys.argv[sys.argv.index("--out") + 1])
train = Path(sys.argv[sys.argv.index("--train") + 1])
(out / f"{kind}.csv").write_text(train.read_text())
sets = {kind: {"sampling": {}, "sampling_cpu_seconds": 2.0, "empty_patients": 0.25}}
(out / "made.json").write_text(json.dumps({"training_cpu_seconds": 9.0, "parameters": 7, "sets": sets}))
with open(out.parents[1] / "calls", "a") as calls:
    calls.write(kind + "\\n")
"""


@pytest.fixture
def fake(tmp_path, monkeypatch) -> Path:
    program = tmp_path / "program.py"
    program.write_text(FAKE)
    monkeypatch.setattr(peers, "PROGRAM", program)
    monkeypatch.setattr(peers, "SEEDS", (0, 1))
    monkeypatch.setattr(peers, "SETTINGS", tmp_path / "settings.json")
    (tmp_path / "settings.json").write_text('{"gpt2": {"epochs": 1}, "halo": {"epochs": 1}}')
    return tmp_path / "work"


def calls(work: Path) -> list[str]:
    return (work / "calls").read_text().split()


def test_sets_of_others_are_made_once_for_the_same_patients_and_settings(fake):
    train = population(40, 0)
    two, python = ["gpt2", "halo"], Path(sys.executable)
    made = others(train, fake, python, two)
    assert [one.title for one in made] == ["gpt2-0", "gpt2-1", "halo-0"]
    assert made[0].costs == {
        "training_cpu_seconds": 9.0,
        "parameters": 7,
        "sampling_cpu_seconds": 2.0,
        "empty_patients": 0.25,
    }
    assert len(made[0].place.read_text().splitlines()) == 1 + len(train.diagnoses)
    assert made[2].level == "category" and made[2].place.read_text() == (fake / "train_category.csv").read_text()
    assert others(train, fake, python, two) == made and len(calls(fake)) == 3
    others(population(41, 0), fake, python, two)
    assert len(calls(fake)) == 6, "other patients"
    peers.SETTINGS.write_text('{"gpt2": {"epochs": 2}, "halo": {"epochs": 1}}')
    others(population(41, 0), fake, python, two)
    assert calls(fake)[6:] == ["gpt2", "gpt2"], "other settings"


def test_findings_hold_a_value_a_seed_and_the_table_their_mean():
    costs = {"training_cpu_seconds": 10, "parameters": 5}
    sets = [Made("gpt2", seed, Path("a"), costs) for seed in (0, 1, 2)] + [Made("ehrgen", 0, Path("b"), costs)]
    metrics = {f"gpt2-{seed}": {"unigram_r2": 0.1 * seed} for seed in (0, 1, 2)}
    metrics |= {"ehrgen-0": {"unigram_r2": 0.9}, "floor": {"unigram_r2": 0.95}, "memoriser": {"coverage": 1.0}}
    found = findings(sets, {"patients": 3000, "metrics": metrics})
    assert found["generators"]["gpt2"]["unigram_r2"] == [0.0, 0.1, 0.2]
    assert found["generators"]["ehrgen"]["training_cpu_seconds"] == [10.0]
    text = report({"simulated": {"code": json.loads(json.dumps(found)), "training_patients": 5280}})
    row = next(line for line in text.splitlines() if line.startswith("| unigram_r2"))
    assert [part.strip() for part in row.split("|")[1:-1]] == ["unigram_r2 ↑", "0.10 ± 0.25", "0.9", "0.95", "–"]
    assert "## Simulated patients, codes\n\n3,000 patients of each, learnt from 5,280." in text


def test_every_generator_has_settings_and_more_than_one_way_of_sampling_a_name_of_its_own():
    settings = read_json(peers.SETTINGS)
    assert set(settings) == set(peers.PEERS)
    names = [name for one in settings.values() for name in one["sampling"]]
    assert len(set(names)) == len(names) and not set(names) & {peers.OURS, *peers.ANCHORS}


def test_a_number_has_a_half_width_only_where_seeds_differ():
    assert number(None) == "–" and number([2.0]) == "2" and number([2.0, 2.0, 2.0]) == "2"
    assert number([1.0, 2.0, 3.0]) == "2.0 ± 2.5"
