"""What is known of the person at the bedside: identity, life, allergies, infections, reactions, blood group."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from clinic import clock
from clinic.access import Role
from clinic.administration.answers import RECORD_NAMES
from clinic.administration.known_facts import (
    alerts,
    allergy_conflicts,
    components,
    group_conflicts,
    infections,
    known_allergies,
    named_otherwise,
    not_understood,
    past_reactions,
    unknown,
)
from clinic.eligibility.models import Eligibility, alerts_since, concerns_all, counting, said_since, stops_elsewhere
from clinic.harvest.models import Harvest
from clinic.patients.donor_screening import contradicting, groups_read, same_blood
from clinic.patients.doubted import UNCONFIRMED, UNCONFIRMED_STOP
from clinic.patients.identity import corrected_words, identity_corrections
from clinic.patients.infections import tells_of_infection
from clinic.patients.merging import CONFIRMS, proposed_to
from clinic.patients.models import had_died
from clinic.patients.whole_person import not_asked
from clinic.products.graph import donors
from clinic.products.models import Product
from clinic.products.reasons import speaks_of_the_cells
from clinic.records import Origin

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date, datetime

    from clinic.administration.models import PastReaction
    from clinic.administration.verdict import Bedside, Verdict
    from clinic.course_records import CourseRecords
    from clinic.patients.alert_changes import Told
    from clinic.patients.merging import PatientMerge
    from clinic.patients.models import Patient
    from clinic.records import Amendment

CARERS = (Role.NURSE, Role.PHYSICIAN)
ALERT = "Alert since the decision"
GROUPS_DIFFER = "Blood groups differ"
INFECTION = "Infection: ask whether it is over"
KNOW_THE_PATIENT = (Role.COORDINATOR, *CARERS)


def cells_since(records: CourseRecords) -> datetime | None:
    """Return since when a course has cells: a harvest was signed or a product assigned; None: it has none."""
    harvests = records.of(Harvest)
    signed = [signature.signed_at for one in harvests for signature in one.signatures]
    imported = [one.recorded_at for one in harvests if one.origin is Origin.IMPORTED]
    moves = [move for product in records.of(Product) for move in product.movements]
    return min([*signed, *imported, *(move.recorded_at for move in moves if move.kind == "assigned")], default=None)


def doubted_identity(records: CourseRecords) -> list[Amendment]:
    """Return the corrections of who the patient is since there are cells that no second person has confirmed."""
    since = cells_since(records)
    if since is None:
        return []
    return [one for person in records.people for one in identity_corrections(person, since=since)]


def same_identity(verdict: Verdict, bedside: Bedside) -> None:
    """Whose cells these are was not rewritten by one person alone since they were collected (rule 1)."""
    corrections = doubted_identity(bedside.records)
    if not corrections:
        return
    said = corrected_words(corrections)
    because = (
        f"Who the patient is was corrected after the cells were collected, and no second person has confirmed it: "
        f"{said}. Compare the identity document, confirm the correction, and replace wristband and labels with the "
        "old entry."
    )
    patient_id = corrections[0].record_id
    fix: dict[str, Any] = {
        "fix": ("patients.confirm_correction", {"patient_id": patient_id, "amendment_id": corrections[0].id})
    }
    verdict.fault(
        "Patient's identity", 1, because, said, "not confirmed", who=KNOW_THE_PATIENT, fix_label="Compare and confirm",
        **fix,
    )  # fmt: skip


def one_record(verdict: Verdict, bedside: Bedside, at: datetime) -> None:
    """Stop while it is open whether another record, which tells something of the patient, is hers or his (rule 23)."""
    for other in other_records(bedside.records, at):
        if not other.said:
            verdict.warn("Another record of the patient is proposed", 23, other.name, "nobody has decided yet")
            continue
        fix: dict[str, Any] = {"fix": ("merges.show", {"merge_id": other.merge.id}), "fix_label": "Compare the records"}
        because, who = f"{other.because} Confirm or withdraw the proposal first.", tuple(sorted(CONFIRMS))
        verdict.fault("One record for one patient", 23, because, other.name, other.said, who=who, **fix)


@dataclass(frozen=True)
class OtherRecord:
    """A merge that nobody has decided on: the records on its other side by name, and what they say of the patient."""

    merge: PatientMerge
    name: str
    said: str

    @property
    def because(self) -> str:
        """Why cells wait for a decision on it."""
        return (
            f"{self.merge.done_by} proposed that {self.name} is the same person, and nobody has decided on it. That "
            f"record says: {self.said}."
        )


def other_records(records: CourseRecords, at: datetime) -> list[OtherRecord]:
    """Return the records that may be the patient's too, as long as nobody has decided on it (rule 23)."""
    day, found = clock.day(at, records.zone), []
    for merge, others in proposed_to(records):
        name = "; ".join(f"{one.display_name}, {one.record_number}" for one in others)
        found.append(OtherRecord(merge, name, "; ".join(said for other in others for said in _told_of(other, day))))
    return found


