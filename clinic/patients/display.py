"""How weights, blood groups and their moments are shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clinic import clock
from clinic.fields import plain

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from clinic.patients.donors import BloodTyping
    from clinic.patients.models import Weight


def when(moment: datetime | None, zone: str) -> str:
    """Return a moment on the site's clock; in words where it is not known."""
    return "not recorded" if moment is None else f"{clock.local(moment, zone):%-d %b %Y, %H:%M}"


def kilograms(weight: Weight) -> str:
    """Return a weight with its unit."""
    return f"{plain(weight.kg)} kg"


def agreement(typings: Iterable[BloodTyping]) -> str:
    """Return in words whether two samples agree (rule 20)."""
    signed = [t for t in typings if t.signed]
    samples, groups = {t.sample_number for t in signed}, {(t.abo, t.rhd) for t in signed}
    if len(groups) > 1:
        return "The signed blood groups do not agree. Type a new sample before anything is transfused."
    return f"{len(samples)} of 2 independent samples are typed and signed" + (
        ", and they agree." if len(samples) > 1 else "."
    )
