"""The rows of the tables for analysis, some hundred courses at a time: a long table needs little memory."""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from clinic.administration.events import InfusionEvent
from clinic.administration.models import Administration
from clinic.course_records import in_turns
from clinic.eligibility.models import Eligibility
from clinic.exchange.export_values import OLDEST_TOLD, Sign
from clinic.followup.adverse_events import AdverseEvent
from clinic.followup.models import FollowUpVisit, OutcomeScore
from clinic.harvest.models import Harvest
from clinic.judged_lines import CourseLine, ProductLine
from clinic.pathway.order import current
from clinic.pathway.projection import lines_of
from clinic.patients.models import Patient
from clinic.products.models import Product
from clinic.protocols.catalogues import DOSE_MEASURES, QC_TESTS
from clinic.protocols.models import ProtocolVersion
from clinic.release.models import Release
from clinic.release.product_state import ProductState
from clinic.release.results import QCResult, standing
from clinic.reports.analysis_long import events, scores, visits
from clinic.reports.analysis_read import begun, chosen_courses, day_of, first_day, grouped, missing, only, told, turns
from clinic.reports.baselines import Reading, baseline_of, is_baseline
from clinic.reports.followed import IN_PART, NO_DAY, followed
from clinic.steps import NOT_RECORDED
from clinic.treatments.models import Treatment

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from clinic.reports.analysis import Column, Table
    from clinic.reports.data import Data


def rows(data: Data, table: Table, *, research: bool) -> Iterator[list[Any]]:
    """Yield the rows of a table as values in the order of its columns."""
    chosen = table.chosen(research=research)
    for found, zero in MAKES[table.name](data):
        yield [_value(column, found, zero, research=research) for column in chosen]


def _value(column: Column, found: dict[str, Any], zero: date | None, *, research: bool) -> Any:
    """Return one value; in the research variant no reason in somebody's words, and no age of the very old."""
    if column.key == "missing":
        return "; ".join(fact if research else f"{fact}: {why}" for fact, why in found["missing"])
    if research and column.key == "age_years" and found.get(column.key) is not None:
        return Decimal(min(OLDEST_TOLD, found[column.key]))
    if research and column.reason:
        return None
    if research and column.key == "state" and "bare_state" in found:
        return found["bare_state"]
    if column.kind == "whole" and research and column.key.endswith("_days") and column.key not in found:
        on = found.get(column.key.removesuffix("_days"))
        return (on - zero).days if isinstance(on, date) and zero is not None else None
    value = found.get(column.key)  # of a figure no other type because it is whole
    return Decimal(value) if column.kind == "number" and type(value) is int else value


def _observed(data: Data) -> dict[str, dict[str, Any]]:
    """Return how long each course was observed and whether it ended in death, as the report on survival reads it."""
    found, without = followed(data)
    days = {one.course.id: {"observed_days": one.days, "observed_death": one.died} for one in found}
    dead = [id_ for why, ids in without if why in {NO_DAY, IN_PART} for id_ in ids]
    return days | {id_: {"observed_days": None, "observed_death": True} for id_ in dead}


def _courses(data: Data) -> Iterator[tuple[dict[str, Any], date | None]]:
    zero, observed = begun(data), _observed(data)
    ids = chosen_courses(data)
    numbers = dict(data.session.execute(select(ProtocolVersion.id, ProtocolVersion.number)).all())
    for turn in turns(ids):
        by = {
            model: grouped(data, model, model.treatment_id, turn, model.performed_at)
            for model in (Harvest, Administration, AdverseEvent, FollowUpVisit, OutcomeScore, Eligibility, Product)
        }
        courses = {row.id: row for row in data.session.scalars(only(Treatment, turn))}
        patients = {
            row.id: row for row in data.session.scalars(only(Patient, [c.patient_id for c in courses.values()]))
        }
        states, bare = _states(data, turn)
        for id_ in turn:
            course = courses[id_]
            about = _of_order(data, course, patients[course.patient_id], numbers[course.protocol_version_id])
            of_it = {model: some[id_] for model, some in by.items()}
            yield (
                about
                | observed.get(id_, {})
                | {"state": states.get(id_, ""), "bare_state": bare.get(id_, "")}
                | _of_course(data, of_it, tells=id_ in data.tell_of_events)
                | _scores(data, of_it, zero.get(id_)),
                zero.get(id_),
            )


