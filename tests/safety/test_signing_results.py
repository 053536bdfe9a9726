"""What the page of a signature under results says, and to whom a result is offered for a signature."""

from __future__ import annotations

from decimal import Decimal

import pytest
from sqlalchemy import select

from clinic.release.results import QCResult
from tests.bedside import released_product
from tests.factories import PASSWORD, ready_for_harvest
from tests.reading import Page


@pytest.fixture
def bag(team):
    """A bag whose viability is 61 %, tested by the first technologist."""
    return released_product(ready_for_harvest(team), team, results={"viability": Decimal(61)}, released=False)


def of(session, bag, test):
    return session.scalars(select(QCResult).where(QCResult.product_id == bag.id, QCResult.test == test)).first()


def test_results_are_signed_as_the_worksheet_shows_them(client_as, page, session, bag):
    shown = page(client_as("technologist"), f"/records/{of(session, bag, 'gram_stain').id}/signature")
    version = bag.judged_under
    labels = [f"{name}" for name in ("Viability", "Gram stain", "Sterility")]
    for words in ("No organisms seen", "61 %", "70 % or more", "Out of limits", "Within", bag.name, bag.id, *labels):
        assert words in shown.text, words
    for raw in ("no_organisms", "no_growth", "Result 61 "):
        assert raw not in shown.text, raw
    table = shown.text.partition("What you sign")[2]
    places = [table.index(f" {label} ") for label in labels]
    order = [spec.test for spec in version.says.qc]
    wanted = sorted(labels, key=lambda label: order.index(label.lower().replace(" ", "_")))
    assert [label for _place, label in sorted(zip(places, labels, strict=True))] == wanted


def test_ticked_results_are_signed_with_the_one_that_was_opened(client_as, post, session, bag):
    first, other = of(session, bag, "viability"), of(session, bag, "gram_stain")
    browser, url = client_as("technologist"), f"/records/{first.id}/signature"
    hidden = Page.of(browser.get(url).text).hidden
    sent = {name: value for name, value in hidden.items() if name.startswith("version")}
    assert post(browser, url, sent, password=PASSWORD, also=other.id).status_code == 303
    session.expire_all()
    assert [len(one.signatures) for one in (first, other)] == [1, 1]


def test_a_result_says_its_outcome_and_its_unit(client_as, page, session, bag):
    browser = client_as("quality")
    assert "no_organisms" not in page(browser, f"/results/{of(session, bag, 'gram_stain').id}").text
    assert "Result 61 %" in page(browser, f"/results/{of(session, bag, 'viability').id}").text
    form = page(client_as("technologist"), f"/records/{of(session, bag, 'gram_stain').id}/amendment")
    assert "Organisms seen" in form.text
    assert not {"value", "comparator"} & set(form.values)


def test_only_who_tested_is_offered_the_signature_and_nobody_is_asked_for_it(client_as, page, session, bag):
    found = of(session, bag, "viability")
    url, sign = f"/results/{found.id}", f"/records/{found.id}/signature"
    mine, other = (page(client_as("technologist", second=second), url) for second in (False, True))
    assert (sign in mine.links, sign in other.links) == (True, False)
    assert "Your next action" not in mine.text
    assert sign not in page(client_as("quality"), url).links


def test_a_corrected_result_is_offered_to_a_second_person_to_confirm(ward, page, session, bag):
    found = of(session, bag, "viability")
    assert ward.amend("technologist", found, value="91").status_code == 303, ward.refused
    url, sign = f"/results/{found.id}", f"/records/{found.id}/signature"
    second = page(ward.browser("quality"), url)
    assert sign in second.links
    assert "Confirm the correction" in second.text
    assert "Confirm the correction" not in page(ward.browser("technologist"), url).text
