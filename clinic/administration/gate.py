"""The gate at the bedside: right patient, right cells, right dose, right papers, in this order of danger.

Every check leaves one line of evidence with both values that were compared; a closed one is a reason besides.
Nothing here asks the clock or the database: what is judged is gathered in a `Bedside` before.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from clinic import clock, wording
from clinic.access import Role
from clinic.accounts.authorizations import why_not
from clinic.administration import dose_checks
from clinic.administration.person_checks import CARERS, one_record, same_identity, whole_person
from clinic.administration.placing import misplaced, words_of
from clinic.administration.thaw_checks import thaw, thawed
from clinic.administration.verdict import Bedside, Line, Verdict, donor_of, label_of, named
from clinic.administration.vital_signs import BEARABLE, VITALS_HOLD, VitalSigns, not_borne
from clinic.fields import fields_of
from clinic.processing.step import donors_usable
from clinic.products.graph import ancestry
from clinic.products.what_cells import not_own, tissue_words, tissues, tissues_for, type_words, wrong_cells
from clinic.protocols.catalogues import ROUTES, within
from clinic.release.evidence import beside
from clinic.release.product_state import ProductState, cells_blocked, state_of
from clinic.steps import stopped

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from clinic.administration.scanning import Wristband
    from clinic.patients.models import Patient
    from clinic.products.models import Product
    from clinic.treatments.models import Treatment

LABORATORY = (Role.TECHNOLOGIST, Role.QUALITY)


def judge(bedside: Bedside, at: datetime, *, asked: bool = True) -> Verdict:
    """Return the whole verdict at a moment, the most dangerous first.

    ``asked`` False: of what is known before vital signs, volume and the second person are asked for; what it refuses
    then, no answer to these changes.
    """
    verdict = Verdict()
    with bedside.records.unchanged():
        worn = (bedside.course, bedside.wristband, bedside.wearer, bedside.product, bedside.bag_fault)
        identity(verdict, *worn, same=bedside.records.people_ids)
        same_identity(verdict, bedside)
        one_record(verdict, bedside, at)
        if asked:
            two_people(verdict, bedside)
            authorized(verdict, bedside, at)
        if bedside.product is not None:
            what_cells(verdict, bedside, bedside.product)
        whole_person(verdict, bedside, at)
        if bedside.product is not None:
            product_state(verdict, bedside, bedside.product, at)
            if asked:
                dose_checks.dose(verdict, bedside, bedside.product, at)
        place(verdict, bedside)
        if asked:
            vital_signs(verdict, bedside, at)
        papers(verdict, bedside, at)
        if bedside.product is not None:
            thawed(verdict, bedside.product)
    return verdict


def identity(  # noqa: PLR0913, PLR0917 - what was read, beside what is known
    verdict: Verdict,
    course: Treatment,
    wristband: Wristband,
    wearer: Patient | None,
    product: Product | None,
    bag_fault: str = "",
    *,
    same: Collection[str] = (),
) -> None:
    """Wristband, course and bag are one chain of identity (rules 1, 3, 4; hazard H1). Nobody can allow a mismatch.

    ``same``: the ids of the patient's records, where two people confirmed that several are one person's (hazard H27).
    """
    patient = course.patient
    if wristband.fault:
        verdict.fault("Wristband", 1, wristband.fault, "not readable", course.chain_of_identity, who=CARERS)
    else:
        agrees = (
            wristband.patient_id in {patient.id, *same}
            if wristband.patient_id
            else wristband.chain_of_identity == course.chain_of_identity
        )
        name = wearer.display_name if wearer else "no patient of this clinic"
        verdict.judge(
            "Wristband", 1, agrees,
            f"The wristband is {name}'s. The cells on this page are for {patient.display_name}.",
            wristband.chain_of_identity or (named(wearer) if wearer else name),
            course.chain_of_identity if wristband.chain_of_identity else named(patient),
        )  # fmt: skip
    if bag_fault or product is None:
        verdict.fault(
            "Bag",
            1,
            bag_fault or "The bag is not known in this clinic.",
            "not known",
            course.chain_of_identity,
            who=LABORATORY,
        )
        return
    chain = product.treatment.chain_of_identity if product.treatment else ""
    if product.treatment is None:
        verdict.fault(
            "Chain of identity",
            4,
            "The bag is assigned to no course yet.",
            course.chain_of_identity,
            "none",
            who=LABORATORY,
        )
    else:
        whose = "course of this patient" if product.treatment.patient_id == patient.id else "patient"
        verdict.judge(
            "Chain of identity", 1, product.treatment_id == course.id and chain == course.chain_of_identity,
            f"These cells belong to another {whose}.", course.chain_of_identity, chain,
        )  # fmt: skip
    if product.relation == "autologous":
        verdict.judge(
            "Own cells", 3, product.donor.patient_id in {patient.id, *same},
            "These are another patient's own cells. They must not be given to anyone else.",
            named(patient), donor_of(product),
        )  # fmt: skip


def what_cells(verdict: Verdict, bedside: Bedside, product: Product) -> None:
    """Cell type and tissue in the bag are those of the order and its protocol (rule 1)."""
    course, records = bedside.course, bedside.records
    found = tissues(ancestry(records, product), records.get)
    inside = f"{type_words(product.cell_type)}, {tissue_words(key for key in found if key)}"
    wanted = f"{type_words(course.says.cell_type)}, {tissue_words(tissues_for(course.says, course.source))}"
    if said := not_own(records, product, course):
        verdict.fault("Own cells, by their harvest", 3, said, named(course.patient), donor_of(product))
    elif course.relation == "autologous":
        verdict.fine("Own cells, by their harvest", 3, named(course.patient), donor_of(product))
    against = wrong_cells(records, product, course.says, course.source)
    if not against:
        verdict.fine("Cells", 1, wanted, inside)
    for one in against:
        reason = cells_blocked(one, product)
        verdict.fault("Cells", 1, reason.because, wanted, inside, who=reason.who, fix=reason.fix)


def two_people(verdict: Verdict, bedside: Bedside) -> None:
    """Two different qualified people read wristband and bag (rule 2)."""
    first, second = bedside.by, bedside.second
    names = (first.label if first else "missing", second.label if second else "missing")
    allowed = set(bedside.course.says.verifies.get("administration", ())) or {role.value for role in CARERS}
    if first is None or second is None:
        verdict.fault("Two people", 2, "A second person must read wristband and bag.", *names, who=CARERS)
    elif first.is_same_person(second):
        because = "The second person must be a different person."
        if first.id != second.id:
            because = f"{because} {first.label}, and {second.label}, are accounts of the same person."
        verdict.fault("Two people", 2, because, *names, who=CARERS)
    else:
        verdict.judge(
            "Two people",
            2,
            second.active and second.role.value in allowed,
            f"{second.label} cannot be the second person here.",
            *names,
            who=CARERS,
        )


def authorized(verdict: Verdict, bedside: Bedside, at: datetime) -> None:
    """Both people are authorized for this step on this day, where the clinic asks for it (rule 2)."""
    known, zone = bedside.authorizations, bedside.records.zone
    for person in (bedside.by, bedside.second) if known else ():
        if person is not None:
            said = why_not(known, person, at, zone=zone)
            fix: dict[str, Any] = {"fix": ("accounts.show", {"user_id": person.id}), "fix_label": "Open the person"}
            values = (person.label, wording.day(clock.day(at, zone)))
            verdict.judge("Authorization", 2, not said, said, *values, who=(Role.QUALITY,), **fix)


def _resolves(bedside: Bedside, fix: dict[str, Any]) -> dict[str, Any]:
    """Return who can end what holds a product, and where: an event that nobody has assessed is a physician's (H29)."""
    waiting = [bedside.assess[said] for said in bedside.holds if said in bedside.assess]
    if not waiting:
        return {"who": (Role.QUALITY,), **fix}
    who = (Role.PHYSICIAN,) if len(waiting) == len(bedside.holds) else (Role.PHYSICIAN, Role.QUALITY)
    return {"who": who, "fix": ("events.show", {"event_id": waiting[0].id}), "fix_label": "Assess the event"}


