"""Pages of quality: the worksheet of test results, one result, the decision on a product."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Blueprint, render_template, request, url_for

from clinic import clock, record_display, record_pages
from clinic.access import CLINICAL, Role, allow
from clinic.course_records import around, of_course
from clinic.errors import Problem, RuleBroken, StepBlocked
from clinic.extensions import db
from clinic.pages import Answer, commit_and_redirect, form_of, form_page, get_or_404, me, refusals_to, zone
from clinic.patients.banner import patient_banner
from clinic.products.models import Product
from clinic.protocols.catalogues import QC_TESTS
from clinic.record_pages import record_page
from clinic.release import decision_words, signing
from clinic.release.carried import judged_results
from clinic.release.decision_form import HoldForm, decision_form, settled
from clinic.release.decision_rows import decision_rows
from clinic.release.evidence import told_in_words
from clinic.release.models import Release, decide
from clinic.release.points import PERMITTING, RELEASING, points_of, to_decide, workings_of
from clinic.release.product_state import RESTS_ON, state_of
from clinic.release.result_entry import alarm, worksheet, write_down
from clinic.release.result_rows import clock_of, lede, result_row, result_table
from clinic.release.results import QCResult
from clinic.release.step import RELEASE, before, decidable, only_no, stops_processing
from clinic.release.who_decides import hands_on
from clinic.treatments.models import Treatment

if TYPE_CHECKING:
    from datetime import datetime

    from clinic.course_records import CourseRecords
    from clinic.release.decision_form import DecisionForm

bp = Blueprint("release", __name__, template_folder="templates")

TESTS = frozenset({Role.TECHNOLOGIST})
HOLDS = frozenset({Role.NURSE, Role.PHYSICIAN, Role.TECHNOLOGIST, Role.QUALITY, Role.DIRECTOR})
"""Who puts a container on hold: whoever of the clinical staff sees a danger says so at once."""


RESULTS = record_pages.register_pages(
    QCResult,
    show=lambda result: url_for("release.result", result_id=result.id),
    signs=TESTS | {Role.QUALITY, Role.PHYSICIAN},
    amends=TESTS | {Role.QUALITY},
    patient=patient_banner,
    fixed=frozenset({"test"}),
    means=signing.meaning_of,
    showing=signing.as_listed,
    together=signing.results_beside,
    listed="release/listed.html",
)
record_pages.register_pages(
    Release,
    show=lambda release: url_for("release.release", product_id=release.product_id),
    signs=RELEASE.signs | {Role.PHYSICIAN},
    patient=patient_banner,
    means=lambda release, user: release.meaning_for(user),
    whole="release/evidence.html",
    showing=lambda release: signing.evidence(release, at=clock.now()),
    together=signing.sisters,
)


record_pages.CONSEQUENCES.append(lambda record: signing.on_hold(record, clock.now()))

COLUMNS = [
    ("Product", "product", False),
    ("State", "state", False),
    ("Results", "results", True),
    ("Where", "place", False),
]


@bp.get("/treatments/<treatment_id>/release")
@allow(CLINICAL)
def course(treatment_id: str) -> str:
    """List the products of a course that are decided on, with their state."""
    one, at = get_or_404(Treatment, treatment_id), clock.now()
    records = of_course(db.session(), one)
    return render_template(
        "records/list.html",
        heading="Release",
        lede=one.title,
        rows=[_row(records, product, at) for product in decidable(records)],
        empty_text="No product to decide on yet.",
        actions=[(url_for("pathway.course", treatment_id=one.id), "list-check", "Course")],
        columns=COLUMNS,
        patient=patient_banner(one),
    )


def _row(records: CourseRecords, product: Product, at: datetime) -> list[Any]:
    return [
        (f"{product.name} {product.division or ''}".strip(), url_for("release.release", product_id=product.id)),
        state_of(records, product, at).tag,
        len(records.on(product, QCResult)),
        product.place_text,
    ]


@bp.get("/products/<product_id>/results")
@allow(CLINICAL)
def results(product_id: str) -> str:
    """Show the results of a product, and the worksheet to those who test."""
    product = get_or_404(Product, product_id)
    records = around(db.session(), product, only=RESTS_ON)
    return render_template("release/results.html", **_sheet(records, product, _worksheet(records, product)))


@bp.post("/products/<product_id>/results")
@allow(TESTS)
def add_results(product_id: str) -> Answer:
    """Record the results of every row that is filled in."""
    product = get_or_404(Product, product_id)
    records = around(db.session(), product, only=RESTS_ON)
    form = _worksheet(records, product)
    if _asks_for_a_row():
        if not form.begin_row(_asked_besides()):
            form.refuse("choose the test for the new row", "another")
        return render_template(
            "release/results.html", **_sheet(records, product, form)
        ), 422 if form.error_list else 200
    if form.validate_on_submit():
        with refusals_to(form):
            also = [get_or_404(Product, other) for other in form.siblings]
            made = write_down(form, [product, *also], by=me(), at=clock.now())
            db.session.add_all(made)
            done, bad = f"{len(made)} {'result' if len(made) == 1 else 'results'} saved.", alarm(made)
            kind = "danger" if bad else "ok"
            return commit_and_redirect(url_for("release.results", product_id=product.id), f"{done} {bad}".strip(), kind)
    records = around(db.session(), product, only=RESTS_ON)  # anew: what was refused was taken back
    return render_template("release/results.html", **_sheet(records, product, form)), 422


def _asks_for_a_row() -> bool:
    """Whether the worksheet was sent for one row more: it comes back as it was typed, and nothing is saved."""
    return request.form.get("do") == "row"


def _asked_besides() -> list[str]:
    """Return the tests that are named in the address, then the one for which a row is asked now."""
    more = request.form.getlist("another") if _asks_for_a_row() else []
    return [test for test in dict.fromkeys([*request.args.getlist("test"), *more]) if test in QC_TESTS]


def _worksheet(records: CourseRecords, product: Product) -> Any:
    """Return the worksheet: a row for each test that is required, was read, or is asked for besides."""
    version = product.judged_under
    tests = [spec.test for spec in version.says.qc] if version else []
    tests += [str(result.test) for result in records.on(product, QCResult)]
    form: Any = form_of(worksheet(tuple(dict.fromkeys(tests + _asked_besides()))), people=TESTS, staff=records.staff)
    run = records.get(product.run_id)
    form.plan([other for other in run.outputs if other.id != product.id] if run else [])
    return form


def _sheet(records: CourseRecords, product: Product, form: Any) -> dict[str, Any]:
    found = records.on(product, QCResult)
    return {
        "record": product,
        "form": form,
        "patient": patient_banner(product),
        "heading": f"Test results: {product.name} {product.division or ''}".strip(),
        "lede": f"{lede(product)} · {product.judged_under.name}" if product.judged_under else lede(product),
        "may_add": me().role in TESTS,
        "adding": me().role in TESTS
        and bool(request.args.get("add") or request.args.get("test") or form.is_submitted()),
        "lines": form.lines(product, found),
        "table": result_table(product.judged_under, judged_results(records, product), product),
        "workings": workings_of(records, product, clock.now()),
        "back_url": url_for("products.show", product_id=product.id),
        "state": state_of(records, product, clock.now()),
        "added": _asked_besides(),
    }


@bp.get("/results/<result_id>")
@allow(CLINICAL)
def result(result_id: str) -> str:
    """Show one result with the limit that judged it."""
    one = get_or_404(QCResult, result_id)
    return record_page(
        one,
        RESULTS,
        template="release/result.html",
        row=result_row(one, one.spec),
        may_sign=signing.wrote(one, me()),
        unfinished=me().role is Role.PHYSICIAN,  # who only acknowledges it, from Today
        final_at=one.final_at if one.interim or one.pending else None,
        back_url=url_for("release.results", product_id=one.product_id),
        back_label="All results",
    )


@bp.get("/products/<product_id>/release")
@allow(CLINICAL)
def release(product_id: str) -> str:
    """Show the evidence for a decision, what is missing, and the form."""
    product = get_or_404(Product, product_id)
    return render_template("release/release.html", **_bench(product, decision_form()))


@bp.post("/products/<product_id>/release")
@allow(RELEASE.logs)
def decide_on(product_id: str) -> Answer:
    """Record a decision; its signature follows on the next page (rules 43 to 47)."""
    product, at = get_or_404(Product, product_id), clock.now()
    form = decision_form()
    if form.validate_on_submit():
        with refusals_to(form):
            facts = form.facts()
            _admit(product, facts["decision"], at)
            made = decide(product, product.judged_under, by=me(), at=at, **facts)
            db.session.add(made)
            return commit_and_redirect(
                url_for("record_pages.signature", record_id=made.id), decision_words.saved(made.decision)
            )
    return render_template("release/release.html", **_bench(product, form)), 422


@bp.route("/products/<product_id>/hold", methods=["GET", "POST"])
@allow(HOLDS)
def hold(product_id: str) -> Answer:
    """Put a product on hold with a reason: it counts as soon as it is written, whoever says it (rule 50)."""
    product, form = get_or_404(Product, product_id), form_of(HoldForm)
    back = url_for("products.show", product_id=product.id)
    if form.validate_on_submit():
        with refusals_to(form, "reason"):
            said = {"decision": "hold", "reason": form["reason"].data}
            db.session.add(decide(product, product.judged_under, by=me(), at=clock.now(), **said))
            return commit_and_redirect(back, decision_words.HELD)
    name = f"{product.name} {product.division or ''}".strip()
    return form_page(
        form, heading=f"Put on hold: {name}", lede=lede(product), save_label="Put on hold", save_icon="hand-stop",
        back_url=back, patient=patient_banner(product), after=decision_words.HOLDING,
    )  # fmt: skip


def _admit(product: Product, decision: str, at: Any) -> None:
    """Raise where the gate of a release is closed; to hold or to reject nothing has to come first."""
    if decision not in PERMITTING:
        return
    records = around(db.session(), product)
    if decision not in RELEASING:
        over = only_no(records, product, at)
        if over:
            raise RuleBroken(*(Problem(f"{said} Hold or reject the product.", "decision") for said in over))
        return
    if records.course is not None:
        RELEASE.admit(records, by=me(), at=at)
    reasons = before(records, product, at)
    if reasons:
        raise StepBlocked(RELEASE.title, reasons)


def _bench(product: Product, form: DecisionForm) -> dict[str, Any]:
    at, user = clock.now(), me()
    records = around(db.session(), product)
    found, points = records.on(product, QCResult), points_of(records, product, at)
    gate, bad, over = before(records, product, at), to_decide(points), only_no(records, product, at)
    missing = gate + [signing.blocked_by(product, point, user.role) for point in points if point not in bad]
    had_a_hand, told = user.is_among(hands_on(records, product)), told_in_words(records, product)
    form.offer_possible(gate + over, points, found, acceptable=not over and stops_processing(records, product, at))
    return {
        "record": product,
        "form": form,
        "patient": patient_banner(product),
        "heading": f"Release: {product.name} {product.division or ''}".strip(),
        "lede": f"{lede(product)} · {product.judged_under.name}" if product.judged_under else lede(product),
        "state": state_of(records, product, at),
        "time_left": None if product.given or product.discarded else clock_of(product.end, at, product.end_known),
        "table": result_table(product.judged_under, judged_results(records, product), product),
        "workings": workings_of(records, product, at),
        "reasons": record_display.reasons([] if over else missing),
        "against": [*over, *(point.sentence for point in bad if point.sentence not in over), *told],
        "only_no": bool(over) or any(point.never for point in bad),
        "of_kin": not over and all(point.of_kin for point in bad),
        "settled": settled(records, product, at) and not form.is_submitted(),
        "may_decide": user.role in RELEASE.logs and not had_a_hand,
        "had_a_hand": had_a_hand,
        "may_hold": user.role in HOLDS and not (user.role in RELEASE.logs and not had_a_hand),
        "decisions": decision_rows(records, product, zone(), clock.now()),
        "role": user.role.value,
        "back_url": url_for("products.show", product_id=product.id),
    }
