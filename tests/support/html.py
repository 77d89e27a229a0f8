"""A page as a reader's program sees it: its elements, their attributes, and the text outside of style and script."""

from html.parser import HTMLParser

EMPTY = {"meta", "input", "br", "link", "img"}


class Reading(HTMLParser):
    """What was read.

    Attributes:
        tags: Elements with their attributes, in order.
        told: Title in a drawing -> attributes of the element that it is the tooltip of.
        balanced: Whether every element was ended in order.
    """

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.parts: list[str] = []
        self.open: list[str] = []
        self.above: list[dict[str, str | None]] = []  # attributes of the open elements
        self.told: dict[str, dict[str, str | None]] = {}
        self.balanced = True
        self.feed(page)
        self.close()
        self.balanced &= not self.open

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in EMPTY:
            self.open.append(tag)
            self.above.append(dict(attributes))

    def handle_startendtag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        self.balanced &= bool(self.open) and self.open.pop() == tag
        del self.above[-1:]

    def handle_data(self, data):
        if self.open[-1:] == ["title"] and len(self.above) > 1:
            self.told[data] = self.above[-2]
        if not {"style", "script"} & set(self.open):
            self.parts.append(data)

    @property
    def text(self) -> str:
        return "".join(self.parts)

    def all(self, tag: str, **attributes: str) -> list[dict[str, str | None]]:
        """Attributes of every element of this name that has these attributes among its own."""
        return [
            own
            for name, own in self.tags
            if name == tag and all(own.get(key) == value for key, value in attributes.items())
        ]

    def classed(self, name: str) -> list[dict[str, str | None]]:
        """Attributes of every element of this class."""
        return [own for _, own in self.tags if name in (own.get("class") or "").split()]
