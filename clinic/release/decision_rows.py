"""The decisions on a product as pages show them: what each says, whether it counts, what it waits for, what changed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from clinic import record_display
from clinic.release.models import Release, decisions, standing_decision
from clinic.release.product_state import held_because

if TYPE_CHECKING:
    from datetime import datetime

    from clinic.course_records import CourseRecords
    from clinic.products.models import Product


@dataclass(frozen=True, kw_only=True)
class DecisionRow:
    """One decision: ``tag`` is kind, icon and words of its state; ``changed`` says why it no longer counts."""

    release: Release
    signatures: list[tuple[str, str, str]]
    tag: tuple[str, str, str]
    changed: list[str]
    lacks: list[str]


def decision_rows(records: CourseRecords, product: Product, zone: str, at: datetime) -> list[DecisionRow]:
    """Return the decisions on a product, the latest first; what holds the product now holds up its release."""
    held = [] if product.given else held_because(records, product, at)
    stands = standing_decision(records, product)
    return [
        _row(records, release, zone, held, replaced=stands is not None and _before(release, stands))
        for release in reversed(decisions(records, product))
    ]


def _before(release: Release, stands: Release) -> bool:
    return (release.recorded_at, release.id) < (stands.recorded_at, stands.id)


def _row(records: CourseRecords, release: Release, zone: str, held: list[str], *, replaced: bool) -> DecisionRow:
    lacks, changed = release.lacks(records), [] if release.product.given else release.outdated(records)
    if replaced:
        tag, changed = ("", "history", "Replaced by a later decision"), []
    elif changed:
        tag = ("bad", "alert-triangle", "No longer in force")
    elif held and release.releases and not lacks:
        tag, changed = ("wait", "hand-stop", "On hold"), held
    elif lacks:
        tag = ("wait", "hourglass", f"Waiting for {' and '.join(role.label for role in lacks)}")
    else:
        tag = ("ok", "check", "In force") if release.releases else ("wait", "hand-stop", "In force")
    return DecisionRow(
        release=release, signatures=record_display.signature_lines(release, zone), tag=tag, changed=changed,
        lacks=[role.value for role in lacks],
    )  # fmt: skip
