"""The course by date: a row for each step, a mark for each part of it, laid out in the units of the drawing."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import TYPE_CHECKING

from clinic import clock, wording
from clinic.steps import State

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clinic.course_records import CourseRecords
    from clinic.pathway.judgement import Standing
    from clinic.steps import Mark

LEFT, RIGHT, EDGE = 190, 1166, 1180
"""Where the days begin and end, and the right edge of the drawing."""
ROW, TOP = 35, 46
LETTER = 6.7
"""The width that a letter needs at most, on average."""
STEPS = (1, 2, 7, 14, 28, 56, 91, 182, 364, 728, 1456, 2912)
"""Days between two lines; nine of them at most."""


@dataclass
class Drawn:
    """A mark as it is drawn: a diamond at ``x`` where ``width`` is 0, else a bar; ``kind`` is done, now or plan."""

    x: float
    width: float
    kind: str
    text: str = ""
    at: float = 0
    anchor: str = ""


@dataclass
class Row:
    """One step: its name, a word in place of its days where it has none, its marks."""

    label: str
    y: int
    current: bool
    word: str = ""
    marks: list[Drawn] = field(default_factory=list)


@dataclass
class Chart:
    """The whole drawing: its days, its lines (x, day), its rows; ``today`` is None where the course ended long ago."""

    title: str
    description: str
    start: date
    end: date
    lines: list[tuple[float, str]]
    rows: list[Row]
    floor: int
    today: float | None
    today_text: str
    opens_at: float


def course_chart(found: Sequence[Standing], records: CourseRecords) -> Chart | None:
    """Return the course by date; None where nothing has a date."""
    at, zone = clock.now(), records.zone
    marks = [(one, sorted(set(one.step.marks(records, at)), key=lambda mark: (mark.since, mark.said))) for one in found]
    today = clock.day(at, zone)
    if not any(row for _one, row in marks):
        return None
    start, end, open_now = _span([mark for _one, row in marks for mark in row], today)
    scale = (RIGHT - LEFT) / max((end - start).days, 1)
    rows = []
    for number, (one, row) in enumerate(marks):
        y, current = TOP + ROW * number, one.progress.state is State.NOW
        ahead = one.progress.by if one.progress.state is State.TO_DO else ""
        word = ahead or ("" if row else one.progress.word)
        rows.append(Row(one.step.title, y, current, word, _laid_out(row, start, end, scale)))
    mark = LEFT + (today - start).days * scale if open_now else None
    return Chart(
        title="Course by date", description=_in_words(marks), start=start, end=end, lines=_lines(start, end, scale),
        rows=rows, floor=34 + ROW * len(rows), today=mark, today_text=f"Today, {wording.short_day(today)}",
        opens_at=round((mark or LEFT) / EDGE, 3),
    )  # fmt: skip


def _span(marks: list[Mark], today: date) -> tuple[date, date, bool]:
    """Return first and last day of the drawing, and whether today is on it.

    What is planned years ahead does not press the days before today into a corner: a third as much again of the
    course is shown, and at least the next planned day.
    """
    past = [day for mark in marks if mark.state is not State.TO_DO for day in (mark.since, mark.until or mark.since)]
    ahead = sorted(mark.since for mark in marks if mark.state is State.TO_DO)
    first, last = (min(past), max(past)) if past else (today, today)
    open_now = bool(ahead) or any(mark.state is State.NOW for mark in marks)
    open_now = open_now or today - last <= (last - first) / 2 + timedelta(days=14)
    shown = [first, last, *([today] if open_now else [])]
    start, last = min([*shown, *ahead]), max(shown)
    end = max([last, *[day for day in ahead if day <= last + (last - start) / 3][-1:], *ahead[:1]])
    margin = max((end - start) / 25, timedelta(days=1))
    return start - margin, end + margin * (4 if open_now else 1), open_now


def _laid_out(marks: list[Mark], start: date, end: date, scale: float) -> list[Drawn]:
    """Return the marks of one row; what is written beside one never runs into the next."""
    drawn, words = [], []
    for mark in marks:
        if mark.since > end:
            break
        x = LEFT + (mark.since - start).days * scale
        width = max((min(mark.until, end) - mark.since).days * scale, 6) if mark.until else 0.0
        kind = {State.DONE: "done", State.NOW: "now", State.BLOCKED: "stop"}.get(mark.state, "plan")
        drawn.append(Drawn(round(x, 1), round(width, 1), kind))
        words.append(_words(mark))
    taken, last = float(LEFT), EDGE - 64 if len(marks) > len(drawn) else EDGE
    for one, said in sorted(zip(drawn, words, strict=True), key=lambda pair: (pair[0].x, pair[0].width == 0)):
        later = [other.x - 14 for other in drawn if other.x > one.x + one.width]
        taken = max(taken, _write(one, said, taken, min(later, default=last)))
    if len(marks) > len(drawn) > 0:
        drawn.append(Drawn(RIGHT + 4, -1, "plan", f"{len(marks) - len(drawn)} later", EDGE, "e"))
    return sorted(drawn, key=lambda one: one.width == 0)


def _write(one: Drawn, words: list[str], taken: float, until: float) -> float:
    """Write the fullest words that there is room for: in a long bar, else right of the mark, else left of it.

    ``taken`` is where what was drawn before ends, such as a bar that begins on the same day; ``until`` is where the
    next mark begins. Returns where this one ends.
    """
    right, left = max(one.x + (one.width or 12), taken if taken > one.x else 0) + 8, one.x - (8 if one.width else 20)
    for text in words:
        needed = LETTER * len(text) + 4
        if one.width > needed + 14 and one.kind != "now":
            one.text, one.at, one.anchor = text, one.x + 9, "in"
        elif right + needed <= until:
            one.text, one.at, one.anchor = text, right, "s"
            return right + needed
        elif left - needed >= taken + 8:
            one.text, one.at, one.anchor = text, left, "e"
        else:
            continue
        break
    return one.x + (one.width or 12)


def _words(mark: Mark) -> list[str]:
    """Return what may be written beside a mark, the fullest first."""
    on = "" if mark.until else wording.short_day(mark.since)
    both = f"{on}, {mark.said}" if on and mark.said else ""
    return [text for text in (both, mark.said, on) if text]


def _lines(start: date, end: date, scale: float) -> list[tuple[float, str]]:
    """Return where the lines of the days are, and what is written at them."""
    days = (end - start).days
    step = next((step for step in STEPS if step >= days / 9), STEPS[-1])
    at = [start + timedelta(days=number) for number in range(0, days + 1, step)]
    return [
        (round(LEFT + (day - start).days * scale, 1), wording.day(day) if days > 330 else wording.short_day(day))
        for day in at
    ]


def _in_words(marks: list[tuple[Standing, list[Mark]]]) -> str:
    """Return the same for who cannot see the drawing."""
    said = []
    for one, row in marks:
        told = ", ".join(
            wording.day(mark.since)
            + (f" to {wording.day(mark.until)}" if mark.until else "")
            + (f" ({mark.said})" if mark.said else "")
            for mark in row
        )
        said.append(f"{one.step.title}: {one.progress.word}{', ' if told else ''}{told}")
    return "; ".join(said)
