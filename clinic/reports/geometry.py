"""The geometry of the charts: numbers to places in a drawing of SVG units. The templates only write them down.

A drawing is a list of plain shapes, each with the classes that colour it. Series differ by dash or pattern as well as
by colour, and are labelled where they end.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import ceil, floor, log10
from textwrap import wrap
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clinic.reports.control import Control

WIDTH = 780
"""So wide that a tablet held upright shows the whole chart, its text still 12 px high; wider screens enlarge it."""
LABELS, LETTERS = 250.0, 36
"""Room at the left for the label of a row, and how many letters of it fit on a line there."""
CURVES, SEGMENTS = ("k1", "k2", "k3", "k4", "k5", "k6"), ("s1", "s2", "s3", "s4", "s5", "s6")
BANDS, NAMES = ("band1", "band2", "band3"), ("t1", "t2", "t3", "t4", "t5", "t6")
SERIES = len(CURVES)
"""How many series can be told apart; a seventh looks like the first."""


class Line(NamedTuple):
    """A straight line."""

    kind: str
    x1: float
    y1: float
    x2: float
    y2: float


class Path(NamedTuple):
    """A path, its ``d`` in absolute units."""

    kind: str
    d: str


class Rect(NamedTuple):
    """A filled rectangle; ``pattern`` is the number of its hatching, 0 none."""

    kind: str
    x: float
    y: float
    width: float
    height: float
    pattern: int = 0


class Text(NamedTuple):
    """A text; ``kind`` may hold ``e`` (ends here), ``m`` (its middle is here), ``s`` (small), ``b`` (bold)."""

    kind: str
    x: float
    y: float
    words: str


class Dot(NamedTuple):
    """A point: ``kind`` is p and the number of its series, or ``out`` for one outside the limits."""

    kind: str
    x: float
    y: float


@dataclass(frozen=True, kw_only=True)
class Drawing:
    """One chart. ``says``: what it shows, in words; ``key``: class and words of each series; ``caption``: a note."""

    id: str
    title: str
    says: str
    height: float
    lines: list[Line] = field(default_factory=list)
    paths: list[Path] = field(default_factory=list)
    rects: list[Rect] = field(default_factory=list)
    texts: list[Text] = field(default_factory=list)
    dots: list[Dot] = field(default_factory=list)
    key: list[tuple[str, str]] = field(default_factory=list)
    caption: str = ""
    width: float = WIDTH


class Scale(NamedTuple):
    """Values from low to high, drawn from start to end (SVG units, y grows downwards)."""

    low: float
    high: float
    start: float
    end: float

    def at(self, value: float) -> float:
        """Return where a value is drawn; one beyond the ends is drawn at the end."""
        inside = min(max(value, self.low), self.high)
        share = (inside - self.low) / (self.high - self.low) if self.high > self.low else 0.0
        return round(self.start + share * (self.end - self.start), 1)


def ticks(low: float, high: float, most: int = 6) -> list[float]:
    """Return round values from low to high, both inside: steps of 1, 2 or 5 times a power of ten."""
    if high <= low:
        return [low]
    rough = (high - low) / most
    power = 10 ** floor(log10(rough))
    step = next(power * size for size in (1, 2, 5, 10) if power * size >= rough * (1 - 1e-9))
    first, last = ceil(low / step - 1e-9), floor(high / step + 1e-9)
    return [round(number * step, 10) for number in range(first, last + 1)]


def day_ticks(last: float) -> list[float]:
    """Return the days to mark on an axis of time: weeks, months of 30 days, quarters or years of 365."""
    for step in (1, 7, 30, 91, 182.5, 365, 730, 1825):
        if last / step <= 8:
            return [step * number for number in range(int(last // step) + 1)]
    return ticks(0, last)


def plain(value: float) -> str:
    """Return a number as an axis has it: no needless zeros, a real minus."""
    return f"{round(value, 4):g}".replace("-", "−")


def _y_axis(
    scale: Scale, left: float, right: float, marks: Sequence[float], unit: str
) -> tuple[list[Line], list[Text]]:
    lines = [Line("grid", left, scale.at(mark), right, scale.at(mark)) for mark in marks]
    said = [Text("s e", left - 10, scale.at(mark) + 5, f"{plain(mark)}{unit}") for mark in marks]
    return lines, said


class Curve(NamedTuple):
    """A step curve: its label, points (time, share), limits (time, low, high), and times at which somebody left."""

    label: str
    points: Sequence[tuple[float, float]]
    limits: Sequence[tuple[float, float, float]]
    times: Sequence[float]
    last: float


def curves(  # noqa: PLR0913 - what a chart consists of
    id_: str,
    title: str,
    says: str,
    found: Sequence[Curve],
    *,
    start: float,
    caption: str,
    gone: str,
    most: float = 0,
    unit: str = "day",
) -> Drawing:
    """Return step curves of shares over days, with bands, and below them how many are still at risk.

    ``start``: the share at day 0, 1 or 0. ``gone``: the heading of the numbers below, such as “Still at risk”.
    """
    last = most or max((curve.last for curve in found), default=1) or 1
    left, right, top, bottom = 60.0, 520.0, 24.0, 330.0
    x, y = Scale(0, last, left, right), Scale(0, 1, bottom, top)
    lines, texts = _y_axis(Scale(0, 100, bottom, top), left, right, [0, 25, 50, 75, 100], " %")
    marks = day_ticks(last)
    for mark in marks:
        lines.append(Line("axis", x.at(mark), bottom, x.at(mark), bottom + 6))
        texts.append(Text("s m", x.at(mark), bottom + 23, plain(mark) if mark else f"{unit} 0"))
    lines.append(Line("axis", left, bottom, right, bottom))
    paths, key = [], []
    ends: list[tuple[float, int, str]] = []
    texts.append(Text("s b", 0, bottom + 46, gone))
    for place, curve in enumerate(found):
        number = place % SERIES
        if len(found) <= len(BANDS) and curve.limits:
            paths.append(Path(BANDS[number], _band(curve.limits, x, y, curve.last)))
        paths.append(Path(CURVES[number], _steps(curve.points, x, y, start, min(curve.last, last))))
        key.append((CURVES[number], f"{curve.label}, n = {len(curve.times)}"))
        share = curve.points[-1][1] if curve.points else start
        ends.append((y.at(share), number, f"{round(100 * share)} % {curve.label}"))
        row = bottom + 70 + 40 * place
        texts.append(Text(NAMES[number], 0, row, curve.label))
        for mark in marks:
            texts.append(Text("m", x.at(mark), row + 18, str(sum(time >= mark for time in curve.times))))
    texts += [Text(NAMES[number], right + 10, at, _short(words, LETTERS - 3)) for at, number, words in _apart(ends)]
    return Drawing(
        id=id_,
        title=title,
        says=says,
        height=bottom + 58 + 40 * len(found),
        lines=lines,
        paths=paths,
        texts=texts,
        key=key,
        caption=caption,
    )


def _steps(points: Sequence[tuple[float, float]], x: Scale, y: Scale, start: float, last: float) -> str:
    d = [f"M{x.at(0)} {y.at(start)}"]
    for time, share in points:
        if time <= x.high:
            d.append(f"H{x.at(time)}V{y.at(share)}")
    return "".join([*d, f"H{x.at(last)}"])


def _band(limits: Sequence[tuple[float, float, float]], x: Scale, y: Scale, last: float) -> str:
    """Return the closed outline of the area between lower and upper limits."""
    shown = [one for one in limits if one[0] <= x.high]
    if not shown:
        return ""
    there, back = [f"M{x.at(shown[0][0])} {y.at(shown[0][2])}"], []
    for place, (time, low, high) in enumerate(shown):
        until = shown[place + 1][0] if place + 1 < len(shown) else max(time, min(last, x.high))
        there.append(f"L{x.at(time)} {y.at(high)}H{x.at(until)}")
        back.append(f"L{x.at(until)} {y.at(low)}H{x.at(time)}")
    return "".join([*there, *reversed(back), "Z"])


def _short(words: str, most: int) -> str:
    return words if len(words) <= most else f"{words[: most - 1].rstrip()}…"


def _label(words: str, at: float) -> list[Text]:
    """Return the label of a row whose middle is at a height: on one line, or on two where it is long."""
    lines = wrap(words, LETTERS) or [""]
    if len(lines) > 1:
        lines = [lines[0], _short(" ".join(lines[1:]), LETTERS)]
    first = at + 5 - 8 * (len(lines) - 1)
    return [Text("e", LABELS - 10, first + 16 * place, line) for place, line in enumerate(lines)]


def _beside(said: Sequence[str], letter: float) -> float:
    """Return where the rows' scale ends, so that the words after it fit; a letter is so many units wide."""
    return min(640.0, WIDTH - 20 - letter * max(map(len, said), default=0))


