"""The boxes of a form: each reads what was typed, keeps it as it was, and judges it by the declared fact.

Numbers are written 1.5 or 1,5 and never 1e8; days are day, month, year; times are 24 h on the site's clock.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from wtforms import Field as WTField

from clinic import clock, wording
from clinic.fields import Field, plain

MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
RADIO_MOST = 4
NUMBER = re.compile(r"[-−+]?(\d+([.,]\d*)?|[.,]\d+)")


class Unreadable(ValueError):
    """What was typed cannot be read; the message says how to write it."""


def parse_decimal(text: str) -> Decimal:
    """Return the number that was typed; one point or comma before the decimals, nothing else (hazard H17)."""
    typed = text.strip().replace("\u202f", "").replace("\u00a0", "")
    if not NUMBER.fullmatch(typed) or (not typed.isascii() and "−" not in typed):
        raise Unreadable(f"“{text.strip()}” is no number here. Write it like 1.5 or 1,5, without thousands marks.")
    return Decimal(typed.replace("−", "-").replace(",", "."))


def parse_whole(text: str) -> int:
    """Return the whole number that was typed."""
    if not re.fullmatch(r"\d{1,9}", text.strip(), re.ASCII):
        raise Unreadable(f"“{text.strip()}” is no whole number.")
    return int(text.strip())


@dataclass(frozen=True)
class Sure:
    """The question under a box whose value is possible but not expected."""

    question: str
    explain: str
    answer: str = ""
    reason: str = ""


class Box(WTField):
    """One box of a form. ``kind`` tells the page how to draw it; ``text`` is what was typed, kept as it was."""

    kind = "text"

    def __init__(self, label: str = "", fact: Field | None = None, **more: Any) -> None:
        super().__init__(label, **more)
        self.fact = fact or Field(label=label)
        self.unit, self.hint, self.required = self.fact.unit, self.fact.hint, self.fact.required
        self.zone = "Etc/UTC"
        self.text = ""
        self.sent: dict[str, str] = {}
        self.filled = ""
        self.autocomplete = "off"
        self.sure: Sure | None = None
        self.unreadable = ""
        self.pairs: list[tuple[str, str]] = []
        if self.fact.choices is not None:
            self.pairs = list(self.fact.choices.items())
        self.wide = self.kind in {"text", "long"}

    @property
    def parts(self) -> dict[str, str]:
        """The separate boxes of a day or a moment."""
        return {part: self.sent.get(part, "") for part in ("d", "m", "y", "t")}

    @property
    def choices_now(self) -> list[tuple[str, str, bool]]:
        """Value, label and whether it is chosen."""
        return [(value, label, value == self.text) for value, label in self.pairs]

    def process(self, formdata: Any, data: Any = None, extra_filters: Any = None) -> None:  # noqa: ARG002
        """Read the boxes as they were sent, or show the record's value."""
        self.process_errors, self.errors = [], []
        self.data = self.object_data = self.default if data is None or not self._is_value(data) else data
        if formdata:
            self.sent = {
                part: formdata.get(f"{self.name}-{part}", "").strip() for part in ("d", "m", "y", "t", "sure", "why")
            }
            self.text = formdata.get(self.name, "").strip()
            try:
                self.data = self.read(formdata)
            except Unreadable as fault:
                self.data, self.unreadable = None, str(fault)
        else:
            self.show(self.data)

    @staticmethod
    def _is_value(data: Any) -> bool:
        return not repr(data).startswith("<unset")

    def read(self, _formdata: Any) -> Any:
        """Return the value that was typed; `Unreadable` where it cannot be read."""
        return self.text or None

    def show(self, value: Any) -> None:
        """Put a value of a record into the boxes."""
        self.text = "" if value is None else str(value)

    def validate(self, form: Any, extra_validators: Sequence[Any] = ()) -> bool:  # noqa: ARG002
        """Judge against the declared fact; leave the sentences in ``errors``."""
        self.errors = self.problems()
        self.ask(form)
        return not self.errors

    def problems(self) -> list[str]:
        """Return what is wrong with what was typed, a sentence each."""
        if self.unreadable:
            named = self.unreadable.startswith(self.label.text)
            return [self.unreadable if named else f"{self.label.text}: {self.unreadable}"]
        if self.data is None or self.data == []:
            return [f"{self.label.text}: fill this in"] if self.required else []
        if self.kind in {"choice", "radio"} and self.data not in dict(self.pairs):
            return [f"{self.label.text}: choose one of the list"]
        if self.fact.possible is not None and self.data not in self.fact.possible:
            said = f"{self.fact.words(self.data)} {self.unit}".rstrip()
            return [f"{self.label.text} {said} is not possible: it must be {self.fact.possible} {self.unit}".rstrip()]
        return []

    def ask(self, _form: Any) -> None:
        """Ask once whether an unexpected value is right, and want the reason."""
        expected = self.fact.expected
        if self.errors or expected is None or self.data is None or self.data in expected:
            return
        said = f"{self.fact.words(self.data)} {self.unit}".rstrip()
        more = expected.high is not None and self.data > expected.high
        answer, reason = self.sent.get("sure", ""), self.sent.get("why", "")
        self.sure = Sure(
            question=f"{said} is {'more' if more else 'less'} than expected. Is this right?",
            explain=f"Expected: {expected} {self.unit}. It is still possible, so you decide.",
            answer=answer,
            reason=reason,
        )
        if answer != "yes":
            self.errors = [f"{self.label.text}: {self.sure.question}"]
        elif not reason:
            self.errors = [f"{self.label.text}: say why {said} is right"]

    @property
    def anchor(self) -> str:
        """The id to which the error summary leads."""
        if self.kind in {"day", "moment"}:
            return f"{self.id}-d"
        if self.sure is not None:
            return f"{self.id}-sure-yes"
        if self.kind in {"radio", "yesno", "multi"} and self.choices_now:
            return f"{self.id}-0"
        return self.id


