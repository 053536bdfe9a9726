"""Registry form CIBMTR 4006: one infusion of cells."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clinic.reports.registry import Form, Question, extract
from clinic.reports.registry_facts import infusions
from clinic.reports.report import Report

if TYPE_CHECKING:
    from clinic.reports.data import Data
    from clinic.reports.report import Result

GIVEN = ("nurse or physician", "the administration")
FORM = Form(
    name="Form 4006",
    of="infusions",
    first="Infusion",
    questions=(
        Question("course", "", "Course", "the course of the infusion", *GIVEN),
        Question("product", "Q1", "Name of product", "name of the container", "technologist", "the product"),
        Question("identifiers", "Q2–5", "Identifiers of the product", "number of the container", *GIVEN),
        Question("infused", "Q6", "Date of this infusion", "start of the administration", *GIVEN),
        Question("whole", "Q7", "Whole volume infused", "volume given against volume issued", *GIVEN),
        Question("rest", "Q8–9", "What became of the rest", "volumes wasted and returned", *GIVEN),
        Question("route", "Q10–13", "Route", "route given, else that of the order", *GIVEN),
        Question("dose", "Q14–31", "Cells given", "dose", *GIVEN),
        Question("per_kg", "Q14–31", "Cells given by weight", "dose per kg", *GIVEN),
        Question("viability", "Q14–31", "Viability before", "viability before the start", *GIVEN),
        Question("concomitant", "Q32–35", "Concomitant therapy", "premedication", *GIVEN),
    ),
    not_kept="times of thaw of each bag as the form splits them, other drugs given with the cells",
)


def figures(data: Data) -> Result:
    """Return one row for each administration of the period."""
    return extract(FORM, infusions(data), data.left_out)


REPORT = Report(
    name="registry-4006",
    group="registries",
    topic="CIBMTR 4006, the infusion",
    title="What does the registry's form of the infusion need?",
    says="One row for each infusion, with the questions of form 4006; what is blank comes first.",
    data_set="Administrations of cells",
    numerator="Questions that are blank",
    denominator="Questions of the form that are answered from records",
    counted_by="date of administration",
    figures=figures,
    method="One row for each form that is due",
    source="CIBMTR Forms Instruction Manual, 4006 revision 5; due 30 days after the infusion",
)
