"""An imported administration is asked what the bedside asks (rules 26, 50, 54, 59)."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select

from clinic import clock
from clinic.administration.models import Administration
from tests.exchange.test_import_refuses import DAY, ago, take, text, ward

if TYPE_CHECKING:
    from collections.abc import Callable

    from clinic.exchange import importing

__all__ = ["take", "ward"]
GIVEN = {"administration.volume_given": "10"}


def facts_of(row: dict[str, Any]) -> dict[str, str]:
    given = {"administration.performed_at": ago(5)} | GIVEN
    return given | {name: one() if callable(one) else one for name, one in row.items()}


CONTRADICTING = [
    ({"administration.volume_given": "9", "administration.volume_wasted": "9"}, "administration.volume_given", 59),
    ({"administration.volume_issued": "12"}, "administration.volume_issued", 59),
    ({"administration.body_site": "knee", "administration.side": "left"}, "administration.body_site", 26),
    ({"patient.died_on": lambda: f"{clock.now() - 20 * DAY:%Y-%m-%d}"}, "administration.performed_at", 69),
]


@pytest.mark.rule(59)
@pytest.mark.rule(26)
@pytest.mark.parametrize(("row", "column", "rule"), CONTRADICTING)
def test_what_cannot_be_true_is_refused_by_row_and_column(
    take: Callable[..., importing.Report], row: dict[str, Any], column: str, rule: int
) -> None:
    report = take(facts_of(row), confirmed={f"rule {rule}": "seen"})
    assert (2, column) in [(fault.row, fault.column) for fault in report.problems], report.sentences()
    assert f"rule {rule}" in " ".join(report.sentences())


POSSIBLE = [
    ({"product.expires_at": lambda: ago(20)}, 50),
    (
        {
            "product.frozen_at": lambda: ago(50),
            "product.thawed_at": lambda: text(clock.now() - 5 * DAY - timedelta(hours=5)),
        },
        54,
    ),
]


@pytest.mark.rule(50)
@pytest.mark.rule(54)
@pytest.mark.parametrize(("row", "rule"), POSSIBLE)
def test_what_was_against_a_limit_comes_in_when_it_is_confirmed(
    ward: Any, take: Callable[..., importing.Report], row: dict[str, Any], rule: int
) -> None:
    report = take(facts_of(row))
    assert [fault.column for fault in report.problems] == ["administration.performed_at"], report.sentences()
    assert f"rule {rule}" in str(report.problems[0])
    report = take(facts_of(row), confirmed={f"rule {rule}": "Deviation 2019-07"})
    assert not report.refused, report.sentences()
    assert "Deviation 2019-07" in report.sentences()[0]
    given = ward.session.scalars(select(Administration)).one()
    assert given.confirmed == {"performed_at": "Deviation 2019-07"}
