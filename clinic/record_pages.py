"""Signing and amending: the same two pages for every kind of record.

A room says with `register_pages` where its record is shown, who signs it and who may amend it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from flask import Blueprint, abort, render_template, request, url_for

from clinic import clock, record_display
from clinic.access import WRITERS, Role, allow
from clinic.accounts.forms import PasswordForm
from clinic.accounts.models import User
from clinic.accounts.security import recheck
from clinic.extensions import db
from clinic.fields import Field
from clinic.forms import RecordForm, form_for
from clinic.idempotency import address
from clinic.identifiers import parse_id
from clinic.ledger.listener import set_actor
from clinic.pages import (
    Answer,
    commit_and_redirect,
    form_of,
    form_page,
    get_or_404,
    me,
    refusals_to,
    refuse_stale,
    staff_choices,
    zone,
)
from clinic.records import Entry, Meaning, Record

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


SIGN_AGAIN = "A signature covers this record. After the correction it must be signed again."


bp = Blueprint("record_pages", __name__, url_prefix="/records")


@dataclass(frozen=True, kw_only=True)
class RecordPages:
    """Where one kind of record is shown, and who signs and amends it."""

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


PAGES: dict[str, RecordPages] = {}
BESIDE: list[Callable[[Record], Mapping[str, Any]]] = []
"""What other rooms show on the page of every record: each returns variables of ``records/show.html``."""


def register_pages(model: type[Entry], **more: Any) -> RecordPages:
    """Register where a kind of record is shown, signed and amended."""
    PAGES[model.KIND] = RecordPages(model=model, **more)
    return PAGES[model.KIND]


def page_and_record(public_id: str) -> tuple[RecordPages, Any]:
    """Return where a record of any kind is shown, and the record; 404 for what this user's site does not have."""
    wanted = parse_id(public_id)
    found = PAGES.get(wanted[:2]) if wanted else None
    if found is None:
        abort(404)
    return found, get_or_404(found.model, public_id)


@bp.route("/<record_id>/signature", methods=["GET", "POST"])
@allow(WRITERS)
def signature(record_id: str) -> Answer:
    """Show what is signed and take the signature."""
    place, record = page_and_record(record_id)
    if not isinstance(record, Record) or me().role not in place.signs:
        abort(403)
    form, meaning = form_of(PasswordForm), place.meaning(record, me())
    if form.validate_on_submit():
        refuse_stale(record)
        with refusals_to(form):
            recheck(me(), form.password.data or "")
            record.sign(by=me(), at=clock.now(), meaning=meaning)
            place.after_sign(record)
            return commit_and_redirect(place.show(record), f"{record.NOUN} signed.")
    return form_page(form, template="sign.html", **_signing(place, record, meaning))


def _signing(place: RecordPages, record: Record, meaning: Meaning) -> dict[str, Any]:
    """Return what the page of a signature shows."""
    return {
        "heading": f"Sign: {record.NOUN.lower()}",
        "lede": record.headline(),
        "facts": record_display.facts(record, zone(), people=names()),
        "meaning": meaning.label,
        "seal": record_display.seal(record.content_hash),
        "version": record.version,
        "url": address(),
        "back_url": place.show(record),
        "patient": place.patient(record),
    }


@bp.route("/<record_id>/amendment", methods=["GET", "POST"])
@allow(WRITERS)
def amendment(record_id: str) -> Answer:
    """Correct a record with a reason."""
    place, record = page_and_record(record_id)
    if me().role not in place.amends:
        abort(403)
    form = form_of(amend_form(place, record), record)
    if form.validate_on_submit():
        refuse_stale(record)
        with refusals_to(form):
            _amend(record, form.facts())
            return commit_and_redirect(place.show(record), f"{record.NOUN} amended. The old value stays visible.")
    return form_page(form, template="records/amend.html", **_amending(place, record))


def _amend(record: Any, changes: dict[str, Any]) -> None:
    reason, confirmed = changes.pop("amend_reason"), changes.pop("confirmed", {})
    set_actor(db.session(), me().id, reason)
    if confirmed:
        changes["confirmed"] = record.confirmed | confirmed
    record.amend(changes, by=me(), at=clock.now(), reason=reason)


def _amending(place: RecordPages, record: Any) -> dict[str, Any]:
    """Return what the page of an amendment shows."""
    signed = isinstance(record, Record) and record.signed
    return {
        "heading": f"Amend: {record.NOUN.lower()}",
        "lede": record.headline(),
        "url": address(),
        "save_label": "Save the correction",
        "back_url": place.show(record),
        "history": [row[:4] for row in record_display.amendments(record, zone())],
        "signed": [SIGN_AGAIN] if signed else [],
        "patient": place.patient(record),
    }


def amend_form(place: RecordPages, record: Entry) -> type[RecordForm]:
    """Return the form of a record's facts, without those that it cannot have, with the reason as its last field."""
    ask = {"amend_reason": Field(label="Why is this corrected?", long=True, required=True, section="Reason")}
    return form_for(place.model, without=place.fixed | record.not_applicable, extra=ask)


def names() -> dict[str, str]:
    """Return the printed name of everybody on the staff of this site, by id."""
    return dict(staff_choices())


def _awaits(record: Record, user: User) -> bool:
    """Whether a record needs this person's signature: it is unsigned, or a correction needs a second person."""
    correction = record.unconfirmed
    return not record.signed or (correction is not None and correction.amended_by_id != user.id)


def record_page(record: Record, place: RecordPages, **more: Any) -> str:
    """Return the page of one record: facts, hands, amendments, signatures, and the acts that are open to this user.

    ``unfinished``: the record waits for more to be recorded, so nobody is asked to sign it yet.
    """
    role, unfinished = me().role, more.pop("unfinished", False)
    waits = not unfinished and role in place.signs and _awaits(record, me())
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
        **{name: value for beside in BESIDE for name, value in beside(record).items()},
        **more,
    )


def _typed(field: Any) -> Any:
    """Return what was typed into a field as the record's page would show it; what cannot be read as it was typed."""
    if field.process_errors:
        return field.text
    offered = getattr(field, "offered", {})
    return offered.get(field.text) or record_display.words(field.fact, field.data, zone())


def both_versions(row: Any) -> str:
    """Return the page that shows what the second person wrote beside what the first one saved (hazard H18)."""
    db.session.rollback()
    place, record = page_and_record(row.id)
    form = form_of(amend_form(place, record))
    now = {label: value for label, value, _note in record_display.facts(record, zone(), people=names(), empty=True)}
    rows = [
        (field.label.text, _typed(field), now[field.label.text])
        for field in form.visible_fields
        if field.label.text in now
    ]
    return render_template(
        "records/conflict.html",
        heading=f"{record.NOUN} was changed in the meantime",
        rows=rows,
        patient=place.patient(record),
        open_url=url_for("record_pages.amendment", record_id=record.id)
        if request.endpoint == "record_pages.amendment"
        else place.show(record),
    )
