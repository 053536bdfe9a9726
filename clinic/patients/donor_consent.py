"""A donor's consent to donate: a relative's, an unrelated donor's, a mother's for the cord (rules 14, 15)."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy.orm import Mapped, relationship

from clinic import clock
from clinic.access import Role
from clinic.errors import Problem
from clinic.fields import field
from clinic.model import reference
from clinic.patients.donors import Donor
from clinic.records import Amendment, Origin, Record
from clinic.steps import Blocked

if TYPE_CHECKING:
    from clinic.course_records import CourseRecords

GIVEN_BY = {
    "donor": "The donor", "mother": "The mother (cord)", "parents": "The donor's parents", "guardian": "Legal guardian",
}  # fmt: skip
WHO = (Role.PHYSICIAN, Role.NURSE, Role.COORDINATOR)


class DonorConsent(Record):
    """One consent to donate. An unrelated or cord donor is named by the donor number only, so it holds no name."""

    KIND = "CD"
    NOUN = "Consent to donate"
    HAPPENED = "Signed on paper at"
    DONE = "Obtained by"

    donor_id: Mapped[str] = reference("donor")
    given_by: Mapped[str | None] = field("Given by", choices=GIVEN_BY, required=True, section="Consent")
    form_version: Mapped[str | None] = field("Version of the form", required=True, section="Consent")
    expires_on: Mapped[date | None] = field(
        "Valid until", section="Consent", past=False, not_before=("performed_at",),
        hint="Leave blank if it has no end date",
    )  # fmt: skip
    withdrawn_at: Mapped[datetime | None] = field(
        "Withdrawn at", section="Withdrawal", not_before=("performed_at",),
        hint="Only if the donor has withdrawn: the cells are then no longer used",
    )  # fmt: skip

    donor: Mapped[Donor] = relationship(back_populates="consents")

    def problems(self, *, at: datetime) -> list[str]:
        """Also: for a cord the mother gives it."""
        found = super().problems(at=at)
        if self.donor is not None and self.donor.kind == "cord" and self.given_by not in {None, "mother", "guardian"}:
            found.append(Problem("The mother consents to the donation of a cord.", "given_by", rule=14))
        return found

    def critical_correction(self) -> Amendment | None:
        """Return the last amendment that allows more than the paper did: a second person confirms it."""
        return next((one for one in reversed(self.amendments) if any(_more(*c) for c in one.changes.items())), None)

    def covers(self, collected_at: datetime) -> bool:
        """Whether it allowed a collection: signed, given before it, not expired then."""
        given = self.performed_at is None or self.performed_at <= collected_at
        lasted = self.expires_on is None or self.local_day(collected_at) <= self.expires_on
        signed = self.origin is Origin.IMPORTED or (self.signed and self.unconfirmed is None)
        return given and lasted and signed

    def headline(self) -> str:
        return f"Consent to donate, form {self.form_version or 'not recorded'}"


def _more(name: str, change: list[Any]) -> bool:
    old, new = change
    if name in {"expires_on", "withdrawn_at"}:
        return old is not None and (new is None or new > old)
    return name == "performed_at" and (old is None or new is None or new[:16] < old[:16])


def consent_problems(records: CourseRecords, donor: Donor, collected_at: datetime) -> list[Blocked]:
    """Return why the cells of a donor may not be collected or used: no consent to donate, or withdrawn (14, 15).

    A donation that came from another bank was consented to there.
    """
    if donor.kind == "self" or donor.origin is Origin.IMPORTED:
        return []
    given = records.on(donor, DonorConsent)
    fix, who = ("donors.show", {"donor_id": donor.id}), donor.display_name
    ends = [one.withdrawn_at for one in given if one.withdrawn_at is not None]
    if ends:
        since = [one for one in given if one.covers(collected_at) and (one.performed_at or collected_at) > max(ends)]
        if not since:
            day = clock.said_day(clock.day(max(ends), records.zone))
            because = f"{who} withdrew the consent to donate on {day}."
            return [Blocked(rule=15, because=because, who=WHO, fix=fix, fix_label="Open the donor")]
    if any(one.covers(collected_at) for one in given):
        return []
    mother = "the mother's consent to donate" if donor.kind == "cord" else "the donor's consent to donate"
    because = f"No signed consent covers the collection from {who}: record {mother}."
    if given and not any(one.signed for one in given):
        because = f"The consent to donate of {who} is recorded but not signed."
    return [Blocked(rule=14, because=because, who=WHO, fix=fix, fix_label="Open the donor")]
