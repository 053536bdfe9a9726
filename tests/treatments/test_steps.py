"""Consent and eligibility as steps: how far they are, what waits, who may, what blocks."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from clinic import clock
from clinic.access import Role
from clinic.consent.step import CONSENT
from clinic.eligibility.step import ELIGIBILITY
from clinic.errors import RuleBroken, StepBlocked
from clinic.pathway.order import HARVEST
from clinic.protocols.demonstration import DEMONSTRATIONS
from clinic.steps import State
from clinic.treatments.models import Stop, Treatment
from tests.factories import consented, course, eligible, stranger, team
from tests.judging import records_of

if TYPE_CHECKING:
    from tests.factories import Team


def stopped(one: Treatment, people: Team) -> Stop:
    return Stop.log(
        by=people.physician,
        at=clock.now(),
        treatment=one,
        performed_at=clock.now(),
        performed_by=people.physician,
        reason="the patient moved away",
    )


def titles(step, one: Treatment, *more) -> list[str]:
    return [action.title for action in step.actions(records_of(one, *more), clock.now())]


@pytest.mark.rule(14)
def test_consent_goes_from_open_over_unsigned_to_valid() -> None:
    people = team()
    one = course(people)
    assert CONSENT.progress(records_of(one), clock.now()).state is State.TO_DO
    assert titles(CONSENT, one) == ["Obtain consent"]
    consent = consented(one, people, signed=False)
    assert CONSENT.progress(records_of(one), clock.now()).word == "Not signed"
    assert [reason.rule for reason in CONSENT.permission(records_of(one), clock.now())] == [14]
    assert CONSENT.actions(records_of(one), clock.now())[0].to == ("consent.show", {"consent_id": consent.id})
    consent.sign(by=people.physician, at=clock.now())
    progress = CONSENT.progress(records_of(one), clock.now())
    assert (progress.state, progress.word, progress.by) == (State.DONE, "Valid", "Dr I. Novak")
    assert titles(CONSENT, one) == []
    assert CONSENT.permission(records_of(one), clock.now()) == []


@pytest.mark.rule(14)
def test_an_expired_consent_holds_no_more() -> None:
    people, at = team(), clock.now()
    one = course(people)
    consented(one, people, expires_on=at.date())
    late = at + timedelta(days=2)
    assert CONSENT.progress(records_of(one), late).word == "Expired"
    assert CONSENT.progress(records_of(one), late).state is State.BLOCKED
    assert "expired" in CONSENT.permission(records_of(one), late)[0].because


@pytest.mark.rule(16)
def test_a_new_version_needs_a_new_consent() -> None:
    people = team()
    first = course(people)
    consented(first, people)
    protocol = first.protocol_version.protocol
    later = protocol.draft(by=people.quality, at=clock.now(), content=DEMONSTRATIONS["BMAC-KNEE"])
    later.publish(by=people.director, at=clock.now())
    second = course(people, first.patient, version=later)
    (retired,) = CONSENT.permission(records_of(first), clock.now())
    assert (retired.rule, retired.fix_label) == (16, "Decide"), "the version that the course follows was retired"
    (reason,) = CONSENT.permission(records_of(second), clock.now())
    assert reason.rule == 16
    assert "this course follows BMAC-KNEE, version 2" in reason.because
    assert titles(CONSENT, second) == ["Obtain consent again"]
    assert CONSENT.progress(records_of(second), clock.now()).word == "For another version"


@pytest.mark.rule(15)
def test_after_a_withdrawal_the_course_waits_for_its_end() -> None:
    people, at = team(), clock.now()
    one = course(people)
    one.sign(by=people.physician, at=at)
    consented(one, people).withdraw(by=people.nurse, at=at, performed_at=at, performed_by=people.nurse)
    assert CONSENT.progress(records_of(one), at).word == "Withdrawn"
    (action,) = CONSENT.actions(records_of(one), at)
    assert action.to == ("treatments.stop", {"treatment_id": one.id})
    assert [reason.rule for reason in HARVEST.forbidden(records_of(one), at)] == [15, 23]


@pytest.mark.rule(23)
def test_eligibility_goes_from_open_over_unsigned_to_decided() -> None:
    people = team()
    one = course(people)
    one.sign(by=people.physician, at=clock.now())
    assert ELIGIBILITY.progress(records_of(one), clock.now()).word == "To do"
    assert titles(ELIGIBILITY, one) == ["Decide on the eligibility"]
    decision = eligible(one, people, signed=False)
    assert ELIGIBILITY.progress(records_of(one, decision), clock.now()).state is State.NOW
    assert titles(ELIGIBILITY, one, decision) == ["Sign the eligibility"]
    decision.sign(by=people.physician, at=clock.now())
    assert ELIGIBILITY.progress(records_of(one, decision), clock.now()).word == "Eligible"
    assert titles(ELIGIBILITY, one, decision) == []


@pytest.mark.rule(23)
def test_a_no_blocks_every_later_step() -> None:
    people = team()
    one = course(people)
    one.sign(by=people.physician, at=clock.now())
    consented(one, people)
    no = eligible(one, people, eligible=False, active_infection=True)
    assert ELIGIBILITY.progress(records_of(one, no), clock.now()).state is State.BLOCKED
    (reason,) = HARVEST.forbidden(records_of(one, no), clock.now())
    assert reason.rule == 23
    assert "an active infection" in reason.because
    assert "Stop the course" in titles(ELIGIBILITY, one, no)


def test_an_order_waits_for_its_signature_and_its_donor() -> None:
    people = team()
    one = course(people, code="UC-MSC-LUPUS")
    assert titles(ELIGIBILITY, one)[:2] == ["Sign the order", "Name the donor"]
    one.name_donor(stranger(people), by=people.coordinator, at=clock.now())
    one.sign(by=people.physician, at=clock.now())
    assert titles(ELIGIBILITY, one) == ["Decide on the eligibility"]


@pytest.mark.parametrize("role", Role)
def test_only_a_physician_decides_and_only_who_takes_consents_begins_one(role: Role) -> None:
    people = team()
    one = course(people)
    for step in (CONSENT, ELIGIBILITY):
        if role in step.logs:
            step.admit(records_of(one), by=people(role), at=clock.now())
        else:
            with pytest.raises(RuleBroken, match=f"{step.title} is recorded by"):
                step.admit(records_of(one), by=people(role), at=clock.now())
    assert ELIGIBILITY.logs == {Role.PHYSICIAN}


def test_a_stopped_course_takes_nothing_more_and_asks_for_nothing() -> None:
    people = team()
    one = course(people)
    stopped(one, people)
    for step in (CONSENT, ELIGIBILITY):
        with pytest.raises(StepBlocked, match="The course was stopped: the patient moved away"):
            step.admit(records_of(one), by=people.physician, at=clock.now())
        assert titles(step, one) == []
