"""Which split each patient belongs to: where the source says so, as it says, else at random."""

import numpy as np
import pandas as pd

from ehrgen.data.cohort import Cohort
from ehrgen.data.readers.quality import ReaderError

GIVEN = ("train", "validation", "heldout")


def split(cohort: Cohort, shares: dict[str, float], rng: np.random.Generator) -> Cohort:
    """The patients with their splits; of held-out ones that the source names, a part at random becomes `heldout2`.

    Args:
        shares: Of all patients where the source says nothing; where it does, only how `heldout` and `heldout2` divide
            its held-out patients is heeded.

    Raises:
        CohortError: If there are fewer patients than splits.
        ReaderError: If the source names a split for some and leaves another one empty.
    """
    given = cohort.patients["split"]
    if not given.isin(GIVEN).any():
        return cohort.with_split(shares, rng)
    counts = {name: int((given == name).sum()) for name in GIVEN}
    if empty := [name for name in GIVEN if counts[name] < (2 if name == "heldout" else 1)]:
        raise ReaderError(
            f"the source's own splits leave {', '.join(empty)} without patients; complete them, or leave them out to "
            "have the patients split at random"
        )
    heldout = np.flatnonzero(given == "heldout")
    second = shares["heldout2"] / (shares["heldout"] + shares["heldout2"])
    size = int(np.clip(round(second * len(heldout)), 1, len(heldout) - 1))
    chosen = given.to_numpy(dtype=object)
    chosen[rng.permutation(heldout)[:size]] = "heldout2"
    return type(cohort)(cohort.patients.assign(split=pd.Series(chosen, dtype="str")), cohort.diagnoses)