def _of_order(data: Data, course: Any, patient: Any, number: int) -> dict[str, Any]:
    one = data.courses[course.id]
    version = data.versions[course.protocol_version_id]
    said = {
        name: getattr(course, name)
        for name in (
            "condition", "body_site", "side", "relation", "source", "route", "asa_class", "height_cm", "weight_kg",
            "chain_of_identity",
        )
    }  # fmt: skip
    return said | {
        "course_id": course.id, "person_id": one.patient, "record_number": patient.record_number,
        "synthetic": patient.is_synthetic, "origin": one.origin, "protocol": version.code, "protocol_version": number,
        "field": version.field_key, "cell_type": version.cell_type, "donor_kind": one.donor, "sex": patient.sex,
        "age_years": course.age_years if course.age_years is not None else one.age,
        "ordered": None if one.ordered is None else one.ordered.told, "died": told(data, patient, "died_on"),
        "missing": missing(patient.not_recorded, course.not_recorded),
    }  # fmt: skip


def _of_course(data: Data, by: dict[Any, list[Any]], *, tells: bool) -> dict[str, Any]:
    """Return what happened in a course, counted and dated; ``tells``: whether its source tells of adverse events."""
    harvests, visits, events = by[Harvest], by[FollowUpVisit], by[AdverseEvent]
    given = [one for one in by[Administration] if one.outcome != "voided" and one.volume_given != 0]
    made = [one for one in visits if one.made == "made"]
    judged = [one for one in by[Eligibility] if one.eligible is not None][-1:]
    return {
        "eligible": judged[0].eligible if judged else None,
        "eligibility_decided": told(data, judged[0]) if judged else None,
        "harvests": len(harvests), "harvested": first_day(data, harvests),
        "harvested_volume": _sum(harvests, "volume"),
        "products": len(by[Product]), "products_given": len({one.product_id for one in given} - {None}),
        "administrations": len(given), "first_given": first_day(data, given),
        "last_given": first_day(data, given[::-1]),
        "volume_given": _sum(given, "volume_given"),
        "visits_made": len(made), "visits_missed": sum(one.made in {"missed", "lost"} for one in visits),
        "last_seen": first_day(data, made[::-1]),
        "adverse_events": len(events) if tells else None,
        "serious_events": sum(bool(one.serious) for one in events) if tells else None,
        "events_of_unknown_seriousness": sum(one.serious is None for one in events) if tells else None,
        "worst_grade": max((one.grade for one in events if one.grade is not None), default=None),
    }  # fmt: skip


def _scores(data: Data, by: dict[Any, list[Any]], zero: date | None) -> dict[str, Any]:
    """Return baseline and last value of each score, and the day of the course of the last."""
    visits = {one.id: one for one in by[FollowUpVisit]}
    dated = [
        (day_of(data, one, visits.get(one.visit_id), zero), one) for one in by[OutcomeScore] if one.value is not None
    ]
    found: dict[str, Any] = {}
    before: dict[str, list[Reading]] = defaultdict(list)
    for day, one in sorted(dated, key=lambda pair: (pair[0] or 0, pair[1].recorded_at, pair[1].id)):
        visit = visits.get(one.visit_id)
        if visit is not None and is_baseline(visit.name, day_of(data, visit, None, zero)):
            before[one.instrument].append(Reading(visit.name, day, one.value))
        else:
            found |= {f"{one.instrument}_last": one.value, f"{one.instrument}_last_day": day}
    return found | {f"{name}_baseline": baseline_of(some) for name, some in before.items()}


