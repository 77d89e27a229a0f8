from collections.abc import Iterator

import pytest
import torch

from ehrgen.learning.machine.device import Machine, MachineError, machine_for, prepare_machine
from tests.support.training import recipe

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def one_thread_again() -> Iterator[None]:
    yield
    prepare_machine("cpu", "fp32", 1, 16)


def test_prepare_takes_the_device_precision_and_threads_it_is_told():
    here = prepare_machine("cpu", "fp32", 2, 16)
    assert here == Machine(CPU, bf16=False)
    assert torch.get_num_threads() == 2
    assert torch.are_deterministic_algorithms_enabled()
    assert prepare_machine("cpu", "bf16", 1, 16).bf16


@pytest.mark.parametrize(("capable", "width", "expected"), [(True, 256, True), (True, 64, False), (False, 256, False)])
def test_automatic_precision_is_bf16_where_it_is_faster(
    capable: bool, width: int, expected: bool, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": capable})
    assert prepare_machine("cpu", "auto", 1, width).bf16 == expected


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_missing_gpu_is_an_error_only_if_asked_for():
    with pytest.raises(MachineError, match="cuda is not available here; use auto or cpu"):
        prepare_machine("cuda", "fp32", 1, 16)
    assert prepare_machine("auto", "fp32", 1, 16).device == CPU


def test_settings_name_the_machine():
    assert machine_for(recipe(precision="bf16", threads=1)) == Machine(CPU, bf16=True)


@pytest.mark.parametrize(("bf16", "dtype"), [(True, torch.bfloat16), (False, torch.float32)])
def test_only_products_change_precision(bf16: bool, dtype: torch.dtype):
    numbers = torch.ones(2, 2)
    with Machine(CPU, bf16).autocast():
        assert (numbers @ numbers).dtype == dtype
        assert numbers.sum().dtype == torch.float32


def test_facts_name_versions_and_hardware():
    facts = Machine(CPU, bf16=True).facts()
    assert facts["torch"] == torch.__version__ and facts["precision"] == "bf16"
    assert facts["threads"] == torch.get_num_threads() and facts["device"]
    assert Machine(CPU, bf16=False).facts()["precision"] == "fp32"
