"""What all tests share: shapes are checked, nothing is downloaded, property tests have no deadline."""

import os

import pytest
from hypothesis import settings
from jaxtyping import install_import_hook

import tests.support.shapes  # noqa: F401 - the hook below reaches it by its name
from tests.support.chromium import CHROMIUM

install_import_hook(
    ["ehrgen.learning", "ehrgen.metrics", "ehrgen.data.simulation.profiles", "ehrgen.data.simulation.simulator"],
    "tests.support.shapes.checked",
)
os.environ["HF_HUB_OFFLINE"] = "1"
settings.register_profile("ehrgen", deadline=None)  # other work on the machine is no failure
settings.load_profile("ehrgen")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Pages are looked at where there is a Chromium. The longest file comes first: nobody waits for it at the end."""
    if CHROMIUM is None:
        for item in items:
            if item.get_closest_marker("browser"):
                item.add_marker(pytest.mark.skip(reason="no Chromium here"))
    items.sort(key=lambda item: item.path.name != "test_pipeline.py")
