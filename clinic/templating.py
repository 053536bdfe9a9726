"""How values look on a page: days, times, quantities with real superscripts."""

from __future__ import annotations

import re
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from jinja2 import StrictUndefined
from markupsafe import Markup, escape

from clinic import clock
from clinic.fields import plain

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Flask

RAISED = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789−")
LOWERED = str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789")


def units(text: str) -> Markup:
    """Return text with real superscripts: ×10⁶/kg becomes × 10<sup>6</sup>/kg."""
    safe = str(escape(text)).replace("×10", "× 10")
    safe = re.sub("[⁰¹²³⁴⁵⁶⁷⁸⁹⁻]+", lambda m: f"<sup>{m[0].translate(RAISED)}</sup>", safe)
    return Markup(re.sub("[₀-₉]+", lambda m: f"<sub>{m[0].translate(LOWERED)}</sub>", safe))  # noqa: S704 - escaped above


def quantity(value: Decimal | int | None, unit: str = "") -> Markup:
    """Return a figure with its unit and a narrow space between thousands; “not recorded” where there is none."""
    if value is None:
        return Markup("not recorded")
    text = plain(value) if isinstance(value, Decimal) else str(value)
    whole, point, rest = text.partition(".")
    if len(whole.lstrip("−")) > 4:
        whole = f"{int(whole.replace('−', '-')):,}".replace(",", "\u202f").replace("-", "−")
    return units(f"{whole}{point}{rest} {unit}".rstrip())


def init_app(app: Flask, zone: Callable[[], str]) -> None:
    """Give the templates their filters; times are shown on the zone that ``zone()`` names."""

    def local(value: datetime | date) -> datetime | date:
        return clock.local(value, zone()) if isinstance(value, datetime) else value

    def day(value: datetime | date | None) -> str:
        return "" if value is None else f"{local(value):%-d %b %Y}"

    def shortday(value: datetime | date | None) -> str:
        return "" if value is None else f"{local(value):%-d %b}"

    def wall(value: datetime | None) -> str:
        return "" if value is None else f"{local(value):%H:%M}"

    def moment(value: datetime | None) -> str:
        return "" if value is None else f"{local(value):%-d %b %Y, %H:%M}"

    def iso(value: datetime | date) -> str:
        return local(value).isoformat()

    env = app.jinja_env
    env.undefined = StrictUndefined
    env.trim_blocks = env.lstrip_blocks = True
    filters: dict[str, Callable[..., Any]] = {
        "day": day, "shortday": shortday, "clock": wall, "moment": moment, "iso": iso,
        "quantity": quantity, "units": units,
    }  # fmt: skip
    env.filters.update(filters)
