"""How blood groups and corrections of a patient's record are shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clinic import record_display

if TYPE_CHECKING:
    from collections.abc import Iterable

    from clinic.patients.donors import BloodTyping
    from clinic.patients.models import Patient
    from clinic.records import Amendment


def agreement(typings: Iterable[BloodTyping]) -> str:
    """Return in words whether two samples agree (rule 20)."""
    signed = [t for t in typings if t.signed]
    samples, groups = {t.sample_number for t in signed}, {(t.abo, t.rhd) for t in signed}
    if len(groups) > 1:
        return "The signed blood groups do not agree. Type a new sample before anything is transfused."
    return f"{len(samples)} of 2 independent samples are typed and signed" + (
        ", and they agree." if len(samples) > 1 else "."
    )


def correction_lines(patient: Patient, correction: Amendment, zone: str) -> list[tuple[None, str, str]]:
    """Return what a correction changed, for who confirms it: label, and the old and the new value."""
    about = next((alert for alert in patient.alerts if alert.id == correction.record_id), patient)
    shown = record_display.amendments(about, zone)[correction.number - 1]
    return [(None, label, f"{old or 'empty'} → {new or 'empty'}") for label, old, new in shown[3]]
