"""Pages of the laboratory: the runs of a course and of the bank, one run with all that was done in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Blueprint, url_for
from sqlalchemy import select

from clinic import clock, record_pages
from clinic.access import CLINICAL, allow
from clinic.course_records import of_course
from clinic.errors import Problem, RuleBroken, StepBlocked
from clinic.extensions import db
from clinic.pages import Answer, commit_and_redirect, form_of, form_page, get_or_404, me, refusals_to, zone
from clinic.patients.banner import patient_banner
from clinic.processing.closing import LOSS_TO_EXPLAIN
from clinic.processing.counts import InProcessCount
from clinic.processing.display import next_act
from clinic.processing.forms import (
    CountForm,
    FinishForm,
    InputForm,
    ManipulationForm,
    OutputForm,
    RunForm,
    banked_versions,
)
from clinic.processing.models import Manipulation, ProcessingRun
from clinic.processing.receiving import BOXES, receive
from clinic.processing.step import LOGS, PROCESSING, closed, expired_words, nothing_to_take
from clinic.products.models import Product
from clinic.protocols.catalogues import MANIPULATIONS
from clinic.protocols.models import ProtocolVersion
from clinic.record_pages import record_page
from clinic.step_pages import step_list
from clinic.treatments.models import Treatment

if TYPE_CHECKING:
    from collections.abc import Callable
    from decimal import Decimal

    from clinic.forms import RecordForm

bp = Blueprint("processing", __name__, template_folder="templates")
BANK = "For the bank: a donor's cells for a future patient"


def _url(run: ProcessingRun) -> str:
    return url_for("processing.show", run_id=run.id)


PAGES = record_pages.register_pages(
    ProcessingRun,
    show=_url,
    signs=PROCESSING.signs,
    amends=LOGS,
    people=LOGS,
    patient=patient_banner,
    means=lambda run, user: run.meaning_for(user),
    fixed=frozenset({"thawed_at"}),
    signed_as=lambda run: "Run verified." if run.verified else "Run signed.",
    signs_what="processing run",
    whole="processing/parts.html",
    showing=lambda run: _balance(run) | {"may_add": False},
)
for _part in (Manipulation, InProcessCount):
    record_pages.register_pages(
        _part, show=lambda part: _url(part.run), amends=LOGS, people=LOGS, patient=patient_banner
    )


COLUMNS = [
    ("Run", "run", False),
    ("Processed by", "by", False),
    ("Products", "products", True),
    ("State", "state", False),
]


@bp.get("/treatments/<treatment_id>/processing")
@allow(CLINICAL)
def index(treatment_id: str) -> str:
    """List the runs of a course."""
    course = get_or_404(Treatment, treatment_id)
    runs = of_course(db.session(), course, only={ProcessingRun, Product}).of(ProcessingRun)
    return step_list(
        PROCESSING, course, heading="Processing", rows=[_line(run) for run in runs], columns=COLUMNS,
        empty_text="No processing in this course yet.", begin=("plus", "Start a run"),
    )  # fmt: skip


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
def new(treatment_id: str) -> Answer:
    """Start a run for a course."""
    course = get_or_404(Treatment, treatment_id)
    records = of_course(db.session(), course)
    PROCESSING.admit(records, by=me(), at=clock.now())
    if not _available(course):
        raise StepBlocked(PROCESSING.title, nothing_to_take(records, clock.now()))
    return _begin(course, back_url=url_for("pathway.course", treatment_id=course.id))


@bp.route("/processing/new", methods=["GET", "POST"])
@allow(LOGS)
def new_banked() -> Answer:
    """Start a run for the bank: products of donors that belong to no course."""
    return _begin(None, back_url=url_for("products.index"))


def _begin(course: Treatment | None, *, back_url: str) -> Answer:
    version = course.protocol_version if course else None
    form = form_of(RunForm, people=LOGS, about={"treatment": course, "protocol_version": version})
    form.plan(course.says if course else None, _available(course), banked_versions() if course is None else [])
    form.leave_out(_too_late(course) if course else [])
    if form.validate_on_submit():
        with refusals_to(form):
            run = _begun(course, form.facts())
            return commit_and_redirect(_url(run), "Run started. Record each step as it is done.")
    lede = f"{course.title} · {course.protocol_version.name}" if course else BANK
    return form_page(
        form,
        heading="Start a run",
        save_label="Start the run",
        save_icon="microscope",
        back_url=back_url,
        lede=lede,
        after="The run opens. Add each step, count and container there. You sign, then a second person verifies.",
        patient=patient_banner(course),
    )


def _begun(course: Treatment | None, facts: dict[str, Any]) -> ProcessingRun:
    """Return the new run with its inputs, with all that is left in each."""
    inputs, version_id = facts.pop("inputs"), facts.pop("protocol_version_id", None)
    version = course.protocol_version if course else get_or_404(ProtocolVersion, version_id)
    products, receipt = [get_or_404(Product, one) for one in inputs], {name: facts.pop(name, None) for name in BOXES}
    run = ProcessingRun.log(by=me(), at=clock.now(), treatment=course, protocol_version=version, **facts)
    db.session.add(run)
    receive(run, products, receipt, by=me(), at=clock.now())
    for product in products:
        run.take(product, by=me(), at=clock.now())
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


def _too_late(course: Treatment) -> list[str]:
    """Return which containers of a course are not offered because they expired, each in a sentence."""
    found, at = of_course(db.session(), course).of(Product), clock.now()
    gone = [one for one in found if one.expired(at) and one.left > 0 and not (one.given or one.discarded)]
    return [expired_words(one, zone()) for one in gone]


@bp.get("/runs/<run_id>")
@allow(CLINICAL)
def show(run_id: str) -> str:
    """Show one run: what went in, what was done and counted, what came out, and the balance."""
    run = get_or_404(ProcessingRun, run_id)
    course = run.treatment
    return record_page(
        run,
        PAGES,
        template="processing/show.html",
        may_add=me().role in LOGS and not run.signed,
        next=next_act(run, me()),
        back_url=url_for("pathway.course", treatment_id=course.id) if course else url_for("products.index"),
        back_label="Course" if course else "Products",
        **_balance(run),
    )


def _balance(run: ProcessingRun) -> dict[str, Any]:
    left = run.steps_left if run.ended_at is not None else []
    return {
        "loses": run.loss_share > LOSS_TO_EXPLAIN, "share": f"{run.loss_share * 100:.0f} %",
        "left_out": [MANIPULATIONS[kind].label for kind in left], "left_out_why": run.confirmed.get("ended_at", ""),
    }  # fmt: skip


def _part_page(
    run: ProcessingRun, form: RecordForm, act: Callable[[ProcessingRun, dict[str, Any]], str], **words: str
) -> Answer:
    """Take the form of one part of a run; the form comes back filled in where a rule says no."""
    if form.validate_on_submit():
        with refusals_to(form):
            return commit_and_redirect(_url(run), act(run, form.facts()))
    return form_page(form, lede=run.headline(), back_url=_url(run), patient=patient_banner(run), **words)


@bp.route("/runs/<run_id>/inputs/new", methods=["GET", "POST"])
@allow(LOGS)
def add_input(run_id: str) -> Answer:
    """Put one more product, or a part of it, into a run."""
    run = get_or_404(ProcessingRun, run_id)
    form, taken = form_of(InputForm), {one.product_id for one in run.inputs}
    form.plan([product for product in _available(run.treatment) if product.id not in taken])
    return _part_page(run, form, _put_in, heading="Add input", save_label="Add input", save_icon="plus")


def _put_in(run: ProcessingRun, facts: dict[str, Any]) -> str:
    product = get_or_404(Product, facts["product_id"])
    receive(run, [product], facts, by=me(), at=clock.now())
    run.take(product, by=me(), at=clock.now(), volume=facts["volume"])
    return "Input added."


@bp.route("/runs/<run_id>/manipulations/new", methods=["GET", "POST"])
@allow(LOGS)
def add_manipulation(run_id: str) -> Answer:
    """Record one thing that was done (rule 35: no expired lot)."""
    run = get_or_404(ProcessingRun, run_id)
    form = form_of(ManipulationForm, people=LOGS, about=_of(run))
    form.plan(run.follows.says if run.follows else None, run.steps_left)
    return _part_page(run, form, _manipulate, heading="Record a step", save_label="Save")


def _of(run: ProcessingRun) -> dict[str, str]:
    return {"run_id": run.id, "site_id": run.site_id}


def _manipulate(run: ProcessingRun, facts: dict[str, Any]) -> str:
    run.enter(Manipulation.log(by=me(), at=clock.now(), **_of(run), **facts))
    return "Step saved."


@bp.route("/runs/<run_id>/counts/new", methods=["GET", "POST"])
@allow(LOGS)
def add_count(run_id: str) -> Answer:
    """Record one count; the total is worked out (rule 38)."""
    run = get_or_404(ProcessingRun, run_id)
    form = form_of(CountForm, people=LOGS, about=_of(run))
    after = "The total is calculated from concentration and volume."
    return _part_page(run, form, _count, heading="Record a count", save_label="Save", after=after)


def _count(run: ProcessingRun, facts: dict[str, Any]) -> str:
    count = InProcessCount.log(by=me(), at=clock.now(), **_of(run), **facts)
    run.enter(count)
    return f"{count.arithmetic} = {count.total_text}."


@bp.route("/runs/<run_id>/outputs/new", methods=["GET", "POST"])
@allow(LOGS)
def add_output(run_id: str) -> Answer:
    """Make one container, or several alike, of what went in (rules 36, 37, 38)."""
    run = get_or_404(ProcessingRun, run_id)
    form = form_of(OutputForm)
    form.plan(run)
    words = {"heading": "Outputs", "save_label": "Add containers", "save_icon": "plus"}
    return _part_page(run, form, _make, after=f"The balance so far: {run.balance}.", **words)


def _make(run: ProcessingRun, facts: dict[str, Any]) -> str:
    number, division = facts.pop("alike"), facts.pop("division") or ""
    place, temperature = facts.pop("place"), facts.pop("temperature")
    for turn in range(1, number + 1):
        named = f"{division}{turn}" if division and number > 1 else division
        product = run.make(by=me(), at=clock.now(), division=named, **facts)
        if place:
            _store(product, place, temperature)
    return "One container added." if number == 1 else f"{number} containers added."


def _store(product: Product, place: str, temperature: Decimal | None) -> None:
    """Record where a container lies; where the protocol has a storage range, how cold it is there (rule 48)."""
    at = clock.now()
    allowed = product.storage_range(at)
    if temperature is None and allowed is not None:
        said = f"Storage temperature: required; the protocol's range is {allowed} °C."
        raise RuleBroken(Problem(said, "temperature", rule=48))
    product.move(kind="stored", place=place, temperature=temperature, by=me(), at=at)


@bp.route("/runs/<run_id>/end", methods=["GET", "POST"])
@allow(LOGS)
def finish(run_id: str) -> Answer:
    """Fill in the end of the run and its balance."""
    run = get_or_404(ProcessingRun, run_id)
    form = form_of(FinishForm)
    form.plan(run)
    after = f"Now: {run.balance}. A loss of more than 10 % needs a reason."
    return _part_page(run, form, _finish, heading="End and balance", save_label="Save", after=after)


def _finish(run: ProcessingRun, facts: dict[str, Any]) -> str:
    run.finish(at=clock.now(), **facts)
    if not run.outputs:
        return "End saved. No container is recorded yet."
    return f"End saved. {run.balance} lost."
