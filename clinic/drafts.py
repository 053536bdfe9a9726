"""Drafts: unfinished forms, kept on the server for the person who typed them.

“Save draft” keeps one; so does the page by itself while somebody types, and a form that is sent after the session ran
out, was ended elsewhere, or was replaced by another sign-in. The form comes back filled in; saving the record ends the
draft. A draft of an amendment keeps the version that was read, so that it cannot hide a later change (hazard H18).
A draft is not a record: it is in no ledger, export or search.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

from flask import current_app, request
from itsdangerous import BadSignature, URLSafeTimedSerializer
from sqlalchemy import String, UniqueConstraint, bindparam, delete, func, insert, select
from sqlalchemy.orm import Mapped, mapped_column
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import HTTPException

from clinic import clock
from clinic.extensions import db
from clinic.identifiers import LENGTH, SHAPE, new_id, within
from clinic.model import Base
from clinic.secret_boxes import is_secret

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from flask import Flask
    from sqlalchemy.orm import Session

TYPED_BY, TYPED_ON, TITLE = "typed_by", "typed_on", "draft_title"
"""Hidden inputs of a form: for whom it was shown, on which page (if it is sent to another one), its draft's title."""
NEVER_KEPT = ("csrf_token", "idempotency_key", "do", TYPED_BY, TYPED_ON, TITLE)
"""What a draft leaves out besides passwords (`is_secret`)."""
VERSION, SEEN = "version", "seen"
"""The version that was read, and in an address the later one that was seen since."""
MOST_TEXT = 100_000
MOST_PLACE, MOST_TITLE = 2_000, 300
"""Characters of a draft's address, and of its title, of which the rest is cut off."""
MOST = 50
"""Drafts that one person keeps at most."""
PIECE = 500
"""Drafts that one statement deletes at most."""
SPARE = 10
"""Drafts beyond those for what cannot wait: a form that is sent after the session ran out, or that a rule refused."""


class Draft(Base):
    """One unfinished form of one person at one address."""

    __table_args__ = (UniqueConstraint("user_id", "path"),)

    id: Mapped[str] = mapped_column(String(LENGTH), primary_key=True)
    user_id: Mapped[str] = mapped_column(String(LENGTH), index=True)
    path: Mapped[str]
    title: Mapped[str]
    typed: Mapped[dict[str, Any]]
    at: Mapped[datetime]


ANY_OF_READER: Any = select(Draft.id).where(Draft.user_id == bindparam("reader")).exists()
"""Whether a person, ``reader``, has a draft, as a column of another statement: pages ask for drafts only then."""


def token(user_id: str) -> str:
    """Return what a form carries to prove for whom it was shown, signed with the clinic's key."""
    return _signer().dumps(user_id)


def typed_by(most: timedelta) -> str | None:
    """Return for whom the posted form was shown, if that was not longer ago; None for a form that another site made."""
    try:
        return str(_signer().loads(request.form.get(TYPED_BY, ""), max_age=int(most.total_seconds())))
    except BadSignature:
        return None


def _signer() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(current_app.secret_key or "", salt="a form and its reader")


def place() -> str:
    """Return the address of the page on which the posted form was filled in, with the query that chose the form."""
    return (request.form.get(TYPED_ON) and _typed_on()) or _here()


def _typed_on() -> str:
    """Return the page that the form says it is part of: one of ours that is about the same records, else nothing.

    So the guard that looks at the records of the posted address has looked at those of the page.
    """
    path = urlsplit(within(request.form.get(TYPED_ON, ""))).path
    adapter = current_app.create_url_adapter(request)
    try:
        values = adapter.match(path, method="GET")[1] if path and adapter else {}
    except HTTPException:
        return ""
    about = set((request.view_args or {}).values())
    return path if values and set(values.values()) <= about else ""


def _here() -> str:
    query = urlencode([pair for pair in request.args.items(multi=True) if pair[0] != SEEN])
    here = f"{request.path}?{query}" if query else request.path
    return within(here) or request.path


def sent_to() -> str:
    """Return the address to which this request was sent, with its query; nothing where it is none of ours."""
    return within(f"{request.script_root}{request.full_path}".rstrip("?"))


def _typed() -> dict[str, list[str]]:
    kept = request.form.to_dict(flat=False).items()
    return {name: values for name, values in kept if name not in NEVER_KEPT and not is_secret(name)}


def refused(user_id: str, most: int = MOST) -> str:
    """Return why the posted form cannot be kept as a draft, as half a sentence; nothing where it can."""
    if len(str(_typed())) > MOST_TEXT:
        return f"the form has more than {MOST_TEXT:,} characters"
    if len(place()) > MOST_PLACE:
        return f"the address of the form has more than {MOST_PLACE:,} characters"
    others = select(func.count()).select_from(Draft).where(Draft.user_id == user_id, Draft.path != place())
    return f"you already have {MOST} drafts" if (db.session.scalar(others) or 0) >= most else ""


def keep(user_id: str) -> bool:
    """Save the posted form as the draft of its page, replacing an earlier one; False if it is empty or `refused`."""
    typed, title = _typed(), request.form.get(TITLE, "")[:MOST_TITLE]
    filled = any(value for name, values in typed.items() for value in values if name != VERSION)
    if not filled or refused(user_id, MOST + SPARE):
        return False
    end(user_id)
    db.session.execute(
        insert(Draft).values(id=new_id("DR"), user_id=user_id, path=place(), title=title, typed=typed, at=clock.now())
    )
    return True


def end(user_id: str) -> None:
    """Delete the draft of this page, because its record was saved or the person no longer wants it."""
    pages = {place(), _here(), request.path}
    db.session.execute(delete(Draft).where(Draft.user_id == user_id, Draft.path.in_(pages)))


def end_at(user_id: str, page: str) -> None:
    """Delete the draft of another page: what it was about is done or gone."""
    path = page.removeprefix(request.script_root)
    db.session.execute(delete(Draft).where(Draft.user_id == user_id, Draft.path == path))


def end_about(session: Session, gone: Collection[str]) -> None:
    """Delete everybody's drafts on pages of records that are no longer there: an import was taken back."""
    kept = session.execute(select(Draft.id, Draft.path).execution_options(yield_per=1000))
    about = [one for one, path in kept if not set(SHAPE.findall(path)).isdisjoint(gone)]
    for start in range(0, len(about), PIECE):
        session.execute(delete(Draft).where(Draft.id.in_(about[start : start + PIECE])))


def at_hand(user_id: str) -> tuple[MultiDict[str, str], datetime] | None:
    """Return this person's draft for this page as form data, and when it was saved."""
    pages = {_here(), request.path}
    rows = db.session.execute(
        select(Draft.typed, Draft.at, Draft.path).where(Draft.user_id == user_id, Draft.path.in_(pages))
    ).all()
    row = max(rows, key=lambda one: len(one.path), default=None)
    return (MultiDict(row.typed), row.at) if row else None


def init_app(app: Flask) -> None:
    """Offer the hidden input that names its reader to every form."""
    app.jinja_env.globals["form_token"] = token


def again(version: str) -> str:
    """Return the address at which the posted form opens with its entries, based on a version that was seen now."""
    at = place()
    return f"{request.script_root}{at}{'&' if '?' in at else '?'}{SEEN}={version}"


def mine(user_id: str) -> Sequence[Any]:
    """Return path, title and time of a person's drafts, the newest first."""
    return db.session.execute(
        select(Draft.path, Draft.title, Draft.at).where(Draft.user_id == user_id).order_by(Draft.at.desc()).limit(MOST)
    ).all()
