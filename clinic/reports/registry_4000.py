"""Registry form CIBMTR 4000: essential data before a course of cells."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clinic.reports.registry import Form, Question, extract
from clinic.reports.registry_facts import courses
from clinic.reports.report import Report

if TYPE_CHECKING:
    from clinic.reports.data import Data
    from clinic.reports.report import Result

ORDER = ("coordinator or physician", "the order of the course")
PATIENT = ("coordinator", "the patient's record")
RECIPIENT, HISTORY, PRODUCT = "Q1–25", "Q26–45", "Q46–65"
FORM = Form(
    name="Form 4000",
    of="courses begun",
    first="Course",
    questions=(
        Question("patient", "", "Recipient", "the patient's number here, never the registry's", *PATIENT),
        Question("born", RECIPIENT, "Date of birth", "birth date", *PATIENT),
        Question("sex", RECIPIENT, "Sex", "sex", *PATIENT),
        Question("first", HISTORY, "First application of cells", "no cells in an earlier course", *ORDER),
        Question("product", PRODUCT, "Name of product", "names of the products given", "technologist", "the product"),
        Question("donor", PRODUCT, "Donor of the cells", "whose cells the order names", *ORDER),
        Question("indication", "Q66", "Primary indication", "condition of the order", *ORDER),
        Question("diagnosis", "", "Diagnosis", "whether a full diagnosis is written down", *ORDER),
        Question("infused", "", "Date of the first infusion", "start of the first administration", "nurse",
                 "the administration"),
        Question("weight", "", "Weight before the infusion", "weight of the order", *ORDER),
        Question("height", "", "Height before the infusion", "height of the order", *ORDER),
        Question("health", "", "Health before", "ASA class; the form asks for a performance score", *ORDER),
        Question("illnesses", "", "Comorbid conditions", "whether other illnesses are written down", *ORDER),
    ),
    not_kept="the registry's id of the recipient, ethnicity and race, consent to research, date of diagnosis (Q67), "
    "therapy before the infusion, performance score",
)  # fmt: skip


def figures(data: Data) -> Result:
    """Return one row for each course begun in the period."""
    return extract(FORM, courses(data), data.left_out)


REPORT = Report(
    name="registry-4000",
    group="registries",
    topic="CIBMTR 4000, before the cells",
    title="What does the registry's form before the cells need?",
    says="One row for each course begun, with the questions of form 4000; what is blank comes first.",
    data_set="Courses whose first cells were given",
    numerator="Questions that are blank",
    denominator="Questions of the form that are answered from records",
    counted_by="date of the first administration",
    figures=figures,
    method="One row for each form that is due",
    source="CIBMTR Forms Instruction Manual, 4000; due 30 days after the infusion",
)
