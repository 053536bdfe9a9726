"""One adverse event as data shaped like an ICH E2B(R3) case safety report: its elements by number and name.

A value is what is recorded, coded by the guide's own code lists where the record knows it. What is not recorded is no
value but a reason, one of the nullFlavors of the guide: ``NI`` nothing recorded, ``MSK`` known and withheld, ``UNK``
known to be unknown, ``NA`` cannot apply. The patient is named by the record number only; names of patients and staff
are taken out of every free text. It is data for the reporting tool of the clinic, not a message to be sent as it is.
Source: ICH E2B(R3) Implementation Guide, 5.02 (November 2016).
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from clinic import clock, wording
from clinic.administration.models import Administration
from clinic.exchange.withheld import Withheld
from clinic.fields import plain
from clinic.followup.adverse_events import CAUSALITY, EXPECTED, GRADES
from clinic.followup.event_rules import SUSPECTED
from clinic.followup.telling import given_before
from clinic.patients.models import Weight
from clinic.protocols.catalogues import CONDITIONS, DOSE_MEASURES, ROUTES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from clinic.course_records import CourseRecords
    from clinic.followup.adverse_events import AdverseEvent

GUIDE = "ICH E2B(R3)"
SEXES = {"male": "1", "female": "2"}
QUALIFICATIONS = {"physician": "1", "director": "1"}
OTHER_PROFESSIONAL = "3"
OUTCOMES = {
    "resolved": "1", "recovering": "2", "ongoing": "3", "sequelae": "4", "fatal": "5", "unknown": "0"
}  # fmt: skip
CRITERIA = {
    "E.i.3.2a": ("Results in death", "death"), "E.i.3.2b": ("Life threatening", "life_threatening"),
    "E.i.3.2c": ("Caused / prolonged hospitalisation", "hospitalisation"),
    "E.i.3.2d": ("Disabling / incapacitating", "disability"),
    "E.i.3.2e": ("Congenital anomaly / birth defect", "congenital"),
    "E.i.3.2f": ("Other medically important condition", "important"),
}  # fmt: skip
SUSPECT, CONCOMITANT = "1", "2"
WITHHELD = "words of free texts equal a name or day of birth and were taken out. Read the texts before they are sent."

Element = dict[str, Any]


def _value(name: str, value: Any, missing: str = "NI") -> Element:
    """Return one element: its name, and its value or the reason why it has none."""
    if value is None or value in ("", []):
        return {"name": name, "nullFlavor": missing}
    if isinstance(value, Decimal):
        value = plain(value)
    return {"name": name, "value": value.isoformat() if isinstance(value, (date, datetime)) else value}


def _none(name: str, reason: str = "NI") -> Element:
    return {"name": name, "nullFlavor": reason}


def free_texts(records: CourseRecords, event: AdverseEvent) -> list[str | None]:
    """Return the texts of a case that a person wrote freely."""
    said = [one.said for one in event.updates if one.kind == "follow_up"]
    return [records.course.comorbidities, event.term, event.action, event.narrative, *said]


def case(
    records: CourseRecords, event: AdverseEvent, *, at: datetime, documents: Sequence[str], others: Sequence[str] = ()
) -> dict[str, Any]:
    """Return the case of one event.

    ``at``: when it is taken out; ``documents``: titles of the files attached to it; ``others``: names of other patients
    that may stand in its texts, see `clinic.exchange.withheld.other_patients`.
    """
    people = [patient for one in records.people for patient in (one.family_name, one.given_names, one.display_name)]
    staff = [one.printed_name for one in records.staff]
    names = [name for name in (*people, *staff) if name]

    births = {one.birth_date for one in records.people if one.birth_date is not None}
    free = Withheld(names, births, others)
    given = [one for one in given_before(records, event) if not one.voided]
    found = {
        "standard": GUIDE,
        "missing": {
            "NI": "not recorded", "MSK": "recorded, withheld", "UNK": "recorded as unknown", "NA": "not applicable"
        },
        "C": _report(records, event, at, [free(title) for title in documents]),
        "D": _patient(records, event, free),
        "E.i": [_reaction(records, event, free)],
        "G.k": [_drug(records, event, one) for one in given],
        "H": _narrative(event, free),
    }  # fmt: skip
    return found | {"withheld": f"{free.words} {WITHHELD}"}


def _moment(records: CourseRecords, at: datetime | None, known: str = "") -> str | None:
    """Return a moment on the site's clock with its offset, as much of it as is known."""
    return wording.iso(at, records.zone, known) if at is not None else None


def _last_heard(records: CourseRecords, event: AdverseEvent) -> date | None:
    """Return the day of the latest information: awareness, a follow-up report, a correction or an assessment."""
    moments = [one.performed_at for one in event.updates] + [one.amended_at for one in event.amendments]
    days = [clock.day(one, records.zone) for one in moments if one is not None]
    return max([*days, *([event.aware_on] if event.aware_on else [])], default=None)


