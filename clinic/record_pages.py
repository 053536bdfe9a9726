"""Signing and amending: the same two acts for every kind of record, each on its own page.

A room says with `desk` where its record is shown, who signs it and who may amend it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from flask import Blueprint, abort, render_template, request, url_for
from sqlalchemy import select

from clinic import clock, record_display
from clinic.access import WRITERS, Role, allow
from clinic.accounts.models import User
from clinic.accounts.security import WrongPassword, recheck
from clinic.errors import RuleBroken
from clinic.extensions import db
from clinic.fields import Field
from clinic.forms import RecordForm, form_for
from clinic.idempotency import address
from clinic.identifiers import parse_id
from clinic.ledger.listener import set_actor
from clinic.pages import find, form_of, me, saved, unchanged_since_shown, zone
from clinic.records import Entry, Meaning, Record

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from werkzeug.wrappers import Response

    from clinic.form_fields import Box

bp = Blueprint("record_pages", __name__, url_prefix="/records")


@dataclass(frozen=True, kw_only=True)
class Desk:
    """Where one kind of record is shown, signed and amended."""

    model: type[Entry]
    show: Callable[[Any], str]
    signs: frozenset[Role] = frozenset()
    amends: frozenset[Role] = frozenset()
    patient: Callable[[Any], Any] = lambda _record: None
    meanings: Mapping[Role, Meaning] = field(default_factory=dict)
    means: Callable[[Any, User], Meaning | None] = lambda _record, _user: None
    fixed: frozenset[str] = frozenset()
    after_sign: Callable[[Any], None] = lambda _record: None

    def meaning(self, record: Any, user: User) -> Meaning:
        """Return what the signature of a person says on this record: by the part taken in it, else by role."""
        return self.means(record, user) or self.meanings.get(user.role, Meaning.AUTHORSHIP)


DESKS: dict[str, Desk] = {}


def desk(model: type[Entry], **more: Any) -> Desk:
    """Register the desk of a kind of record."""
    DESKS[model.KIND] = Desk(model=model, **more)
    return DESKS[model.KIND]


def _at(public_id: str) -> tuple[Desk, Any]:
    wanted = parse_id(public_id)
    found = DESKS.get(wanted[:2]) if wanted else None
    if found is None:
        abort(404)
    return found, find(found.model, public_id)


@bp.route("/<record_id>/signature", methods=["GET", "POST"])
@allow(WRITERS)
def signature(record_id: str) -> Response | str | tuple[str, int]:
    """Show what is signed and take the signature."""
    place, record = _at(record_id)
    if not isinstance(record, Record) or me().role not in place.signs:
        abort(403)
    meaning, error = place.meaning(record, me()), ""
    if request.method == "POST":
        unchanged_since_shown(record)
        try:
            recheck(me(), request.form.get("password", ""))
        except WrongPassword as fault:
            error, record = str(fault), find(place.model, record_id)
        else:
            record.sign(by=me(), at=clock.now(), meaning=meaning)
            place.after_sign(record)
            return saved(place.show(record), f"{record.NOUN} signed.")
    page = render_template(
        "sign.html",
        heading=f"Sign: {record.NOUN.lower()}",
        lede=record.headline(),
        error=error,
        facts=record_display.facts(record, zone(), people=names()),
        meaning=meaning.label,
        seal=record_display.seal(record.content_hash),
        version=record.version,
        url=address(),
        back_url=place.show(record),
        patient=place.patient(record),
    )
    return (page, 422) if error else page


@bp.route("/<record_id>/amendment", methods=["GET", "POST"])
@allow(WRITERS)
def amendment(record_id: str) -> Response | str | tuple[str, int]:
    """Correct a record with a reason."""
    place, record = _at(record_id)
    if me().role not in place.amends:
        abort(403)
    form = form_of(amend_form(place), record)
    offer_people(form)
    if form.validate_on_submit():
        unchanged_since_shown(record)
        changes = form.facts()
        reason, confirmed = changes.pop("amend_reason"), changes.pop("confirmed", {})
        if confirmed:
            changes["confirmed"] = record.confirmed | confirmed
        set_actor(db.session(), me().id, reason)
        try:
            record.amend(by=me(), at=clock.now(), reason=reason, **changes)
        except RuleBroken as fault:
            form.take(fault)
            db.session.rollback()
            place, record = _at(record_id)
        else:
            return saved(place.show(record), f"{record.NOUN} amended. The old value stays readable.")
    page = render_template(
        "records/amend.html",
        heading=f"Amend: {record.NOUN.lower()}",
        lede=record.headline(),
        form=form,
        url=address(),
        save_label="Save the correction",
        back_url=place.show(record),
        history=[row[:4] for row in record_display.amendments(record, zone())],
        signed=["A signature covers this record. After the correction it must be signed again."]
        if isinstance(record, Record) and record.signed
        else [],
        patient=place.patient(record),
    )
    return (page, 422) if form.error_list else page


def amend_form(place: Desk) -> type[RecordForm]:
    """Return the form of a record's facts with the reason as its last box."""
    ask = {"amend_reason": Field(label="Why is it corrected?", long=True, required=True, section="Reason")}
    return form_for(place.model, without=place.fixed, extra=ask)


