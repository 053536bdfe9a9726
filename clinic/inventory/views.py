"""Pages of products: the list, one product with all that hangs on it, its movements, its assignment to a course."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Blueprint, abort, render_template, request, url_for
from sqlalchemy import select

from clinic import clock, record_display, record_pages, wording
from clinic.access import CLINICAL, Role, allow, may
from clinic.course_records import around
from clinic.errors import RuleBroken, StepBlocked
from clinic.extensions import db
from clinic.fields import Field, plain
from clinic.form_fields import ChoiceBox
from clinic.forms import RecordForm, form_for
from clinic.inventory import custody, genealogy, product_search
from clinic.pages import find, form_of, me, saved, unchanged_since_shown, zone
from clinic.patients.banner import band
from clinic.patients.models import Patient
from clinic.products.models import MOVEMENTS, Movement, Product, spell_din
from clinic.record_pages import names, offer_people
from clinic.release.doses import doses
from clinic.release.models import decisions
from clinic.release.points import workings_of
from clinic.release.product_state import ProductState, state_of
from clinic.release.result_rows import clock_of, lede, result_table
from clinic.release.results import QCResult
from clinic.release.step import LABORATORY, held, undecided
from clinic.treatments.models import Stop, Treatment

if TYPE_CHECKING:
    from werkzeug.wrappers import Response

bp = Blueprint("products", __name__, template_folder="templates")

ASSIGNS = frozenset({Role.TECHNOLOGIST, Role.PHYSICIAN, Role.COORDINATOR})
COLUMNS = [
    ("Product", "name", False),
    ("State", "state", False),
    ("Volume", "volume", True),
    ("For", "patient", False),
    ("Where", "place", False),
    ("Use before", "expires", False),
]


def band_of(product: Product) -> Any:
    """Return the band of the patient whose course a product belongs to; banked cells have none."""
    course = product.treatment
    return band(course.patient, zone(), chain_of_identity=course.chain_of_identity) if course else None


def product_url(product: Product) -> str:
    """Return the address of a product's page."""
    return url_for("products.show", product_id=product.id)


DESK = record_pages.desk(
    Product,
    show=product_url,
    amends=frozenset(LABORATORY),
    patient=band_of,
    fixed=frozenset(
        {
            "source",
            "relation",
            "din",
            "division",
            "collected_at",
            "frozen_at",
            "thawed_at",
            "performed_at",
            "performed_by_id",
        }
    ),
)
record_pages.desk(
    Movement,
    show=lambda movement: product_url(movement.product),
    amends=custody.MOVES,
    patient=lambda movement: band_of(movement.product),
    fixed=frozenset({"kind", "performed_at", "performed_by_id"}),
)


@bp.route("/products", methods=["GET", "POST"])
@allow(CLINICAL)
def index() -> str:
    """List the products of the site, the newest first. Words travel in the form, never in an address."""
    at, text, asked = clock.now(), request.form.get("q", "").strip()[:100], request.form or request.args
    chosen = asked.get("state", "")
    state = ProductState(chosen) if chosen in set(ProductState) else None
    found = product_search.search(
        db.session(),
        site_id=me().site_id,
        at=at,
        text=text,
        state=state,
        after=asked.get("after", ""),
        before=asked.get("before", ""),
    )
    more: dict[str, Any] = {"state": state.value} if state else {}
    count = len(found.rows)
    return render_template(
        "products/index.html",
        heading="Products",
        columns=COLUMNS,
        rows=[_line(row, found, at) for row in found.rows],
        typed=text,
        chosen=chosen,
        all_states=[(s.value, s.label) for s in ProductState],
        actions=[(url_for("processing.new_banked"), "plus", "Process for the bank")]
        if may(me().role, "processing.new_banked")
        else [],
        pager={
            "previous_url": url_for("products.index", before=found.before, **more) if found.before else None,
            "next_url": url_for("products.index", after=found.after, **more) if found.after else None,
            "words": {"q": text, **more} if text else {},
            "before": found.before,
            "after": found.after,
            "text": f"{count} {'product' if count == 1 else 'products'} on this page",
        },
        empty_text="No product fits. Try fewer words, or every state."
        if text or state
        else "Nothing was collected yet.",
    )