def _states(data: Data, ids: Sequence[str]) -> tuple[dict[str, str], dict[str, str]]:
    """Return where courses stand, in words that may name days, and the state alone of each step.

    They are stored lines, and those judged anew that time has changed.
    """
    titles = {step.name: step.title for step in current()}
    chosen = select(CourseLine).where(CourseLine.treatment_id.in_(ids), CourseLine.title == "").order_by(CourseLine.key)
    lines = [vars(line) for line in data.session.scalars(chosen)]
    stale = {line["treatment_id"] for line in lines if line["changes_at"] is not None and line["changes_at"] <= data.at}
    fresh = [
        line for one in in_turns(data.session, sorted(stale)) for line in lines_of(one, data.at) if not line["title"]
    ]
    found, bare = defaultdict[str, list[str]](list), defaultdict[str, list[str]](list)
    for line in [*(line for line in lines if line["treatment_id"] not in stale), *fresh]:
        step = titles.get(line["step"], line["step"])
        found[line["treatment_id"]].append(f"{step}: {line['word'] or line['state']}")
        bare[line["treatment_id"]].append(f"{step}: {_without_days(line)}")
    words, alone = ({id_: "; ".join(dict.fromkeys(said)) for id_, said in one.items()} for one in (found, bare))
    return words, alone


def _without_days(line: dict[str, Any]) -> str:
    """Return the state alone of a step, since its words may name a day; of a history, that nothing is recorded."""
    return NOT_RECORDED if line["word"] == NOT_RECORDED else line["state"]


def _products(data: Data) -> Iterator[tuple[dict[str, Any], date | None]]:
    """Banked cells, which no course has yet, are listed where neither filter nor period chooses among courses."""
    zero, courses = begun(data), set(chosen_courses(data))
    banked = not data.asked.chosen and not data.asked.dated
    order = (Product.recorded_at, Product.id)
    ids = [
        row.id
        for row in data.read(Product.id, Product.treatment_id, order=order)
        if row.treatment_id in courses or (banked and row.treatment_id is None)
    ]
    for turn in turns(ids):
        results = grouped(data, QCResult, QCResult.product_id, turn, QCResult.performed_at)
        decided = grouped(data, Release, Release.product_id, turn, Release.recorded_at)
        lines = {line.product_id: line for line in data.session.scalars(_lines(turn))}
        products = {row.id: row for row in data.session.scalars(only(Product, turn))}
        for id_ in turn:
            product = products[id_]
            about = _of_product(data, product, lines.get(id_))
            yield about | _tests(results[id_]) | _decided(data, decided[id_]), zero.get(product.treatment_id)


def _lines(ids: Sequence[str]) -> Any:
    return select(ProductLine).where(ProductLine.product_id.in_(ids))


def _of_product(data: Data, product: Any, line: Any) -> dict[str, Any]:
    measure = DOSE_MEASURES.get(product.measure or "")
    state = ProductState(line.state) if line is not None else None
    if line is not None and line.changes_at is not None and line.changes_at <= data.at and product.expired(data.at):
        state = ProductState.EXPIRED
    said = {
        name: getattr(product, name)
        for name in (
            "donor_id", "harvest_id", "run_id", "din", "name", "division", "cell_type", "source", "relation",
            "container", "volume", "amount", "preparation", "vehicle", "cryo_medium", "dmso_percent",
        )
    }  # fmt: skip
    days = {
        "collected": "collected_at", "made": "performed_at", "frozen": "frozen_at", "thawed": "thawed_at",
        "expires": "expires_at",
    }  # fmt: skip
    return said | {name: told(data, product, at) for name, at in days.items()} | {
        "product_id": product.id, "course_id": product.treatment_id, "origin": product.origin.value,
        "amount_unit": measure.unit if measure and product.amount is not None else None,
        "amount_counts": product.measure, "state": state.label if state else None,
        "missing": missing(product.not_recorded),
    }  # fmt: skip


