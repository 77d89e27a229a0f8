"""What all tests share: shapes are checked, nothing is downloaded, property tests have no deadline."""

import os

from hypothesis import settings
from jaxtyping import install_import_hook

install_import_hook(
    ["ehrgen.learning", "ehrgen.metrics", "ehrgen.data.profiles", "ehrgen.data.simulator"], "shapes.checked"
)
os.environ["HF_HUB_OFFLINE"] = "1"
settings.register_profile("ehrgen", deadline=None)  # other work on the machine is no failure
settings.load_profile("ehrgen")
