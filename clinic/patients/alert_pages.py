"""What the pages of alerts say: what follows from one, who confirms that it was closed or changed (rule 23)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import url_for

from clinic import clock, wording
from clinic.access import Role
from clinic.pages import get_or_404, me, zone
from clinic.patients.alert_changes import confirming, said_on, waits_for, waits_to_be_read, weakened
from clinic.patients.models import Alert

if TYPE_CHECKING:
    from clinic.records import Amendment

MAY_CELLS_WAIT = {
    "": "", "yes": "A caution: cells go on", "no": "Cells wait for a physician", "unknown": "Cells wait for a physician"
}  # fmt: skip
"""What the list of alerts says of the answer of who wrote one."""
WAITS_NOW = (
    "The alert is saved. From now on nothing is collected from this patient or given until a physician decides. Call "
    "the physician."
)
NOT_EVERYDAY = "Only a physician says that cells go on over an alert that is more than an everyday caution."
CLOSING = {
    False: "An alert that stops cells goes on stopping them, and stays in the patient's band, until a physician has "
    "confirmed this; one of an allergy or an infection until a second nurse or physician has.",
    True: "An alert that stops cells ends with this at once. One of an allergy stays in the patient's band until a "
    "second nurse or physician has confirmed this.",
}
"""What follows when an alert is closed: by whether a physician closes it; as `weakened` judges."""
LIFTED = (
    "From then on this alert stops neither collection nor giving. If you do not agree, do not confirm: until then it "
    "goes on stopping them."
)


def now_shown(alert: Alert) -> tuple[str, str]:
    """Return what is said of an alert that was saved, and the kind of that message: amber where cells now wait."""
    day = clock.today(zone())
    stops = [one for one in said_on(alert, day) if one.stops(None, day)]
    if stops and stops[0].unread:
        return f"{WAITS_NOW} {NOT_EVERYDAY}", "wait"
    return (WAITS_NOW, "wait") if stops else ("The alert is now shown on every page about this patient.", "ok")


def cells_wait(alert: Alert) -> str:
    """Return what the list of alerts says of the answer of who wrote one: whether cells wait for a physician."""
    waits = any(one.unread for one in said_on(alert, clock.today(zone())))
    return MAY_CELLS_WAIT["no" if waits else alert.may_go_on or ""]


def to_read(alert: Alert) -> str:
    """Return where this person says as a physician that cells go on over an alert; empty where none wait for that."""
    waits = me().role is Role.PHYSICIAN and waits_to_be_read(alert, clock.today(zone()))
    return url_for("patients.read_alert", alert_id=alert.id) if waits else ""


def unconfirmed(alert: Alert) -> list[tuple[str, str | None]]:
    """Return of each correction that waits who confirms it, and the address of that where this person may."""
    found = []
    for change in alert.unconfirmed:
        who, own = confirming(alert, change), me().is_same_person(change.amended_by)
        url = url_for("patients.confirm_correction", patient_id=alert.patient_id, amendment_id=change.id)
        found.append((waits_for(who), url if me().role in who and not own else None))
    return found


def still_counts(alert: Alert) -> str:
    """Return who confirms first that an alert was closed; nothing where nobody has to."""
    if not alert.unconfirmed:
        return ""
    who = waits_for(confirming(alert, next(iter([*alert.of_physicians, *alert.unconfirmed]))))
    return f" It still counts at the bedside, and stays in the patient's band, until {who} confirms."


def alert_said(correction: Amendment) -> str:
    """Return what an alert says and what it said before, for whoever confirms a correction of it; empty: no alert."""
    if correction.record != Alert.__tablename__:
        return ""
    alert = get_or_404(Alert, correction.record_id)
    texts = [*(str(one.changes["text"][0]) for one in alert.amendments if "text" in one.changes), alert.text]
    return f"The alert: {', then '.join(f'“{text}”' for text in dict.fromkeys(texts))}. "


def lifting(correction: Amendment) -> dict[str, Any]:
    """Return what that page says instead where a block on cells is lifted by it."""
    if correction.record != Alert.__tablename__:
        return {}
    alert = get_or_404(Alert, correction.record_id)
    block = next((one for one in weakened(alert) if one.amendment is correction and one.stop), None)
    if block is None:
        return {}
    closed = set(correction.changes) == {"until_on"}
    did = "closed it" if closed else "changed it"
    return ({"before": []} if closed else {}) | {
        "heading": f"Lift the block on cells: {block.before['text']}",
        "lede": f"{correction.amended_by.printed_name} {did}, {wording.moment(correction.amended_at, zone())}: "
        f"“{correction.reason}”",
        "save_label": "Lift the block",
        "save_icon": "lock-open",
        "after": LIFTED,
    }