def _apart(ends: list[tuple[float, int, str]], least: float = 18) -> list[tuple[float, int, str]]:
    """Return labels of line ends moved apart, so that none hides another."""
    found: list[tuple[float, int, str]] = []
    for at, number, words in sorted(ends):
        place = max(at + 5, found[-1][0] + least) if found else at + 5
        found.append((round(place, 1), number, words))
    return found


class Bar(NamedTuple):
    """One bar: its label, the lengths of its parts, and the words at its end."""

    label: str
    parts: Sequence[float]
    said: str


def bars(  # noqa: PLR0913 - what a chart consists of
    id_: str, title: str, says: str, found: Sequence[Bar], *, series: Sequence[str], caption: str = ""
) -> Drawing:
    """Return horizontal bars from zero, stacked where they have several parts."""
    left, right, row, top = LABELS, _beside([bar.said for bar in found], 7.6), 36, 12.0
    longest = max((sum(bar.parts) for bar in found), default=0) or 1
    x = Scale(0, longest, left, right)
    bottom = top + row * len(found)
    marks = [mark for mark in ticks(0, longest) if mark == int(mark)]
    lines = [Line("grid", x.at(mark), top - 6, x.at(mark), bottom) for mark in marks]
    texts = [Text("s m", x.at(mark), bottom + 18, plain(mark)) for mark in marks]
    lines.append(Line("axis", left, top - 6, left, bottom))
    rects = []
    for place, bar in enumerate(found):
        at, sum_ = top + row * place + 6, 0.0
        texts += _label(bar.label, at + 12)
        for number, part in enumerate(bar.parts):
            if part > 0:
                begin = x.at(sum_)
                sum_ += part
                width = round(max(x.at(sum_) - begin, 1), 1)
                rects.append(Rect(SEGMENTS[number % SERIES], begin, at, width, 24, number % SERIES))
        texts.append(Text("b", x.at(sum_) + 8, at + 17, bar.said))
    key = [(SEGMENTS[number % SERIES], words) for number, words in enumerate(series)] if len(series) > 1 else []
    return Drawing(
        id=id_,
        title=title,
        says=says,
        height=bottom + 26,
        lines=lines,
        rects=rects,
        texts=texts,
        key=key,
        caption=caption,
    )


