"""Sources of the page for tests: results that the stages before it would have found."""

from typing import Any

from ehrgen.findings.page.inputs import Sources
from ehrgen.findings.statistics.comparison import compare
from ehrgen.findings.statistics.history import FINAL_COLUMNS
from ehrgen.findings.text import committed
from ehrgen.findings.text.findings_md import content
from ehrgen.findings.verdicts.claims import judge
from ehrgen.findings.verdicts.loss_analysis import ANALYSIS, EXPECTED
from ehrgen.findings.verdicts.losses import diagnose
from ehrgen.learning.endpoints import primary
from ehrgen.metrics.table.scores import Scores
from ehrgen.metrics.table.suite import METRICS
from tests.support.findings import SEEDS, results

CHAPTERS = ["Infectious and parasitic diseases", "Diseases of the circulatory system", "Injury and poisoning"]
PORTRAIT: dict[str, Any] = {
    "patients": 3000,
    "chapters": CHAPTERS,
    "codes": {
        "code": ["4019", "0389", "8020", "9999"],
        "title": [
            "Unspecified essential hypertension",
            "Unspecified septicemia",
            "Closed fracture of nasal bones",
            "New",
        ],
        "chapter": [1, 0, 2, 2],
        "real": [0.25, 0.05, None, 0.0],
        "synthetic": [0.5, 0.0, 0.02, 0.01],
    },
    "odd_codes": {
        "too_often": {
            "code": ["8020"],
            "title": ["Closed fracture of nasal bones"],
            "ratio": [7.0],
            "real": [None],
            "synthetic": [100],
        },
        "too_rarely": {
            "code": ["0389"],
            "title": ["Unspecified septicemia"],
            "ratio": [1234 / 7],
            "real": [1229],
            "synthetic": [2],
        },
    },
    "chapter_pairs": {"labels": CHAPTERS, "real": [2.0, None, 0.0], "synthetic": [1.0, 3.0, 1.0]},
    "category_pairs": {"labels": ["038 Septicemia", "401 Essential hypertension"], "real": [4.0], "synthetic": [0.1]},
    "visits_per_patient": {"real": [0.75, 0.25, None, 0.0], "synthetic": [1.0, 0.0, 0.0, 0.0]},
    "codes_per_visit": {"real": [0.5, 0.5, 0.0], "synthetic": [0.2, 0.3, 0.5]},
    "conditioning": {
        "chapters": [1],
        "sexes": ["F", "M"],
        "brackets": ["0-2", "2-12", "12-18"],
        "real": [[[0.0, None, 0.5], [0.1, 0.2, 0.3]]],
        "synthetic": [[[0.1, 0.1, 0.4], [0.1, None, 0.3]]],
    },
    "distances": {"edges": [0.0, 0.5, 1.0], "train": [0.6, 0.4], "heldout": [None, 0.5]},
}
MANIFEST = {
    "key": "0123abcd",
    "machine": {"device": "x86_64", "torch": "2.13.0"},
    "parameters": {"all": 649844, "age_head": 1, "sex_head": 1},
    "steps": 120,
    "seconds": 56.3,
    "train": {"epochs": 2},
}


RESOLUTION = dict.fromkeys(METRICS, 0.05)


def sources(*variants: str, **changed: Any) -> Sources:
    """Everything for these variants, the first the reference; `changed` replaces whole parts."""
    names = variants or ("multitask", "replica")
    found = results(*names)
    anchors = found.anchors | {"independent_codes": Scores(dict.fromkeys(METRICS, 0.1), {}, 3000)}
    row = dict.fromkeys(FINAL_COLUMNS, 0.25)
    objectives = {name: dict.fromkeys(("lm", "age", "sex", "cooccur"), row) for name in names}  # nobody writes to it
    verdicts = {name: diagnose(of_seed.values()) for name, of_seed in found.traces.items()}
    judged = [[judge(claim, found) for claim in claims] for claims in (ANALYSIS, EXPECTED)]
    endpoints = {name: primary({"loss.cooccur": 0}) for name in names[1:]}
    ablation = compare(found.runs, anchors, RESOLUTION, endpoints, names, SEEDS, names[0])
    changes = {name: {"loss.cooccur_form": "observed"} for name in names[1:]}
    parts = {
        "ablation": committed.content(ablation, objectives, changes, verdicts, {}),
        "findings": content(verdicts, *judged),
        "quality": {"source": "simulated", "cohort": {"patients": 12000}},
        "traces": found.traces,
        "manifests": {name: dict.fromkeys(SEEDS, MANIFEST) for name in names},
        "portraits": {name: {0: PORTRAIT} for name in names},
        "floor": PORTRAIT,
        "changes": changes,
    }
    return Sources(**(parts | changed))
