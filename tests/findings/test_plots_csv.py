import csv
import io

from ehrgen.findings.page.plots_csv import COLUMNS, shares_csv
from tests.support.findings import HEALTHY_HEAD, trace, training


def test_a_row_an_epoch_and_objective():
    rows = list(csv.DictReader(io.StringIO(shares_csv({"base": {0: training(), 1: training()}}))))
    assert tuple(rows[0]) == COLUMNS and len(rows) == 2 * 4 * 2
    assert rows[2] == dict(zip(COLUMNS, ["base", "0", "age", "1", "0.1", "0.1"], strict=True))


def test_unmeasured_shares_are_left_out():
    assert shares_csv({"base": {0: {"lm": trace(HEALTHY_HEAD, grad_share=None)}}}) == ",".join(COLUMNS) + "\n"
