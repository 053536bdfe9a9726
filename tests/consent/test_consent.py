"""Consent: when it holds, who signs it, what its end locks. Without application or database."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clinic.access import Role
from clinic.consent.models import Standing, Withdrawal, valid
from clinic.consent.step import CONSENT
from clinic.errors import RuleBroken
from clinic.pathway.order import HARVEST
from clinic.records import Meaning
from tests import factories
from tests.judging import records_of

NOW = datetime(2026, 5, 14, 9, 0, tzinfo=UTC)


@pytest.fixture
def people():
    return factories.team()


@pytest.fixture
def course(people):
    return factories.course(
        people, factories.patient(people, at=NOW - timedelta(days=30), weight=None), at=NOW - timedelta(days=20)
    )


def consent(course, people, **facts):
    return factories.consented(course, people, **({"at": NOW - timedelta(days=10)} | facts))


@pytest.mark.rule(14)
def test_a_consent_holds_only_when_who_took_it_has_signed(course, people):
    one = consent(course, people, signed=False)
    assert one.standing(NOW) is Standing.UNSIGNED
    assert valid(records_of(course), NOW) is None
    with pytest.raises(RuleBroken, match="who obtained a consent signs it: Dr I"):
        one.sign(by=people.nurse, at=NOW)
    one.sign(by=people.physician, at=NOW)
    assert valid(records_of(course), NOW) is one


@pytest.mark.rule(14)
def test_a_second_person_may_verify_but_that_alone_makes_no_consent_of_another_taker(course, people):
    one = consent(course, people)
    one.sign(by=people.nurse, at=NOW, meaning=Meaning.VERIFICATION)
    assert one.current(NOW)


@pytest.mark.rule(14)
@pytest.mark.hazard("H12")
def test_an_amended_consent_no_longer_holds_until_it_is_signed_again(course, people):
    one = consent(course, people)
    one.amend(by=people.physician, at=NOW, reason="wrong form", form_version="3.2")
    assert valid(records_of(course), NOW) is None
    assert "not signed" in CONSENT.permission(records_of(course), NOW)[0].because
    one.sign(by=people.physician, at=NOW)
    assert valid(records_of(course), NOW) is one


@pytest.mark.rule(14)
@pytest.mark.hazard("H12")
@pytest.mark.parametrize(("days", "holds"), [(-1, False), (0, True), (1, True)])
def test_a_consent_holds_to_the_end_of_its_last_day(course, people, days, holds):
    one = consent(course, people, expires_on=NOW.date() + timedelta(days=days))
    assert one.current(NOW) is holds
    assert bool(CONSENT.permission(records_of(course), NOW)) is not holds
    if not holds:
        assert "expired" in CONSENT.permission(records_of(course), NOW)[0].because


@pytest.mark.rule(14)
@pytest.mark.hazard("H30")
@pytest.mark.parametrize(("zone", "minutes"), [("Europe/Berlin", -60), ("America/Los_Angeles", 480), ("Etc/UTC", 0)])
def test_the_last_day_of_a_consent_ends_at_the_sites_midnight(course, people, zone, minutes):
    people.site.zone = zone
    last = date(2027, 1, 15)
    one = consent(course, people, expires_on=last)
    midnight = datetime(last.year, last.month, last.day, tzinfo=UTC) + timedelta(days=1, minutes=minutes)
    assert one.current(midnight - timedelta(seconds=1))
    assert not one.current(midnight)


@pytest.mark.rule(16)
@pytest.mark.hazard("H12")
def test_consent_to_another_version_opens_no_step_of_this_course(course, people):
    other = factories.published(people, "BMAC-KNEE", content=factories.DEMONSTRATIONS["BMAC-KNEE"])
    consent(course, people, protocol_version=other)
    assert valid(records_of(course), NOW) is None
    blocked = CONSENT.permission(records_of(course), NOW)[0]
    assert (blocked.rule, blocked.fix) == (16, ("consent.new_for_course", {"treatment_id": course.id}))
    assert course.protocol_version.name in blocked.because


@pytest.mark.rule(14)
@pytest.mark.hazard("H12")
@pytest.mark.parametrize("scope", ["data_use", "research"])
def test_consent_to_the_use_of_data_or_to_research_is_none_to_treatment(course, people, scope):
    consent(course, people, scope=scope, protocol_version=None)
    assert valid(records_of(course), NOW) is None
    assert "No consent for this treatment" in CONSENT.permission(records_of(course), NOW)[0].because


@pytest.mark.rule(15)
@pytest.mark.hazard("H12")
@given(at=st.integers(-10_000, 10_000))
def test_from_the_moment_of_withdrawal_nothing_rests_on_a_consent(at):
    people = factories.team()
    course = factories.course(
        people, factories.patient(people, at=NOW - timedelta(days=30), weight=None), at=NOW - timedelta(days=20)
    )
    one = consent(course, people)
    one.withdraw(
        by=people.nurse, at=NOW, performed_at=NOW, performed_by=people.nurse, reason="“I do not want this any more.”"
    )
    moment = NOW + timedelta(seconds=at)
    assert one.current(moment) is (moment < NOW)
    blocked = HARVEST.forbidden(records_of(course), moment)
    assert any(reason.rule == 15 for reason in blocked) is (moment >= NOW)


@pytest.mark.rule(15)
def test_a_withdrawal_needs_no_signature_and_no_reason_to_hold(course, people):
    one = consent(course, people)
    gone = one.withdraw(by=people.nurse, at=NOW, performed_at=NOW, performed_by=people.nurse)
    assert isinstance(gone, Withdrawal)
    assert not gone.signed
    assert one.standing(NOW) is Standing.WITHDRAWN
    assert gone.patient_id == course.patient_id


@pytest.mark.rule(15)
def test_a_consent_is_withdrawn_once_and_not_in_the_future(course, people):
    one = consent(course, people)
    with pytest.raises(RuleBroken, match="in the future"):
        one.withdraw(by=people.nurse, at=NOW, performed_at=NOW + timedelta(hours=1), performed_by=people.nurse)
    one.withdraw(by=people.nurse, at=NOW, performed_at=NOW, performed_by=people.nurse)
    with pytest.raises(RuleBroken, match="withdrawn already"):
        one.withdraw(by=people.nurse, at=NOW, performed_at=NOW, performed_by=people.nurse)


@pytest.mark.rule(15)
def test_a_new_consent_after_a_withdrawal_opens_the_course_again(course, people):
    old = consent(course, people)
    old.withdraw(by=people.nurse, at=NOW, performed_at=NOW - timedelta(days=1), performed_by=people.nurse)
    new = consent(course, people, at=NOW - timedelta(hours=1))
    assert valid(records_of(course), NOW) is new
    assert CONSENT.permission(records_of(course), NOW) == []


@pytest.mark.rule(15)
def test_the_withdrawal_of_one_scope_leaves_the_others(course, people):
    treatment, research = consent(course, people), consent(course, people, scope="research", protocol_version=None)
    research.withdraw(by=people.nurse, at=NOW, performed_at=NOW, performed_by=people.nurse)
    assert not research.current(NOW)
    assert valid(records_of(course), NOW) is treatment


@pytest.mark.rule(14)
def test_a_consent_to_treatment_names_a_version_that_may_be_explained(course, people):
    with pytest.raises(RuleBroken, match="protocol version to which"):
        consent(course, people, protocol_version=None)
    draft = course.protocol_version.protocol.draft(by=people.physician, at=NOW, content=course.says)
    with pytest.raises(RuleBroken, match="draft"):
        consent(course, people, protocol_version=draft)


@pytest.mark.hazard("H12")
def test_a_child_does_not_sign_alone(people):
    child = factories.patient(people, birth_date=date(2014, 5, 1), weight=None)
    course = factories.course(people, child, at=NOW - timedelta(days=20))
    with pytest.raises(RuleBroken, match="The patient was 12"):
        consent(course, people)
    assert consent(course, people, signer="parents", signer_name="Ana and Bo Ito").current(NOW)


def test_a_consent_does_not_end_before_it_began(course, people):
    with pytest.raises(RuleBroken, match="is before “Signed on paper at”"):
        consent(course, people, expires_on=NOW.date() - timedelta(days=11))


@pytest.mark.rule(14)
def test_every_refusal_says_who_can_mend_it_and_where(course, people):
    for blocked in CONSENT.permission(records_of(course), NOW):
        assert set(blocked.who) == {Role.PHYSICIAN, Role.NURSE, Role.COORDINATOR}
        assert blocked.fix
