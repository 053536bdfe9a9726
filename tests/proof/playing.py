"""Plays a history before the product and the oracle, compares after every act, and tells it where they differ."""

from __future__ import annotations

from collections import Counter
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import time_machine

from tests.proof.acts import DONATIONS, Act
from tests.proof.hands import Hands
from tests.proof.objections import ASKED, STOPPED
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
    kinds: Counter[str] = field(default_factory=Counter)
    """How often each kind of act was done or refused, and each kind of reason forbade a bag."""
    story: list[str] = field(default_factory=list)
    differences: list[str] = field(default_factory=list)

    def add(self, other: Played) -> None:
        """Count another one's acts and questions too."""
        for name in COUNTED:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.kinds += other.kinds
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
    if "in" in act:
        act["end"] = now + act["in"]
    if act["do"] == "run":
        act["at"] = now - timedelta(minutes=act["minutes"])
    return act


NAMED = {
    "bag": "bags", "course": "courses", "patient": "patients", "merge": "merges", "run": "runs", "consent": "consents",
    "check": "checks",
}  # fmt: skip
"""The word for what an act names → the table in which it is."""


def known(act: Act, book: Book) -> bool:
    """Whether all that an act names is there, and an amendment changes something."""
    if any(act[word] not in getattr(book, table) for word, table in NAMED.items() if word in act):
        return False
    if any(bag not in book.bags for bag in act.get("inputs", ())):
        return False
    if act["do"] in {"sign", "amend"}:
        one = getattr(book, act["table"]).get(act["record"])
        return one is not None and (act["do"] == "sign" or book.changes(act))
    return book.is_new(act)


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
    against, sort = book.objections(act), sort_of(act, book)
    refusal = hands.do(act)
    played.acts += 1
    played.kinds[f"{sort}: {'refused' if refusal else 'done'}"] += 1
    played.kinds.update(f"{act['do']} against rule {rule}: {_sort(why)}" for rule, why in set(against) if refusal)
    said = f"refused: {refusal}" if refusal else "done"
    played.story.append(f"{book.now:%d %b %H:%M} {words(one)}: {said}")
    if refusal:
        played.refused += 1
        if not against and act["do"] in {*ASKED, *ALWAYS} and not book.may_have_to_scan_again(act):
            played.differences.append(f"the product refuses what the oracle allows: {words(one)}: {refusal}")
        return False
    if against and act["do"] in {*ASKED, *STOPPED}:
        played.differences.append(f"the product takes what the oracle forbids: {words(one)}: {against}")
    if act["do"] == "begin":
        played.given += 1
    book.accept(act)
    return True


def sort_of(act: Act, book: Book) -> str:
    """Return what kind of act it is, as it is counted."""
    sort = act["do"]
    if sort in {"amend", "sign"}:
        sort = f"{sort} {act['table']}"
        waits = act["do"] == "sign" and book.waits(one := getattr(book, act["table"])[act["record"]])
        if waits:
            others = any(what == "correct" and who != act["by"] for what, who in one["log"])
            sort += ", a correction of another person" if others else ", the own correction"
    elif sort in {"move", "decide"}:
        sort = f"{sort} {act['kind']}"
    elif sort == "run":
        sort = f"{sort} {act['what']}{', containers first' if act['late'] else ''}"
    elif sort == "decide_eligibility":
        no = [one for one in book.eligibilities.values() if one["course"] == act["course"] and not book.says_yes(one)]
        sort = ("eligible after a no" if no else "eligible") if act["yes"] else "not eligible"
        sort += " in person" if act["personal"] else ""
    elif sort == "use_before":
        before = book.end(act["bag"])
        sort = f"{sort} {'longer' if before is None or act['end'] > before else 'shorter'}"
    return sort


def _sort(why: str) -> str:
    """Return a reason without what it says of this one history."""
    return why.partition(":")[0]


ALWAYS = {"withdraw", "determine", "decide_eligibility", "weigh", "allergy", "result", "consent", "confirm"}
"""Acts that a clinic must always be able to write down."""


NEARLY = 1
"""How many reasons against a bag leave it worth to be asked about after each act."""


def _compare(book: Book, hands: Hands, played: Played, *, all_pairs: bool = False) -> None:
    """Ask of every bag that may be given, or nearly, in its own course; ``all_pairs``: of every bag in every course.

    A gate that lacks one rule gives what only this rule forbids: what several forbid, and wrong pairs, have their turn.
    """
    bags = [bag for bag in book.bags if bag not in DONATIONS]
    pairs = [(bag, course) for bag in bags for course in COURSES]
    if not all_pairs:
        turn = [pairs[book.written // 2 * 7 % len(pairs)]] if book.written % 2 else []
        own = [(bag, one) for bag in bags if (one := book.bags[bag]["course"]) and not book.gone(bag)]
        pairs = list(dict.fromkeys([*(pair for pair in own if len(book.forbids(*pair)) <= NEARLY), *turn]))
    for (bag, course), refused in hands.ask(pairs).items():
        played.questions += 1
        forbidden = book.forbids(bag, course)
        played.allowed += not forbidden
        played.kinds.update({f"gate, rule {rule}: {_sort(why)}" for rule, why in forbidden})
        if not forbidden and not refused:
            _reasons_asked(book, hands, played, bag, course)
        if forbidden and not refused:
            played.differences.append(f"the gate would give {bag} in {course}; the oracle forbids: {forbidden}")
        if refused and not forbidden:
            played.differences.append(f"the gate refuses {bag} in {course}, which the oracle allows: {refused}")
        if not refused and played.allowed % 7 == 0 and hands.ask_as_the_page_does(bag, course):
            played.differences.append(f"the gate says two things of {bag} in {course}")


def _reasons_asked(book: Book, hands: Hands, played: Played, bag: str, course: str) -> None:
    """Compare what asks for a reason, and which dose comes next."""
    asked, warned = book.cautions(bag, course), hands.warned[bag, course] & {54, 61}
    played.kinds.update(f"gate asks for a reason, rule {rule}" for rule in asked)
    if asked != warned:
        which = f"{sorted(warned)}, not {sorted(asked)}"
        played.differences.append(f"the gate asks for other reasons than the oracle for {bag} in {course}: {which}")
    coming = hands.next_dose(course)
    if coming != book.next_dose(course):
        played.differences.append(
            f"another dose comes next than for the oracle in {course}: {coming}, not {book.next_dose(course)}"
        )


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