def _report(records: CourseRecords, event: AdverseEvent, at: datetime, documents: list[str | None]) -> Element:
    site = event.recorded_by.site
    number = f"{site.code}-{event.id}"
    expedited = event.clock_days is not None if not event.unassessed and event.signed else None
    role = event.performed_by.role.value if event.performed_by is not None else ""
    return {
        "C.1.1": _value("Sender's (case) Safety Report Unique Identifier", number),
        "C.1.2": _value("Date of Creation", _moment(records, at)),
        "C.1.3": _none("Type of Report"),
        "C.1.4": _value("Date Report Was First Received from Source", event.aware_on),
        "C.1.5": _value("Date of Most Recent Information for This Report", _last_heard(records, event)),
        "C.1.6.1": _value("Are Additional Documents Available?", bool(documents)),
        "C.1.6.1.r": [{"C.1.6.1.r.1": _value("Documents Held by Sender", title)} for title in documents],
        "C.1.7": _value("Does This Case Fulfil the Local Criteria for an Expedited Report?", expedited),
        "C.1.8.1": _value("Worldwide Unique Case Identification", number),
        "C.1.8.2": _value("First Sender of This Case", "2"),
        "C.2.r": [
            {
                "C.2.r.1": _none("Reporter's Name", "MSK"),
                "C.2.r.2.1": _value("Reporter's Organisation", site.name),
                "C.2.r.3": _none("Reporter's Country Code"),
                "C.2.r.4": _value("Qualification", QUALIFICATIONS.get(role, OTHER_PROFESSIONAL) if role else None),
                "C.2.r.5": _value("Primary Source for Regulatory Purposes", "1"),
            }
        ],
        "C.3.1": _value("Sender Type", "3"),
        "C.3.2": _value("Sender's Organisation", site.name),
        "C.3.3": _none("Person Responsible for Sending the Report", "MSK"),
        "C.5.1.r": [{"C.5.1.r.1": _none("Study Registration Number")}],
        "C.5.2": _value("Study Name", records.course.protocol_version.name),
        "C.5.4": _none("Study Type Where Reaction(s) / Event(s) Were Observed"),
    }


def _patient(records: CourseRecords, event: AdverseEvent, free: Callable[[str | None], str | None]) -> Element:
    patient, onset = records.patient, event.performed_at
    day = clock.day(onset, records.zone) if onset is not None and not event.precision_of("performed_at") else None
    ages = patient.ages_on(day) if day is not None else (None, None)
    age = ages[0] if ages[0] == ages[1] else None
    weights = [one for one in records.of(Weight) if one.performed_at and (onset is None or one.performed_at <= onset)]
    weight = max(weights, key=lambda one: one.performed_at or one.recorded_at, default=None)
    fatal = event.outcome == "fatal"
    return {
        "D.1": _none("Patient (name or initials)", "MSK"),
        "D.1.1.1": _none("Patient Medical Record Number(s) and Source(s): GP"),
        "D.1.1.2": _none("Patient Medical Record Number(s) and Source(s): Specialist"),
        "D.1.1.3": _value("Patient Medical Record Number(s) and Source(s): Hospital", patient.record_number),
        "D.1.1.4": _none("Patient Medical Record Number(s) and Source(s): Investigation"),
        "D.2.1": _none("Date of Birth", "MSK"),
        "D.2.2a": _value("Age at Time of Onset of Reaction / Event (number)", age),
        "D.2.2b": _value("Age at Time of Onset of Reaction / Event (unit)", "a" if age is not None else None),
        "D.3": _value("Body Weight (kg)", weight.kg if weight is not None else None),
        "D.4": _value("Height (cm)", records.course.height_cm),
        "D.5": _value("Sex", SEXES.get(patient.sex or ""), "UNK" if patient.sex == "unknown" else "NI"),
        "D.7.2": _value("Text for Relevant Medical History", free(records.course.comorbidities)),
        "D.8.r": [{"D.8.r.1": _none("Name of Drug as Reported")}],
        "D.9.1": _value("Date of Death", _died_on(records) if fatal else None, "NI" if fatal else "NA"),
        "D.9.2.r": [{"D.9.2.r.2": _value("Reported Cause(s) of Death", free(event.term))}] if fatal else [],
        "D.9.3": _none("Was Autopsy Done?", "NI" if fatal else "NA"),
        "D.10": _none("Parent", "NA"),
    }  # fmt: skip


def _died_on(records: CourseRecords) -> str | None:
    """Return the day of the death, no more of it than is known."""
    told = (wording.iso(one.died_on, records.zone, one.precision_of("died_on")) for one in records.people)
    return next(filter(None, told), None)


