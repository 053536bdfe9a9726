"""Correct what kind of donor somebody is, and with it whose cells the containers hold (rules 3, 4, 10, 17).

A donor who was registered as unrelated and is the patient's sister, a patient's own cells that were registered as
another's: by the kind it is judged who is screened, typed and asked for consent. The correction keeps the old kind and
its reason; where there are cells, they are on hold until a second person confirms it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Blueprint, url_for
from sqlalchemy import func, select
from sqlalchemy.orm import object_session

from clinic import clock
from clinic.access import allow
from clinic.errors import Problem, RuleBroken
from clinic.extensions import db
from clinic.form_fields import StringField
from clinic.forms import form_for
from clinic.identifiers import parse_id
from clinic.pages import (
    Answer,
    commit_and_redirect,
    form_of,
    form_page,
    get_or_404,
    me,
    refusals_to,
    refuse_stale,
)
from clinic.patients.banner import patient_banner
from clinic.patients.donors import Donor
from clinic.patients.identity import KNOW_THE_DONOR
from clinic.patients.models import Patient
from clinic.products.models import Product
from clinic.protocols.content import Relation

if TYPE_CHECKING:
    from datetime import datetime

    from clinic.accounts.models import User

bp = Blueprint("donor_kinds", __name__)
NAMES = ("relation", "name", "donor_number")
BELONGS = {"self": (), "related": NAMES, "unrelated": ("donor_number",), "cord": ("donor_number",)}
"""What a donor of each kind is named by; the rest is taken away with the correction."""
AFTER = (
    "Whose cells the containers of this donor hold is corrected with it. Where there are cells, they are on hold until "
    "a second person confirms the correction; then screening, blood groups and consent are judged by the new kind."
)

DONE = "The kind of donor is corrected. Where there are cells, a second person confirms it."


class KindForm(form_for(Donor, only=("kind", "relation", "name", "donor_number"))):
    """The right kind of donor, with what belongs to it, and why it was wrong."""

    patient_number = StringField(
        "Patient", conditional=True, hint="Record number. Only where the donor is a relative or the patient"
    )
    reason = StringField("Reason", required=True, hint="For example: registered as unrelated by mistake")

    def named(self) -> Patient | None:
        """Return the patient whose relative the donor is, or who is the donor; `RuleBroken` where none is named."""
        typed = (self.patient_number.data or "").strip()
        if self["kind"].data not in {"self", "related"}:
            if typed:
                raise RuleBroken(
                    Problem("an unrelated or cord donor is linked by the course, not here", "patient_number")
                )
            return None
        public_id = parse_id(typed, Patient.KIND)
        same = Patient.id == public_id if public_id else func.lower(Patient.record_number) == typed.lower()
        found = db.session.scalar(select(Patient).where(Patient.site_id == me().site_id, same).limit(1))
        if not typed or found is None:
            said = f"no patient of this clinic has the number {typed}" if typed else "enter the patient's record number"
            raise RuleBroken(Problem(said, "patient_number"))
        return found


def correct_kind(donor: Donor, facts: dict[str, Any], *, by: User, at: datetime, reason: str) -> None:
    """Give a donor another kind, and the containers that are still here what follows from it.

    ``facts``: the kind, the ``patient`` who is the donor or whose relative it is, relation, name and number; what the
    new kind does not have is taken away. `RuleBroken` where it is this kind already, or the patient has a record as
    donor.
    """
    kind, patient = facts["kind"], facts["patient"]
    if kind == donor.kind:
        raise RuleBroken(Problem("It is this kind already. To correct the rest, amend the donor", "kind"))
    own = patient if kind == "self" else None
    session = object_session(donor)
    if own is not None and session is not None:
        known = session.scalar(select(Donor.id).where(Donor.patient_id == own.id))
        if known is not None:
            said = f"{own.display_name} has a record as donor of own cells already: {known}"
            raise RuleBroken(Problem(said, "patient_number", rule=17))
    relative_of = patient if kind == "related" else None
    changes = {name: facts[name] if name in BELONGS[kind] else None for name in NAMES}
    changes |= {"patient_id": own.id if own else None, "relative_of_id": relative_of.id if relative_of else None}
    donor.patient, donor.relative_of = own, relative_of
    donor.amend(changes | {"kind": kind}, by=by, at=at, reason=reason)
    relation = Relation.AUTOLOGOUS if kind == "self" else Relation.ALLOGENEIC
    for product in session.scalars(select(Product).where(Product.donor_id == donor.id)) if session is not None else ():
        if product.relation != relation.value and not (product.given or product.discarded):
            product.amend(by=by, at=at, reason=reason, relation=relation.value)


@bp.route("/donors/<donor_id>/kind", methods=["GET", "POST"])
@allow(frozenset(KNOW_THE_DONOR))
def correct(donor_id: str) -> Answer:
    """Correct the kind of a donor, with a reason; where there are cells a second person confirms it (rule 17)."""
    donor = get_or_404(Donor, donor_id)
    form = form_of(KindForm, donor)
    form.can_draft = False
    if form.validate_on_submit():
        refuse_stale(donor)
        with refusals_to(form, "kind"):
            facts = {name: form[name].data for name in ("kind", *NAMES)} | {"patient": form.named()}
            correct_kind(donor, facts, by=me(), at=clock.now(), reason=form.reason.data or "")
            return commit_and_redirect(url_for("donors.show", donor_id=donor.id), DONE)
    back = url_for("donors.show", donor_id=donor.id)
    return form_page(
        form, heading="Correct the kind of donor", lede=donor.headline(), save_label="Save the correction",
        back_url=back, patient=patient_banner(donor), after=AFTER,
    )  # fmt: skip
