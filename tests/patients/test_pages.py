"""The pages of patients, through the client: finding, registering, reading, printing."""

from datetime import date, timedelta

import pytest
from sqlalchemy import select

from clinic import clock, wording
from clinic.patients.models import Alert, Patient, Weight
from clinic.patients.search import search
from tests import factories
from tests.factories import day_boxes
from tests.reading import Page, searched


def looked_up(browser, typed):
    """Return the list after a search; the words travel in the form."""
    answer = searched(browser, "/patients", q=typed)
    shown = Page.of(answer.text)
    assert (answer.status_code, shown.problems()) == (200, [])
    return shown


@pytest.fixture
def grace(team):
    return factories.patient(
        team,
        family_name="Lindqvist",
        given_names="Grace",
        birth_date=date(1974, 3, 9),
        record_number="N-004187",
        sex="female",
    )


def registering(**changed):
    born = changed.pop("birth_date", date(1981, 5, 20))
    return (
        {
            "record_number": "N-9001",
            "family_name": "Okonkwo",
            "given_names": "Chidi",
            "sex": "male",
            "allergy_status": "not_asked",
        }
        | day_boxes("birth_date", born)
        | changed
    )


def test_the_list_shows_two_identifiers_beside_every_name_and_leads_to_the_patient(client_as, page, grace):
    shown = page(client_as("nurse"), "/patients")
    assert f"/patients/{grace.id}" in shown.links
    for said in ("LINDQVIST, Grace", "9 Mar 1974", "N-004187", "Female", "No course yet"):
        assert said in shown


@pytest.mark.parametrize(
    "typed",
    [
        "lind",
        "GRACE qvist",
        "grâce lindqvist",
        "4187",
        "n-004187",
        "n 004187",
        "N004187",
        "9.3.1974",
        "1974-03-09",
        "9 Mar 1974 lind",
        "1974",
    ],
)
def test_a_patient_is_found_by_any_part_of_name_number_or_birth_date(client_as, post, grace, team, typed):
    factories.patient(
        team, family_name="Abara", given_names="Samuel", birth_date=date(1968, 8, 2), record_number="N-55"
    )
    shown = looked_up(client_as("nurse"), typed)
    assert "LINDQVIST, Grace" in shown
    assert "ABARA" not in shown


@pytest.mark.hazard("H4")
def test_similar_names_are_marked_in_the_list(client_as, page, grace, team):
    assert "Similar name" not in page(client_as("nurse"), "/patients")
    factories.patient(team, family_name="Lindquist", given_names="<Grace>", record_number="N-8", weight=None)
    shown = page(client_as("nurse"), "/patients")
    assert shown.text.count("Similar name") == 2
    assert "&lt;Grace&gt;" in shown.html


def test_every_word_typed_must_occur(client_as, post, grace):
    assert "No matching patient" in looked_up(client_as("nurse"), "grace abara")
    assert "No matching patient" in looked_up(client_as("nurse"), "grace 10.3.1974")
    assert "No matching patient" in looked_up(client_as("nurse"), "%")


def test_the_list_shows_the_present_course_and_that_it_was_stopped(client_as, page, grace, team):
    course = factories.course(team, grace)
    shown = page(client_as("nurse"), "/patients")
    assert course.title in shown
    assert f"/treatments/{course.id}" in shown.links
    assert "Active" in shown


def test_pages_of_the_list_go_on_where_the_last_one_ended_and_back(session, team):
    for number in range(7):
        factories.patient(team, family_name="Same", given_names="Name", record_number=f"K-{number}", weight=None)
    session.commit()
    first = search(session, "same", size=3)
    second = search(session, "same", after=first.after, size=3)
    third = search(session, "same", after=second.after, size=3)
    assert [len(p.rows) for p in (first, second, third)] == [3, 3, 1]
    assert len({row.id for p in (first, second, third) for row in p.rows}) == 7
    assert (first.before, third.after) == ("", "")
    back = search(session, "same", before=third.before, size=3)
    assert [row.id for row in back.rows] == [row.id for row in second.rows]
    assert search(session, "same", before=second.before, size=3).rows == first.rows


