"""Vital signs before the start that nobody could bear stop it, others that are unusual want a reason (rule 57)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from clinic import clock
from clinic.access import Role
from tests.safety.reacting import decide
from tests.safety.test_written_since_the_decision import own

__all__ = ["own"]

pytestmark = [pytest.mark.rule(57)]

DYING = {"spo2": "84", "temperature": "39.6", "pulse": "165", "systolic": "66", "breathing": "42"}


def measured(ward, own, **signs):
    """A bedside check on vital signs of which each that is asked about is confirmed."""
    bag, mine = own
    return ward.check(mine, bag, sure="measured twice", **signs)


def asked(check):
    return {line["check"]: line["left"] for line in check.evidence if line.get("warning")}


@pytest.mark.parametrize(
    "signs",
    [
        DYING, {"spo2": "84"}, {"temperature": "39.5"}, {"temperature": "31"}, {"pulse": "165"}, {"pulse": "39"},
        {"systolic": "66"}, {"breathing": "42"}, {"breathing": "6"}, {"systolic": "221"}, {"diastolic": "131"},
        {"systolic": "255", "diastolic": "155"},
    ],
)  # fmt: skip
def test_nobody_who_is_dying_is_given_cells_on_a_confirmed_figure(ward, own, signs):
    bag, _mine = own
    check = measured(ward, own, **({"diastolic": "40"} | signs))
    assert not check.clear
    assert {one["rule"] for one in check.reasons} == {57}
    assert len(check.reasons) == len(signs)
    assert all(one["who"] == [Role.PHYSICIAN.label] for one in check.reasons)
    page = ward.browser("nurse").get(f"/bedside-checks/{check.id}").text
    assert "until a physician decides" in page
    assert "You may begin" not in page
    ward.begin(check)
    assert ward.given(bag) is None


def test_after_a_physician_decided_it_is_a_warning_unless_it_grows_worse(ward, own):
    _bag, mine = own
    assert not measured(ward, own, spo2="84").clear
    with ward.later(minutes=5):
        assert not measured(ward, own, spo2="84").clear, "measured again, nobody has decided"
        ward.sign("physician", decide(ward, mine))
    with ward.later(minutes=10):
        check = measured(ward, own, spo2="84")
        assert check.clear, check.reasons
        assert asked(check) == {"Oxygen saturation": "84 %"}
        assert not measured(ward, own, spo2="83").clear
        assert not measured(ward, own, spo2="84", pulse="165").clear
    with ward.later(minutes=20):
        ward.sign("physician", decide(ward, mine, eligible=False, reasons="hypoxic"))
        assert not measured(ward, own, spo2="84").clear


def test_the_decision_before_does_not_cover_them(ward, own):
    _bag, mine = own
    ward.sign("physician", decide(ward, mine))
    with ward.later(minutes=5):
        assert not measured(ward, own, systolic="60", diastolic="40").clear


@pytest.mark.parametrize(
    ("signs", "label"),
    [
        ({"spo2": "88"}, "Oxygen saturation"), ({"temperature": "38.6"}, "Temperature"),
        ({"temperature": "34.5"}, "Temperature"), ({"systolic": "84"}, "Systolic pressure"),
        ({"systolic": "210"}, "Systolic pressure"), ({"diastolic": "120"}, "Diastolic pressure"),
        ({"pulse": "140"}, "Pulse"), ({"breathing": "30"}, "Breathing"),
    ],
)  # fmt: skip
def test_a_confirmed_unusual_figure_is_no_silent_pass(ward, own, signs, label):
    bag, _mine = own
    check = measured(ward, own, **signs)
    assert check.clear, check.reasons
    assert list(asked(check)) == [label]
    page = ward.browser("nurse").get(f"/bedside-checks/{check.id}").text
    assert "measured twice" in page
    assert "Not yet:</span> answer the warning" in page
    ward.begin(check, because="")
    assert ward.given(bag) is None
    ward.begin(check, because="always so, the physician saw it")
    assert ward.given(bag) is not None, ward.refused


def test_what_is_measured_again_at_once_has_to_be_usual(ward, own):
    assert not measured(ward, own, spo2="84").clear
    with ward.later(minutes=5):
        check = measured(ward, own, spo2="85")
        assert [one["rule"] for one in check.reasons] == [57]
        assert "just before" in check.reasons[0]["because"]
        assert measured(ward, own, spo2="97").clear, "it was typed wrongly"
        assert measured(ward, own, pulse="140").clear, "another sign"
    with ward.later(minutes=20):
        assert measured(ward, own, spo2="85").clear


def test_who_decides_sees_what_stopped_the_start(ward, own):
    _bag, mine = own
    form = f"/treatments/{mine.id}/eligibility/new"
    assert not measured(ward, own, spo2="84", pulse="165").clear
    with ward.later(minutes=5):
        today = ward.browser("physician").get("/").text
        assert "No cells were begun: oxygen saturation 84 %, pulse 165 /min, measured" in today
        page = ward.browser("physician").get(form).text
        assert "Oxygen saturation 84 %, measured" in page
        assert "“Eligible” lets them be begun with it" in page
        assert "Pulse 165" in page
        ward.sign("physician", decide(ward, mine))
        assert "No cells were begun" not in ward.browser("physician").get("/").text
        assert "Oxygen saturation 84 %" not in ward.browser("physician").get(form).text


def test_a_slip_that_was_measured_again_is_nothing_to_decide_on(ward, own):
    assert not measured(ward, own, spo2="84").clear
    with ward.later(minutes=5):
        assert measured(ward, own, spo2="97").clear
        assert "No cells were begun" not in ward.browser("physician").get("/").text


def test_a_decision_covers_what_is_better_than_what_it_saw(ward, own):
    _bag, mine = own
    assert not measured(ward, own, spo2="84").clear
    with ward.later(minutes=5):
        ward.sign("physician", decide(ward, mine))
    with ward.later(minutes=10):
        assert measured(ward, own, spo2="84").clear
    with ward.later(minutes=12):
        assert measured(ward, own, spo2="85").clear


def test_usual_figures_pass_without_a_word(ward, own):
    check = measured(ward, own)
    assert check.clear
    assert not asked(check)


@pytest.mark.parametrize(
    ("signs", "clear"),
    [
        ({"pulse": "170", "breathing": "45", "systolic": "70"}, True), ({"pulse": "45"}, False),
        ({"pulse": "230"}, False), ({"systolic": "40"}, False), ({"breathing": "8"}, False), ({"spo2": "80"}, False),
        ({"systolic": "190"}, False),
    ],
)  # fmt: skip
def test_a_child_has_wider_limits_but_has_some(ward, own, signs, clear):
    _bag, mine = own
    mine.patient.birth_date = clock.today("Europe/Berlin") - timedelta(days=4 * 366)
    ward.session.commit()
    check = measured(ward, own, diastolic="35", **signs)
    assert (57 not in {one["rule"] for one in check.reasons}) is clear


def test_all_that_is_unusual_is_asked_at_once(ward, own):
    bag, mine = own
    more = {"spo2": "88", "temperature": "38.6", "systolic": "84", "pulse": "140", "breathing": "30"}
    assert ward.check(mine, bag, **more) is None
    said = ward.refused[-1]
    for label in ("Oxygen saturation", "Temperature", "Systolic pressure", "Pulse", "Breathing"):
        assert f"{label} " in said
    assert said.count("Is this right?") >= len(more)
