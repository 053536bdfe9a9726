"""An administration that was written on paper: what happened is recorded, whatever the gate would have said."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from clinic import clock
from clinic.accounts.models import User
from clinic.administration import bedside as acts
from clinic.administration.forms import SIGNS, WORKED_OUT
from clinic.administration.gate import judge
from clinic.administration.models import OUTCOMES, Administration, BedsideCheck
from clinic.administration.scanning import read_bag
from clinic.administration.step import ADMINISTRATION
from clinic.administration.vital_signs import VitalSigns
from clinic.downtime.questions import MARK, PaperQuestions
from clinic.errors import Problem, RuleBroken
from clinic.extensions import db
from clinic.fields import Field, fields_of
from clinic.forms import field_for, form_for
from clinic.pages import form_of
from clinic.products.models import Movement, Product
from clinic.release.known_then import known_then

if TYPE_CHECKING:
    from clinic.administration.verdict import Bedside, Verdict
    from clinic.records import Record
    from clinic.steps import Blocked
    from clinic.treatments.models import Treatment

ASKED = {
    "patient_scan": Field(
        label="Wristband on the paper", required=True, section="Identity", hint="Patient number or chain of identity"
    ),
    "product_scan": Field(
        label="Bag on the paper",
        required=True,
        section="Identity",
        hint="Product number, or donation number / division",
    ),
}
WITHOUT_AN_END = {"ended_at", "volume_given"}
ENDED = {"aborted": OUTCOMES["aborted"]}
"""How it may have ended on paper. What was begun by mistake and took nothing from the bag is no administration."""
ENDED_HINT = "Leave blank if the whole dose was given as planned"
NOT_ASKED = WORKED_OUT - {"outcome"}
"""What the paper does not say: the dose is worked out, the second person is asked for with the paper."""


def _vitals() -> dict[str, Any]:
    """Return the boxes of the vital signs before the start; what the paper does not say stays empty."""
    columns: Any = VitalSigns.__table__.columns
    found = {}
    for name in SIGNS:
        fact = fields_of(VitalSigns)[name]
        asked = Field(label=f"{fact.label} before", unit=fact.unit, possible=fact.possible, section="Before the start")
        found[name] = field_for(name, asked, columns[name].type.python_type)
    return found


class GivenForm(
    PaperQuestions,
    type("AdministrationOfPaper", (form_for(Administration, without=NOT_ASKED, extra=ASKED),), _vitals()),  # type: ignore[misc] - a form is made of its facts
):
    """An administration as the paper has it: identity, vital signs before, times, place, volumes."""


def form(course: Treatment, _on: Any) -> Any:
    """Return the form of an administration from paper; the second person is asked for, and so is the end."""
    made: Any = form_of(GivenForm, people=ADMINISTRATION.logs, about=None)
    made["paper_second_id"].required = True
    for name in WITHOUT_AN_END:
        made[name].required = True
    made["volume_given"].hint = ""
    made.offer("outcome", ENDED.items())
    made["outcome"].hint = ENDED_HINT
    if course.says.cell_type != "hsc":
        del made.filter_used
    first = [name for name in made._fields if name.startswith(MARK) or name in {*ASKED, *SIGNS}]
    made._fields = {name: made._fields[name] for name in (*first, *(n for n in made._fields if n not in first))}
    return made


def _reading(form: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what was read off wristband, bag and monitor, and the facts of the administration."""
    facts = form.facts()
    return {name: facts.pop(name) for name in (*ASKED, *SIGNS) if name in facts}, facts


def gathered(course: Treatment, form: Any, moment: datetime) -> Bedside:
    """Return what the gate judges, as the paper has it and as the records were at the moment."""
    read, facts = _reading(form)
    first, second = (_person(form[name].data) for name in ("performed_by_id", "paper_second_id"))
    measured = {name: read[name] for name in SIGNS if read.get(name) is not None}
    with db.session.no_autoflush:
        vitals = VitalSigns(performed_at=moment, **measured) if measured else None
        found = acts.gather(
            db.session(), course, by=first, at=moment, second=second, patient_scan=read["patient_scan"] or "",
            product_scan=read["product_scan"] or "", vitals=vitals,
            volume=facts["volume_issued"], route=facts["route"], body_site=facts["body_site"], side=facts["side"],
        )  # fmt: skip
        if found.product is None:
            return found
        records = known_then(found.records, found.product, moment)
        with records.unchanged():
            return replace(found, records=records, **acts.known_of(records, found.product, moment))


