"""What all views share: get a row that the user may see, handle a form, show a page about a patient.

A view that takes a form reads

    form = form_of(HarvestForm, people=HARVEST.logs, about={"treatment": course})
    if form.validate_on_submit():
        with refusals_to(form):
            harvest = Harvest.log(by=me(), at=clock.now(), treatment=course, **form.facts())
            return commit_and_redirect(url_of(harvest), "Harvest saved.")
    return form_page(form, heading="Record a harvest", …)
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from hashlib import sha256
from typing import TYPE_CHECKING, Any, TypeVar

from flask import abort, flash, g, redirect, render_template, request
from flask_login import current_user
from sqlalchemy import select

from clinic import clock, drafts, idempotency, wording
from clinic.errors import RuleBroken, StepBlocked
from clinic.extensions import db
from clinic.identifiers import parse_id
from clinic.model import Model

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from werkzeug.wrappers import Response

    from clinic.access import Role
    from clinic.accounts.models import User
    from clinic.forms import RecordForm

M = TypeVar("M", bound=Model)
F = TypeVar("F", bound="RecordForm")
Answer = Any
"""What a view of a form returns: a page, a page with its status, or a redirect."""
_VERSION = re.compile(r"\d{1,9}(-[0-9a-f]{16})?")


def me() -> User:
    """Return the signed-in user. Only views call this; below them the actor is an argument."""
    user: Any = current_user._get_current_object()  # noqa: SLF001 - the proxy itself must not reach the database
    return user


def zone() -> str:
    """Return the time zone of the user's site."""
    return me().site.zone


def get_or_404(model: type[M], public_id: str) -> M:
    """Return the row with an id that this user's site may see; anything else is the same 404."""
    wanted = parse_id(public_id, model.KIND)
    row = db.session.scalar(select(model).where(model.id == wanted)) if wanted else None
    if row is None:
        abort(404)
    return row


def staff_choices(
    roles: Iterable[Role] | None = None, *, kept: Iterable[str | None] = (), staff: Iterable[Any] | None = None
) -> list[tuple[str, str]]:
    """Return id and name of the staff of the user's site who have access now, of some roles or all.

    ``kept``: whom a record names already; they stay to choose, whatever became of their accounts. ``staff``: the staff
    of the site, where the page has read them already.
    """
    named, user = set[Any](kept), type(me())
    columns = (user.id, user.printed_name, user.role, user.active)
    known = db.session.execute(select(*columns)) if staff is None else staff
    return [
        (row.id, f"{row.printed_name}, {row.role.label}")
        for row in sorted(known, key=lambda one: (one.printed_name, one.id))
        if row.id in named or (row.active and (roles is None or row.role in roles))
    ]


def staff_names() -> dict[str, str]:
    """Return name and role of everybody who is or was on the staff of the user's site, by id."""
    user = type(me())
    chosen = select(user.id, user.printed_name, user.role)
    return {row.id: f"{row.printed_name}, {row.role.label}" for row in db.session.execute(chosen)}


def form_of(  # noqa: PLR0913 - each says another way in which a form begins
    kind: type[F],
    row: Model | None = None,
    *,
    people: Iterable[Role] | None = None,
    about: Mapping[str, Any] | None = None,
    rests_on: Model | None = None,
    staff: Iterable[Any] | None = None,
    **more: Any,
) -> F:
    """Return a form on the site's clock, filled in from a row or from this person's draft where there is one.

    Staff of the roles ``people`` (all where it is left out) are offered in its fields for a person. A new record's
    form starts with now and me where its facts say so. ``about``: the rows that the record belongs to. ``rests_on``:
    the row over whose page something is decided, where the form is not filled in from it. ``staff`` as in
    `staff_choices`.
    """
    user = me()
    draft = drafts.at_hand(user.id) if request.method == "GET" else None
    if draft is not None:
        more["formdata"] = draft[0]
    read_of = row if row is not None else rests_on
    read = None if read_of is None else _version_read(read_of, draft[0] if draft is not None else None)
    form = g.form = kind(obj=row, zone=user.site.zone, record_version=read, about=about, **more)
    form.can_draft = any(field.kind != "password" for field in form.visible_fields)
    asked = [field for field in form.visible_fields if field.short_name.endswith("_by_id")]
    if asked:
        named = [getattr(row, field.short_name, None) for field in asked]
        offered = staff_choices(people, kept=named, staff=staff)
        for field in asked:
            field.offer(offered)
    if draft is not None:
        form.draft_note = f"Your draft of {wording.moment(draft[1], form.zone)} is filled in."
    elif row is None and not form.is_submitted():
        form.prefill_starts(me=user.id)
    return form


