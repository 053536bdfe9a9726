"""Saved views that are made by themselves: on the first day of a period the report is kept and its owner is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from clinic import clock
from clinic.access import WRITERS, keep_to_site
from clinic.ledger.listener import lock_site, set_actor
from clinic.ledger.reads import Reading, add
from clinic.notices import Notice
from clinic.reading import reading
from clinic.reports.catalog import REPORTS
from clinic.reports.data import Data
from clinic.reports.files import FORMATS
from clinic.reports.folder import content, digest, name_of, write
from clinic.reports.kept import KeptReport
from clinic.reports.making import make
from clinic.reports.saved import SavedView

if TYPE_CHECKING:
    from datetime import date, datetime
    from pathlib import Path

    from sqlalchemy.orm import Session

    from clinic.reports.files import Made


def keep_due(session: Session, at: datetime, folder: Path | None = None) -> int:
    """Keep every saved view whose day has come, and tell its owner; return how many there were.

    Each is read as its owner and kept in a transaction of its own. One whose owner has left or may keep no report,
    or whose filters the report no longer knows, is not repeated any more; of these the active owner is told why.
    ``folder``: where files of those views are written that ask for one, after they are kept: a folder on a disk that
    hangs holds up nobody who writes records. The owner is told why a file was not written.
    """
    with reading():
        latest = clock.day(at, "Pacific/Kiritimati")  # the first place to see a new day
        due = session.scalars(select(SavedView.id).where(SavedView.next_on <= latest).order_by(SavedView.id)).all()
        session.rollback()
    return sum(_keep(session, view_id, at, folder) for view_id in due)


def _keep(session: Session, view_id: str, at: datetime, folder: Path | None) -> bool:
    view = session.get(SavedView, view_id)
    if view is None or view.next_on is None:
        return False
    owner, today = view.owner, clock.day(at, view.owner.site.zone)
    if view.next_on > today:
        session.rollback()
        return False
    keep_to_site(session, view.site_id)
    try:
        lock_site(session, view.site_id)
        session.refresh(view)  # another process may have kept it while this one waited
        if view.next_on is None or view.next_on > today:
            session.rollback()
            return False
        set_actor(session, owner.id)
        made = _made(session, view, today, at)
        written = content(made, view.folder) if made is not None and view.folder in FORMATS else None
        name = name_of(view, made, today) if made is not None and written is not None else ""
        if made is not None and written is not None:
            about = f"report {made.report.name}.{view.folder} {digest(written)}"
            add(session, [Reading(view.site_id, at, owner.id, "export", "on a schedule", about)])
        view.repeat(view.every if made else "", today)
        session.commit()
        if written is not None and (why := write(folder, name, written)):
            said = f"“{view.name}” was kept, but its file was not written: {why}. Tell the administrator; it is tried"
            _tell(session, view, at, f"{said} again when the report is next kept.")
            session.commit()
    finally:
        keep_to_site(session, None)
    return made is not None


def _made(session: Session, view: SavedView, today: date, at: datetime) -> Made | None:
    """Keep the report of a view and tell its owner; None, and told why, where it cannot be made any more."""
    owner, report = view.owner, REPORTS.get(view.report)
    if not owner.active:
        return None
    if owner.role not in WRITERS:
        _tell(session, view, at, f"“{view.name}” was not made: your role ({owner.role.label}) keeps no reports.")
        return None
    asked, wrong = view.read(today) if report is not None else (None, {"report": "The report is no longer made."})
    if report is None or asked is None or wrong:
        _tell(session, view, at, f"“{view.name}” was not made: {' '.join(wrong.values())} Save the view anew.")
        return None
    made = make(report, Data(session, asked, zone=owner.site.zone, at=at), owner.site)
    kept = KeptReport.keep(made, asked, by=owner, at=at, title=f"{view.name}, {today:%Y-%m-%d}", scheduled=True)
    session.add(kept)
    session.flush()
    _tell(session, view, at, f"“{view.name}” is ready: {made.result.finding}", kept)
    return made


def _tell(session: Session, view: SavedView, at: datetime, text: str, kept: KeptReport | None = None) -> None:
    about = {} if kept is None else {"record": KeptReport.__tablename__, "record_id": kept.id}
    owner_id = view.owner_id
    session.add(Notice(site_id=view.site_id, user_id=owner_id, made_by_id=owner_id, made_at=at, text=text, **about))
