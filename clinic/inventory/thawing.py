"""What the pages say of a thaw: how long the cells may be used from then on, and what is done next (rule 54)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clinic import wording
from clinic.access import Role
from clinic.course_records import of_course
from clinic.extensions import db
from clinic.products.movements import MOVEMENTS
from clinic.steps import Action

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from clinic.course_records import CourseRecords
    from clinic.products.models import Product
    from clinic.steps import Blocked

KNOWN_AGAINST: list[Callable[[CourseRecords, Product, datetime], list[Blocked]]] = []
"""What a later room knows to stop a container at the bedside: nothing is thawed that would be refused there."""

THAW = 54
"""The number of the rule of a thaw."""


def minutes(product: Product) -> int | None:
    """Return how many minutes cells may be used after their thaw, by the protocol; None: it sets no limit."""
    version = product.judged_under
    return version.says.expiry.thaw_minutes if version is not None else None


def page(product: Product, kind: str, at: datetime) -> dict[str, Any]:
    """Return what the form of a thaw shows otherwise than those of other movements."""
    if kind != "thawed":
        return {}
    if known := against(product, kind, at):
        return {
            "heading": f"Do not thaw yet: {product.name} {product.division or ''}".strip(),
            "save_label": "Thaw",
            "before": known,
            "before_title": "It would be refused at the bedside",
        }
    name, limit = f"{product.name} {product.division or ''}".strip(), minutes(product)
    within = f"use within {limit} min" if limit else "the protocol sets no limit afterwards"
    after = f"The cells can be given for {limit} minutes from the time of the thaw." if limit else ""
    return {
        "heading": f"Thaw now, {within}: {name}",
        "save_label": f"Thaw now: {within}" if limit else "Thaw now",
        "save_icon": "droplet",
        "after": f"{after} Wristband and bag are scanned next.".strip(),
    }


def saved(product: Product, kind: str, zone: str) -> str:
    """Return what is said when a movement was saved: of a thaw, until when the cells may be used."""
    if kind != "thawed" or product.thawed_at is None:
        return f"{MOVEMENTS[kind]}: saved."
    return f"{_since(product, zone)}."


def against(product: Product, kind: str, at: datetime) -> list[tuple[bool, str, str]]:
    """Return what is known to stop cells at the bedside, for who is about to thaw them."""
    if kind != "thawed" or product.treatment is None:
        return []
    return [
        (False, reason.because, f"rule {reason.rule}" if reason.rule else "")
        for reason in _known(product, at)
        if reason.rule != THAW or reason.fix is not None  # that it is not thawed yet is why the form is open
    ]


def next_act(product: Product, at: datetime, zone: str) -> list[Action]:
    """Return that thawed cells are scanned at the bedside now; nothing where they would be refused there."""
    course, end = product.treatment, product.end
    if course is None or product.thawed_at is None or (end is not None and end <= at) or _known(product, at):
        return []
    who, to = (Role.NURSE, Role.PHYSICIAN), ("administration.bedside", {"treatment_id": course.id})
    why = f"{_since(product, zone)}. Two people scan wristband and bag."
    return [Action(title="Check at the bedside", why=why, who=who, to=to, due_at=end, due_words="use before")]


def _known(product: Product, at: datetime) -> list[Blocked]:
    records = of_course(db.session(), product.treatment)
    return [reason for ask in KNOWN_AGAINST for reason in ask(records, product, at)]


def _since(product: Product, zone: str) -> str:
    """Return when it was thawed and until when it may be used: “Thawed at 10:07. Use before 11:07”."""
    thawed = f"Thawed at {wording.time_of_day(product.thawed_at, zone)}"
    if product.end is None:
        return thawed
    if product.end_known:
        return f"{thawed}. Use before {wording.moment(product.end, zone, product.end_known)}"
    return f"{thawed}. Use before {wording.time_of_day(product.end, zone)}"
