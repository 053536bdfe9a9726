"""How blood groups are shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from clinic.patients.donors import BloodTyping


def agreement(typings: Iterable[BloodTyping]) -> str:
    """Return in words whether two samples agree (rule 20)."""
    signed = [t for t in typings if t.signed]
    samples, groups = {t.sample_number for t in signed}, {(t.abo, t.rhd) for t in signed}
    if len(groups) > 1:
        return "The signed blood groups do not agree. Type a new sample before anything is transfused."
    return f"{len(samples)} of 2 independent samples are typed and signed" + (
        ", and they agree." if len(samples) > 1 else "."
    )