def product_state(verdict: Verdict, bedside: Bedside, product: Product, at: datetime) -> None:
    """Released, not expired now, not discarded, not given, thawed in time (rules 50, 54; hazards H7, H10, H11)."""
    fix: dict[str, Any] = {"fix": ("products.show", {"product_id": product.id}), "fix_label": "Open the product"}
    release = bedside.release
    signed = release.release_signatures if release else []
    because = (
        f"The product is not released: {bedside.held.removesuffix('.')}."
        if bedside.held
        else "The product is not released, or its release is no longer valid."
    )
    verdict.judge(
        "Released",
        50,
        release is not None,
        because,
        "; ".join(f"{s.printed_name}, {wording.day(clock.day(s.signed_at, bedside.records.zone))}" for s in signed)
        or ("yes" if release else "no"),
        "",
        **_resolves(bedside, fix),
    )
    told(verdict, bedside, product, at)
    for said in beside(bedside.records, product):
        verdict.warn("Related results and comments", 40, said, "within limits, answered")
    if bedside.given is not None:
        verdict.fault(
            "Not given yet",
            50,
            "These cells were given already. One product, one administration.",
            f"{'voided' if bedside.given.outcome == 'voided' else 'given'} "
            f"{wording.when(bedside.given.performed_at, bedside.records.zone)}",
            label_of(product),
        )
    if product.uses and product.left <= 0:
        verdict.fault(
            "Whole",
            50,
            "This container was processed. Scan a container made from it.",
            label_of(product),
            "processed further",
            who=LABORATORY,
            **fix,
        )
    verdict.judge("Not discarded", 50, not product.discarded, "This product was discarded.", product.place, "")
    end = product.end
    minutes = bedside.course.says.expiry.thaw_minutes
    if product.without_end:
        because = "Nothing says until when this product may be used. Set “Use before” on the product, then release it."
        verdict.fault("Not expired", 50, because, "no end", who=(Role.QUALITY,), **fix)
    elif end is None or (product.thawed_at and minutes and end == product.thawed_at + timedelta(minutes=minutes)):
        verdict.fine("Not expired", 50, "only the limit after thaw" if end else "no end")  # the thaw is judged below
    else:
        zone = bedside.by.site.zone if bedside.by else "Etc/UTC"
        here, over = clock.said(at, zone), clock.said(end, zone, product.end_known)
        verdict.judge("Not expired", 50, at < end, f"The product expired {_since(at - end)} ago.", here, over)
    thaw(verdict, bedside.course, product, at)


