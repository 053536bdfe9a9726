"""The kinds of records that are copied from paper: the form of each, who may enter it, and how it is written down."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from clinic import clock, wording
from clinic.administration.forms import VitalSignsForm
from clinic.administration.models import Administration
from clinic.administration.step import ADMINISTRATION
from clinic.administration.vital_signs import VitalSigns
from clinic.consent.forms import ConsentForm
from clinic.consent.models import Consent
from clinic.consent.step import CONSENT
from clinic.course_records import of_course
from clinic.downtime import given
from clinic.downtime.questions import asked_of_paper
from clinic.extensions import db
from clinic.followup.adverse_events import AdverseEvent
from clinic.followup.forms import EventForm, instruments_of, visit_form
from clinic.followup.models import PlannedVisit
from clinic.followup.reactions import waiting_visits
from clinic.followup.roles import REPORTERS
from clinic.followup.step import FOLLOW_UP
from clinic.harvest.forms import HarvestForm, own_donor
from clinic.harvest.models import Harvest
from clinic.harvest.step import HARVEST
from clinic.pages import form_of, get_or_404, me, staff_choices
from clinic.processing.forms import RunForm
from clinic.processing.models import ProcessingRun
from clinic.processing.receiving import BOXES, receive
from clinic.processing.step import PROCESSING
from clinic.products.models import Product
from clinic.protocols.catalogues import QC_TESTS
from clinic.release.known_then import known_then
from clinic.release.product_state import held_because, stopped_by
from clinic.release.result_entry import worksheet, write_down
from clinic.release.results import QCResult
from clinic.release.views import TESTS
from clinic.steps import Blocked

if TYPE_CHECKING:
    from collections.abc import Callable

    from clinic.access import Role
    from clinic.accounts.models import User
    from clinic.records import Record
    from clinic.steps import Step
    from clinic.treatments.models import Treatment


def _nothing(_course: Treatment, _form: Any, _when: datetime) -> list[Blocked]:
    return []


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One kind of record: ``form`` for a course and what it hangs on, ``log`` writes it down, the main one first.

    ``gate``: the step that must admit it; None: nothing has to come first. ``judge``: what else would refuse it.
    ``hangs_on``: the kind of row, besides the course, that it is about.
    """

    name: str
    title: str
    icon: str
    model: type[Record]
    logs: frozenset[Role]
    form: Callable[[Treatment, Any], Any]
    log: Callable[[Treatment, Any, Any, User, datetime], list[Record]]
    gate: Step | None = None
    judge: Callable[[Treatment, Any, datetime], list[Blocked]] = _nothing
    hangs_on: type[Any] | None = None


def _harvest_form(course: Treatment, _on: Any) -> Any:
    about = {"treatment": course, "donor": course.donor or own_donor(course, by=me())}
    form = form_of(asked_of_paper(HarvestForm), people=HARVEST.logs, about=about)
    form.plan(course)
    return form


def _harvest(course: Treatment, _on: Any, form: Any, by: User, at: datetime) -> list[Record]:
    donor = course.donor or own_donor(course, by=by)
    harvest = Harvest.log(by=by, at=at, treatment=course, donor=donor, **form.facts())
    db.session.add(harvest)
    if harvest.containers == 1:
        harvest.collect(by=by, at=at, volume=harvest.volume_to_label)
    return [harvest, *harvest.products]


def _run_form(course: Treatment, _on: Any) -> Any:
    about = {"treatment": course, "protocol_version": course.protocol_version}
    form = form_of(asked_of_paper(RunForm), people=PROCESSING.logs, about=about)
    products = of_course(db.session(), course).of(Product)
    form.plan(
        course.says, [one for one in products if one.left > 0 and not (one.given or one.discarded)], [], over=True
    )
    return form


def _run(course: Treatment, _on: Any, form: Any, by: User, at: datetime) -> list[Record]:
    facts = form.facts()
    inputs = [get_or_404(Product, product_id) for product_id in facts.pop("inputs")]
    receipt = {name: facts.pop(name, None) for name in BOXES}
    run = ProcessingRun.log(by=by, at=at, treatment=course, protocol_version=course.protocol_version, **facts)
    run.paper = {}  # what the paper says is filled in with the judgement
    db.session.add(run)
    receive(run, inputs, receipt, by=by, at=at)
    for product in inputs:
        run.take(product, by=by, at=at)
    return [run]


def _run_reasons(course: Treatment, form: Any, when: datetime) -> list[Blocked]:
    """Return which inputs had expired or were on hold (rules 34, 50)."""
    records, found = of_course(db.session(), course), []
    for product in (records.get(one) for one in form["inputs"].data or ()):
        if not isinstance(product, Product):
            continue
        if product.expired(when):
            ended = wording.moment(product.end, records.zone, product.end_known)
            found.append(Blocked(rule=50, because=f"{product.name} expired: use before {ended}."))
        known = known_then(records, product, when)
        decided = stopped_by(known, product, when)
        found += [Blocked(rule=50, because=decided)] if decided else []
        found += [Blocked(rule=34, because=said) for said in held_because(known, product, when)]
    return found


