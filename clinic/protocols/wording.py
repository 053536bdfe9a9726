"""A protocol version in words: for its page, and for what changed between two versions."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from clinic.access import Role
from clinic.fields import Range, plain
from clinic.protocols.catalogues import (
    CELL_TYPES,
    CONDITIONS,
    DOSE_MEASURES,
    FIELDS,
    INSTRUMENTS,
    MANIPULATIONS,
    MARKERS,
    QC_TESTS,
    ROUTES,
    SOURCES,
)
from clinic.protocols.listing import words

if TYPE_CHECKING:
    from clinic.protocols.content import Content, DoseWindow, QCSpec, VisitPlan

STEPS = {
    "harvest": "Harvest",
    "processing": "Processing",
    "release": "Release",
    "administration": "Administration",
    "followup": "Follow-up",
}
"""Steps for which a version names who writes down and who verifies."""

Told = list[tuple[str, str, str]]


def roles(names: tuple[str, ...]) -> str:
    """Return roles in words; none named: the clinic's own rule."""
    return ", ".join(Role(name).label for name in names) or "as the clinic's rules say"


def limits(limit: Range | None, unit: str = "") -> str:
    """Return a range with its unit; "" where there is none."""
    return "" if limit is None else f"{limit} {unit}".rstrip()


def quality_test(spec: QCSpec) -> dict[str, Any]:
    """Return one test as the page shows it: its limit in words and, where it has one, on a scale."""
    test = QC_TESTS[spec.test]
    said = (
        limits(spec.limit, test.unit) if spec.limit is not None else (test.outcomes or {}).get(spec.accepted or "", "")
    )
    low, high = (Decimal(end) for end in test.scale)
    ends = [end for end in (spec.limit.low, spec.limit.high) if end is not None] if spec.limit is not None else []
    marks = [
        "judged" if spec.mandatory else "recorded, not judged",
        *(["release may go ahead of the result"] if spec.may_be_pending else []),
        *([f"read by {spec.readers} people"] if spec.readers > 1 else []),
        *([f"final after {test.final_after_days} days"] if test.final_after_days else []),
    ]
    return {
        "label": test.label,
        "said": said or "written down",
        "lo": min([low, *ends]),
        "hi": max([high, *(end * Decimal("1.25") for end in ends)]),
        "a": spec.limit.low if spec.limit else None,
        "b": spec.limit.high if spec.limit else None,
        "drawn": bool(ends),
        "mandatory": spec.mandatory,
        "marks": ", ".join(marks),
        "source": spec.source,
    }


def window(plan: VisitPlan) -> str:
    """Return the days on which a visit may be made, counted from the administration."""
    first, last = plan.day - plan.before, plan.day + plan.after
    return f"day {_day(first)}" if first == last else f"day {_day(first)} to {_day(last)}"


def _day(number: int) -> str:
    return str(number).replace("-", "−")


def visit(plan: VisitPlan) -> dict[str, Any]:
    """Return one visit as the page shows it."""
    return {
        "name": plan.name,
        "day": _day(plan.day),
        "window": window(plan),
        "contact": plan.contact,
        "asked": " · ".join(words(INSTRUMENTS, (key,)) for key in plan.instruments),
    }


def dose_unit(dose: DoseWindow) -> str:
    """Return the unit of the dose window."""
    measure = DOSE_MEASURES[dose.measure]
    return measure.unit_per_kg if dose.per_kg else measure.unit


def plan(content: Content) -> Told:
    """Return what is treated, with which cells."""
    return [
        ("Field", words(FIELDS, (content.field,)), ""),
        ("Conditions", words(CONDITIONS, content.conditions), ""),
        ("Cells", words(CELL_TYPES, (content.cell_type,)), ""),
        ("Whose", ", ".join(relation.label for relation in content.relations), ""),
        ("Source", words(SOURCES, content.sources), ""),
        ("Route", words(ROUTES, content.routes), ""),
        ("Preparation", content.preparation, ""),
        ("In the laboratory", " → ".join(words(MANIPULATIONS, (key,)) for key in content.manipulations), ""),
        ("Vehicle", content.vehicle or "none named", ""),
        ("Before administration", content.premedication or "nothing ordered", ""),
    ]


