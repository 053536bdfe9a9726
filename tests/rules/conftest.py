"""A ward, and tables that come in: each row changes some of the facts of a course that is right."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from clinic import clock
from clinic.exchange import importing
from tests.factories import published
from tests.safety.driver import Ward

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from pathlib import Path

    from sqlalchemy.orm import Session

    from tests.factories import Team


def written(moment: datetime) -> str:
    """A moment as a table has it."""
    return f"{moment:%Y-%m-%d %H:%M}"


def ago(days: float) -> str:
    """A moment so many days ago as a table has it."""
    return written(clock.now() - timedelta(days=days))


@pytest.fixture
def ward(session: Session, team: Team, client_as: Callable) -> Ward:
    """The northern clinic."""
    return Ward(session, team, client_as)


@pytest.fixture
def take(ward: Ward, tmp_path: Path) -> Callable[..., importing.Report]:
    """Import one row for each argument; ``code``: under which protocol, ``by``: who answers for the import."""

    def run(*rows: dict[str, Any], code: str = "BM-MSC-MS", by: str = "coordinator") -> importing.Report:
        version = published(ward.team, code)
        ward.session.commit()
        says, relation = version.says, version.says.relations[0].value
        usual = {
            "patient.family_name": "Quist", "patient.given_names": "Vera", "patient.birth_date": "1980-03-02",
            "patient.allergy_status": "none_known", "weight.kg": "72.5", "weight.performed_at": ago(2),
            "treatment.protocol": code, "treatment.relation": relation, "treatment.source": says.sources[0],
            "treatment.route": says.routes[0], "treatment.condition": says.conditions[0],
            "harvest.performed_at": ago(60), "product.performed_at": ago(50), "product.volume": "10",
            "product.measure": says.dose.measure, "product.amount": "72.5",
        } | ({"donor.kind": "unrelated", "donor.donor_number": "R-1"} if relation == "allogeneic" else {})  # fmt: skip
        lines = [usual | {"patient.record_number": f"OLD-{n}"} | row for n, row in enumerate(rows)]
        names = list(dict.fromkeys(name for line in lines for name in line))
        table, mapping = tmp_path / "t.csv", tmp_path / "t.toml"
        body = [",".join(line.get(name, "na") for name in names) for line in lines]
        table.write_text("\n".join([",".join(names), *body]) + "\n")
        said = ['kind = "courses"', 'source = "old"', 'missing = ["na"]', 'reason = "not in the old system"']
        said += ["[columns]", *(f'"{name}" = {{ to = "{name}" }}' for name in names)]
        mapping.write_text("\n".join(said) + "\n")
        at, who = clock.now(), ward.person(by)
        report = importing.run(ward.session, "courses", table, mapping, who, at, dry_run=False)
        if report.refused:
            ward.session.rollback()
        else:
            ward.session.commit()
        return report

    return run
