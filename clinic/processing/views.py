"""Pages of the laboratory: the runs of a course and of the bank, one run with all that was done in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Blueprint, render_template, url_for
from sqlalchemy import select

from clinic import clock, record_pages
from clinic.access import CLINICAL, allow, may
from clinic.course_records import of_course
from clinic.errors import RuleBroken
from clinic.extensions import db
from clinic.pages import find, form_of, me, saved, zone
from clinic.patients.banner import band
from clinic.processing.counts import InProcessCount
from clinic.processing.forms import (
    CountForm,
    FinishForm,
    InputForm,
    ManipulationForm,
    OutputForm,
    RunForm,
    banked_versions,
)
from clinic.processing.models import LOSS_TO_EXPLAIN, Manipulation, ProcessingRun
from clinic.processing.step import LOGS, PROCESSING, closed
from clinic.products.models import Product
from clinic.protocols.models import ProtocolVersion
from clinic.record_pages import offer_people, record_page
from clinic.treatments.models import Treatment

if TYPE_CHECKING:
    from collections.abc import Callable

    from werkzeug.wrappers import Response

    from clinic.forms import RecordForm

bp = Blueprint("processing", __name__, template_folder="templates")


def _band(run: ProcessingRun) -> Any:
    course = run.treatment
    return band(course.patient, zone(), chain_of_identity=course.chain_of_identity) if course else None


def _url(run: ProcessingRun) -> str:
    return url_for("processing.show", run_id=run.id)


DESK = record_pages.desk(
    ProcessingRun,
    show=_url,
    signs=PROCESSING.signs,
    amends=LOGS,
    patient=_band,
    means=lambda run, user: run.meaning_for(user),
    fixed=frozenset({"thawed_at"}),
)
for _part in (Manipulation, InProcessCount):
    record_pages.desk(_part, show=lambda part: _url(part.run), amends=LOGS, patient=lambda part: _band(part.run))


@bp.get("/treatments/<treatment_id>/processing")
@allow(CLINICAL)
def index(treatment_id: str) -> str:
    """List the runs of a course."""
    course = find(Treatment, treatment_id)
    return render_template(
        "records/list.html",
        heading="Processing",
        lede=course.title,
        rows=[_line(run) for run in of_course(db.session(), course).of(ProcessingRun)],
        columns=[
            ("Run", "run", False),
            ("Processed by", "by", False),
            ("Products", "products", True),
            ("State", "state", False),
        ],
        empty_text="Nothing was processed for this course yet.",
        actions=[(url_for("processing.new", treatment_id=course.id), "plus", "Begin a run")]
        if me().role in LOGS
        else [],
        patient=band(course.patient, zone(), chain_of_identity=course.chain_of_identity),
    )


def _line(run: ProcessingRun) -> list[Any]:
    state = (
        ("ok", "check", "Verified" if run.verified else "Signed")
        if closed(run)
        else ("wait", "hourglass", "Not verified" if run.signed else "Not signed")
    )
    return [
        (run.headline(), _url(run)),
        run.performed_by.printed_name if run.performed_by else None,
        len(run.outputs),
        state,
    ]


@bp.route("/treatments/<treatment_id>/processing/new", methods=["GET", "POST"])
@allow(LOGS)
def new(treatment_id: str) -> Response | str | tuple[str, int]:
    """Begin a run for a course."""
    course = find(Treatment, treatment_id)
    PROCESSING.admit(of_course(db.session(), course), by=me(), at=clock.now())
    return _begin(course, back_url=url_for("pathway.course", treatment_id=course.id))


@bp.route("/processing/new", methods=["GET", "POST"])
@allow(LOGS)
def new_banked() -> Response | str | tuple[str, int]:
    """Begin a run for the bank: products of donors that belong to no course."""
    return _begin(None, back_url=url_for("products.index"))


def _begin(course: Treatment | None, *, back_url: str) -> Response | str | tuple[str, int]:
    form = form_of(RunForm)
    offer_people(form, mine=True, roles=LOGS)
    form.plan(course.says if course else None, _available(course), banked_versions() if course is None else [])
    if form.validate_on_submit():
        try:
            run = _begun(course, form.facts())
            return saved(_url(run), "The run has begun. Write down what is done as it is done.")
        except RuleBroken as fault:
            db.session.rollback()
            form.take(fault)
            course = find(Treatment, course.id) if course else None
    page = render_template(
        "records/form.html",
        heading="Begin a run",
        form=form,
        save_label="Begin the run",
        save_icon="microscope",
        back_url=back_url,
        lede=f"{course.title} · {course.protocol_version.name}"
        if course
        else "For the bank: cells of a donor, for a patient to come",
        after="The run opens. Add each step, count and container there; then you sign, and a second person checks it.",
        patient=band(course.patient, zone(), chain_of_identity=course.chain_of_identity) if course else None,
    )
    return (page, 422) if form.error_list else page


def _begun(course: Treatment | None, facts: dict[str, Any]) -> ProcessingRun:
    """Return the new run with its inputs, all of what is left in each."""
    inputs, version_id = facts.pop("inputs"), facts.pop("protocol_version_id", None)
    version = course.protocol_version if course else find(ProtocolVersion, version_id)
    run = ProcessingRun.log(by=me(), at=clock.now(), treatment=course, protocol_version=version, **facts)
    db.session.add(run)
    for product_id in inputs:
        run.take(find(Product, product_id), by=me(), at=clock.now())
    return run


def _available(course: Treatment | None) -> list[Product]:
    """Return the products that a run may take: those of its course, or those of the bank."""
    if course is not None:
        found = of_course(db.session(), course).of(Product)
    else:
        chosen = select(Product).where(Product.treatment_id.is_(None)).order_by(Product.recorded_at.desc()).limit(200)
        found = list(db.session.scalars(chosen))
    at = clock.now()
    return [
        product
        for product in found
        if product.left > 0 and not (product.given or product.discarded or product.expired(at))
    ]


@bp.get("/runs/<run_id>")
@allow(CLINICAL)
def show(run_id: str) -> str:
    """Show one run: what went in, what was done and counted, what came out, and the balance."""
    run, role = find(ProcessingRun, run_id), me().role
    course = run.treatment
    return record_page(
        run,
        DESK,
        template="processing/show.html",
        may_add=role in LOGS and not run.signed,
        next=_next(run),
        back_url=url_for("pathway.course", treatment_id=course.id) if course else url_for("products.index"),
        back_label="Course" if course else "Products",
        loses=run.loss_share > LOSS_TO_EXPLAIN,
        share=f"{run.loss_share * 100:.0f} %",
    )


def _next(run: ProcessingRun) -> dict[str, Any] | None:
    """Return the one next act on a run: sign it, or verify it; whose turn it is where it is not this person's."""
    if closed(run) or not run.outputs:
        return None
    if run.ended_at is None:
        mine = me().role in LOGS
        return {
            "tag": "Your next action" if mine else "Waits for " + " or ".join(role.label for role in LOGS),
            "title": "Write down end and balance",
            "text": "When it ended, and how much went into samples and waste. Then it can be signed.",
            "url": url_for("processing.finish", run_id=run.id) if mine else None,
            "icon": "flag",
            "label": "End and balance",
        }
    who = (*LOGS,) if not run.signed else run.verifiers
    mine = me().role in who and not (run.signed and me().id in run.hands) and may(me().role, "record_pages.signature")
    title, label = ("Sign this run", "Read and sign") if not run.signed else ("Verify this run", "Check and sign")
    text = (
        "Read it once more. Your signature says that it is complete and true."
        if not run.signed
        else "Check the calculations, lots and labels as somebody who had no hand in it."
    )
    waits = " or ".join(role.label for role in who)
    return {
        "tag": "Your next action" if mine else f"Waits for {waits}",
        "title": title,
        "text": text,
        "url": url_for("record_pages.signature", record_id=run.id) if mine else None,
        "icon": "signature",
        "label": label,
    }