def dose(content: Content) -> Told:
    """Return the dose of one administration, and how many."""
    said, unit = content.dose, dose_unit(content.dose)
    found = [
        ("Counted as", DOSE_MEASURES[said.measure].label, ""),
        ("Allowed", limits(said.window, unit), ""),
        ("Usual", f"{plain(said.usual)} {unit}", ""),
        ("Doses", "one" if said.doses == 1 else f"{said.doses}, {said.days_between} days apart", ""),
    ]
    if said.per_kg:
        found.append(("Weight", f"not older than {said.weight_valid_days} days", ""))
    return [*found, ("Source", said.source, "")]


def expiry(content: Content) -> Told:
    """Return how long the product may be used, and how it is kept."""
    said = content.expiry
    found = [
        ("Fresh", f"{said.fresh_hours} h from the end of collection" if said.fresh_hours is not None else "", ""),
        ("After thaw", f"{said.thaw_minutes} min" if said.thaw_minutes is not None else "", ""),
        ("Frozen", f"{said.frozen_days} days" if said.frozen_days is not None else "", ""),
        ("Kept at", limits(said.storage, "°C").replace("-", "−"), ""),
    ]
    return [*((label, value, note) for label, value, note in found if value), ("Source", said.source, "")]


def collection(content: Content) -> Told:
    """Return the limits that this version sets for the collection; empty where the general rules alone hold."""
    said = content.harvest
    found = [
        ("Volume", limits(said.volume, "mL")),
        ("Per body weight", f"at most {plain(said.ml_per_kg)} mL/kg" if said.ml_per_kg is not None else ""),
        ("Per puncture", f"at most {plain(said.ml_per_pass)} mL" if said.ml_per_pass is not None else ""),
        ("Anticoagulant to blood", limits(said.anticoagulant_ratio)),
    ]
    told = [(label, value, "") for label, value in found if value]
    return [*told, ("Source", said.source, "")] if told else []


def screening(content: Content) -> Told:
    """Return what a donor is tested for; empty where the version asks for nothing."""
    said = content.screening
    if not said.markers and not said.two_blood_groups:
        return []
    return [
        ("Markers", words(MARKERS, said.markers), ""),
        ("Blood sample", f"not older than {said.valid_days} days at collection", ""),
        (
            "Blood groups",
            "donor and recipient, each from two samples" if said.two_blood_groups else "not asked for twice",
            "",
        ),
    ]


def people(content: Content) -> list[tuple[str, str, str]]:
    """Return each step with who writes it down and who verifies it."""
    return [
        (label, roles(content.logs.get(name, ())), roles(content.verifies.get(name, ())))
        for name, label in STEPS.items()
    ]


def lines(content: Content) -> dict[str, str]:
    """Return everything a version says, one named line each, so that two versions can be laid side by side."""
    found = {"Title": content.title}
    for heading, part in (
        ("", plan),
        ("Dose", dose),
        ("Keeping", expiry),
        ("Collection", collection),
        ("Donor", screening),
    ):
        found |= {f"{heading}: {label}" if heading else label: value for label, value, _note in part(content)}
    for spec in content.qc:
        test = quality_test(spec)
        found[f"Test: {test['label']}"] = f"{test['said']}; {test['marks']}; {test['source']}"
    for one in content.visits:
        told = visit(one)
        how = "; contact, no visit" if one.contact else ""
        found[f"Visit: {one.name}"] = f"day {told['day']}, {told['window']}{how}" + (
            f": {told['asked']}" if told["asked"] else ""
        )
    for label, writes, verifies in people(content):
        found[f"Who: {label}"] = f"written down by {writes}; verified by {verifies}"
    return found | {
        "Regulatory path": content.regulatory_path.label,
        "Homologous use": "yes" if content.homologous else "no",
        "Evidence": content.evidence,
        "Ethics approval": content.ethics,
        "Read": "; ".join(content.sources_read),
        "Demonstration": "yes" if content.demonstration else "no",
    }


def changed(before: Content, after: Content) -> list[tuple[str, str, str]]:
    """Return label, earlier and later words of every line that two versions do not share."""
    old, new = lines(before), lines(after)
    labels = [*new, *(label for label in old if label not in new)]
    return [
        (label, old.get(label, ""), new.get(label, "")) for label in labels if old.get(label, "") != new.get(label, "")
    ]
