import pytest
import torch
from torch.profiler import ProfilerActivity, profile

from benchmarks import breakdown, training
from tests.support.sandbox import ROOT


@pytest.mark.parametrize(
    ("operator", "kind"),
    [
        ("aten::mm", "matrix products"),
        ("aten::bmm", "matrix products"),
        ("aten::addmm", "matrix products"),
        ("aten::_scaled_dot_product_flash_attention_for_cpu_backward", "attention"),
        ("aten::_log_softmax_backward_data", "softmax over codes"),
        ("aten::exp", "softmax over codes"),
        ("aten::expand", "other arithmetic and memory"),
        ("aten::native_layer_norm", "norms and activations"),
        ("aten::_fused_adamw_", "optimizer"),
        ("aten::index_add_", "gathering, scattering, copies"),
        ("autograd::engine::evaluate_function: MmBackward0", breakdown.INTERPRETER),
        ("MmBackward0", breakdown.INTERPRETER),
    ],
)
def test_kind(operator: str, kind: str):
    assert breakdown.kind(operator) == kind


def test_shares_add_up_and_products_are_found():
    left = torch.randn(600, 600)
    with profile(activities=[ProfilerActivity.CPU], acc_events=True) as found:
        for _ in range(3):
            left @ left
    spent = sum(event.self_cpu_time_total for event in found.key_averages()) / 1e6
    shares = breakdown.shares(found.key_averages(), 2 * spent)
    assert sum(shares.values()) == pytest.approx(1)
    assert shares["matrix products"] > 0.3 and shares[breakdown.INTERPRETER] >= 0.49, "half is no operator's"


@pytest.mark.slow
def test_both_loops_are_measured(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(training, "PATIENTS", 300)
    for contender in training.contenders("default").values():
        pace, shares = breakdown.measured(contender, range(1))
        assert pace > 0 and shares["matrix products"] > 0.02 and shares["optimizer"] > 0
