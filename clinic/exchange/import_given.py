"""What a row says about cells that were given, asked by the rules of the bedside (rules 26, 50, 54, 55, 59).

Figures that contradict each other are refused. What is possible, but would have been refused at the bedside, happened
all the same: it is taken in where the mapping says under ``[confirmed]`` that it is known, and why; the reason stays
with the administration.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from clinic.administration.placing import misplaced, words_of
from clinic.exchange.import_checks import Fault, after, known_parts
from clinic.exchange.import_targets import Slot
from clinic.fields import plain
from clinic.protocols.catalogues import ROUTES, within
from clinic.wording import moment


class Against(NamedTuple):
    """One thing against a limit of the bedside: the fact, the rule, and what was expected."""

    field: str
    rule: int
    said: str


def bedside_faults(history: Any, given: Any, product: Any, patient: Any) -> list[Fault]:
    """Return the faults of an administration; what the mapping confirms is kept with its reason instead."""
    found = [
        _fault(history, name, said) for name, said in _contradictions(given, product, patient, history.by.site.zone)
    ]
    for one in _against(given, product, history.by.site.zone):
        reason = history.confirmed.get(f"rule {one.rule}")
        if reason:
            given.confirmed = {**(given.confirmed or {}), one.field: reason}
            history.notes.append(f"Row {history.row}: {one.said} (rule {one.rule}). Confirmed: {reason}")
            continue
        how = f"if it happened so, the mapping says why: [confirmed] 'rule {one.rule}' = '…'"
        found.append(_fault(history, one.field, f"{one.said} (rule {one.rule}); {how}"))
    return found


def _fault(history: Any, name: str, said: str) -> Fault:
    return history.fault(Slot(part="administration", name=name), said)


def _contradictions(given: Any, product: Any, patient: Any, zone: str) -> Iterator[tuple[str, str]]:
    """Yield each figure or place that cannot be true beside the others."""
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
    if (
        patient.died_on is not None
        and given.performed_at is not None
        and _day(given, zone) > _parts_of(patient.died_on)
    ):
        yield "performed_at", "a moment before the patient's death (rule 69)"


def _day(given: Any, zone: str) -> tuple[int, ...]:
    return known_parts(given.performed_at, given.precision_of("performed_at"), zone)[:3]


def _parts_of(day: Any) -> tuple[int, ...]:
    return (day.year, day.month, day.day)


def _against(given: Any, product: Any, zone: str) -> Iterator[Against]:
    """Yield what is possible and against a limit: after the expiry, late after the thaw, elsewhere than ordered."""
    course, route = given.treatment, ROUTES.get(given.route or "")
    limit = course.says.expiry.thaw_minutes
    by_thaw = limit and product.thawed_at and product.expires_at == product.thawed_at + timedelta(minutes=limit)
    if not by_thaw and after(given, "performed_at", product, "expires_at", zone):
        ends = moment(product.expires_at, zone)
        yield Against("performed_at", 50, f"a moment before the cells expired, {ends}")
    known = not (given.precision_of("performed_at") or product.precision_of("thawed_at"))
    if limit and known and given.performed_at is not None and product.thawed_at is not None:
        minutes = (given.performed_at - product.thawed_at) / timedelta(minutes=1)
        if minutes > limit:
            said = f"a start within {limit} minutes of the thaw, not {int(minutes)}"
            yield Against("performed_at", 54, said)
    if route is None or (given.body_site is not None and given.body_site not in route.sites):
        return
    other = misplaced(course, given.route, given.body_site, given.side)
    if other is not None and (other.field != "side" or given.side is not None):
        yield Against(other.field, other.rule, f"what the order says: {other.wanted}, not {other.where}")
