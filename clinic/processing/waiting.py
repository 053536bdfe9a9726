"""What waits in the laboratory and at quality for all courses of a site, each list by one query."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import exists, func, select

from clinic.access import Role
from clinic.harvest.models import Harvest
from clinic.processing.models import ProcessingRun
from clinic.products.models import Movement, Product, RunInput
from clinic.records import Origin, signed_now
from clinic.release.models import RELEASING, Release
from clinic.release.results import QCResult
from clinic.steps import Waiting
from clinic.treatments.models import Treatment
from clinic.treatments.waiting import about, courses, person

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

LABORATORY = frozenset({Role.TECHNOLOGIST})


def runs(session: Session, _at: datetime) -> list[Waiting]:
    """Return harvested products that no run has taken, and runs that nobody has signed."""
    taken = exists().where(RunInput.product_id == Product.id)
    decided = exists().where(Release.product_id == Product.id)
    gone = exists().where(Movement.product_id == Product.id, Movement.kind.in_(("discarded", "given")))
    fresh = session.execute(
        courses(Product.id.label("product_id"), Product.name, Product.expires_at)
        .join(Product, Product.treatment_id == Treatment.id)
        .join(Harvest, Harvest.id == Product.harvest_id)
        .where(Product.origin == Origin.CLINIC, signed_now(Harvest), ~taken, ~decided, ~gone)
    )
    waiting = [
        Waiting(
            patient=person(row),
            title="Process",
            why=f"{row.name} from a signed harvest waits in the laboratory: {about(row)}.",
            who=LABORATORY,
            to=("pathway.course", {"treatment_id": row.id}),
            due_at=row.expires_at,
            due_words="use before",
        )
        for row in fresh
    ]
    unsigned = session.execute(
        courses(ProcessingRun.id.label("run_id"), ProcessingRun.preparation, ProcessingRun.ended_at)
        .join(ProcessingRun, ProcessingRun.treatment_id == Treatment.id)
        .where(ProcessingRun.origin == Origin.CLINIC, ~signed_now(ProcessingRun))
    )
    return waiting + [
        Waiting(
            patient=person(row),
            title="Finish and sign the run",
            why=f"{row.preparation}: written down, not signed.",
            who=LABORATORY,
            to=("processing.show", {"run_id": row.run_id}),
            due_at=row.ended_at,
            due_words="ended",
        )
        for row in unsigned
    ]


def releases(session: Session, _at: datetime) -> list[Waiting]:
    """Return products of signed runs on which quality has not decided, with how many results are in."""
    taken = exists().where(RunInput.product_id == Product.id)
    gone = exists().where(Movement.product_id == Product.id, Movement.kind.in_(("discarded", "given")))
    decided = exists().where(
        Release.product_id == Product.id, Release.decision.in_((*RELEASING, "reject")), signed_now(Release)
    )
    counted = select(func.count()).where(QCResult.product_id == Product.id)
    done = counted.where(QCResult.pending.is_(False)).scalar_subquery()
    pending = counted.where(QCResult.pending.is_(True)).scalar_subquery()
    rows = session.execute(
        courses(
            Product.id.label("product_id"),
            Product.name,
            Product.division,
            Product.expires_at,
            done.label("done"),
            pending.label("pending"),
        )
        .join(Product, Product.treatment_id == Treatment.id)
        .join(ProcessingRun, ProcessingRun.id == Product.run_id)
        .where(Product.origin == Origin.CLINIC, signed_now(ProcessingRun), ~taken, ~gone, ~decided)
    )
    waiting = []
    for row in rows:
        name = f"{row.name} {row.division or ''}".strip()
        results = f"{row.done} {'result' if row.done == 1 else 'results'} in" + (
            f", {row.pending} pending" if row.pending else ""
        )
        tested = row.done > 0
        waiting.append(
            Waiting(
                patient=person(row),
                title="Decide on the release" if tested else "Enter the test results",
                why=f"{name}: {results}.",
                who=frozenset({Role.QUALITY}) if tested else LABORATORY,
                to=("release.release" if tested else "release.results", {"product_id": row.product_id}),
                due_at=row.expires_at,
                due_words="use before",
            )
        )
    return waiting
