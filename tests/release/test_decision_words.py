"""What a decision says where it is saved and signed is what it does."""

from __future__ import annotations

from html import unescape

import pytest
from sqlalchemy import select

from clinic.record_display import reasons
from clinic.release.decision_words import growth_in_words, saved, tells_of_danger
from clinic.release.models import Release
from clinic.steps import Blocked
from tests.bedside import released_product
from tests.factories import ready_for_harvest
from tests.safety.driver import Ward


@pytest.mark.parametrize(("decision", "said", "signed"), [
    ("reject", "The product is rejected from now on.", "I reject this product"),
    ("hold", "The product is on hold from now on.", "I put this product on hold"),
])  # fmt: skip
def test_a_no_says_what_it_is_until_and_under_its_signature(team, session, client_as, post, decision, said, signed):
    bag, browser = released_product(ready_for_harvest(team), team), client_as("quality")
    url = f"/products/{bag.id}/release"
    answer = post(browser, url, decision=decision, reason="The seal was broken")
    assert answer.status_code == 303
    page = unescape(browser.get(answer.location).text)
    assert said in page
    assert signed in page
    assert "I have reviewed this record" not in page
    assert "release takes effect" not in page
    made = session.scalars(select(Release).where(Release.product_id == bag.id, Release.decision == decision)).one()
    assert Ward(session, team, client_as).sign("quality", made).status_code == 303
    assert signed in unescape(browser.get(url).text)


def test_a_release_says_that_it_waits_for_its_signature():
    for decision in ("conforms", "conditional", "exceptional"):
        assert saved(decision) == "Decision saved. The release takes effect once it is signed."
    assert saved("accept") == "Decision saved. The acceptance takes effect once it is signed."


def test_one_button_opens_what_several_reasons_lead_to(app):
    results = ("release.results", {"product_id": "PR-000000000"})
    product = ("products.show", {"product_id": "PR-000000000"})
    three = [
        Blocked(rule=43, because=f"{test} has no result.", fix=to, fix_label=label)
        for test, to, label in (
            ("Sterility", results, "Open the results"), ("Endotoxin", results, "Open the results"),
            ("Identity", product, "Open the product"),
        )
    ]  # fmt: skip
    with app.test_request_context():
        assert [bool(one["fix"]) for one in reasons(three)] == [True, False, True]


@pytest.mark.parametrize(("reason", "refused"), [
    ("Bottle went off at 18 h, probably skin flora", True), ("BacT/ALERT rang at 36 h", True),
    ("Two bottles turned yellow", True), ("Microbiology phoned: something in bottle 2", True), ("TTD 18 h", True),
    ("Endotoxin 12 EU/mL above the limit", True), ("Sister bag had contamination in 2025, excluded here", False),
    ("Bottles: no growth so far, final on 3 Dec 2026", False), ("BacT/ALERT pending, Gram stain clean", False),
    ("14-day culture pending; Gram stain without organisms", False), ("Endotoxin within its limit", False),
    ("Bottle went off at 18 h, final report pending", True), (None, False),
])  # fmt: skip
def test_a_reason_that_speaks_of_a_bottle_says_that_it_is_clean_or_awaited(reason, refused):
    assert bool(growth_in_words({"reason": reason})) is refused


@pytest.mark.parametrize(("comment", "asked"), [
    ("Freezer was off for the weekend", True), ("Recount: 20 % alive", True), ("use the other bag", True),
    ("Please bring the infection control form", False), ("Spare destroyed", False),
])  # fmt: skip
def test_a_comment_on_a_danger_is_asked_about(comment, asked):
    assert tells_of_danger(comment) is asked
