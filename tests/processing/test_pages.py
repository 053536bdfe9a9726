"""The laboratory's pages, walked as its people walk them."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from clinic import clock
from clinic.accounts.models import User
from clinic.processing import forms
from clinic.processing.models import ProcessingRun
from clinic.products.models import Product
from clinic.protocols.catalogues import MANIPULATIONS
from clinic.protocols.demonstration import DEMONSTRATIONS
from clinic.release.models import Release
from clinic.release.results import QCResult
from tests.bedside import released_product
from tests.factories import PASSWORD, boxes, harvested, ready_for_harvest
from tests.judging import records_around
from tests.reading import Page


@pytest.fixture
def begun(team):
    """A course whose harvest is signed and in one bag of 60 mL."""
    one = ready_for_harvest(team)
    harvested(one, team)
    return one


def sign(client, post, record_id):
    shown = client.get(f"/records/{record_id}/signature")
    version = Page.of(shown.text).hidden["version"]
    return post(client, f"/records/{record_id}/signature", password=PASSWORD, version=version)


def test_every_page_of_the_laboratory_is_whole(client_as, page, team):
    product = released_product(ready_for_harvest(team), team, released=False)
    run_id, course_id = product.run_id, product.treatment_id
    browser = client_as("quality")
    for url in (
        "/products",
        "/products?state=quarantine",
        f"/products/{product.id}",
        f"/products/{product.id}/results",
        f"/products/{product.id}/release",
        f"/treatments/{course_id}/processing",
        f"/treatments/{course_id}/release",
        f"/runs/{run_id}",
    ):
        page(browser, url)
    laboratory = client_as("technologist")
    for url in (
        f"/products/{product.id}/results?test=potency",
        f"/products/{product.id}/movements?kind=stored",
        f"/products/{product.id}/movements?kind=issued",
        f"/runs/{run_id}/inputs/new",
        f"/runs/{run_id}/manipulations/new",
        f"/runs/{run_id}/counts/new",
        f"/runs/{run_id}/outputs/new",
        f"/runs/{run_id}/end",
        f"/treatments/{course_id}/processing/new",
        "/processing/new",
    ):
        page(laboratory, url)


def test_a_run_goes_from_bag_to_verified_product(client_as, post, session, begun):
    laboratory, second = client_as("technologist"), client_as("quality")
    start = session.query(Product).one()
    now = clock.now()
    answer = post(
        laboratory,
        f"/treatments/{begun.id}/processing/new",
        boxes("performed_at", now - timedelta(hours=1)),
        inputs=start.id,
        received_intact="yes",
        received_temperature="20",
        preparation="Concentrated at the point of care",
        performed_by_id=_me(session),
    )
    assert answer.status_code == 303, Page.of(answer.text).text[:900]
    run = session.query(ProcessingRun).one()
    assert [one.volume for one in run.inputs] == [Decimal(60)]
    at = boxes("performed_at", now - timedelta(minutes=50))
    step, other = (
        post(laboratory, f"/runs/{run.id}/manipulations/new", at, kind=kind, performed_by_id=_me(session))
        for kind in ("filter", "concentrate")
    )
    count = post(
        laboratory,
        f"/runs/{run.id}/counts/new",
        boxes("performed_at", now - timedelta(minutes=20)),
        counted="tnc",
        concentration="100",
        volume="6",
        performed_by_id=_me(session),
    )
    output = {
        "name": "MNC, Marrow", "cell_type": "mnc", "container": "syringe", "alike": "1", "volume": "6",
        "measure": "tnc_8", "amount": "6", "place": "Bench 2",
    }  # fmt: skip
    unmeasured = post(laboratory, f"/runs/{run.id}/outputs/new", output)
    assert unmeasured.status_code == 422
    assert "Storage temperature: required; the protocol&#39;s range is 18 to 25 °C (rule 48)." in unmeasured.text
    assert Page.of(unmeasured.text).values["place"] == "Bench 2"
    made = post(laboratory, f"/runs/{run.id}/outputs/new", output | {"temperature": "21"})
    end = post(laboratory, f"/runs/{run.id}/end", boxes("ended_at", now - timedelta(minutes=5)), waste_volume="54")
    assert [answer.status_code for answer in (step, other, count, made, end)] == [303] * 5, Page.of(made.text).text[
        :900
    ]
    assert sign(laboratory, post, run.id).status_code == 303
    assert sign(second, post, run.id).status_code == 303
    session.refresh(run)
    assert run.verified
    assert run.outputs[0].place == "stored at Bench 2"


def _me(session):
    return session.query(User).filter_by(email="technologist@north.demo").one().id


def test_results_of_several_tests_are_written_down_at_once(client_as, post, session, team):
    product = released_product(ready_for_harvest(team), team, released=False)
    before = session.query(QCResult).count()
    now = clock.now()
    answer = post(
        client_as("technologist"),
        f"/products/{product.id}/results",
        boxes("performed_at", now) | boxes("sampled_at", product.performed_at),
        performed_by_id=_me(session),
        viability_comparator="=",
        viability_value="91,5",
        sterility_outcome="no_growth",
    )
    assert answer.status_code == 303, Page.of(answer.text).text[:900]
    assert session.query(QCResult).count() == before + 2
    last = session.query(QCResult).filter_by(test="viability").order_by(QCResult.recorded_at.desc()).first()
    assert (last.value, last.limit["limit"]) == (
        Decimal("91.5"),
        {"low": "70", "high": None, "above": False, "below": False},
    )


@pytest.mark.rule(45)
def test_quality_decides_and_signs_with_the_password(client_as, post, session, team):
    product = released_product(ready_for_harvest(team), team, released=False)
    run = team.session.get(ProcessingRun, product.run_id)
    quality = client_as("quality")
    said = {"decision": "conditional", "reason": "14-day culture", "physician_told": "Dr I. Novak, 14:10"}
    answer = post(quality, f"/products/{product.id}/release", **said)
    assert (answer.status_code, "not verified by a second person" in answer.text) == (409, True)
    run.sign(by=team.technologist2, at=clock.now())
    answer = post(quality, f"/products/{product.id}/release", **said)
    assert answer.status_code == 303, Page.of(answer.text).text[:900]
    release = session.query(Release).one()
    assert not release.effective(records_around(product))
    assert sign(quality, post, release.id).status_code == 303
    session.expire_all()
    assert session.get(Release, release.id).effective(records_around(product))
    assert "Released" in quality.get(f"/products/{product.id}").text


def test_an_unreleased_product_is_not_issued_and_the_page_says_why(client_as, post, session, team):
    product = released_product(ready_for_harvest(team), team, released=False)
    laboratory = client_as("technologist")
    answer = post(
        laboratory,
        f"/products/{product.id}/movements?kind=issued",
        boxes("performed_at", clock.now()),
        performed_by_id=_me(session),
        handed_to="Ward 3",
        version=str(product.version),
    )
    assert answer.status_code == 409
    assert "not released" in answer.text


def test_lists_of_products_take_a_counted_few_queries(client_as, page, team, queries):
    for _ in range(3):
        released_product(ready_for_harvest(team), team)
    browser = client_as("quality")
    browser.get("/products")
    count = queries()
    page(browser, "/products")
    few = count()
    for _ in range(3):
        released_product(ready_for_harvest(team), team)
    browser.get("/products")
    count = queries()
    page(browser, "/products")
    assert count() == few <= 14


def test_the_start_of_a_run_begins_with_its_inputs_and_asks_only_what_applies(client_as, begun):
    asked = client_as("technologist").get(f"/treatments/{begun.id}/processing/new").text
    assert asked.index('name="inputs"') < asked.index('name="performed_at-d"')
    for name in ("cryo_medium", "dmso_percent", "passage", "thawed_at-d", "added_volume"):
        assert f'name="{name}"' not in asked
    bank = client_as("technologist").get("/processing/new").text  # which protocol is not chosen yet
    assert 'name="dmso_percent"' in bank
    assert bank.index('name="protocol_version_id"') < bank.index('id="inputs-l"') < bank.index('name="performed_at-d"')


@pytest.mark.parametrize("code", DEMONSTRATIONS)
def test_only_a_protocol_that_freezes_asks_for_the_freezing_medium(code):
    content = DEMONSTRATIONS[code]
    asked = forms._asked(content, frozen=False)
    assert asked["dmso_percent"] is asked["cryo_medium"] is ("cryopreserve" in content.manipulations)
    assert asked["passage"] is any(MANIPULATIONS[key].culture for key in content.manipulations)
    assert forms._asked(content, frozen=True)["thawed_at"]


def test_course_without_cells_blocks_processing(client_as, team):
    one = ready_for_harvest(team)
    team.session.commit()
    answer = client_as("technologist").get(f"/treatments/{one.id}/processing/new")
    assert answer.status_code == 409
    assert "no cells yet" in answer.text