def _reaction(records: CourseRecords, event: AdverseEvent, free: Callable[[str | None], str | None]) -> Element:
    onset = _moment(records, event.performed_at, event.precision_of("performed_at"))
    found = {
        "E.i.1.1a": _value("Reaction / Event as Reported by the Primary Source in Native Language", free(event.term)),
        "E.i.1.2": _none("Reaction / Event as Reported by the Primary Source for Translation", "NA"),
        "E.i.2.1a": _none("MedDRA Version for Reaction / Event"),
        "E.i.2.1b": _none("Reaction / Event (MedDRA code)"),
        "E.i.3.1": _none("Term Highlighted by the Reporter"),
    }
    for number, (name, key) in CRITERIA.items():  # the guide knows true or “no information”, never false
        found[number] = _value(f"Seriousness Criteria: {name}", True if key in (event.serious or ()) else None)
    ended = _moment(records, event.ended_at, event.precision_of("ended_at"))
    outcome = OUTCOMES.get(event.outcome or "")
    return found | {
        "E.i.4": _value("Date of Start of Reaction / Event", onset),
        "E.i.5": _value("Date of End of Reaction / Event", ended, "NA" if event.outcome == "ongoing" else "NI"),
        "E.i.7": _value("Outcome of Reaction / Event at the Time of Last Observation", outcome),
        "E.i.8": _value("Medical Confirmation by Healthcare Professional", True if event.signed else None),
        "E.i.9": _none("Identification of the Country Where the Reaction / Event Occurred"),
    }


def _drug(records: CourseRecords, event: AdverseEvent, given: Administration) -> Element:
    causes = {event.from_cells, event.from_delivery}
    suspect = bool(causes & SUSPECTED) or None in causes
    product, measure = given.product, DOSE_MEASURES.get(given.measure or "")
    condition = CONDITIONS.get(records.course.condition or "")
    indication = condition.label if condition else None
    started, onset = given.performed_at, event.performed_at
    exact = not (given.precision_of("performed_at") or event.precision_of("performed_at"))
    hours = round((onset - started).total_seconds() / 3600, 1) if started and onset and exact else None
    route = ROUTES.get(given.route or "")
    return {
        "G.k.1": _value("Characterisation of Drug Role", SUSPECT if suspect else CONCOMITANT),
        "G.k.2.1.1b": _none("Medicinal Product Identifier (MPID)"),
        "G.k.2.2": _value("Medicinal Product Name as Reported by the Primary Source", product.name),
        "G.k.2.3.r": [{"G.k.2.3.r.1": _value("Substance / Specified Substance Name", product.cell_type)}],
        "G.k.2.4": _none("Identification of the Country Where the Drug Was Obtained"),
        "G.k.3.1": _none("Authorisation / Application Number"),
        "G.k.4.r": [
            {
                "G.k.4.r.1a": _value("Dose (number)", given.dose),
                "G.k.4.r.1b": _value("Dose (unit)", measure.unit if measure and given.dose is not None else None),
                "G.k.4.r.4": _value(
                    "Date and Time of Start of Drug",
                    _moment(records, started, given.precision_of("performed_at")),
                ),
                "G.k.4.r.5": _value(
                    "Date and Time of Last Administration",
                    _moment(records, given.ended_at, given.precision_of("ended_at")),
                ),
                "G.k.4.r.7": _value("Batch / Lot Number", product.id),
                "G.k.4.r.8": _value("Dosage Text", given.working),
                "G.k.4.r.10.1": _value("Route of Administration", route.label if route else None),
            }
        ],
        "G.k.6": _none("Gestation Period at Time of Exposure", "NA"),
        "G.k.7.r": [{"G.k.7.r.1": _value("Indication as Reported by the Primary Source", indication)}],
        "G.k.8": _none("Action(s) Taken with Drug"),
        "G.k.9.i": [
            {
                "G.k.9.i.1": _value("Reaction(s) / Event(s) Assessed", "E.i 1"),
                "G.k.9.i.2.r": _assessments(event),
                "G.k.9.i.3.1a": _value("Interval between Start of Drug and Reaction (number)", hours),
                "G.k.9.i.3.1b": _value("Interval (unit)", "h" if hours is not None else None),
                "G.k.9.i.4": _none("Did Reaction Recur on Re-administration?"),
            }
        ],
    }


def _assessments(event: AdverseEvent) -> list[Element]:
    """Return the physician's judgment of each cause that is the product or its administration."""
    found = []
    for about, value in (("cells", event.from_cells), ("administration", event.from_delivery)):
        found.append(
            {
                "G.k.9.i.2.r.1": _value("Source of Assessment", "Physician" if value else None),
                "G.k.9.i.2.r.2": _value("Method of Assessment", f"WHO-UMC, {about}"),
                "G.k.9.i.2.r.3": _value("Result of Assessment", CAUSALITY.get(value or "")),
            }
        )
    return found


def _narrative(event: AdverseEvent, free: Callable[[str | None], str | None]) -> Element:
    others = (
        ("Related to the collection", CAUSALITY.get(event.from_harvest or "")),
        ("Related to another drug or conditioning", CAUSALITY.get(event.from_drug or "")),
        ("Related to the disease", CAUSALITY.get(event.from_disease or "")),
        ("Expectedness", EXPECTED.get(event.expected or "")),
        ("Grade (CTCAE v5)", GRADES.get(event.grade or "")),
        ("Action taken", free(event.action)),
    )
    said = "; ".join(f"{label}: {value}" for label, value in others if value)
    told = [free(one.said) for one in event.updates if one.kind == "follow_up"]
    story = "\n".join(part for part in (free(event.narrative), *told) if part)
    return {
        "H.1": _value("Case Narrative", story),
        "H.2": _none("Reporter's Comments"),
        "H.3.r": [],
        "H.4": _value("Sender's Comments", said),
    }
