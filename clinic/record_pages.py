"""Signing and amending: the same two pages for every kind of record.

A room says with `register_pages` where its record is shown, who signs it and who may amend it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from flask import Blueprint, abort, g, render_template, request, url_for

from clinic import clock, drafts, record_display, wording
from clinic.access import WRITERS, Role, allow
from clinic.accounts.forms import PasswordForm
from clinic.accounts.models import User
from clinic.accounts.security import recheck
from clinic.errors import RuleBroken
from clinic.extensions import db
from clinic.fields import Field, fields_of
from clinic.form_fields import MultiSelectField
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
    read_version,
    refusals_to,
    refuse_stale,
    rests_on,
    sent_version,
    staff_names,
    zone,
)
from clinic.records import Entry, Meaning, Record
from clinic.signatures import sentence

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping


REASON = Field(label="Why is this corrected?", long=True, required=True, section="Reason")
SIGN_AGAIN = "A signature covers this record. After the correction it must be signed again."


bp = Blueprint("record_pages", __name__, url_prefix="/records")


@dataclass(frozen=True, kw_only=True)
class RecordPages:
    """Where one kind of record is shown, and who signs and amends it.

    Whoever signs reads the whole record: its facts and ``parts``, or in place of the parts what the template ``whole``
    shows with the context that ``showing`` gives. ``together``: records of the same page that the same person can sign
    with the same password; ``listed``: the template that draws all of them as one table; ``ticked``: they are parts of
    one act, and are ticked already when the page opens. ``people`` and ``offers`` keep an amendment to what the first
    entry offers: the staff of which roles, and of other choices those that fit; what the record says stays among them.
    ``signs_what``: what the title of a signature calls it, where that is not its noun.
    """

    model: type[Entry]
    show: Callable[[Any], str]
    signs: frozenset[Role] = frozenset()
    amends: frozenset[Role] = frozenset()
    patient: Callable[[Any], Any] = lambda _record: None
    meanings: Mapping[Role, Meaning] = field(default_factory=dict)
    means: Callable[[Any, User], Meaning | None] = lambda _record, _user: None
    fixed: frozenset[str] = frozenset()
    after_sign: Callable[[Any], None] = lambda _record: None
    parts: Callable[[Any], Iterable[Entry]] = lambda record: record.covered()[1:]
    whole: str = ""
    showing: Callable[[Any], dict[str, Any]] = lambda _record: {}
    together: Callable[[Any, User], list[Any]] = lambda _record, _user: []
    ticked: bool = False
    people: frozenset[Role] | None = None
    offers: Callable[[Any, Any], None] = lambda _form, _record: None
    listed: str = ""
    signed_as: Callable[[Any], str] = lambda record: f"{record.NOUN} signed."
    signs_what: str = ""

    def meaning(self, record: Any, user: User) -> Meaning:
        """Return what the signature of a person says on this record: by the part taken in it, else by role."""
        return self.means(record, user) or self.meanings.get(user.role, Meaning.AUTHORSHIP)


PAGES: dict[str, RecordPages] = {}
BESIDE: list[Callable[[Record], Mapping[str, Any]]] = []
"""What other rooms show on the page of every record: each returns variables of ``records/show.html``."""


CONSEQUENCES: list[Callable[[Entry], str]] = []
"""What other rooms say to a correction: each returns what follows from it, in a sentence; empty: nothing."""


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
    form, others = form_of(PasswordForm), place.together(record, me())
    if form.validate_on_submit():
        chosen = [record, *(other for other in others if other.id in request.form.getlist("also"))]
        with refusals_to(form):
            recheck(me(), form.password.data or "")
            _sign_all(chosen)
            return commit_and_redirect(place.show(record), _signed(record, len(chosen)))
    return form_page(form, template="sign.html", **_signing(place, record, others))


def _sign_all(records: list[Any]) -> None:
    """Put one signature under each record, all or none: what one of them refuses, none is signed."""
    for record in records:
        refuse_stale(record, f"version-{record.id}" if record is not records[0] else "version", _covers(record))
    for record in records:
        place = PAGES[record.KIND]
        record.sign(by=me(), at=clock.now(), meaning=place.meaning(record, me()))
        place.after_sign(record)


def _covers(record: Any) -> str:
    """Return the hash of what a signature covers, where that is more than the record's own row."""
    return record.content_hash if len(record.covered()) > 1 else ""


def _signed(record: Record, count: int) -> str:
    return (
        PAGES[record.KIND].signed_as(record)
        if count == 1
        else f"{count} records signed, each with a signature of its own."
    )


