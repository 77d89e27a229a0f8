from made_up import population

from ehrgen.metrics.evaluation import Evidence
from ehrgen.metrics.suite import FAMILIES, METRICS
from scripts import metrics_cost


def test_every_metric_is_charged_to_its_family(capsys):
    cohorts = [population(120, seed) for seed in range(3)]
    seconds = metrics_cost.measured(Evidence(*cohorts), show_all=True)
    assert list(seconds) == list(FAMILIES)
    assert min(seconds.values()) >= 0 and seconds["geometry"] > 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(METRICS)
