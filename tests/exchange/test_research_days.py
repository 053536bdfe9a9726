"""No day that several people share, and no day of writing, tells by how much the days of a person were shifted."""

from __future__ import annotations

import csv
import io
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select

from clinic import clock
from clinic.administration.models import Administration
from clinic.exchange import exporting
from clinic.exchange.datasets import datasets, dictionary
from clinic.exchange.exporting import Choice
from clinic.exchange.research import people_of, shifts_of
from clinic.patients.models import Patient
from tests.exchange.test_import_given import GIVEN, ago
from tests.exchange.test_import_refuses import take, ward

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy.orm import Session

__all__ = ["take", "ward"]
SECRET = "of this test"


def told(session: Session, zone: str = "Europe/Berlin") -> Iterator[tuple[str, str, str, str]]:
    """Yield each cell of every data set of the research variant: data set, id of the row, column, text."""
    for name, dataset in datasets().items():
        choice = Choice(research=True, secret=SECRET, zone=zone)
        text = "".join(exporting.chunks(session, name, "csv", choice)).lstrip("\ufeff")
        keys = [column.key for column in dataset.chosen(research=True)]
        _headings, *lines = csv.reader(io.StringIO(text, newline=""))
        for line in lines:
            yield from ((name, line[0], key, value) for key, value in zip(keys, line, strict=True))


@pytest.mark.rule(73)
def test_the_day_of_an_import_gives_back_no_true_day(
    session: Session, team: Any, take: Callable[..., Any], ward: Any
) -> None:
    """Whoever knows that all records came in on one day would know the shift of each of their people."""
    three = [GIVEN | {"administration.performed_at": ago(5 + n), "qc.viability": "90"} for n in range(3)]
    report = take(*three)
    assert not report.refused, report.sentences()
    given = session.scalars(select(Administration)).all()
    for one in given:
        session.add(one.sign(by=team.physician, at=clock.now()))
        session.add(
            one.amend(by=team.physician, at=clock.now(), reason="Read again", volume_given=one.volume_given - 1)
        )
    session.commit()
    today, patients = clock.today("Europe/Berlin"), session.scalars(select(Patient.id)).all()
    assert len({shift.days for shift in shifts_of(session, patients, SECRET).values()}) == 3
    cells = list(told(session))
    own = shifts_of(session, sorted({id_ for _name, id_, *_rest in cells}), SECRET)  # another's may meet by chance
    came_in = {
        id_: {today.isoformat(), (today - own.get(id_, timedelta())).isoformat()} for _name, id_, *_rest in cells
    }
    assert [cell for cell in cells if any(day in cell[-1] for day in came_in[cell[1]])] == []


@pytest.mark.rule(73)
def test_a_day_is_told_of_a_person_alone_and_shifted(demonstration: Session) -> None:
    """A day of a protocol, of the whole clinic or of a lot that several people got stays what it is: it is left out."""
    cells, days = [], {}
    for name, id_, key, value in told(demonstration):
        if value[:4].isdigit() and value[4:5] == "-" and len(value) == 10:
            cells.append((name, id_, key, date.fromisoformat(value)))
    assert len({name for name, *_rest in cells}) > 20
    people = people_of(demonstration, {id_ for _name, id_, *_rest in cells})
    shifts = shifts_of(demonstration, sorted({id_ for _name, id_, *_rest in cells}), SECRET)
    for name, id_, key, day in cells:
        assert id_ in people, f"{name}.{key} tells a day of nobody"
        row = demonstration.get(datasets()[name].model, id_)
        value = getattr(row, key)
        true = clock.day(value, row.zone) if hasattr(value, "hour") else value
        assert true - day == shifts[id_], f"{name}.{key}"
        days.setdefault((name, key), true)
    lots = {key for _name, key in days if "lot_expires" in key}
    assert not lots


@pytest.mark.rule(73)
def test_whether_something_was_signed_is_told_without_its_day(session: Session, take: Callable[..., Any]) -> None:
    take(GIVEN | {"administration.performed_at": ago(5)})
    found = {key: value for name, _id, key, value in told(session) if name == "administrations"}
    assert found["signed_at"] == "no"
    said = {line[1]: line for line in dictionary() if line[0] == "administrations" and line[3] != "wall"}
    assert said["signed_at"][-2] == "as yes or no"
    assert (said["performed_at"][-2], said["recorded_at"][-2]) == ("as a shifted day", "no")
