"""What the records say for the forms of registries: of courses, products, administrations, visits."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from clinic.administration.models import PREMEDICATION, Administration
from clinic.fields import plain
from clinic.followup.adverse_events import AdverseEvent
from clinic.followup.models import FollowUpVisit, OutcomeScore, PlannedVisit
from clinic.patients.models import SEXES, Patient
from clinic.products.models import Product
from clinic.protocols.catalogues import CELL_TYPES, CONDITIONS, DOSE_MEASURES, ROUTES, SOURCES, labels
from clinic.reports.registry import DOES_NOT_APPLY, Filled, yes_no
from clinic.reports.report import count
from clinic.treatments.models import ASA, RELATIONS, Treatment

if TYPE_CHECKING:
    from clinic.clock import Span
    from clinic.reports.data import Data, Given
    from clinic.reports.report import Value

RECOVERIES = {"anc": ("anc_recovered", "anc_recovery"), "platelets": ("platelets_recovered", "platelet_recovery")}


def quantity(value: Decimal | None, unit: str = "") -> str | None:
    """Return a figure with its unit as a form is filled in; None where none is recorded."""
    return None if value is None else f"{plain(value)} {unit}".strip()


def told(when: Span | None) -> Value:
    """Return a day, or no more of it than is known; None where none is recorded."""
    return None if when is None else when.told


def recorded(text: str | None) -> str | None:
    """Return that something was written down; the words themselves, which may name somebody, stay on the record."""
    return "recorded" if text else None


def courses(data: Data) -> list[Filled]:
    """Return what forms ask before the cells, of each course begun in the period."""
    about = {
        row.id: row for row in data.read(
            Treatment.id, Treatment.height_cm, Treatment.weight_kg, Treatment.diagnosis, Treatment.condition,
            Treatment.comorbidities, Treatment.asa_class, Treatment.relation, Patient.birth_date, Patient.sex,
            Patient.precision,
            join=(Patient, Patient.id == Treatment.patient_id),
        )
    }  # fmt: skip
    names, to_person = _names(data), _by_person(data)
    return [
        Filled(id_, _course(data, about[id_], first, to_person[first.course.patient], names))
        for id_, first in data.begun.items()
    ]


def _by_person(data: Data) -> dict[str, list[Given]]:
    found: dict[str, list[Given]] = defaultdict(list)
    for one in data.every_administration:
        found[one.course.patient].append(one)
    return found


def _course(data: Data, row: Any, first: Given, to_person: list[Given], names: dict[str, Any]) -> dict[str, Value]:
    given = [one for one in to_person if one.course.id == first.course.id]
    before = [one for one in to_person if one.course.id != first.course.id]
    names_given = list(dict.fromkeys(name for one in given if (name := names[one.product].name)))
    return {
        "patient": first.course.patient, "infused": told(first.when),
        "born": told(data.when(row.birth_date, row.precision, "birth_date")),
        "sex": SEXES.get(row.sex or ""), "height": quantity(row.height_cm, "cm"),
        "weight": quantity(row.weight_kg, "kg"), "first": yes_no(_is_first(first, before)),
        "product": "; ".join(names_given) or None, "donor": RELATIONS.get(row.relation or ""),
        "indication": labels(CONDITIONS).get(row.condition or ""), "diagnosis": recorded(row.diagnosis),
        "illnesses": recorded(row.comorbidities), "health": ASA.get(row.asa_class or ""), "number": str(len(given)),
    }  # fmt: skip


def _is_first(first: Given, others: list[Given]) -> bool | None:
    """Whether nothing was given to the person in another course before; None where the days do not tell."""
    if not others:
        return True
    order = [_order(one, first) for one in others]
    return False if None not in order and -1 in order else None if None in order else True


def _order(one: Given, other: Given) -> int | None:
    """Return −1 where cells were given before others, 1 where they were not; None where the days do not tell."""
    if one.at is None or other.at is None or one.when is None or other.when is None:
        return None
    if one.on is not None and other.on is not None:
        return -1 if one.at < other.at else 1
    return -1 if one.when.last < other.when.first else 1 if one.when.first > other.when.last else None


def _names(data: Data) -> dict[str, Any]:
    read = data.read(
        Product.id, Product.name, Product.cell_type, Product.source, Product.relation, Product.din, Product.division,
        Product.collected_at, Product.precision, Product.frozen_at, Product.preparation, Product.volume,
        Product.origin,
    )  # fmt: skip
    return {row.id: row for row in read}


def products(data: Data) -> list[Filled]:
    """Return what forms ask of each product that was given in the period, once however often it was given."""
    known, found = _names(data), dict[str, Filled]()
    for one in data.given:
        row = known[one.product]
        din = f"{row.din or ''} {row.division or ''}".strip()
        found.setdefault(one.product, Filled(one.product, {
            "course": one.course.id, "product": row.name, "identifiers": din or None,
            "collected": told(data.when(row.collected_at, row.precision, "collected_at")),
            "tissue": labels(SOURCES).get(row.source or ""),
            "cells": labels(CELL_TYPES).get(row.cell_type or one.course.cell_type),
            "donor": RELATIONS.get(row.relation or ""), "prepared": recorded(row.preparation),
            "frozen": None if row.frozen_at is None and row.origin == "imported" else yes_no(row.frozen_at is not None),
        }))  # fmt: skip
    return list(found.values())


def infusions(data: Data) -> list[Filled]:
    """Return what forms ask of each administration of the period."""
    names = _names(data)
    read = data.read(
        Administration.id, Administration.route, Administration.body_site, Administration.volume_issued,
        Administration.volume_given, Administration.volume_wasted, Administration.volume_returned,
        Administration.dose, Administration.measure, Administration.dose_per_kg, Administration.viability_before,
        Administration.premedication,
    )  # fmt: skip
    known = {row.id: row for row in read}
    return [Filled(one.id, _infusion(known[one.id], one, names[one.product])) for one in data.given]


def _infusion(row: Any, given: Given, product: Any) -> dict[str, Value]:
    whole = None
    if row.volume_given is not None and row.volume_issued is not None:
        whole = row.volume_given >= row.volume_issued
    kept = [(row.volume_wasted, "discarded"), (row.volume_returned, "returned")]
    rest = "; ".join(f"{quantity(amount, 'mL')} {fate}" for amount, fate in kept if amount) or None
    unit = DOSE_MEASURES[row.measure].unit if row.measure in DOSE_MEASURES else ""
    return {
        "course": given.course.id, "product": product.name, "identifiers": given.product, "infused": told(given.when),
        "whole": yes_no(whole), "rest": DOES_NOT_APPLY if whole else rest,
        "route": labels(ROUTES).get(row.route or given.course.route), "dose": quantity(row.dose, unit),
        "per_kg": quantity(row.dose_per_kg, f"{unit}/kg" if unit else ""),
        "viability": quantity(row.viability_before, "%"), "concomitant": PREMEDICATION.get(row.premedication or ""),
    }  # fmt: skip


def follow_up(data: Data) -> list[Filled]:
    """Return what forms ask of each visit of the period that is due or was recorded, after the first cells."""
    begun, to_person = {one.course.id: one for one in data.administrations if one.first}, _by_person(data)
    visits = {
        row.plan_id: row for row in data.read(
            FollowUpVisit.plan_id, FollowUpVisit.performed_at, FollowUpVisit.alive, FollowUpVisit.made,
            FollowUpVisit.precision, FollowUpVisit.course_day,
            where=[FollowUpVisit.plan_id.is_not(None)],
        )
    }  # fmt: skip
    events, recovered, found = _events(data), _recoveries(data), list[Filled]()
    for plan in data.read(
        PlannedVisit.id, PlannedVisit.treatment_id, PlannedVisit.name, PlannedVisit.day, PlannedVisit.due_on,
        PlannedVisit.closes_on, order=[PlannedVisit.due_on, PlannedVisit.id],
    ):  # fmt: skip
        first, visit = begun.get(plan.treatment_id), visits.get(plan.id)
        if first is None or plan.day <= 0 or (visit is None and plan.closes_on >= data.today):
            continue
        if data.within(plan.due_on, plan.id):
            said = _visit(data, plan, visit, first, to_person[first.course.patient])
            known = events[first.course.id]
            said |= {"events": count(id_ for id_, on in known if on is None or on.first <= plan.closes_on)}
            said |= recovered.get(first.course.id, {}) if first.course.cell_type in BLOOD_FORMING else NO_BLOOD
            found.append(Filled(plan.id, {"anc": None, "platelets": None} | said))
    return found


BLOOD_FORMING = {"hsc", "gene_modified"}
NO_BLOOD = {"anc": DOES_NOT_APPLY, "platelets": DOES_NOT_APPLY}


def _visit(data: Data, plan: Any, visit: Any, first: Given, to_person: list[Given]) -> dict[str, Any]:
    there = visit if visit is not None and visit.made == "made" else None
    on, died = data.when(there.performed_at, there.precision) if there is not None else None, first.course.died
    contact = told(on)
    if there is not None and on is None and there.course_day is not None:
        contact = f"day {there.course_day} of the course"
    dead = (died is not None and died.last <= plan.closes_on) or (visit is not None and visit.alive is False)
    perhaps = died is not None and died.first <= plan.closes_on
    alive = "dead" if dead else "alive" if there is not None and there.alive else None
    more = any(
        one.course.id != first.course.id and one.when is not None and first.when is not None
        and first.when.last < one.when.first and one.when.last <= plan.closes_on for one in to_person
    )  # fmt: skip
    return {
        "course": first.course.id, "visit": plan.name, "contact": contact, "alive": alive,
        "died": told(died) if dead else DOES_NOT_APPLY if alive and not perhaps else None, "more": yes_no(more),
    }  # fmt: skip


def _events(data: Data) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = defaultdict(list)
    for row in data.read(
        AdverseEvent.id,
        AdverseEvent.treatment_id,
        AdverseEvent.performed_at,
        AdverseEvent.precision,
        order=[AdverseEvent.id],
    ):
        found[row.treatment_id].append((row.id, data.when(row.performed_at, row.precision)))
    return found


def _recoveries(data: Data) -> dict[str, dict[str, str]]:
    """Return the day of recovery of each course, or that there was none."""
    said: dict[str, dict[str, int]] = defaultdict(dict)
    wanted = [name for pair in RECOVERIES.values() for name in pair]
    for row in data.read(
        OutcomeScore.treatment_id, OutcomeScore.instrument, OutcomeScore.value,
        where=[OutcomeScore.instrument.in_(wanted), OutcomeScore.value.is_not(None)],
        order=[OutcomeScore.recorded_at, OutcomeScore.id],
    ):  # fmt: skip
        said[row.treatment_id][row.instrument] = int(row.value)
    found: dict[str, dict[str, str]] = {}
    for course, scores in said.items():
        for key, (status, day) in RECOVERIES.items():
            if day in scores:
                found.setdefault(course, {})[key] = f"day {scores[day]}"
            elif scores.get(status) == 0:
                found.setdefault(course, {})[key] = "not recovered"
    return found
