"""Donors: who they are, whether they may be used, and numbers that tell nothing of a person."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

import clinic.harvest.models  # noqa: F401 - the whole graph is mapped
from clinic.errors import RuleBroken
from clinic.patients.donor_consent import DonorConsent
from clinic.patients.donor_screening import blood_groups, named_donor
from clinic.patients.donors import BloodTyping, Donor, DonorEligibility
from clinic.protocols.catalogues import MARKERS
from tests import factories
from tests.judging import records_of

NOW = datetime(2026, 5, 14, 9, 0, tzinfo=UTC)
EXCLUDING = [key for key, marker in MARKERS.items() if marker.excludes]
ALL_NEGATIVE = dict.fromkeys(MARKERS, "negative")


@pytest.fixture
def people():
    return factories.team()


@pytest.fixture
def course(people):
    """A course with a relative's marrow."""
    return factories.course(people, code="HPC-M-CHILD", at=NOW - timedelta(days=20))


def determined(people, *, signed=True, donor=None, to=None, **facts):
    named = {"relative_of": to, "relative_of_id": to.id} if to is not None else {}
    donor = donor or Donor.log(
        by=people.coordinator, at=NOW, kind="related", name="Eva Ito", relation="sibling", **named
    )
    facts = {
        "markers": ALL_NEGATIVE,
        "outcome": "eligible",
        "sample_taken_on": NOW.date() - timedelta(days=5),
        "performed_at": NOW,
        "performed_by": people.physician,
    } | facts
    row = DonorEligibility.log(by=people.physician, at=NOW, donor=donor, **facts)
    if signed:
        row.sign(by=people.physician, at=NOW)
    return donor


def rules(course, at=NOW):
    donor = course.donor
    agreed = []
    if donor is not None:
        by, given = donor.recorded_by, at - timedelta(days=1)
        agreed = [
            DonorConsent.log(
                by=by, at=given, donor=donor, given_by="donor", form_version="D-1", performed_at=given, performed_by=by
            )
        ]
        agreed[0].sign(by=by, at=given)
    return sorted({blocked.rule for blocked in named_donor(records_of(course, *agreed), at) if blocked.rule != 20})


def test_an_unrelated_donor_has_a_number_and_no_name(people):
    with pytest.raises(RuleBroken, match="without a name"):
        Donor.log(by=people.coordinator, at=NOW, kind="unrelated", name="Eva", donor_number="R-1")
    with pytest.raises(RuleBroken, match="Donor number: required"):
        Donor.log(by=people.coordinator, at=NOW, kind="cord")
    with pytest.raises(RuleBroken, match="Relation to the patient: required"):
        Donor.log(by=people.coordinator, at=NOW, kind="related", name="Eva")


@pytest.mark.rule(17)
def test_cells_of_others_wait_for_a_signed_determination(course, people):
    assert rules(course) == [17]
    course.donor = determined(people, to=course.patient, signed=False)
    assert rules(course) == [17]
    course.donor = determined(people, to=course.patient)
    assert rules(course) == []


@pytest.mark.rule(18)
@pytest.mark.parametrize("outcome", ["ineligible", "incomplete"])
def test_a_donor_who_is_not_eligible_is_used_only_with_an_urgent_need_of_which_a_physician_was_told(
    course, people, outcome
):
    course.donor = determined(people, to=course.patient, outcome=outcome)
    assert 18 in rules(course)
    need = "No other donor, relapse"
    with pytest.raises(RuleBroken, match="choose a physician"):
        determined(people, to=course.patient, outcome=outcome, urgent_need=need)
    told = {"told": people.physician2, "physician_told": people.physician2.printed_name}
    course.donor = determined(people, to=course.patient, outcome=outcome, urgent_need=need, **told)
    assert 18 in rules(course)
    course.donor.eligibilities[0].sign(by=people.physician2, at=NOW)
    assert 18 not in rules(course)


@pytest.mark.rule(17)
@pytest.mark.hazard("H14")
@given(
    st.fixed_dictionaries(
        {key: st.sampled_from(["negative", "reactive", "indeterminate", "not_done"]) for key in MARKERS}
    )
)
def test_nobody_is_eligible_with_a_marker_that_excludes_or_with_no_result_at_all(markers):
    people = factories.team()
    excluded = any(markers[key] in {"reactive", "indeterminate"} for key in EXCLUDING)
    if excluded or set(markers.values()) == {"not_done"}:
        with pytest.raises(RuleBroken):
            determined(people, markers=markers)
    else:
        assert determined(people, markers=markers).eligibility() is not None
    assert determined(people, markers=markers, outcome="ineligible").eligibility().outcome == "ineligible"


def test_cytomegalovirus_excludes_nobody(people):
    assert determined(people, markers=ALL_NEGATIVE | {"cmv": "reactive"}).eligibility().outcome == "eligible"


