"""What a page lists, as its reader sees it: headings, items of lists with their words, and where they lead."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from html.parser import HTMLParser


class Outline(HTMLParser):
    """A page as lists: the items of each section, the rows of its tables, the next action, the rail, the first tag."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.items: dict[str, list[Line]] = defaultdict(list)
        self.rows: list[Line] = []
        self.parts: dict[str, list[str]] = defaultdict(list)
        self.current = ""
        self._open: list[tuple[str, str, str]] = []
        self._line: Line | None = None
        self.feed(html)

    def says(self, part: str) -> str:
        """The text of a part by its class or tag, with single spaces."""
        return " ".join(" ".join(self.parts[part]).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = {name: value or "" for name, value in attrs}
        if tag in {"br", "hr", "img", "input", "link", "meta", "use", "rect", "path", "line", "circle"}:
            return
        section = said.get("aria-labelledby", "") if tag == "section" else ""
        self._open.append((tag, said.get("class", ""), section))
        if (tag == "li" and self._inside("section")) or tag == "tr":
            self._line = Line(current="aria-current" in said)
            where = self.items[self._section()] if tag == "li" else self.rows
            where.append(self._line)
        if tag == "a" and self._line is not None:
            self._line.links.append(said.get("href", ""))

    def handle_endtag(self, tag: str) -> None:
        if any(tag == one for one, *_more in self._open):
            while self._open.pop()[0] != tag:
                pass
        if tag in {"li", "tr"}:
            self._line = None

    def handle_data(self, data: str) -> None:
        if not data.strip():
            return
        if self._line is not None:
            self._line.words.append(data)
        for tag, classes, section in self._open:
            for part in (tag, section, *classes.split()):
                if part:
                    self.parts[part].append(data)

    def _inside(self, wanted: str) -> bool:
        return any(tag == wanted for tag, *_more in self._open)

    def _section(self) -> str:
        return next((section for _tag, _class, section in reversed(self._open) if section), "")


@dataclass
class Line:
    """One item of a list: all its words, and where it leads."""

    current: bool = False
    words: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())
