"""How values look on a page: what `clinic.wording` writes, with real superscripts."""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from jinja2 import StrictUndefined
from markupsafe import Markup, escape

from clinic import clock, wording

if TYPE_CHECKING:
    from collections.abc import Callable
    from decimal import Decimal

    from flask import Flask

RAISED = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789−")
LOWERED = str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789")
RAISES, LOWERS = ({one: of for of, one in table.items()} for table in (RAISED, LOWERED))


def units(text: str) -> Markup:
    """Return text with real superscripts: ×10⁶/kg becomes × 10<sup>6</sup>/kg."""
    safe = re.sub("× ?10", "× 10", str(escape(text)))
    safe = re.sub("[⁰¹²³⁴⁵⁶⁷⁸⁹⁻]+", lambda m: f"<sup>{m[0].translate(RAISED)}</sup>", safe)
    return Markup(re.sub("[₀-₉]+", lambda m: f"<sub>{m[0].translate(LOWERED)}</sub>", safe))  # noqa: S704 - escaped above


def unmarked(value: Any) -> str:
    """Return what `units` wrote as text again, without markup: 10<sup>6</sup> stays 10⁶ and never becomes 106."""
    if not isinstance(value, Markup):
        return str(value)
    raised = re.sub("<sup>([0-9−]+)</sup>", lambda m: m[1].translate(RAISES), value)
    return Markup(re.sub("<sub>([0-9]+)</sub>", lambda m: m[1].translate(LOWERS), raised)).striptags()  # noqa: S704 - stripped


def quantity(value: Decimal | int | None, unit: str = "") -> Markup:
    """Return a figure as it was recorded with its unit; “not recorded” where there is none."""
    return units(wording.quantity(value, unit))


def init_app(app: Flask, zone: Callable[[], str]) -> None:
    """Give the templates their filters; times are shown on the zone that ``zone()`` names."""

    def on(value: datetime | date | None) -> date | None:
        return clock.day(value, zone()) if isinstance(value, datetime) else value

    filters: dict[str, Callable[..., Any]] = {
        "day": lambda value, precision="": wording.day(on(value), precision),
        "shortday": lambda value: wording.short_day(on(value)),
        "weekday": lambda value: wording.weekday(on(value)),
        "clock": lambda value: wording.time_of_day(value, zone()),
        "moment": lambda value, precision="": wording.moment(value, zone(), precision),
        "iso": lambda value: wording.iso(value, zone()),
        "quantity": quantity,
        "figure": lambda value, unit="": units(wording.figure(value, unit)),
        "units": units,
        "unmarked": unmarked,
        "quoted": wording.quoted,
    }
    env = app.jinja_env
    env.undefined = StrictUndefined
    env.trim_blocks = env.lstrip_blocks = True
    env.filters.update(filters)
