"""What is written to JSON is read back whole, to the digits that are written."""

from ehrgen.findings.statistics.costs import costs
from ehrgen.findings.text.committed import ablation_report, answered, content, read, read_verdicts
from ehrgen.findings.verdicts.losses import verdicts
from tests.findings.test_golden import CHANGED, ablation
from tests.findings.test_golden import found as found  # a fixture


def test_read_is_the_inverse_of_content(found):
    measured = content(ablation(found), {}, CHANGED, verdicts(found.traces), costs(found.manifests, "multitask"))
    again = read(measured)
    assert read({**measured, **again.content()}) == again
    written = measured["difference_from_reference"]["no_cooccur"]["effective_codes"]
    assert again.differences["no_cooccur"]["effective_codes"].half_width == written["half_width"] > 0
    assert again.significance["no_cooccur"]["effective_codes"].outcome == written["outcome"]
    assert again.endpoints == ablation(found).endpoints
    assert answered(measured, verdicts(found.traces)) == measured


def test_verdicts_are_read_back(found):
    of_losses = verdicts(found.traces)
    written = {variant: {name: one.content() for name, one in row.items()} for variant, row in of_losses.items()}
    assert read_verdicts({"objectives": written}) == of_losses


def test_the_report_of_a_run_needs_its_json_alone(found):
    of_losses = verdicts(found.traces)
    measured = content(ablation(found), {}, CHANGED, of_losses, costs(found.manifests, "multitask"))
    assert ablation_report(measured, of_losses).startswith("# Ablation\n")
