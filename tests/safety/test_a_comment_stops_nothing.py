"""A comment that tells of a danger is asked about, and shown at the bedside until somebody answers it (K7)."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from clinic.processing.models import ProcessingRun
from clinic.requests.models import DANGER, Comment, Request
from tests.safety.test_a_no_to_one_bag import bags

__all__ = ["bags"]
pytestmark = [pytest.mark.rule(50), pytest.mark.hazard("K7")]
PHONED = "Microbiology phoned: E. coli growing in the sterility bottle of this bag. Do not give."


def comments(ward, who, record, text, sure="it is another bag's bottle"):
    return ward.fill(who, f"/records/{record.id}/comments/new", sure=sure, text=text)


def asked(ward, bag, mine):
    """The questions that the bedside check asks before the start."""
    check = ward.check(mine, bag)
    return " ".join(str(line) for line in check.evidence if line.get("warning")), check


@pytest.mark.parametrize("of", ["bag", "sister", "run", "result", "course"])
def test_a_danger_in_a_comment_is_asked_about_and_waits_at_the_bedside(ward, bags, of):
    bag, sister, mine = bags
    record = {
        "bag": bag, "sister": sister, "course": mine, "result": ward.results(bag, "viability")[0],
        "run": ward.session.get(ProcessingRun, bag.run_id),
    }[of]  # fmt: skip
    assert comments(ward, "nurse", record, PHONED, sure="").status_code == 422
    ward.said_no("Is this a reason to hold the cells?")
    assert ward.session.scalar(select(Comment)) is None
    assert comments(ward, "nurse", record, PHONED).status_code == 303, ward.refused
    warned, check = asked(ward, bag, mine)
    assert PHONED in warned
    assert ward.begin(check, because="").status_code >= 400
    assert ward.given(bag) is None
    request = ward.session.scalar(select(Request).where(Request.kind == DANGER))
    assert "Answer to a comment" in ward.browser("quality").get("/").text
    words = {"answer": "answered", "answer_text": "It was the bottle of another bag"}
    assert ward.fill("physician", f"/requests/{request.id}/answer", **words).status_code == 303, ward.refused
    assert PHONED not in asked(ward, bag, mine)[0]
    ward.give(mine, bag)
    assert ward.given(bag) is not None, ward.refused


def test_who_wrote_it_does_not_answer_it(ward, bags):
    bag, _sister, _mine = bags
    comments(ward, "physician", bag, PHONED)
    request = ward.session.scalar(select(Request).where(Request.kind == DANGER))
    words = {"answer": "answered", "answer_text": "fine"}
    assert ward.fill("physician", f"/requests/{request.id}/answer", **words).status_code == 422
    ward.said_no("You wrote the comment")


@pytest.mark.parametrize("text", ["Sent by courier on Monday", "No growth so far", "Patient asked for another hour"])
def test_a_plain_comment_asks_nothing(ward, bags, text):
    bag, _sister, mine = bags
    assert comments(ward, "nurse", bag, text, sure="").status_code == 303, ward.refused
    assert ward.session.scalar(select(Request)) is None
    ward.give(mine, bag)
    assert ward.given(bag) is not None, ward.refused


def test_the_form_leads_to_the_hold(ward, bags):
    bag, _sister, _mine = bags
    assert "A comment stops nothing" in ward.browser("nurse").get(f"/records/{bag.id}/comments/new").text
    assert f"/products/{bag.id}/hold" in ward.browser("nurse").get(f"/records/{bag.id}/comments").text
