"""Two revisions compared for the colleague who reviews: one Markdown comment, the same for the same results.

It says what changed, by how much, whether that is noise, and which verdicts turned. Text from the files compared is
escaped: a pull request may come from anybody, and the comment is posted under the repository's name.
"""

import re
from collections.abc import Sequence
from typing import Any

from ehrgen.findings.review import changes
from ehrgen.findings.review.changes import MISSING, Revision, Setting, Shift, Turn
from ehrgen.findings.statistics.comparison import SHOWN
from ehrgen.findings.statistics.intervals import Estimate
from ehrgen.findings.text.tables import ARROWS, cell, table
from ehrgen.metrics.table.suite import METRICS

MARK = "<!-- ehrgen review -->"  # how the comment of an earlier run is found again
LONGEST = 30  # rows of a table; what is left out is counted
WIDEST = 300  # characters of a text from the files
MOST = 60_000  # bytes of a comment: GitHub takes 65,536 characters
CUT = "\n\n... cut here: longer than a comment may be. `make review` prints all of it in a checkout."
SAME = "Nothing changed."
EXCEEDS = {True: "exceeds", False: "within", None: MISSING}
UP_TO_DATE = "Results are up to date: dvc.lock matches code and parameters."
RULE = """\
A change *exceeds* its interval (after ±: the root of the summed squares of both revisions' half-widths) where training
seeds alone rarely explain it; *within* it is noise, as far as these seeds can tell."""


def comment(before: Revision, now: Revision, stale: Sequence[str]) -> str:
    """The whole comment.

    Args:
        stale: Stages that DVC would run at the revision under review: their results are not of its code.
    """
    sections = {
        "Parameters": parameters(before, now),
        "Headline metrics": headline(before, now),
        "Ablation": ablation(before, now),
        "Verdicts on objectives": verdicts(before, now),
        "Claims": claims(before, now),
    }
    same = [name for name, text in sections.items() if text == SAME]
    changed = [f"### {name}\n\n{text}" for name, text in sections.items() if text != SAME]
    changed += [RULE] if any(" ± " in sections[name] for name in ("Headline metrics", "Ablation")) else []
    ending = [f"Nothing changed in: {', '.join(same)}."] if changed and same else []
    whole = [] if changed else ["**Nothing changed**: parameters, metrics, verdicts and claims are the same."]
    title = f"## Review of {plain(now.name)} against {plain(before.name)}"
    return "\n\n".join([MARK, title, staleness(stale), *whole, *changed, *ending]) + "\n"


def fitting(text: str) -> str:
    """The comment as GitHub takes it: cut after a line, and saying so, where it is longer than that."""
    if len(text.encode()) <= MOST:
        return text
    return text.encode()[:MOST].decode(errors="ignore").rpartition("\n")[0] + CUT + "\n"


def staleness(stale: Sequence[str]) -> str:
    """Whether the results are those of the code and parameters under review."""
    if not stale:
        return UP_TO_DATE
    kinds = dict.fromkeys(name.partition("@")[0] for name in stale)
    counts = ", ".join(f"{kind} ({sum(name.partition('@')[0] == kind for name in stale)})" for kind in kinds)
    stages = "1 stage" if len(stale) == 1 else f"{len(stale)} stages"
    return (
        f"**Results are stale**: dvc.lock does not match code and parameters, and {stages} would run: {plain(counts)}. "
        "What follows is of an earlier state; run `make repro` and commit what it writes."
    )


def parameters(before: Revision, now: Revision) -> str:
    """Settings with another value, and variants that came or went."""
    if absent := _absent("params", before, now) or _absent("resolved", before, now):
        return absent
    settings = changes.settings(before, now)
    come, gone = changes.variants(before, now)
    parts = ["\n".join(_new(name, now) for name in come)] if come else []
    parts += [f"- gone: {', '.join(map(plain, gone))}"] if gone else []
    kept = changes.effective(now).keys() - set(come)
    if settings:
        rows = [[plain(setting.key), *_values(setting), _reached(setting, len(kept))] for setting in settings]
        parts.append(_table(["parameter", "before", "now", "variants"], rows))
    return "\n\n".join(parts) or SAME


def headline(before: Revision, now: Revision) -> str:
    """Metrics of the chosen variant that have another value, with the interval of the change where there is one."""
    if absent := _absent("headline", before, now):
        return absent
    old, new = (dict(side.headline or {}) for side in (before, now))
    moved = {shift.metric: shift for shift in changes.headline_shifts(before, now)}
    rows = []
    for name in {**old, **new}:
        was, is_ = old.get(name), new.get(name)
        if was != is_:
            change = [MISSING, MISSING, ""]
            if was is not None and is_ is not None:
                shift = moved.get(name) or Shift("", name, Estimate(was, None, 1), Estimate(is_, None, 1))
                change = [_change(shift), EXCEEDS[shift.exceeds], _direction(name, was, is_)]
            rows.append([_named(name), _number(was), _number(is_), *change])
    return _table(["metric", "before", "now", "change", "its interval", ""], rows) if rows else SAME


