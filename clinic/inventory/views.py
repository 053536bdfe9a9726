"""Pages of products: the list, one product with all that hangs on it, its movements, its assignment to a course."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Blueprint, abort, render_template, request, url_for
from markupsafe import Markup

from clinic import clock, read_log, record_display, record_pages, searches, wording
from clinic.access import CLINICAL, Role, allow, may
from clinic.course_records import around, of_course
from clinic.extensions import db
from clinic.fields import plain
from clinic.inventory import cold_words, custody, genealogy, lookback, product_search, thawing
from clinic.inventory.forms import AssignForm, ColdForm, UnassignForm, courses_for, movement_form
from clinic.pages import (
    Answer,
    commit_and_redirect,
    form_of,
    form_page,
    get_or_404,
    me,
    refusals_to,
    refuse_stale,
    staff_choices,
    zone,
)
from clinic.patients.banner import patient_banner
from clinic.processing.step import actions as to_process
from clinic.products.bank import may_go_back
from clinic.products.bank import unassign as unassign_cells
from clinic.products.donation_numbers import spell_din
from clinic.products.limits import COLD_UNKNOWN, cold_unknown, may_tell_cold, record_cold
from clinic.products.models import Movement, Product
from clinic.products.movements import MOVEMENTS
from clinic.records import Meaning
from clinic.release.carried import judged_results
from clinic.release.decision_rows import decision_rows
from clinic.release.doses import doses
from clinic.release.models import standing_decision
from clinic.release.points import workings_of
from clinic.release.product_state import RESTS_ON, ProductState, failing, held_because, state_of
from clinic.release.result_rows import clock_of, lede, result_table
from clinic.release.step import LABORATORY, corrected, decidable, held, undecided
from clinic.treatments.models import Treatment

if TYPE_CHECKING:
    from clinic.course_records import CourseRecords

NO_BREAK = "\u00a0"
bp = Blueprint("products", __name__, template_folder="templates")
WORDS = ("q", "state", "ends", "sort")
ALL = "all"
"""The choice of every state; without a choice, and without words, the list shows what is still there."""
NONE_THERE = (
    "No products are in stock. Choose “All states” to see those that were given, discarded or processed further."
)
NONE_FITS = "No matching product. Try fewer words, or all states."

COLD = frozenset({*LABORATORY, Role.QUALITY})
"""Who records whether a container that came in was frozen."""
UNASSIGNS = frozenset({Role.QUALITY, Role.PHYSICIAN})
ASSIGNS = frozenset({Role.TECHNOLOGIST, Role.PHYSICIAN, Role.COORDINATOR})
COLUMNS = [
    ("Product", "name", False),
    ("State", "state", False),
    ("Volume", "volume", True),
    ("For", "patient", False),
    ("Where", "place", False),
    ("Use before", "expires", False),
]


def product_url(product: Product) -> str:
    """Return the address of a product's page."""
    return url_for("products.show", product_id=product.id)