def _part_page(
    run: ProcessingRun, form: RecordForm, act: Callable[[ProcessingRun, dict[str, Any]], str], **words: str
) -> Response | str | tuple[str, int]:
    """Take the form of one part of a run; the form comes back filled in where a rule says no."""
    if form.validate_on_submit():
        try:
            return saved(_url(run), act(run, form.facts()))
        except RuleBroken as fault:
            db.session.rollback()
            form.take(fault)
            run = find(ProcessingRun, run.id)
    page = render_template(
        "records/form.html", form=form, lede=run.headline(), back_url=_url(run), patient=_band(run), **words
    )
    return (page, 422) if form.error_list else page


@bp.route("/runs/<run_id>/inputs/new", methods=["GET", "POST"])
@allow(LOGS)
def add_input(run_id: str) -> Response | str | tuple[str, int]:
    """Put one more product, or a part of it, into a run."""
    run = find(ProcessingRun, run_id)
    form = form_of(InputForm)
    taken = {one.product_id for one in run.inputs}
    form.offer(
        "product_id",
        [
            (p.id, f"{p.name} {p.division or ''} · {p.left} mL left · {p.id}")
            for p in _available(run.treatment)
            if p.id not in taken
        ],
    )

    def act(run: ProcessingRun, facts: dict[str, Any]) -> str:
        run.take(find(Product, facts["product_id"]), by=me(), at=clock.now(), volume=facts["volume"])
        return "The product went in."

    return _part_page(run, form, act, heading="Put a product in", save_label="Put it in", save_icon="plus")