@pytest.mark.parametrize(
    ("family", "typed"),
    [
        ("O'Brien", "OBrien"),
        ("O'Brien", "o brien"),
        ("Müllerowitz", "Muellerowitz"),
        ("Müllerowitz", "Mullerowitz"),
        ("Muellerowitz", "Müllerowitz"),
        ("Bäcker", "Baecker"),
        ("Bäcker", "Backer"),
        ("Sørensen", "Soerensen"),
        ("D’Angelo", "dangelo"),
        ("van der Berg", "vanderberg"),
        ("Mac Donald", "MacDonald"),
        ("Müller", "Mül\u00adler"),
        ("Strauß", "Strauss"),
    ],
)
def test_a_name_is_found_however_it_is_spelled(session, team, family, typed):
    one = factories.patient(team, family_name=family, given_names="Kim", weight=None)
    factories.patient(team, family_name="Lindqvist", given_names="Grace", weight=None)
    session.commit()
    assert [row.id for row in search(session, typed).rows] == [one.id]
    assert [row.id for row in search(session, f"{typed} kim").rows] == [one.id]


def test_the_list_asks_the_database_as_often_for_many_patients_as_for_few(client_as, page, session, team, queries):
    browser = client_as("nurse")
    factories.course(team)
    factories.course(team)
    session.commit()
    count = queries()
    page(browser, "/patients")
    few = count()
    for _ in range(12):
        factories.course(team)
    session.commit()
    count = queries()
    page(browser, "/patients")
    assert count() <= few <= 8


@pytest.mark.hazard("H35")
def test_another_clinic_finds_nobody_of_ours(client_as, post, grace):
    assert "LINDQVIST" not in looked_up(client_as("nurse", site="south"), "lindqvist")
    for path in ("", "/print.css", "/weights", "/alerts", "/blood-groups", "/allergies", "/consents/new"):
        assert client_as("nurse", site="south").get(f"/patients/{grace.id}{path}").status_code == 404


def test_an_administrator_sees_no_patient(client_as, grace):
    assert client_as("administrator").get("/patients").status_code == 403
    assert client_as("administrator").get(f"/patients/{grace.id}").status_code == 403


def test_a_patient_is_registered_and_found_at_once(client_as, page, post, session):
    browser = client_as("coordinator")
    page(browser, "/patients/new")
    answer = post(browser, "/patients/new", registering())
    assert answer.status_code == 303
    kept = session.scalars(select(Patient).where(Patient.record_number == "N-9001")).one()
    assert answer.location == f"/patients/{kept.id}"
    assert kept.birth_date == date(1981, 5, 20)
    assert not kept.alerts
    assert "OKONKWO, Chidi" in looked_up(browser, "chidi 20.5.1981")


def test_what_was_typed_comes_back_when_something_is_missing(client_as, post, session):
    answer = post(client_as("nurse"), "/patients/new", registering(record_number=""))
    assert answer.status_code == 422
    assert 'value="Okonkwo"' in answer.text
    assert session.scalar(select(Patient)) is None


@pytest.mark.hazard("H4")
@pytest.mark.rule(11, by="http")
@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"family_name": "Lindquist", "given_names": "Grace"}, "close name"),
        ({"family_name": "Grace", "given_names": "Lindqvist"}, "family and given name swapped"),
        ({"family_name": "LINDQVIST", "given_names": "Gráce"}, "same name"),
        ({"family_name": "Berg", "given_names": "Karl", "birth_date": date(1974, 3, 9)}, "same birth date"),
    ],
)
def test_somebody_alike_is_shown_and_asked_about_before_a_second_record_is_made(
    client_as, post, session, grace, changed, why
):
    browser = client_as("coordinator")
    answer = post(browser, "/patients/new", registering(**changed))
    assert answer.status_code == 422
    for said in ("Is this the same person?", f"/patients/{grace.id}", "9 Mar 1974", "N-004187", why):
        assert said in answer.text
    assert session.scalars(select(Patient.record_number)).all() == ["N-004187"]
    seen = {"seen": grace.id}
    assert post(browser, "/patients/new", registering(**changed) | seen | {"same_person": "no"}).status_code == 422
    assert post(browser, "/patients/new", registering(**changed) | seen | {"same_person": "yes"}).status_code == 422
    unseen = registering(**changed) | {"same_person": "no", "same_why": "Asked both"}
    assert post(browser, "/patients/new", unseen).status_code == 422
    said = registering(**changed) | seen | {"same_person": "no", "same_why": "Other address, asked both"}
    assert post(browser, "/patients/new", said).status_code == 303
    kept = session.scalars(select(Patient).where(Patient.record_number == "N-9001")).one()
    for whose, other in ((kept, grace), (grace, kept)):
        alert = session.scalars(select(Alert).where(Alert.patient_id == whose.id)).one()
        assert alert.about_id == other.id
        assert why in alert.text
        assert alert.confirmed == {"text": "Other address, asked both"}


