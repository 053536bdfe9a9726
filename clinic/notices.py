"""Notices: who is told of what. A step names the people; they see it under the bell, and by e-mail that there is one.

    notify(session, [physician], by=user, at=at, text="Released by exception: …", about=release)

A notice may name the patient, since only the person it is for reads it, signed in. An e-mail never does: it only says
how many notices wait. See `clinic.requests.mail`.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Index, String, bindparam, func, select
from sqlalchemy.orm import Mapped, mapped_column

from clinic.fields import field
from clinic.identifiers import LENGTH
from clinic.model import Base, Model, reference

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy.orm import Session

MOST_COUNTED = 100
"""Unread notices are counted up to here; the bell then says “99+”."""


class Notice(Model):
    """One person told of one thing, by whom and when; read or not."""

    KIND = "NT"
    NOUN = "Notice"
    __table_args__ = (Index(None, "user_id", "made_at", "id"),)

    user_id: Mapped[str] = reference("user_account", index=False)
    made_by_id: Mapped[str] = reference("user_account", index=False)
    made_at: Mapped[datetime]
    text: Mapped[str] = field("Notice", identifying=True)
    record: Mapped[str] = mapped_column(String(40), default="")
    record_id: Mapped[str | None] = mapped_column(String(LENGTH))
    read_at: Mapped[datetime | None]


Index(
    "ix_notice_unread", Notice.user_id, sqlite_where=Notice.read_at.is_(None), postgresql_where=Notice.read_at.is_(None)
)


class NoticeMail(Base):
    """That an e-mail about a notice was sent, or tried. No row: nobody has tried yet."""

    notice_id: Mapped[str] = mapped_column(String(LENGTH), primary_key=True)
    tried_at: Mapped[datetime]
    tries: Mapped[int] = mapped_column(default=1)
    sent_at: Mapped[datetime | None]


_waiting = select(Notice.id).where(Notice.user_id == bindparam("reader"), Notice.read_at.is_(None)).limit(MOST_COUNTED)
UNREAD_OF_READER: Any = select(func.count()).select_from(_waiting.subquery()).scalar_subquery()
"""The number of unread notices of a person, ``reader``, as a column of another statement: every page shows it, and no
page asks for it by a statement of its own."""


def notify(  # noqa: PLR0913 - who is told of what, by whom
    session: Session, people: Iterable[Any], *, by: Any, at: datetime, text: str, about: Model | None = None
) -> list[Notice]:
    """Tell some accounts of something; each is told once, inactive ones and ``by`` are left out.

    ``about``: the record that the notice leads to.
    """
    made = [
        Notice(
            site_id=by.site_id, user_id=person.id, made_by_id=by.id, made_at=at, text=text,
            record=about.__tablename__ if about is not None else "", record_id=about.id if about is not None else None,
        )
        for person in dict.fromkeys(people)
        if person.active and person.id != by.id
    ]  # fmt: skip
    session.add_all(made)
    return made