@bp.route("/runs/<run_id>/manipulations/new", methods=["GET", "POST"])
@allow(LOGS)
def add_manipulation(run_id: str) -> Response | str | tuple[str, int]:
    """Write down one thing that was done (rule 35: no expired lot)."""
    run = find(ProcessingRun, run_id)
    form = form_of(ManipulationForm)
    offer_people(form, mine=True, roles=LOGS)
    form.plan(run.follows.says if run.follows else None)

    def act(run: ProcessingRun, facts: dict[str, Any]) -> str:
        run.enter(Manipulation.log(by=me(), at=clock.now(), run_id=run.id, site_id=run.site_id, **facts))
        return "Written down."

    return _part_page(run, form, act, heading="Write down a step", save_label="Write it down")


@bp.route("/runs/<run_id>/counts/new", methods=["GET", "POST"])
@allow(LOGS)
def add_count(run_id: str) -> Response | str | tuple[str, int]:
    """Write down one count; the total is worked out (rule 38)."""
    run = find(ProcessingRun, run_id)
    form = form_of(CountForm)
    offer_people(form, mine=True, roles=LOGS)
    form.prefill("performed_at", clock.now().replace(second=0, microsecond=0), "filled in: now")

    def act(run: ProcessingRun, facts: dict[str, Any]) -> str:
        count = InProcessCount.log(by=me(), at=clock.now(), run_id=run.id, site_id=run.site_id, **facts)
        run.enter(count)
        return f"{count.arithmetic} = {count.total_text}."

    return _part_page(
        run,
        form,
        act,
        heading="Write down a count",
        save_label="Write it down",
        after="The total is worked out from concentration and volume, and shown with its sum.",
    )


@bp.route("/runs/<run_id>/outputs/new", methods=["GET", "POST"])
@allow(LOGS)
def add_output(run_id: str) -> Response | str | tuple[str, int]:
    """Make one container, or several alike, of what went in (rules 36, 37, 38)."""
    run = find(ProcessingRun, run_id)
    form = form_of(OutputForm)
    form.plan(run)

    def act(run: ProcessingRun, facts: dict[str, Any]) -> str:
        number, place, division = facts.pop("alike"), facts.pop("place"), facts.pop("division") or ""
        for turn in range(1, number + 1):
            named = f"{division}{turn}" if division and number > 1 else division
            product = run.make(by=me(), at=clock.now(), division=named, **facts)
            if place:
                product.move(kind="stored", place=place, by=me(), at=clock.now())
        return "One container was made." if number == 1 else f"{number} containers were made."

    return _part_page(
        run,
        form,
        act,
        heading="What came out",
        save_label="Make it",
        save_icon="plus",
        after=f"The balance so far: {run.balance}.",
    )


@bp.route("/runs/<run_id>/end", methods=["GET", "POST"])
@allow(LOGS)
def finish(run_id: str) -> Response | str | tuple[str, int]:
    """Fill in the end of the run and its balance."""
    run = find(ProcessingRun, run_id)
    form = form_of(FinishForm)
    for name in ("added_volume", "waste_volume", "ended_at", "loss_reason"):
        form.prefill(name, getattr(run, name))
    form.prefill("ended_at", clock.now().replace(second=0, microsecond=0), "filled in: now")

    def act(run: ProcessingRun, facts: dict[str, Any]) -> str:
        facts.pop("confirmed", None)
        run.finish(at=clock.now(), **facts)
        return f"The end is written down. {run.balance}."

    return _part_page(
        run,
        form,
        act,
        heading="End and balance",
        save_label="Write it down",
        after=f"Now: {run.balance}. More than 10 % lost needs a reason.",
    )
