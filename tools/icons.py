"""The icons in use, drawn as one small SVG: the whole set would be 2 MB, what pages show is a few kilobytes."""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

BOUNDING_BOX = re.compile(r'<path stroke="none" d="M0 0h24v24H0z" fill="none"\s*/>')
DRAWING = re.compile(r"<svg\b[^>]*>(.*)</svg>", re.DOTALL)


class UnknownIconError(Exception):
    """A name in the list is no Tabler outline icon."""


def names(listed: Path) -> list[tuple[int, str]]:
    """Line numbers and names; what follows a # is a remark."""
    lines = enumerate(listed.read_text().splitlines(), start=1)
    return [(number, name) for number, line in lines if (name := line.partition("#")[0].strip())]


def sprite(listed: Path, drawings: Path) -> str:
    """One SVG with a symbol ``i-NAME`` for each name in ``listed``; colour and stroke come from the style sheet."""
    symbols = {}
    for number, name in names(listed):
        file = drawings / f"{name}.svg"
        if not file.is_file():
            near = difflib.get_close_matches(name, [drawing.stem for drawing in drawings.glob("*.svg")], n=3)
            hint = f" Near it: {', '.join(near)}." if near else ""
            raise UnknownIconError(f"{listed.name}, line {number}: there is no Tabler outline icon “{name}”.{hint}")
        drawn = DRAWING.search(file.read_text())
        if drawn is None:
            raise UnknownIconError(f"{listed.name}, line {number}: the drawing of “{name}” cannot be read.")
        paths = "".join(line.strip() for line in BOUNDING_BOX.sub("", drawn[1]).splitlines())
        symbols[name] = f'<symbol id="i-{name}" viewBox="0 0 24 24">{paths}</symbol>'
    body = "\n".join(symbols[name] for name in sorted(symbols))
    return f'<svg xmlns="http://www.w3.org/2000/svg">\n{body}\n</svg>\n'
