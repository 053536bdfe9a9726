"""Wristband and bag at the bedside, as people scan them."""

from __future__ import annotations

from sqlalchemy import select

from clinic.administration.models import BedsideCheck
from tests.safety.driver import Ward


def scan(ward: Ward, course, patient_scan, product_scan):
    return ward.fill("nurse", f"/treatments/{course.id}/bedside", patient_scan=patient_scan, product_scan=product_scan)


def checks(ward: Ward):
    ward.session.expire_all()
    return list(ward.session.scalars(select(BedsideCheck)))


def text(ward: Ward, url: str, who: str = "nurse") -> str:
    return ward.browser(who).get(url).text
