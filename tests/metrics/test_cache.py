from ehrgen.metrics.cohorts.cache import KEPT, remembered


def test_computes_once_for_the_same_objects():
    calls = []
    length = remembered(lambda *texts: calls.append(texts) or [len(text) for text in texts])
    first, second = ["a"], ["a"]
    assert length(first) is length(first)
    assert length(second) is not length(first), "equal is not the same"
    assert length(first, second) == [1, 1]
    assert len(calls) == 3


def test_forgets_the_oldest():
    calls = []
    identity = remembered(lambda item: calls.append(item) or item)
    items = [[number] for number in range(KEPT + 1)]
    for item in [*items, items[-1], items[0]]:
        assert identity(item) is item
    assert calls == [*items, items[0]]