def names() -> dict[str, str]:
    """Return the printed name of everybody on the staff of this site, by id."""
    return dict(staff_choices())


def staff_choices(roles: frozenset[Role] | None = None) -> list[tuple[str, str]]:
    """Return id and name of active staff of the user's site, of some roles or all."""
    chosen = select(User.id, User.printed_name, User.role).order_by(User.printed_name)
    rows = db.session.execute(chosen).all()
    return [(row.id, f"{row.printed_name}, {row.role.label}") for row in rows if roles is None or row.role in roles]


def offer_people(form: RecordForm, *, mine: bool = False, roles: frozenset[Role] | None = None) -> None:
    """Offer the staff in every box that asks for a person; ``mine`` fills in who did it with the user."""
    people = staff_choices(roles)
    for box in form.boxes:
        if box.short_name.endswith("_by_id"):
            form.offer(
                box.short_name,
                people,
                chosen=me().id if mine and box.short_name == "performed_by_id" else None,
                filled="filled in: me",
            )


def record_page(record: Record, place: Desk, **more: Any) -> str:
    """Return the page of one record: facts, hands, amendments, signatures, and the acts that are open to this user.

    ``unfinished``: the record waits for more to be written down, so nobody is asked to sign it yet.
    """
    role, unfinished = me().role, more.pop("unfinished", False)
    waits = not record.signed and not unfinished and role in place.signs
    return render_template(
        more.pop("template", "records/show.html"),
        record=record,
        heading=f"{record.NOUN}: {record.headline()}",
        facts=record_display.facts(record, zone(), people=names()),
        hands=record_display.hands(record, zone(), signs=bool(place.signs)),
        late=record_display.late(record, zone()),
        amendments=record_display.amendments(record, zone()),
        signatures=record_display.signature_lines(record, zone()),
        sign_url=url_for("record_pages.signature", record_id=record.id) if waits else None,
        amend_url=url_for("record_pages.amendment", record_id=record.id) if role in place.amends else None,
        patient=place.patient(record),
        **more,
    )


def _typed(box: Box) -> Any:
    """Return what was typed into a box as the record's page would show it; what cannot be read as it was typed."""
    if not box.unreadable:
        return dict(box.pairs).get(box.text) or record_display.words(box.fact, box.data, zone())
    return box.text or " ".join(part for part in box.parts.values() if part)


def both_versions(row: Any) -> str:
    """Return the page that shows what the second person wrote beside what the first one saved (hazard H18)."""
    db.session.rollback()
    place, record = _at(row.id)
    form = form_of(amend_form(place))
    offer_people(form)
    now = {label: value for label, value, _note in record_display.facts(record, zone(), people=names(), empty=True)}
    rows = [(box.label.text, _typed(box), now[box.label.text]) for box in form.boxes if box.label.text in now]
    return render_template(
        "records/conflict.html",
        heading=f"{record.NOUN} was changed meanwhile",
        rows=rows,
        patient=place.patient(record),
        open_url=url_for("record_pages.amendment", record_id=record.id)
        if request.endpoint == "record_pages.amendment"
        else place.show(record),
    )
