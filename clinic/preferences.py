"""What a person chose for pages of her or his own, such as the filter of Today; kept per account, no record."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Label, String, delete, insert, select
from sqlalchemy.orm import Mapped, mapped_column

from clinic.extensions import db
from clinic.identifiers import LENGTH
from clinic.model import Base


class Preference(Base):
    """One choice of one person."""

    user_id: Mapped[str] = mapped_column(String(LENGTH), primary_key=True)
    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    value: Mapped[dict[str, Any]]


def chosen(user_id: str, name: str) -> Label[Any]:
    """Return what a person chose as the column ``chosen`` of another statement; None if nothing."""
    wanted = select(Preference.value).where(Preference.user_id == user_id, Preference.name == name)
    return wanted.scalar_subquery().label("chosen")


def choose(user_id: str, name: str, value: dict[str, Any]) -> None:
    """Keep what a person chose in place of the earlier choice."""
    db.session.execute(delete(Preference).where(Preference.user_id == user_id, Preference.name == name))
    db.session.execute(insert(Preference).values(user_id=user_id, name=name, value=value))