def _results_form(course: Treatment, product: Product | None) -> Any:
    version = product.judged_under if product is not None else course.protocol_version
    tests = tuple(dict.fromkeys(spec.test for spec in version.says.qc)) if version else ()
    form: Any = form_of(asked_of_paper(worksheet(tests)), people=TESTS)
    form.plan([])
    for test in tests:
        for box in form.row(test).values():
            box.fact = replace(box.fact, section=QC_TESTS[test].label)
    return form


def _results(_course: Treatment, product: Any, form: Any, by: User, at: datetime) -> list[Record]:
    made: list[Any] = write_down(form, [product], by=by, at=at)
    db.session.add_all(made)
    return made


def _visit_form(course: Treatment, plan: PlannedVisit | None) -> Any:
    instruments = plan.instruments if plan is not None else instruments_of(course)
    form = form_of(asked_of_paper(visit_form(instruments)), people=FOLLOW_UP.logs, about={"treatment": course})
    form.plan(name=plan.name if plan is not None else "Unscheduled visit", fixed=plan is not None)
    return form


def _visit(course: Treatment, plan: Any, form: Any, by: User, at: datetime) -> list[Record]:
    made = form.log(course, plan, by=by, at=at)
    db.session.add(made)
    return [made, *made.scores]


def _event_form(course: Treatment, _on: Any) -> Any:
    form = form_of(asked_of_paper(EventForm), people=REPORTERS, about={"treatment": course})
    form.plan(course, None, waiting_visits(of_course(db.session(), course)), "")
    return form


def _event(course: Treatment, _on: Any, form: Any, by: User, at: datetime) -> list[Record]:
    last = select(Administration.id).where(Administration.treatment_id == course.id)
    last_given = db.session.scalar(last.order_by(Administration.performed_at.desc()).limit(1))
    event = AdverseEvent.report(by=by, at=at, treatment=course, administration_id=last_given, **form.facts())
    db.session.add(event)
    return [event]


def _consent_form(course: Treatment, _on: Any) -> Any:
    form = form_of(asked_of_paper(ConsentForm), people=CONSENT.logs, about={"patient": course.patient})
    form.plan(course.patient, course.protocol_version_id)
    return form


def _consent(course: Treatment, _on: Any, form: Any, by: User, at: datetime) -> list[Record]:
    consent = Consent.log(by=by, at=at, patient=course.patient, **form.facts())
    db.session.add(consent)
    return [consent]


def _vitals_form(course: Treatment, _on: Any) -> Any:
    return form_of(asked_of_paper(VitalSignsForm), people=ADMINISTRATION.logs, about={"treatment_id": course.id})


def _vitals(course: Treatment, administration: Any, form: Any, by: User, at: datetime) -> list[Record]:
    signs = VitalSigns.log(by=by, at=at, treatment_id=course.id, **form.facts())
    if administration is not None:
        administration.vital_signs.append(signs)
    db.session.add(signs)
    return [signs]


KINDS = {
    kind.name: kind
    for kind in (
        Kind(
            name="consent", title="Consent", icon=CONSENT.icon, model=Consent, logs=CONSENT.logs,
            form=_consent_form, log=_consent,
        ),
        Kind(
            name="harvest", title="Harvest", icon=HARVEST.icon, model=Harvest, logs=HARVEST.logs, gate=HARVEST,
            form=_harvest_form, log=_harvest,
        ),
        Kind(
            name="processing", title="Processing", icon=PROCESSING.icon, model=ProcessingRun, logs=PROCESSING.logs,
            gate=PROCESSING, form=_run_form, log=_run, judge=_run_reasons,
        ),
        Kind(
            name="results", title="Test results", icon="microscope", model=QCResult, logs=TESTS,
            form=_results_form, log=_results, hangs_on=Product,
        ),
        Kind(
            name="administration", title="Administration", icon=ADMINISTRATION.icon, model=Administration,
            logs=ADMINISTRATION.logs, judge=given.reasons, form=given.form, log=given.log,
        ),
        Kind(
            name="vital-signs", title="Vital signs", icon="heartbeat", model=VitalSigns, logs=ADMINISTRATION.logs,
            form=_vitals_form, log=_vitals, hangs_on=Administration,
        ),
        Kind(
            name="visit", title="Visit", icon=FOLLOW_UP.icon, model=FOLLOW_UP.records[0], logs=FOLLOW_UP.logs,
            gate=FOLLOW_UP, form=_visit_form, log=_visit, hangs_on=PlannedVisit,
        ),
        Kind(
            name="adverse-event", title="Adverse event", icon="alert-triangle", model=AdverseEvent, logs=REPORTERS,
            form=_event_form, log=_event,
        ),
    )
}  # fmt: skip
"""What may be copied from paper. A release is not: it opens a gate, so it counts from its signature here."""


def form_for_paper(kind: Kind, course: Treatment, on: Any) -> Any:
    """Return the form of a kind with the questions about its paper; nothing in it is filled in with now and me."""
    form = kind.form(course, on)
    form.ask_for_all(staff_choices())
    return form


def moment_of(form: Any) -> datetime:
    """Return when the paper says that it happened."""
    found = form["performed_at"].data
    return found if found is not None else clock.now()
