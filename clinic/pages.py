"""What every room's views do alike: find a row that the user may see, take a form, show a page about a patient."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from flask import abort, flash, redirect, request
from flask_login import current_user
from sqlalchemy import select

from clinic import drafts, idempotency, wording
from clinic.extensions import db
from clinic.identifiers import parse_id
from clinic.model import Model

if TYPE_CHECKING:
    from werkzeug.wrappers import Response

    from clinic.accounts.models import User
    from clinic.forms import RecordForm

M = TypeVar("M", bound=Model)
F = TypeVar("F", bound="RecordForm")


def me() -> User:
    """Return who is signed in. Only views call this: below them the actor is an argument (law 8)."""
    user: Any = current_user._get_current_object()  # noqa: SLF001 - the proxy itself must not reach the database
    return user


def zone() -> str:
    """Return the time zone of the user's site."""
    return me().site.zone


def find(model: type[M], public_id: str) -> M:
    """Return the row with an id that this user's site may see; anything else is the same 404."""
    wanted = parse_id(public_id, model.KIND)
    row = db.session.scalar(select(model).where(model.id == wanted)) if wanted else None
    if row is None:
        abort(404)
    return row


def form_of(kind: type[F], row: Model | None = None, **more: Any) -> F:
    """Return a form on the site's clock, filled in from a row or from this person's draft where there is one."""
    draft = drafts.at_hand(me().id) if row is None and request.method == "GET" else None
    if draft is not None:
        more["formdata"] = draft[0]
    form = kind(obj=row, zone=zone(), record_version=row.version if row is not None else None, **more)
    form.can_draft = row is None
    if draft is not None:
        form.draft_note = f"Your draft of {wording.moment(draft[1], zone())} is filled in."
    return form


def unchanged_since_shown(row: Model) -> None:
    """Refuse a change of a record that somebody else changed since this form was opened (hazard H18)."""
    seen = request.form.get("version", "")
    if seen != str(row.version):
        raise ChangedMeanwhile(row)


class ChangedMeanwhile(Exception):
    """Two people changed one record; the first change stands and the second sees both."""

    def __init__(self, row: Model) -> None:
        super().__init__(row.id)
        self.row = row


def saved(location: str, message: str = "", kind: str = "ok") -> Response:
    """Commit what was done and lead on; a repeated post of the same form leads to the same place."""
    idempotency.led_to(location)
    drafts.end(me().id, request.path)
    db.session.commit()
    if message:
        flash(message, kind)
    return redirect(location, 303)