def verdict_at(course: Treatment, form: Any, moment: datetime) -> Verdict:
    """Return what the gate would have said at a moment; a release that was signed later had not been there."""
    bedside = gathered(course, form, moment)
    verdict, zone = judge(bedside, moment), bedside.records.zone
    since = bedside.release.complete_since(bedside.records) if bedside.release is not None else None
    if since is not None and since > moment:
        said = not_released_yet(since, moment, zone)
        verdict.fault("Released before", 50, said, clock.said(since, zone), clock.said(moment, zone))
    return verdict


def not_released_yet(since: datetime, moment: datetime, zone: str) -> str:
    """Return in words that a product was given before its release."""
    return f"The product was released {clock.said(since, zone)}, after this: {clock.said(moment, zone)}."


def reasons(course: Treatment, form: Any, when: datetime) -> list[Blocked]:
    """Return what the gate would have refused at a moment."""
    return verdict_at(course, form, when).blocked


def product_of(form: Any) -> Product:
    """Return the container that the paper names; raises `RuleBroken` where this clinic has none of that number."""
    bag = read_bag(form["product_scan"].data or "")
    chosen = select(Product).where(Product.id == bag.product_id)
    if bag.din:
        chosen = select(Product).where(Product.din == bag.din)
        chosen = chosen.where(Product.division == bag.division) if bag.division else chosen
    found = db.session.scalars(chosen).all() if not bag.fault else []
    if len(found) != 1:
        said = (
            bag.fault or "No single container of this clinic has this number. Compare it with the label on the paper."
        )
        raise RuleBroken(Problem(said, "product_scan"))
    taken = select(Administration.id).where(Administration.product_id == found[0].id)
    known = db.session.scalar(taken.where(Administration.outcome.is_distinct_from("voided")))
    if known is not None:
        said = f"These cells are recorded as given already: {known}. Compare the paper with that record."
        said += " If it was copied with the wrong bag number, two people void it on its page."
        raise RuleBroken(Problem(said, "product_scan"))
    return found[0]


def log(course: Treatment, _on: Any, form: Any, by: User, at: datetime) -> list[Record]:
    """Record the reading of wristband and bag with what the gate says of it, and the administration on it."""
    read, facts = _reading(form)
    moment, product = facts["performed_at"], product_of(form)
    first, second = (_person(form[name].data) for name in ("performed_by_id", "paper_second_id"))
    _refuse_one_person(first, second)
    verdict = verdict_at(course, form, moment)
    measured = {name: read[name] for name in SIGNS if read.get(name) is not None}
    same: dict[str, Any] = {"by": by, "at": at, "performed_by": first, "performed_at": moment}
    check = BedsideCheck.log(
        **same, treatment=course, product=product, second_person=second, patient_scan=read["patient_scan"].strip()[:80],
        product_scan=read["product_scan"].strip()[:80], clear=verdict.clear,
        reasons=[
            {"because": b.because, "rule": b.rule, "who": [], "fix": None, "fix_label": ""} for b in verdict.blocked
        ],
        evidence=[line.as_dict() for line in verdict.evidence],
    )  # fmt: skip
    facts |= {"verified_by_id": second.id if second else None, "performed_by": first, "treatment": course}
    made = Administration.log(by=by, at=at, product=product, bedside_check=check, **facts)
    made.work_out_dose(course.patient.weight_at(moment))
    signs = _signs(course, measured, same)
    made.vital_signs += signs
    check.vital_signs = signs[0] if signs else None
    moved = Movement.log(**same, product_id=product.id, kind="given", place=course.chain_of_identity or None)
    product.movements.append(moved)
    db.session.add_all([check, made])
    db.session.flush()
    for follow in Administration.when_started:
        follow(made, by)
    return [made, check, *signs, moved]


def _signs(course: Treatment, measured: dict[str, Any], same: dict[str, Any]) -> list[VitalSigns]:
    """Return the vital signs before the start; what is unusual is as the paper has it."""
    if not measured:
        return []
    facts = fields_of(VitalSigns)
    missing = [facts[name].label for name in SIGNS if facts[name].required and name not in measured]
    if missing:
        said = "Vital signs before: enter the whole set, or none and what there is under notes."
        raise RuleBroken(Problem(f"{said} Missing: {', '.join(missing)}.", "spo2"))
    unusual = dict.fromkeys(measured, "as written on the paper")
    return [VitalSigns.log(**same, treatment_id=course.id, confirmed=unusual, **measured)]


def _refuse_one_person(first: User | None, second: User | None) -> None:
    if first is not None and second is not None and first.is_same_person(second):
        raise RuleBroken(Problem("The second person must be a different person.", "paper_second_id", rule=2))


def _person(user_id: str | None) -> User | None:
    return db.session.scalar(select(User).where(User.id == user_id)) if user_id else None
