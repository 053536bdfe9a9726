"""The gate's own judgement of cells that run: what it would refuse them for now, by what is known now (rule 43).

Left out is what only the start can answer: who reads wristband and bag, vital signs before, the clocks of thaw and
expiry, and that the container is used up. A dose that turns out too small is no reason to give less of it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from clinic import clock
from clinic.administration.dose_checks import dmso, endotoxin, endotoxin_results, weight
from clinic.administration.dose_window import Portion, window
from clinic.administration.gate import donors_of_cells, identity, place, what_cells
from clinic.administration.known_facts import alerts, past_reactions
from clinic.administration.person_checks import GROUPS_DIFFER, INFECTION, one_record, same_identity, whole_person
from clinic.administration.scanning import Wristband
from clinic.administration.sums import DAY, given_to_patient
from clinic.administration.verdict import Bedside, Verdict
from clinic.errors import RuleBroken
from clinic.patients.doubted import starts
from clinic.patients.illness import ill_now
from clinic.release.models import released

if TYPE_CHECKING:
    from datetime import datetime

    from clinic.administration.models import Administration
    from clinic.course_records import CourseRecords


def faults(records: CourseRecords, given: Administration, at: datetime) -> list[str]:
    """Return in a sentence each why the gate would refuse cells that run, and what is new to who began them."""
    start, product, verdict = given.performed_at or at, given.product, Verdict()
    bedside = at_hand(records, given, start)
    worn = (bedside.course, bedside.wristband, bedside.wearer, product)
    identity(verdict, *worn, same=records.people_ids)
    same_identity(verdict, bedside)
    one_record(verdict, bedside, at)
    what_cells(verdict, bedside, product)
    dose(verdict, bedside, start)
    place(verdict, bedside)
    whole_person(verdict, bedside, at)
    donors_of_cells(verdict, bedside, start)
    return [one.because for one in verdict.blocked] + _unanswered(records, given, verdict, at)


def begun(given: Administration, at: datetime) -> datetime:
    """Return when cells that run were begun: of a corrected start and the movement that went with it, the earlier."""
    moves = [move.performed_at for move in given.product.movements if move.kind == "given" and move.performed_at]
    return min([given.performed_at or at, *moves[-1:]])


def at_hand(records: CourseRecords, given: Administration, begun: datetime) -> Bedside:
    """Return what the gate judges of cells that run, as if wristband and bag were read again."""
    product, course = given.product, records.course
    return Bedside(
        records=records,
        wristband=Wristband(patient_id=course.patient_id),
        wearer=course.patient,
        product=product,
        release=released(records, product),
        results=endotoxin_results(records, product),
        earlier=[one for one in given_to_patient(records) if one.id != given.id],
        volume=given.volume_issued,
        route=given.route,
        body_site=given.body_site,
        side=given.side,
        runs=begun,
    )


def may_go_on(records: CourseRecords, given: Administration, at: datetime) -> None:
    """Refuse that an interrupted giving goes on after a grave reaction, until a physician has decided (rule 23)."""
    start = begun(given, at)
    for one in past_reactions(records):
        if one.stops(records, start):
            because = one.because_in(records.zone, start)
            said = f"{because} Until then the cells do not go on: stop early, or ask a physician to decide."
            raise RuleBroken(said, rule=23)


def dose(verdict: Verdict, bedside: Bedside, begun: datetime) -> None:
    """Judge the sums of the person at the start, and again at each start of other cells within a day of it."""
    product = bedside.product
    if product is None:
        return
    volume = bedside.volume if bedside.volume is not None else product.left
    body = weight(verdict, bedside, product, begun)
    known = [(one, starts(one)) for one in bedside.earlier]
    later = {moment for _one, moments in known for moment in moments if begun < moment < begun + DAY}
    for moment in (begun, *sorted(later)):
        before = [one for one, moments in known if any(start <= moment for start in moments)]
        portion = Portion(product=product, volume=volume, body=body, at=moment)
        for check in (window, dmso, endotoxin):
            check(verdict, replace(bedside, earlier=before), portion)


def _unanswered(records: CourseRecords, given: Administration, verdict: Verdict, at: datetime) -> list[str]:
    """Return what the two people were not asked about when they read wristband and bag: infections, groups (21, 23)."""
    check = records.get(given.check_id)
    answered = [(one["check"], one["left"], one["right"]) for one in check.warnings] if check is not None else []
    new = [one for one in verdict.warnings if (one.check, one.left, one.right) not in answered]
    day, decided = clock.day(at, records.zone), alerts(records, at)  # of alerts the gate asks whether one is new
    infected = [
        one.left for one in new if one.check == INFECTION and one.left not in decided and ill_now(one.left, day)
    ]
    groups = [(one.left, one.right) for one in new if one.check == GROUPS_DIFFER]
    found = [f"An infection is recorded: {text}." for text in infected]
    return found + [f"Blood groups differ: the cells are {cells}, the patient is {own}." for cells, own in groups]
