"""A refusal names its rule, wherever its sentence is read."""

from __future__ import annotations

import pytest

from clinic.errors import Problem, Question, RuleBroken, Unconfirmed
from clinic.processing.models import ProcessingRun
from tests.factories import harvested, ready_for_harvest, team


@pytest.mark.parametrize(
    ("sentence", "said"),
    [
        ("Time-out is missing.", "Time-out is missing (rule 27)."),
        ("Is this right?", "Is this right (rule 27)?"),
        ("no full stop", "no full stop (rule 27)"),
    ],
)
def test_a_sentence_ends_with_the_number_of_its_rule(sentence, said):
    assert str(RuleBroken(sentence, rule=27)) == said
    assert Problem(sentence, rule=27) == said
    assert Problem(sentence, rule=27).rule == RuleBroken(sentence, rule=27).rule == 27


def test_what_breaks_no_numbered_rule_names_none():
    assert str(RuleBroken("Somebody changed this.")) == "Somebody changed this."
    assert (Problem("Choose one.").rule, Problem("Choose one.")) == (0, "Choose one.")


def test_a_question_explains_itself_with_its_rule():
    asked = Question("volume", "4 mL?", "The protocol sets this range.", rule=28)
    assert asked.explain == "The protocol sets this range (rule 28)."
    assert "(rule 28)" in str(Unconfirmed([asked]))


@pytest.mark.rule(69)
def test_several_problems_of_a_record_keep_their_numbers_when_they_are_joined():
    people = team()
    of = ready_for_harvest(people)
    at = harvested(of, people).ended_at
    with pytest.raises(RuleBroken) as refused:
        ProcessingRun.log(
            by=people.technologist,
            at=at,
            treatment=of,
            preparation="x",
            performed_at=at,
            ended_at=at.replace(year=2100),
        )
    assert "(rule 69)" in str(refused.value)