@pytest.mark.parametrize("number", ["N-004187", "n 004187"])
def test_a_record_number_that_exists_is_refused_whatever_is_answered(client_as, post, session, grace, number):
    said = registering(record_number=number) | {"seen": grace.id, "same_person": "no", "same_why": "I am sure"}
    answer = post(client_as("nurse"), "/patients/new", said)
    assert answer.status_code == 422
    assert "already belongs to LINDQVIST, Grace" in answer.text
    assert len(session.scalars(select(Patient)).all()) == 1


def test_the_same_number_is_free_in_another_clinic(client_as, post, grace):
    answer = post(
        client_as("nurse", site="south"),
        "/patients/new",
        registering(record_number="N-004187", family_name="Lindqvist", given_names="Grace"),
    )
    assert answer.status_code == 303


def test_a_number_is_not_amended_into_another_patients(client_as, post, session, grace, team):
    other = factories.patient(team, record_number="N-7")
    session.commit()
    boxes = {
        "version": str(other.version),
        "record_number": "N-004187",
        "family_name": other.family_name,
        "given_names": other.given_names,
        "sex": other.sex,
        "allergy_status": "none_known",
        "amend_reason": "typed wrongly",
    } | day_boxes("birth_date", other.birth_date)
    answer = post(client_as("nurse"), f"/records/{other.id}/amendment", boxes)
    assert answer.status_code == 422
    assert "belongs to another patient" in answer.text


@pytest.mark.hazard("H4")
@pytest.mark.rule(11)
def test_every_page_of_a_patient_warns_of_somebody_alike(client_as, page, session, grace, team, queries):
    factories.patient(
        team, family_name="Lindquist", given_names="Grace", record_number="N-8", birth_date=date(1950, 1, 1)
    )
    factories.patient(team, family_name="Berg", given_names="Karl", record_number="N-9", birth_date=date(1974, 3, 9))
    factories.patient(
        team, family_name="Abara", given_names="Samuel", record_number="N-10", birth_date=date(1968, 8, 2)
    )
    browser = client_as("nurse")
    for path in ("", "/weights", "/alerts", "/blood-groups", "/weights/new"):
        shown = page(browser, f"/patients/{grace.id}{path}")
        assert "LINDQUIST, Grace, born 1 Jan 1950, N-8 (close name)" in shown
        assert "BERG, Karl, born 9 Mar 1974, N-9 (same birth date)" in shown
        assert "ABARA" not in shown


def test_the_patients_page_tells_all_and_leads_on(client_as, page, grace, team):
    course = factories.course(team, grace)
    consent = factories.consented(course, team)
    shown = page(client_as("nurse"), f"/patients/{grace.id}")
    for path in (
        f"/treatments/{course.id}",
        f"/consents/{consent.id}",
        f"/patients/{grace.id}/timeline",
        f"/patients/{grace.id}/weights",
    ):
        assert path in shown.links
    assert "Open the course" in shown
    assert "72.5 kg" in shown


def test_the_one_next_action_begins_with_the_allergies(client_as, page, post, session, team):
    one = factories.patient(team, allergy_status="not_asked", allergies_asked_on=None)
    shown = page(client_as("nurse"), f"/patients/{one.id}")
    assert f"/patients/{one.id}/allergies" in shown.links
    assert "Waiting for the nurse" in page(client_as("inspector"), f"/patients/{one.id}")
    form = page(client_as("nurse"), f"/patients/{one.id}/allergies")
    answered = {"version": form.hidden["version"], "allergy_status": "present", "allergies": "penicillin (anaphylaxis)"}
    assert post(client_as("nurse"), f"/patients/{one.id}/allergies", answered).status_code == 422
    answered |= day_boxes("allergies_asked_on", clock.today("Europe/Berlin"))
    assert post(client_as("nurse"), f"/patients/{one.id}/allergies", answered).status_code == 303
    shown = page(client_as("nurse"), f"/patients/{one.id}")
    assert "Allergy: penicillin (anaphylaxis)" in shown
    assert "Amended" in shown


