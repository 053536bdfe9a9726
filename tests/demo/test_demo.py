"""The demonstration clinic: published infants to the digit, every stage of the path, nothing beside real patients."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import object_session

from clinic.accounts.models import Site, User
from clinic.administration.models import Administration, BedsideCheck
from clinic.consent.models import Withdrawal
from clinic.course_records import around
from clinic.demo import build
from clinic.errors import RuleBroken
from clinic.exchange import exporting
from clinic.exchange.datasets import datasets, models
from clinic.exchange.exporting import Choice
from clinic.followup.adverse_events import AdverseEvent
from clinic.followup.models import FollowUpVisit, PlannedVisit
from clinic.harvest.models import Harvest
from clinic.harvest.step import HARVEST
from clinic.ledger.listener import set_actor
from clinic.patients.models import Patient
from clinic.processing.models import ProcessingRun
from clinic.products.models import Product
from clinic.protocols.catalogues import SOURCES
from clinic.records import Amendment, Record, Signature
from clinic.release.arithmetic import endotoxin_per_kg
from clinic.release.models import Release, released
from clinic.release.results import QCResult, Verdict
from clinic.treatments.models import Stop, Treatment
from tests.demonstration import AT
from tests.judging import records_of

pytestmark = pytest.mark.slow
DOI = "12967-020-02568-6"


def infants(session) -> list[Treatment]:
    chosen = select(Treatment).where(Treatment.source_note.contains(DOI)).order_by(Treatment.performed_at)
    return list(session.scalars(chosen))


def results_of(product: Product) -> list[QCResult]:
    return list(object_session(product).scalars(select(QCResult).where(QCResult.product_id == product.id)))


def given_to(session, course: Treatment) -> list[Administration]:
    chosen = select(Administration).where(Administration.treatment_id == course.id)
    return list(session.scalars(chosen.order_by(Administration.performed_at)))


def test_four_infants_were_given_eight_infusions_a_week_apart(demonstration):
    courses = infants(demonstration)
    weights = [Decimal("3.6"), Decimal(4), Decimal("5.4"), Decimal("3.8")]
    assert [course.weight_kg for course in courses] == weights
    for course, kg in zip(courses, weights, strict=True):
        first, second = given_to(demonstration, course)
        assert (second.performed_at - first.performed_at).days == 7
        for given in (first, second):
            assert given.dose_per_kg == 1
            assert given.dose == kg
            assert given.weight_kg == kg
            assert given.working.endswith("= 1 × 10⁶/kg")
            assert len(given.present_signatures) == 2
            assert given.bedside_check.clear
            assert len(given.vital_signs) == 4


def test_the_infants_cells_come_from_one_banked_cord(demonstration):
    made = [given.product for course in infants(demonstration) for given in given_to(demonstration, course)]
    assert {(product.donor.kind, product.donor.sex) for product in made} == {("cord", "male")}
    assert len({product.donor_id for product in made}) == len({product.run_id for product in made}) == 1
    harvest = demonstration.scalars(select(Harvest).where(Harvest.donor_id == made[0].donor_id)).one()
    assert harvest.treatment_id is None
    assert {movement.kind for movement in made[0].movements} >= {"stored", "assigned", "thawed", "issued", "given"}


def test_the_published_results_stand_as_they_were_printed(demonstration):
    endotoxin, viability = [], []
    for course in infants(demonstration):
        for given in given_to(demonstration, course):
            found = {result.test: result for result in results_of(given.product)}
            endotoxin.append(found["endotoxin"].words)
            viability.append(found["viability"].value)
            assert found["karyotype"].finding == "46,XY,16qh+"
            assert found["cfu_f"].value == 519
            assert {found[test].outcome for test in ("sterility", "mycoplasma")} == {"no_growth", "negative"}
            assert Verdict.OUTSIDE not in {result.verdict for result in found.values()}
    assert endotoxin == [
        f"{reading} EU/mL" for reading in ("< 0.1", "< 0.05", "< 0.1", "< 0.1", "0.073", "< 0.05", "< 0.05", "< 0.05")
    ]
    assert viability == [97, 97, 96, 98, 98, 98, 97, 89]


@pytest.mark.rule(42)
def test_the_infants_endotoxin_per_kg_is_far_below_the_limit(demonstration):
    course = infants(demonstration)[0]
    given = given_to(demonstration, course)[0]
    (working,) = endotoxin_per_kg(
        results_of(given.product), volume=given.volume_given, kg=given.weight_kg, route=course.route
    )
    assert working.good
    assert Decimal("0.1") * given.volume_given / given.weight_kg < Decimal("0.28")


def test_the_infants_readings_after_six_and_twelve_months_are_the_published_ones(demonstration):
    found = {}
    for number, course in enumerate(infants(demonstration), start=1):
        visits = demonstration.scalars(select(FollowUpVisit).where(FollowUpVisit.treatment_id == course.id))
        found |= {(number, v.name, s.instrument): s.value for v in visits for s in v.scores}
    assert [found[n, "Baseline", "paco2"] for n in (1, 2, 3, 4)] == [Decimal(t) for t in ("37.9", "68", "59", "38.6")]
    assert [found[n, "Month 6", "paco2"] for n in (1, 2, 3, 4)] == [Decimal(t) for t in ("38", "32.8", "28.6", "39.8")]
    assert [found[n, "Month 6", "spo2"] for n in (1, 2, 3, 4)] == [100, 95, 99, 97]
    assert [found[n, "Month 12", "spo2"] for n in (1, 2, 3, 4)] == [100, 100, 100, 97]
    assert [found[n, "Month 12", "chest_xray"] for n in (1, 2, 3, 4)] == [1, 1, 0, 0]
    assert found[1, "Month 1", "oxygen_flow"] == 0
    assert (2, "Month 1", "oxygen_flow") not in found


def test_every_person_of_the_demonstration_says_what_is_made_up(demonstration):
    for patient in demonstration.scalars(select(Patient)):
        assert patient.is_synthetic or patient.origin == "imported"
        assert patient.source_note
        if patient.origin == "imported":
            assert (patient.family_name, patient.given_names, patient.birth_date) == (None, None, None)


def test_nothing_in_the_demonstration_lies_in_the_future(demonstration):
    for model in models().values():
        columns = [getattr(model, name) for name in ("recorded_at", "performed_at", "ended_at") if hasattr(model, name)]
        for column in columns:
            assert not demonstration.scalars(select(model.id).where(column > AT)).all(), (
                f"{model.__name__}.{column.key}"
            )
    assert not demonstration.scalars(select(Signature.id).where(Signature.signed_at > AT)).all()


@pytest.mark.rule(69)
def test_events_of_a_course_come_in_the_order_of_the_path(demonstration):
    for given in demonstration.scalars(select(Administration).where(Administration.origin == "clinic")):
        product, course = given.product, given.treatment
        decision = (
            released(around(demonstration, product), product)
            or demonstration.scalars(
                select(Release).where(Release.product_id == product.id).order_by(Release.performed_at)
            ).first()
        )
        consent = course.patient.consents[0]
        moments = [consent.performed_at, given.bedside_check.performed_at, given.performed_at]
        assert decision is not None
        assert moments == sorted(moments)
        assert product.collected_at <= product.performed_at <= decision.performed_at <= given.performed_at
        if product.harvest_id is None and product.donor.kind == "self":
            assert consent.performed_at <= product.collected_at


def test_every_course_with_a_consent_has_an_order_that_a_physician_signed_first(demonstration):
    courses = demonstration.scalars(select(Treatment).where(Treatment.origin == "clinic")).all()
    consented = [course for course in courses if course.patient.consents]
    assert len(courses) - len(consented) == 2
    for course in consented:
        (signature,) = course.present_signatures
        assert signature.role == "physician"
        assert signature.signed_at < course.patient.consents[0].performed_at


def test_donors_are_determined_runs_verified_and_allergies_asked_before_the_cells(demonstration):
    for given in demonstration.scalars(select(Administration).where(Administration.origin == "clinic")):
        course, donor = given.treatment, given.product.donor
        assert donor.kind == "self" or donor.eligibility() is not None
        assert course.patient.allergy_status != "not_asked"
        assert demonstration.get(ProcessingRun, given.product.run_id).verified
        assert course.patient.weight_at(given.performed_at).performed_at == given.performed_at - timedelta(hours=1)


def test_a_harvest_is_on_the_side_that_was_ordered(demonstration):
    for harvest in demonstration.scalars(select(Harvest).where(Harvest.treatment_id.is_not(None))):
        if harvest.origin == "clinic" and SOURCES[harvest.source].harvest == "aspiration":
            assert harvest.treatment.side in {None, "none", harvest.side}


def test_nobody_verifies_or_releases_the_own_work(demonstration):
    for given in demonstration.scalars(select(Administration).where(Administration.origin == "clinic")):
        assert given.verified_by_id != given.performed_by_id
    for release in demonstration.scalars(select(Release)):
        testers = {result.performed_by_id for result in results_of(release.product)}
        assert release.performed_by_id not in testers


def test_the_morning_holds_every_stage_of_the_path(demonstration):
    today, session = AT.date(), demonstration
    assert not session.scalars(select(BedsideCheck).where(~BedsideCheck.clear)).all()
    open_visits = Counter(
        plan.standing(today) for plan in session.scalars(select(PlannedVisit)) if plan.treatment.stop is None
    )
    assert open_visits["overdue"] >= 1
    assert open_visits["open"] >= 2
    made = Counter(session.scalars(select(FollowUpVisit.made)))
    assert made["missed"] >= 1
    assert made["lost"] == 1
    decisions = set(session.scalars(select(Release.decision)))
    assert decisions == {"conforms", "conditional", "exceptional", "reject"}
    assert session.scalars(select(Withdrawal)).one()
    assert session.scalars(select(Stop)).one()
    assert "passes" in session.scalars(select(Amendment)).one().changes
    running = session.scalars(
        select(Administration).where(Administration.origin == "clinic", Administration.ended_at.is_(None))
    ).one()
    assert AT - running.performed_at < timedelta(minutes=30)
    pending = session.scalars(select(QCResult).where(QCResult.pending)).all()
    assert any(result.final_at and result.final_at > AT for result in pending)
    uncollected = [
        h for h in session.scalars(select(Harvest).where(Harvest.origin == "clinic")) if h.volume_to_label > 0
    ]
    assert len(uncollected) == 2
    ready = [
        course
        for course in session.scalars(select(Treatment).where(Treatment.origin == "clinic"))
        if not HARVEST.reasons(records_of(course), AT) and HARVEST.progress(records_of(course), AT).word == "To do"
    ]
    assert ready


@pytest.mark.rule(67)
def test_both_reporting_clocks_run(demonstration):
    due = sorted(e.report_due_on - AT.date() for e in demonstration.scalars(select(AdverseEvent)) if e.report_due_on)
    assert [event.days for event in due] == [3, 5]


def test_at_the_bedside_of_this_morning_a_released_product_waits_and_its_time_runs(demonstration):
    given = select(Administration.product_id)
    chosen = select(Product).where(Product.origin == "clinic", Product.id.not_in(given), Product.expires_at > AT)
    soon = [
        p
        for p in demonstration.scalars(chosen)
        if released(around(demonstration, p), p) and p.expires_at - AT < timedelta(hours=4)
    ]
    assert soon
    assert all(product.treatment.patient.weight_at(AT).performed_at > AT - timedelta(days=1) for product in soon)


def test_each_site_and_role_has_two_people(demonstration):
    people = Counter((user.site.code, user.role.value) for user in demonstration.scalars(select(User)))
    assert len(people) == 16
    assert set(people.values()) == {2}
    assert demonstration.scalar(select(func.count()).select_from(User).where(User.email == "nurse2@south.demo")) == 1


def test_signatures_of_the_demonstration_cover_what_they_signed(demonstration):
    """Save where a record was amended since, every signature stands."""
    amended = set(demonstration.scalars(select(Amendment.record_id)))
    for model in (m for m in models().values() if issubclass(m, Record)):
        for record in demonstration.scalars(select(model).where(model.origin == "clinic").limit(40)):
            if record.signatures and record.id not in amended:
                assert len(record.present_signatures) == len(record.signatures), record.headline()


def contents(session) -> dict[str, str]:
    """Return all data sets as text; the hash of a signature covers the moment and is compared with it."""
    return {name: "".join(exporting.chunks(session, name, "csv", Choice(on=AT.date()))) for name in datasets()}


def test_the_same_seed_builds_the_same_clinic(demonstration, empty):
    build.build(empty, seed=1, at=AT, password_hash="not required")
    built = contents(empty)
    for name, text in contents(demonstration).items():
        assert text == built[name], name


@pytest.mark.hazard("H35")
def test_a_database_with_real_patients_takes_no_demonstration(empty):
    site = Site(code="real", name="A real clinic", zone="Europe/Berlin")
    set_actor(empty, "US-0")
    empty.add(site)
    empty.flush()
    with pytest.raises(RuleBroken, match="A real clinic is a real clinic"):
        build.build(empty, at=AT, password_hash="x")
    assert not build.is_empty(empty)


def test_a_demonstration_is_built_once(empty):
    assert build.is_empty(empty)
    set_actor(empty, "US-0")
    empty.add(Site(code="north", name="Cellcourse North", zone="Europe/Berlin", is_demo=True))
    empty.flush()
    with pytest.raises(RuleBroken, match="here already"):
        build.build(empty, at=AT, password_hash="x")


@pytest.mark.parametrize(
    ("patients", "sites", "shares"), [(48, 2, [32, 16]), (5, 1, [5]), (10, 4, [7, 1, 1, 1]), (0, 2, [0, 0])]
)
def test_the_synthetic_patients_are_shared_among_the_sites(patients, sites, shares):
    assert build._shares(patients, sites) == shares


def test_there_are_one_to_four_sites(empty):
    with pytest.raises(RuleBroken, match="1 to 4 sites"):
        build.build(empty, sites=5, at=AT, password_hash="x")
