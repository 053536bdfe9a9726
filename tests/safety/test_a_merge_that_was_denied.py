"""A merge of two records that somebody denies, or that was confirmed over an older page."""

from __future__ import annotations

import pytest

from clinic import clock
from clinic.course_records import of_course
from clinic.eligibility.step import permission
from clinic.requests.models import OBJECTION
from tests.bedside import released_product
from tests.factories import PASSWORD, ready_for_harvest
from tests.safety.driver import Sheet
from tests.safety.test_a_signed_disagreement import answer, asked, object_to
from tests.safety.test_two_records_of_one_person import allergic, confirm, merge, mine, other, propose, undo

__all__ = ["mine", "other"]


@pytest.mark.hazard("H27")
@pytest.mark.rule(45)
def test_a_denied_merge_stops_both_courses_until_quality_that_had_no_part_in_it_decides(ward, mine, other):
    theirs, bag = ready_for_harvest(ward.team, other), released_product(mine, ward.team)
    ward.session.commit()
    one = merge(ward, mine, other)  # the coordinator proposed it, quality confirmed it
    object_to(ward, one, who="physician2", by="nurse2")
    ward.give(mine, bag)
    ward.not_given(bag, "disagreement")
    assert _denied(ward, theirs), "the course under the other number rests on the merge too"
    (open_one,) = asked(ward, OBJECTION)
    assert answer(ward, "quality", open_one, "agree", words="Seen.").status_code == 422
    ward.said_no("Another member of quality staff")
    assert answer(ward, "quality2", open_one, "disagree", words="Two people.").status_code == 303, ward.refused
    ward.give(mine, bag)
    assert ward.given(bag) is None, "a merge that quality found wrong stays a stop until it is undone"
    undo(ward, one)
    assert not _denied(ward, theirs)
    ward.give(mine, bag)
    assert ward.given(bag) is not None, ward.refused


@pytest.mark.hazard("H27")
def test_a_merge_that_was_denied_before_it_was_confirmed_stops_until_it_is_found_right(ward, mine, other):
    bag, one = released_product(mine, ward.team), propose(ward, mine, other)
    object_to(ward, one, who="physician2", by="nurse2")
    assert not _denied(ward, mine), "nothing rests on what nobody has confirmed"
    assert confirm(ward, one).status_code == 303, ward.refused
    assert _denied(ward, mine)
    assert answer(ward, "director", asked(ward, OBJECTION)[0], "agree", words="Cards seen.").status_code == 303
    ward.give(mine, bag)
    assert ward.given(bag) is not None, ward.refused


def _denied(ward, course):
    ward.session.expire_all()
    return [one for one in permission(of_course(ward.session, course), clock.now()) if "disagreement" in one.because]


@pytest.mark.hazard("H18")
def test_a_merge_is_not_confirmed_over_records_that_were_corrected_after_the_page_was_opened(ward, mine, other):
    one = propose(ward, mine, other)
    quality, url = ward.browser("quality"), f"/merges/{one.id}/confirmation"
    opened = Sheet(quality.get(url).text).form(["password"]) | {"password": [PASSWORD]}
    allergic(ward, other)
    answer = quality.post(url, data=opened)
    assert answer.status_code == 409
    assert "human albumin" in answer.text
    assert confirm(ward, one).status_code == 303, ward.refused