def test_a_weight_is_written_down_signed_and_shown(client_as, page, post, session, grace):
    browser, when = client_as("technologist"), clock.now() - timedelta(hours=1)
    me = page(browser, f"/patients/{grace.id}/weights/new")
    answer = post(
        browser,
        f"/patients/{grace.id}/weights/new",
        factories.boxes("performed_at", when) | {"kg": "71,4", "performed_by_id": grace.recorded_by_id},
    )
    assert answer.status_code == 303, me.text
    row = session.scalars(
        select(Weight).where(Weight.patient_id == grace.id).order_by(Weight.recorded_at.desc())
    ).first()
    assert answer.location == f"/weights/{row.id}"
    assert "71.4 kg" in page(browser, f"/patients/{grace.id}/weights")
    assert "Review and sign" in page(browser, f"/weights/{row.id}")


def test_an_alert_stands_on_every_page_until_it_is_closed(client_as, page, post, session, grace):
    browser = client_as("quality")
    said = {"text": "apixaban, stopped 11 May", "may_go_on": "yes"}
    assert post(browser, f"/patients/{grace.id}/alerts/new", said).status_code == 303
    assert "Alert: apixaban" in page(browser, f"/patients/{grace.id}/weights")
    alert = session.scalars(select(Alert)).one()
    form = page(browser, f"/alerts/{alert.id}/closing")
    assert post(browser, f"/alerts/{alert.id}/closing", version=form.hidden["version"], reason="").status_code == 422
    assert (
        post(browser, f"/alerts/{alert.id}/closing", version=form.hidden["version"], reason="restarted").status_code
        == 303
    )
    assert "Alert: apixaban" not in page(browser, f"/patients/{grace.id}/weights")
    assert "restarted" in page(browser, f"/patients/{grace.id}/alerts")


def test_two_blood_groups_of_a_patient_are_counted(client_as, page, post, grace, team):
    browser, when = client_as("nurse"), clock.now() - timedelta(hours=1)
    page(browser, f"/patients/{grace.id}/blood-groups/new")
    boxes = factories.boxes("performed_at", when) | {
        "performed_by_id": team.nurse.id,
        "sample_number": "S-1",
        "abo": "A",
        "rhd": "positive",
    }
    answer = post(browser, f"/patients/{grace.id}/blood-groups/new", boxes)
    assert answer.status_code == 303
    page(browser, answer.location)
    shown = page(browser, f"/patients/{grace.id}/blood-groups")
    assert "0 of 2 independent samples" in shown
    assert "RhD positive, sample S-1" in shown


@pytest.mark.hazard("H4")
def test_every_printed_sheet_says_whose_it_is_and_a_name_cannot_break_out(client_as, team):
    one = factories.patient(team, family_name="O'Neil\"} body{display:none", given_names="Zoë\\", record_number="N-1")
    answer = client_as("nurse").get(f"/patients/{one.id}/print.css")
    assert answer.content_type == "text/css; charset=utf-8"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.text.count("{") == answer.text.count("}") == 3
    assert "body{" not in answer.text
    assert "\\eb " in answer.text
    assert "N\\2d 1" in answer.text


def test_the_page_of_two_versions_tells_the_typed_time_on_the_sites_clock(client_as, post, grace, team):
    weight = grace.weights[0]
    moment = clock.now().replace(second=0, microsecond=0) - timedelta(hours=1)
    answer = post(
        client_as("nurse"),
        f"/records/{weight.id}/amendment",
        factories.boxes("performed_at", moment),
        performed_by_id=team.nurse.id,
        kg="71",
        amend_reason="read wrong",
        version="0",
    )
    assert answer.status_code == 409
    shown = Page.of(answer.text)
    assert wording.moment(moment, "Europe/Berlin") in shown
    assert wording.moment(weight.performed_at, "Europe/Berlin") in shown
