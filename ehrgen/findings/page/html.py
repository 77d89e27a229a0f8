"""HTML and SVG as text: the only place that writes a tag, so the only place where text has to be escaped."""

from html import escape

EMPTY = {"circle", "input", "line", "meta", "path", "polygon", "polyline", "rect", "use"}  # written without an end tag


class Markup(str):
    """Text that is markup already, and is not escaped again."""

    __slots__ = ()


def el(name: str, /, *children: str | None, **attributes: str | float | bool | None) -> Markup:
    """An element. Children that are no `Markup` are escaped; None and False leave a child or an attribute out.

    Attributes are named as in HTML, but for `class_` and `for_`, and `_` for `-`. Numbers are written short.

    Example:
        >>> el("p", "a < b ", el("b", "c"), class_="x", hidden=True, data_n=0.50001)
        '<p class="x" hidden data-n="0.5">a &lt; b <b>c</b></p>'
        >>> el("path", d="M0 0")
        '<path d="M0 0"/>'
    """
    given = {key: value for key, value in attributes.items() if value is not None and value is not False}
    written = "".join(_attribute(key, value) for key, value in given.items())
    if name in EMPTY and not children:
        return Markup(f"<{name}{written}/>")
    return Markup(f"<{name}{written}>{joined(*children)}</{name}>")


def joined(*children: str | None) -> Markup:
    """The children one after the other, escaped where they are plain text."""
    return Markup(
        "".join(child if isinstance(child, Markup) else escape(child) for child in children if child is not None)
    )


def picture(width: float, height: float, label: str, *children: str | None) -> Markup:
    """A drawing of this size in pixels; `label` is what a screen reader says of it."""
    return el(
        "svg", *children, viewBox=f"0 0 {short(width)} {short(height)}", width=width, role="img", aria_label=label
    )


def svg_file(width: float, height: float, label: str, style: str, *children: str | None) -> str:
    """The whole text of an SVG file, with styles of its own, as an image takes none from the page around it."""
    drawing = el(
        "svg",
        el("style", Markup(style)),
        *children,
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {short(width)} {short(height)}",
        width=width,
        height=height,
        role="img",
        aria_label=label,
    )
    return drawing + "\n"


def short(number: float) -> str:
    """A coordinate to a tenth of a pixel.

    Example:
        >>> short(12.0), short(0.25), short(-0.01)
        ('12', '0.2', '0')
    """
    return f"{number:z.1f}".removesuffix(".0")


def _attribute(key: str, value: str | float | bool) -> str:
    key = key.rstrip("_").replace("_", "-")
    if value is True:
        return f" {key}"
    return f' {key}="{escape(value) if isinstance(value, str) else short(value)}"'
