"""The form of a consent: which version may be consented to, and what it says of itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import or_, select

from clinic import clock
from clinic.consent.models import Consent
from clinic.extensions import db
from clinic.form_fields import SelectField
from clinic.forms import form_for
from clinic.pages import get_or_404
from clinic.protocols.claims import claims
from clinic.protocols.models import Protocol, ProtocolVersion

if TYPE_CHECKING:
    from clinic.patients.models import Patient
    from clinic.treatments.models import Treatment


class ConsentForm(form_for(Consent)):
    """One consent of one scope; to a treatment it names the protocol version that was explained."""

    protocol = SelectField(
        "Protocol version", conditional=True, section="What", hint="The version explained. For treatment only"
    )

    def plan(self, patient: Patient, wanted: str = "") -> None:
        """Offer the versions that may be consented to; fill in the course under way (or ``wanted``) and the patient."""
        running = [course.protocol_version_id for course in patient.courses if course.stop is None]
        last = wanted if wanted in running else running[-1] if running else None
        self.offer("protocol", versions(patient), chosen=last, filled="from the active course")
        self.prefill("scope", "treatment" if not patient.consents else None)
        running_now = [course for course in patient.courses if course.stop is None]
        self._place([course for course in running_now if course.protocol_version_id == last])
        adult = (patient.ages_on(clock.today(self.zone))[0] or 0) >= 18
        self.prefill("signer", "patient" if adult else None)
        names = (patient.given_names, patient.family_name)
        self.prefill("signer_name", " ".join(name for name in names if name) if adult else None, "prefilled: patient")

    def _place(self, courses: list[Treatment]) -> None:
        """Fill in site and side as the order names them (rule 26); without a site in the order they are not asked."""
        places = list(dict.fromkeys((course.body_site, course.side) for course in courses if course.body_site))
        if courses and not places:
            del self.body_site, self.side
        if len(places) == 1:
            self.prefill("body_site", places[0][0], "from the order")
            self.prefill("side", places[0][1], "from the order")

    def facts(self) -> dict[str, Any]:
        """Return what was filled in; use of data and research name no protocol version."""
        found = super().facts()
        version_id = found.pop("protocol")
        treatment = found["scope"] == "treatment"
        if not treatment:
            found |= {name: None for name in ("body_site", "side") if name in found}
        return found | {
            "protocol_version": get_or_404(ProtocolVersion, version_id) if version_id and treatment else None
        }


def versions(patient: Patient) -> list[tuple[str, str]]:
    """Return id and name of the versions that may be consented to: published now, or of a course of this patient."""
    open_now = ProtocolVersion.published_at.is_not(None) & ProtocolVersion.retired_at.is_(None)
    own = ProtocolVersion.id.in_([course.protocol_version_id for course in patient.courses])
    chosen = (
        select(ProtocolVersion.id, Protocol.code, ProtocolVersion.number, ProtocolVersion.title)
        .join(Protocol, Protocol.id == ProtocolVersion.protocol_id)
        .where(or_(open_now, own))
        .order_by(Protocol.code, ProtocolVersion.number.desc())
    )
    return [
        (row.id, f"{row.code}, version {row.number}{f': {row.title}' if row.title else ''}")
        for row in db.session.execute(chosen)
    ]


def explained(version_id: str | None) -> list[tuple[str | None, str, str]]:
    """Return what the version says of itself, to be explained before anybody agrees (rules 22 and 74); none a check."""
    version = db.session.scalar(select(ProtocolVersion).where(ProtocolVersion.id == version_id)) if version_id else None
    return (
        [("warn" if label == "Not proven for" else None, label, said) for label, said in claims(version.says)]
        if version
        else []
    )
