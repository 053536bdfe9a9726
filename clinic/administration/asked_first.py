"""What has to be asked or measured before anybody goes to the bedside: allergies, the body weight (rules 23, 51)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from clinic import clock
from clinic.access import Role
from clinic.administration.dose_checks import CHILD_WEIGHT_DAYS, doubted_weight, unconfirmed_weight
from clinic.administration.known_facts import allergy_conflicts
from clinic.administration.person_checks import KNOW_THE_PATIENT, as_read, doubted_identity, other_records
from clinic.eligibility.models import alerts_since, said_since
from clinic.patients.alert_changes import waits_to_be_read
from clinic.patients.identity import corrected_words
from clinic.patients.merging import CONFIRMS
from clinic.patients.models import Alert, Weight, weight_of
from clinic.patients.weighing import author
from clinic.patients.whole_person import not_asked, youngest_on
from clinic.release.dmso import dmso_content
from clinic.steps import Action

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clinic.administration.person_checks import OtherRecord
    from clinic.course_records import CourseRecords
    from clinic.patients.alert_changes import Told
    from clinic.products.models import Product

CARERS = (Role.NURSE, Role.PHYSICIAN)


def asked_first(records: CourseRecords, product: Product, at: datetime) -> list[Action]:
    """Return what comes before the bedside check of a container, where the check is certain to refuse it."""
    patient, name = records.patient, f"{product.name} {product.division or ''}".strip()
    here, found = {"patient_id": patient.id}, []
    if corrections := doubted_identity(records):
        why = f"{name} is released. Who the patient is was corrected: {corrected_words(corrections)}."
        to = (
            "patients.confirm_correction",
            {"patient_id": corrections[0].record_id, "amendment_id": corrections[0].id},
        )
        found.append(
            Action(
                title="Confirm the correction", why=why, who=KNOW_THE_PATIENT, to=to, danger=True,
                not_by=(corrections[0].amended_by_id,),
            )
        )  # fmt: skip
    found += [_decided_first(other, name) for other in other_records(records, at) if other.said]
    for told in alerts_since(records, at):
        if told.stops(records.course.condition, clock.day(at, records.zone)):
            to = ("eligibility.new", {"treatment_id": records.course.id})
            why, title = f"{name} is released. {said_since(told.text)}", "Decide on the eligibility again"
            if _only_to_be_read(records, told, at):
                to, title = ("patients.alerts", here), "Read the alert"
                why += " Where it is no more than a caution, “Read: cells may go on” beside the alert is enough."
            found.append(Action(title=title, why=why, who=(Role.PHYSICIAN,), to=to, danger=True))
    if not_asked(records.people):
        why = f"{name} is released. The patient has not been asked about allergies yet."
        found.append(Action(title="Ask about allergies", why=why, who=CARERS, to=("patients.allergies", here)))
    elif conflicts := allergy_conflicts(records, product, at):
        why = f"{name} is released. The patient's record warns of a component: {', '.join(conflicts)}."
        to = ("pathway.patient", here)
        title = "Compare the allergy with the cells"
        found.append(Action(title=title, why=why, who=(Role.PHYSICIAN,), to=to, danger=True))
    waits = doubted_weight(records, at)
    if waits is not None and _by_weight(records, product):
        why = f"{name} is released. {unconfirmed_weight(records, waits)}"
        to = ("patients.weight", {"weight_id": waits.id})
        not_by = (waits.unconfirmed.amended_by_id if waits.unconfirmed is not None else author(waits).id,)
        found.append(Action(title="Confirm the weight", why=why, who=CARERS, to=to, not_by=not_by))
    if said := _weight(records, product, at):
        to = ("patients.new_weight", here)
        found.append(Action(title="Weigh the patient", why=f"{name} is released. {said}", who=CARERS, to=to))
    return found


def read_while_it_runs(records: CourseRecords, at: datetime, start: datetime | None) -> list[Action]:
    """Ask a physician to read the cautions over which cells run (rule 23)."""
    found = [told.text for told in alerts_since(records, at) if told.unread and as_read(told) is not told]
    why = "Cells are running, and they go on. An alert was written that no physician has read:"
    to = ("patients.alerts", {"patient_id": records.patient.id})
    return [
        Action(
            title="Read the alert", why=f"{why} {text}", who=(Role.PHYSICIAN,), to=to, due_at=start,
            due_words="started", danger=True,
        )
        for text in found
    ]  # fmt: skip


def _only_to_be_read(records: CourseRecords, told: Told, at: datetime) -> bool:
    """Whether an alert of this record stops cells only until a physician has read it."""
    day = clock.day(at, records.zone)
    own = {one.text.strip() for one in records.patient.alerts if waits_to_be_read(one, day)}
    return told.text in own and not told._replace(by_physician=True).stops(records.course.condition, day)


def _decided_first(other: OtherRecord, name: str) -> Action:
    return Action(
        title="Decide on the other record", why=f"{name} is released. {other.because}", who=tuple(sorted(CONFIRMS)),
        to=("merges.show", {"merge_id": other.merge.id}), danger=True,
        not_by=tuple(one for one in (other.merge.performed_by_id,) if one),
    )  # fmt: skip


def _by_weight(records: CourseRecords, product: Product) -> bool:
    """Whether anything in a container is counted per kg."""
    return records.course.says.dose.per_kg or bool(dmso_content(records, product))


def _weight(records: CourseRecords, product: Product, at: datetime) -> str:
    if not _by_weight(records, product):
        return ""
    days, found = _valid_days(records, at), weight_of(records.people, at)
    if found is None or not found.kg or found.performed_at is None:
        return "The patient's weight is not known."
    if at - found.performed_at <= timedelta(days=days):
        return ""
    return f"The last weight is {(at - found.performed_at).days} days old; at most {days} days are allowed."


def _valid_days(records: CourseRecords, at: datetime) -> int:
    """Return for how many days a weight counts: as long as the protocol says, a child's a week (rule 51)."""
    days = records.course.says.dose.weight_valid_days
    years = youngest_on(records.people, clock.day(at, records.zone))
    child = years < 18 if years is not None else records.course.is_child
    return min(days, CHILD_WEIGHT_DAYS) if child else days


def asked_again(records: CourseRecords) -> Iterator[datetime]:
    """Return the moments at which a weight grows too old and an alert ends."""
    longest = records.course.says.dose.weight_valid_days
    for weight in records.of(Weight):
        if weight.performed_at is not None:
            for days in {longest, min(longest, CHILD_WEIGHT_DAYS)}:
                yield weight.performed_at
                yield weight.performed_at + timedelta(days=days, microseconds=1)
    for alert in records.of(Alert):
        if alert.until_on is not None:
            yield clock.midnight_after(alert.until_on, records.zone)