def _signing(place: RecordPages, record: Record, others: list[Any]) -> dict[str, Any]:
    """Return what the page of a signature shows."""
    beforehand = place.ticked and request.method == "GET"
    return {
        "heading": f"Sign the {place.signs_what or record.NOUN.lower()}",
        "lede": record.headline(),
        "main": _whole(record),
        "others": [_whole(other) for other in others],
        "listed": place.listed,
        "ticked": [other.id for other in others] if beforehand else request.form.getlist("also"),
        "meaning": sentence(record, place.meaning(record, me())),
        "seal": record_display.seal(record.content_hash),
        "version": sent_version(read_version(record, _covers(record))),
        "url": address(),
        "back_url": place.show(record),
        "patient": place.patient(record),
    }


def _whole(record: Any) -> dict[str, Any]:
    """Return all of a record that is read before it is signed."""
    place, people = PAGES[record.KIND], names()
    grouped: dict[str, list[Any]] = {}
    for part in [] if place.whole else place.parts(record):
        lines = record_display.facts(part, zone(), people=people)
        grouped.setdefault(part.NOUN, []).append((part.headline(), lines, record_display.hands(part, zone())[0]))
    return {
        "record": record,
        "title": f"{record.NOUN}: {record.headline()}",
        "before": [],
        "facts": record_display.facts(record, zone(), people=people),
        "hands": record_display.hands(record, zone()),
        "amendments": record_display.amendments(record, zone()),
        "parts": grouped,
        "version": sent_version(read_version(record, _covers(record)), f"version-{record.id}"),
        "template": place.whole,
        **place.showing(record),
    }


@bp.route("/<record_id>/amendment", methods=["GET", "POST"])
@allow(WRITERS)
def amendment(record_id: str) -> Answer:
    """Correct a record with a reason."""
    place, record = page_and_record(record_id)
    if me().role not in place.amends:
        abort(403)
    form = form_of(amend_form(place, record), record, people=place.people)
    place.offers(form, record)
    for name in set(record.not_recorded) & set(form._fields):  # a history may lack it still when something is corrected
        box: Any = form[name]
        box.required = False
        if isinstance(box, MultiSelectField):
            box.leave_open(getattr(record, name))
    if form.validate_on_submit():
        refuse_stale(record)
        with refusals_to(form):
            _amend(record, form.facts())
            follows = " ".join(filter(None, (said(record) for said in CONSEQUENCES)))
            done = f"{record.NOUN} amended. The old value stays visible. {follows}".strip()
            return commit_and_redirect(place.show(record), done, "wait" if follows else "ok")
    return form_page(form, template="records/amend.html", **_amending(place, record))


def _amend(record: Any, changes: dict[str, Any]) -> None:
    reason, confirmed = changes.pop("amend_reason"), changes.pop("confirmed", {})
    set_actor(db.session(), me().id, reason)
    if confirmed:
        changes["confirmed"] = record.confirmed | confirmed
    changes |= _to_the_second(record, changes)
    facts = fields_of(type(record))
    left = [facts[name].label for name in request.form if name in facts and name not in changes]
    if left and all(getattr(record, name) == value for name, value in changes.items()):
        raise RuleBroken(f"Nothing was changed. An amendment of this record cannot change: {', '.join(left)}.", rule=70)
    record.amend(changes, by=me(), at=clock.now(), reason=reason)