PAGES = record_pages.register_pages(
    Product,
    show=product_url,
    signs=frozenset({*LABORATORY, Role.QUALITY, Role.PHYSICIAN}),
    amends=frozenset(LABORATORY),
    patient=patient_banner,
    means=lambda _product, user: Meaning.REVIEW if user.role is Role.PHYSICIAN else Meaning.VERIFICATION,
    fixed=frozenset(
        {
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
record_pages.register_pages(
    Movement,
    show=lambda movement: product_url(movement.product),
    signs=frozenset({Role.QUALITY}),
    amends=custody.MOVES,
    patient=patient_banner,
    means=lambda _movement, _user: Meaning.APPROVAL,
    fixed=frozenset({"kind", "performed_by_id"}),
)


@bp.route("/products", methods=["GET", "POST"])
@allow(CLINICAL)
def index() -> Answer:
    """List the products of the site, the most urgent first. Words travel in the form, never in an address."""
    if request.method == "POST":
        return searches.answer(me().id, "products.index", **{n: request.form.get(n, "").strip()[:100] for n in WORDS})
    at, typed = clock.now(), {**request.args, "q": "", **searches.asked(me().id)}
    asked = _asked(typed)
    place = {name: typed.get(name, "") for name in ("after", "before")}
    found = product_search.search(db.session(), asked, site_id=me().site_id, at=at, **place)
    if asked.text:
        read_log.hits(row.patient_id for row in found.rows)
    bank = (url_for("processing.new_banked"), "plus", "Process for the bank")
    return render_template(
        "products/index.html", heading="Products", columns=COLUMNS, rows=[_line(row, found, at) for row in found.rows],
        typed=asked.text, chosen=typed.get("state", ""), ends=asked.ends, all_ends=product_search.ENDS.items(),
        all_states=[(ALL, "All states"), *((s.value, s.label) for s in ProductState)],
        sort=asked.order, all_sorts=product_search.SORTS.items(),
        actions=[bank] if may(me().role, "processing.new_banked") else [],
        pager=_pager(found, {name: typed[name] for name in ("state", "ends", "sort") if typed.get(name)}),
        empty_text=NONE_FITS if asked.text or asked.state or asked.ends else NONE_THERE,
    )  # fmt: skip


def _asked(typed: dict[str, str]) -> product_search.Asked:
    state = ProductState(typed["state"]) if typed.get("state") in set(ProductState) else None
    return product_search.Asked(
        text=typed["q"], state=state, ends=typed.get("ends", ""), sort=typed.get("sort", ""),
        present=not (typed["q"] or typed.get("state")),
    )  # fmt: skip


def _pager(found: product_search.Shelf, asked: dict[str, Any]) -> dict[str, Any]:
    more, shown = searches.place() or asked, len(found.rows)
    said = "1 product" if found.total == 1 else f"{found.total:,} products"
    return {
        "previous_url": url_for("products.index", before=found.before, **more) if found.before else None,
        "next_url": url_for("products.index", after=found.after, **more) if found.after else None,
        "text": "" if not shown else said if shown == found.total else f"{shown} of {said}",
    }


def _line(row: Any, found: product_search.Shelf, at: Any) -> list[Any]:
    name = ", ".join(part for part in ((row.family_name or "").upper(), row.given_names or "") if part)
    number = Markup('<span class="c-nowrap">{}</span>').format(row.record_number or "")
    person = Markup(" · ").join(part for part in (name, number) if part)
    whom = person if row.treatment_id else f"Bank, donor {row.donor_number or row.donor_kind}"
    known = (row.precision or {}).get("expires_at", "")
    running = (
        clock_of(row.expires_at, at, known)
        if found.states[row.id] not in {ProductState.GIVEN, ProductState.DISCARDED, ProductState.PROCESSED}
        else None
    )
    until = wording.moment(row.expires_at, zone(), known) or None
    left = until
    if running:
        said = f"({running['fig']} {'ago' if running['state'] == 'over' else 'left'})"
        left = f"{until} {said.replace(' ', NO_BREAK)}"
    named = (url_for("products.show", product_id=row.id), f"{row.name} {row.division or ''}".strip(), row.id)
    return [
        Markup('<a href="{}">{}</a><br><span class="c-sub c-nowrap">{}</span>').format(*named),
        found.states[row.id].tag,
        f"{plain(row.volume)} mL" if row.volume else None,
        whom,
        found.places.get(row.id, "Laboratory"),
        left,
    ]


@bp.get("/products/<product_id>")
@allow(CLINICAL)
def show(product_id: str) -> str:
    """Show one product: what it is, where it is, where it came from, what was found, who decided."""
    product, at, role = get_or_404(Product, product_id), clock.now(), me().role
    return render_template("products/show.html", **_page_context(product, at, role))


def _page_context(product: Product, at: Any, role: Role) -> dict[str, Any]:
    """Return all that the page of a product shows."""
    records = around(db.session(), product, only=RESTS_ON)
    state, results = state_of(records, product, at), judged_results(records, product)
    gone = state in {ProductState.GIVEN, ProductState.DISCARDED}
    acts = _first(records, product, at) if state is ProductState.QUARANTINE else []
    acts += [*corrected(records, product), *held(records, product, at)] if state is ProductState.HOLD else []
    acts += thawing.next_act(product, at, zone()) if state.usable else []
    return {
        "records": records,  # held until the page is drawn, so that nothing of it is read again
        "record": product,
        "patient": patient_banner(product),
        "heading": f"{product.name} {product.division or ''}".strip(),
        "lede": lede(product),
        "state": state,
        "din": spell_din(product.din) if product.din else None,
        "running": clock_of(product.end, at, product.end_known)
        if not gone and state is not ProductState.PROCESSED
        else None,
        "facts": record_display.facts(product, zone(), people={one.id: one.label for one in records.staff}),
        "hands": [line for line in record_display.hands(product, zone()) if line != "Not yet signed"],
        "amendments": record_display.amendments(product, zone()),
        "doses": doses(product, results),
        "columns": genealogy.columns(records, product, at),
        "version": product.judged_under,
        "results": result_table(product.judged_under, results, product),
        "workings": workings_of(records, product, at),
        "decisions": decision_rows(records, product, zone(), clock.now()),
        "movements": list(reversed(product.movements)),
        "voided": custody.voided(product),
        "movement_words": MOVEMENTS,
        "may_correct": role in custody.MOVES,
        "cold_unknown": COLD_UNKNOWN if cold_unknown(product) and not gone else "",
        "may_tell_cold": role in COLD,
        "next": _next(acts, role),
        "failing": [] if gone else [said for one, said in failing(records) if one.id == product.id],
        "may_test": role in LABORATORY,
        "amend_url": url_for("record_pages.amendment", record_id=product.id)
        if role in PAGES.amends and not gone
        else None,
        "against": held_because(records, product, at),
        "standing": standing_decision(records, product),
        "moves": [
            (url_for("products.move", product_id=product.id, kind=kind), custody.ICONS[kind], custody.VERBS[kind])
            for kind in custody.offered(product, role)
            if not gone or (kind == "discarded" and product.remainder and not product.discarded)
        ]
        + _of_the_cold(product, role, gone=gone),
        "may_hold": may(role, "release.hold") and not gone,
        "may_unassign": may_go_back(product) and role in UNASSIGNS,
        "may_assign": product.treatment_id is None and role in ASSIGNS and not gone,
    }


@bp.get("/products/<product_id>/look-back")
@allow(CLINICAL)
def look_back(product_id: str) -> str:
    """List what shares cells or a donor with a product, and the patients who got any of it (rule 72)."""
    product = get_or_404(Product, product_id)
    return render_template(
        "records/list.html",
        heading=f"Look-back: {product.name} {product.division or ''}".strip(),
        lede="All containers of the same cells or donor. Contact the recipients; the others are still in stock.",
        columns=lookback.COLUMNS,
        rows=lookback.rows(db.session(), product, clock.now()),
        empty_text="No related product.",
        actions=[(product_url(product), "droplet-half-2", "Product")],
    )


def _first(records: CourseRecords, product: Product, at: Any) -> list[Any]:
    """Return what is due on a product in quarantine: of what was collected to be processed, its run."""
    if records.course is None or product in decidable(records):
        return undecided(records, product, at)
    return to_process(of_course(db.session(), records.course), at) if product.left > 0 else []


def _next(acts: list[Any], role: Role) -> dict[str, Any] | None:
    if not acts:
        return None
    act = acts[0]
    mine = role in act.who and may(role, act.to[0])
    whose = " or ".join(one.label for one in act.who)
    return {
        "tag": "Your next action" if mine else f"Waiting for {whose}",
        "title": act.title,
        "text": act.why,
        "url": url_for(act.to[0], **act.to[1]) if mine else None,
        "icon": "arrow-right",
        "label": act.title,
    }


@bp.route("/products/<product_id>/movements", methods=["GET", "POST"])
@allow(custody.MOVES)
def move(product_id: str) -> Answer:
    """Record one movement; its kind is in the address."""
    product, kind = get_or_404(Product, product_id), request.args.get("kind", "")
    if kind not in custody.MOVERS:
        abort(404, custody.on_its_page(kind))
    form = form_of(movement_form(kind), about={"product_id": product.id, "kind": kind}, rests_on=product)
    form.offer("performed_by_id", staff_choices(custody.MOVES))
    form["performed_by_id"].label.text = f"{MOVEMENTS[kind]} by"
    if form.validate_on_submit():
        refuse_stale(product)
        with refusals_to(form):
            custody.move(product, kind=kind, by=me(), at=clock.now(), **form.facts())
            return commit_and_redirect(product_url(product), thawing.saved(product, kind, zone()))
    return form_page(form, **_moving(product, kind))


def _moving(product: Product, kind: str) -> dict[str, Any]:
    """Return what the page of a movement shows."""
    return {
        "heading": f"{custody.VERBS[kind]}: {product.name} {product.division or ''}".strip(),
        "save_label": "Save",
        "lede": f"{lede(product)} · now: {product.place}",
        "back_url": product_url(product),
        "patient": patient_banner(product),
        "url": url_for("products.move", product_id=product.id, kind=kind),
        "before": _before_move(product, kind),
    } | thawing.page(product, kind, clock.now())


def _before_move(product: Product, kind: str) -> list[tuple[bool, str, str]]:
    if kind != "issued":
        return []
    reasons = custody.may_issue(around(db.session(), product), product, clock.now())
    course = product.treatment
    passed = f"for the course of {course.patient.display_name}, {course.chain_of_identity}" if course else ""
    return [(False, reason.because, f"rule {reason.rule}" if reason.rule else "") for reason in reasons] or [
        (True, "Released and in time", passed)
    ]


@bp.route("/products/<product_id>/assignment", methods=["GET", "POST"])
@allow(ASSIGNS)
def assign(product_id: str) -> Answer:
    """Give a banked product to one course (rules 3, 4)."""
    product = get_or_404(Product, product_id)
    form = form_of(AssignForm, rests_on=product)
    form.offer("treatment_id", courses_for(db.session(), product))
    if form.validate_on_submit():
        refuse_stale(product)
        with refusals_to(form, "treatment_id"):
            course = get_or_404(Treatment, form.treatment_id.data)
            custody.assign(product, course, by=me(), at=clock.now())
            return commit_and_redirect(product_url(product), _assigned_to(course))
    return form_page(
        form,
        heading=f"Assign {product.name} {product.division or ''}".strip(),
        lede=lede(product),
        save_label="Assign",
        save_icon="link",
        back_url=product_url(product),
        after="The product then carries the chain of identity of this course. It must not be given to anyone else.",
    )


def _of_the_cold(product: Product, role: Role, *, gone: bool) -> list[tuple[str, str, str]]:
    """Return the link that corrects whether it was frozen, where somebody recorded that."""
    told = may_tell_cold(product) and not cold_unknown(product)
    to = (url_for("products.cold", product_id=product.id), "snowflake", "Correct fresh or frozen")
    return [to] if told and role in COLD and not gone else []


def _assigned_to(course: Treatment) -> str:
    return f"Assigned to {course.patient.display_name}. Chain of identity {course.chain_of_identity}."


@bp.route("/products/<product_id>/unassignment", methods=["GET", "POST"])
@allow(UNASSIGNS)
def unassign(product_id: str) -> Answer:
    """Return a banked product to the bank that was assigned to the wrong course, or whose course was stopped."""
    product = get_or_404(Product, product_id)
    form = form_of(UnassignForm, rests_on=product)
    if form.validate_on_submit():
        refuse_stale(product)
        with refusals_to(form, "reason"):
            unassign_cells(product, by=me(), at=clock.now(), reason=form.reason.data or "")
            return commit_and_redirect(product_url(product), "Returned to the bank.")
    return form_page(
        form,
        heading=f"Return to the bank: {product.name} {product.division or ''}".strip(),
        lede=lede(product),
        save_label="Return to the bank",
        back_url=product_url(product),
        patient=patient_banner(product),
        after="The product leaves this course, and release decisions for it end. It can be assigned to another course.",
    )


@bp.route("/products/<product_id>/cold", methods=["GET", "POST"])
@allow(COLD)
def cold(product_id: str) -> Answer:
    """Record whether a container that came in is fresh, or when it was frozen (rules 50, 54)."""
    product = get_or_404(Product, product_id)
    if not may_tell_cold(product):
        return cold_words.already(product, product_url(product), patient_banner(product))
    form = form_of(ColdForm, rests_on=product)
    if form.validate_on_submit():
        refuse_stale(product)
        with refusals_to(form, "cold"):
            why, known = form.reason.data or "", form.frozen_at.known
            record_cold(product, form.moment(), known, by=me(), at=clock.now(), reason=why)
            return commit_and_redirect(product_url(product), "Saved. A second person confirms it.")
    return form_page(
        form, heading=cold_words.heading(product), lede=cold_words.lede(product), save_label="Save",
        back_url=product_url(product), patient=patient_banner(product), after=cold_words.AFTER,
    )  # fmt: skip
