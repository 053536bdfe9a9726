"""A ward, and tables that come in: each row changes some of the facts of a course that is right."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select

from clinic import clock
from clinic.exchange import importing
from clinic.products.limits import cold_unknown
from clinic.products.models import Product
from clinic.treatments.models import Treatment
from tests import bedside
from tests.factories import PASSWORD, consented, eligible, published
from tests.safety.driver import Ward

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from pathlib import Path

    from sqlalchemy.orm import Session

    from tests.factories import Team


DAY = timedelta(days=1)


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

    def run(
        *rows: dict[str, Any], code: str = "BM-MSC-MS", by: str = "coordinator", confirmed: dict[str, str] | None = None
    ) -> importing.Report:
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
        said += ["[confirmed]", *(f'"{key}" = "{value}"' for key, value in (confirmed or {}).items())]
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


LASTS = {"product.expires_at": written(clock.now() + 90 * DAY)}


@pytest.fixture
def mine(ward, take):
    """Import a course and make it ready: order signed, consent and eligibility unless left out, results that conform.

    Return the course and its container, which quality has tried to release.
    """

    def ready(facts=(), *, code="BM-MSC-MS", without=(), release=True, by="coordinator", confirmed=None):
        report = take(LASTS | dict(facts), code=code, by=by, confirmed=confirmed)
        assert not report.refused, report.sentences()
        course = ward.session.scalars(select(Treatment).order_by(Treatment.recorded_at.desc())).first()
        bag = ward.session.scalars(select(Product).where(Product.treatment_id == course.id)).one()
        if "consent" not in without:
            consented(course, ward.team, at=clock.now() - DAY)
        if "eligibility" not in without:
            eligible(course, ward.team, at=clock.now() - timedelta(hours=20))
        known = {name.removeprefix("qc.") for name in dict(facts) if name.startswith("qc.")}
        for spec in course.says.qc:
            if spec.mandatory and spec.test not in known | set(without):
                bedside.tested(bag, ward.team, course.protocol_version, spec, value=None, at=clock.now() - 20 * DAY)
        ward.fill("physician", f"/records/{course.id}/signature", password=PASSWORD)
        if cold_unknown(bag) and "cold" not in without:
            ward.fill("technologist", f"/products/{bag.id}/cold", cold="fresh", reason="the delivery note")
            ward.sign("technologist2", bag)
        if release:
            ward.release(bag)
        return course, bag

    return ready
