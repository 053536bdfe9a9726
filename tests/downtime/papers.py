"""What is copied from paper, over HTTP."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select

from clinic import clock

FACTS = {
    "body_site": "posterior_iliac_crest", "side": "right", "method": "needle_aspiration", "anaesthesia": "local",
    "volume": "60", "passes": "10", "anticoagulant": "acd_a", "anticoagulant_volume": "6",
    "anticoagulant_lot": "ACD-1", "containers": "1",
    "anticoagulant_expires_on-d": "1", "anticoagulant_expires_on-m": "1", "anticoagulant_expires_on-y": "2031",
}  # fmt: skip


def ago(**span):
    return (clock.now() - timedelta(**span)).replace(second=0, microsecond=0)


def paper(ward, **more):
    """The questions about the paper."""
    return {
        "paper_written_by_id": ward.team.nurse.id, "paper_why": "outage", "paper_note": "Power cut, 02:10 to 06:00",
        "paper_second_id": ward.team.physician2.id,
    } | more  # fmt: skip


def harvest(ward, of, *, who="nurse2", hours=5, **typed):
    facts = FACTS | {
        "performed_at": ago(hours=hours, minutes=40), "ended_at": ago(hours=hours),
        "time_out_at": ago(hours=hours, minutes=45), "performed_by_id": ward.team.nurse.id,
    }  # fmt: skip
    url = f"/treatments/{of.id}/paper/harvest/new"
    return ward.fill(who, url, sure="as on the paper", **(paper(ward) | facts | typed))


def give(ward, of, product, *, who="nurse2", hours=4, **typed):
    volume = str(product.volume)
    facts = {
        "patient_scan": of.patient_id, "product_scan": product.id, "performed_at": ago(hours=hours),
        "ended_at": ago(hours=hours - 1), "performed_by_id": ward.team.nurse.id, "route": of.route,
        "body_site": of.body_site, "side": of.side, "volume_issued": volume, "volume_given": volume,
        "premedication": "given", "spo2": "98", "temperature": "36.6", "systolic": "124", "diastolic": "78",
        "pulse": "72", "paper_second_id": ward.team.physician.id,
    }  # fmt: skip
    url = f"/treatments/{of.id}/paper/administration/new"
    return ward.fill(who, url, sure="as on the paper", **(paper(ward) | facts | typed))


def one(ward, model):
    ward.session.expire_all()
    return ward.session.scalars(select(model)).one()
