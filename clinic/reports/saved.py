"""Saved views: a report or line list with its period, filters and grouping under a name, for its owner or for roles.

They are a convenience and no records: nothing of a patient is in them, and their owner may delete them.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import ForeignKey, Index, String, and_, or_, select
from sqlalchemy.orm import Mapped, mapped_column, relationship

from clinic import preferences
from clinic.access import Role
from clinic.identifiers import LENGTH, new_id
from clinic.model import Base
from clinic.reports.asking import read
from clinic.reports.catalog import REPORTS
from clinic.reports.line_columns import listed
from clinic.reports.periods import EVERY, next_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sqlalchemy.orm import Session

    from clinic.accounts.models import User
    from clinic.reports.asking import Asked

MOST = 50
"""Saved views of one person."""
STARRED = "starred reports"
LIST = "list:"
"""What stands before the name of a data set, where a view is a line list."""


class SavedView(Base):
    """One report as one person wants to see it again. ``roles``: whose it is too; ``every``: how often it is kept.

    ``folder``: as which kind of file it is then written into the reports folder; "": it is not.
    """

    __table_args__ = (Index(None, "site_id", "shared"),)

    id: Mapped[str] = mapped_column(String(LENGTH), primary_key=True, default=lambda: new_id("SV"))
    site_id: Mapped[str] = mapped_column(String(LENGTH), ForeignKey("site.id"))
    owner_id: Mapped[str] = mapped_column(String(LENGTH), ForeignKey("user_account.id"), index=True)
    report: Mapped[str] = mapped_column(String(40))
    name: Mapped[str]
    asked: Mapped[dict[str, str]]
    roles: Mapped[list[str]]
    shared: Mapped[bool] = mapped_column(default=False)
    every: Mapped[str] = mapped_column(String(10), default="")
    folder: Mapped[str] = mapped_column(String(5), default="")
    next_on: Mapped[date | None] = mapped_column(index=True)
    made_at: Mapped[datetime]

    owner: Mapped[Any] = relationship("User")

    @property
    def listed(self) -> str:
        """The data set that it lists; "" where it is a report."""
        return self.report.removeprefix(LIST) if self.report.startswith(LIST) else ""

    @property
    def known(self) -> bool:
        """Whether its report or its data set is still there."""
        return listed(self.listed) is not None if self.listed else self.report in REPORTS

    @property
    def topic(self) -> str:
        """What it is a view of, in words."""
        of = listed(self.listed)
        return f"Line list: {of.dataset.title}" if of else REPORTS[self.report].topic

    def share(self, roles: Iterable[str]) -> None:
        """Share it with all of some roles of the site, and with no others; the owner sees it anyway."""
        self.roles = sorted(roles)
        self.shared = bool(self.roles)

    def repeat(self, every: str, today: date) -> None:
        """Have it made on the first day of each week, month, quarter or year from now on; "": no more."""
        self.every, self.next_on = every, next_of(every, today) if every else None
        self.folder = (self.folder or "") if every else ""

    @property
    def repeats(self) -> str:
        """How often it is made by itself, in words."""
        return EVERY.get(self.every, "")

    @property
    def shared_with(self) -> str:
        """The roles that it is shared with, in words."""
        return ", ".join(Role(role).label for role in self.roles)

    def is_of(self, user: User) -> bool:
        """Whether a person sees it: the owner, or somebody of a role that it is shared with."""
        return self.site_id == user.site_id and (self.owner_id == user.id or user.role.value in self.roles)

    def read(self, today: date) -> tuple[Asked, dict[str, str]]:
        """Return what it asks for on a day, and what of it the report no longer understands."""
        return read(REPORTS[self.report], self.asked, today=today)


def seen_by(session: Session, user: User) -> list[SavedView]:
    """Return the saved views that a person sees, by their names."""
    shared = and_(SavedView.site_id == user.site_id, SavedView.shared)
    chosen = select(SavedView).where(or_(SavedView.owner_id == user.id, shared))
    found = [one for one in session.scalars(chosen) if one.is_of(user) and one.known]
    return sorted(found, key=lambda one: (one.name.casefold(), one.id))


def count_of(session: Session, user: User) -> int:
    """Return how many saved views a person has."""
    return len(session.scalars(select(SavedView.id).where(SavedView.owner_id == user.id)).all())


def starred(session: Session, user: User) -> set[str]:
    """Return the ids of the saved views, and the names of the reports, that a person has starred."""
    chosen: Mapping[str, Any] | None = session.scalar(select(preferences.chosen(user.id, STARRED)))
    return set((chosen or {}).get("of", []))


def star(session: Session, user: User, what: str, *, on: bool) -> None:
    """Star a saved view or a report for a person, or no longer."""
    kept = starred(session, user) - {what} | ({what} if on else set())
    preferences.choose(user.id, STARRED, {"of": sorted(kept)})
