"""Pages of quality: the worksheet of test results, one result, the decision on a product."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Blueprint, render_template, request, url_for

from clinic import clock, record_display, record_pages
from clinic.access import CLINICAL, Role, allow
from clinic.errors import RuleBroken, StepBlocked
from clinic.extensions import db
from clinic.forms import form_for
from clinic.inventory.views import band_of, product_url
from clinic.pages import find, form_of, me, saved, zone
from clinic.patients.banner import band
from clinic.products.models import Product
from clinic.protocols.catalogues import QC_TESTS
from clinic.record_pages import offer_people, record_page, staff_choices
from clinic.records import Meaning
from clinic.release.models import (
    RELEASING,
    Point,
    Release,
    decide,
    hands_on,
    releases_of,
    results_of,
    run_of,
    workings_of,
)
from clinic.release.product_state import state_of
from clinic.release.result_entry import worksheet, write_down
from clinic.release.result_rows import lede, result_row, result_table
from clinic.release.results import QCResult
from clinic.release.step import LABORATORY, RELEASE, before, decidable, points_of
from clinic.steps import Blocked
from clinic.treatments.models import Treatment

if TYPE_CHECKING:
    from werkzeug.wrappers import Response

    from clinic.forms import RecordForm

bp = Blueprint("release", __name__, template_folder="templates")

TESTS = frozenset({Role.TECHNOLOGIST})
DecisionForm = form_for(Release, without=("performed_at", "performed_by_id"))

RESULTS = record_pages.desk(
    QCResult,
    show=lambda result: url_for("release.result", id=result.id),
    signs=TESTS,
    amends=TESTS | {Role.QUALITY},
    patient=lambda result: band_of(result.product),
    fixed=frozenset({"test"}),
)
record_pages.desk(
    Release,
    show=lambda release: url_for("release.release", id=release.product_id),
    signs=RELEASE.signs,
    patient=lambda release: band_of(release.product),
    means=lambda release, _user: Meaning.RELEASE if release.decision in RELEASING else Meaning.REVIEW,
)


@bp.get("/treatments/<id>/release")
@allow(CLINICAL)
def course(id: str) -> str:  # noqa: A002 - the address says <id>
    """List the products of a course that are decided on, with their state."""
    one, at = find(Treatment, id), clock.now()
    rows = [
        [
            (f"{p.name} {p.division or ''}".strip(), url_for("release.release", id=p.id)),
            state_of(p, at).tag,
            len(results_of(p)),
            p.place_text,
        ]
        for p in decidable(one)
    ]
    return render_template(
        "records/list.html",
        heading="Release",
        lede=one.title,
        rows=rows,
        empty_text="There is no product to decide on yet.",
        columns=[
            ("Product", "product", False),
            ("State", "state", False),
            ("Results", "results", True),
            ("Where", "place", False),
        ],
        patient=band(one.patient, zone(), chain_of_identity=one.chain_of_identity),
    )


@bp.get("/products/<id>/results")
@allow(CLINICAL)
def results(id: str) -> str:  # noqa: A002
    """Show the results of a product and, to who tests, the worksheet."""
    product = find(Product, id)
    return render_template("release/results.html", **_sheet(product, _worksheet(product)))


@bp.post("/products/<id>/results")
@allow(TESTS)
def add_results(id: str) -> Response | tuple[str, int]:  # noqa: A002
    """Write down the results of every row that is filled in."""
    product = find(Product, id)
    form = _worksheet(product)
    if form.validate_on_submit():
        also = [find(Product, other) for other in form.also.data or []] if "also" in form else []
        try:
            made = write_down(form, [product, *also], by=me(), at=clock.now())
            db.session.add_all(made)
            return saved(
                url_for("release.results", id=product.id),
                f"{len(made)} {'result' if len(made) == 1 else 'results'} written down.",
            )
        except RuleBroken as fault:
            db.session.rollback()
            form.refuse(str(fault))
            product = find(Product, id)
    return render_template("release/results.html", **_sheet(product, form)), 422


def _worksheet(product: Product) -> Any:
    """Return the worksheet: a row for each test that is asked for, was read, or is named in the address."""
    version = product.judged_under
    tests = [spec.test for spec in version.says.qc] if version else []
    tests += [str(result.test) for result in results_of(product)]
    tests += [test for test in request.args.getlist("test") if test in QC_TESTS]
    form: Any = form_of(worksheet(tuple(dict.fromkeys(tests))))
    offer_people(form, mine=True, roles=TESTS)
    run = run_of(product)
    form.plan([other for other in run.outputs if other.id != product.id] if run else [])
    return form


def _sheet(product: Product, form: Any) -> dict[str, Any]:
    found = results_of(product)
    asked = set(form.tests)
    return {
        "record": product,
        "form": form,
        "patient": band_of(product),
        "heading": f"Test results: {product.name} {product.division or ''}".strip(),
        "lede": f"{lede(product)} · {product.judged_under.name}" if product.judged_under else lede(product),
        "may_add": me().role in TESTS,
        "lines": form.lines(product, found),
        "table": result_table(product.judged_under, found),
        "workings": workings_of(product, found, clock.now()),
        "others": [(key, test.label) for key, test in QC_TESTS.items() if key not in asked],
        "back_url": product_url(product),
        "state": state_of(product, clock.now()),
        "added": [test for test in request.args.getlist("test") if test in QC_TESTS],
    }


@bp.get("/results/<id>")
@allow(CLINICAL)
def result(id: str) -> str:  # noqa: A002
    """Show one result with the limit that judged it."""
    one = find(QCResult, id)
    return record_page(
        one,
        RESULTS,
        template="release/result.html",
        row=result_row(one, one.spec),
        final_at=one.final_at if one.interim or one.pending else None,
        back_url=url_for("release.results", id=one.product_id),
        back_label="All results",
    )


@bp.get("/products/<id>/release")
@allow(CLINICAL)
def release(id: str) -> str:  # noqa: A002
    """Show what a decision rests on, what is missing, and the form on which it is taken."""
    product = find(Product, id)
    return render_template("release/release.html", **_bench(product, _decision_form()))


@bp.post("/products/<id>/release")
@allow(RELEASE.logs)
def decide_on(id: str) -> Response | tuple[str, int]:  # noqa: A002
    """Write down a decision; its signature follows on the next page (rules 43 to 47)."""
    product, at = find(Product, id), clock.now()
    form = _decision_form()
    if form.validate_on_submit():
        facts = form.facts()
        _admit(product, facts["decision"], at)
        try:
            made = decide(product, product.judged_under, by=me(), at=at, **facts)
            db.session.add(made)
            return saved(url_for("record_pages.signature", id=made.id), "Written down. It holds when it is signed.")
        except RuleBroken as fault:
            db.session.rollback()
            form.take(fault)
            product = find(Product, id)
    return render_template("release/release.html", **_bench(product, form)), 422


def _admit(product: Product, decision: str, at: Any) -> None:
    """Raise where the gate of a release is closed; to hold or to reject nothing has to come first."""
    if decision not in RELEASING:
        return
    if product.treatment is not None:
        RELEASE.admit(product.treatment, by=me(), at=at)
    reasons = before(product, at)
    if reasons:
        raise StepBlocked(RELEASE.title, reasons)


def _decision_form() -> RecordForm:
    form = form_of(DecisionForm)
    form.can_draft = False
    form.offer("requested_by_id", staff_choices(frozenset({Role.PHYSICIAN})))
    return form


def _blocked_by(product: Product, point: Point) -> Blocked:
    test = QC_TESTS.get(point.test)
    rule = test.broken_rule(may_wait=point.may_wait) if test is not None else 0
    who = () if point.never else LABORATORY
    return Blocked(
        rule=rule,
        because=point.sentence,
        who=who,
        fix=("release.results", {"id": product.id}),
        fix_label="Open the results",
    )


def _bench(product: Product, form: RecordForm) -> dict[str, Any]:
    at, user = clock.now(), me()
    found, points = results_of(product), points_of(product, at)
    missing = before(product, at) + [_blocked_by(product, point) for point in points]
    decisions = releases_of(product)
    return {
        "record": product,
        "form": form,
        "patient": band_of(product),
        "heading": f"Release: {product.name} {product.division or ''}".strip(),
        "lede": f"{lede(product)} · {product.judged_under.name}" if product.judged_under else lede(product),
        "state": state_of(product, at),
        "table": result_table(product.judged_under, found),
        "workings": workings_of(product, found, at),
        "reasons": record_display.reasons(missing),
        "may_decide": user.role in RELEASE.logs and user.id not in hands_on(product),
        "had_a_hand": user.id in hands_on(product),
        "decisions": [
            (
                r,
                record_display.signature_lines(r, zone()),
                r.effective,
                url_for("record_pages.signature", id=r.id)
                if user.role in r.lacks and r.decision in RELEASING
                else None,
            )
            for r in reversed(decisions)
        ],
        "back_url": product_url(product),
    }