def ablation(before: Revision, now: Revision) -> str:
    """Means and paired differences of the metrics shown in reports/ablation.md that moved beyond their intervals."""
    if absent := _absent("ablation", before, now):
        return absent
    old, new = before.ablation or {}, now.ablation or {}
    parts = []
    if old["patients"] != new["patients"]:
        numbers = f"{plain(old['patients'])} before, {plain(new['patients'])} now"
        parts.append(f"Patients compared: {numbers}; metrics depend on that.")
    if old["reference"] != new["reference"]:
        names = f"{plain(old['reference'])} before and {plain(new['reference'])} now"
        parts.append(f"The reference is {names}: differences from it are not compared.")
    for title, name in (("means", "variants"), ("differences from the reference", "difference_from_reference")):
        if name == "variants" or old["reference"] == new["reference"]:
            moved = [shift for shift in changes.shifts(old, new, name) if shift.metric in SHOWN]
            parts += _moved(title, moved, of_differences=name != "variants") if moved else []
    turned = changes.outcomes(old, new) if old["reference"] == new["reference"] else []
    parts += ["**Primary endpoints** judged otherwise:", _turns("variant: endpoint", turned)] if turned else []
    return "\n\n".join(parts) or SAME


def verdicts(before: Revision, now: Revision) -> str:
    """Objectives whose loss is judged otherwise."""
    absent = _absent("findings", before, now)
    return absent or _turns("variant: objective", changes.verdicts(before.findings or {}, now.findings or {}))


def claims(before: Revision, now: Revision) -> str:
    """Claims and expectations judged otherwise."""
    absent = _absent("findings", before, now)
    return absent or _turns("claim (measured by)", changes.claims(before.findings or {}, now.findings or {}))


def plain(text: Any) -> str:
    """Text of somebody else's on one line, that Markdown shows as it is: no table cell, tag, link or mention.

    Example:
        >>> plain("a | <b> [c](d)")
        'a \\\\| &lt;b&gt; \\\\[c\\\\](d)'
    """
    line = " ".join(str(text).split())
    line = line if len(line) <= WIDEST else f"{line[:WIDEST]} ..."
    line = line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    line = re.sub(r"([\\`*\[\]|])", r"\\\1", line)
    return re.sub(r"(@|#|:(?=//)|www(?=\.))", "\\1\u200b", line)  # an invisible space: no mention, reference or link


def _absent(name: str, before: Revision, now: Revision) -> str:
    """In words, which revision has no such file; empty if both have it."""
    lacking = [plain(side.name) for side in (before, now) if getattr(side, name) is None]
    return f"{changes.FILES[name]} is missing in {' and in '.join(lacking)}: not compared." if lacking else ""


def _moved(title: str, shifts: Sequence[Shift], of_differences: bool) -> list[str]:
    beyond = [shift for shift in shifts if shift.exceeds]
    without_interval = sum(shift.exceeds is None for shift in shifts)
    summary = (
        f"**{title.capitalize()}**: {len(shifts)} of those shown in reports/ablation.md changed, {len(beyond)} by more "
        f"than their interval; chance would do that to at most {0.05 * (len(shifts) - without_interval):.0f}."
    )
    if without_interval:
        summary += f" {without_interval} have no interval (one seed) and are not judged."
    rows = [
        [
            *(plain(shift.variant), _named(shift.metric), cell(shift.before), cell(shift.now), _change(shift)),
            "" if of_differences else _direction(shift.metric, shift.before.mean, shift.now.mean),
        ]
        for shift in sorted(beyond, key=lambda shift: (shift.interval or 0) / abs(shift.change))
    ]
    return [summary, *([_table(["variant", "metric", "before", "now", "change", ""], rows)] if rows else [])]


def _turns(what: str, turns: Sequence[Turn]) -> str:
    rows = [[plain(turn.what), plain(turn.before), plain(turn.now), plain(turn.because)] for turn in turns]
    return _table([what, "before", "now", "because"], rows) if rows else SAME


def _new(variant: str, now: Revision) -> str:
    """A variant that came, and what it changes in the reference."""
    reference = ((now.params or {}).get("ablation") or {}).get("reference", "")
    base, own = (dict(changes.flat(changes.effective(now).get(name, {}))) for name in (reference, variant))
    changed = [f"{key} {base[key]} → {value}" for key, value in own.items() if base.get(key, value) != value]
    return f"- new: {plain(variant)}" + (f", {plain(reference)} with {plain(', '.join(changed))}" if changed else "")


def _values(setting: Setting) -> list[str]:
    """Before and now; of lists what went and what came."""
    before, now = setting.before, setting.now
    if isinstance(before, list) and isinstance(now, list):
        gone, come = [x for x in before if x not in now], [x for x in now if x not in before]
        if gone or come:
            return [
                f"{sign} {plain(', '.join(map(str, own)))}" if own else "" for sign, own in (("−", gone), ("+", come))
            ]
    return [plain(before), plain(now)]


def _reached(setting: Setting, variants: int) -> str:
    return plain(", ".join(setting.variants)) if 0 < len(setting.variants) < variants else "all"


def _change(shift: Shift) -> str:
    return cell(Estimate(shift.change, shift.interval, shift.now.seeds), signed=True)


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    more = len(rows) - LONGEST
    return table(header, rows[:LONGEST]) + (f"\n\n... and {more} more." if more > 0 else "")


def _named(metric: str) -> str:
    return f"{plain(metric)} {ARROWS[METRICS[metric].better]}" if metric in METRICS else plain(metric)


def _direction(name: str, before: float, now: float) -> str:
    """Whether a change is for the better; empty where only the floor could tell."""
    metric = METRICS.get(name)
    if metric is None or (metric.better == "match" and metric.ideal is None):
        return ""
    target = 0.0 if metric.ideal is None else metric.ideal
    change = metric.gap(now, target) - metric.gap(before, target)
    return ("better" if change < 0 else "worse") if change else ""


def _number(value: float | None) -> str:
    return MISSING if value is None else f"{value:.4g}"