def _tests(results: list[QCResult]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for test in dict.fromkeys(one.test or "" for one in results):
        readings = standing(results, test)
        if test not in QC_TESTS or not readings:
            continue
        last = readings[-1]
        found[test] = last.outcome if QC_TESTS[test].outcomes else last.value
        found[f"{test}_comparator"] = Sign(last.comparator) if last.value is not None and last.comparator else None
        found[f"{test}_verdict"] = last.verdict.label
    return found


def _decided(data: Data, decisions: list[Release]) -> dict[str, Any]:
    if not decisions:
        return {}
    last = decisions[-1]
    return {"decision": last.decision, "decided": told(data, last)}


def _administrations(data: Data) -> Iterator[tuple[dict[str, Any], date | None]]:
    zero, courses = begun(data), set(chosen_courses(data))
    order = (Administration.recorded_at, Administration.id)
    wanted = data.read(Administration.id, Administration.treatment_id, order=order)
    ids = [row.id for row in wanted if row.treatment_id in courses]
    for turn in turns(ids):
        events = grouped(data, AdverseEvent, AdverseEvent.administration_id, turn)
        during = grouped(data, InfusionEvent, InfusionEvent.administration_id, turn)
        given = {row.id: row for row in data.session.scalars(only(Administration, turn))}
        cells = {
            row.id: row for row in data.session.scalars(only(Product, {g.product_id for g in given.values()} - {None}))
        }
        for id_ in turn:
            one = given[id_]
            about = _of_giving(data, one, cells.get(one.product_id), zero.get(one.treatment_id))
            kinds = [event.kind for event in during[id_]]
            yield about | {
                "interruptions": sum(kind in {"rate", "stopped"} for kind in kinds),
                "reactions": kinds.count("reaction"),
                "events_after": len(events[id_]) if one.treatment_id in data.tell_of_events else None,
            }, zero.get(one.treatment_id)  # fmt: skip


def _of_giving(data: Data, one: Any, product: Any, zero: date | None) -> dict[str, Any]:
    measure, when = DOSE_MEASURES.get(one.measure or ""), data.when(one.performed_at, one.precision)
    on = when.day if when is not None else None
    said = {
        name: getattr(one, name)
        for name in (
            "route", "body_site", "side", "guidance", "viability_before", "volume_issued", "volume_given",
            "volume_wasted", "volume_returned", "weight_kg", "dose", "dose_per_kg", "outcome", "product_id",
        )
    }  # fmt: skip
    day = (on - zero).days if on is not None and zero is not None else one.course_day
    return said | {
        "administration_id": one.id, "course_id": one.treatment_id, "origin": one.origin.value,
        "given": told(data, one), "course_day": day, "minutes": _minutes(one, "performed_at", one),
        "minutes_after_thaw": _minutes(product, "thawed_at", one),
        "dose_unit": measure.unit if measure and one.dose is not None else None,
        "dose_per_kg_unit": measure.unit_per_kg if measure and one.dose_per_kg is not None else None,
        "dose_counts": one.measure, "missing": missing(one.not_recorded),
    }  # fmt: skip


def _minutes(row: Any, name: str, given: Any) -> int | None:
    """Return minutes until the end of an administration, where both times of day are known."""
    begin = getattr(row, name) if row is not None and not (row.precision or {}).get(name) else None
    end = given.ended_at if not (given.precision or {}).get("ended_at") else None
    return int((end - begin).total_seconds() // 60) if begin is not None and end is not None else None


def _sum(found: Iterable[Any], name: str) -> Any:
    values = [value for one in found if (value := getattr(one, name)) is not None]
    return sum(values) if values else None


MAKES = {
    "courses": _courses, "products": _products, "administrations": _administrations, "visits": visits,
    "scores": scores, "events": events,
}  # fmt: skip
