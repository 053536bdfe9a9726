"""A correction that lets more be done after a withdrawal counts when a second person confirms it (rules 14 to 16)."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from clinic import clock
from clinic.consent.models import Withdrawal
from clinic.demo import builder
from clinic.patients.donor_consent import DonorConsent
from tests.bedside import released_product
from tests.factories import published, ready_for_harvest


def ago(**span):
    return clock.now() - timedelta(**span)


@pytest.fixture
def withdrawn(ward):
    """Cells that were released under two consents, of which the first was withdrawn half an hour ago."""
    mine = ready_for_harvest(ward.team)
    bag = ward.verified(released_product(mine, ward.team))
    second = builder.consent(
        ward.team, mine, ago(days=13), signed=True, written=ago(days=13), form_version="3.1", signer="patient",
        signer_name=mine.patient.display_name,
    )  # fmt: skip
    ward.session.commit()
    first = next(one for one in mine.patient.consents if one is not second)
    url = f"/consents/{first.id}/withdrawal"
    answer = ward.fill("coordinator", url, performed_at=ago(minutes=30), reason="I do not want this any more")
    assert answer.status_code == 303, ward.refused
    return bag, mine, second, ward.session.scalars(select(Withdrawal)).one()


@pytest.mark.rule(15)
@pytest.mark.hazard("H12")
def test_an_earlier_withdrawal_waits_for_a_second_person(ward, withdrawn):
    bag, mine, second, gone = withdrawn
    assert ward.amend("coordinator", gone, performed_at=ago(days=14, hours=12)).status_code == 303, ward.refused
    ward.give(mine, bag)
    ward.not_given(bag, "a second person has not confirmed")
    ward.sign("coordinator", gone)
    ward.give(mine, bag)
    ward.not_given(bag, "a second person has not confirmed")
    assert not second.current(clock.now())
    assert "Confirm the correction" in ward.browser("physician").get(f"/consents/{gone.consent_id}").text
    assert ward.sign("physician", gone).status_code == 303, ward.refused
    ward.session.expire_all()
    assert second.current(clock.now())


@pytest.mark.rule(15)
def test_a_later_withdrawal_still_counts_from_its_first_moment(ward, withdrawn):
    _bag, _mine, second, gone = withdrawn
    first = gone.performed_at
    assert ward.amend("coordinator", gone, performed_at=ago(minutes=1)).status_code == 303, ward.refused
    ward.session.expire_all()
    assert second.withdrawn_since(clock.now()) == first


@pytest.mark.rule(15)
@pytest.mark.parametrize("moved", [{"minutes": 5}, {"minutes": 30}, {"days": 15}])
def test_a_consent_is_not_moved_past_a_withdrawal_alone(ward, withdrawn, moved):
    bag, mine, second, _gone = withdrawn
    assert ward.amend("physician", second, performed_at=ago(**moved)).status_code == 303, ward.refused
    ward.sign("physician", second)
    ward.give(mine, bag)
    ward.not_given(bag, "consent")
    assert not second.current(clock.now())


@pytest.mark.rule(15)
def test_a_consent_is_not_given_after_its_own_withdrawal(ward, withdrawn):
    bag, mine, _second, gone = withdrawn
    assert ward.amend("physician", gone.consent, performed_at=ago(minutes=5)).status_code == 422
    ward.said_no("record a new consent")
    ward.give(mine, bag)
    ward.not_given(bag, "withdrawn")


@pytest.mark.rule(14)
def test_a_consent_that_ends_nothing_is_redated_by_who_took_it(ward):
    mine = ready_for_harvest(ward.team)
    (consent,) = mine.patient.consents
    ward.session.commit()
    later = consent.performed_at + timedelta(hours=1)
    assert ward.amend("physician", consent, performed_at=later).status_code == 303, ward.refused
    taker = "physician" if consent.performed_by_id == ward.team.physician.id else "coordinator"
    ward.sign(taker, consent)
    ward.session.expire_all()
    assert consent.unconfirmed is None


@pytest.mark.rule(15)
@pytest.mark.parametrize("moved", [None, {"days": 60}, {"minutes": 1}])
def test_a_donors_withdrawal_is_not_undone_alone(ward, moved):
    version, donor = published(ward.team, "UC-MSC-RA"), ward.giver()
    mine = ready_for_harvest(ward.team, code="UC-MSC-RA", donor=donor)
    (bag,) = ward.banked(ward.donated(donor, version), version)
    ward.session.commit()
    (first,) = donor.consents
    again = DonorConsent.log(
        by=ward.team.physician, at=ago(days=41), donor=donor, given_by=first.given_by, form_version="2",
        performed_at=ago(days=41), performed_by=ward.team.physician,
    )  # fmt: skip
    ward.stands(again, "physician")
    ward.session.commit()
    ward.assign(bag, mine)
    ward.release(bag)
    assert ward.amend("physician", first, withdrawn_at=ago(hours=1)).status_code == 303, ward.refused
    ward.give(mine, bag)
    ward.not_given(bag, "withdrew the consent to donate")
    ward.refused.clear()
    empty = {f"withdrawn_at-{box}": "" for box in ("d", "m", "y", "t")}
    changed = empty if moved is None else {"withdrawn_at": ago(**moved)}
    answer = ward.amend("physician", first, **changed)
    ward.sign("physician", first)
    ward.give(mine, bag)
    if answer.status_code == 303:
        ward.not_given(bag, "withdrew the consent to donate")


def test_a_stop_is_redated_with_a_second_person(ward):
    mine = ready_for_harvest(ward.team)
    ward.session.commit()
    ward.fill("physician", f"/treatments/{mine.id}/stop", reason="the patient moves away")
    stop = mine.stop
    first = stop.performed_at
    assert ward.amend("physician", stop, performed_at=ago(minutes=0)).status_code in {303, 422}
    ward.session.expire_all()
    assert stop.since == first


@pytest.mark.rule(15)
def test_a_withdrawn_consent_is_no_step_that_is_done_and_says_what_follows(ward):
    mine = ready_for_harvest(ward.team)
    ward.session.commit()
    consent = mine.patient.consents[0]
    url = f"/consents/{consent.id}/withdrawal"
    told = {"performed_at": ago(minutes=1), "reason": "changed her mind"}
    assert ward.fill("physician", url, **told).status_code == 303, ward.refused
    shown = ward.browser("nurse").get(f"/treatments/{mine.id}/harvests/new")
    assert shown.status_code == 409
    assert mine.patient.family_name.upper() in shown.text
    assert f'href="/treatments/{mine.id}"' in shown.text
    assert "Back to the course" in shown.text
    assert "Nothing was saved" not in shown.text
    assert "can be resolved by" not in shown.text
    assert "a physician or the medical director stops it" in shown.text
    course = ward.browser("nurse").get(f"/treatments/{mine.id}").text
    rail = course.partition('class="c-rail"')[2].partition("</li>")[0]
    today = f"{clock.local(clock.now(), 'Europe/Berlin'):%-d %b}"
    assert 'class="is-block"' in rail
    assert today in rail
    chart = course.partition("Course by date")[2]
    assert 'class="stop"' in chart
