"""The reports on serious events whose clock runs, as Today shows them: in red, with their days (rule 67)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import url_for

from clinic import clock
from clinic.followup.reporting import act
from clinic.pathway.worklist_lines import NEAR_DAYS, person

if TYPE_CHECKING:
    from datetime import datetime

    from clinic.access import Role
    from clinic.pathway.worklist_lines import Group


def reporting(found: list[Group], at: datetime, zone: str, role: Role) -> list[dict[str, Any]]:
    """Return the serious events whose reporting clock runs, with its days as boxes (rule 67).

    For whom a report waits, the button says what is to be done.
    """
    on = clock.day(at, zone)
    rows = []
    for (line,) in found:
        what = line["title"] if role.value in line["roles"].split() else "Open the event"
        due, since = clock.day(line["due_at"], zone), clock.day(line["since"], zone)
        left, days = (due - on).days, (due - since).days
        rows.append(
            {
                "patient": person(line), **act((line["endpoint"], line["target"]), role, what),
                **_of_report(line, days), "url": url_for("events.show", event_id=line["target"]["event_id"]),
                "due": due, "of": days,
                "gone": min(max((on - since).days, 0), days), "days": abs(left), "over": left < 0,
                "urgent": left <= NEAR_DAYS,
            }
        )  # fmt: skip
    return rows


STANDING = {
    ", unexpected: day ": "Serious, unexpected, suspected",
    ", not assessed by a physician yet: day ": "Not assessed, counts as serious and related until a physician decides",
    ", a correction is not confirmed: day ": "A correction is not confirmed",
    ": day ": "Report due",
}
"""What `clinic.followup.step` says of an event with a report due, and how Today says it."""


def _of_report(line: dict[str, Any], days: int) -> dict[str, str]:
    """Return title and reason of a running clock: of the report itself, or of somebody else who must be told."""
    counted = f"{days} calendar day{'' if days == 1 else 's'}"
    if line["title"] == "Send the report":
        title, said = next(
            (line["why"].partition(end)[0], said) for end, said in STANDING.items() if end in line["why"]
        )
        return {"title": title, "why": f"{said}: {counted}"}
    event, _dot, because = line["why"].partition(" · ")
    why = f"{because.rstrip('.')}: {counted}"
    return {"title": f"{line['title']}: {event}", "why": why, "label": "Record it"}