def told(verdict: Verdict, bedside: Bedside, product: Product, at: datetime) -> None:
    """Ask that the physician who was informed of a condition or an exception has acknowledged it (rule 44).

    The rule has the physician informed before the release counts; the signature is what shows it.
    """
    release = bedside.release
    if release is None or state_of(bedside.records, product, at) is ProductState.RELEASED or release.told is None:
        return
    name = release.told.printed_name
    verdict.judge(
        "Physician informed", 44, release.acknowledged,
        f"{release.headline()}. {name} was named as the physician who is informed and has not acknowledged it. "
        f"{name} signs the decision, or quality decides again and names another physician.",
        name, "acknowledged" if release.acknowledged else "the acknowledgment is still needed", who=(Role.PHYSICIAN,),
        fix=("record_pages.signature", {"record_id": release.id}), fix_label="Acknowledge the release",
    )  # fmt: skip


def place(verdict: Verdict, bedside: Bedside) -> None:
    """Route allowed and released for, site and side as ordered (rules 26, 55)."""
    course = bedside.course
    key = bedside.route or course.route or ""
    route = ROUTES.get(key)
    if route is None:
        verdict.fault("Route", 55, "No route is ordered.", who=(Role.PHYSICIAN,))
        return
    ordered = ROUTES[course.route or ""].label if course.route in ROUTES else ""
    other = misplaced(course, key, None, None)
    because = other.because if other is not None else ""
    verdict.judge("Route", 55, other is None, because, ordered, route.label, who=(Role.PHYSICIAN,))
    if bedside.release is not None:
        allowed = bedside.release.routes
        fits = key in allowed if allowed else not route.own_release
        verdict.judge(
            "Released for the route",
            55,
            fits,
            f"The product was not released for this route: {within(route.label)}.",
            route.label,
            ", ".join(ROUTES[r].label for r in allowed if r in ROUTES) or "any",
            who=(Role.QUALITY,),
        )
    missing = course.place_missing()
    if missing:
        fix: dict[str, Any] = {"fix": ("treatments.order", {"treatment_id": course.id}), "fix_label": "Open the order"}
        verdict.fault("Site and side", 26, " ".join(missing), "not ordered", "", who=(Role.PHYSICIAN,), **fix)
        return
    if course.other_side:
        verdict.warn("Side of the diagnosis", 26, course.diagnosis or "", words_of(course.body_site, course.side))
    if bedside.body_site is None:
        return
    fault = misplaced(course, key, bedside.body_site, bedside.side, route_too=False)
    sided = course.body_site in route.sites
    check, who = ("Site and side", (Role.PHYSICIAN,)) if sided else ("Site", CARERS)
    if fault is not None:
        verdict.fault(check, 26, fault.because, fault.wanted, fault.where, who=who)
    else:
        where = words_of(bedside.body_site, bedside.side)
        verdict.fine(check, 26, words_of(course.body_site, course.side) if sided else route.label, where)


