"""The decision that a course continues under a protocol version that was retired (rule 16)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Text
from sqlalchemy.orm import Mapped, relationship

from clinic.access import Role
from clinic.errors import RuleBroken
from clinic.fields import field
from clinic.model import reference
from clinic.patients.doubted import redated
from clinic.records import Amendment, Meaning, Record, Signature
from clinic.treatments.models import Treatment

if TYPE_CHECKING:
    from datetime import datetime

    from clinic.accounts.models import User


class Continuation(Record):
    """The decision that a course goes on under a protocol version that was retired, with the reason (rule 16)."""

    KIND = "CO"
    NOUN = "Decision to continue"
    HAPPENED = "Decided at"
    DONE = "Decided by"
    PERSON = "treatment.patient"

    treatment_id: Mapped[str] = reference("treatment")
    reason: Mapped[str | None] = field(
        "Why the course continues under this version", Text, required=True, long=True, section="Decision",
        hint="What the new version changes, and why it does not matter for this patient",
    )  # fmt: skip

    treatment: Mapped[Treatment] = relationship(back_populates="continuations")

    def critical_corrections(self) -> list[Amendment]:
        """Return the amendments of its moment, which may put it after a retirement (rule 16)."""
        return redated(self, "performed_at")

    def sign(self, *, by: User, at: datetime, meaning: Meaning = Meaning.AUTHORSHIP) -> Signature:
        """Sign as a physician or quality staff (rule 16)."""
        if by.role not in {Role.PHYSICIAN, Role.QUALITY}:
            raise RuleBroken("A physician or quality staff decides whether the course continues.", rule=16)
        return super().sign(by=by, at=at, meaning=meaning)

    def headline(self) -> str:
        return "Course continues under the retired protocol version"
