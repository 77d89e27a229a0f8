"""What all tests share: shapes are checked, nothing is downloaded, property tests have no deadline."""

import os

import pytest
from hypothesis import settings
from jaxtyping import install_import_hook

import tests.support.shapes  # noqa: F401 - the hook below reaches it by its name

install_import_hook(
    ["ehrgen.learning", "ehrgen.metrics", "ehrgen.data.simulation.profiles", "ehrgen.data.simulation.simulator"],
    "tests.support.shapes.checked",
)
os.environ["HF_HUB_OFFLINE"] = "1"
settings.register_profile("ehrgen", deadline=None)  # other work on the machine is no failure
settings.load_profile("ehrgen")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The file that takes longest comes first, so that it is not what the other processes wait for at the end."""
    items.sort(key=lambda item: item.path.name != "test_pipeline.py")
