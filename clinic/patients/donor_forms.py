"""Forms of donors: who it is and whose relative, and the determination with a box for each marker."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select

from clinic.accounts.forms import PhysicianField
from clinic.accounts.models import User
from clinic.errors import Problem, RuleBroken
from clinic.extensions import db
from clinic.form_fields import SelectField, StringField, TextAreaField
from clinic.forms import form_for
from clinic.identifiers import parse_id
from clinic.patients.donor_likeness import SimilarDonor
from clinic.patients.donors import MARKER_RESULTS, Donor, DonorEligibility
from clinic.patients.forms import AsksWhetherSame
from clinic.patients.models import Patient
from clinic.protocols.catalogues import MARKERS

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


QUESTION = {"same_person", "same_why"}


class DonorForm(AsksWhetherSame, form_for(Donor)):
    """A new donor. A relative, or the patient as donor of own cells, is linked to the patient."""

    patient_number = StringField(
        "Patient", section="Patient", hint="Record number. Only where the donor is a relative or the patient"
    )

    same_why = TextAreaField(
        "If another person: how do you know?", long=True, section="Same person?",
        hint="One sentence, for example: two sisters, other birth date. Saved with the record",
    )  # fmt: skip

    def take(self, broken: RuleBroken, field: str = "") -> None:
        """Show who is alike where that is what was said, and what is still to be answered."""
        if not isinstance(broken, SimilarDonor):
            super().take(broken, field)
            return
        self.ask(broken.alike, "donor", str(broken))

    def start_with(self, patient: Patient | None) -> None:
        """Fill in the patient from whose page the form was opened."""
        if patient is not None:
            self.prefill("kind", "related")
            self.prefill("patient_number", patient.record_number, "from the patient's page")

    def linked(self, session: Session) -> dict[str, Any]:
        """Return the facts with the patient that was named; raises `RuleBroken` where there is none."""
        facts = {name: value for name, value in self.facts().items() if name not in QUESTION}
        typed = facts.pop("patient_number") or ""
        if facts["kind"] not in {"self", "related"}:
            if typed:
                said = "an unrelated or cord donor is linked by the course, not here"
                raise RuleBroken(Problem(said, "patient_number"))
            return facts
        patient = _patient(session, typed)
        if patient is None:
            said = (
                f"no patient of this clinic has the number {typed}" if typed else "enter the relative's record number"
            )
            raise RuleBroken(Problem(said, "patient_number"))
        return facts | {"patient" if facts["kind"] == "self" else "relative_of": patient}


def _patient(session: Session, typed: str) -> Patient | None:
    public_id = parse_id(typed, Patient.KIND)
    same = Patient.id == public_id if public_id else func.lower(Patient.record_number) == typed.lower()
    return session.scalar(select(Patient).where(same).limit(1)) if typed else None


def _marker_fields() -> dict[str, SelectField]:
    return {
        f"marker_{marker.key}": SelectField(marker.label, choices=MARKER_RESULTS, section="Markers")
        for marker in MARKERS.values()
    }  # fmt: skip


class EligibilityForm(
    type(
        "MarkerForm",
        (form_for(DonorEligibility, without=("markers",), other={"physician_told": PhysicianField}),),
        _marker_fields(),
    )
):
    """A determination: the results of the markers; one without a result was not done. Each protocol names its own."""

    urgent_for = StringField(
        "Recipient with the urgent need", section="Summary",
        hint="Record number of the patient. The need is this patient's alone",
    )  # fmt: skip

    def facts(self) -> dict[str, Any]:
        """Return what was filled in, the markers together; raises `RuleBroken` where nobody has the number."""
        found = super().facts()
        markers = {key: found.pop(f"marker_{key}") or "not_done" for key in MARKERS}
        typed = found.pop("urgent_for") or ""
        patient = _patient(db.session(), typed)
        if typed and patient is None:
            raise RuleBroken(Problem(f"no patient of this clinic has the number {typed}", "urgent_for"))
        informed = db.session.get(User, found["physician_told"]) if found.get("physician_told") else None
        told = {"told": informed, "physician_told": informed.printed_name if informed is not None else None}
        return found | told | {"markers": markers, "urgent_for": patient}


def marker_rows(determination: DonorEligibility) -> list[tuple[str, str, tuple[str, str, str]]]:
    """Return label, agent and result of every marker of the catalogue."""
    looks = {
        "negative": ("ok", "check"),
        "reactive": ("danger", "alert-octagon"),
        "indeterminate": ("bad", "help-circle"),
    }
    rows = []
    for marker in MARKERS.values():
        result = determination.markers.get(marker.key, "not_done")
        kind, icon = looks.get(result, ("plan", "circle-dashed"))
        rows.append((marker.label, marker.agent, (kind, icon, MARKER_RESULTS[result])))
    return rows
