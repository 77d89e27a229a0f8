from ehrgen.metrics.evaluation import EvaluationData
from ehrgen.metrics.table.suite import FAMILIES, METRICS
from scripts import metrics_cost
from tests.support.cohorts import population


def test_every_metric_is_charged_to_its_family(capsys):
    cohorts = [population(120, seed) for seed in range(3)]
    costs = metrics_cost.measured(EvaluationData(*cohorts), show_all=True)
    assert list(costs) == list(FAMILIES)
    assert min(cost.cpu for cost in costs.values()) >= 0 and costs["geometry"].cpu > 0
    peaks = [cost.peak for cost in costs.values()]
    assert min(peaks) > 0 and max(peaks) <= metrics_cost.peak() < 100
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(METRICS)