def vital_signs(verdict: Verdict, bedside: Bedside, at: datetime) -> None:
    """Vital signs before the start are there, and not older than an hour (rule 57).

    What would stop cells that run lets none begin until a physician has decided; all else that is unusual warns, also
    where somebody said that the value is right.
    """
    vitals = bedside.vitals
    if vitals is None:
        verdict.fault("Vital signs before", 57, "Vital signs before the start are missing.", "missing", "", who=CARERS)
        return
    if vitals.performed_at is None or at - vitals.performed_at > VITALS_HOLD:
        old = _since(at - vitals.performed_at) if vitals.performed_at else "not dated"
        because = f"The vital signs before the start are too old ({old}); they must be from the last hour."
        verdict.fault("Vital signs before", 57, because, old, "1 h at most", who=CARERS)
        return
    unbearable = not_borne(bedside.records, vitals)
    if not unbearable:
        verdict.fine("Vital signs before", 57, vitals.headline(), "")
    for name in vitals.unusual:
        fact = fields_of(VitalSigns)[name]
        said, why = fact.figure(getattr(vitals, name)), vitals.confirmed.get(name, "")
        if name in unbearable:
            before = "" if vitals.outside({name: BEARABLE[name]}) else ", and was out of the limits just before"
            because = (
                f"{fact.label} is {said}{before}: no cells are begun with it until a physician decides. A physician "
                "sees the patient and decides on eligibility again. Then measure again, and scan wristband and bag "
                "again."
            )
            fix: dict[str, Any] = {"fix": ("eligibility.new", {"treatment_id": bedside.course.id})}
            who, label = (Role.PHYSICIAN,), "Decide on eligibility"
            verdict.fault(fact.label, 57, because, said, why, who=who, fix_label=label, **fix)
        else:
            verdict.warn(fact.label, 57, said, why)


def papers(verdict: Verdict, bedside: Bedside, at: datetime) -> None:
    """Ask again for all that comes before the giving (rules 14 to 23; hazards H12, H13)."""
    reasons = stopped(bedside.records)
    if reasons:
        verdict.evidence.append(Line(check="Course active", rule=0, agrees=False))
        verdict.blocked += reasons
    else:
        verdict.fine("Course active", 0)
    for step in bedside.steps:
        reasons = [*step.permission(bedside.records, at), *step.outcome(bedside.records, at)]
        if reasons:
            verdict.evidence.append(Line(check=step.title, rule=reasons[0].rule, agrees=False))
            verdict.blocked += reasons
        elif not any(one.fix is not None and one.fix[0] == step.begin for one in verdict.blocked):
            verdict.fine(step.title, step.rule)  # what is to be decided anew has not passed
    donors_of_cells(verdict, bedside, at)


def donors_of_cells(verdict: Verdict, bedside: Bedside, at: datetime) -> None:
    """Ask again whether the donors of the cells may be used for this patient (rules 4, 17 to 20)."""
    if bedside.product is None or bedside.course.relation == "autologous":
        return
    groups = {one.because for one in verdict.blocked if one.rule == 20}  # that contradict: it was said already
    reasons = [one for one in donors_usable(bedside.records, [bedside.product], at) if one.because not in groups]
    if reasons:
        verdict.evidence.append(Line(check="Donor eligible", rule=reasons[0].rule, agrees=False))
        verdict.blocked += reasons
    else:
        verdict.fine("Donor eligible", 17)


def _since(span: timedelta) -> str:
    minutes = int(span.total_seconds() // 60)
    if span.days > 1:
        return f"{span.days} days"
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min"
