"""Plays a history before the product and the oracle, compares after every act, and tells it where they differ."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import time_machine

from tests.proof.book import ASKED
from tests.proof.hands import Hands
from tests.proof.histories import DONATIONS, Act
from tests.proof.scene import COURSES, picture

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy import Connection

    from tests.proof.book import Book


@dataclass
class Played:
    """What came of one history."""

    acts: int = 0
    refused: int = 0
    given: int = 0
    questions: int = 0
    allowed: int = 0
    story: list[str] = field(default_factory=list)
    differences: list[str] = field(default_factory=list)

    def add(self, other: Played) -> None:
        """Count another one's acts and questions too."""
        for name in COUNTED:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.differences += other.differences

    @property
    def sums(self) -> str:
        """The figures in one line."""
        return ", ".join(f"{name} {getattr(self, name)}" for name in COUNTED) + f", differences {len(self.differences)}"


COUNTED = ("acts", "refused", "given", "questions", "allowed")


def resolved(act: Act, book: Book) -> Act:
    """Return an act with its moments: what was said as “so long ago” becomes a time."""
    now = book.now
    act = {"by": "", "at": now - act.get("ago", timedelta(0))} | act
    if "sampled_ago" in act:
        act["sampled_at"] = now - act["sampled_ago"]
    if "sample_ago" in act:
        act["sample_on"] = book.day(now - act["sample_ago"])
    if "until_in" in act:
        act["until"] = None if act["until_in"] is None else book.day(now + act["until_in"])
    if "on_ago" in act:
        act["on"] = None if act["on_ago"] is None else book.day(now)
    if "changes" in act:
        moved = {k: book.day(now + v) if isinstance(v, timedelta) else v for k, v in act["changes"].items()}
        act["changes"] = moved
    return act


def known(act: Act, book: Book) -> bool:
    """Whether all that an act names is there, and an amendment changes something."""
    if act["do"] == "allergy":
        return book.patients[act["patient"]]["allergies"] != book.allergies(act["said"])
    if act["do"] == "die":
        return book.patients[act["patient"]]["died_on"] != act["on"]
    if act["do"] == "begin":
        return act["check"] in book.checks
    if act["do"] in {"sign", "amend"}:
        one = getattr(book, act["table"]).get(act["record"])
        return one is not None and (act["do"] == "sign" or book.changes(act))
    return True


def play(acts: list[Act], connection: Connection, now: datetime, ids: dict[str, str]) -> Played:
    """Play one history up to the first difference; everything is rolled back."""
    outer, played = connection.begin(), Played()
    try:
        with time_machine.travel(now, tick=False) as clock:
            _go_on(acts, picture(now), Hands(connection, ids), played, clock, to_the_first=True)
    finally:
        outer.rollback()
    return played


def play_tree(
    start: list[Act], tails: list[list[Act]], connection: Connection, now: datetime, ids: dict[str, str],
    *, every_pair: bool,
) -> Iterator[tuple[list[Act], Played]]:  # fmt: skip
    """Play a beginning once and each way on from it, and yield each history with what came of it.

    ``every_pair``: at the end of each history every bag is asked about in every course.
    """
    outer, first = connection.begin(), Played()
    try:
        with time_machine.travel(now, tick=False) as clock:
            book, hands = picture(now), Hands(connection, ids)
            _go_on(start, book, hands, first, clock)
            yield start, first
            for tail in tails:
                fork, played = connection.begin_nested(), Played()
                mine = deepcopy(book)
                try:
                    clock.move_to(mine.now)
                    others = Hands(connection, hands.ids)
                    _go_on(tail, mine, others, played, clock)
                    if every_pair:
                        _compare(mine, others, played, all_pairs=True)
                finally:
                    fork.rollback()
                yield start + tail, played
    finally:
        outer.rollback()


def _go_on(
    acts: list[Act], book: Book, hands: Hands, played: Played, clock: Any, *, to_the_first: bool = False
) -> None:
    """Play acts one after the other, and compare after each."""
    for one in acts:
        book.now += timedelta(minutes=one.get("minutes", 1))
        clock.move_to(book.now)
        if act_on(one, book, hands, played):
            _compare(book, hands, played)
        if played.differences and to_the_first:
            return


def act_on(one: Act, book: Book, hands: Any, played: Played) -> bool:
    if one["do"] == "wait":
        played.story.append(f"{book.now:%d %b %H:%M} {one['minutes']} minutes pass")
        return True
    act = resolved(one, book)
    if not known(act, book):
        return False
    against = book.objections(act)
    refusal = hands.do(act)
    played.acts += 1
    said = f"refused: {refusal}" if refusal else "done"
    played.story.append(f"{book.now:%d %b %H:%M} {words(one)}: {said}")
    if refusal:
        played.refused += 1
        if not against and act["do"] in {*ASKED, *ALWAYS} and not book.may_have_to_scan_again(act):
            played.differences.append(f"the product refuses what the oracle allows: {words(one)}: {refusal}")
        return False
    if against and act["do"] in ASKED:
        played.differences.append(f"the product takes what the oracle forbids: {words(one)}: {against}")
    if act["do"] == "begin":
        played.given += 1
    book.accept(act)
    return True


ALWAYS = {"withdraw", "determine", "decide_eligibility", "weigh", "allergy", "result", "consent"}
"""Acts that a clinic must always be able to write down."""


def _compare(book: Book, hands: Hands, played: Played, *, all_pairs: bool = False) -> None:
    """Ask of every bag in its own course, and of one wrong pair; ``all_pairs``: of every bag in every course."""
    bags = [bag for bag in book.bags if bag not in DONATIONS]
    pairs = [(bag, course) for bag in bags for course in COURSES]
    if not all_pairs:
        turn = played.acts % len(pairs)
        pairs = [pair for place, pair in enumerate(pairs) if book.bags[pair[0]]["course"] == pair[1] or place == turn]
    for (bag, course), refused in hands.ask(pairs).items():
        played.questions += 1
        forbidden = book.forbids(bag, course)
        played.allowed += not forbidden
        if forbidden and not refused:
            played.differences.append(f"the gate would give {bag} in {course}; the oracle forbids: {forbidden}")
        if refused and not forbidden:
            played.differences.append(f"the gate refuses {bag} in {course}, which the oracle allows: {refused}")
        if not refused and played.allowed % 5 == 0 and hands.ask_as_the_page_does(bag, course):
            played.differences.append(f"the gate says two things of {bag} in {course}")


def words(act: Act) -> str:
    """Return an act as a line of a story."""
    rest = ", ".join(
        f"{key} {_short(value)}" for key, value in act.items() if key not in {"do", "by", "name"} and value is not None
    )
    return f"{act.get('by', '')} {act['do']} {act.get('name', '')} ({rest})"


def _short(value: Any) -> str:
    if isinstance(value, dict):
        odd = {key: said for key, said in value.items() if said != "negative"}
        return ", ".join(f"{key}={said}" for key, said in odd.items()) or "all negative"
    return str(value)


def shrunk(acts: list[Act], fails: Callable[[list[Act]], bool]) -> list[Act]:
    """Leave out act by act what the failure does not need."""
    size = max(1, len(acts) // 2)
    while size:
        place = 0
        while place < len(acts):
            fewer = acts[:place] + acts[place + size :]
            if fewer and fails(fewer):
                acts = fewer
            else:
                place += size
        size //= 2
    return acts