class Span(NamedTuple):
    """One estimate with its interval; None where there is none."""

    label: str
    value: float | None
    low: float | None
    high: float | None
    said: str


def intervals(  # noqa: PLR0913 - what a chart consists of
    id_: str,
    title: str,
    says: str,
    found: Sequence[Span],
    *,
    unit: str = "",
    marks: Sequence[tuple[str, float, str]] = (),
    caption: str = "",
    ends: tuple[float, float] | None = None,
) -> Drawing:
    """Return estimates with intervals, a row each. ``marks``: class, value and words of lines to compare with."""
    left, right, row, top = LABELS, _beside([one.said for one in found], 6.6), 36, 48.0 if len(marks) > 1 else 34.0
    known = [v for one in found for v in (one.value, one.low, one.high) if v is not None and abs(v) != float("inf")]
    known += [value for _kind, value, _words in marks]
    low, high = ends or (min([0.0, *known]), max([0.0, *known]))
    if low == high:
        low, high = low - 1, high + 1
    room = 0 if ends else (high - low) * 0.05
    x = Scale(low - room, high + room, left, right)
    bottom = top + row * len(found)
    shown = ticks(x.low, x.high)
    lines = [Line("axis" if mark == 0 else "grid", x.at(mark), top - 6, x.at(mark), bottom) for mark in shown]
    texts = [Text("s m", x.at(mark), bottom + 18, f"{plain(mark)}{unit}") for mark in shown]
    lines += [Line(kind, x.at(value), top - 10, x.at(value), bottom) for kind, value, _words in marks]
    texts += [
        Text("s m", min(x.at(value), WIDTH - 3.3 * len(words)), top - 16 - 14 * (place % 2), words)
        for place, (_kind, value, words) in enumerate(marks)
    ]
    dots = []
    for place, one in enumerate(found):
        at = top + row * place + 18
        texts += [*_label(one.label, at), Text("s", right + 16, at + 5, one.said)]
        if one.low is not None and one.high is not None:
            lines.append(Line("span", x.at(one.low), at, x.at(one.high), at))
        if one.value is not None:
            dots.append(Dot("p1", x.at(one.value), at))
    return Drawing(
        id=id_, title=title, says=says, height=bottom + 26, lines=lines, texts=texts, dots=dots, caption=caption
    )


