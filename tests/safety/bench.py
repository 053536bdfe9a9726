"""Runs of the laboratory over HTTP: begin, do, fill."""

from __future__ import annotations

from sqlalchemy import select

from clinic.processing.models import ProcessingRun
from tests.safety.moments import minutes


def begun(ward, course, product, **typed):
    """A run over a product, begun two hours ago over HTTP."""
    facts = {"performed_at": minutes(120), "performed_by_id": ward.team.technologist.id}
    facts |= {"received_intact": True, "received_temperature": "20"}
    ward.fill("technologist", f"/treatments/{course.id}/processing/new", inputs=[product.id], **(facts | typed))
    ward.session.expire_all()
    return ward.session.scalars(select(ProcessingRun).order_by(ProcessingRun.recorded_at.desc())).first()


def does(ward, run, kind, started, ended):
    """One step of a run; return the moment at which it ended."""
    end = minutes(ended)
    ward.fill(
        "technologist", f"/runs/{run.id}/manipulations/new", kind=kind, performed_at=minutes(started), ended_at=end,
        performed_by_id=ward.team.technologist.id,
    )  # fmt: skip
    return end


def fills(ward, run, volume="10", alike="1"):
    ward.fill(
        "technologist", f"/runs/{run.id}/outputs/new", container="bag", alike=alike, volume=volume,
        measure="viable_cells", amount="70",
    )  # fmt: skip
    ward.session.expire_all()
    return run.outputs
