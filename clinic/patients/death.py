"""Whether a patient had died by a moment, as far as any record of the person says (rules 23, 69; hazard H29)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clinic import clock

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from clinic.patients.models import Patient


def had_died(people: Iterable[Patient], moment: datetime, zone: str) -> bool:
    """Whether a person had died by a moment.

    The hour of a death is not recorded: on that day it is over at the latest when the death was written down. What
    was done earlier on that day was done before.
    """
    return any(_had_died(one, moment, zone) for one in people)


def _had_died(patient: Patient, moment: datetime, zone: str) -> bool:
    died_on, day = patient.death, clock.day(moment, zone)
    if died_on is None or day != died_on:
        return died_on is not None and day > died_on
    told = [one.amended_at for one in patient.amendments if one.changes.get("died_on", ["", ""])[1] == str(died_on)]
    return moment >= min(told, default=patient.recorded_at)