def control(  # noqa: PLR0913 - what a chart consists of
    id_: str, title: str, says: str, chart: Control, labels: Sequence[str], *, unit: str = "", caption: str = ""
) -> Drawing:
    """Return a control chart in the order of time; a chart that shifted is drawn as a run chart, without limits."""
    left, right, top, bottom = 70.0, 660.0, 20.0, 290.0
    ends = [] if chart.shifted else [end for pair in chart.limits for end in pair if end is not None]
    low, high = min([*chart.points, chart.center, *ends]), max([*chart.points, chart.center, *ends])
    room = (high - low) * 0.08 or 1
    low = 0.0 if 0 <= low - room < room * 4 else low - room
    x, y = Scale(0, max(len(chart.points) - 1, 1), left + 20, right - 20), Scale(low, high + room, bottom, top)
    lines, texts = _y_axis(y, left, right, ticks(y.low, y.high, 5), unit)
    lines += [
        Line("axis", left, bottom, right, bottom),
        Line("center", left, y.at(chart.center), right, y.at(chart.center)),
    ]
    texts.append(Text("s", right + 8, y.at(chart.center) + 5, f"center {plain(round(chart.center, 2))}"))
    paths = [Path("g1", "M" + "L".join(f"{x.at(place)} {y.at(point)}" for place, point in enumerate(chart.points)))]
    if not chart.shifted:
        for side, word in ((0, "lower"), (1, "upper")):
            edge = [(place, pair[side]) for place, pair in enumerate(chart.limits)]
            told = [(place, end) for place, end in edge if end is not None]
            if told:
                half = (x.at(1) - x.at(0)) / 2
                d = "".join(
                    f"{'L' if place else 'M'}{round(max(x.at(place) - half, left), 1)} {y.at(end)}"
                    f"H{round(min(x.at(place) + half, right), 1)}"
                    for place, end in told
                )
                paths.append(Path("limit", d))
                texts.append(Text("s", right + 8, y.at(told[-1][1]) + 5, f"{word} {plain(round(told[-1][1], 2))}"))
    outside = set() if chart.shifted else set(chart.outside)
    dots = [
        Dot("out" if place in outside else "p1", x.at(place), y.at(point)) for place, point in enumerate(chart.points)
    ]
    every = max(1, ceil(len(labels) / 7))
    texts += [Text("s m", x.at(place), bottom + 22, words) for place, words in enumerate(labels) if place % every == 0]
    return Drawing(
        id=id_,
        title=title,
        says=says,
        height=bottom + 34,
        lines=lines,
        paths=paths,
        texts=texts,
        dots=dots,
        caption=caption,
    )
