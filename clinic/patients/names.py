"""How names, numbers and days are compared: accents, case, order and small slips of spelling do not count."""

from __future__ import annotations

import re
import unicodedata
from datetime import date
from difflib import SequenceMatcher
from itertools import groupby
from typing import Any

from clinic.clock import part_of
from clinic.wording import BARRED, visible

SOUNDS = (
    ("sch", "s"), ("sh", "s"), ("ch", "k"), ("ck", "k"), ("qu", "kv"), ("qv", "kv"), ("ph", "f"), ("th", "t"),
    ("dt", "t"), ("x", "ks"), ("c", "k"), ("q", "k"), ("w", "v"), ("z", "s"), ("d", "t"), ("kv", "k"),
)  # fmt: skip
CLOSE = 0.82
"""From here on two names are close: one letter in six may differ. Lindqvist and Lindquist: 0.89."""
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
WRITTEN = (
    re.compile(r"(?<!\d)(?P<y>\d{4})[-/.](?P<m>\d{1,2})[-/.](?P<d>\d{1,2})(?!\d)", re.ASCII),
    re.compile(r"(?<!\d)(?P<d>\d{1,2})[-/.]\s?(?P<m>\d{1,2})[-/.]\s?(?P<y>\d{4})(?!\d)", re.ASCII),
    re.compile(r"(?<!\d)(?P<d>\d{1,2})\.?\s(?P<n>[a-z]{3,9})\.?\s(?P<y>\d{4})(?!\d)", re.ASCII | re.IGNORECASE),
)


def searchable(text: str) -> str:
    """Return text as it is compared in a search: no accents, no case, single spaces between its words."""
    if text.isascii():
        return " ".join(re.findall("[a-z0-9]+", text.lower()))
    bare = "".join(c for c in unicodedata.normalize("NFKD", visible(text)) if not unicodedata.combining(c))
    folded = unicodedata.normalize("NFKD", bare.casefold()).translate(BARRED)
    kept = (c if c.isalnum() or unicodedata.category(c).startswith("M") else " " for c in folded)
    return " ".join("".join(c for c in kept if not unicodedata.combining(c)).split())


def compact(text: str) -> str:
    """Return a number without its spaces and marks: ``N-004187`` and ``n 004187`` are the same."""
    return searchable(text).replace(" ", "")


def name_key(*names: str | None) -> str:
    """Return names as they sound, sorted: swapped names and common spellings of one name have the same key."""
    return " ".join(sorted(_sound(word) for word in searchable(" ".join(name or "" for name in names)).split()))


def _sound(word: str) -> str:
    for written, heard in SOUNDS:
        word = word.replace(written, heard)
    first = "a" if word[0] in "aeiouy" else word[0]
    rest = "".join(c for c in word[1:] if c not in "aeiouyhj")
    return "".join(c for c, _run in groupby(first + rest))


class Nearness:
    """One name, to be compared with many: 0 to 1 for each, however its words are ordered; 0 below `CLOSE`."""

    def __init__(self, name: str) -> None:
        self.text = searchable(name)
        self.key = name_key(name)
        self._straight = SequenceMatcher(None, "", self.text, autojunk=False)
        self._by_words = SequenceMatcher(None, "", _in_order(self.text), autojunk=False)

    def to(self, text: str) -> float:
        """Return how near a name is that is `searchable` already."""
        if not self.text or not text:
            return 0.0
        self._straight.set_seq1(text)
        # the same letters in another order share this bound: where it is low, no order helps
        if self._straight.real_quick_ratio() < CLOSE or self._straight.quick_ratio() < CLOSE:
            return 0.0
        self._by_words.set_seq1(_in_order(text))
        best = max(self._straight.ratio(), self._by_words.ratio())
        return best if best >= CLOSE else 0.0


def is_name_of(text: str, *names: str | None) -> bool:
    """Whether a text is a person's name, in any order and close spelling, with initials; “the patient” is so too."""
    said = [word for word in searchable(text).split() if word not in {"dr", "prof", "mr", "mrs", "ms", "the"}]
    own = searchable(" ".join(name or "" for name in names)).split()
    if said and set(said) <= {"patient", "self", "herself", "himself"}:
        return True
    return bool(said) and all(any(_same_word(word, known) for known in own) for word in said)


def _same_word(word: str, known: str) -> bool:
    initial = len(word) == 1 and known.startswith(word)
    return initial or word == known or SequenceMatcher(None, word, known, autojunk=False).ratio() >= CLOSE


def _in_order(text: str) -> str:
    return " ".join(sorted(text.split()))


def days_in(text: str) -> tuple[list[date], str]:
    """Return the calendar days written in a text, and the text without them.

    Written 9.3.1974, 9/3/1974, 1974-03-09 or 9 Mar 1974, always day before month. What is no day of the calendar
    stays in the text.
    """
    found: list[date] = []

    def take(match: re.Match[str]) -> str:
        said = match.groupdict()
        name = (said.get("n") or "")[:3].lower()
        month = MONTHS.index(name) + 1 if name in MONTHS else int(said.get("m") or 0)
        try:
            found.append(date(int(said["y"]), month, int(said["d"])))
        except ValueError:
            return match[0]
        return " "

    for shape in WRITTEN:
        text = shape.sub(take, text)
    return found, text


def search_text(patient: Any) -> str:
    """Return by which words a patient is found: names, record number, and the birth date in the usual spellings."""
    born, precision = patient.birth_date, getattr(patient, "precision", None) or {}
    known = {"month": 7, "year": 4}.get(part_of(precision.get("birth_date", "")))
    said = (patient.family_name, patient.given_names, patient.record_number, compact(patient.record_number or ""))
    days = (f"{born.isoformat()} {born:%d %m %Y} {born:%d} {born:%b} {born.year}",) if born else ()
    days = (born.isoformat()[:known],) if born and known else days  # nobody is found by a day that is not known
    return searchable(" ".join(part for part in (*said, *days) if part))
