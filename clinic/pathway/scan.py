"""One box for every code of the clinic: it leads to the page of whatever was scanned or typed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import url_for
from sqlalchemy import func, select

from clinic.errors import RuleBroken
from clinic.identifiers import check_character, parse_id, scanned
from clinic.paging import natural_order
from clinic.patients.models import Patient
from clinic.products.donation_numbers import DIN, parse_din
from clinic.products.models import Product
from clinic.record_pages import PAGES
from clinic.treatments.models import IDENTITY, Treatment
from clinic.wording import visible

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

PLAIN = {
    "PT": (Patient, "pathway.patient", "patient_id"),
    "TR": (Treatment, "pathway.course", "treatment_id"),
    "PR": (Product, "products.show", "product_id"),
}
NOT_FOUND = "No record in this clinic has this code. Scan it again; a typed code needs its check character."


def leads_to(session: Session, typed: str) -> str:
    """Return the address of the record that a code names; raises `RuleBroken` with a sentence (hazard H3).

    Read are our own ids (with their check character), a chain of identity, a donation number, a record number; whatever
    the scanner puts before the code is taken off, and small letters count as capitals.
    """
    typed = scanned(visible(typed))
    code = "".join(typed.split()).upper()
    if not code:
        raise RuleBroken("Scan or type a code.")
    wanted = parse_id(code)
    if wanted is not None:
        return _of_id(session, wanted)
    if IDENTITY.fullmatch(code[:13]) and code[13:] in {"", check_character(code[:13])}:
        course = session.scalar(select(Treatment.id).where(Treatment.chain_of_identity == code[:13]))
        if course is not None:
            return url_for("pathway.course", treatment_id=course)
    if code.startswith("=") or DIN.match(code):
        product = session.scalar(
            select(Product.id).where(Product.din == parse_din(code)).order_by(*natural_order(Product.division)).limit(1)
        )
        if product is not None:
            return url_for("products.show", product_id=product)
    same = func.lower(Patient.record_number) == typed.lower()
    chosen = select(Patient.id).where(same).order_by(Patient.record_number != typed, Patient.id)
    patient = session.scalar(chosen.limit(1))
    if patient is not None:
        return url_for("pathway.patient", patient_id=patient)
    raise RuleBroken(NOT_FOUND)


def _of_id(session: Session, wanted: str) -> str:
    model, endpoint, key = PLAIN.get(wanted[:2], (None, "", ""))
    values: dict[str, Any] = {key: wanted}
    if model is not None and session.scalar(select(model.id).where(model.id == wanted)) is not None:
        return url_for(endpoint, **values)
    place = PAGES.get(wanted[:2])
    record = session.scalar(select(place.model).where(place.model.id == wanted)) if place else None
    if place is None or record is None:
        raise RuleBroken(NOT_FOUND)
    return place.show(record)
