"""The model card of a generated data set: where it comes from, how good and how private, what it is for.

What could not be proven to be about this model stands there as not measured, with the reason.
"""

from collections.abc import Mapping
from typing import Any

from ehrgen.findings.statistics.results import FLOOR
from ehrgen.findings.text.tables import NOTHING, table
from ehrgen.metrics.table.suite import HEADLINE, METRICS
from ehrgen.release.provenance import Provenance

MEMORISER = "memoriser"
PRIVACY = tuple(
    name
    for name, metric in METRICS.items()
    if metric.family == "privacy" or (metric.family == "likelihood" and "membership" in name)
)
CREDENTIALED = """credentialed data of real patients. A generator can reproduce patients it saw: treat this
data set as the data use agreement has you treat the tables it learned from."""
UNNAMED = """If real patients are in it, treat this data set as you have to treat theirs: a generator can reproduce
patients it saw."""
SOURCES = {
    "simulated": "Simulated patients: latent profiles fitted to the public NHDS 2010 file. No real patient is in them.",
    "mimic3": f"MIMIC-III, {CREDENTIALED}",
    "mimic4": f"MIMIC-IV, its diagnoses in ICD-9-CM, {CREDENTIALED}",
    "mimic4_mapped": f"MIMIC-IV, its ICD-10-CM diagnoses translated into ICD-9-CM, approximately, {CREDENTIALED}",
    "meds": f"A MEDS dataset. {UNNAMED}",
    "omop": f"Tables of the OMOP Common Data Model. {UNNAMED}",
    "long": f"A table of patients, visits and codes. {UNNAMED}",
    "nhds": "National Hospital Discharge Survey 2010, a public-use file of real, unnamed discharges.",
}
FORMATS = {
    "mimic3": """\
PATIENTS, ADMISSIONS, DIAGNOSES_ICD and D_ICD_DIAGNOSES have the columns of MIMIC-III 1.4; what the generator does not
model is empty, or NOT MODELLED where a database wants a text; EXPIRE_FLAG is 0 and says nothing. ICD9_CODE is text with
leading zeros: read it as such. Patients over 89 have a birth 300 years before their first admission, as in
MIMIC-III.""",
    "meds": """\
MEDS 0.4: data/0.parquet with subject_id, time, code, hadm_id and seq_num, metadata/codes.parquet with titles. The sex
has no time. Diagnoses, DIAGNOSIS//ICD//9//CODE, stand at the discharge. Patients over 89 are 90.
metadata/subject_splits.parquet puts a tenth of the patients into tuning and a tenth into held_out, at random.""",
}
DATES = """\
**All dates are invented**, and with them lengths of stay, times between visits, and ages at all visits but the first:
they are drawn at random and mean nothing, as do years, seasons and hours. The order of visits is the generator's, the
age at the first visit what was asked of it."""
MEASURED = """\
Of {patients:,} patients sampled from this model for people of the training split, against as many held-out real ones;
not of the patients in this folder. *floor* is held-out real patients against other held-out real patients."""
RISKS = """\
How much the samples tell about who was trained on. *memoriser* is what a copy of the training patients would score."""
USE = """\
Intended for: developing and testing code that reads such tables; teaching; research on generators of diagnosis
histories.

Not for: decisions about patients; estimates of prevalence, risk or effects; any claim of anonymity. The numbers above
are all that was measured about privacy, and a low attack score proves no absence of leaks.

Limits: ICD-9-CM diagnoses, sex and age only: no procedures, drugs, laboratory values, deaths or times. Rare codes and
long histories are the least reliable. Asking for ages and sexes of which few were trained on gives what the model makes
up for them."""


def card(origin: Provenance, counts: Mapping[str, int], request: Mapping[str, Any], form: str) -> str:
    """The card as Markdown.

    Args:
        counts: What the data set holds, by kind.
        request: What was asked for and how it was sampled.
        form: One of FORMATS.
    """
    title = f"# Synthetic patients of {origin.variant}, seed {origin.seed}"
    size = "Made by ehrgen: " + ", ".join(f"{count:,} {kind}" for kind, count in counts.items()) + "."
    sections = {
        "Request": _listed(request),
        "Format": f"{FORMATS[form]}\n\n{DATES}",
        "Data source": _source(origin),
        "Training": _training(origin),
        "Quality": _quality(origin),
        "Privacy": _privacy(origin),
        "Use and limits": USE,
    }
    return "\n\n".join([title, size, *(f"## {name}\n\n{text}" for name, text in sections.items())]) + "\n"


def _source(origin: Provenance) -> str:
    if origin.quality is None:
        return _unknown(origin, "quality")
    return f"{SOURCES[origin.quality['source']]}\n\n{_listed(origin.quality['cohort'])}"


def _training(origin: Provenance) -> str:
    if origin.manifest is None:
        return _unknown(origin, "manifest")
    parts = {name: origin.manifest[name] for name in ("model", "loss", "train", "parameters", "machine")}
    named = [f"- {part}: " + ", ".join(f"{key} {value}" for key, value in of.items()) for part, of in parts.items()]
    return "\n".join([*named, f"- seed: {origin.manifest['seed']}", f"- seconds: {origin.manifest['seconds']:g}"])


def _quality(origin: Provenance) -> str:
    if origin.run is None:
        return _unknown(origin, "run")
    return f"{MEASURED.format(patients=origin.run.patients)}\n\n{_metrics(origin, HEADLINE, (FLOOR,))}"


def _privacy(origin: Provenance) -> str:
    if origin.run is None:
        return _unknown(origin, "run")
    return f"{RISKS}\n\n{_metrics(origin, PRIVACY, (FLOOR, MEMORISER))}"


def _metrics(origin: Provenance, names: tuple[str, ...], beside: tuple[str, ...]) -> str:
    """A row a metric: the model, the anchors `beside`, which way is better; then why some have no value."""
    everyone = [origin.run, *(origin.anchors.get(anchor) for anchor in beside)]
    rows = [
        [
            name,
            *(f"{scores.metrics[name]:.4g}" if scores and name in scores.metrics else NOTHING for scores in everyone),
            _best(name),
        ]
        for name in names
    ]
    unjudged = origin.run.not_judged if origin.run else {}
    reasons = [f"- {name}: not judged: {unjudged[name]}" for name in names if name in unjudged]
    if not origin.anchors:
        reasons.append(f"- {' and '.join(beside)}: {_unknown(origin, 'anchors')}")
    return "\n\n".join(
        [table(["metric", "this model", *beside, "best"], rows), *(["\n".join(reasons)] if reasons else [])]
    )


def _best(name: str) -> str:
    metric = METRICS[name]
    if metric.better == "match":
        return "as the floor" if metric.ideal is None else f"{metric.ideal:g}"
    return metric.better if metric.ideal is None else f"{metric.better}, {metric.ideal:g}"


def _listed(values: Mapping[str, Any]) -> str:
    return "\n".join(f"- {name.replace('_', ' ')}: {value}" for name, value in values.items())


def _unknown(origin: Provenance, part: str) -> str:
    return f"Not measured: {origin.missing[part]}."
