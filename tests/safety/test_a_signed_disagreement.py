"""A named person who signs “I do not agree” stops what rests on the record, until quality decides (K2, K5, H37)."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select

from clinic import clock
from clinic.administration.models import Administration
from clinic.consent.models import Consent, Standing
from clinic.course_records import of_course
from clinic.eligibility.models import Eligibility
from clinic.harvest.models import Harvest
from clinic.pathway.order import current
from clinic.release.models import Release
from clinic.release.product_state import held_because
from clinic.release.results import QCResult
from clinic.requests.models import OBJECTION, Request
from tests.bedside import released_product
from tests.downtime.papers import give, harvest, paper
from tests.factories import PASSWORD, course, ready_for_harvest
from tests.safety.driver import Ward
from tests.safety.scenes import scene

SAID = "I was on leave that day, and this is not my signature."


def answer(ward, who, request, said="disagree", words=SAID):
    return ward.fill(who, f"/requests/{request.id}/answer", answer=said, answer_text=words, password=PASSWORD)


def asked(ward, kind="", record=None):
    ward.session.expire_all()
    found = ward.session.scalars(select(Request).where(Request.answered_at.is_(None)).order_by(Request.recorded_at))
    return [one for one in found if kind in {"", one.kind} and record in {None, one.record_id}]


def object_to(ward, record, who="physician2", by="nurse2"):
    """Somebody is asked to check a record, and signs that it is not right."""
    url = f"/records/{record.id}/requests/new"
    assert ward.fill(by, url, kind="second_check", text="Right?", whom=ward.person(who).id).status_code == 303
    assert answer(ward, who, asked(ward, "second_check", record.id)[-1]).status_code == 303, ward.refused


@scene
def released(ward: Ward):
    found = ready_for_harvest(ward.team)
    return found, released_product(found, ward.team)


def test_cells_of_a_harvest_that_both_named_people_deny_go_no_further(ward):
    mine = ready_for_harvest(ward.team)
    harvest(ward, mine, hours=1)
    taken = ward.session.scalars(select(Harvest)).one()
    of = {one.asked_of_id: one for one in asked(ward)}
    for who in ("nurse", "physician2"):
        assert answer(ward, who, of[ward.person(who).id]).status_code == 303, ward.refused
    (bag,) = taken.products
    assert ward.tag(bag) == "On hold"
    ward.sign("physician", taken)
    ward.fill(
        "technologist", f"/treatments/{mine.id}/processing/new", sure="ok", inputs=[bag.id],
        received_temperature="21", received_intact="yes",
    )  # fmt: skip
    ward.said_no("disagreement")
    assert not bag.uses
    assert "Decision on an objection" in ward.browser("quality").get("/").text
    assert "Decision on an objection" in ward.browser("director").get("/").text
    assert SAID.removesuffix(".") in ward.browser("nurse").get(f"/products/{bag.id}").text


KINDS = ("order", "weight", "patient", "bag", Eligibility, Consent, Harvest, QCResult, Release)


def _record(kind, ward, mine, bag):
    named = {"order": mine, "weight": mine.patient.weights[0], "patient": mine.patient, "bag": bag}
    if kind is QCResult:
        return ward.session.scalars(select(QCResult).where(QCResult.product_id == bag.id)).first()
    return named[kind] if kind in named else _first(ward, kind)


def _first(ward, model):
    return ward.session.scalars(select(model)).first()


def test_a_live_record_that_somebody_denies_stops_what_rests_on_it_until_it_is_decided(ward, released):
    mine, bag = released
    for kind in KINDS:
        record = _record(kind, ward, mine, bag)
        denied = _said(ward, record, "second_check", ward.team.nurse2, ward.team.physician2, "disagree")
        assert _stopped(ward, mine, bag), kind
        _said(ward, record, OBJECTION, denied.answered_by, ward.team.director, "agree")
        assert not _stopped(ward, mine, bag), kind


def _said(ward, record, kind, by, of, answer):
    at = clock.now()
    made = Request.ask(record, by=by, at=at, of=of, kind=kind, text="Right?", about=record.NOUN)
    ward.session.add(made)
    made.reply(record, by=of, at=at, answer=answer, words=SAID)
    ward.session.commit()
    return made


def _stopped(ward, mine, bag):
    ward.session.expire_all()
    records, at = of_course(ward.session, mine), clock.now()
    asked = [reason.because for step in current() for reason in step.permission(records, at)]
    return [said for said in (*asked, *held_because(records, bag, at)) if "disagreement" in said]


def test_it_is_resolved_by_quality_that_did_not_write_the_record_with_words_and_a_signature(ward, released):
    mine, bag = released
    object_to(ward, bag, who="physician2", by="technologist")
    (open_one,) = asked(ward, OBJECTION)
    assert answer(ward, "physician2", open_one, "agree").status_code == 422
    assert answer(ward, "quality", open_one, "agree", words="").status_code == 422
    assert ward.fill("physician2", f"/requests/{open_one.id}/withdrawal", reason="never mind").status_code >= 400
    assert answer(ward, "quality2", open_one, "disagree", words="The label is wrong.").status_code == 303
    ward.check(mine, bag)
    ward.not_given(bag, "disagreement")
    url = f"/records/{bag.id}/requests/new"
    answered = ward.fill("nurse", url, kind=OBJECTION, text="Label replaced", whom="role:quality")
    assert answered.status_code == 303, ward.refused
    assert answer(ward, "quality", asked(ward, OBJECTION)[-1], "agree", words="Label compared.").status_code == 303
    ward.give(mine, bag)
    assert ward.given(bag), ward.refused


def test_who_wrote_the_record_does_not_decide_on_the_objection(ward, released):
    decision = _first(ward, Release)
    object_to(ward, decision)
    (open_one,) = asked(ward, OBJECTION)
    assert decision.performed_by_id == ward.team.quality.id
    assert answer(ward, "quality", open_one, "agree").status_code == 422
    assert answer(ward, "director", open_one, "agree").status_code == 303, ward.refused
    assert ward.tag(released[1]).startswith("Released")


def test_who_signed_the_disagreement_does_not_decide_on_it(ward, released):
    _mine, bag = released
    object_to(ward, bag, who="quality", by="technologist")
    (open_one,) = asked(ward, OBJECTION)
    assert answer(ward, "quality", open_one, "agree", words="All well.").status_code == 422
    ward.said_no("You signed the disagreement")
    assert answer(ward, "quality2", open_one, "agree", words="Label compared.").status_code == 303, ward.refused


def test_other_bags_wait_while_a_copied_administration_is_denied_until_the_copy_is_void(ward):
    mine = ready_for_harvest(ward.team, code="BM-MSC-MS")
    one, other = (released_product(mine, ward.team, made_at=clock.now() - timedelta(hours=h)) for h in (8, 7))
    ward.session.commit()
    give(ward, mine, one, hours=3)
    made = ward.session.scalars(select(Administration)).one()
    answer(ward, "nurse", asked(ward, "review", made.id)[0])
    ward.check(mine, other)
    ward.not_given(other, "disagreement")


def test_a_copied_consent_that_its_second_person_denies_is_not_valid(ward):
    mine = course(ward.team, signed=True)
    ward.session.commit()
    typed = paper(ward) | {
        "scope": "treatment", "form_version": "3", "signer": "patient", "signer_name": mine.patient.display_name,
        "performed_at": clock.now() - timedelta(hours=5), "performed_by_id": ward.team.nurse2.id,
        "body_site": "knee", "side": "right",
    }  # fmt: skip
    ward.fill("nurse2", f"/treatments/{mine.id}/paper/consent/new", sure="x", **typed)
    given = _first(ward, Consent)
    ward.sign("nurse2", given)
    assert given.standing(clock.now()) is Standing.VALID
    answer(ward, "physician2", asked(ward, "second_check")[0])
    assert given.standing(clock.now()) is Standing.DISPUTED
    assert "The consent is not valid" in ward.browser("nurse").get(f"/treatments/{mine.id}").text
    answer(ward, "quality", asked(ward, OBJECTION)[0], "agree", words="The paper is in the file.")
    assert given.standing(clock.now()) is Standing.VALID


def test_an_opinion_and_a_score_stop_nothing(ward, released):
    mine, bag = released
    url = f"/records/{bag.id}/requests/new"
    ward.fill("nurse", url, kind="opinion", text="Would you?", whom=ward.team.physician2.id)
    ward.fill("physician2", f"/requests/{asked(ward)[0].id}/answer", answer="disagree", answer_text="I would not.")
    ward.give(mine, bag)
    assert ward.given(bag), ward.refused
