"""Sites, staff, and what the sign-in has to remember."""

from __future__ import annotations

import re
import secrets
from collections.abc import Collection
from datetime import datetime, timedelta

from flask_security.core import UserMixin
from sqlalchemy import JSON, BigInteger, Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column, object_session, relationship

from clinic.access import Role
from clinic.accounts.same_name import similar
from clinic.fields import field
from clinic.model import Base, Model, reference


def new_uniquifier() -> str:
    """Return what binds sessions and one-time links to an account; a new one ends them all."""
    return secrets.token_hex(32)


class Site(Model):
    """One clinic of a network: its own chain of records, its own zone."""

    KIND = "ST"
    code: Mapped[str] = field("Code", unique=True)
    name: Mapped[str] = field("Name")
    zone: Mapped[str] = field("Time zone", default="Etc/UTC")
    facility_code: Mapped[str] = field("Facility identification number", default="")
    is_demo: Mapped[bool] = mapped_column(default=False)
    laboratory_phone: Mapped[str | None] = field("Telephone of the laboratory")
    quality_phone: Mapped[str | None] = field("Telephone of quality")

    def __init__(self, **facts: object) -> None:
        super().__init__(**facts)
        self.site_id = self.id


class User(Model, UserMixin):
    """One member of staff in one role; never deleted, only made inactive (R8).

    A person who works in two roles has two accounts with the same ``person_id``: the id of the first one. An empty one
    is the account's own. ``told_apart`` has the reason why an account of the same name is another person's, by its id.
    """

    KIND = "US"
    NOUN = "Account"
    READ_BESIDE = True
    READ_WITH = ("site",)
    __tablename__ = "user_account"  # type: ignore[assignment] - a fixed name in place of the derived one

    email: Mapped[str] = field("E-mail address", unique=True)
    printed_name: Mapped[str] = field("Printed name")
    role: Mapped[Role]
    active: Mapped[bool] = field("Active", default=True)
    password: Mapped[str | None] = mapped_column(info={"secret": True})
    fs_uniquifier: Mapped[str] = mapped_column(
        String(64), unique=True, default=lambda: secrets.token_hex(32), info={"secret": True}
    )
    theme: Mapped[str] = mapped_column(default="")
    staff_number: Mapped[str | None] = field("Staff number", index=True)
    person_id: Mapped[str | None] = mapped_column(String(12), index=True)
    told_apart: Mapped[dict[str, str] | None] = mapped_column(JSON(none_as_null=True))
    unlocked_at: Mapped[datetime | None] = field("Allowed to sign in again", default=None)

    site: Mapped[Site] = relationship(foreign_keys="User.site_id", lazy="joined")

    @property
    def roles(self) -> list[object]:
        """None, for the login package: who may do what is said in `clinic.access` alone."""
        return []

    @property
    def label(self) -> str:
        """Name and role, as others read it."""
        return f"{self.printed_name}, {self.role.label}"

    def is_same_person(self, other: User | None) -> bool:
        """Whether two accounts are one person's, so that neither is the second person for the other (rules 2, 45).

        They are where they are linked or have one staff number, and also while they have the same or a similar name
        and nobody has told them apart; see `same_name.similar`.
        """
        if other is None:
            return False
        if self.id == other.id or (self.person_id or self.id) == (other.person_id or other.id):
            return True
        if number_key(self.staff_number) and number_key(self.staff_number) == number_key(other.staff_number):
            return True
        apart = other.id in (self.told_apart or {}) or self.id in (other.told_apart or {})
        return not apart and similar(self.printed_name, other.printed_name)

    def is_among(self, ids: Collection[str | None]) -> bool:
        """Whether one of some accounts is this person's: this one, or another one of the same person."""
        if self.id in ids:
            return True
        others, session = [one for one in ids if one], object_session(self)
        if not others or session is None:
            return False
        with session.no_autoflush:
            return any(self.is_same_person(session.get(User, one)) for one in others)  # mostly read already


def number_key(number: str | None) -> str:
    """Return a staff number as it is compared: ``n-0417`` and ``N 0417`` are the same."""
    return re.sub(r"[\W_]", "", number or "").casefold()


class SignIn(Base):
    """One open session of one person. Ended, not deleted, at sign-out; the token is kept as its hash only."""

    __table_args__ = (Index(None, "address", "began_at"),)

    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    user_id: Mapped[str] = reference("user_account")
    began_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    address: Mapped[str] = mapped_column(default="")


class FailedSignIn(Base):
    """One failed try to sign in, or, without an address, to sign a record in an open session.

    Bounded: rows older than the window are cleared at the next try.
    """

    key: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
    name_hash: Mapped[str] = mapped_column(String(64), index=True)
    address_hash: Mapped[str | None] = mapped_column(String(64), index=True)
    at: Mapped[datetime] = mapped_column(index=True)


THROTTLE_WINDOW = timedelta(minutes=15)
THROTTLE_SLOW, THROTTLE_LOCK = 5, 10
