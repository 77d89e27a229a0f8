import pytest

from ehrgen.findings.statistics.attribution import HistoryError
from ehrgen.findings.statistics.traces import Trace, traces
from tests.support.findings import HEALTHY_HEAD, trace


def row(epoch: int, objective: str = "sex", **values: str) -> dict[str, str]:
    return {"epoch": str(epoch), "objective": objective, "weight": "1"} | values


def test_epochs_are_numbers_in_order_and_empty_is_not_measured():
    found = traces([row(10, value="1"), row(9, value="3", accuracy="")])
    assert found["sex"].of("value") == [3, 1]
    assert found["sex"].last("accuracy") is None and found["sex"].mean("accuracy") is None


def test_epochs_without_weight_do_not_count():
    rows = [row(1, value="3"), row(2, value="0.1") | {"weight": "0"}, row(1, "age", value="1") | {"weight": "0"}]
    assert {name: one.of("value") for name, one in traces(rows).items()} == {"sex": [3]}


@pytest.mark.parametrize(
    ("values", "message"), [({"weight": ""}, "no weight for sex in epoch 1"), ({"value": "nan"}, "value holds 'nan'")]
)
def test_bad_fields_are_named(values: dict[str, str], message: str):
    with pytest.raises(HistoryError, match=message):
        traces([row(1) | values])


def test_knowledge_by_hand():
    """Chance 1, value 0.25: it knows 0.75 nats; 0.625 with other prompts loses half, 1 with other codes keeps none."""
    values = {"validation_value": 0.25, "chance": 1.0, "value_prompts_shuffled": 0.625, "value_codes_shuffled": 1.0}
    one = Trace((values,))
    assert one.remaining == 0.25 and one.knowledge == 0.75
    assert one.lost_with("value_prompts_shuffled") == 0.5 and one.kept_with("value_codes_shuffled") == 0
    assert one.lost_with("absent") is None and one.kept_with("absent") is None


@pytest.mark.parametrize("value", [0.99, 1.0, 1.5, None])
def test_who_knows_nothing_has_no_share_of_it(value: float | None):
    one = trace(HEALTHY_HEAD, validation_value=value, chance=1.0)
    assert one.knowledge is None and one.lost_with("value_prompts_shuffled") is None
