"""A long table of a report's page, shown some rows at a time; each table of a page turns for itself.

The rows are worked out, not read from a list in the database: a part is asked for by its number.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from flask import request, url_for

if TYPE_CHECKING:
    from collections.abc import Sequence


class Part(NamedTuple):
    """The rows of one part, of how many in all, and the addresses of the parts around it (empty: there is none).

    ``text`` says which rows these are; it is empty where they are all.
    """

    rows: list[Any]
    first: int
    count: int
    previous_url: str
    next_url: str
    text: str

    @property
    def split(self) -> bool:
        """Whether there are other rows than these."""
        return len(self.rows) < self.count


def part(rows: Sequence[Any], name: str, *, heading: str, size: int = 20) -> Part:
    """Return the part of a table that the address asks for; the first one where it says none, the last beyond it.

    ``name`` is one of `asking.PARTS`, ``heading`` the id of the heading to which a turned page leads.
    """
    last = max(1, -(-len(rows) // size))
    asked = request.args.get(name, "")
    number = min(max(int(asked), 1), last) if asked.isascii() and asked.isdigit() and len(asked) < 8 else 1
    first = (number - 1) * size
    before = _turned(name, number - 1, heading) if number > 1 else ""
    after = _turned(name, number + 1, heading) if number < last else ""
    found = list(rows[first : first + size])
    text = f"{first + 1} to {first + len(found)} of {len(rows)}" if len(found) < len(rows) else ""
    return Part(found, first, len(rows), before, after, text)


def _turned(name: str, number: int, heading: str) -> str:
    said: dict[str, Any] = {**request.args.to_dict(), **(request.view_args or {}), name: number, "_anchor": heading}
    return url_for(request.endpoint or "", **said)
