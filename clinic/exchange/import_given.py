"""What a row says about cells that were given, asked by the rules of the bedside (rules 23, 26, 50, 54, 55, 59).

Figures that contradict each other are refused. What is possible, but would have been refused at the bedside, happened
all the same: it is taken in where the mapping says under ``[confirmed]`` that it is known, and why; the reason stays
with the administration.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from clinic.administration.amounts import lies_in, worked_out
from clinic.administration.known_facts import allergy_conflicts, components, not_understood
from clinic.administration.placing import misplaced, words_of
from clinic.clock import is_later, window_in
from clinic.course_records import CourseRecords
from clinic.exchange.import_checks import Fault, after
from clinic.exchange.import_targets import Slot
from clinic.fields import plain
from clinic.patients.models import WEIGHT_CHANGE, Weight
from clinic.protocols.catalogues import QC_TESTS, ROUTES, within
from clinic.release.arithmetic import endotoxin_per_kg
from clinic.release.results import QCResult, Verdict, asked_for
from clinic.wording import moment


class Against(NamedTuple):
    """One thing against a limit of the bedside: the fact, the rule, and what was expected."""

    field: str
    rule: int
    said: str
    part: str = "administration"
    record: Any = None


def bedside_faults(history: Any, given: Any, product: Any, patient: Any) -> list[Fault]:
    """Return the faults of an administration; what the mapping confirms is kept with its reason instead."""
    found = [
        _fault(history, name, said) for name, said in _contradictions(given, product, patient, history.by.site.zone)
    ]
    against = [*_against(given, product, history.by.site.zone), *_limits(history, given, product)]
    return found + asked(history, given, [*against, *_allergies(history, given, product)])


def volume_faults(history: Any, harvest: Any, product: Any) -> list[Fault]:
    """Return that a container holds more than was collected, unless the mapping says why (rule 36)."""
    if harvest.volume is None or product.volume is None or product.volume <= harvest.volume:
        return []
    said = f"no more than the {plain(harvest.volume)} mL that were collected, or what was added to them"
    return asked(history, product, [Against("volume", 36, said, "product")])


def asked(history: Any, record: Any, against: Iterable[Against]) -> list[Fault]:
    """Return what the mapping does not confirm; what it does is kept with its reason, and told in the report."""
    found = []
    for one in against:
        reason, about = history.confirmed.get(f"rule {one.rule}"), one.record or record
        if reason:
            about.confirmed = {**(about.confirmed or {}), one.field: reason}
            history.notes.append(f"Row {history.row}: {one.said} (rule {one.rule}). Confirmed: {reason}")
            continue
        how = f"if it happened so, the mapping says why: [confirmed] 'rule {one.rule}' = '…'"
        fault = history.fault(Slot(part=one.part, name=one.field), f"{one.said} (rule {one.rule}); {how}")
        found.append(replace(fault, ask=f"rule {one.rule}"))
    return found


def _limits(history: Any, given: Any, product: Any) -> Iterator[Against]:
    """Yield each figure of given cells that the bedside or the release would have refused (rules 40 to 43, 51, 52)."""
    weight = next((one for one in history.records if isinstance(one, Weight)), None)
    weighed = weight.kg if weight is not None else None
    if weighed and given.weight_kg is not None and abs(given.weight_kg - weighed) > WEIGHT_CHANGE * weighed:
        yield Against("weight_kg", 51, f"about the {plain(weighed)} kg that the patient weighed")
    kg = given.weight_kg or weighed
    yield from _dose(history, given, product, kg)
    results = [one for one in history.records if isinstance(one, QCResult)]
    bad = [one for one in results if one.spec is not None and one.verdict is Verdict.OUTSIDE]
    for one in bad:
        test, limit = one.test or "", asked_for(one.spec) if one.spec is not None else ""
        said = f"a result within its limit, {limit}, in cells that were given"
        yield Against(test, QC_TESTS[test].rule or (52 if test.endswith("_dose") else 40), said, "qc", one)
    volume = given.volume_given or given.volume_issued or product.volume
    for sum_ in endotoxin_per_kg(results, volume=volume, kg=kg, route=given.route):
        if not sum_.good and not any(one.test == "endotoxin" for one in bad):
            yield Against("endotoxin", 42, f"no more than {sum_.limit}, not {sum_.result}", "qc")


ALLERGIES = tuple(
    Slot(part=part, name=name)
    for part, names in (("patient", ("allergies",)), ("treatment", ("comorbidities", "medication", "diagnosis")))
    for name in names
)
"""Where a row may tell of an allergy, as the bedside reads it."""


def _allergies(history: Any, given: Any, product: Any) -> Iterator[Against]:
    """Yield what is in the container that the patient is allergic to, and what a person compares with it (rule 23)."""
    records = CourseRecords(given.treatment, history.records, zone=history.by.site.zone)
    told = next((one for one in ALLERGIES if (said := history.given.get(one)) is not None and said.text), ALLERGIES[0])
    if found := allergy_conflicts(records, product, history.at):
        said = f"no allergy to what the container holds, {', '.join(found)}"
        yield Against(told.name, 23, said, told.part, given)
    if compared := not_understood(records, product, history.at):
        inside = ", ".join(components(records, product)) or "not recorded"
        said = f"somebody to compare the allergy with the components of the container ({inside}): {'; '.join(compared)}"
        yield Against(told.name, 23, said, told.part, given)


def _dose(history: Any, given: Any, product: Any, kg: Decimal | None) -> Iterator[Against]:
    """Yield that a dose is outside the protocol's window; less than the whole container may be less than it."""
    dosing = given.treatment.says.dose
    name = "dose_per_kg" if dosing.per_kg else "dose"
    volume = next((v for v in (given.volume_given, given.volume_issued, product.volume) if v is not None), None)
    counted = worked_out(product, volume, kg) if product.measure == dosing.measure else {}
    dose = counted.get(name, getattr(given, name))
    part = product.volume is not None and volume is not None and volume < product.volume
    if (
        dose is None
        or lies_in(dosing.window, dose)
        or (part and dosing.window.low is not None and dose < dosing.window.low)
    ):
        return
    said = f"a dose of {dosing.window} {dosing.unit}, as the protocol allows, not {plain(dose)}"
    stated = history.given.get(Slot(part="administration", name=name))
    named = stated is not None and bool(stated.text)
    yield Against(name, 52, said) if named else Against("amount", 52, said, "product")


