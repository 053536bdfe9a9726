"""The pages of donors and of consent, through the client."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from clinic import clock
from clinic.consent.models import Consent, Withdrawal
from clinic.patients.donors import BloodTyping, Donor, DonorEligibility
from clinic.protocols.catalogues import MARKERS
from tests import factories
from tests.factories import PASSWORD, boxes, day_boxes
from tests.judging import valid_consent
from tests.reading import Page, searched


@pytest.fixture
def course(team):
    return factories.course(team)


def signed(browser, page, post, record, password=PASSWORD):
    form = page(browser, f"/records/{record}/signature")
    return post(browser, f"/records/{record}/signature", version=form.hidden["version"], password=password)


def test_a_relative_is_linked_from_the_patients_page(client_as, page, post, session, course):
    browser = client_as("coordinator")
    assert f"/donors/new?patient={course.patient_id}" in page(browser, f"/patients/{course.patient_id}").links
    form = page(browser, f"/donors/new?patient={course.patient_id}")
    assert form.values["patient_number"] == course.patient.record_number
    said = {"kind": "related", "name": "Eva Ito", "relation": "sibling", "patient_number": course.patient.record_number}
    answer = post(browser, "/donors/new", said)
    assert answer.status_code == 303
    donor = session.scalars(select(Donor)).one()
    assert donor.relative_of_id == course.patient_id
    assert "a relative, sister or brother" in page(browser, answer.location)
    assert f"/donors/{donor.id}" in page(browser, f"/patients/{course.patient_id}").links
    shown = page(browser, "/donors")
    assert "Eva Ito" in shown
    assert course.patient.record_number in shown


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"kind": "related", "name": "Eva", "relation": "sibling"}, "enter the relative"),
        (
            {"kind": "related", "name": "Eva", "relation": "sibling", "patient_number": "N-77777"},
            "no patient of this clinic",
        ),
        ({"kind": "unrelated", "name": "Eva", "donor_number": "R-1"}, "without a name"),
        ({"kind": "cord"}, "Donor number: required"),
        ({"kind": ""}, "required"),
    ],
)
def test_a_donor_that_cannot_be_is_refused_in_words(client_as, post, session, said, why):
    answer = post(client_as("nurse"), "/donors/new", said)
    assert answer.status_code == 422
    assert why in answer.text
    assert session.scalar(select(Donor)) is None


@pytest.mark.rule(10, by="http")
def test_a_number_with_a_patients_record_number_is_refused_on_the_form(client_as, post, course):
    answer = post(client_as("nurse"), "/donors/new", kind="unrelated", donor_number=f"D-{course.patient.record_number}")
    assert answer.status_code == 422
    assert "contains the record number of a patient" in answer.text


@pytest.mark.rule(17)
def test_a_determination_has_a_box_for_every_marker_and_is_signed_by_a_physician(client_as, page, post, session, team):
    donor = team.add(Donor.log(by=team.coordinator, at=clock.now(), kind="unrelated", donor_number="R-12"))
    browser, when = client_as("physician"), clock.now() - timedelta(hours=1)
    form = page(browser, f"/donors/{donor.id}/eligibility/new")
    assert all(f"marker_{key}" in form.values for key in MARKERS)
    said = (
        boxes("performed_at", when)
        | day_boxes("sample_taken_on", when.date())
        | {f"marker_{key}": "negative" for key in MARKERS}
        | {"performed_by_id": team.physician.id, "outcome": "eligible"}
    )
    refused = post(browser, f"/donors/{donor.id}/eligibility/new", said | {"marker_hiv_nat": "reactive"})
    assert refused.status_code == 422
    assert "HIV NAT" in refused.text
    answer = post(browser, f"/donors/{donor.id}/eligibility/new", said)
    assert answer.status_code == 303
    row = session.scalars(select(DonorEligibility)).one()
    assert row.markers == dict.fromkeys(MARKERS, "negative")
    shown = page(browser, answer.location)
    assert "Negative" in shown
    assert "{" not in shown.text
    assert client_as("nurse").get(f"/records/{row.id}/signature").status_code == 403
    assert signed(browser, page, post, row.id).status_code == 303
    assert "Eligible" in page(browser, f"/donors/{donor.id}")
    assert "Eligible" in page(browser, "/donors")


@pytest.mark.rule(20)
def test_a_donors_blood_group_is_written_down_and_signed(client_as, page, post, session, team):
    donor = team.add(Donor.log(by=team.coordinator, at=clock.now(), kind="cord", donor_number="CB-12"))
    browser, when = client_as("technologist"), clock.now() - timedelta(hours=1)
    page(browser, f"/donors/{donor.id}/blood-groups/new")
    said = boxes("performed_at", when) | {
        "performed_by_id": team.technologist.id,
        "sample_number": "S-9",
        "abo": "O",
        "rhd": "negative",
    }
    answer = post(browser, f"/donors/{donor.id}/blood-groups/new", said)
    assert answer.status_code == 303
    row = session.scalars(select(BloodTyping)).one()
    page(browser, answer.location)
    assert signed(browser, page, post, row.id).status_code == 303
    assert "1 of 2 independent samples are typed and signed." in page(browser, f"/donors/{donor.id}")


def consenting(course, team, **changed):
    return (
        boxes("performed_at", clock.now() - timedelta(hours=2))
        | {
            "performed_by_id": team.nurse.id,
            "scope": "treatment",
            "protocol": course.protocol_version_id,
            "form_version": "3.1",
            "signer": "patient",
            "signer_name": course.patient.display_name,
            "body_site": course.body_site,
            "side": course.side,
            "copy_given": "yes",
        }
        | changed
    )


@pytest.mark.rule(14)
def test_a_consent_is_written_down_and_signed_by_who_took_it(client_as, page, post, session, course, team):
    browser = client_as("nurse")
    form = page(browser, f"/patients/{course.patient_id}/consents/new")
    assert course.protocol_version.name in form
    answer = post(browser, f"/patients/{course.patient_id}/consents/new", consenting(course, team))
    assert answer.status_code == 303
    consent = session.scalars(select(Consent)).one()
    assert "Waiting for Nadia Rask" in page(client_as("physician"), answer.location)
    refused = signed(client_as("physician"), page, post, consent.id)
    assert refused.status_code == 422
    assert "The person who obtained a consent signs it" in refused.text
    assert "Review and sign" in page(browser, answer.location)
    assert signed(browser, page, post, consent.id).status_code == 303
    session.expire_all()
    assert valid_consent(course, clock.now()) is not None
    assert "Valid" in page(browser, answer.location)


@pytest.mark.rule(14)
def test_consent_to_treatment_without_a_version_is_refused_and_research_needs_none(client_as, post, course, team):
    browser, url = client_as("nurse"), f"/patients/{course.patient_id}/consents/new"
    answer = post(browser, url, consenting(course, team, protocol=""))
    assert answer.status_code == 422
    assert "the protocol version to which" in answer.text
    assert post(browser, url, consenting(course, team, protocol="", scope="research")).status_code == 303


@pytest.mark.hazard("H35")
def test_a_version_of_another_clinic_cannot_be_consented_to(client_as, post, course, team, southern_team):
    theirs = factories.published(southern_team)
    answer = post(
        client_as("nurse"), f"/patients/{course.patient_id}/consents/new", consenting(course, team, protocol=theirs.id)
    )
    assert answer.status_code == 422


@pytest.mark.rule(15)
@pytest.mark.hazard("H12")
def test_a_withdrawal_is_a_record_of_its_own_and_the_page_says_what_is_locked(
    client_as, page, post, session, course, team
):
    consent = factories.consented(course, team)
    browser = client_as("nurse")
    assert f"/consents/{consent.id}/withdrawal" in page(browser, f"/consents/{consent.id}").links
    form = page(browser, f"/consents/{consent.id}/withdrawal")
    said = boxes("performed_at", clock.now() - timedelta(minutes=5)) | {
        "version": form.hidden["version"],
        "performed_by_id": team.nurse.id,
        "reason": "I changed my mind.",
    }
    answer = post(browser, f"/consents/{consent.id}/withdrawal", said)
    assert answer.status_code == 303
    gone = session.scalars(select(Withdrawal)).one()
    session.expire_all()
    assert valid_consent(course, clock.now()) is None
    shown = page(browser, f"/consents/{consent.id}")
    for sentence in (
        "The patient withdrew this consent: everything that depends on it is locked",
        "I changed my mind.",
        "Sign the withdrawal",
        course.title,
    ):
        assert sentence in shown
    assert signed(browser, page, post, gone.id).status_code == 303
    again = browser.get(f"/consents/{consent.id}/withdrawal")
    assert again.status_code == 409
    assert "withdrawn already" in again.text


def test_an_inspector_reads_consents_and_donors_and_writes_none(client_as, page, course, team):
    consent, donor = factories.consented(course, team), factories.stranger(team)
    browser = client_as("inspector")
    for url in (
        f"/consents/{consent.id}",
        f"/donors/{donor.id}",
        "/donors",
        f"/donor-eligibilities/{donor.eligibilities[0].id}",
    ):
        page(browser, url)
    for url in (
        f"/consents/{consent.id}/withdrawal",
        f"/patients/{course.patient_id}/consents/new",
        "/donors/new",
        f"/donors/{donor.id}/eligibility/new",
    ):
        assert browser.get(url).status_code == 403


def test_the_donors_are_paged_in_the_database(client_as, page, session, team):
    at = clock.now()
    for number in range(52):
        team.add(
            Donor.log(
                by=team.coordinator, at=at - timedelta(minutes=number), kind="unrelated", donor_number=f"R-{number:03d}"
            )
        )
    session.commit()
    first = page(client_as("nurse"), "/donors")
    assert "R-000" in first
    assert "R-051" not in first
    onward = next(link for link in first.links if link.startswith("/donors?after="))
    second = page(client_as("nurse"), onward)
    assert "R-051" in second
    assert "R-000" not in second


def test_a_donor_is_found_by_number_name_and_linked_patient(client_as, session, team):
    someone = factories.patient(team, family_name="Abelsdotter", record_number="Q-7")  # not the hundredth of a run
    made = [
        Donor.log(by=team.coordinator, at=clock.now(), kind="unrelated", donor_number="N/100"),
        Donor.log(by=team.coordinator, at=clock.now(), kind="related", relation="sibling", name="Zuidema, Piet",
                  relative_of=someone),
    ]  # fmt: skip
    session.add_all(made)
    session.commit()
    nurse = client_as("nurse")
    for typed, wanted in (("n/100", 0), ("zuid", 1), ("abelsdotter", 1), (made[0].id, 0)):
        links = Page.of(searched(nurse, "/donors", q=typed).text).links
        assert [f"/donors/{one.id}" in links for one in made] == [wanted == 0, wanted == 1], typed
    assert "No matching donor" in searched(nurse, "/donors", q="nobody%").text
