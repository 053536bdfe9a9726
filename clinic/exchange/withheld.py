"""What names a person is taken out of a free text: names however they are written, and days of birth.

Compared without case, accents and separators, with the usual endings of a name (Henschel: “HENSCHELS”, “_Henschel_”). A
word that equals a name is taken out, whatever it means; only a common word in small letters (“may”, “long”) stays.
"""

from __future__ import annotations

import re
import unicodedata
from itertools import islice
from typing import TYPE_CHECKING

from sqlalchemy import select

from clinic.patients.models import Patient
from clinic.patients.names import name_key
from clinic.wording import BARRED

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import date

    from sqlalchemy.orm import Session

REMOVED = "[name removed]"
DAY_REMOVED = "[date of birth removed]"
LONGEST = 4
"""Words of a name at most, when the patients of the site are looked for in a text."""
MOST_KEYS = 20_000
PIECE = 500
SEPARATOR = r"[\W_]{0,3}"
LETTERS = re.compile(r"[^\W\d_]+")
ENDINGS = r"(?:['’`]?s|es|ens?|n|a|u|om|em|ovi|ova|ovy|sche[nrsm]?)?"
NO_NAMES = {
    "dr", "med", "prof", "professor", "doctor", "nurse", "physician", "technologist", "quality", "director",
    "coordinator", "inspector", "administrator", "clinic", "mr", "mrs", "ms", "frau", "herr", "von", "van", "vom",
    "der", "den", "del", "dos", "das", "ter", "ten", "bin", "ibn", "and", "und", "the",
}  # fmt: skip
ORDINARY = {
    "an", "art", "bank", "best", "bill", "black", "blood", "bone", "brown", "bush", "case", "church", "cook", "dawn",
    "day", "do", "faith", "field", "foot", "frank", "good", "grace", "gray", "green", "grey", "hand", "head", "heart",
    "high", "hill", "hope", "in", "joy", "king", "klein", "lang", "little", "long", "low", "major", "mark", "may",
    "no", "on", "page", "power", "rich", "rose", "sharp", "short", "skin", "small", "so", "son", "stark", "stone",
    "strong", "sweet", "to", "ward", "weiss", "white", "will", "wise", "wood", "young",
}  # fmt: skip
MONTHS = (
    "jan", "feb", "m(?:ar|rz|aerz)", "apr", "ma[yi]", "jun", "jul", "aug", "sep", "o[ck]t", "nov", "de[cz]"
)  # fmt: skip


class Withheld:
    """Takes names and days of birth out of texts, and counts the words that it took out."""

    def __init__(self, names: Iterable[str], births: Iterable[date] = (), others: Iterable[str] = ()) -> None:
        self.words = 0
        whole, parts = {*names, *others}, {part for name in names for part in name.split()}
        found = {said for name in whole for said in _written(name, endings=True)}
        found |= {said for part in parts for said in _single(part)}
        bound = sorted(found, key=len, reverse=True)
        self._names = re.compile(rf"(?<![^\W\d_])(?:{'|'.join(bound)})(?![^\W\d_])") if bound else None
        days = [said for day in births for said in _days(day)]
        self._days = re.compile(rf"(?<!\d)(?:{'|'.join(days)})(?!\d)") if days else None

    def __call__(self, text: str | None) -> str | None:
        """Return a text without them; None where there is none."""
        if not text:
            return None
        text = self._without(self._without(text, self._days, DAY_REMOVED), self._names, REMOVED)
        return re.sub(rf"({re.escape(REMOVED)}[\s,]*)+(?={re.escape(REMOVED)})", "", text)

    def _without(self, text: str, wanted: re.Pattern[str] | None, instead: str) -> str:
        if wanted is None:
            return text
        folded, places = _folded(text)
        kept, done = list[str](), 0
        for one in wanted.finditer(folded):
            start, end = places[one.start()], places[one.end()]
            said = text[start:end]
            if instead == REMOVED and _stays(said, one[0]):
                continue
            self.words += len(re.findall(r"\w+", said))
            kept += [text[done:start], instead]
            done = end
        return "".join([*kept, text[done:]])


def _stays(said: str, folded: str) -> bool:
    """Whether what was found is no name as it is written: a common word, or two letters, without a capital."""
    return said.islower() and (len(folded) < 3 or folded in ORDINARY or folded.removesuffix("s") in ORDINARY)


