"""What is known of the person at the bedside, on any record: alive, allergies, infections, reactions, blood group."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clinic import clock
from clinic.access import Role
from clinic.administration.known_facts import (
    alerts,
    allergy_conflicts,
    components,
    group_conflicts,
    infections,
    known_allergies,
    not_understood,
    past_reactions,
    unknown,
)
from clinic.patients.models import UNCONFIRMED

if TYPE_CHECKING:
    from datetime import datetime

    from clinic.administration.models import PastReaction
    from clinic.administration.verdict import Bedside, Verdict
    from clinic.products.models import Product

CARERS = (Role.NURSE, Role.PHYSICIAN)


def whole_person(verdict: Verdict, bedside: Bedside, at: datetime) -> None:
    """Ask what is known of the patient on any record: alive, allergies, blood group (rules 21, 23)."""
    patient, product = bedside.course.patient, bedside.product
    fix = {"fix": ("pathway.patient", {"patient_id": patient.id}), "fix_label": "Open the patient", "who": CARERS}
    died_on = min((one.death for one in bedside.records.people if one.death is not None), default=None)
    if died_on is not None and died_on <= clock.day(at, bedside.records.zone):
        verdict.fault("Patient alive", 23, f"{patient.display_name} has died. No more cells can be given.", **fix)
    if patient.allergy_status == "not_asked":
        because = "The patient has not been asked about allergies yet."
        verdict.fault("Allergies", 23, because, "not asked", "asked", **fix)
    elif product is not None:
        allergies(verdict, bedside, product, at, fix)
    for text in infections(bedside.records, at):
        verdict.warn("Infection: ask whether it is over", 23, text)
    for reaction in past_reactions(bedside.records):
        earlier_reaction(verdict, bedside, reaction)
    if product is None:
        return
    for conflict in group_conflicts(bedside.records, product):
        verdict.warn("Blood groups differ", 21, conflict.cells, conflict.recipient)


def allergies(verdict: Verdict, bedside: Bedside, product: Product, at: datetime, fix: dict[str, Any]) -> None:
    """Compare every known allergy with the bag; one that is not understood is asked about (rule 23)."""
    records = bedside.records
    found = allergy_conflicts(records, product, at)
    said = "; ".join(known_allergies(records, at)) or "none known"
    because = f"The patient's record warns of a component of the product: {', '.join(found)}."
    if any(UNCONFIRMED in text for text in alerts(records, at)):
        because = f"{because} An alert was {UNCONFIRMED}: confirm it on the patient's page."
    compared = not_understood(records, product, at)
    if found or not compared:  # what only a person can compare does not agree yet
        verdict.judge("Allergies", 23, not found, because, said, ", ".join(found), **(fix | {"who": ()}))
    inside = "; ".join(
        [", ".join(components(records, product)) or "components not recorded", *unknown(records, product)]
    )
    for item in compared:
        verdict.warn(f"Compare the allergy with the bag: {item}", 23, f"allergy: {item}", f"bag: {inside}")


def earlier_reaction(verdict: Verdict, bedside: Bedside, reaction: PastReaction) -> None:
    """Stop after a severe reaction to earlier cells until a physician has decided again; warn of others (rule 23)."""
    if reaction.open_in(bedside.records):
        fix = ("eligibility.new", {"treatment_id": bedside.course.id})
        verdict.fault(
            "Earlier reaction", 23, reaction.because, reaction.words, who=(Role.PHYSICIAN,), fix=fix,
            fix_label="Decide on eligibility",
        )  # fmt: skip
    else:
        verdict.warn("Earlier reaction", 23, reaction.words, "decided since then" if reaction.severe else "")
