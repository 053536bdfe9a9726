"""What waits for a second person's confirmation, for Today: corrections of people's facts, merges of two records.

A step lists its own corrections among its tasks. What is no step's is listed here, also of who has no course: that a
death or an allergy was taken back, a weight, a consent, a donor's determination was corrected (rules 14, 17, 23, 51).
It leaves the list when somebody confirms it, or when it is corrected back.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flask import url_for
from sqlalchemy import String, and_, cast, exists, func, or_, select
from sqlalchemy.orm import object_session

from clinic.access import WRITERS, Role, may
from clinic.administration.models import Administration
from clinic.consent.continuation import Continuation
from clinic.consent.models import Consent, Withdrawal
from clinic.ledger.listener import ledger_value
from clinic.patients.alert_changes import confirming
from clinic.patients.donor_consent import DonorConsent
from clinic.patients.donors import BloodTyping, Donor, DonorEligibility
from clinic.patients.doubted import takes_away
from clinic.patients.identity import DONOR_IDENTITY, identity_corrections
from clinic.patients.merging import PatientMerge
from clinic.patients.models import Alert, Patient, Weight
from clinic.products.models import Movement, Product
from clinic.record_pages import PAGES
from clinic.records import Amendment, Signature
from clinic.treatments.models import Stop

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Select
    from sqlalchemy.orm import Session

    from clinic.accounts.models import User
    from clinic.records import Record

CARERS = frozenset({Role.NURSE, Role.PHYSICIAN})
SIGNED: tuple[type[Record], ...] = (
    Weight, Consent, Withdrawal, Continuation, Stop, DonorEligibility, DonorConsent, BloodTyping, Administration,
    Movement,
)  # fmt: skip
"""Kinds whose correction is confirmed by a signature, and that are no task of a step."""
MOST = 100
"""How many corrections Today looks at; the rest follows when these are decided."""


@dataclass(frozen=True, kw_only=True)
class Proposals:
    """What another room has wait for a second person: how it is chosen, the route that confirms it, and its lines."""

    chosen: Callable[[User], Select[Any]]
    endpoint: str
    lines: Callable[[Session, User], list[dict[str, Any]]]


BESIDE: dict[str, Proposals] = {}
"""Proposals of other rooms, by the name of their column in the statement of `asked`."""


def asked(user: User) -> list[Any]:
    """Return whether anything may wait for a person, as columns ``corrected`` and others of another statement."""
    found = {"corrected": _corrections(user).with_only_columns(Amendment.id), "merging": _proposals(user)}
    found |= {name: kind.chosen(user) for name, kind in BESIDE.items()}
    return [chosen.order_by(None).limit(1).exists().label(name) for name, chosen in found.items()]


def waiting(session: Session, user: User, row: Any) -> list[dict[str, Any]]:
    """Return what this person may confirm, the oldest first: title, whom it is about, what, and its address.

    ``row``: a row with the columns of `asked`.
    """
    found = _corrected(session, user) if row.corrected and user.role in WRITERS else []
    found += _merges(session, user) if row.merging and may(user.role, "merges.confirm") else []
    for name, kind in BESIDE.items():
        found += kind.lines(session, user) if getattr(row, name) and may(user.role, kind.endpoint) else []
    return found


def _corrections(user: User) -> Select[Any]:
    """Select the corrections of the site that may wait for another person than who made them."""
    own = (Patient.__tablename__, Alert.__tablename__)
    donor = and_(
        Amendment.record == Donor.__tablename__,
        or_(*(cast(Amendment.changes, String).contains(f'"{name}"') for name in sorted(DONOR_IDENTITY))),
    )
    warning = or_(
        *(
            cast(Amendment.changes, String).contains(name)
            for name in ("died_on", "allerg", "until_on", "text", "may_go_on")
        )
    )
    signing = [kind.__tablename__ for kind in SIGNED]
    signed = exists().where(
        Signature.record_id == Amendment.record_id, Signature.signed_at >= Amendment.amended_at,
        Signature.signed_by_id != Amendment.amended_by_id,
    )  # fmt: skip
    return (
        select(Amendment)
        .where(Amendment.site_id == user.site_id, Amendment.confirmed_by_id.is_(None))
        .where(Amendment.record.in_([*own, Donor.__tablename__, *(kind.__tablename__ for kind in SIGNED)]))
        .where(or_(and_(Amendment.record.in_(own), warning), donor, and_(Amendment.record.in_(signing), ~signed)))
    )


def _proposals(user: User) -> Select[Any]:
    """Select the merges of two records, and the undoing of some, that wait for a second person (hazard H27)."""
    standing = and_(PatientMerge.site_id == user.site_id, PatientMerge.undone_at.is_(None))
    proposed, undoing = PatientMerge.confirmed_at.is_(None), PatientMerge.undo_asked_at.is_not(None)
    return select(PatientMerge).where(or_(and_(standing, proposed), and_(standing, undoing)))  # an index for each


def _corrected(session: Session, user: User) -> list[dict[str, Any]]:
    """Return the corrections that wait for another person than who made them."""
    chosen = _corrections(user).order_by(Amendment.amended_at, Amendment.id).limit(MOST)
    corrections = list(session.scalars(chosen))
    rows = {row.id: row for kind in (Patient, Alert, Donor, *SIGNED) for row in _named(session, kind, corrections)}
    lines = [line for one in corrections if (row := rows.get(one.record_id)) for line in _line(row, one, user)]
    return list({line["url"]: line for line in lines}.values())


def _named(session: Session, kind: type[Any], corrections: list[Amendment]) -> list[Any]:
    ids = [one.record_id for one in corrections if one.record == kind.__tablename__]
    return list(session.scalars(select(kind).where(kind.id.in_(ids)))) if ids else []


def _line(row: Any, one: Amendment, user: User) -> Iterator[dict[str, Any]]:
    if user.is_same_person(one.amended_by):
        return
    if isinstance(row, Patient | Alert):
        patient = row if isinstance(row, Patient) else row.patient
        who = confirming(row, one) if isinstance(row, Alert) else CARERS
        allowed = may(user.role, "patients.confirm_correction") and (row is patient or user.role in who)
        url = url_for("patients.confirm_correction", patient_id=patient.id, amendment_id=one.id)
        waits = one in row.unconfirmed and (row is not patient or _still(patient, one))
    elif isinstance(row, Donor):
        url = url_for("donors.confirm_correction", donor_id=row.id, amendment_id=one.id)
        allowed, waits = may(user.role, "donors.confirm_correction"), one in donor_in_doubt(row)
    else:
        place, url = PAGES[row.KIND], url_for("record_pages.signature", record_id=row.id)
        allowed, waits = user.role in place.signs and _named_in(row, user), row.unconfirmed is one
    if waits and allowed:
        who = one.amended_by.printed_name
        yield {
            "title": "Confirm the correction", "whom": _whom(row), "url": url, "at": one.amended_at,
            "why": f"{row.NOUN} corrected by {who}: “{one.reason}”. A second person confirms it.",
        }  # fmt: skip


def donor_in_doubt(donor: Donor) -> list[Amendment]:
    """Return the corrections of who a donor is that wait for a second person, since there are cells (rule 17)."""
    session = object_session(donor)
    made = select(func.min(Product.recorded_at)).where(Product.donor_id == donor.id)
    since = session.scalar(made) if session is not None and identity_corrections(donor) else None
    return identity_corrections(donor, since=since) if since is not None else []


def _still(patient: Patient, one: Amendment) -> bool:
    """Whether what was taken away is still away: who corrected it back has refused the correction."""
    now = {name: ledger_value(getattr(patient, name)) for name in one.changes}
    return any(
        takes_away(name, change) and now[name] != change[0] and takes_away(name, [change[0], now[name]])
        for name, change in one.changes.items()
    )


def _named_in(row: Any, user: User) -> bool:
    """Whether a person may sign the record: an administration is signed by who gave the cells and who verified."""
    if not isinstance(row, Administration):
        return True
    return user.is_among({one for one in (row.performed_by_id, row.recorded_by_id, row.verified_by_id) if one})


def _whom(row: Any) -> str:
    """Return whom a record is about, by two identifiers where it is a patient."""
    if isinstance(row, Patient):
        return f"{row.display_name} · {row.record_number or row.id}"
    for name in ("patient", "consent", "product", "treatment", "donor"):
        related = getattr(row, name, None)
        if related is not None:
            return _whom(related)
    return str(getattr(row, "display_name", row.id))


def _merges(session: Session, user: User) -> list[dict[str, Any]]:
    chosen = _proposals(user)
    return [
        {
            "title": "Confirm the merge" if one.confirmed_at is None else "Confirm the undoing of the merge",
            "whom": _whom(one.patient), "at": one.undo_asked_at or one.recorded_at,
            "url": url_for("merges.show", merge_id=one.id),
            "why": f"{one.headline()}. Proposed by {first.printed_name}.",
        }
        for one in session.scalars(chosen.order_by(PatientMerge.recorded_at, PatientMerge.id).limit(MOST))
        if (first := one.undo_asked_by or one.performed_by) is not None and not user.is_same_person(first)
    ]  # fmt: skip
