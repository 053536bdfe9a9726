"""What people put under and beside a record: a signature with its meaning, an amendment with its reason."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Index, String, UniqueConstraint, column
from sqlalchemy.orm import Mapped, mapped_column, relationship

from clinic.errors import RuleBroken
from clinic.identifiers import LENGTH
from clinic.model import Model, reference


class Meaning(StrEnum):
    """What a signature says (21 CFR 11.50)."""

    AUTHORSHIP = "authorship"
    VERIFICATION = "verification"
    REVIEW = "review"
    APPROVAL = "approval"
    RELEASE = "release"

    @property
    def label(self) -> str:
        """The sentence shown with the signature, on screen and on paper."""
        return {
            "authorship": "This record is complete and correct",
            "verification": "Second person: I checked this myself",
            "review": "I have reviewed this record",
            "approval": "I approve this",
            "release": "Released for this patient",
        }[self.value]


def sentence(record: Any, meaning: Meaning) -> str:
    """Return what a signature under a record says; a decision has a sentence of its own (`sentences`)."""
    own: dict[Meaning, str] = getattr(record, "sentences", {})
    return own.get(meaning) or meaning.label


class Signature(Model):
    """One person's signature under one content of one record."""

    KIND = "SG"
    __table_args__ = (UniqueConstraint("record_id", "content_hash", "signed_by_id", "meaning"),)

    record: Mapped[str] = mapped_column(String(40))
    record_id: Mapped[str] = mapped_column(String(LENGTH), index=True)
    record_version: Mapped[int]
    meaning: Mapped[Meaning]
    content_hash: Mapped[str] = mapped_column(String(64))
    signed_by_id: Mapped[str] = reference("user_account")
    signed_at: Mapped[datetime]
    printed_name: Mapped[str]
    role: Mapped[str]

    signed_by: Mapped[Any] = relationship("User")


OPEN = column("confirmed_by_id").is_(None)


class Amendment(Model):
    """One correction of one record: what it said before, what it says now, who, when and why."""

    KIND = "AM"
    __table_args__ = (
        UniqueConstraint("record_id", "number"),
        Index(
            "ix_amendment_unconfirmed", "site_id", "record", "amended_at",
            sqlite_where=OPEN, postgresql_where=OPEN,
        ),
    )  # fmt: skip

    record: Mapped[str] = mapped_column(String(40))
    record_id: Mapped[str] = mapped_column(String(LENGTH), index=True)
    number: Mapped[int]
    amended_by_id: Mapped[str] = reference("user_account")
    amended_at: Mapped[datetime]
    reason: Mapped[str]
    changes: Mapped[dict[str, Any]]

    confirmed_by_id: Mapped[str | None] = reference("user_account")
    confirmed_at: Mapped[datetime | None]

    amended_by: Mapped[Any] = relationship("User", foreign_keys=[amended_by_id])
    confirmed_by: Mapped[Any] = relationship("User", foreign_keys=[confirmed_by_id])

    def confirm(self, *, by: Any, at: datetime) -> None:
        """Confirm a correction as the second person; raises `RuleBroken` for its author and for one confirmed before.

        The caller has just checked the password (law 5).
        """
        if self.confirmed_by_id is not None:
            raise RuleBroken("This correction is confirmed already.")
        if by.is_same_person(self.amended_by):
            raise RuleBroken("A second person confirms the correction, not the person who made it.", rule=45)
        self.confirmed_by, self.confirmed_by_id, self.confirmed_at = by, by.id, at

    def corrects(self, names: frozenset[str]) -> bool:
        """Whether it changed one of some facts that said something before, not only filled in what was awaited."""
        return any(name in names and said[0] is not None for name, said in self.changes.items())
