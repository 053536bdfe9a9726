"""What a table says is refused where the pages refuse it: by row and column, with the number of the rule."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from clinic.followup.adverse_events import AdverseEvent
from clinic.identifiers import check_character
from clinic.patients.models import Patient
from clinic.protocols.content import Relation
from clinic.protocols.demonstration import DEMONSTRATIONS
from clinic.treatments.models import Treatment
from tests.factories import published
from tests.rules.conftest import ago

KNEE = {"treatment.body_site": "knee", "treatment.side": "right"}
GIVEN = {"administration.performed_at": ago(5), "administration.volume_given": "10"}
EVENT = {"event.a.performed_at": ago(3), "event.a.aware_on": ago(3)[:10], "event.a.term": "Sepsis"}


def faults(report):
    """What an import says is wrong: row, column and what is expected."""
    return [(fault.row, fault.column, fault.expected) for fault in report.problems]


def refuses(ward, report, column, rule):
    """One fault, in a column, by a rule; and nothing came in."""
    assert [(row, name) for row, name, _said in faults(report)] == [(2, column)], report.sentences()
    assert f"rule {rule})" in str(report.problems[0]), report.sentences()
    assert ward.session.scalar(select(Patient)) is None


@pytest.mark.rule(8, by="import")
def test_a_table_gives_no_course_a_chain_of_identity(ward, take):
    report = take({"treatment.chain_of_identity": "A999926AAAAAA"})
    assert faults(report)[0][0] == 1
    assert "rule 8" in str(report.problems[0])
    assert ward.session.scalar(select(Treatment)) is None


@pytest.mark.rule(3, by="import")
@pytest.mark.parametrize(
    ("code", "kind"),
    [("BM-MSC-MS", "unrelated"), ("BM-MSC-MS", "related"), ("UC-MSC-RA", "self")],
)
def test_whose_cells_and_their_donor_agree(ward, take, code, kind):
    donor = {"donor.kind": kind, "donor.donor_number": "na" if kind in {"self", "related"} else "R-7"}
    report = take(donor | {"donor.relation": "sibling" if kind == "related" else "na"}, code=code)
    refuses(ward, report, "donor.kind", 3)


@pytest.mark.rule(3)
def test_the_patient_may_be_listed_as_the_own_donor(ward, take):
    assert not take({"donor.kind": "self", "donor.abo": "A"}).refused
    mine = ward.session.scalar(select(Treatment))
    assert mine.donor.patient_id == mine.patient_id


@pytest.mark.rule(22, by="import")
@pytest.mark.parametrize(
    "donor",
    [
        {"donor.kind": "unrelated"},
        {"donor.kind": "related", "donor.relation": "cousin", "donor.donor_number": "na"},
        {"donor.kind": "related", "donor.relation": "unknown", "donor.donor_number": "na"},
    ],
)
def test_under_361_the_donor_of_a_row_is_a_near_relative(ward, take, donor):
    says = DEMONSTRATIONS["HPC-A-AUTO"].model_copy(update={"relations": (Relation.ALLOGENEIC,)})
    published(ward.team, "HPC-A-REL", content=says)
    refuses(ward, take(donor, code="HPC-A-REL"), "donor.kind", 22)


@pytest.mark.rule(39, by="import")
@pytest.mark.parametrize(("dose", "asked"), [("570", True), ("0.05", True), ("5.7", False)])
def test_a_cd34_dose_in_an_unlikely_unit_is_asked_about(ward, take, dose, asked):
    report = take({"qc.cd34_dose": dose})
    assert [fault.ask for fault in report.problems] == ["qc.cd34_dose"] * asked
    assert all("rule 39" in str(fault) for fault in report.problems)
    report = take({"qc.cd34_dose": dose}, confirmed={"qc.cd34_dose": "as in the laboratory's book"})
    assert not report.refused or not asked, report.sentences()


@pytest.mark.rule(4)
def test_a_relative_who_is_listed_beside_a_patient_donates_for_that_patient(ward, take):
    kin = {"donor.kind": "related", "donor.relation": "sibling", "donor.donor_number": "na"}
    assert not take(kin, code="UC-MSC-RA").refused
    mine = ward.session.scalar(select(Treatment))
    assert mine.donor.relative_of_id == mine.patient_id


@pytest.mark.rule(5, by="import")
@pytest.mark.rule(6, by="import")
def test_a_donation_number_is_right_and_used_once(take):
    din = "A999926123456"
    wrong = din + ("A" if check_character(din) != "A" else "B")
    assert "rule 5)" in str(take({"product.din": wrong}).problems[0])
    right = {"product.din": din + check_character(din)}
    report = take(right, right)
    assert "rule 6" in str(report.problems[0]), report.sentences()


@pytest.mark.rule(26, by="import")
@pytest.mark.parametrize(
    ("facts", "column"),
    [
        (KNEE | {"treatment.side": "na"}, "treatment.side"),
        (KNEE | GIVEN | {"administration.body_site": "knee", "administration.side": "left"}, "administration.side"),
        (
            KNEE | GIVEN | {"administration.body_site": "hip"},
            "administration.body_site",
        ),
        (KNEE | GIVEN | {"administration.body_site": "knee", "administration.side": "right"}, ""),
        (KNEE | GIVEN | {"administration.body_site": "knee"}, ""),
        ({"treatment.body_site": "spinal_canal", "treatment.side": "left"}, "treatment.side"),
    ],
)
def test_the_place_of_a_row_contradicts_no_order_of_the_same_row(ward, take, facts, column):
    given = facts.get("administration.performed_at")
    fresh = {"harvest.performed_at": given, "product.performed_at": given} if given else {}
    report = take(facts | fresh | {"product.amount": "60"}, code="BMAC-KNEE")
    if column:
        refuses(ward, report, column, 26)
    else:
        assert not report.refused, report.sentences()


@pytest.mark.rule(55, by="import")
@pytest.mark.parametrize(
    ("facts", "column"),
    [
        ({"treatment.route": "intrathecal"}, "treatment.route"),
        (GIVEN | {"administration.route": "intrathecal"}, "administration.route"),
    ],
)
def test_a_route_that_the_protocol_does_not_allow_comes_in_by_no_table(ward, take, facts, column):
    refuses(ward, take(facts), column, 55)


@pytest.mark.rule(36, by="import")
@pytest.mark.rule(59, by="import")
@pytest.mark.parametrize(("given", "rule"), [("10.1", 36), ("0", 59)])
def test_no_more_was_given_than_the_container_held(ward, take, given, rule):
    refuses(ward, take(GIVEN | {"administration.volume_given": given}), "administration.volume_given", rule)


@pytest.mark.rule(52, by="import")
@pytest.mark.rule(69, by="import")
@pytest.mark.parametrize(
    ("facts", "column", "rule"),
    [
        (GIVEN | {"administration.dose_per_kg": "9.7"}, "administration.dose_per_kg", 52),
        (GIVEN | {"administration.performed_at": ago(55)}, "administration.performed_at", 69),
        ({"product.performed_at": ago(70)}, "product.performed_at", 69),
        ({"harvest.performed_at": ago(-2)}, "harvest.performed_at", 69),
    ],
)
def test_what_a_row_says_agrees_with_itself(ward, take, facts, column, rule):
    report = take(facts)
    mine = [fault for fault in report.problems if fault.column == column]
    assert [str(rule) in fault.expected for fault in mine] == [True], report.sentences()
    assert ward.session.scalar(select(Patient)) is None


@pytest.mark.rule(62, by="import")
def test_a_missed_visit_says_why(ward, take):
    report = take({"visit.month6.performed_at": ago(1), "visit.month6.made": "missed"})
    refuses(ward, report, "visit.month6.missed_reason", 62)


@pytest.mark.rule(63, by="import")
@pytest.mark.parametrize("score", ["11", "3.3", "0.5"])
def test_a_score_lies_in_the_range_and_steps_of_its_instrument(ward, take, score):
    refuses(ward, take({"visit.month6.performed_at": ago(1), "score.month6.edss": score}), "score.month6.edss", 63)


@pytest.mark.rule(65, by="import")
@pytest.mark.parametrize(
    ("facts", "agrees"),
    [
        ({"grade": "5", "outcome": "resolved"}, False),
        ({"grade": "3", "outcome": "fatal"}, False),
        ({"grade": "5", "serious": "hospitalisation", "outcome": "fatal"}, False),
        ({"grade": "5", "serious": "death", "outcome": "fatal"}, True),
        ({"grade": "5", "outcome": "fatal"}, True),
        ({"grade": "5"}, True),
        ({"grade": "4", "outcome": "resolved"}, True),
    ],
)
def test_grade_outcome_and_death_of_a_row_agree_as_far_as_they_are_known(take, facts, agrees):
    died = {"patient.died_on": ago(0)[:10]} if "5" in facts.values() else {}
    report = take(EVENT | died | {f"event.a.{name}": value for name, value in facts.items()})
    assert report.refused is not agrees, report.sentences()
    assert agrees or "rule 65" in str(report.problems[0])


@pytest.mark.rule(66, by="import")
@pytest.mark.parametrize("serious", ["yes", "severe", "4", "death;severe", "grade 4"])
def test_serious_without_a_criterion_is_not_serious(ward, take, serious):
    refuses(ward, take(EVENT | {"event.a.serious": serious}), "event.a.serious", 66)


@pytest.mark.rule(67, by="import")
def test_the_clock_of_an_imported_event_runs(ward, take):
    assert not take(EVENT | {"event.a.serious": "hospitalisation", "event.a.outcome": "ongoing"}).refused
    mine = ward.session.scalar(select(Treatment))
    event = ward.session.scalar(select(AdverseEvent).where(AdverseEvent.treatment_id == mine.id))
    assert (event.clock_days, (event.report_due_on - event.aware_on).days) == (15, 15)


@pytest.mark.rule(70, by="import")
def test_an_import_changes_no_patient_who_is_here(ward, take):
    assert not take({}).refused
    report = take({"patient.family_name": "Other"})
    assert "rule 70" in str(report.problems[0])
    assert [one.family_name for one in ward.session.scalars(select(Patient))] == ["Quist"]


@pytest.mark.rule(10, by="import")
def test_a_donor_number_holds_no_record_number(ward, take):
    refuses(ward, take({"donor.donor_number": "x OLD-0"}, code="UC-MSC-RA"), "donor.donor_number", 10)


@pytest.mark.rule(69, by="import")
@pytest.mark.parametrize(
    "late",
    [
        {"visit.month6.performed_at": ago(3)},
        {"visit.month6.performed_at": ago(3), "score.month6.spo2": "97"},
        EVENT,
    ],
)
def test_nobody_is_seen_alive_after_the_death_of_a_row(ward, take, late):
    report = take({"patient.died_on": ago(4)[:10]} | late)
    assert "rule 69" in " ".join(report.sentences()), report.sentences()
    assert ward.session.scalar(select(Patient)) is None
