"""Sites, staff, and what the sign-in has to remember."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta

from flask_security.core import UserMixin
from sqlalchemy import BigInteger, Integer, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from clinic.access import Role
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
    """One member of staff. One person, one account, one role; never deleted, only made inactive (R8)."""

    KIND = "US"
    NOUN = "Account"
    READ_BESIDE = True
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
        """Whether two accounts are one person's: neither is the second person for the other (rules 2, 45)."""
        return other is not None and (self.id == other.id or _key(self.printed_name) == _key(other.printed_name))


def _key(name: str) -> str:
    return " ".join(name.casefold().split())


class SignIn(Base):
    """One open session of one person. Ended, not deleted, at sign-out; the token is kept as its hash only."""

    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    user_id: Mapped[str] = reference("user_account")
    began_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    address: Mapped[str] = mapped_column(default="")


class FailedSignIn(Base):
    """One failed try to sign in. Bounded: rows older than the window are cleared at the next try."""

    key: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
    name_hash: Mapped[str] = mapped_column(String(64), index=True)
    at: Mapped[datetime] = mapped_column(index=True)


THROTTLE_WINDOW = timedelta(minutes=15)
THROTTLE_SLOW, THROTTLE_LOCK = 5, 10
