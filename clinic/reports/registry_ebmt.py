"""Registry forms of the EBMT for cell therapy: the treatment (day 0), and follow-up. They number no questions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clinic.reports.asking import Option
from clinic.reports.registry import Form, Question, extract
from clinic.reports.registry_facts import courses, follow_up
from clinic.reports.report import Report

if TYPE_CHECKING:
    from clinic.reports.data import Data
    from clinic.reports.report import Result

ORDER = ("coordinator or physician", "the order of the course")
PATIENT = ("coordinator", "the patient's record")
VISIT = ("coordinator or physician", "the visit")
TREATMENT = Form(
    name="EBMT cell therapy, day 0",
    of="courses begun",
    first="Course",
    questions=(
        Question("patient", "", "Patient", "the patient's number here, never the registry's", *PATIENT),
        Question("born", "", "Date of birth", "birth date", *PATIENT),
        Question("sex", "", "Sex", "sex", *PATIENT),
        Question("infused", "", "Date of treatment", "start of the first administration", "nurse",
                 "the administration"),
        Question("indication", "", "Indication", "condition of the order", *ORDER),
        Question("diagnosis", "", "Diagnosis", "whether a full diagnosis is written down", *ORDER),
        Question("product", "", "Product", "names of the products given", "technologist", "the product"),
        Question("donor", "", "Donor", "whose cells the order names", *ORDER),
        Question("number", "", "Infusions so far", "administrations of the course", "nurse", "the administration"),
        Question("weight", "", "Weight", "weight of the order", *ORDER),
        Question("height", "", "Height", "height of the order", *ORDER),
        Question("health", "", "Health before", "ASA class; the form asks for a performance score", *ORDER),
    ),
    not_kept="the registry's numbers of center and patient, consent to the registry, performance score, manufacturer",
)  # fmt: skip
FOLLOW_UP = Form(
    name="EBMT cell therapy, follow-up",
    of="visits due or recorded",
    first="Visit",
    questions=(
        Question("course", "", "Course", "the course that is followed", *VISIT),
        Question("visit", "", "Time point", "name of the visit", *VISIT),
        Question("contact", "", "Date of follow-up", "day of the visit that took place", *VISIT),
        Question("alive", "", "Survival status", "alive at the visit, or the recorded death", *VISIT),
        Question("died", "", "Date of death", "day of death on the patient's record", *PATIENT),
        Question("more", "", "Another treatment", "cells of another course until the end of the window", *VISIT),
        Question("events", "", "Complications so far", "adverse events until the end of the window", *VISIT),
    ),
    not_kept="best response, cause of death, last disease status",
)


def figures(data: Data) -> Result:
    """Return one row for each course begun, or for each visit after the cells."""
    if data.asked.options["form"] == "follow-up":
        return extract(FOLLOW_UP, follow_up(data), data.left_out)
    return extract(TREATMENT, courses(data), data.left_out)


REPORT = Report(
    name="registry-ebmt",
    group="registries",
    topic="EBMT cell therapy",
    title="What do the forms of the EBMT registry need?",
    says="One row for each course begun, or for each visit after the cells; what is blank comes first.",
    data_set="Courses whose first cells were given, or their visits that are due or recorded",
    numerator="Questions that are blank",
    denominator="Questions of the form that are answered from records",
    counted_by="date of the first administration, or the day on which the visit was due",
    figures=figures,
    method="One row for each form that is due",
    source="EBMT Registry data collection forms, core data of cell therapy, read by their fields",
    options=(Option("form", "Form", (("day0", "Treatment, day 0"), ("follow-up", "Follow-up")), "day0"),),
)
