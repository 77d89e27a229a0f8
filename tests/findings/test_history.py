from pathlib import Path

import pytest

from ehrgen.findings.statistics.history import History, HistoryError, Trace, final_epoch, mean_of_final_epochs, traces
from tests.support.findings import HEALTHY_HEAD, trace

TEXT = """\
epoch,step,objective,value,weight,share,grad_norm,more
1,10,lm,9,1,1.0,5,1
1,10,sex,9,0.5,0.0,5,1
2,20,lm,2,1,0.8,3,1
2,20,sex,1,0,0.2,,1
"""


def written(folder: Path, text: str | bytes) -> Path:
    (folder / "0.csv").write_bytes(text if isinstance(text, bytes) else text.encode())
    return folder / "0.csv"


def test_a_file_is_read_once_for_traces_and_last_epoch(tmp_path: Path):
    history = History.load(written(tmp_path, TEXT))
    assert history.final == {
        "lm": {"value": 2, "weight": 1, "share": 0.8, "grad_norm": 3},
        "sex": {"value": 1, "weight": 0, "share": 0.2},  # not measured is absent, not 0
    }
    assert history.traces["lm"].of("value") == [9, 2]
    assert history.traces["sex"].of("value") == [9], "its weight was 0 in the last epoch"
    assert history.epochs == 2


def test_the_last_epoch_is_a_number_not_a_text():
    rows = [{"epoch": epoch, "objective": "lm", "value": epoch} for epoch in ("9", "10")]
    assert final_epoch(rows) == {"lm": {"value": 10}}


def test_mean_of_the_last_epochs():
    seeds = [History({}, {"lm": {"value": value}}, 1) for value in (1.0, 2.0)]
    assert mean_of_final_epochs(seeds) == {"lm": {"value": 1.5}}
    assert mean_of_final_epochs([]) == {}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no rows"),
        ("epoch,value\n1,2\n", "column objective missing; found epoch, value"),
        ("epoch,objective,value\n1,lm,2\n", "history: no weight for lm in epoch 1"),
        (TEXT[:-12], "cut off, or not every row has 8 fields; remove it"),
        (TEXT[:-1], "cut off"),
        (TEXT.partition("2,20,sex")[0], "rows of epoch 2 are missing; remove it"),
        (TEXT.replace("1,10,sex,9,0.5,0.0", "1,10,sex,9,0.5,0.1"), "rows of epoch 1 are missing"),
        (TEXT.replace("2,20", "3,20"), "the epochs are not 1 to 2, so rows are missing"),
        (TEXT + "2,20,sex,1,0,0.2,,1\n", "epoch 2 has two rows of sex"),
        ("\x93\xfa".encode("latin-1"), "no rows that can be read; remove it"),
        ("epoch,objective\n", "no rows; remove it"),
    ],
)
def test_a_broken_history_is_named(tmp_path: Path, text: str | bytes, message: str):
    with pytest.raises(HistoryError, match=rf"0\.csv: {message}"):
        History.load(written(tmp_path, text))


@pytest.mark.parametrize("value", ["nan", "inf", "much"])
def test_values_must_be_finite_numbers(value: str):
    with pytest.raises(HistoryError, match=f"value holds '{value}'"):
        final_epoch([{"epoch": "1", "objective": "lm", "value": value}])


def row(epoch: int, objective: str = "sex", **values: str) -> dict[str, str]:
    return {"epoch": str(epoch), "objective": objective, "weight": "1"} | values


def test_epochs_are_numbers_in_order_and_empty_is_not_measured():
    by_objective = traces([row(10, value="1"), row(9, value="3", accuracy="")])
    assert by_objective["sex"].of("value") == [3, 1]
    assert by_objective["sex"].last("accuracy") is None and by_objective["sex"].mean("accuracy") is None


def test_epochs_without_weight_do_not_count():
    rows = [row(1, value="3"), row(2, value="0.1") | {"weight": "0"}, row(1, "age", value="1") | {"weight": "0"}]
    assert {name: one.of("value") for name, one in traces(rows).items()} == {"sex": [3]}


@pytest.mark.parametrize(
    ("values", "message"), [({"weight": ""}, "no weight for sex in epoch 1"), ({"value": "nan"}, "value holds 'nan'")]
)
def test_bad_fields_are_named(values: dict[str, str], message: str):
    with pytest.raises(HistoryError, match=message):
        traces([row(1) | values])


def test_nats_below_chance_by_hand():
    """Chance 1, value 0.25: 0.75 nats below chance; 0.625 with other prompts loses half, 1 with other codes all."""
    values = {"validation_value": 0.25, "chance": 1.0, "value_prompts_shuffled": 0.625, "value_codes_shuffled": 1.0}
    one = Trace((values,))
    assert one.remaining == 0.25 and one.nats_below_chance == 0.75
    assert one.lost_with("value_prompts_shuffled") == 0.5 and one.lost_with("value_codes_shuffled") == 1
    assert one.lost_with("absent") is None


@pytest.mark.parametrize("value", [0.99, 1.0, 1.5, None])
def test_at_chance_there_is_no_share_of_what_lies_below_it(value: float | None):
    one = trace(HEALTHY_HEAD, validation_value=value, chance=1.0)
    assert one.nats_below_chance is None and one.lost_with("value_prompts_shuffled") is None
