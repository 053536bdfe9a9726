"""A record knows who did it, who wrote it down and who signed; a correction keeps what stood there."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from clinic import clock
from clinic.errors import RuleBroken
from clinic.fields import CLOCK_SLACK
from clinic.patients.models import Weight
from clinic.records import Meaning, Origin
from tests.factories import patient, team

NOON = datetime(2026, 5, 14, 10, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def people():
    return team()


@pytest.fixture(scope="module")
def somebody(people):
    return patient(people, weight=None, at=NOON)


def weighing(people, somebody, *, at=NOON, **facts):
    facts = {
        "patient": somebody,
        "kg": Decimal("72.5"),
        "performed_at": NOON - timedelta(minutes=5),
        "performed_by": people.nurse,
    } | facts
    return Weight.log(by=people.coordinator, at=at, **facts)


def test_who_did_it_and_who_wrote_it_down_are_told_apart(people, somebody):
    weight = weighing(people, somebody)
    assert (weight.performed_by, weight.recorded_by) == (people.nurse, people.coordinator)
    assert weight.site_id == people.site.id
    assert weight.late_by == timedelta(minutes=5)


@pytest.mark.parametrize("missing", ["kg", "performed_at", "performed_by"])
def test_a_required_fact_that_is_missing_is_named(people, somebody, missing):
    label = {"kg": "Weight", "performed_at": "Weighed at", "performed_by": "Weighed by"}[missing]
    with pytest.raises(RuleBroken, match=f"{label}: required"):
        weighing(people, somebody, **{missing: None})


def test_a_history_may_leave_out_a_fact_when_it_says_why(people, somebody):
    with pytest.raises(RuleBroken, match="Weight: required"):
        weighing(people, somebody, kg=None, origin=Origin.IMPORTED)
    told = {"kg": "not in the paper"}
    assert weighing(people, somebody, kg=None, origin=Origin.IMPORTED, not_recorded=told).kg is None


def test_nobody_excuses_a_missing_fact_of_the_clinic_itself(people, somebody):
    with pytest.raises(RuleBroken, match="Weight: required"):
        weighing(people, somebody, kg=None, not_recorded={"kg": "in a hurry"})


def test_an_impossible_quantity_is_refused_whoever_confirms_it(people, somebody):
    with pytest.raises(RuleBroken, match=r"Weight 4000 kg is not possible: it must be 0\.3 to 400 kg"):
        weighing(people, somebody, kg=Decimal(4000), confirmed={"kg": "really"})


def test_an_unusual_quantity_wants_a_reason(people, somebody):
    with pytest.raises(RuleBroken):
        weighing(people, somebody, kg=Decimal("1.9"))
    assert weighing(people, somebody, kg=Decimal("1.9"), confirmed={"kg": "Born at 32 weeks."}).kg == Decimal("1.9")


@pytest.mark.rule(69)
@pytest.mark.hazard("H30")
def test_what_has_not_happened_yet_is_not_written_down(people, somebody):
    with pytest.raises(RuleBroken, match=r"Weighed at, .*, is in the future"):
        weighing(people, somebody, performed_at=NOON + CLOCK_SLACK + timedelta(seconds=1))
    assert weighing(people, somebody, performed_at=NOON + CLOCK_SLACK).kg == Decimal("72.5")


@pytest.mark.hazard("H30")
def test_a_time_without_a_zone_is_never_kept(people, somebody):
    with pytest.raises((RuleBroken, ValueError, TypeError)):
        weighing(people, somebody, performed_at=datetime(2026, 5, 14, 9, 30))  # noqa: DTZ001 - that is the point


@pytest.mark.rule(70)
def test_a_correction_keeps_the_old_value_with_reason_person_and_time(people, somebody):
    weight = weighing(people, somebody)
    amendment = weight.amend(by=people.physician, at=NOON, reason=" Read from the wrong line. ", kg=Decimal("75.2"))
    assert weight.kg == Decimal("75.2")
    assert amendment.changes == {"kg": ["72.5", "75.2"]}
    assert (amendment.amended_by, amendment.reason, amendment.number) == (
        people.physician,
        "Read from the wrong line.",
        1,
    )
    assert weight.amend(by=people.nurse, at=NOON, reason="Again.", kg=Decimal("75.3")).number == 2


@pytest.mark.rule(70)
@pytest.mark.parametrize("reason", ["", "   ", "\n"])
def test_nothing_is_corrected_without_a_reason(people, somebody, reason):
    weight = weighing(people, somebody)
    with pytest.raises(RuleBroken, match="Give a reason"):
        weight.amend(by=people.nurse, at=NOON, reason=reason, kg=Decimal(75))
    assert weight.kg == Decimal("72.5")


def test_a_correction_that_changes_nothing_is_none(people, somebody):
    with pytest.raises(RuleBroken, match="Nothing was changed"):
        weighing(people, somebody).amend(by=people.nurse, at=NOON, reason="Tidy.", kg=Decimal("72.50"))


def test_a_correction_obeys_the_limits_as_the_first_entry_did(people, somebody):
    with pytest.raises(RuleBroken, match="must be"):
        weighing(people, somebody).amend(by=people.nurse, at=NOON, reason="Typing.", kg=Decimal(725))


@pytest.mark.hazard("H24")
def test_a_signature_covers_what_was_signed_and_nothing_later(people, somebody):
    weight = weighing(people, somebody)
    assert not weight.signed
    signature = weight.sign(by=people.physician, at=NOON, meaning=Meaning.VERIFICATION)
    assert weight.signed
    assert (signature.printed_name, signature.role, signature.meaning) == ("Dr I. Novak", "physician", "verification")
    weight.amend(by=people.nurse, at=NOON, reason="Read from the wrong line.", kg=Decimal("75.2"))
    assert not weight.signed
    assert weight.signatures == [signature], "the old signature stays readable"
    weight.sign(by=people.physician, at=NOON)
    assert weight.signed


@pytest.mark.hazard("H25")
def test_one_person_does_not_sign_one_content_twice(people, somebody):
    weight = weighing(people, somebody)
    weight.sign(by=people.physician, at=NOON)
    with pytest.raises(RuleBroken, match="must be from another person"):
        weight.sign(by=people.physician, at=NOON, meaning=Meaning.VERIFICATION)
    weight.sign(by=people.physician2, at=NOON, meaning=Meaning.VERIFICATION)
    assert len(weight.present_signatures) == 2


@pytest.mark.hazard("H24")
def test_a_change_of_any_fact_leaves_the_signature_behind(people, somebody):
    for name, value in {
        "kg": Decimal("72.6"), "performed_at": NOON - timedelta(minutes=6), "performed_by_id": people.nurse2.id,
        "source_note": "x",
        "course_day": 1, "patient_id": "PT-000000000", "recorded_at": clock.now(), "confirmed": {"kg": "x"},
    }.items():  # fmt: skip
        weight = weighing(people, somebody)
        weight.sign(by=people.physician, at=NOON)
        setattr(weight, name, value)
        assert not weight.signed, f"{name} may be changed under a signature"
