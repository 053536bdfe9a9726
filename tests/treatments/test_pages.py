"""Pages of a course: choosing the protocol, ordering, deciding, naming the donor, stopping."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select

from clinic import clock
from clinic.access import Role
from clinic.eligibility.models import Eligibility
from clinic.eligibility.step import decision as decision_on
from clinic.protocols.demonstration import DEMONSTRATIONS
from clinic.treatments.models import Stop, Treatment
from tests.factories import PASSWORD, boxes, consented, course, day_boxes, eligible, patient, published, stranger
from tests.judging import records_of
from tests.reading import Page

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from tests.factories import Team


def test_a_link_with_the_version_leads_to_its_order(client_as: Any, team: Team) -> None:
    one, version = patient(team), published(team)
    led = client_as("physician").get(f"/patients/{one.id}/treatments/new?version={version.id}")
    assert led.location == f"/patients/{one.id}/treatments/new/{version.id}"


def order(people: Team, **changes: Any) -> dict[str, Any]:
    """Return the form of an order for a right knee, as a person fills it in."""
    return {
        **boxes("performed_at", clock.now()), "performed_by_id": people.physician.id, "condition": "osteoarthritis",
        "diagnosis": "Kellgren-Lawrence 3", "body_site": "knee", "side": "right", "relation": "autologous",
        "source": "bone_marrow", "route": "intra_articular", "height_cm": "175", "weight_kg": "84,0", "asa_class": "2",
        "comorbidities": "Hypertension", "medication": "Ramipril",
    } | changes  # fmt: skip


def test_the_protocol_is_chosen_first_and_only_among_the_published_ones(
    client_as: Any, page: Any, team: Team, queries: Any
) -> None:
    one = patient(team)
    published(team, "BMAC-KNEE")
    published(team, "UC-MSC-LUPUS").retire(by=team.director, at=clock.now())
    browser = client_as("coordinator")
    count = queries()
    shown = page(browser, f"/patients/{one.id}/treatments/new")
    assert count() <= 12
    assert DEMONSTRATIONS["BMAC-KNEE"].title in shown
    assert DEMONSTRATIONS["UC-MSC-LUPUS"].title not in shown
    assert any(link.endswith(f"/treatments/new/{published(team, 'BMAC-KNEE').id}") for link in shown.links)


@pytest.mark.rule(55)
@pytest.mark.rule(74)
@pytest.mark.parametrize("code", DEMONSTRATIONS)
def test_only_what_the_version_allows_is_offered_and_its_claims_are_told(
    code: str, client_as: Any, page: Any, team: Team
) -> None:
    one, version = patient(team), published(team, code)
    shown = page(client_as("physician"), f"/patients/{one.id}/treatments/new/{version.id}")
    says = version.says
    offered: dict[str, set[str]] = {}
    html = shown.html
    for name, allowed in (("condition", says.conditions), ("source", says.sources), ("route", says.routes)):
        offered[name] = {box["value"] for box in shown.inputs if box.get("name") == name and box.get("type") == "radio"}
        if offered[name]:
            assert offered[name] == set(allowed)
    assert 'value="embryo"' not in html
    for said in (says.regulatory_path.label, says.evidence, says.ethics, "A demonstration protocol, not advice."):
        assert said in shown
    assert ("Not proven for" in shown) == (says.field == "wellness")


@pytest.mark.parametrize("role", ["physician", "coordinator"])
def test_a_course_is_ordered_with_its_baseline(
    role: str, client_as: Any, post: Any, page: Any, session: Session, team: Team
) -> None:
    one, version = patient(team), published(team)
    browser = client_as(role)
    url = f"/patients/{one.id}/treatments/new/{version.id}"
    assert page(browser, url).values["weight_kg"] == "72.5"
    answer = post(browser, url, order(team))
    assert answer.status_code == 303, Page.of(answer.text).text[:600]
    made = session.scalars(select(Treatment)).one()
    assert (made.side, made.weight_kg, made.height_cm) == ("right", Decimal("84.0"), Decimal(175))
    assert made.performed_by.id == team.physician.id
    assert made.recorded_by.id == team(role).id
    assert made.chain_of_identity.startswith("A9999")
    shown = page(browser, f"/treatments/{made.id}/order")
    assert "84.0 kg ÷ (1.75 m)² = 27.4 kg/m²" in shown
    assert version.name in shown
    assert made.chain_of_identity in shown


@pytest.mark.rule(26)
def test_a_missing_side_comes_back_with_the_form_filled_in(
    client_as: Any, post: Any, session: Session, team: Team
) -> None:
    one, version = patient(team), published(team)
    answer = post(client_as("physician"), f"/patients/{one.id}/treatments/new/{version.id}", order(team, side=None))
    assert answer.status_code == 422
    shown = Page.of(answer.text)
    assert shown.problems() == []
    assert shown.title.startswith("Error:")
    assert "Side: required" in shown
    assert shown.values["diagnosis"] == "Kellgren-Lawrence 3"
    assert "84.0 kg ÷ (1.75 m)² = 27.4 kg/m²" in shown
    assert session.scalars(select(Treatment)).all() == []


@pytest.mark.rule(55)
@pytest.mark.parametrize(
    "changed", [{"condition": "stroke"}, {"route": "intravenous"}, {"source": "cord_blood"}, {"relation": "allogeneic"}]
)
def test_a_choice_that_the_version_does_not_offer_is_refused(
    changed: dict[str, str], client_as: Any, post: Any, session: Session, team: Team
) -> None:
    one, version = patient(team), published(team)
    answer = post(client_as("physician"), f"/patients/{one.id}/treatments/new/{version.id}", order(team, **changed))
    assert answer.status_code == 422
    assert "choose from the list" in Page.of(answer.text)
    assert session.scalars(select(Treatment)).all() == []


def test_the_responsible_person_is_a_physician(client_as: Any, post: Any, session: Session, team: Team) -> None:
    one, version = patient(team), published(team)
    url = f"/patients/{one.id}/treatments/new/{version.id}"
    answer = post(client_as("coordinator"), url, order(team, performed_by_id=team.coordinator.id))
    assert answer.status_code == 422
    assert session.scalars(select(Treatment)).all() == []


@pytest.mark.parametrize("role", set(Role) - {Role.PHYSICIAN, Role.COORDINATOR})
def test_nobody_else_orders(role: Role, client_as: Any, post: Any, team: Team) -> None:
    one, version = patient(team), published(team)
    answer = post(client_as(role), f"/patients/{one.id}/treatments/new/{version.id}", order(team))
    assert answer.status_code == 403


def test_no_course_begins_under_a_retired_or_another_sites_version(
    client_as: Any, post: Any, team: Team, southern_team: Team, session: Session
) -> None:
    one, foreign = patient(team), published(southern_team)
    retired = published(team, "SVF-KNEE")
    retired.retire(by=team.director, at=clock.now())
    browser = client_as("physician")
    assert browser.get(f"/patients/{one.id}/treatments/new/{retired.id}").status_code == 409
    assert post(browser, f"/patients/{one.id}/treatments/new/{foreign.id}", order(team)).status_code == 404
    assert session.scalars(select(Treatment)).all() == []


def test_the_order_is_signed_by_a_physician(client_as: Any, page: Any, post: Any, session: Session, team: Team) -> None:
    one = course(team)
    assert client_as("coordinator").get(f"/records/{one.id}/signature").status_code == 403
    browser = client_as("physician")
    seen = page(browser, f"/records/{one.id}/signature").hidden["version"]
    assert post(browser, f"/records/{one.id}/signature", password=PASSWORD, version=seen).status_code == 303
    session.expire_all()
    assert one.signed
    assert "Sign this record" not in page(browser, f"/treatments/{one.id}/order")


@pytest.mark.rule(70)
def test_an_amended_order_keeps_what_stood_there(
    client_as: Any, page: Any, post: Any, session: Session, team: Team
) -> None:
    one = course(team)
    one.sign(by=team.physician, at=clock.now())
    browser, url = client_as("coordinator"), f"/records/{one.id}/amendment"
    shown = page(browser, url)
    radios = {"side", "relation", "route", "asa_class"}
    kept = {name: value for name, value in shown.values.items() if value and name not in radios}
    sent = kept | order(
        team, side="left", diagnosis="", comorbidities="", medication="", height_cm="171", weight_kg="72.5"
    )
    sent |= boxes("performed_at", one.performed_at) | {
        "version": shown.hidden["version"],
        "amend_reason": "the other knee was meant",
    }
    answer = post(browser, url, sent)
    assert answer.status_code == 303, Page.of(answer.text).text[:600]
    session.expire_all()
    assert one.side == "left"
    assert not one.signed
    shown = page(browser, f"/treatments/{one.id}/order")
    assert "the other knee was meant" in shown


def decision(people: Team, **changes: Any) -> dict[str, Any]:
    return {
        **boxes("performed_at", clock.now()), "performed_by_id": people.physician.id, "active_infection": "no",
        "pregnancy": "excluded", **day_boxes("pregnancy_tested_on", clock.today("Europe/Berlin")),
        "malignancy": "no", "eligible": "yes",
    } | changes  # fmt: skip


@pytest.mark.rule(23)
def test_a_physician_decides_and_signs(client_as: Any, page: Any, post: Any, session: Session, team: Team) -> None:
    one = course(team, patient(team, sex="female"))
    browser, url = client_as("physician"), f"/treatments/{one.id}/eligibility/new"
    assert "Components of the product" in page(browser, url)
    answer = post(browser, url, decision(team))
    assert answer.status_code == 303
    made = session.scalars(select(Eligibility)).one()
    assert "Sign this record" in page(browser, f"/eligibilities/{made.id}")
    seen = page(browser, f"/records/{made.id}/signature").hidden["version"]
    assert post(browser, f"/records/{made.id}/signature", password=PASSWORD, version=seen).status_code == 303
    session.expire_all()
    assert decision_on(records_of(one), clock.now()).id == made.id
    assert "Eligible for treatment" in page(client_as("inspector"), f"/treatments/{one.id}/eligibility")


@pytest.mark.rule(23)
def test_an_exclusion_against_a_yes_comes_back_with_its_reason(
    client_as: Any, post: Any, session: Session, team: Team
) -> None:
    one = course(team)
    answer = post(
        client_as("physician"), f"/treatments/{one.id}/eligibility/new", decision(team, active_infection="yes")
    )
    assert answer.status_code == 422
    shown = Page.of(answer.text)
    assert shown.problems() == []
    assert "The patient cannot be eligible with an active infection" in shown
    assert session.scalars(select(Eligibility)).all() == []


@pytest.mark.parametrize("role", set(Role) - {Role.PHYSICIAN})
def test_nobody_but_a_physician_decides(role: Role, client_as: Any, post: Any, team: Team) -> None:
    assert post(client_as(role), f"/treatments/{course(team).id}/eligibility/new", decision(team)).status_code == 403


@pytest.mark.rule(17)
def test_the_donor_is_named_and_another_one_with_a_reason(
    client_as: Any, page: Any, post: Any, session: Session, team: Team
) -> None:
    one = course(team, code="UC-MSC-LUPUS")
    first, second = stranger(team), stranger(team)
    browser, url = client_as("coordinator"), f"/treatments/{one.id}/donor"
    shown = page(browser, url)
    assert first.donor_number in shown
    assert post(browser, url, donor_id=first.id, version=shown.hidden["version"]).status_code == 303
    session.expire_all()
    assert one.donor_id == first.id
    seen = page(browser, url).hidden["version"]
    refused = post(browser, url, donor_id=second.id, version=seen)
    assert refused.status_code == 422
    assert "Give a reason" in Page.of(refused.text)
    assert post(browser, url, donor_id=second.id, version=seen, reason="the first was not eligible").status_code == 303
    session.expire_all()
    assert one.donor_id == second.id
    assert second.display_name in page(browser, f"/treatments/{one.id}/order")


def test_the_patients_own_cells_ask_for_no_donor(client_as: Any, team: Team) -> None:
    assert client_as("physician").get(f"/treatments/{course(team).id}/donor").status_code == 409


@pytest.mark.hazard("H18")
def test_the_donor_is_not_named_over_somebody_elses_change(
    client_as: Any, page: Any, post: Any, session: Session, team: Team
) -> None:
    one = course(team, code="UC-MSC-LUPUS")
    first, second = stranger(team), stranger(team)
    url = f"/treatments/{one.id}/donor"
    seen = page(client_as("coordinator"), url).hidden["version"]
    assert post(client_as("physician"), url, donor_id=first.id, version=seen).status_code == 303
    assert post(client_as("coordinator"), url, donor_id=second.id, version=seen, reason="mine").status_code == 409
    session.expire_all()
    assert one.donor_id == first.id


def test_a_course_is_stopped_once_with_its_reason(
    client_as: Any, page: Any, post: Any, session: Session, team: Team
) -> None:
    one = course(team)
    browser, url = client_as("physician"), f"/treatments/{one.id}/stop"
    page(browser, url)
    said = {**boxes("performed_at", clock.now()), "performed_by_id": team.physician.id}
    assert post(browser, url, said).status_code == 422
    assert post(browser, url, said, reason="The patient moved away").status_code == 303
    record = session.scalars(select(Stop)).one()
    assert "The patient moved away" in page(browser, f"/treatments/{one.id}/order")
    assert "The patient moved away" in page(browser, f"/stops/{record.id}")
    assert post(browser, url, said, reason="again").status_code == 409
    blocked = post(browser, f"/treatments/{one.id}/eligibility/new", decision(team))
    assert blocked.status_code == 409
    assert "The course was stopped: The patient moved away." in Page.of(blocked.text)


@pytest.mark.rule(14)
def test_the_consents_of_a_course_say_how_they_stand_and_lead_to_a_new_one(
    client_as: Any, page: Any, team: Team
) -> None:
    one = course(team)
    browser = client_as("nurse")
    assert "No consent for this treatment yet." in page(browser, f"/treatments/{one.id}/consents")
    consented(one, team)
    assert "Valid" in page(browser, f"/treatments/{one.id}/consents")
    led = browser.get(f"/treatments/{one.id}/consents/new")
    assert led.status_code == 302
    assert led.location == f"/patients/{one.patient_id}/consents/new?version={one.protocol_version_id}"
    assert browser.get(led.location).status_code == 200


@pytest.mark.hazard("H35")
def test_another_sites_course_is_not_found(client_as: Any, team: Team) -> None:
    one = course(team)
    found = eligible(one, team)
    browser = client_as("physician", site="south")
    for way in ("order", "consents", "consent/new", "eligibility", "eligibility/new", "donor", "stop"):
        assert browser.get(f"/treatments/{one.id}/{way}").status_code == 404
    assert browser.get(f"/eligibilities/{found.id}").status_code == 404
    assert browser.get(f"/patients/{one.patient_id}/treatments/new").status_code == 404


@pytest.mark.rule(74)
def test_the_consent_of_a_course_tells_what_is_not_proven(client_as: Any, page: Any, team: Team) -> None:
    earlier = course(team)
    one = course(team, earlier.patient, code="UC-MSC-WELLNESS")
    browser = client_as("physician")
    shown = page(browser, browser.get(f"/treatments/{one.id}/consents/new").location)
    for said in (
        "Not proven for",
        "Age-related decline",
        one.says.evidence,
        one.says.ethics,
        one.says.regulatory_path.label,
    ):
        assert said in shown
    assert "Not proven for" not in page(browser, browser.get(f"/treatments/{earlier.id}/consents/new").location)


def test_the_order_is_shown_by_a_counted_few_queries(client_as: Any, page: Any, team: Team, queries: Any) -> None:
    one = course(team)
    browser = client_as("nurse")
    count = queries()
    page(browser, f"/treatments/{one.id}/order")
    assert count() <= 16
