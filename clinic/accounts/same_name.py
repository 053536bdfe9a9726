"""Whether two printed names may be one person's: other spelling, initials, middle names, other order (rules 2, 45)."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from clinic.wording import BARRED

TITLES = frozenset({
    "dr", "prof", "professor", "doctor", "med", "md", "phd", "rn", "mr", "mrs", "ms", "dipl", "ing", "msc", "bsc", "pd",
})  # fmt: skip
"""Words beside a name that do not tell people apart."""
SPELLINGS = (
    ("ae", "a"), ("oe", "o"), ("ue", "u"), ("ph", "f"), ("th", "t"), ("ck", "k"), ("c", "k"), ("q", "k"), ("w", "v"),
    ("z", "s"), ("y", "i"), ("j", "i"),
)  # fmt: skip
"""Ways to write one name: Nadja and Nadia, Müller and Mueller, Sophie and Sofie, Catherina and Katharina."""
ANY_OTHER = 2
"""More different letters than two spellings of one name have."""


@lru_cache(maxsize=4096)
def similar(one: str, other: str) -> bool:
    """Whether two printed names may be one person's.

    Titles, accents, case, marks and the order of the words do not count, nor does a middle name that only one of them
    has. An initial may be any name that it begins. One letter in all may differ, not the first one of a name: Anna
    and Hanna Berg, and Anna Berg and Anna Holm, are different people.
    """
    first, second = _words(one), _words(other)
    if _letters("".join(first), "".join(second)) < ANY_OTHER and first and second:
        return True
    return _one_holds_the_other(first, second) or _one_holds_the_other(_without_initials(first), second) or (
        _one_holds_the_other(first, _without_initials(second))
    )  # fmt: skip


def _words(name: str) -> tuple[str, ...]:
    bare = "".join(c for c in unicodedata.normalize("NFKD", name.casefold()) if not unicodedata.combining(c))
    found = re.findall(r"[^\W\d_]+", bare.translate(BARRED))
    return tuple(_spelled(word) for word in found if word not in TITLES) or tuple(found)


def _spelled(word: str) -> str:
    for written, plain in SPELLINGS:
        word = word.replace(written, plain)
    return re.sub(r"(.)\1+", r"\1", word)


def _without_initials(words: tuple[str, ...]) -> tuple[str, ...]:
    """Return the words of a name without its initials, where it has two others."""
    whole = tuple(word for word in words if len(word) > 1)
    return whole if len(whole) > 1 else words


def _one_holds_the_other(first: tuple[str, ...], second: tuple[str, ...]) -> bool:
    short, long = sorted((first, second), key=len)
    return bool(short) and _least(short, long) < ANY_OTHER


def _least(words: tuple[str, ...], among: tuple[str, ...]) -> int:
    """Return by how many letters the words of a name differ at least from as many words of another."""
    if not words:
        return 0
    least = ANY_OTHER
    for place, other in enumerate(among):
        apart = _apart(words[0], other)
        if apart < least:
            least = min(least, apart + _least(words[1:], among[:place] + among[place + 1 :]))
    return least


def _apart(word: str, other: str) -> int:
    if word == other:
        return 0
    if 1 in {len(word), len(other)}:
        return 0 if word[0] == other[0] else ANY_OTHER
    return _letters(word, other)


def _letters(word: str, other: str) -> int:
    """Return 0 for the same letters, 1 where one is other, missing or has changed places, but not the first one."""
    if word == other:
        return 0
    if word[:1] != other[:1] or abs(len(word) - len(other)) > 1:
        return ANY_OTHER
    start = next((i for i, (a, b) in enumerate(zip(word, other, strict=False)) if a != b), min(len(word), len(other)))
    a, b = word[start:], other[start:]
    swapped = a[:2] == b[1::-1] and a[2:] == b[2:] and len(a) > 1
    return 1 if a[1:] == b[1:] or a[1:] == b or a == b[1:] or swapped else ANY_OTHER
