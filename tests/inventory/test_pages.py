"""Pages of products: found, moved, assigned, discarded; a donation number typed at the harvest."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import select

from clinic import clock
from clinic.access import Role
from clinic.harvest.models import Harvest
from clinic.identifiers import check_character
from clinic.inventory import product_search
from clinic.inventory.custody import MOVERS
from clinic.products.models import Movement, Product
from tests.bedside import released_product
from tests.factories import boxes, harvested, ready_for_harvest
from tests.reading import Page, searched


@pytest.fixture
def bag(team):
    return harvested(ready_for_harvest(team), team).products[0]


@pytest.fixture
def moved(client_as, post, team):
    """Write one movement down on its form, as somebody of a role."""

    def move(role, bag, kind, **said):
        client, url = client_as(role), f"/products/{bag.id}/movements?kind={kind}"
        version = Page.of(client.get(url).text).hidden.get("version")
        facts = boxes("performed_at", clock.now()) | {"version": version} | said
        return post(client, url, facts, performed_by_id=team(role).id)

    return move


def test_a_bag_is_stored_and_its_page_says_where(client_as, moved, page, session, bag):
    answer = moved("technologist", bag, "stored", place="Tank 2, box 14, C4", temperature="-160")
    assert answer.status_code == 303
    assert "Stored at Tank 2, box 14, C4" in page(client_as("technologist"), f"/products/{bag.id}").text
    assert session.scalar(select(Movement.temperature)) == Decimal(-160)


def test_a_discard_without_a_reason_comes_back_filled_in(moved, session, bag):
    answer = moved("technologist", bag, "discarded")
    assert (answer.status_code, "Give the reason for discarding it" in answer.text) == (422, True)
    assert moved("technologist", bag, "discarded", reason="bag leaked").status_code == 303
    session.expire_all()
    assert session.get(Product, bag.id).discarded
    answer = moved("technologist", bag, "stored", place="Tank 2")
    assert (answer.status_code, "was discarded" in answer.text) == (422, True)


@pytest.mark.parametrize("movement", sorted(MOVERS))
def test_only_who_moves_it_writes_a_movement_down(moved, session, bag, movement):
    said = {"place": "Ward 3", "handed_to": "N. Brandt", "intact": "yes", "reason": "test", "temperature": "5"}
    answer = moved("nurse", bag, movement, **said)
    allowed = Role.NURSE in MOVERS[movement]
    assert answer.status_code == (303 if allowed else 422), Page.of(answer.text).text[:600]
    assert session.query(Movement).count() == allowed


def test_a_form_of_an_older_version_changes_nothing(moved, session, bag):
    assert moved("technologist", bag, "stored", place="Tank 2", version="99").status_code == 409
    assert session.query(Movement).count() == 0


@pytest.mark.rule(3)
@pytest.mark.rule(4)
def test_a_banked_product_is_offered_to_its_donors_courses_only(client_as, post, page, team):
    session = team.session
    product = released_product(ready_for_harvest(team), team)
    mine, theirs = product.treatment, ready_for_harvest(team)
    product.treatment, product.treatment_id = None, None
    session.flush()
    laboratory = client_as("technologist")
    shown = page(laboratory, f"/products/{product.id}/assignment")
    assert mine.chain_of_identity in shown.html
    assert theirs.chain_of_identity not in shown.html
    version = shown.hidden["version"]
    forged = post(laboratory, f"/products/{product.id}/assignment", treatment_id=theirs.id, version=version)
    assert (forged.status_code, session.get(Product, product.id).treatment_id) == (422, None)
    answer = post(laboratory, f"/products/{product.id}/assignment", treatment_id=mine.id, version=version)
    assert answer.status_code == 303
    session.expire_all()
    assert session.get(Product, product.id).treatment_id == mine.id


def test_a_product_is_found_by_name_number_and_patient(client_as, team):
    number = f"A9999{clock.now().year % 100:02d}004187"
    bag = harvested(ready_for_harvest(team), team, din=number).products[0]
    other = harvested(ready_for_harvest(team), team).products[0]
    quality = client_as("quality")
    for typed in (number, "004187", bag.id, bag.treatment.patient.record_number, "marrow 004187"):
        shown = Page.of(searched(quality, "/products", q=typed).text)
        assert shown.problems() == []
        assert (f"/products/{bag.id}" in shown.links, f"/products/{other.id}" in shown.links) == (True, False), typed
    assert "No matching product" in searched(quality, "/products", q="zzz").text


def test_another_clinics_product_is_not_there(client_as, bag):
    south = client_as("quality", site="south")
    for url in (f"/products/{bag.id}", f"/products/{bag.id}/results", f"/products/{bag.id}/release"):
        assert south.get(url).status_code == 404
    assert bag.id not in south.get("/products").text


@pytest.mark.rule(5)
@pytest.mark.parametrize(("ending", "status"), [("right", 303), ("wrong", 422), ("", 422)])
def test_a_donation_number_is_typed_with_its_check_character(client_as, post, team, ending, status):
    session = team.session
    course = ready_for_harvest(team)
    number = f"A9999{clock.now().year % 100:02d}123456"
    check = check_character(number)
    typed = number + {"right": check, "wrong": "B" if check != "B" else "C", "": ""}[ending]
    began = clock.now() - timedelta(hours=1)
    facts = boxes("performed_at", began) | boxes("ended_at", began + timedelta(minutes=40))
    facts |= boxes("time_out_at", began - timedelta(minutes=5)) | {
        "performed_by_id": team.nurse.id, "source": "bone_marrow", "side": "right",
        "body_site": "posterior_iliac_crest", "method": "needle_aspiration", "anaesthesia": "local", "volume": "60",
        "passes": "10", "anticoagulant": "acd_a", "anticoagulant_volume": "6",
        "anticoagulant_lot": "ACD-1", "containers": "1", "din": typed,
        "anticoagulant_expires_on-d": "1", "anticoagulant_expires_on-m": "1", "anticoagulant_expires_on-y": "2031",
    }  # fmt: skip
    answer = post(client_as("nurse"), f"/treatments/{course.id}/harvests/new", facts)
    assert answer.status_code == status, Page.of(answer.text).text[:800]
    assert session.query(Harvest).count() == (status == 303)
    if status == 303:
        assert session.scalar(select(Product.din)) == number
    else:
        assert "check character" in answer.text
        assert f'value="{typed}"' in answer.text


def test_the_list_shows_what_is_left_and_finds_what_is_gone(client_as, team, session):
    gone, kept = (harvested(ready_for_harvest(team), team).products[0] for _ in range(2))
    gone.move(kind="discarded", by=team.technologist, at=clock.now(), performed_at=clock.now(), reason="spilled")
    session.commit()
    quality = client_as("quality")

    def listed(answer):
        links = Page.of(answer.text).links
        return f"/products/{gone.id}" in links, f"/products/{kept.id}" in links

    assert listed(quality.get("/products")) == (False, True)
    assert listed(searched(quality, "/products", state="all")) == (True, True)
    assert listed(searched(quality, "/products", q=gone.id)) == (True, False)


def test_the_list_is_kept_to_what_expires(client_as, team, session):
    soon, later = (harvested(ready_for_harvest(team), team).products[0] for _ in range(2))
    soon.expires_at, later.expires_at = clock.now() + timedelta(hours=20), clock.now() + timedelta(days=20)
    session.commit()
    quality = client_as("quality")
    for ends, wanted in (("1", {soon.id}), ("30", {soon.id, later.id}), ("past", set()), ("none", set())):
        links = Page.of(searched(quality, "/products", ends=ends).text).links
        assert {one for one in (soon.id, later.id) if f"/products/{one}" in links} == wanted, ends


def shown(browser, url, names):
    """Return the numbers of the products in the order of the list."""
    answer = Page.of(browser.get(url).text)
    order = [link.rsplit("/", 1)[1] for link in answer.links if link.startswith("/products/PR-")]
    return [names[one] for one in order if one in names], answer


def test_the_list_begins_with_what_is_on_hold_then_with_what_expires_first(client_as, team, session, monkeypatch):
    now, names = clock.now(), {}
    course = ready_for_harvest(team)
    for name, hours in (("late", 30), ("soon", 2), ("never", None), ("held", 60), ("over", -1)):
        bag = released_product(course, team)
        bag.expires_at = None if hours is None else now + timedelta(hours=hours)
        names[bag.id] = name
        if name == "held":
            bag.move(kind="received", place="Laboratory", intact=False, reason="Bag torn", by=team.technologist, at=now)
        session.commit()
    browser, order = client_as("technologist"), ["held", "over", "soon", "late", "never"]
    found, page = shown(browser, "/products", names)
    assert [one for one in found if one != "never"] == order[:-1]
    assert "never" not in found or found[-1] == "never"
    assert f"{len(found)} products" in page
    newest, _page = shown(browser, "/products?sort=newest", names)
    assert newest == [one for one in ("over", "held", "never", "soon", "late") if one in newest]
    assert len(newest) == len(found)
    everything, page = shown(browser, "/products?state=all", names)
    assert set(everything) == set(order)
    monkeypatch.setattr(product_search, "PAGE", 2)
    paged, url = [], "/products"
    for _turn in range(3):
        part, page = shown(browser, url, names)
        paged += part
        assert f"of {len(found)} products" in page
        url = next((link for link in page.links if "after=" in link), url)
    assert paged == found
    back = next(link for link in page.links if "before=" in link)
    assert shown(browser, back, names)[0] == found[2:4]
    assert "2 of " in shown(browser, "/products?state=all", names)[1]


def test_collected_cells_wait_for_their_run_and_not_for_results(team, session, client_as, page):
    collected = harvested(ready_for_harvest(team), team)
    session.commit()
    shown = page(client_as("technologist"), f"/products/{collected.products[0].id}").text
    assert "Process the cells" in shown
    assert "Enter the test results" not in shown