def _line(row: Any, found: product_search.Shelf, at: Any) -> list[Any]:
    name = ", ".join(part for part in ((row.family_name or "").upper(), row.given_names or "") if part)
    whom = f"{name} · {row.record_number}" if row.treatment_id else f"Bank, donor {row.donor_number or row.donor_kind}"
    running = (
        clock_of(row.expires_at, at)
        if found.states[row.id] not in {ProductState.GIVEN, ProductState.DISCARDED, ProductState.PROCESSED}
        else None
    )
    until = wording.moment(row.expires_at, zone()) or None
    left = f"{until} ({running['fig']} {'ago' if running['state'] == 'over' else 'left'})" if running else until
    return [
        (f"{row.name} {row.division or ''}".strip(), url_for("products.show", product_id=row.id)),
        found.states[row.id].tag,
        f"{plain(row.volume)} mL" if row.volume else None,
        whom,
        found.places.get(row.id, "Where it was made"),
        left,
    ]


@bp.get("/products/<product_id>")
@allow(CLINICAL)
def show(product_id: str) -> str:
    """Show one product: what it is, where it is, where it came from, what was found, who decided."""
    product, at, role = find(Product, product_id), clock.now(), me().role
    return render_template("products/show.html", **_told(product, at, role))


def _told(product: Product, at: Any, role: Role) -> dict[str, Any]:
    """Return all that the page of a product shows."""
    records = around(db.session(), product)
    state, results = state_of(records, product, at), records.on(product, QCResult)
    gone = state in {ProductState.GIVEN, ProductState.DISCARDED}
    acts = undecided(records, product, at) if state is ProductState.QUARANTINE else []
    acts += held(records, product, at) if state is ProductState.HOLD else []
    return {
        "record": product,
        "patient": band_of(product),
        "heading": f"{product.name} {product.division or ''}".strip(),
        "lede": lede(product),
        "state": state,
        "din": spell_din(product.din) if product.din else None,
        "running": clock_of(product.expires_at, at) if not gone and state is not ProductState.PROCESSED else None,
        "facts": record_display.facts(product, zone(), people=names()),
        "hands": [line for line in record_display.hands(product, zone()) if line != "Not yet signed"],
        "amendments": record_display.amendments(product, zone()),
        "doses": doses(product, results),
        "columns": genealogy.columns(records, product, at),
        "version": product.judged_under,
        "results": result_table(product.judged_under, results),
        "workings": workings_of(records, product, at),
        "decisions": [(r, record_display.signature_lines(r, zone())) for r in reversed(decisions(records, product))],
        "movements": list(reversed(product.movements)),
        "movement_words": MOVEMENTS,
        "next": _next(acts, role),
        "amend_url": url_for("record_pages.amendment", record_id=product.id)
        if role in DESK.amends and not gone
        else None,
        "moves": []
        if gone
        else [
            (url_for("products.move", product_id=product.id, kind=kind), custody.ICONS[kind], MOVEMENTS[kind])
            for kind in custody.offered(product, role)
        ],
        "may_assign": product.treatment_id is None and role in ASSIGNS and not gone,
    }


def _next(acts: list[Any], role: Role) -> dict[str, Any] | None:
    if not acts:
        return None
    act = acts[0]
    mine = role in act.who and may(role, act.to[0])
    whose = " or ".join(one.label for one in act.who)
    return {
        "tag": "Your next action" if mine else f"Waits for {whose}",
        "title": act.title,
        "text": act.why,
        "url": url_for(act.to[0], **act.to[1]) if mine else None,
        "icon": "arrow-right",
        "label": act.title,
    }