def _to_the_second(record: Any, changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the moments that were not corrected as they are recorded: a form shows and sends no seconds."""
    old = {name: getattr(record, name, None) for name, value in changes.items() if isinstance(value, datetime)}
    return {
        name: kept
        for name, kept in old.items()
        if isinstance(kept, datetime) and kept.replace(second=0, microsecond=0) == changes[name]
    }


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
    return form_for(
        place.model, without=place.fixed | record.not_applicable, extra={"amend_reason": REASON},
        told=partial(record_display.told, record),
    )  # fmt: skip


def names() -> dict[str, str]:
    """Return the printed name of everybody on the staff of this site, by id."""
    return staff_names()


def confirms(record: Record, user: User) -> bool:
    """Whether a correction of a record waits for this person's signature as the second person's."""
    correction = record.unconfirmed
    return correction is not None and not user.is_same_person(correction.amended_by)


def _to_sign(record: Record, user: User, *, asked: bool) -> dict[str, Any] | None:
    """Return what a person is asked to sign on the page of a record: a correction, or the record; None: nothing."""
    url = url_for("record_pages.signature", record_id=record.id)
    act = {"tag": "Your next action", "url": url, "icon": "signature", "label": "Review and sign"}
    if confirms(record, user):
        text = "A second person confirms the correction: your signature covers the new values."
        return act | {"title": "Confirm the correction", "text": text}
    if not asked:
        return None
    text = "By signing you confirm that this record is complete and correct."
    return act | {"title": "Sign this record", "text": text}


def record_page(record: Record, place: RecordPages, **more: Any) -> str:
    """Return the page of one record: facts, hands, amendments, signatures, and the acts that are open to this user.

    ``unfinished``: the record waits for more to be recorded, so nobody is asked to sign it yet. ``may_sign``: the
    people to whom a signature is offered that no rule asks for.
    """
    role, unfinished, offered = me().role, more.pop("unfinished", False), more.pop("may_sign", None)
    waits = not unfinished and role in place.signs and (not record.signed or confirms(record, me()))
    to_sign = _to_sign(record, me(), asked=offered is None) if waits else None
    return render_template(
        more.pop("template", "records/show.html"),
        record=record,
        heading=f"{record.NOUN}: {record.headline()}",
        facts=record_display.facts(record, zone(), people=names()),
        hands=record_display.hands(record, zone(), signs=bool(place.signs)),
        late=record_display.late(record, zone()),
        amendments=record_display.amendments(record, zone()),
        signatures=record_display.signature_lines(record, zone()),
        to_sign=to_sign,
        sign_url=url_for("record_pages.signature", record_id=record.id) if waits and offered else None,
        amend_url=url_for("record_pages.amendment", record_id=record.id) if role in place.amends else None,
        patient=place.patient(record),
        **{name: value for beside in BESIDE for name, value in beside(record).items()},
        **more,
    )


def _typed(field: Any) -> Any:
    """Return what was typed into a field as the record's page would show it; what cannot be read as it was typed.

    With it the reason that was given for an unexpected value.
    """
    if field.process_errors:
        said = field.text
    else:
        offered = getattr(field, "offered", {})
        said = offered.get(field.text) or record_display.words(field.fact, field.data, zone())
    return f"{said} ({field.reason})" if field.reason else said


def _their_own(record: Any) -> dict[str, Any]:
    """Return what the record says now by the label of its field, with who did it and why it was last corrected."""
    now = {label: value for label, value, _note in record_display.facts(record, zone(), people=names(), empty=True)}
    if isinstance(record, Record):
        now[fields_of(type(record))["performed_by_id"].label] = record.performed_by.label if record.performed_by else ""
    if record.amendments:
        now[REASON.label] = record.amendments[-1].reason
    return now


def _their_act(record: Any) -> dict[str, str]:
    """Return who changed the record last, and when."""
    if not record.amendments:
        return {}
    last = record.amendments[-1]
    return {"who": last.amended_by.printed_name, "when": wording.moment(last.amended_at, zone())}


def _added(record: Any) -> list[Any]:
    """Return what is told beside a record, the last first: headline, facts, who and when."""
    found = sorted((one for one in rests_on(record)), key=lambda one: one.recorded_at, reverse=True)
    return [
        (one.headline(), record_display.facts(one, zone(), people=names()), record_display.hands(one, zone())[0])
        for one in found
    ]


def both_versions(row: Any) -> str:
    """Return the page that shows all that the second person wrote beside what the first one saved (hazard H18).

    The entries stay as a draft: the form opens again with them once both versions were seen. A signature has none.
    What has no page of its own, such as a file, is only named: the page of the form says what became of it.
    """
    form = g.get("form")
    db.session.rollback()
    typed = [one for one in form.visible_fields if one.kind != "password"] if form is not None else []
    if row.KIND not in PAGES:
        named = {"heading": f"{type(row).NOUN} was changed in the meantime", "facts": [], "added": [], "patient": None}
        rows = [(field.label.text, _typed(field), "") for field in typed]
        return render_template("records/conflict.html", rows=rows, open_url=address(), leave_url=address(), **named)
    place, record = page_and_record(row.id)
    now = _their_own(record)
    if typed:
        drafts.keep(me().id)
        db.session.commit()
    return render_template(
        "records/conflict.html",
        heading=f"{record.NOUN} was changed in the meantime",
        rows=[(field.label.text, _typed(field), now.get(field.label.text, "")) for field in typed],
        facts=[] if typed else record_display.facts(record, zone(), people=names()),
        patient=place.patient(record),
        added=_added(record),
        open_url=drafts.again(read_version(record)) if typed else address(),
        leave_url=place.show(record),
        **_their_act(record),
    )
