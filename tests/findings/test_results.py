from pathlib import Path

import pytest

from ehrgen.findings.statistics.results import NoEvidenceError, Results, by_seed
from ehrgen.metrics.table.scores import Scores
from ehrgen.variants import AblationSettings
from tests.support.findings import results


def test_a_metric_by_seed():
    assert results("a").metric("a", "coverage") == {0: 0.5, 1: 0.5, 2: 0.5}
    assert results("a").floor("coverage") == 1


def test_reasons_in_words():
    vacuous = Results({"a": {0: Scores({}, {"sex_violations": "vacuous: none"}, 9)}}, {}, {}, {})
    with pytest.raises(NoEvidenceError, match="sex_violations of a: vacuous: none"):
        vacuous.metric("a", "sex_violations")
    with pytest.raises(NoEvidenceError, match="not run: b, c"):
        vacuous.need("a", "b", "c")
    with pytest.raises(NoEvidenceError, match="coverage: no floor"):
        vacuous.floor("coverage")


def test_files_by_variant_and_seed(tmp_path: Path):
    (tmp_path / "a").mkdir()
    for name in ("0.txt", "2.txt", "7.txt"):
        (tmp_path / "a" / name).write_text(name)
    ablation = AblationSettings(run=["a", "b"], seeds=[0, 1, 2], reference="a", headline="a")
    assert by_seed(ablation, tmp_path, ".txt", Path.read_text) == {"a": {0: "0.txt", 2: "2.txt"}, "b": {}}
