"""A portrait drawn: synthetic patients beside held-out real ones, code by code, in lengths, by age and in distance."""

from collections.abc import Mapping, Sequence
from typing import Any

from ehrgen.findings.page.axes import Linear, Log, x_axis, y_axis
from ehrgen.findings.page.html import Markup, el, joined, picture
from ehrgen.findings.text.tables import percent

Portrait = Mapping[str, Any]  # the content of reports/portraits/VARIANT/SEED.json
ODD_SHOWN = 6  # codes too common, and as many too rare
DIRECTIONS = {"too_often": "too often", "too_rarely": "too rarely"}
CUT = ("Diseases of the ", "Certain conditions originating in the ", "Complications of ", "Factors influencing ")
HIDDEN = "not published (it would tell of 1 to 10 patients)"


def brief(chapter: str) -> str:
    """A chapter's title in a few words.

    Example:
        >>> brief("Diseases of the blood and blood-forming organs"), brief("Injury and poisoning")
        ('Blood', 'Injury')
    """
    for start in CUT:
        chapter = chapter.removeprefix(start)
    words = chapter.split(",")[0].split(" and ")[0]
    return words[0].upper() + words[1:]


def scatter(portrait: Portrait) -> Markup:
    """Share of visits with each code, real across and synthetic up, both logarithmic; equal on the diagonal.

    The codes farthest from real stand out; those of a chapter do where its button in the legend is pressed.
    """
    codes, left, right, top, bottom = portrait["codes"], 62, 690, 12, 500
    seen = [share for side in ("real", "synthetic") for share in codes[side] if share]
    low, high = min([*seen, 0.001]), max([*seen, 0.01])
    x, y = Log(low, high, left + 58, right, zero=left + 16), Log(low, high, bottom - 40, top, zero=bottom - 14)
    odd = {code for direction in DIRECTIONS for code in portrait["odd_codes"][direction]["code"][:ODD_SHOWN]}
    marks = []
    for at, real in enumerate(codes["real"]):
        synthetic, code = codes["synthetic"][at], codes["code"][at]
        if synthetic is not None:
            tooltip = el("title", f"{code} {codes['title'][at]}\nreal: {_said(real)}, synthetic: {_said(synthetic)}")
            style = f"code c{codes['chapter'][at]}{' odd' if code in odd else ''}"
            marks.append(el("circle", tooltip, cx=x(real or 0), cy=y(synthetic), r=4, class_=style))
    words = [(tick, percent(tick)) for tick in x.ticks()]
    diagonal = el("path", d=f"M{x(low):.1f} {y(low):.1f}L{x(high):.1f} {y(high):.1f}", class_="diagonal")
    return picture(
        right + 14, bottom + 48, "Code frequencies, real against synthetic",
        y_axis(y, left, right, [*words, (0, "none")]), x_axis(x, top, bottom, [*words, (0, "none*")]), diagonal,
        el("text", "share of real visits", x=right, y=bottom + 34, class_="tick end"),
        el("text", "share of synthetic visits", x=left + 40, y=top + 8, class_="tick"), *marks,
    )  # fmt: skip


def legend(portrait: Portrait) -> Markup:
    """The chapters of the codes shown, each a button that lights up its codes."""
    buttons = []
    for chapter in sorted(set(portrait["codes"]["chapter"])):
        title = portrait["chapters"][chapter]
        buttons.append(
            el("button", brief(title), type="button", data_chapter=chapter, title=title, aria_pressed="false")
        )
    return el("div", *buttons, class_="legend", role="group", aria_label="ICD-9 chapters")


def farthest(portrait: Portrait) -> Markup:
    """The codes farthest from real: how many times too often or too rarely, and how many patients have them."""
    rows = []
    for direction, way in DIRECTIONS.items():
        odd = portrait["odd_codes"][direction]
        for at, code in enumerate(odd["code"][:ODD_SHOWN]):
            rows.append(
                el(
                    "tr",
                    el("th", code, scope="row"),
                    el("td", odd["title"][at]),
                    el("td", f"{odd['ratio'][at]:.1f} times {way}", class_="number"),
                    *(el("td", _patients(odd[side][at]), class_="number") for side in ("synthetic", "real")),
                )
            )
    words = ("code", "title", "comes", "synthetic patients", "real patients")
    head = el("tr", *(el("th", word, scope="col") for word in words))
    return el("table", el("thead", head), el("tbody", *rows), class_="codes")


def _patients(count: int | None) -> str:
    return "<11" if count is None else f"{count:,}"


def commonest(portrait: Portrait, most: int = 25) -> Markup:
    """The commonest generated codes with their titles, and how common they are in real patients."""
    codes = portrait["codes"]
    shown = [at for at, share in enumerate(codes["synthetic"]) if share][:most]
    widest = max([share for at in shown for share in (codes["real"][at], codes["synthetic"][at]) if share], default=1)
    rows = [
        el(
            "tr",
            el("th", codes["code"][at], scope="row"),
            el("td", codes["title"][at]),
            el("td", percent(codes["synthetic"][at]), class_="number"),
            el("td", _said(codes["real"][at]), class_="number"),
            el("td", _bars(codes["synthetic"][at], codes["real"][at], widest)),
        )
        for at in shown
    ]
    head = el(
        "tr", *(el("th", word, scope="col") for word in ("code", "title", "synthetic", "real", "share of visits"))
    )
    return el("table", el("thead", head), el("tbody", *rows), class_="codes")