def _told_of(other: Patient, day: date) -> list[str]:
    """Return what a record says that matters at the bedside."""
    told = [f"allergy: {text}" for text in other.all_allergies]
    told += [text for alert in other.alerts if alert.about_id is None for text in alert.texts_on(day)]
    told += ["has died"] if other.death is not None else []
    return told + [f"course: {course.title}" for course in other.courses]


def whole_person(verdict: Verdict, bedside: Bedside, at: datetime) -> None:
    """Ask what is known of the patient on any record: alive, allergies, blood group (rules 21, 23)."""
    patient, product = bedside.course.patient, bedside.product
    fix = {"fix": ("pathway.patient", {"patient_id": patient.id}), "fix_label": "Open the patient", "who": CARERS}
    if had_died(bedside.records.people, at, bedside.records.zone):
        verdict.fault("Patient alive", 23, f"{patient.display_name} has died. No more cells can be given.", **fix)
    if not_asked(bedside.records.people):
        because = "The patient has not been asked about allergies yet."
        verdict.fault("Allergies", 23, because, "not asked", "asked", **fix)
    elif product is not None:
        allergies(verdict, bedside, product, at, fix)
    told_since(verdict, bedside, at)
    stopped_elsewhere(verdict, bedside, at)
    for reaction in past_reactions(bedside.records):
        earlier_reaction(verdict, bedside, reaction)
    one_blood_group(verdict, bedside)
    if product is None:
        return
    blood_groups(verdict, bedside, product)


def told_since(verdict: Verdict, bedside: Bedside, at: datetime) -> None:
    """Ask about every alert since the decision, and every infection; what stops waits for a physician (1, 15, 23)."""
    fresh, infected = alerts_since(bedside.records, at), infections(bedside.records, at)
    day = clock.day(at, bedside.records.zone)
    said = [as_read(told) for told in fresh] if bedside.runs is not None else fresh
    against = [told.text for told in said if told.stops(bedside.course.condition, day)]
    for text in (told.text for told in fresh):
        if text in against:
            fix = ("eligibility.new", {"treatment_id": bedside.course.id})
            verdict.fault(
                ALERT, 23, said_since(text), text, who=(Role.PHYSICIAN,), fix=fix, fix_label="Decide on eligibility"
            )
        elif text not in infected:
            verdict.warn(INFECTION if tells_of_infection(text) else ALERT, 23, text)
    for text in infected:
        if text not in against:
            verdict.warn(INFECTION, 23, text)


def as_read(told: Told) -> Told:
    """Return a caution that no physician has read as if one had: cells that run go on, and a physician is asked.

    One that speaks of the cells, or that words of danger stop, stops them as before.
    """
    return told._replace(by_physician=True) if told.unread and not speaks_of_the_cells(told.text) else told


def stopped_elsewhere(verdict: Verdict, bedside: Bedside, at: datetime) -> None:
    """Warn of another course of the patient that was stopped since the decision; one for the person stops (rule 23)."""
    counts = counting(bedside.records.of(Eligibility), at)
    for stop in stops_elsewhere(bedside.records, counts, at) if counts is not None else ():
        if not concerns_all(stop):
            verdict.warn("Another course was stopped", 23, stop.told)


