"""What nobody has decided yet stops the cells: a proposed merge, a “no” before a “yes”, growth while they run."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from clinic import clock
from clinic.administration import step as giving
from clinic.administration.models import BedsideCheck
from clinic.consent.models import Consent
from clinic.eligibility.models import Eligibility
from clinic.eligibility.reasons import is_personal
from clinic.followup import step as following
from clinic.ledger.listener import set_actor
from clinic.notices import Notice
from clinic.patients import merging
from clinic.release.results import QCResult
from clinic.release.who_decides import hands_on
from tests.bedside import released_product
from tests.factories import PASSWORD, patient, ready_for_harvest
from tests.judging import records_of
from tests.reading import Page
from tests.safety.reacting import decide
from tests.safety.scenes import scene
from tests.safety.test_two_records_of_one_person import allergic, confirm, propose, warn

WITHDRAWS = {"reason": "changed her mind"}


@scene
def bag(ward):
    """A released bag of own cells."""
    return ward.verified(released_product(ready_for_harvest(ward.team), ward.team))


@pytest.mark.rule(23)
@pytest.mark.hazard("H27")
@pytest.mark.parametrize("told", ["allergy", "alert", "course", "death", "nothing"])
def test_a_proposed_merge_stops_the_cells_where_the_other_record_tells_something(ward, bag, told):
    mine, other = bag.treatment, patient(ward.team)
    ward.session.commit()
    if told == "allergy":
        allergic(ward, other, "citrate (anaphylaxis)")
    elif told == "alert":
        warn(ward, other, "Difficult veins")
    elif told == "death":
        set_actor(ward.session, ward.team.nurse.id)
        other.amend(by=ward.team.nurse, at=clock.now(), reason="told", died_on=clock.today(mine.zone))
        ward.session.commit()
    elif told == "course":
        ready_for_harvest(ward.team, other)
        ward.session.commit()
    clear = ward.check(mine, bag)
    assert clear is not None
    assert clear.clear
    one = propose(ward, mine, other)
    ward.begin(clear)
    assert ward.given(bag) is None, "a check of before the proposal begins nothing"
    check = ward.check(mine, bag, sure="identity card seen")
    assert check is not None
    assert check.clear is (told == "nothing"), ward.refused
    lines = {line["check"]: line["left"] for line in check.evidence}
    name = "One record for one patient" if told != "nothing" else "Another record of the patient is proposed"
    assert other.record_number in lines[name]
    if told == "alert":
        confirm(ward, one)
        assert ward.check(mine, bag).clear


@pytest.mark.rule(23)
@pytest.mark.hazard("H27")
@pytest.mark.parametrize("joined", ["confirmed", "proposed"])
def test_a_proposed_merge_tells_what_every_record_behind_it_says(ward, bag, joined):
    mine, other, third = bag.treatment, patient(ward.team), patient(ward.team)
    ward.session.commit()
    allergic(ward, third, "citrate (anaphylaxis)")
    url, facts = f"/patients/{other.id}/merges/new", {"reason": "card seen", "sure": "yes"}
    assert ward.fill("coordinator", url, number=third.record_number, **facts).status_code == 303, ward.refused
    first = ward.session.scalars(select(merging.PatientMerge)).one()
    if joined == "confirmed":
        assert confirm(ward, first).status_code == 303, ward.refused
    number = mine.patient.record_number
    assert ward.fill("coordinator", url, number=number, **facts).status_code == 303, ward.refused
    check = ward.check(mine, bag, sure="card seen")
    assert not check.clear
    ward.said_no("citrate")


@pytest.mark.hazard("H27")
def test_only_few_proposals_of_a_merge_wait_at_a_time(ward, bag):
    mine = bag.treatment
    others = [patient(ward.team) for _number in range(merging.MOST_OF_PATIENT + 1)]
    ward.session.commit()
    made = [propose(ward, mine, one) for one in others[:-1]]
    url, last = f"/patients/{mine.patient_id}/merges/new", {"number": others[-1].record_number, "reason": "card seen"}
    assert ward.fill("physician", url, sure="yes", **last).status_code == 422
    ward.said_no("wait for a decision")
    confirm(ward, made[0])
    assert ward.fill("physician", url, sure="yes", **last).status_code == 303, ward.refused


@pytest.mark.rule(23)
def test_a_no_that_its_author_alone_turned_is_named_to_the_next_physician(ward, bag):
    mine = bag.treatment
    no = decide(ward, mine, eligible=False, reasons="INR 5, bleeding")
    ward.amend("physician", no, eligible=True, reasons="")
    said = {"active_infection": False, "pregnancy": "not_applicable", "malignancy": False, "eligible": True}
    url = f"/treatments/{mine.id}/eligibility/new"
    assert ward.fill("physician2", url, performed_at=clock.now(), **said).status_code == 422
    ward.said_no("decided “not eligible”", "no longer hold")


@pytest.mark.rule(23)
@pytest.mark.parametrize(
    ("reasons", "personal"),
    [
        ("Leukapheresis device out of order; ask again in May", False),
        ("No infection; the patient moved away", True),
        ("without signs of active infection, no time", True),
        ("sepsis", True),
        ("Acute myeloid leukemia", True),
        ("osteosarcoma found", True),
        ("allergic to albumin", True),
        ("febrile since Monday", True),
        ("no fever, but pneumonia", True),
    ],
)
def test_a_reason_that_lies_in_the_person_counts_in_every_course(reasons, personal):
    assert is_personal(reasons) is personal


@pytest.mark.rule(23)
@pytest.mark.parametrize("signed", [True, False])
def test_a_yes_after_a_no_names_the_no_and_tells_who_said_it(ward, bag, signed):
    mine = bag.treatment
    no = decide(ward, mine, eligible=False, reasons="INR 5, bleeding")
    if signed:
        ward.sign("physician", no)
    said = {"active_infection": False, "pregnancy": "not_applicable", "malignancy": False, "eligible": True}
    url = f"/treatments/{mine.id}/eligibility/new"
    assert ward.fill("physician2", url, performed_at=clock.now(), **said).status_code == 422
    ward.said_no("INR 5, bleeding", "no longer hold")
    yes = decide(ward, mine, "physician2")
    assert yes.id != no.id
    assert yes.confirmed["eligible"] == "asked"
    told = ward.session.scalars(select(Notice).where(Notice.record_id == yes.id)).all()
    assert [one.user_id for one in told] == [ward.team.physician.id]
    again = decide(ward, mine, "physician2")
    assert "eligible" not in again.confirmed, "a “yes” after a “yes” answers nothing"
    assert ward.session.get(Eligibility, no.id).eligible is False


@pytest.mark.rule(43)
@pytest.mark.parametrize("what", ["growth", "withdrawal", "stop", "hold", "reject", "unfit", "allergy", "result"])
def test_cells_that_run_are_stopped_where_they_could_no_longer_be_begun(ward, bag, what):
    mine = bag.treatment
    ward.give(mine, bag)
    given = ward.given(bag)
    assert given is not None, ward.refused
    course = f"/treatments/{mine.id}"
    before = ward.browser("nurse").get(course).text
    assert "Stop giving these cells" not in before
    if what == "growth":
        at = clock.now() - timedelta(minutes=1)
        ward.result(bag, "gram_stain", outcome="organisms", finding="Gram-positive cocci", sampled_at=at, sure="read")
    elif what == "withdrawal":
        consent = ward.session.scalars(select(Consent).where(Consent.scope == "treatment")).first()
        ward.fill("nurse", f"/consents/{consent.id}/withdrawal", sure="yes", **WITHDRAWS)
    elif what == "stop":
        ward.fill("physician", f"{course}/stop", reason="patient is septic", sure="yes")
    elif what in {"hold", "reject"}:
        answer = ward.decide(bag, what, reason="label doubtful", sure="yes")
        ward.fill("quality", answer.location, password=PASSWORD)
    elif what == "unfit":
        decide(ward, mine, eligible=False, reasons="sepsis")
    elif what == "allergy":
        allergic(ward, mine.patient, "citrate (anaphylaxis)")
    else:
        result = ward.session.scalars(select(QCResult).where(QCResult.test == "viability")).first()
        ward.amend("technologist", result, value="40")
    end = f"/administrations/{given.id}/end"
    for where in (course, "/", end, f"/administrations/{given.id}"):
        shown = ward.browser("nurse").get(where, follow_redirects=True).text
        assert "Stop giving these cells" in shown, (where, ward.refused)
        assert f"/administrations/{given.id}/abort" in shown, where
    if what in {"hold", "reject"}:
        assert "label doubtful" in shown, "with the reason that quality gave"
    assert "prefilled: whole dose" not in ward.browser("nurse").get(end).text
    assert 'id="stop"' in ward.browser("technologist").get("/").text, "who may call the ward sees it too"
    today = Page.of(ward.browser("nurse").get("/", follow_redirects=True).text).text
    assert "Record the end" not in today.partition("Stop giving these cells")[0].partition("Waiting for me")[2], today


@pytest.mark.rule(23)
@pytest.mark.hazard("H27")
def test_nobody_is_sent_to_the_bedside_while_another_record_waits_for_a_decision(ward, bag):
    mine, other = bag.treatment, patient(ward.team)
    ward.session.commit()
    assert "Check at the bedside" in ward.browser("nurse").get("/").text
    one = propose(ward, mine, other)
    assert "Check at the bedside" in ward.browser("nurse").get("/").text, "the other record tells nothing"
    warn(ward, other, "Difficult veins")
    for where in ("/", f"/treatments/{mine.id}"):
        assert "Check at the bedside" not in ward.browser("nurse").get(where).text, where
        shown = ward.browser("quality").get(where).text
        assert "Decide on the other record" in shown, where
        assert f"/merges/{one.id}" in shown, where
    ward.fill("coordinator", f"/merges/{one.id}/undo", reason="Two people after all")
    assert "Check at the bedside" in ward.browser("nurse").get("/").text


@pytest.mark.rule(23)
@pytest.mark.hazard("H27")
@pytest.mark.parametrize("told", ["before", "after"])
def test_cells_that_run_are_stopped_by_what_a_record_says_that_may_be_the_patients(ward, bag, told):
    mine, other = bag.treatment, patient(ward.team)
    ward.give(mine, bag)
    given = ward.given(bag)
    if told == "before":
        allergic(ward, other, "citrate (anaphylaxis)")
    propose(ward, mine, other)
    if told == "after":
        assert "Stop giving these cells" not in ward.browser("nurse").get("/").text
        allergic(ward, other, "citrate (anaphylaxis)")
    for where in ("/", f"/treatments/{mine.id}", f"/administrations/{given.id}"):
        shown = ward.browser("nurse").get(where).text
        assert "Stop giving these cells" in shown, where
        assert "citrate (anaphylaxis)" in shown, where


@pytest.mark.rule(43)
@pytest.mark.parametrize("changed", [{"value": "93"}, {"method": "another reader"}])
def test_a_result_that_is_corrected_within_its_limits_stops_no_cells_once_it_is_confirmed(ward, bag, changed):
    ward.give(bag.treatment, bag)
    result = ward.session.scalars(select(QCResult).where(QCResult.test == "viability")).first()
    assert ward.amend("technologist", result, **changed).status_code == 303, ward.refused
    ward.sign("technologist2", result)
    ward.session.expire_all()
    given = ward.given(bag)
    assert giving.stop_because(records_of(bag.treatment), given, clock.now()) == []
    bag.expires_at = given.performed_at - timedelta(minutes=1)
    ward.session.commit()
    (said,) = giving.stop_because(records_of(bag.treatment), given, clock.now())
    assert "before the start" in said


@pytest.mark.rule(45)
def test_who_wrote_the_paper_of_a_result_had_a_hand_in_it(ward, bag):
    result = ward.session.scalars(select(QCResult).where(QCResult.product_id == bag.id)).first()
    assert ward.team.quality.id not in hands_on(records_of(bag.treatment), bag)
    result.paper = {"written_by_id": ward.team.quality.id, "written_by": "QA"}
    ward.session.flush()
    assert ward.team.quality.id in hands_on(records_of(bag.treatment), bag)
    assert ward.session.scalar(select(BedsideCheck)) is None


@pytest.mark.rule(60)
def test_what_was_not_drawn_of_a_bag_is_discarded_in_the_laboratory(ward):
    mine = ready_for_harvest(ward.team, code="BM-MSC-MS")
    whole = ward.verified(released_product(mine, ward.team, amount="200"))
    ward.begin(ward.check(mine, whole, volume="5"))
    given = ward.given(whole)
    assert given is not None, ward.refused
    ward.end(given, ended_at=clock.now(), volume_given="5", volume_wasted="0", volume_returned="0")
    assert "Discard the rest of the bag" in ward.browser("technologist").get("/").text
    assert ward.move("technologist", whole, "stored", place="fridge").status_code >= 400
    assert ward.move("technologist", whole, "discarded", reason="not drawn").status_code == 303, ward.refused
    assert "Discard the rest of the bag" not in ward.browser("technologist").get("/").text
    assert ward.tag(whole) == "Given"


@pytest.mark.rule(64)
@pytest.mark.parametrize(
    ("said", "asks"), [("no", False), ("None seen.", False), ("no itching, but hypotension", True)]
)
def test_no_reaction_in_words_is_none(ward, bag, said, asks):
    mine = bag.treatment
    ward.give(mine, bag)
    url = f"/administrations/{ward.given(bag).id}/abort"
    answer = ward.fill("nurse", url, volume_given="4", because="the patient withdrew", rest="returned", reaction=said)
    assert answer.status_code == 303, ward.refused
    ward.session.expire_all()
    asked = {one.title for one in following.actions(records_of(mine), clock.now())}
    assert ("Report the adverse event" in asked) is asks, asked
