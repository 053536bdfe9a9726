"""A report made for a site: its figures with all that is printed with them, read in one snapshot with the ledger."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from clinic import wording
from clinic.ledger.models import LedgerHead
from clinic.reports.files import Made

if TYPE_CHECKING:
    from clinic.accounts.models import Site
    from clinic.reports.data import Data
    from clinic.reports.report import Report


def make(report: Report, data: Data, site: Site) -> Made:
    """Return a report with all that is printed with it; the ledger is read in the same snapshot as the records."""
    chosen = select(LedgerHead.number, LedgerHead.hash).where(LedgerHead.site_id == site.id)
    head = data.session.execute(chosen).first()
    return Made(
        report=report,
        result=report.figures(data),
        said=data.asked.said(report, site.name),
        at=data.at,
        at_words=wording.moment(data.at, data.zone),
        zone=data.zone,
        head=(head.number, head.hash) if head else None,
        site=site.name,
    )