def _folded(text: str) -> tuple[str, list[int]]:
    """Return a text without case, accents and invisible characters, and where each of its characters stood."""
    found, places = list[str](), list[int]()
    for at, one in enumerate(text):
        if unicodedata.category(one) == "Cf":
            continue
        for part in unicodedata.normalize("NFKD", one.casefold().translate(BARRED)).casefold():
            if not unicodedata.combining(part):
                found.append(part)
                places.append(at)
    return "".join(found), [*places, len(text)]


def _spelled(name: str) -> set[str]:
    """Return a name folded, its umlauts as one letter and as two."""
    two = name.casefold().translate(str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "å": "aa"}))
    plain = {_folded(name)[0], _folded(two)[0]}
    return plain | {re.sub("(?<=[aou])e", "", one) for one in plain if re.search("ae|oe|ue", one)}


def _written(name: str, *, endings: bool = False) -> Iterator[str]:
    """Yield the expressions that find a whole name, whichever of its words comes first."""
    for spelled in _spelled(name):
        words = LETTERS.findall(spelled)
        if sum(map(len, words)) < 3:
            continue
        for first in range(len(words)):
            one = words[first:] + words[:first]
            yield SEPARATOR.join(map(re.escape, one)) + (ENDINGS if endings else "")


def _single(part: str) -> Iterator[str]:
    """Yield the expressions that find one part of a name, such as O'Hara, and the words of which it is made."""
    for spelled in _spelled(part):
        words = [one for one in LETTERS.findall(spelled) if one not in NO_NAMES]
        for one in words:
            if len(one) >= 3:
                yield re.escape(one) + (ENDINGS if len(one) > 3 else r"(?:['’`]?s)?")
            elif len(one) == 2 and len(words) == 1 and one not in ORDINARY:
                yield re.escape(one)
        if len(words) > 1:
            yield SEPARATOR.join(map(re.escape, words)) + ENDINGS


def _days(day: date) -> Iterator[str]:
    """Yield the expressions that find a day of birth as it is usually written, in figures or with its month's name."""
    month, year = f"{MONTHS[day.month - 1]}[a-z]*", rf"(?:{day.year}|['’]?{day.year % 100:02})"
    m, d, gap = rf"0?{day.month}", rf"0?{day.day}(?:st|nd|rd|th)?", r"[\W_]{1,3}"
    yield rf"{day.year}{gap}{m}{gap}0?{day.day}"
    yield rf"0?{day.day}{gap}{m}{gap}{year}"
    yield rf"{m}{gap}0?{day.day}{gap}{year}"
    yield rf"{d}(?:{gap}of)?[\W_]{{0,3}}{month}[\W_]{{0,3}}{year}"
    yield rf"{month}[\W_]{{0,3}}{d}[\W_]{{1,3}}{year}"
    yield rf"{day.year}[\W_]{{0,3}}{month}[\W_]{{0,3}}{d}"
    yield f"{day:%Y%m%d}|{day:%d%m%Y}"


def other_patients(session: Session, texts: Iterable[str | None]) -> list[str]:
    """Return the names of the site's patients whose whole name may stand in some texts, however it is spelled.

    Bounded by the length of the texts: each run of two to four words is looked up by its key, see `name_key`.
    """
    keys = (key for text in texts if text for key in _keys(text))
    wanted, found = list(dict.fromkeys(islice(keys, MOST_KEYS))), set[str]()
    for start in range(0, len(wanted), PIECE):
        chosen = select(Patient.given_names, Patient.family_name)
        rows = session.execute(chosen.where(Patient.name_key.in_(wanted[start : start + PIECE])))
        found |= {f"{row.given_names or ''} {row.family_name or ''}".strip() for row in rows}
    return sorted(found)


def _keys(text: str) -> Iterator[str]:
    words = LETTERS.findall(_folded(text)[0])
    for start in range(len(words)):
        for end in range(start + 2, min(start + LONGEST, len(words)) + 1):
            run = words[start:end]
            yield name_key(*run)
            for at in {0, len(run) - 1}:
                if run[at].endswith("s"):
                    yield name_key(*run[:at], run[at][:-1], *run[at + 1 :])