def _bars(synthetic: float, real: float | None, widest: float) -> Markup:
    bars = [el("rect", x=0, y=1, width=max(0.5, 110 * synthetic / widest), height=6, class_="synthetic")]
    if real:
        bars.append(el("rect", x=0, y=8, width=max(0.5, 110 * real / widest), height=4, class_="real"))
    return el("svg", *bars, width="112", height="13", aria_hidden="true")


def lengths(portrait: Portrait) -> Markup:
    """Visits per patient and codes per visit: bars for the synthetic, steps for the real."""
    return joined(
        _sizes(portrait["visits_per_patient"], "Visits per patient", "share of patients"),
        _sizes(portrait["codes_per_visit"], "Codes per visit", "share of visits"),
    )


def _sizes(sides: Mapping[str, Sequence[float | None]], title: str, unit: str) -> Markup:
    whole = len(sides["real"])
    used = [at for at in range(whole) if sides["real"][at] != 0 or sides["synthetic"][at] != 0]
    last = max(used, default=0) + 1
    words = [f"{at + 1}{'+' if at + 1 == whole else ''}" for at in range(last)]
    return _histogram({side: sides[side][:last] for side in sides}, title, unit, words, max(1, round(last / 12)))


def distances(portrait: Portrait) -> Markup:
    """How near the nearest synthetic patient is to patients trained on (bars) and held out (steps)."""
    histogram = portrait["distances"]
    words = [f"{edge:.2g}" for edge in histogram["edges"][:-1]]
    sides = {"synthetic": histogram["train"], "real": histogram["heldout"]}
    return _histogram(sides, "Distance to the nearest synthetic patient", "share of patients", words, 4)


def _histogram(
    sides: Mapping[str, Sequence[float | None]], title: str, unit: str, words: Sequence[str], step: int
) -> Markup:
    width, height, left, right, top, bottom = 534, 216, 52, 526, 30, 180
    bars, highest = len(words), max([share for side in sides.values() for share in side if share], default=1.0)
    x, y = Linear(0, bars, left, right), Linear(0, highest * 1.05, bottom, top)
    drawn, outline, gap = [], "", (right - left) / bars * 0.12
    for at in range(bars):
        ours, theirs = sides["synthetic"][at], sides["real"][at]
        tooltip = el("title", f"{words[at]}: bar {_said(ours)}, line {_said(theirs)}")
        if ours is not None:
            size = {"x": x(at) + gap, "y": y(ours), "width": x(at + 1) - x(at) - 2 * gap, "height": bottom - y(ours)}
            drawn.append(el("rect", tooltip, **size, class_="bar"))
        if theirs is not None:
            start = "M" if at == 0 or sides["real"][at - 1] is None else "L"
            outline += f"{start}{x(at):.1f} {y(theirs):.1f}H{x(at + 1):.1f}"
        if ours is None or theirs is None:
            cross = f"M{x(at + 0.5) - 3:.1f} {bottom - 8}l6 6m0-6l-6 6"
            drawn.append(el("path", tooltip, d=cross, class_="hidden"))
    axis = [el("text", words[at], x=x(at + 0.5), y=bottom + 14, class_="tick mid") for at in range(0, bars, step)]
    return picture(
        width, height, title,
        el("text", title, x=left, y=14, class_="title"), el("text", unit, x=right, y=14, class_="tick end"),
        y_axis(y, left, right, [(tick, percent(tick)) for tick in y.ticks(4)]), *drawn, *axis,
        el("path", d=outline, class_="steps"),
    )  # fmt: skip


def conditioning(portrait: Portrait) -> Markup:
    """Share of first visits with a chapter by age bracket: a line a sex, dashed where it is real patients."""
    shares, titles = portrait["conditioning"], portrait["chapters"]
    return joined(*(_by_age(shares, at, titles[chapter]) for at, chapter in enumerate(shares["chapters"])))


def _by_age(conditioning: Mapping[str, Any], place: int, title: str) -> Markup:
    width, left, right, top, bottom = 254, 42, 246, 26, 142
    brackets = conditioning["brackets"]
    values = [share for side in ("real", "synthetic") for line in conditioning[side][place] for share in line if share]
    x, y = Linear(0, len(brackets) - 1, left + 8, right - 8), Linear(0, max([*values, 0.01]) * 1.05, bottom, top)
    lines = []
    for sex, letter in enumerate(conditioning["sexes"]):
        for side, style in (("real", "dashed"), ("synthetic", "solid")):
            shares = conditioning[side][place][sex]
            marks = [
                el(
                    "circle",
                    el("title", f"{letter}, {brackets[at]} years, {side}: {percent(share)}"),
                    cx=x(at),
                    cy=y(share),
                    r=2.6,
                )
                for at, share in enumerate(shares)
                if share is not None
            ]
            lines.append(el("g", *_pieces(shares, x, y), *marks, class_=f"s{sex + 1} {style}"))
    words = [(at, bracket) for at, bracket in enumerate(brackets)]
    return picture(
        width, bottom + 24, f"{title}: share of first visits by age and sex",
        el("text", brief(title), x=left, y=14, class_="title small"),
        y_axis(y, left, right, [(tick, percent(tick)) for tick in y.ticks(3)]), x_axis(x, bottom, bottom, words),
        *lines,
    )  # fmt: skip


def _pieces(shares: Sequence[float | None], x: Linear, y: Linear) -> list[Markup]:
    """Lines between neighbours that both have a share."""
    ends = zip(range(len(shares)), shares, shares[1:], strict=False)
    return [
        el("path", d=f"M{x(at):.1f} {y(share):.1f}L{x(at + 1):.1f} {y(following):.1f}")
        for at, share, following in ends
        if share is not None and following is not None
    ]


def _said(share: float | None) -> str:
    return HIDDEN if share is None else percent(share)
