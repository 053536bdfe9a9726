"""A donor's consent to donate: a relative's, an unrelated donor's, a mother's for the cord (rules 14, 15)."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from sqlalchemy.orm import Mapped, relationship

from clinic import clock, wording
from clinic.access import Role
from clinic.errors import Problem
from clinic.fields import field, plain
from clinic.model import reference
from clinic.patients.donors import Donor
from clinic.patients.doubted import is_after, moved, starts
from clinic.patients.models import CHILD_YEARS
from clinic.records import Amendment, Origin, Record
from clinic.steps import Blocked

if TYPE_CHECKING:
    from clinic.course_records import CourseRecords

GIVEN_BY = {
    "donor": "The donor", "mother": "The mother (cord)", "parents": "The donor's parents", "guardian": "Legal guardian",
}  # fmt: skip
WHO = (Role.PHYSICIAN, Role.NURSE, Role.COORDINATOR)


def usual_giver(donor: Donor) -> str:
    """Return who consents to a donation: the mother for a cord, the parents of a child, else the donor."""
    child = donor.age_years is not None and donor.age_years < CHILD_YEARS
    return "mother" if donor.kind == "cord" else "parents" if child else "donor"


class DonorConsent(Record):
    """One consent to donate. An unrelated or cord donor is named by the donor number only, so it holds no name."""

    KIND = "CD"
    NOUN = "Consent to donate"
    HAPPENED = "Signed on paper at"
    DONE = "Obtained by"
    QUALIFIED = (("performed_by_id", 0),)
    QUALIFIED_FOR = ("consent",)

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
        """Also: for a cord the mother gives it; a child does not give it alone (hazard H12)."""
        found = super().problems(at=at)
        if self.donor is not None and self.donor.kind == "cord" and self.given_by not in {None, "mother", "guardian"}:
            found.append(Problem("The mother consents to the donation of a cord.", "given_by", rule=14))
        fault = self.giver_fault()
        return [*found, Problem(fault, "given_by", rule=14)] if fault else found

    def giver_fault(self, age: Decimal | None = None) -> str:
        """Return why this person could not give it, by the donor's age; empty: she or he could."""
        age = self._age() if age is None else age
        if age is None or self.origin is Origin.IMPORTED:
            return ""
        if age < CHILD_YEARS and self.given_by == "donor":
            return f"The donor is {plain(age)} years old: parents or a legal guardian consent for a child."
        if age >= CHILD_YEARS + 1 and self.given_by in {"parents", "mother"}:
            return f"The donor is {plain(age)} years old: an adult consents in person."
        return ""

    def _age(self) -> Decimal | None:
        return None if self.donor is None or self.donor.kind == "cord" else self.donor.age_years

    @property
    def not_valid(self) -> str:
        """Why it does not count: as `giver_fault`, by the least age until another person has signed since (rule 14)."""
        age = self._age()
        if age is None:
            return ""
        changed = [one for one in self.donor.amendments if "age_years" in one.changes and not self._confirms(one)]
        return self.giver_fault(min([age, *(Decimal(old) for one in changed if (old := one.changes["age_years"][0]))]))

    def _confirms(self, correction: Amendment) -> bool:
        """Whether another person has signed the consent since a correction of the donor's age."""
        signed = [one for one in self.present_signatures if one.signed_at >= correction.amended_at]
        return any(not one.signed_by.is_same_person(correction.amended_by) for one in signed)

    def critical_corrections(self) -> list[Amendment]:
        """Return the amendments that allow more than the paper did: a second person confirms them."""
        return [one for one in self.amendments if any(self._more(*change) for change in one.changes.items())]

    def _more(self, name: str, change: list[Any]) -> bool:
        """Whether a change may allow what the paper did not: a withdrawal ends what was given before it (rule 15)."""
        old, new = change
        if name == "expires_on":
            return old is not None and (new is None or new > old)
        if name == "withdrawn_at":
            return moved(change)
        if name == "given_by":
            return old is not None
        if name != "performed_at":
            return False
        others = [] if self.donor is None else [one for one in self.donor.consents if one.ends]
        return old is None or new is None or new[:16] < old[:16] or (moved(change) and bool(others))

    @property
    def ends(self) -> list[datetime]:
        """When it was withdrawn, and each moment that a correction took away and nobody has confirmed."""
        return starts(self, "withdrawn_at")

    def covers(self, collected_at: datetime) -> bool:
        """Whether it allowed a collection: signed, given before it, not expired then."""
        given = self.performed_at is None or self.performed_at <= collected_at
        lasted = self.expires_on is None or self.local_day(collected_at) <= self.expires_on
        signed = self.origin is Origin.IMPORTED or (self.signed and self.unconfirmed is None)
        return given and lasted and signed and not self.not_valid

    @property
    def ended_written_at(self) -> datetime:
        """When its withdrawal was written down."""
        told = [one.amended_at for one in self.amendments if "withdrawn_at" in one.changes]
        return told[-1] if told else self.recorded_at

    def headline(self) -> str:
        return f"Consent to donate, form {self.form_version or 'not recorded'}"


def consent_problems(
    records: CourseRecords, donor: Donor, collected_at: datetime, *, elsewhere: bool = False
) -> list[Blocked]:
    """Return why the cells of a donor may not be collected or used: no consent to donate, or withdrawn (14, 15).

    ``elsewhere``: the donation came from another bank and was consented to there; a withdrawal counts all the same.
    """
    if donor.kind == "self":
        return []
    given = records.on(donor, DonorConsent)
    fix, who = ("donors.show", {"donor_id": donor.id}), donor.display_name
    ends = [(end, one.ended_written_at) for one in given for end in one.ends]
    if ends:
        last = max(ends)
        covering = [one for one in given if one.covers(collected_at)]
        if not any(is_after(one.performed_at or collected_at, one.recorded_at, *last) for one in covering):
            day = wording.day(clock.day(last[0], records.zone))
            because = f"{who} withdrew the consent to donate on {day}."
            return [Blocked(rule=15, because=because, who=WHO, fix=fix, fix_label="Open the donor")]
    if elsewhere or any(one.covers(collected_at) for one in given):
        return []
    mother = "the mother's consent to donate" if donor.kind == "cord" else "the donor's consent to donate"
    because = f"No signed consent covers the collection from {who}: record {mother}."
    faults = [fault for one in given if (fault := one.not_valid)]
    if faults:
        because = f"The consent to donate of {who} is not valid. {faults[-1]}"
    if given and not any(one.signed for one in given):
        because = f"The consent to donate of {who} is recorded but not signed."
    return [Blocked(rule=14, because=because, who=WHO, fix=fix, fix_label="Open the donor")]
