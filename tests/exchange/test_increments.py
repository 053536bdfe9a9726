"""What comes later, for patients who are registered: further courses, administrations, scores and events."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select

from clinic import clock
from clinic.administration.models import Administration
from clinic.errors import RuleBroken
from clinic.exchange import import_undo, importing
from clinic.exchange.batches import ImportBatch
from clinic.exchange.mapping import Mapping, Target
from clinic.followup.adverse_events import AdverseEvent
from clinic.followup.models import FollowUpVisit, OutcomeScore, PlannedVisit
from clinic.patients.donors import Donor
from clinic.patients.models import Patient
from clinic.products.models import Product
from clinic.treatments.models import Treatment
from tests.exchange.test_batches import rows
from tests.exchange.test_import_given import GIVEN
from tests.exchange.test_import_refuses import ago, take, ward
from tests.factories import course, patient, ready_for_harvest

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["take", "ward"]
ONE = {**GIVEN, "administration.performed_at": ago(40)}


@pytest.fixture
def more(ward, tmp_path) -> Callable[..., importing.Report]:
    """Import rows of a kind: the headings are the targets."""

    def run(kind: str, *lines: dict[str, Any], refused: bool = False, **said: Any) -> importing.Report:
        names = list(dict.fromkeys(name for line in lines for name in line))
        file = tmp_path / f"{kind}.csv"
        body = [",".join(line.get(name, "") for name in names) for line in lines]
        file.write_text("\n".join([",".join(names), *body]) + "\n")
        columns = {name: (Target(to=name),) for name in names}
        mapping = Mapping(kind=kind, source="old", reason="not in the old system", columns=columns, **said)
        report = importing.run(ward.session, kind, file, mapping, ward.team.coordinator, clock.now(), dry_run=False)
        if report.refused:
            ward.session.rollback()
        else:
            ward.session.commit()
        assert report.refused is refused, report.sentences()
        return report

    return run


@pytest.fixture
def known(ward, take) -> Treatment:
    """A course that came in as row 17 of the old register."""
    report = take(ONE | {"row.key": "17"})
    assert not report.refused, report.sentences()
    return ward.session.scalars(select(Treatment)).one()


def event(**facts: str) -> dict[str, str]:
    usual = {"term": "Fever", "performed_at": ago(30), "outcome": "resolved"} | facts
    return {"patient.record_number": "OLD-0"} | {f"event.{name}": value for name, value in usual.items()}


def score(**facts: str) -> dict[str, str]:
    usual = {"visit.name": "Month 1", "visit.performed_at": ago(9), "score.instrument": "spo2", "score.value": "97"}
    return {"patient.record_number": "OLD-0"} | usual | {key.replace("_", ".", 1): said for key, said in facts.items()}


def test_events_come_in_one_a_row_and_twice_the_same_changes_nothing(ward, known, more):
    two = (event(), event(term="Rash", grade="2"))
    assert more("events", *two).made == {"Adverse event": 2}
    found = ward.session.scalars(select(AdverseEvent).order_by(AdverseEvent.term)).all()
    assert [(one.term, one.treatment_id, one.origin, one.serious) for one in found] == [
        ("Fever", known.id, "imported", None), ("Rash", known.id, "imported", None),
    ]  # fmt: skip
    before = rows(ward.session)
    assert "was imported before" in more("events", *two).already
    assert more("events", *two, event(term="Cough")).made == {"Adverse event": 1}
    assert rows(ward.session) == before | {"AdverseEvent": 3}


@pytest.mark.parametrize("key", [{"course.key": "17"}, {"patient.key": "17"}, {"course.chain_of_identity": "its own"}])
def test_a_course_is_named_by_the_key_of_its_row_or_its_chain_of_identity(ward, known, more, key):
    said = {name: known.chain_of_identity if one == "its own" else one for name, one in key.items()}
    line = {name: one for name, one in event().items() if name != "patient.record_number"} | said
    assert more("events", line).made == {"Adverse event": 1}
    assert ward.session.scalars(select(AdverseEvent)).one().treatment_id == known.id


REFUSED = [
    ("events", {"patient.record_number": "OLD-8"}, "patient.record_number", "registered here"),
    ("events", {"patient.record_number": "", "course.key": "18"}, "course.key", "came in"),
    ("events", {"course.chain_of_identity": "other"}, "course.chain_of_identity", "this patient"),
    ("events", {"event.outcome": "fatal"}, "event.outcome", "rule 65"),
    ("events", {"event.grade": "5"}, "event.grade", "rule 65"),
    ("events", {"event.performed_at": "2100-01-01"}, "event.performed_at", "future"),
    ("scores", {"score.value": "900"}, "score.value", "rule 63"),
    ("scores", {"score.value": ""}, "score.value", "score"),
    ("scores", {"visit.alive": "no"}, "visit.alive", "rule 65"),
]


@pytest.mark.parametrize(("kind", "facts", "column", "said"), REFUSED)
def test_what_a_page_would_refuse_is_refused_by_row_and_column(ward, known, more, kind, facts, column, said):
    other = course(ward.team, patient(ward.team))
    ward.session.commit()
    facts = {name: other.chain_of_identity if one == "other" else one for name, one in facts.items()}
    line = (event() if kind == "events" else score()) | facts
    report = more(kind, line, refused=True)
    assert column in {fault.column for fault in report.problems}, report.sentences()
    assert said in " ".join(report.sentences()), report.sentences()


def test_the_same_row_twice_in_a_table_is_asked_for_a_key(known, more):
    assert "row.key" in " ".join(more("events", event(), event(), refused=True).sentences())
    assert more("events", event() | {"row.key": "1"}, event() | {"row.key": "2"}).made == {"Adverse event": 2}
    assert "amendment" in str(more("events", event(term="Other") | {"row.key": "1"}, refused=True).problems[0])


def test_scores_of_one_visit_are_one_visit_across_rows_and_tables(ward, known, more):
    wide = {name: one for name, one in score().items() if not name.startswith("score.")}
    more("scores", score(), score(score_instrument="anc_recovery", score_value="", score_did_not_occur="yes"))
    more("scores", wide | {"score.vas_pain_cm": "3"})
    visit = ward.session.scalars(select(FollowUpVisit)).one()
    found = {one.instrument: (one.value, one.did_not_occur) for one in ward.session.scalars(select(OutcomeScore))}
    assert {one.visit_id for one in ward.session.scalars(select(OutcomeScore))} == {visit.id}
    assert (visit.name, visit.made, visit.alive) == ("Month 1", "made", None)
    assert found == {"spo2": (97, False), "anc_recovery": (None, True), "vas_pain_cm": (3, False)}
    assert "once" in " ".join(more("scores", score(score_value="95"), refused=True).sentences())


def test_a_planned_visit_that_the_table_tells_of_is_made(ward, known, more):
    plan = ward.session.scalars(select(PlannedVisit).order_by(PlannedVisit.due_on)).first()
    plan.move_to(plan.day_zero - timedelta(days=200))
    ward.session.commit()
    on = clock.day(clock.now(), ward.team.site.zone)
    assert plan.standing(on) == "overdue"
    more("scores", score(visit_name=plan.name))
    ward.session.refresh(plan)
    assert plan.standing(on) == "done"


def test_a_serious_event_of_a_course_of_this_clinic_is_reported_on_its_page(ward, more):
    own = course(ward.team, patient(ward.team, record_number="HERE-1"))
    ward.session.commit()
    here = event() | {"patient.record_number": "HERE-1"}
    for serious in ("", "hospitalisation"):
        report = more("events", here | {"event.serious": serious}, refused=True)
        assert "rule 67" in " ".join(report.sentences())
    assert more("events", here | {"event.serious": "none"}).made == {"Adverse event": 1}
    assert ward.session.scalars(select(AdverseEvent)).one().treatment_id == own.id


def test_a_visit_that_somebody_signed_is_not_added_to(ward, known, more):
    more("scores", score())
    ward.session.scalars(select(FollowUpVisit)).one().sign(by=ward.team.nurse, at=clock.now())
    ward.session.commit()
    report = more("scores", score(score_instrument="vas_pain_cm", score_value="3"), refused=True)
    assert "signed" in " ".join(report.sentences())


DOSE = {
    "patient.record_number": "OLD-0", "harvest.performed_at": ago(60), "product.performed_at": ago(50),
    "product.volume": "10", "product.amount": "72.5", "weight.kg": "72.5", "weight.performed_at": ago(21),
    "administration.performed_at": ago(20), "administration.volume_given": "10",
}  # fmt: skip


def test_a_further_administration_is_history_and_makes_nothing_givable(ward, known, more):
    line = DOSE | {"product.measure": known.says.dose.measure}
    assert more("administrations", line).made["Administration"] == 1
    given = ward.session.scalars(select(Administration).order_by(Administration.performed_at)).all()
    assert [one.treatment_id for one in given] == [known.id] * 2
    assert all(one.given for one in ward.session.scalars(select(Product))), "nothing is left to give"
    without = {name: one for name, one in line.items() if not name.startswith("administration.")}
    assert "not given" in " ".join(more("administrations", without, refused=True).sentences())
    own = course(ward.team, patient(ward.team, record_number="HERE-1"))
    ward.session.commit()
    said = " ".join(more("administrations", line | {"patient.record_number": "HERE-1"}, refused=True).sentences())
    assert "bedside" in said
    assert own.id


def further(known: Treatment, **facts: str) -> dict[str, str]:
    return DOSE | {
        "treatment.protocol": known.protocol_version.protocol.code, "treatment.relation": known.relation,
        "treatment.source": known.source, "treatment.route": known.route, "treatment.condition": known.condition,
        "product.measure": known.says.dose.measure,
    } | {key.replace("_", ".", 1): said for key, said in facts.items()}  # fmt: skip


def test_a_further_course_of_a_known_patient_has_its_own_chain_and_the_same_donor(ward, known, more):
    line = further(known)
    assert more("further-courses", line).made["Order"] == 1
    both = ward.session.scalars(select(Treatment).order_by(Treatment.recorded_at)).all()
    assert [one.patient_id for one in both] == [known.patient_id] * 2
    assert len({one.chain_of_identity for one in both}) == 2
    assert len({one.donor_id for one in both}) == 1
    assert "which of" in " ".join(more("events", event(), refused=True).sentences())
    batch = ward.session.scalars(select(ImportBatch).where(ImportBatch.kind == "further-courses")).one()
    import_undo.take_back(ward.session, batch, by=ward.team.coordinator, at=clock.now(), reason="The wrong table")
    assert len(ward.session.scalars(select(Treatment)).all()) == 2, "the patient stays, so two people take it back"
    import_undo.confirm(ward.session, batch, by=ward.team.quality, at=clock.now())
    ward.session.commit()
    assert ward.session.scalars(select(Treatment)).all() == [known]
    assert ward.session.scalars(select(Patient)).one().weights


def test_two_rows_that_name_one_donor_number_have_one_donor(ward, take):
    first, second = {"donor.donor_number": "R-5", "donor.sex": "female"}, {"donor.donor_number": "r 5"}
    assert not take(first, second, donor=True).refused
    donor = ward.session.scalars(select(Donor)).one()
    assert {one.donor_id for one in ward.session.scalars(select(Treatment))} == {donor.id}
    assert {one.donor_id for one in ward.session.scalars(select(Product))} == {donor.id}
    new = {"patient.record_number": "OLD-7", "patient.family_name": "Zander", "donor.donor_number": "R-5"}
    report = take(new | {"donor.sex": "male"}, donor=True)
    assert [fault.column for fault in report.problems] == ["donor.sex"], report.sentences()
    assert "rule 70" in str(report.problems[0])
    assert not take(new, donor=True).refused
    assert ward.session.scalars(select(Donor)).one().id == donor.id


def test_a_corrected_event_is_asked_about_and_not_doubled(ward, known, more):
    more("events", event(term="Swelling", grade="1"), event(term="Cough"))
    same = event(term="SWELLING ", grade="2")
    report = more("events", same, event(term="Cough"), refused=True)
    assert [(one.row, one.ask) for one in report.problems] == [(2, "event.repeated")], report.sentences()
    assert "amendment" in str(report.problems[0])
    twice = more("events", event(term="Rash", grade="1"), event(term="rash", grade="2"), refused=True)
    assert [(one.row, one.ask) for one in twice.problems] == [(3, "event.repeated")], "also in one table"
    assert more("events", same, confirmed={"event.repeated": "Both knees"}).made == {"Adverse event": 1}
    assert more("events", same | {"row.key": "2"}).made == {"Adverse event": 1}


def test_cells_given_that_were_saved_again_or_corrected_are_not_doubled(ward, known, more):
    line = DOSE | {"product.measure": known.says.dose.measure, "qc.viability": ">90"}
    more("administrations", line)
    again = line | {"product.amount": "72.50", "product.volume": "10.0", "qc.viability": "> 90.0"}
    assert more("administrations", again, line | {"administration.performed_at": ago(10)}).skipped == 1
    batch = ward.session.scalars(select(ImportBatch).where(ImportBatch.skipped == 1)).one()
    shown = ward.browser("nurse").get(f"/imports/{batch.id}/undo").text
    assert "1 administration" in shown, "what it brought"
    assert "rows, imported" not in shown
    report = more("administrations", line | {"qc.viability": "91"}, refused=True)
    assert [one.ask for one in report.problems] == ["administration.repeated"], report.sentences()
    one = further(known, administration_performed_at=ago(9))
    assert "row.key" in " ".join(
        more("further-courses", one, one | {"product.amount": "72.50"}, refused=True).sentences()
    )
    report = more("further-courses", further(known), refused=True)
    assert [one.ask for one in report.problems] == ["administration.repeated"], report.sentences()


def test_a_score_in_another_way_of_writing_is_no_contradiction(ward, known, more):
    more("scores", score(score_value="97.10", score_instrument="koos_pain"))
    assert "visit" not in more("scores", score(score_value="97.1", score_instrument="koos_pain")).made
    wide = {name: one for name, one in score().items() if not name.startswith("score.")} | {"score.koos_pain": "97.1"}
    assert more("scores", wide | {"score.vas_pain_cm": "3"}).made == {"Score": 1}
    assert len(ward.session.scalars(select(OutcomeScore)).all()) == 2
    assert "once" in " ".join(more("scores", wide | {"score.koos_pain": "98"}, refused=True).sentences())


def test_a_long_table_says_which_scores_are_missing(ward, known, more):
    """Whatever comes first, a visit of the table keeps why; a visit that was there stays as it is."""
    first = (
        score(score_instrument="koos_pain", score_value="70"),
        score(score_instrument="vas_pain_cm", score_value="NA"),
    )
    later = score(visit_name="Month 2", visit_performed_at=ago(8), score_value="NA", score_instrument="koos_pain")
    more("scores", *first, later, score(score_value="NA"), score(score_value="95"), missing=("NA",))
    visits = {one.name: one for one in ward.session.scalars(select(FollowUpVisit))}
    why = "not in the old system"
    assert {name: one.not_recorded.get("vas_pain_cm") for name, one in visits.items()} == {
        "Month 1": why,
        "Month 2": None,
    }
    assert visits["Month 2"].not_recorded["koos_pain"] == why
    assert "spo2" not in visits["Month 1"].not_recorded, "a row has it"
    before = dict(visits["Month 1"].not_recorded)
    more("scores", score(score_instrument="nrs_pain", score_value="NA"), missing=("NA",))
    ward.session.expire_all()
    assert visits["Month 1"].not_recorded == before


@pytest.mark.rule(64)
@pytest.mark.parametrize(
    ("named", "said"),
    [("grade", "4"), ("from_cells", "unrelated"), ("from_delivery", "certain"), ("expected", "expected")],
)
def test_no_table_assesses_an_event_of_a_course_of_this_clinic(ward, more, named, said):
    begun = ready_for_harvest(ward.team)
    ward.session.commit()
    of_it = {"patient.record_number": begun.patient.record_number, "event.serious": "none"}
    report = more("events", event(term="Heart attack", **{named: said}) | of_it, refused=True)
    assert "a physician of this clinic assesses" in str(report.problems[0])
    assert more("events", event(term="Rash") | of_it).made == {"Adverse event": 1}
    came_in = ward.session.scalars(select(AdverseEvent)).one()
    causes = dict.fromkeys(("from_cells", "from_harvest", "from_delivery"), "unlikely")
    said = {"grade": "1", "expected": "expected"} | causes
    assert ward.fill("physician", f"/adverse-events/{came_in.id}/assessment", sure="asked", **said).status_code == 303
    assert ward.sign("physician", came_in).status_code == 303, ward.refused


def undo(ward, batch):
    """Take a batch back; return the refusal, "" where it is gone."""
    try:
        if not import_undo.take_back(
            ward.session, batch, by=ward.team.coordinator, at=clock.now(), reason="Wrong table"
        ):
            import_undo.confirm(ward.session, batch, by=ward.team.physician, at=clock.now())
    except RuleBroken as refused:
        ward.session.rollback()
        return str(refused)
    ward.session.commit()
    return ""


def test_the_later_imports_that_belong_to_an_import_are_named_in_the_order_of_undoing(ward, take, more):
    """A clinic moves in with three tables, and the first of them was the wrong one."""
    assert not take({"row.key": "17"}).refused
    visit = {"course.key": "17", "visit.name": "Week 2", "visit.performed_at": ago(3)}
    more("scores", visit | {"score.koos_pain": "50"})
    more("events", {"course.key": "17", "event.term": "Fever", "event.performed_at": ago(4)})
    courses, scores, events = ward.session.scalars(select(ImportBatch).order_by(ImportBatch.imported_at))
    said = undo(ward, courses)
    assert f"Take these back before it, in this order: {events.id}, events.csv, by " in said
    assert said.index(events.id) < said.index(scores.id)
    assert "Others have" not in said, "the same person imported them"
    for batch in (events, scores, courses):
        assert undo(ward, batch) == ""
