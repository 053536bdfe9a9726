"""Who must be told of a serious event, by when, and who was (rule 67): functions of the records of its course.

Every deadline runs from the day on which the clinic became aware, a follow-up's from the day on which it was known. It
ends with the record that they were told, or that they need not be told and why.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from clinic import clock
from clinic.administration.models import Administration
from clinic.followup.event_news import signed_before
from clinic.products.graph import ancestry, donors, relatives
from clinic.products.models import Product
from clinic.records import Origin

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from clinic.course_records import CourseRecords
    from clinic.followup.adverse_events import AdverseEvent
    from clinic.followup.event_records import EventNotification

NOT_ASSESSED = "No physician has assessed it: counts as serious, unexpected and related until then."
AT_ONCE = 1
"""Days to tell who made or holds the cells: “without delay” (2006/86/EC, Article 5); counted as one day."""
FOLLOW_UP = 15
"""Days to send what is new of an event that was reported (21 CFR 312.32(d))."""
DONOR = 15
"""Days to tell the donor's physician: no law names a deadline; that of 21 CFR 1271.350 is taken."""


TITLES = {
    "authority": "Send the follow-up report", "ethics": "Notify the ethics board",
    "laboratory": "Notify the laboratory",
    "facility": "Notify the facility", "recipients": "Notify the physicians of other patients",
    "donor_physician": "Notify the donor's physician",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Duty:
    """Somebody who must be told of an event. ``told``: the record that ends it; ``sent``: the day of the report."""

    recipient: str
    title: str
    because: str
    since: date
    days: int
    told: EventNotification | None = None
    sent: date | None = None
    products: tuple[str, ...] = field(default=())
    to: tuple[str, dict[str, Any]]

    @property
    def due(self) -> date:
        """The last day on which telling is in time."""
        return self.since + timedelta(days=self.days)

    @property
    def open(self) -> bool:
        """Whether nobody has recorded that they were told, or that they need not be."""
        return self.told is None and self.sent is None


def duties(records: CourseRecords, event: AdverseEvent) -> list[Duty]:
    """Return everybody who must be told of an event, in the order of the deadlines; none of an imported one."""
    if event.origin is not Origin.CLINIC or event.aware_on is None:
        return []
    found = [*_report(records, event), *_follow_ups(records, event), *_of_cells(records, event)]
    return sorted(found, key=lambda duty: (not duty.open, duty.due))


def open_duties(records: CourseRecords, event: AdverseEvent) -> list[Duty]:
    """Return who must still be told by a notification; the first report to the authority has an action of its own."""
    return [one for one in duties(records, event) if one.open and one.to[0] == "event_updates.notification"]


def _report(records: CourseRecords, event: AdverseEvent) -> Iterator[Duty]:
    days, since = event.clock_days, event.aware_on
    if since is None or days is None:
        return
    sent = event.reported_on if event.report_due_on is None else None
    changed = signed_before(event)
    standing = (
        f"Serious, unexpected and possibly related. {changed}".strip() if event.signed or changed else NOT_ASSESSED
    )
    yield Duty(
        recipient="authority", title="Send the report", because=standing,
        since=since, days=days, sent=sent, to=("events.report", {"event_id": event.id}),
    )  # fmt: skip
    if records.course.says.ethics:
        yield _duty(event, "ethics", since, days, because="The protocol has ethics approval.")


def _follow_ups(records: CourseRecords, event: AdverseEvent) -> Iterator[Duty]:
    """Yield the report of what is new since the first one was sent; it tells of every follow-up before it."""
    known = [one.performed_at for one in event.updates if one.kind == "follow_up"]
    days = [clock.day(at, records.zone) for at in known if at is not None]
    if event.clock_days is None or event.reported_on is None or not days:
        return
    untold = [on for on in days if not _told(event, "authority", lambda one, on=on: _day(records, one) >= on)]
    since = min(untold, default=max(days))
    said = "What is new since the report was sent."
    yield _duty(event, "authority", since, FOLLOW_UP, because=said, fits=lambda one: _day(records, one) >= since)


def _of_cells(records: CourseRecords, event: AdverseEvent) -> Iterator[Duty]:
    """Yield who made, holds, or gave the cells of which a serious event speaks."""
    since, given = event.aware_on, _given(records, event)
    if since is None or not given or not event.cells_suspected:
        return
    if any(one.run_id for product in given for one in ancestry(records, product)):
        yield _duty(event, "laboratory", since, AT_ONCE, because="The cells may be the cause.")
    for place, (on, products) in _elsewhere(records, given).items():
        because = f"{place} received cells of the same origin."
        yield _duty(event, "facility", max(since, on), AT_ONCE, because=because, products=products)
    others = _of_others(records, given)
    if others:
        number = f"{len(others)} container{'' if len(others) == 1 else 's'}"
        because = f"{number} of the same cells: given or assigned to other patients."
        yield _duty(event, "recipients", since, AT_ONCE, because=because)
    if any(not one.is_patient(records.patient) for product in given for one in donors(records, product)):
        because = "The cells are another person's and may be the cause."
        yield _duty(event, "donor_physician", since, DONOR, because=because)


def _duty(  # noqa: PLR0913 - each says another thing of it
    event: AdverseEvent, recipient: str, since: date, days: int, *, because: str,
    products: tuple[str, ...] = (), fits: Callable[[EventNotification], bool] | None = None,
) -> Duty:  # fmt: skip
    """Return a duty with the notification that ends it, where there is one."""
    named = fits or (lambda one: not products or one.product_id in products)
    about = {"product": products[0]} if products else {}
    return Duty(
        recipient=recipient, title=TITLES[recipient], because=because, since=since, days=days, products=products,
        told=_told(event, recipient, named),
        to=("event_updates.notification", {"event_id": event.id, "recipient": recipient} | about),
    )  # fmt: skip


def _told(event: AdverseEvent, recipient: str, fits: Callable[[EventNotification], bool]) -> EventNotification | None:
    return next((one for one in event.notifications if one.recipient == recipient and fits(one)), None)


def _day(records: CourseRecords, one: EventNotification) -> date:
    return clock.day(one.performed_at, records.zone) if one.performed_at is not None else date.min


def given_before(records: CourseRecords, event: AdverseEvent) -> list[Administration]:
    """Return what was given in the course before the event began, and the administration that the event names."""
    onset, found = event.performed_at, records.of(Administration)
    return [
        one for one in found
        if onset is None or one.performed_at is None or one.performed_at <= onset or one.id == event.administration_id
    ]  # fmt: skip


def _given(records: CourseRecords, event: AdverseEvent) -> list[Product]:
    """Return the containers that were given in the course before the event began."""
    named = dict.fromkeys(one.product_id for one in given_before(records, event))
    return [product for one in named if (product := records.get(one)) is not None and product.given]


def siblings(records: CourseRecords, event: AdverseEvent) -> list[Product]:
    """Return the containers that share cells with those given before the event, these first."""
    given = _given(records, event)
    found = {one.id: one for one in given}
    return list((found | {one.id: one for product in given for one in relatives(records, product)}).values())


def _others(records: CourseRecords, given: list[Product]) -> list[Product]:
    own = {one.id for one in given}
    found = {one.id: one for product in given for one in relatives(records, product) if one.id not in own}
    return sorted(found.values(), key=lambda one: one.id)


def _elsewhere(records: CourseRecords, given: list[Product]) -> dict[str, tuple[date, tuple[str, ...]]]:
    """Return where containers of the same cells were shipped, since when, and which."""
    found: dict[str, tuple[date, tuple[str, ...]]] = {}
    for one in _others(records, given):
        last = one.movements[-1] if one.movements else None
        if last is None or last.kind != "shipped":
            continue
        place = last.place or last.handed_to or "A place that is not recorded"
        on = clock.day(last.performed_at, records.zone) if last.performed_at is not None else date.min
        before, ids = found.get(place, (on, ()))
        found[place] = (min(before, on), (*ids, one.id))
    return found


def _of_others(records: CourseRecords, given: list[Product]) -> list[Product]:
    """Return the containers of the same cells that were given or are assigned to other patients of this site."""
    found = []
    for one in _others(records, given):
        course = records.get(one.treatment_id)
        whose = course.patient_id if course is not None else one.treatment_id
        if one.treatment_id is not None and not one.discarded and whose not in records.people_ids:
            found.append(one)
    return found