def one_blood_group(verdict: Verdict, bedside: Bedside) -> None:
    """Stop where what is recorded of one person's blood group does not agree: it may be another person's (rule 20)."""
    records, product = bedside.records, bedside.product
    fix: dict[str, Any] = {"fix": ("patients.blood_groups", {"patient_id": bedside.course.patient_id})}
    asked: list[tuple[str, Sequence[Any], dict[str, Any]]] = [("recipient", same_blood(records), fix)]
    asked += [
        ("donor", [donor], {"fix": ("donors.show", {"donor_id": donor.id})})
        for donor in (donors(records, product) if product is not None else ())
        if donor.kind != "self"
    ]
    for who, person, to in asked:
        if because := contradicting(records, who, person):
            left, right = groups_read(records, person)
            who_may, label = (Role.TECHNOLOGIST, Role.PHYSICIAN), "Compare the blood groups"
            verdict.fault(f"One blood group, {who}", 20, because, left, right, who=who_may, fix_label=label, **to)


def blood_groups(verdict: Verdict, bedside: Bedside, product: Product) -> None:
    """Compare the groups of the cells' donors with the recipient's; one that is not known cannot be judged (20, 21).

    Where the protocol asks for typings it stops, elsewhere it wants a reason. Own cells are not asked.
    """
    course = bedside.course
    asked = course.says.screening.two_blood_groups
    for conflict in group_conflicts(bedside.records, product):
        if not conflict.unknown:
            verdict.warn(GROUPS_DIFFER, 21, conflict.cells, conflict.recipient)
        elif not asked:
            verdict.warn("Blood groups cannot be compared", 21, conflict.cells, conflict.recipient)
        else:
            because = (
                f"Blood groups cannot be compared: the donor is {conflict.cells}, the patient {conflict.recipient}. "
                "Type both from two samples."
            )
            fix: dict[str, Any] = {"fix": ("patients.blood_groups", {"patient_id": course.patient_id})}
            said = (conflict.cells, conflict.recipient)
            verdict.fault(
                "Blood groups", 20, because, *said, who=(Role.TECHNOLOGIST, Role.NURSE), fix_label="Type", **fix
            )


def allergies(verdict: Verdict, bedside: Bedside, product: Product, at: datetime, fix: dict[str, Any]) -> None:
    """Compare every known allergy with the bag; one that is not understood is asked about (rule 23)."""
    records = bedside.records
    found = allergy_conflicts(records, product, at)
    said = "; ".join(known_allergies(records, at)) or "none known"
    because = f"The patient's record warns of a component of the product: {', '.join(found)}."
    if any(text.endswith((f"({UNCONFIRMED})", f"({UNCONFIRMED_STOP})")) for text in alerts(records, at)):
        because = f"{because} An alert was {UNCONFIRMED}: confirm it on the patient's page."
    compared = not_understood(records, product, at)
    if found or not compared:  # what only a person can compare does not agree yet
        verdict.judge("Allergies", 23, not found, because, said, ", ".join(found), **(fix | {"who": ()}))
    inside = "; ".join(
        [", ".join(components(records, product)) or "components not recorded", *unknown(records, product)]
    )
    for item in compared:
        verdict.warn(f"Compare the allergy with the bag: {item}", 23, f"allergy: {item}", f"bag: {inside}")
    for text, names in named_otherwise(records, product, at):
        verdict.warn(f"{RECORD_NAMES}{', '.join(names)}", 23, text, f"bag: {inside}")


def earlier_reaction(verdict: Verdict, bedside: Bedside, reaction: PastReaction) -> None:
    """Stop after a severe reaction or an event that goes on until a physician has judged it; warn of others (23)."""
    begun = bedside.runs
    if reaction.open_in(bedside.records) if begun is None else reaction.stops(bedside.records, begun):
        fix, label = ("eligibility.new", {"treatment_id": bedside.course.id}), "Decide on eligibility"
        if reaction.event_id:
            fix, label = ("events.show", {"event_id": reaction.event_id}), "Assess the event"
        elif reaction.report_in:
            fix, label = (
                ("events.new", {"treatment_id": reaction.report_in, "visit": reaction.visit_id}),
                "Report the adverse event",
            )
        because = reaction.because_in(bedside.records.zone, begun)
        verdict.fault(reaction.check, 23, because, reaction.words, who=(Role.PHYSICIAN,), fix=fix, fix_label=label)
    else:
        verdict.warn(reaction.check, 23, reaction.words, "decided since then" if reaction.severe else "")
