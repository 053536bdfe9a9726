"""Takes out of one person's texts what names another patient: whole names, however spelled, and record numbers."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from clinic.access import own_site
from clinic.accounts.models import User
from clinic.exchange.withheld import Withheld, other_patients
from clinic.patients.donors import Donor
from clinic.patients.models import Patient
from clinic.patients.names import name_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from sqlalchemy.orm import Session

NUMBER_REMOVED = "[record number removed]"
TOKEN = re.compile(r"\w[\w./-]*\w")
TOLD = re.compile(r"(?=.*\d).*[^\W\d]|\d{5}")
"""A word that a record number is told by: letters with a figure, or five figures.

Letters alone are a word of the language, whatever number somebody was given; a shorter figure is any figure.
"""
WORDS, AT_ONCE = 1500, 500
"""Words whose runs are looked up as names together, and words that are looked up as numbers by one statement."""


class Others:
    """What texts say of other patients of the site, and of donors who are other people, found once for all of them."""

    def __init__(self, session: Session, people: Sequence[Patient], donors: Iterable[str], texts: set[str]) -> None:
        own = {name_key(one.given_names, one.family_name) for one in people}
        staff = {name_key(name) for name in session.scalars(select(User.printed_name))}
        self._numbers = _pattern(_numbers(session, people, texts))
        names = {name for some in _in_turns(texts) for name in other_patients(session, some)}
        named = select(Donor.name).where(Donor.id.in_(sorted(donors)), Donor.patient_id.is_(None))
        names |= {name for name in session.scalars(named) if name}
        self._withheld = Withheld((), others={one for one in names if name_key(one) not in own | staff})

    def __call__(self, text: str) -> str:
        """Return a text without them."""
        without = self._withheld(text) or text
        return self._numbers.sub(NUMBER_REMOVED, without) if self._numbers else without

    def in_any(self, value: Any) -> bool:
        """Whether anything in a document of texts, lists and keys names another patient."""
        return any(self(text) != text for text in texts_in(value))

    def taken_out(self, value: Any) -> Any:
        """Return a document of texts, lists and keys without them."""
        if isinstance(value, str):
            return self(value)
        if isinstance(value, dict):
            return {key: self.taken_out(one) for key, one in value.items()}
        if isinstance(value, list | tuple):
            return [self.taken_out(one) for one in value]
        return value


def texts_in(value: Any) -> Iterator[str]:
    """Yield every text of a document of texts, lists and keys."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for one in value.values():
            yield from texts_in(one)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from texts_in(one)


def _in_turns(texts: Iterable[str]) -> Iterator[list[str]]:
    """Yield texts so many at a time that all their names are looked up."""
    turn, words = list[str](), 0
    for text in sorted(texts):
        size = len(text.split())
        if turn and words + size > WORDS:
            yield turn
            turn, words = [], 0
        turn.append(text)
        words += size
    if turn:
        yield turn


def _numbers(session: Session, people: Sequence[Patient], texts: Iterable[str]) -> list[str]:
    """Return the record numbers of other patients that stand in some texts."""
    words = sorted({word for text in texts for word in TOKEN.findall(text) if TOLD.match(word)})
    own, found = {one.record_number for one in people}, list[str]()
    for start in range(0, len(words), AT_ONCE):
        named = Patient.record_number.in_(words[start : start + AT_ONCE])
        chosen = select(Patient.record_number).where(*own_site(session, Patient), named)
        found += [number for number in session.scalars(chosen) if number and number not in own]
    return found


def _pattern(numbers: Iterable[str]) -> re.Pattern[str] | None:
    bound = sorted(map(re.escape, set(numbers)), key=len, reverse=True)
    return re.compile(rf"(?<!\w)(?:{'|'.join(bound)})(?!\w)") if bound else None
