"""A page as a browser reads it."""

from html.parser import HTMLParser

VOID = {"meta", "img", "br"}


class Page(HTMLParser):
    """Collects elements, attributes and text; fails on tags that do not match.

    `script` is what scripts hold, `headings` those of sections; neither is part of the other text.
    """

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text, self.script, self.headings = "", "", list[str]()
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        if self._open[-1:] == ["script"]:
            self.script += data
            return
        self.text += data
        if self._open[-1:] == ["h2"]:
            self.headings.append(data)

    def all(self, name: str) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.tags if tag == name]

    def handlers(self) -> list[str]:
        """Attributes that would run something."""
        return [name for _, attrs in self.tags for name in attrs if name.startswith("on")]
