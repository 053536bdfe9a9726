"""Reads a page as a person's reader does, and says what is wrong with it."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask.testing import FlaskClient
    from werkzeug.test import TestResponse

VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
UNSEEN = {"script", "style", "template"}
BROKEN = re.compile(r"\bNone\b|Traceback|sqlalchemy\.|werkzeug\.|<[a-z_.]+ object at|Undefined|\bbuilt-in method\b")


class Page(HTMLParser):
    """One page: its title, headings, boxes and their labels, links, hidden values and the text that is seen."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.html = ""
        self.title = ""
        self.headings: list[str] = []
        self.links: list[str] = []
        self.actions: list[tuple[str, str]] = []
        self.hidden: dict[str, str] = {}
        self.values: dict[str, str] = {}
        self.inputs: list[dict[str, str]] = []
        self.ids: list[str] = []
        self.inline: list[str] = []
        self._labels: set[str] = set()
        self._open: list[str] = []
        self._seen: list[str] = []

    @classmethod
    def of(cls, html: str) -> Page:
        """Return the page that was read."""
        page = cls()
        page.html = html
        page.feed(html)
        return page

    @property
    def text(self) -> str:
        """What is seen, with single spaces."""
        return " ".join(" ".join(self._seen).split())

    def __contains__(self, sentence: str) -> bool:
        return sentence in self.text

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = {name: value or "" for name, value in attrs}
        if tag not in VOID:
            self._open.append(tag)
        self._note_inline(tag, said)
        if "id" in said:
            self.ids.append(said["id"])
        if tag == "a" and "href" in said:
            self.links.append(said["href"])
        elif tag == "form":
            self.actions.append((said.get("method", "get").lower(), said.get("action", "")))
        elif tag == "label" and "for" in said:
            self._labels.add(said["for"])
        elif tag in {"input", "select", "textarea"}:
            self._box(tag, said)
        elif tag == "h1":
            self.headings.append("")

    def _note_inline(self, tag: str, said: dict[str, str]) -> None:
        if "style" in said or tag == "style":
            self.inline.append(f"style on <{tag}>")
        self.inline += [f"{name} on <{tag}>" for name in said if name.startswith("on")]
        if tag == "script" and "src" not in said and said.get("type") != "application/json":
            self.inline.append("script in the page")
        self.inline += [
            f"{said[name]} from elsewhere"
            for name in ("src", "href", "action")
            if said.get(name, "").startswith(("http", "//"))
        ]

    def _box(self, tag: str, said: dict[str, str]) -> None:
        if said.get("type") == "hidden":
            self.hidden[said.get("name", "")] = said.get("value", "")
            return
        self.values[said.get("name", "")] = said.get("value", "")
        self.inputs.append({**said, "tag": tag, "inside": " ".join(self._open)})

    def handle_endtag(self, tag: str) -> None:
        if tag in self._open:
            while self._open and self._open.pop() != tag:
                pass

    def handle_data(self, data: str) -> None:
        if "title" in self._open and "svg" not in self._open:
            self.title += data
        elif not UNSEEN & set(self._open):
            self._seen.append(data)
        if self._open and "h1" in self._open:
            self.headings[-1] += data

    def problems(self) -> list[str]:
        """Return what is wrong with this page, a sentence each."""
        found = []
        if not self.title.strip(" –\n") or self.title.strip().startswith("–"):
            found.append("the page has no title")
        if len(self.headings) != 1 or not self.headings[0].strip():
            found.append(f"the page has {len(self.headings)} first headings: {self.headings}")
        found += [
            f"{box['tag']} {box.get('name', '?')} has no label"
            for box in self.inputs
            if box.get("id") not in self._labels
            and not box.get("aria-label")
            and not box.get("aria-labelledby")
            and "label" not in box["inside"].split()
            and box.get("type") not in {"submit", "button"}
        ]
        found += [f"the id {name} is there twice" for name in sorted({i for i in self.ids if self.ids.count(i) > 1})]
        found += self.inline
        broken = BROKEN.search(self.text)
        if broken:
            found.append(f"the page says “{broken[0]}”: …{self.text[max(0, broken.start() - 60) : broken.end() + 60]}…")
        return found


def searched(browser: FlaskClient, url: str, **words: str) -> TestResponse:
    """Search a list as its form does, and return the list to which the answer leads."""
    answer = browser.post(url, data=words)
    assert answer.status_code == 303
    return browser.get(answer.location)
