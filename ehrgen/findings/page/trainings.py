"""The run on the page: on which machines, with which versions, for how long, and the hash of each training."""

from ehrgen.findings.page.html import Markup, el
from ehrgen.findings.statistics.costs import Manifest, Manifests


def machines(manifests: Manifests) -> Markup:
    """Every value that a fact about machine or versions has in any training, with the number of trainings."""
    trainings_with: dict[str, dict[str, int]] = {}
    for by_seed in manifests.values():
        for manifest in by_seed.values():
            for fact, value in manifest["machine"].items():
                counts = trainings_with.setdefault(fact, {})
                counts[str(value)] = counts.get(str(value), 0) + 1
    listed = []
    for fact, counts in trainings_with.items():
        values = counts if len(counts) == 1 else [f"{value} ({count})" for value, count in counts.items()]
        listed.append(el("div", el("dt", fact), el("dd", ", ".join(values))))
    return el("dl", *listed) if listed else el("p", "No manifest of a training was found.", class_="note")


def trainings(manifests: Manifests) -> Markup:
    """A row a training."""
    words = ("variant", "seed", "epochs", "parameters", "seconds", "training key")
    rows = [
        el(
            "tr",
            el("th", variant, scope="row"),
            *(el("td", number, class_="number") for number in _numbers(seed, manifest)),
            el("td", el("code", str(manifest["key"]))),
        )
        for variant, by_seed in manifests.items()
        for seed, manifest in sorted(by_seed.items())
    ]
    return el("table", el("thead", el("tr", *(el("th", word, scope="col") for word in words))), el("tbody", *rows))


def _numbers(seed: int, manifest: Manifest) -> tuple[str, ...]:
    parameters, seconds = manifest["parameters"]["all"], manifest["seconds"]
    return str(seed), str(manifest["train"]["epochs"]), f"{parameters:,}", f"{seconds:.0f}"
