import pytest

from benchmarks.measure import WARM_UP, added, against, in_turn


def test_contenders_take_turns_and_warm_up_does_not_count():
    calls: list[tuple[str, int]] = []

    def contender(name: str, work: float):
        def run(number: int) -> float:
            calls.append((name, number))
            sum(range(20_000))
            return work

        return run

    rates = in_turn({"one": contender("one", 1.0), "two": contender("two", 2.0)}, 3)
    assert calls == [(name, number) for number in range(WARM_UP + 3) for name in ("one", "two")]
    assert [len(found) for found in rates.values()] == [3, 3] and min(rates["one"]) > 0


def test_ratios_are_taken_round_by_round():
    """A machine twice as slow in one round changes rates, not ratios."""
    table = against({"plain": [10.0, 5.0, 10.0], "ours": [30.0, 15.0, 40.0]}, "plain")
    assert table["plain"] == {"rate": 10.0, "ratio": 1, "low": 1, "high": 1}
    assert table["ours"] == {"rate": 30.0, "ratio": 3, "low": 3, "high": pytest.approx(4)}


def test_the_clock_is_an_argument():
    ticks = iter(range(100))
    rates = in_turn({"one": lambda _: 6.0}, 2, clock=lambda: float(next(ticks)))
    assert rates == {"one": [6.0, 6.0]}


def test_added_cost_is_taken_round_by_round():
    table = added({"plain": [10.0, 5.0, 10.0], "more": [8.0, 4.0, 5.0]}, "plain")
    assert table["plain"] == {"pace": 0.1, "cost": 0, "low": 0, "high": 0}
    assert table["more"] == {"pace": 0.2, "cost": 0.25, "low": 0.25, "high": 1.0}