class LongBox(Box):
    """Several lines of text."""

    kind = "long"


class NumberBox(Box):
    """A decimal quantity."""

    kind = "number"

    def read(self, _formdata: Any) -> Decimal | None:
        return parse_decimal(self.text) if self.text else None

    def show(self, value: Any) -> None:
        self.text = plain(value) if isinstance(value, Decimal) else ""


class WholeBox(Box):
    """A whole number."""

    kind = "whole"

    def read(self, _formdata: Any) -> int | None:
        return parse_whole(self.text) if self.text else None


class ChoiceBox(Box):
    """One of a list: radios where they are few, a select where they are many."""

    @property
    def kind(self) -> str:  # type: ignore[override]
        """How to draw it."""
        return "radio" if 0 < len(self.pairs) <= RADIO_MOST else "choice"


class YesNoBox(Box):
    """Yes, no, or not answered."""

    kind = "yesno"

    def __init__(self, label: str = "", fact: Field | None = None, **more: Any) -> None:
        super().__init__(label, fact, **more)
        self.pairs = [("yes", "Yes"), ("no", "No")]

    def read(self, _formdata: Any) -> bool | None:
        return {"yes": True, "no": False}.get(self.text)

    def show(self, value: Any) -> None:
        self.text = {True: "yes", False: "no"}.get(value, "")


class ManyBox(Box):
    """Any number of a list."""

    kind = "multi"

    def read(self, formdata: Any) -> list[str]:
        self.chosen = formdata.getlist(self.name)
        return self.chosen

    def problems(self) -> list[str]:
        """Also: what was sent is offered here and now; it may be offered only after the form was read."""
        if not set(self.data or []) <= set(dict(self.pairs)):
            return [f"{self.label.text}: choose of the list"]
        return super().problems()

    def show(self, value: Any) -> None:
        self.chosen = list(value or [])

    @property
    def choices_now(self) -> list[tuple[str, str, bool]]:
        return [(value, label, value in getattr(self, "chosen", [])) for value, label in self.pairs]


class DayBox(Box):
    """A calendar day in three boxes."""

    kind = "day"

    def read(self, _formdata: Any) -> date | None:
        day, month, year = (self.sent[part] for part in ("d", "m", "y"))
        if not (day or month or year):
            return None
        if not (day and month and year):
            raise Unreadable(f"{self.label.text}: fill in day, month and year")
        try:
            return date(parse_whole(year), parse_whole(month), parse_whole(day))
        except ValueError as fault:
            raise Unreadable(f"{self.label.text}: {day}.{month}.{year} is no day of the calendar") from fault

    def show(self, value: Any) -> None:
        if value is not None:
            self.sent = {"d": str(value.day), "m": str(value.month), "y": str(value.year)}


class MomentBox(DayBox):
    """A day and a time on the site's clock; kept in UTC.

    ``twice``: the clock showed this time twice when summer time ended, so the form asks which of the two it was.
    """

    kind = "moment"
    twice = False

    def read(self, formdata: Any) -> datetime | None:  # type: ignore[override]
        day = super().read(formdata) if any(self.sent[part] for part in ("d", "m", "y")) else None
        time = self.sent["t"]
        if day is None and not time:
            return None
        match = re.fullmatch(r"([01]?\d|2[0-3])[:.h]?([0-5]\d)", time, re.ASCII)
        if day is None or match is None:
            raise Unreadable(f"{self.label.text}: write the day and the time, like 14 May 2026, 09:30")
        wall = datetime(day.year, day.month, day.day, int(match[1]), int(match[2]))  # noqa: DTZ001 - the wall clock
        self.sent["twice"] = formdata.get(f"{self.name}-twice", "")
        self.twice = clock.came_twice(wall, self.zone)
        try:
            return clock.from_wall(wall, self.zone, second={"first": False, "second": True}.get(self.sent["twice"]))
        except clock.TwiceOnTheClock as fault:
            raise Unreadable(f"{self.label.text}: {fault}. Say which of the two it was") from fault
        except ValueError as fault:
            raise Unreadable(f"{self.label.text}: {fault}") from fault

    def show(self, value: Any) -> None:
        if value is not None:
            wall = clock.local(value, self.zone)
            super().show(wall)
            self.sent["t"] = wording.time_of_day(value, self.zone)
            self.twice = clock.came_twice(wall, self.zone)
            self.sent["twice"] = "second" if wall.fold else "first"