@pytest.mark.rule(19)
def test_a_marker_that_the_protocol_asks_for_is_not_left_out(course, people):
    asked = course.says.screening.markers
    assert asked
    tested = {key: "negative" for key in MARKERS if key != asked[0]}
    course.donor = determined(people, to=course.patient, markers=tested)
    blocked = next(reason for reason in named_donor(records_of(course), NOW) if reason.rule == 19)
    assert MARKERS[asked[0]].label in blocked.because


@pytest.mark.rule(19)
@pytest.mark.parametrize(("age", "fresh"), [(0, True), (30, True), (31, False)])
def test_the_blood_sample_is_not_older_than_the_protocol_allows(course, people, age, fresh):
    days = course.says.screening.valid_days
    course.donor = determined(people, to=course.patient, sample_taken_on=NOW.date() - timedelta(days=age - 30 + days))
    assert (19 not in rules(course)) is fresh


def test_a_result_that_is_none_of_the_catalogue_is_refused(people):
    for markers in ({"hiv_ab": "fine"}, {"flu": "negative"}):
        with pytest.raises(RuleBroken, match="not in the catalog"):
            determined(people, markers=ALL_NEGATIVE | markers)


def typed(people, whom, sample, abo="A", rhd="positive", *, signed=True):
    row = BloodTyping.log(
        by=people.nurse,
        at=NOW,
        sample_number=sample,
        abo=abo,
        rhd=rhd,
        performed_at=NOW - timedelta(minutes=int(sample[-1])),
        performed_by=people.nurse,
        **whom,
    )
    if signed:
        row.sign(by=people.technologist, at=NOW)
    return row


@pytest.mark.rule(20)
def test_donor_and_recipient_each_need_two_samples_that_agree(course, people):
    assert course.says.screening.two_blood_groups
    course.donor = determined(people, to=course.patient)
    donor, recipient = {"donor": course.donor}, {"patient": course.patient}

    def missing():
        return [blocked.because for blocked in blood_groups(records_of(course), [course.donor])]

    assert len(missing()) == 2
    typed(people, donor, "D-1")
    with pytest.raises(RuleBroken, match="rule 20"):
        typed(people, donor, "D-1")
    assert "The donor's blood group is typed from 1 of 2 samples." in missing()
    unsigned = typed(people, donor, "D-2", signed=False)
    assert "The donor's blood group is typed from 1 of 2 samples." in missing()
    unsigned.sign(by=people.nurse, at=NOW)
    typed(people, recipient, "R-1", "O")
    typed(people, recipient, "R-2", "O", "negative")
    assert missing() == ["The recipient's blood groups do not agree."]


def test_own_cells_ask_for_no_donor(people):
    assert named_donor(records_of(factories.course(people, at=NOW - timedelta(days=20))), NOW) == []


@pytest.fixture
def grace(team):
    return factories.patient(
        team, family_name="Lindqvist", given_names="Bo Grace", record_number="N-004187", birth_date=date(1974, 3, 9)
    )


@pytest.mark.rule(10)
@pytest.mark.parametrize(
    "number",
    [
        "LINDQVIST-1",
        "1974 Lindqvist",
        "N-004187",
        "D N004187 7",
        "x-n-004187-x",
        "líndqvist",
        "GRACE77",
        "BO-7",
        "7/Bo/9",
    ],
)
def test_a_donor_number_holds_neither_name_nor_record_number_of_a_patient(session, team, grace, number):
    with pytest.raises(RuleBroken, match="rule 10"):
        Donor.register(session, by=team.coordinator, at=NOW, kind="unrelated", donor_number=number)


@pytest.mark.rule(10)
@pytest.mark.parametrize("number", ["GRID 9999-0001", "BOX-17", "N-004188", "4187", "R-0004711"])
def test_a_number_that_tells_nothing_of_a_person_is_taken(session, team, grace, number):
    assert Donor.register(session, by=team.coordinator, at=NOW, kind="unrelated", donor_number=number) in session


@pytest.mark.rule(10)
def test_a_number_is_not_amended_into_a_name(session, team, grace):
    donor = Donor.register(session, by=team.coordinator, at=NOW, kind="unrelated", donor_number="R-1")
    session.flush()
    with pytest.raises(RuleBroken, match="contains the name of a patient"):
        donor.amend(by=team.coordinator, at=NOW, reason="shorter", donor_number="LINDQVIST")


@pytest.mark.rule(10)
def test_names_of_another_clinic_are_not_told_by_a_refusal(session, team, southern_team, grace):
    assert Donor.register(session, by=southern_team.coordinator, at=NOW, kind="unrelated", donor_number="LINDQVIST-1")


def test_a_patient_is_one_donor(session, team, grace):
    Donor.register(session, by=team.coordinator, at=NOW, kind="self", patient=grace)
    session.flush()
    with pytest.raises(RuleBroken, match="already recorded as a donor"):
        Donor.register(session, by=team.coordinator, at=NOW, kind="self", patient=grace)
