"""Tables that name what the clinic added to the catalogues: by key, label or another name; grades by their words."""

from __future__ import annotations

from decimal import Decimal

import pytest
from sqlalchemy import select

from clinic.exchange.import_targets import described, slot
from clinic.exchange.parse_cell import NotThat, one_of
from clinic.followup.models import OutcomeScore
from clinic.protocols.catalogue import labels
from clinic.protocols.catalogue_file import using
from clinic.protocols.catalogues import CONDITIONS
from clinic.protocols.demonstration import DEMONSTRATIONS
from clinic.treatments.models import Treatment
from tests.added import ADDED
from tests.exchange.test_import_refuses import ago, take, ward
from tests.exchange.test_increments import ONE, more
from tests.factories import published

__all__ = ["more", "take", "ward"]
VISIT = {"course.key": "17", "visit.name": "Week 2", "visit.performed_at": ago(3)}


@pytest.fixture(autouse=True)
def added(app):
    """The catalogues with what the clinic added; an application that is made sets them to what its settings say."""
    with using(ADDED):
        yield


@pytest.mark.parametrize(("name", "value", "kept"), [
    ("majeed", "62.5", "62.5"), ("Majeed pelvic score", "62,5", "62.5"), ("mps", "62.5 points", "62.5"),
    ("skin_stage", "Firm", "2"), ("Skin sclerosis, STAGE", "BD", "3"), ("skin_stage", "1", "1"),
])  # fmt: skip
def test_a_score_is_named_by_key_label_or_another_name(ward, take, more, name, value, kept):
    assert not take(ONE | {"row.key": "17"}).refused
    row = VISIT | {"score.instrument": f'"{name}"', "score.value": f'"{value}"'}
    more("scores", row)
    assert [one.value for one in ward.session.scalars(select(OutcomeScore))] == [Decimal(kept)]


@pytest.mark.parametrize(("name", "value", "said"), [
    ("majeed", "100.5", "Majeed pelvic score is 0 to 100; 100.5 is outside"), ("majeed", "5.55", "steps of 0.1"),
    ("skin_stage", "hard", "one of soft, firm, bound down"), ("skin_stage", "4", "Skin sclerosis, stage is 1 to 3"),
    ("majid", "5", "majeed"),
])  # fmt: skip
def test_what_does_not_fit_is_refused_with_what_would(ward, take, more, name, value, said):
    assert not take(ONE | {"row.key": "17"}).refused
    report = more("scores", VISIT | {"score.instrument": name, "score.value": value}, refused=True)
    assert said in " ".join(report.sentences())
    assert ward.session.scalars(select(OutcomeScore)).all() == []


def test_a_column_of_its_own_is_a_target_as_long_as_the_entry_is_there(ward, take):
    report = take(ONE | {"visit.v1.performed_at": "na", "score.v1.majeed": "40"})
    assert not report.refused, report.sentences()
    assert [(one.instrument, one.value) for one in ward.session.scalars(select(OutcomeScore))] == [
        ("majeed", Decimal(40)),
    ]  # fmt: skip
    told = {target: rest for _kind, target, *rest in described("courses")}
    assert told["score.KEY.majeed"] == ["Majeed pelvic score", "points", "a figure, 0 to 100"]
    assert told["score.KEY.skin_stage"][2] == "1 = soft; 2 = firm; 3 = bound down"
    assert slot("score.v1.majeed", "courses") is not None
    with using(""):
        assert slot("score.v1.majeed", "courses") is None


@pytest.mark.parametrize("said", ["sacroiliitis", "Sacroiliitis", "SIJ PAIN"])
def test_a_condition_is_named_by_key_label_or_another_name(ward, take, said):
    content = DEMONSTRATIONS["BM-MSC-MS"].model_copy(update={"field": "orthopedics", "conditions": ("sacroiliitis",)})
    published(ward.team, "MSC-SIJ", content=content)
    ward.session.commit()
    report = take({"treatment.protocol": "MSC-SIJ", "treatment.condition": said})
    assert not report.refused, report.sentences()
    assert ward.session.scalars(select(Treatment.condition)).all() == ["sacroiliitis"]


def test_built_in_conditions_have_other_names_too():
    assert one_of("OA", labels(CONDITIONS)) == "osteoarthritis"
    assert one_of("ms", labels(CONDITIONS)) == "multiple_sclerosis"
    with pytest.raises(NotThat), using(""):
        one_of("SIJ pain", labels(CONDITIONS))