def _fault(history: Any, name: str, said: str) -> Fault:
    return history.fault(Slot(part="administration", name=name), said)


def _contradictions(given: Any, product: Any, patient: Any, zone: str) -> Iterator[tuple[str, str]]:
    """Yield each figure or place that cannot be true beside the others."""
    if given.voided:
        yield "outcome", "an administration that took place: what was voided was not given, leave it out (rule 59)"
    if given.outcome == "aborted" and given.volume_given is not None and given.volume_given == product.volume:
        yield "outcome", "nothing here where the whole volume was given, or the part that was given (rule 59)"
    parts = [given.volume_given, given.volume_wasted, given.volume_returned]
    whole = given.volume_issued or product.volume
    total = sum((one for one in parts if one is not None), Decimal(0))
    complete = given.volume_issued is not None and None not in parts
    over = product.volume is not None and (given.volume_given or 0) > product.volume  # rule 36 names it already
    if whole is not None and not over and (total > whole or (complete and total != whole)):
        said = f"volume given, wasted and returned that come to the {plain(whole)} mL issued, not {plain(total)} mL"
        yield "volume_given", f"{said} (rule 59)"
    if given.volume_issued is not None and product.volume is not None and given.volume_issued > product.volume:
        yield "volume_issued", f"no more than the {plain(product.volume)} mL of the container (rule 59)"
    route = ROUTES.get(given.route or "")
    if route is not None and given.body_site is not None and given.body_site not in route.sites:
        where = words_of(given.body_site, given.side)
        yield "body_site", f"a site for {within(route.label)}; {where} is none (rule 26)"
    if is_later(given, "performed_at", patient, "died_on", zone):
        yield "performed_at", "a moment before the patient's death (rule 69)"


def _against(given: Any, product: Any, zone: str) -> Iterator[Against]:
    """Yield what is possible and against a limit: after the expiry, late after the thaw, elsewhere than ordered."""
    course, route = given.treatment, ROUTES.get(given.route or "")
    limit = course.says.expiry.thaw_minutes
    by_thaw = limit and product.thawed_at and product.expires_at == product.thawed_at + timedelta(minutes=limit)
    if not by_thaw and after(given, "performed_at", product, "expires_at", zone):
        ends = moment(product.expires_at, zone, product.precision_of("expires_at"))
        yield Against("performed_at", 50, f"a moment before the cells expired, {ends}")
    began, thawed = window_in(given, "performed_at"), window_in(product, "thawed_at")
    if limit and began is not None and thawed is not None:
        minutes = (began.first - thawed.last) / timedelta(minutes=1)
        if minutes > limit:
            exact = began.first == began.last and thawed.first == thawed.last
            more = f", not {int(minutes)}" if exact else ""
            yield Against("performed_at", 54, f"a start within {limit} minutes of the thaw{more}")
    if route is None or (given.body_site is not None and given.body_site not in route.sites):
        return
    other = misplaced(course, given.route, given.body_site, given.side)
    if other is not None and (other.field != "side" or given.side is not None):
        yield Against(other.field, other.rule, f"what the order says: {other.wanted}, not {other.where}")