def read_version(row: Model, covers: str = "") -> str:
    """Return what a page says that it read of a row: its version, with a digest of the rows that it rests on.

    ``covers``: the hash of what else the page shows.
    """
    more = sorted(f"{one.id} {one.version}" for one in rests_on(row)) + ([covers] if covers else [])
    return f"{row.version}-{sha256(chr(10).join(more).encode()).hexdigest()[:16]}" if more else str(row.version)


def rests_on(row: Model) -> list[Any]:
    """Return the rows that say more of a row, see `Model.RESTS_ON`."""
    found = [getattr(row, name) for name in row.RESTS_ON]
    return [one for part in found for one in (part if isinstance(part, list) else [part]) if one is not None]


def _version_read(row: Model, draft: Mapping[str, str] | None) -> str:
    """Return the version of the record that the entries of a form are based on.

    For a draft it is the version that was read when it was typed, until its author has seen the later one
    (``?seen=``): so a change of another person cannot be overwritten unseen (hazard H18). A form that comes back for a
    fault keeps the version that was sent, for the same reason.
    """
    now = read_version(row)
    if request.method == "POST":
        return sent_version(now)
    typed_on = draft.get(drafts.VERSION, "") if draft is not None else ""
    seen = request.args.get(drafts.SEEN, "") == now
    return typed_on if _VERSION.fullmatch(typed_on) and not seen else now


def sent_version(now: str, box: str = drafts.VERSION) -> str:
    """Return the version that a form says was read, to show it again with that; of a page that is opened, ``now``."""
    sent = request.form.get(box, "")
    return sent if _VERSION.fullmatch(sent) else now


def form_page(form: RecordForm, *, template: str = "records/form.html", **shown: Any) -> Answer:
    """Return the page of a form: 422 where something is wrong with what was sent, each problem at its field."""
    if form.is_submitted():
        _judge_together(form)
    page = render_template(template, form=form, **shown)
    return (page, 422) if form.error_list else page


def _judge_together(form: RecordForm) -> None:
    """Add what the record says about its facts together to what the fields say one by one; then roll back."""
    if form.about is None or form.model is None or form.refused or not form.error_list:
        return
    problems, questions = form.model.judged(by=me(), at=clock.now(), **{**form.declared(), **form.about})
    db.session.rollback()
    form.refuse_all(form.unanswered(problems), questions)


@contextmanager
def refusals_to(form: RecordForm, field: str = "") -> Iterator[None]:
    """Show on the form what a rule says to what is done inside, each problem at its field; nothing of it is kept.

    A problem that names no field is shown at ``field``. A closed gate goes on to its own page, and so does a
    question that is about no field of this form.
    """
    try:
        yield
    except StepBlocked:
        raise
    except RuleBroken as broken:
        db.session.rollback()
        form.take(broken, field)


def refuse_stale(row: Model, box: str = drafts.VERSION, covers: str = "") -> None:
    """Refuse an act on a record that another user changed, or added to, since this form was opened (hazard H18).

    ``box`` names the hidden input with the version that was read, ``covers`` as in `read_version`.
    """
    if request.form.get(box, "") != read_version(row, covers):
        raise ChangedMeanwhile(row)


class ChangedMeanwhile(Exception):
    """Two people changed one record; the first change is kept and the second person sees both."""

    def __init__(self, row: Model) -> None:
        super().__init__(row.id)
        self.row = row


def commit_and_redirect(location: str, message: str = "", kind: str = "ok") -> Response:
    """Commit and redirect; a repeated post of the same form redirects to the same place."""
    idempotency.led_to(location)
    drafts.end(me().id)
    db.session.commit()
    if message:
        flash(message, kind)
    return redirect(location, 303)
