"""What is read before a decision or a result is signed, and what can be signed with it in one go."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import select
from sqlalchemy.orm import object_session

from clinic import record_display, wording
from clinic.access import Role
from clinic.course_records import around
from clinic.products.models import Product
from clinic.records import Meaning
from clinic.release.carried import judged_results
from clinic.release.evidence import unconfirmed
from clinic.release.models import Release, decisions
from clinic.release.points import Point, points_of, without_date, workings_of
from clinic.release.product_state import held_because
from clinic.release.result_rows import exact_amount, lede, result_row, result_table
from clinic.release.results import QCResult
from clinic.release.step import LABORATORY
from clinic.steps import Blocked
from clinic.templating import units

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from clinic.accounts.models import User


def _session(record: Any) -> Session:
    session = object_session(record)
    if session is None:
        raise LookupError("The record is not in the database.")
    return session


def blocked_by(product: Product, point: Point, reader: Role | None = None) -> Blocked:
    """Return what keeps a product from conforming as a reason, with who resolves it and where.

    ``reader``: whose page it is; who may not enter a missing date is led to the product.
    """
    if point.unset:
        one = without_date(product, point)
        to = {"fix": ("products.show", {"product_id": product.id}), "fix_label": "Open the product"}
        return one if reader in one.who else replace(one, **to)
    waits = point.waits or point.may_wait
    who = LABORATORY if waits else () if point.never else (Role.QUALITY,)
    return Blocked(
        rule=point.rule,
        because=point.sentence,
        who=who,
        fix=("release.results", {"product_id": product.id}),
        fix_label="Open the results",
    )


def evidence(release: Release, *, at: datetime) -> dict[str, Any]:
    """Return the product, its patient's course, every result beside its limit, the sums and what does not conform."""
    product = release.product
    records = around(_session(release), product)
    course, points = records.course, points_of(records, product, at)
    name = f"{product.name} {product.division or ''}".strip()
    facts: list[record_display.FactLine] = [
        ("Product", f"{name}, {product.id}", ""),
        ("Content", units(exact_amount(product)), units(lede(product))),
        ("Use before", wording.moment(product.end, records.zone, product.end_known), ""),
        ("Patient", records.patient.display_name if course else "Not assigned to a patient", ""),
        ("Course", course.title if course else "", course.protocol_version.name if course else ""),
        ("Judged under", product.judged_under.name if product.judged_under else "", ""),
    ]
    return {
        "product": [line for line in facts if line[1]],
        "named": f": {name}",
        "table": result_table(product.judged_under, judged_results(records, product), product),
        "workings": workings_of(records, product, at),
        "reasons": record_display.reasons([blocked_by(product, point) for point in points]),
    }


def on_hold(record: Any, at: datetime) -> str:
    """Return which containers a correction holds until a second person signs it, or whose release it ends (rule 45)."""
    record = getattr(record, "run", record)
    correction = getattr(record, "unconfirmed", None)
    held = [one for one in _containers(record) if correction is not None]
    if not held:
        return ""
    session = _session(record)
    session.flush()
    records, said = around(session, held[0]), unconfirmed(record)
    left = [one for one in records.of(Product) if said and one.left > 0 and not (one.given or one.discarded)]
    found = [one for one in left if any(said in why for why in held_because(records, one, at))]
    many = "1 container is" if len(found) == 1 else f"{len(found)} containers are"
    if found:
        return f"{many} on hold until a second person signs the correction: {_names(found)}."
    fallen = [one for one in left if any(made.outdated(records) for made in decisions(records, one)[-1:])]
    return f"The release is no longer valid: {_names(fallen)}." if fallen else ""


def _names(products: list[Product]) -> str:
    return ", ".join(f"{one.name} {one.division or ''}".strip() for one in products)


def _containers(record: Any) -> list[Product]:
    """Return the containers that a record is about: itself, the tested one, what was collected or made."""
    if isinstance(record, Product):
        return [record]
    tested = getattr(record, "product", None)
    return (
        [tested] if isinstance(tested, Product) else [*getattr(record, "products", ()), *getattr(record, "outputs", ())]
    )


def sisters(release: Release, user: User) -> list[Release]:
    """Return the same decisions on the containers of the same run that wait for a signature of this person's role."""
    run_id = release.product.run_id
    if run_id is None:
        return []
    session = _session(release)
    chosen = select(Release).join(Product, Product.id == Release.product_id)
    chosen = chosen.where(Product.run_id == run_id, Release.id != release.id, Release.decision == release.decision)
    found = []
    for other in session.scalars(chosen.order_by(Product.division, Release.id)):
        records = around(session, other.product)
        if user.role in other.lacks(records) and not other.outdated(records) and not other.product.given:
            found.append(other)
    return found


def wrote(result: QCResult, user: User) -> bool:
    """Whether a person tested, or wrote the result down."""
    return user.is_among({result.performed_by_id, result.recorded_by_id})


def meaning_of(result: QCResult, user: User) -> Meaning:
    """Return what a signature says: an author's that it is complete and correct, another's that it was checked.

    A physician acknowledges it.
    """
    if user.role is Role.PHYSICIAN:
        return Meaning.REVIEW
    return Meaning.AUTHORSHIP if wrote(result, user) else Meaning.VERIFICATION


def as_listed(result: QCResult) -> dict[str, Any]:
    """Return a result as the worksheet shows it: figure, limit, verdict, product, and its place in the protocol."""
    version = result.product.judged_under
    specs = {spec.test: spec for spec in version.says.qc} if version is not None else {}
    test = result.test or ""
    return {
        "row": result_row(result, specs.get(test) or result.spec),
        "nth": (list(specs).index(test) if test in specs else len(specs), result.recorded_at, result.id),
        "of": f"{result.product.name} {result.product.division or ''}".strip(),
        "product_id": result.product_id,
        "aside": IN_THE_ROW,
    }


IN_THE_ROW = ("Test", "Comparator", "Result", "Outcome", "Result still pending")
"""Facts of a result that its row says already."""


def results_beside(result: QCResult, user: User) -> list[QCResult]:
    """Return the other unsigned results of the product that this person recorded, as the author."""
    others = select(QCResult).where(QCResult.product_id == result.product_id, QCResult.id != result.id)
    found = _session(result).scalars(others.order_by(QCResult.recorded_at, QCResult.id))
    return [other for other in found if not other.signatures and other.recorded_by_id == user.id]