@bp.route("/products/<product_id>/movements", methods=["GET", "POST"])
@allow(custody.MOVES)
def move(product_id: str) -> Response | str | tuple[str, int]:
    """Write down one movement; its kind is in the address."""
    product, kind = find(Product, product_id), request.args.get("kind", "")
    if kind not in custody.MOVERS:
        abort(404)
    form = form_of(form_for(Movement, only=("performed_at", "performed_by_id", *custody.ASKED[kind])))
    form.record_version = product.version
    offer_people(form, mine=True)
    form.prefill("performed_at", clock.now().replace(second=0, microsecond=0), "filled in: now")
    if form.validate_on_submit():
        unchanged_since_shown(product)
        try:
            custody.move(product, kind=kind, by=me(), at=clock.now(), **form.facts())
            return saved(product_url(product), f"{MOVEMENTS[kind]}: written down.")
        except RuleBroken as fault:
            if isinstance(fault, StepBlocked):
                raise
            db.session.rollback()
            form.take(fault)
            product = find(Product, product_id)
    page = render_template(
        "records/form.html",
        heading=f"{MOVEMENTS[kind]}: {product.name} {product.division or ''}".strip(),
        form=form,
        save_label="Write it down",
        lede=f"{lede(product)} · now: {product.place}",
        back_url=product_url(product),
        patient=band_of(product),
        url=url_for("products.move", product_id=product.id, kind=kind),
        before=_before_move(product, kind),
    )
    return (page, 422) if form.error_list else page


def _before_move(product: Product, kind: str) -> list[tuple[bool, str, str]]:
    if kind != "issued":
        return []
    reasons = custody.may_issue(around(db.session(), product), product, clock.now())
    return [(False, reason.because, f"rule {reason.rule}" if reason.rule else "") for reason in reasons] or [
        (True, "Released, in time, right patient", "")
    ]


class AssignForm(RecordForm):
    """The course that banked cells are given to."""

    treatment_id = ChoiceBox(
        "Course", Field(label="Course", required=True, hint="Running courses with the same kind of cells")
    )


@bp.route("/products/<product_id>/assignment", methods=["GET", "POST"])
@allow(ASSIGNS)
def assign(product_id: str) -> Response | str | tuple[str, int]:
    """Give a banked product to one course (rules 3, 4)."""
    product = find(Product, product_id)
    form = form_of(AssignForm)
    form.record_version = product.version
    form.offer("treatment_id", _courses(product))
    if form.validate_on_submit():
        unchanged_since_shown(product)
        course = find(Treatment, form.treatment_id.data)
        custody.assign(product, course, by=me(), at=clock.now())
        return saved(
            product_url(product),
            f"Assigned to {course.patient.display_name}. Chain of identity {course.chain_of_identity}.",
        )
    page = render_template(
        "records/form.html",
        heading=f"Assign {product.name} {product.division or ''}".strip(),
        lede=lede(product),
        form=form,
        save_label="Assign",
        save_icon="link",
        back_url=product_url(product),
        after="From now on the product carries the chain of identity of this course. It goes to nobody else.",
    )
    return (page, 422) if form.error_list else page


def _courses(product: Product) -> list[tuple[str, str]]:
    """Return the running courses that these cells may go to; own cells only those of their donor."""
    chosen = (
        select(
            Treatment.id, Treatment.chain_of_identity, Patient.family_name, Patient.given_names, Patient.record_number
        )
        .join(Patient, Patient.id == Treatment.patient_id)
        .where(
            Treatment.relation == product.relation, ~select(Stop.id).where(Stop.treatment_id == Treatment.id).exists()
        )
        .order_by(Patient.family_name, Patient.given_names)
    )
    if product.relation == "autologous":
        chosen = chosen.where(Treatment.patient_id == product.donor.patient_id)
    return [
        (
            row.id,
            " · ".join(
                (
                    f"{(row.family_name or '').upper()}, {row.given_names or ''}",
                    row.record_number or "",
                    row.chain_of_identity,
                )
            ),
        )
        for row in db.session.execute(chosen)
    ]
