"""Public identifiers: random, without personal information, with a check character (ISO 7064, mod 37,2).

``PT-7K4M2QRX5`` is a kind (two letters), eight random characters and the check character over both.
No letter I, L, O or U is drawn, so nothing is misread; the check finds every single wrong character and
every swap of neighbours (hazard H3). The same check serves donation numbers (rule 5).
"""

from __future__ import annotations

import hashlib
import random
import re
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

VALUES = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ*"
DRAWN = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
LENGTH = 12
PREFIX = re.compile(r"^[\x1d\s]*(\][A-Za-z][0-9A-Za-z])?[\x1d\s]*")
"""What a scanner may put before a code: ``]C0`` and the like name its symbology (AIM, ISO/IEC 15424)."""
SHAPE = re.compile(rf"[A-Z]{{2}}-[{DRAWN}]{{8}}[0-9A-Z]")

_source: ContextVar[random.Random] = ContextVar("source", default=random.SystemRandom())  # noqa: B039 - it keeps no state
PATH = re.compile(r"/(?!/)[!-\[\]-~]*")
"""A path of ours: one slash first, then visible ASCII letters, and no backslash."""


def check_character(text: str) -> str:
    """Return the mod 37,2 check character of capital letters and digits (ST-001 v6.2.2, appendix A.1)."""
    total = 0
    for character in text:
        total = (total + VALUES.index(character)) * 2 % 37
    return VALUES[(38 - total) % 37]


def drawn(length: int) -> str:
    """Return random characters, none of them easily misread."""
    return "".join(_source.get().choices(DRAWN, k=length))


def new_id(kind: str) -> str:
    """Return a new public id of a kind, e.g. ``new_id("PT")``.

    Drawn again until it holds a digit and its check character is no ``*``, so that it fits in an address.
    """
    while True:
        body = "".join(_source.get().choices(DRAWN, k=8))
        check = check_character(kind + body)
        if check != "*" and any(character.isdigit() for character in body):
            return f"{kind}-{body}{check}"


def scanned(text: str) -> str:
    """Return a code as it was printed, without what the scanner put before it."""
    return PREFIX.sub("", text).strip()


def parse_id(text: str, kind: str | None = None) -> str | None:
    """Return the id that was typed or scanned, in its one spelling, or None if it is not one."""
    typed = re.sub(r"[\s-]", "", PREFIX.sub("", text)).upper()
    spelled = f"{typed[:2]}-{typed[2:]}"
    if not SHAPE.fullmatch(spelled) or (kind and typed[:2] != kind):
        return None
    return spelled if check_character(typed[:-1]) == typed[-1] else None


@contextmanager
def drawn_from(seed: int | str) -> Iterator[random.Random]:
    """Draw ids from a seed within the block, so that a demonstration clinic can be repeated."""
    source = random.Random(seed)  # noqa: S311 - repeatable on purpose, for demonstrations only
    token = _source.set(source)
    try:
        yield source
    finally:
        _source.reset(token)


def within(place: str | None) -> str:
    """Return a path of this clinic that a sign-in or a draft may lead on to; nothing where it could lead anywhere else.

    Browsers read a backslash as a slash, and leave out tabs, line ends and what stands before the first letter.
    """
    return place if place and PATH.fullmatch(place) else ""


def fingerprint(text: str) -> str:
    """Return what is kept of a name, an address or a token."""
    return hashlib.sha256(text.encode(errors="replace")).hexdigest()
