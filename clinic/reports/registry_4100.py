"""Registry form CIBMTR 4100: follow-up after cells."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clinic.reports.registry import Form, Question, extract
from clinic.reports.registry_facts import follow_up
from clinic.reports.report import Report

if TYPE_CHECKING:
    from clinic.reports.data import Data
    from clinic.reports.report import Result

VISIT = ("coordinator or physician", "the visit")
FORM = Form(
    name="Form 4100",
    of="visits due or recorded",
    first="Visit",
    questions=(
        Question("course", "", "Course", "the course that is followed", *VISIT),
        Question("visit", "", "Time point", "name of the visit", *VISIT),
        Question("contact", "Q2", "Date of contact", "day of the visit that took place", *VISIT),
        Question("alive", "Q1–2", "Survival", "alive at the visit, or the recorded death", *VISIT),
        Question("died", "", "Date of death", "day of death on the patient's record", "coordinator",
                 "the patient's record"),
        Question("more", "Q3", "Subsequent infusion", "cells of another course until the end of the window", *VISIT),
        Question("anc", "", "Recovery of neutrophils", "scores of recovery, of cells that form blood", *VISIT),
        Question("platelets", "", "Recovery of platelets", "scores of recovery, of cells that form blood", *VISIT),
        Question("events", "", "Adverse events so far", "events of the course until the end of the window", *VISIT),
    ),
    not_kept="best response, relapse, chimerism, persistence of the product, grades of toxicities, cause of death",
)  # fmt: skip


def figures(data: Data) -> Result:
    """Return one row for each visit after the first cells that is due or was recorded."""
    return extract(FORM, follow_up(data), data.left_out)


REPORT = Report(
    name="registry-4100",
    group="registries",
    topic="CIBMTR 4100, follow-up",
    title="What does the registry's form of follow-up need?",
    says="One row for each visit after the cells, with the questions of form 4100; what is blank comes first.",
    data_set="Planned visits after the first cells whose window is over, or that were recorded",
    numerator="Questions that are blank",
    denominator="Questions of the form that are answered from records",
    counted_by="day on which the visit was due",
    figures=figures,
    method="One row for each form that is due",
    source="CIBMTR Forms Instruction Manual, 4100; 100 days, 6 months, then yearly",
)
