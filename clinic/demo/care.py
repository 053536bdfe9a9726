"""What the ward and the follow-up clinic of the demonstration write down: the cells, the vital signs, the visits."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from sqlalchemy import select

from clinic.administration import bedside
from clinic.administration.models import VitalSigns
from clinic.administration.step import ADMINISTRATION
from clinic.demo import facts, laboratory
from clinic.demo.laboratory import DAY, HOUR, MINUTE
from clinic.followup.models import FollowUpVisit, PlannedVisit
from clinic.protocols.catalogues import BODY_SITES, ROUTES

if TYPE_CHECKING:
    from clinic.demo.course import Walk
    from clinic.products.models import Product

D = Decimal


def thaw(walk: Walk, product: Product, at: datetime) -> None:
    """Issue a container to the ward, as the technologist does; what was frozen is thawed first."""
    by = walk.house.technologist
    walk.house.hand(by)
    if product.cryo_medium:
        product.move(kind="thawed", place="Water bath, 37 °C", by=by, at=at)
    product.move(
        kind="issued",
        place="Day clinic",
        handed_to=walk.house.nurse.printed_name,
        by=by,
        at=at + 8 * MINUTE,
        temperature=D("21.0"),
        intact=True,
    )


def give(  # noqa: PLR0913 - facts of one record
    walk: Walk,
    product: Product,
    at: datetime,
    *,
    kg: Decimal | None = None,
    finished: bool = True,
    later_signs: bool = True,
    **more: Any,
) -> Any:
    """Read wristband and bag as two people, give the cells as one of them, with vital signs around it.

    Returns the administration, or the bedside check where it refused the cells.
    """
    house, nurse, second = walk.house, walk.house.nurse, walk.house.physician
    walk.weigh(at - HOUR, kg)
    house.session.flush()
    ADMINISTRATION.admit(walk.course, by=nurse, at=at)
    thaw(walk, product, at - 25 * MINUTE)
    house.hand(nurse)
    house.session.flush()
    check = bedside.read(
        house.session,
        walk.course,
        by=nurse,
        at=at - 5 * MINUTE,
        second=second,
        patient_scan=walk.patient.id,
        product_scan=product.id,
        vitals=laboratory.vitals(house, child=kg is not None and kg < 20),
    )
    house.session.flush()
    if not check.clear:
        return check
    route, length = ROUTES[walk.course.route], (40 if ROUTES[walk.course.route].systemic else 8) * MINUTE
    site = walk.course.body_site if walk.course.body_site in route.sites else route.sites[0]
    side = walk.course.side if BODY_SITES[site].sided else None
    ordered = walk.says.premedication
    given = bedside.give(
        house.session,
        check,
        by=nurse,
        at=at,
        performed_by_id=nurse.id,
        because="Read once more by both; the physician agrees.",
        performed_at=at,
        route=walk.course.route,
        body_site=site,
        side=side,
        volume_issued=product.volume,
        handed_over_at=at - 17 * MINUTE,
        premedication="given" if ordered else "not_ordered",
        filter_used=False,
        viability_before=D(house.random.randrange(84, 98)),
        source_note=walk.note,
        guidance=more.pop("guidance", None),
    )
    house.session.flush()
    if not finished:
        return given
    for minutes in (15, int(length / MINUTE) + 1):
        when = at + minutes * MINUTE
        given.vital_signs.append(
            VitalSigns.log(
                by=nurse,
                at=when,
                performed_at=when,
                performed_by=nurse,
                treatment_id=walk.course.id,
                **laboratory.vitals(house, child=kg is not None and kg < 20),
            )
        )
    given.finish(
        at=at + length,
        ended_at=at + length,
        volume_given=more.pop("volume_given", product.volume),
        weight=walk.course.weight_at(at),
        **more,
    )
    if later_signs:
        house.sign(nurse, given, at + length + 10 * MINUTE)
        house.sign(second, given, at + length + 20 * MINUTE)
    return given


def baseline(walk: Walk, at: datetime, scores: dict[str, Decimal | None] | None = None) -> FollowUpVisit:
    """Score the patient before the cells, as a nurse."""
    instruments = next((visit.instruments for visit in walk.says.visits if visit.name == "Baseline"), ())
    return _visit(
        walk,
        at,
        None,
        "Baseline",
        scores
        if scores is not None
        else {name: facts.score(name, 0, walk.luck, walk.house.random) for name in instruments},
    )


def follow(
    walk: Walk,
    *,
    until: datetime,
    missed: dict[str, str] | None = None,
    left_out: frozenset[str] = frozenset(),
    scores: dict[str, dict[str, Decimal | None]] | None = None,
) -> None:
    """Make the planned visits that are due by a moment; some are missed for a reason, some nobody wrote down."""
    walk.house.session.flush()
    plans = walk.house.session.scalars(
        select(PlannedVisit).where(PlannedVisit.treatment_id == walk.course.id).order_by(PlannedVisit.number)
    ).all()
    for plan in plans:
        when = _hour(
            walk,
            plan.due_on + walk.house.random.randrange(0, 2) * DAY if plan.closes_on > plan.due_on else plan.due_on,
            10,
        )
        if when > until or plan.name in left_out or plan.visit is not None:
            continue
        if missed and plan.name in missed:
            _visit(walk, when, plan, plan.name, {}, made="missed", missed_reason=missed[plan.name])
        else:
            given = (scores or {}).get(plan.name)
            _visit(
                walk,
                when,
                plan,
                plan.name,
                given
                if given is not None
                else {name: facts.score(name, plan.day, walk.luck, walk.house.random) for name in plan.instruments},
            )


def _visit(
    walk: Walk, at: datetime, plan: PlannedVisit | None, name: str, scores: dict[str, Decimal | None], **more: Any
) -> FollowUpVisit:
    house = walk.house
    by = house.hand(house.nurse2)
    visit = house.add(
        by,
        FollowUpVisit.log(
            by=by,
            at=at + 25 * MINUTE,
            performed_at=at,
            performed_by=by,
            treatment=walk.course,
            plan=plan,
            name=name,
            source_note=walk.note,
            **more,
        ),
    )
    for instrument, value in scores.items():
        visit.score(instrument, by=by, at=at + 25 * MINUTE, value=value, did_not_occur=value is None)
    house.sign(by, visit, at + 28 * MINUTE)
    return visit


def _hour(walk: Walk, day: date, hour: int, minute: int = 0) -> datetime:
    """Return a moment of a day on this site's clock."""
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=ZoneInfo(walk.house.site.zone))
