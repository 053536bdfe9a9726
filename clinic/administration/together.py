"""What is wrong with the facts of an administration together: container, place, time after thaw, volumes.

They are asked when it is begun, when its end is recorded and when it is amended; the first one of an import too.
"""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from sqlalchemy import inspect

from clinic.administration.placing import misplaced
from clinic.administration.severity import says_none
from clinic.administration.voiding import void_problems
from clinic.errors import Problem, Question, RuleBroken
from clinic.fields import CLOCK_SLACK, plain
from clinic.wording import moment

if TYPE_CHECKING:
    from datetime import datetime


COUNTED = frozenset({
    "performed_at", "ended_at", "volume_issued", "volume_given", "outcome", "route", "body_site", "side",
})  # fmt: skip
"""Facts from which the doses of a day, of an hour and of a course are added up."""
CHECK_HOLDS = timedelta(minutes=30)
"""How long a clear bedside check may be used; after that wristband and bag are read again."""
VOID_WITHIN = timedelta(minutes=15)
"""How long after the start it may be taken back as pressed by mistake [site default]."""


def unusable(check: Any, at: datetime) -> str:
    """Return in one sentence why no cells may be given on a bedside check now; empty: they may."""
    if not check.clear:
        return "This bedside check refused the cells. Nothing may be given on it."
    if check.administration is not None:
        return "This bedside check has already been used. Each check is valid for one administration: scan again."
    if check.performed_at is not None and check.performed_at > at + CLOCK_SLACK:
        return "This bedside check is in the future: the server's clock went back. Scan wristband and bag again."
    if check.performed_at is None or at - check.performed_at > CHECK_HOLDS:
        return f"This bedside check is older than {CHECK_HOLDS.seconds // 60} minutes. Scan wristband and bag again."
    return ""


def refuse_more(check: Any, volume: Decimal | None) -> None:
    """Raise `RuleBroken` where more would be given than the two people checked the dose of (rule 52)."""
    if check.volume is not None and volume is not None and volume > check.volume:
        said = (
            f"Volume issued {plain(volume)} mL is more than the {plain(check.volume)} mL that were checked. "
            "Check again with the volume that is to be given."
        )
        raise RuleBroken(Problem(said, "volume_issued", rule=52))


def container_problems(given: Any) -> list[Problem]:
    """Rules 36, 59: no more than the container held, and 0 mL is not given (also of what is imported)."""
    product, found = given.product, void_problems(given)
    held = None if product is None or product.volume is None else product.left
    for name, label in (("volume_issued", "Volume issued"), ("volume_given", "Volume given")):
        volume = getattr(given, name)
        if volume is not None and held is not None and volume > held:
            said = f"{label} {plain(volume)} mL is more than the container has: {plain(held)} mL."
            found.append(Problem(said, name, rule=36))
    if given.volume_given == 0 and given.outcome is None:
        said = "Volume given: 0 mL is not an administration. Stop it early, or void it if nothing left the bag."
        found.append(Problem(said, "volume_given", rule=59))
    return found


def place_problems(given: Any) -> list[Problem]:
    """Rules 26, 55: route, site and side are the ordered ones, judged whenever one of them is written."""
    if not given.written_now("route", "body_site", "side"):
        return []
    fault = misplaced(given.treatment, given.route, given.body_site, given.side)
    if fault is None:
        return []
    said = f"{fault.because} Where it is the order that is wrong, a physician amends the order first."
    return [Problem(said, fault.field, rule=fault.rule)]


def thaw_problems(given: Any) -> list[Problem]:
    """Rule 54: no start after the protocol's time from thaw."""
    limit, start = given.treatment.says.expiry.thaw_minutes, given.performed_at
    thawed = given.product.thawed_at if given.product is not None else None
    if limit is None or thawed is None or start is None or not given.written_now("performed_at"):
        return []
    if start - thawed <= timedelta(minutes=limit):
        return []
    minutes = int((start - thawed).total_seconds() // 60)
    said = f"Start is {minutes} minutes after the thaw; the protocol allows {limit}."
    return [Problem(said, "performed_at", rule=54)]


def expiry_problems(given: Any) -> list[Problem]:
    """Rule 50: a start is not corrected to after the expiry of the cells; a copy from paper is marked instead."""
    ends = given.product.expires_at if given.product is not None else None
    begun = given.performed_at
    if ends is None or begun is None or given.paper is not None or begun < ends or not _is_corrected(given):
        return []
    said = f"Start is after the cells expired, {moment(ends, given.zone)}. Correct the time that is wrong."
    return [Problem(said, "performed_at", rule=50)]


def _is_corrected(given: Any) -> bool:
    return inspect(given).persistent and given.written_now("performed_at")


def corrected_problems(given: Any) -> list[Problem]:
    """Rules 26, 50, 54, 59: what a history said was taken as it was; a correction of it is asked what every one is."""
    if not inspect(given).persistent:
        return []
    volumes = ("volume_issued", "volume_given", "volume_wasted", "volume_returned")
    summed = given.volume_issued is not None and given.written_now(*volumes)
    found = [*place_problems(given), *thaw_problems(given), *expiry_problems(given)]
    return found + (volume_problems(given) if summed else [])


def problems(given: Any) -> list[Problem]:
    """Return what is wrong with place, time and volumes of an administration that was begun here."""
    return [*place_problems(given), *thaw_problems(given), *volume_problems(given), *expiry_problems(given)]


def volume_problems(given: Any) -> list[Problem]:
    """Rule 59: once the end is recorded, given + wasted + returned is what was issued, to the last digit."""
    if given.volume_given is None:
        missing = Problem("Volume given: required; an end is recorded.", "volume_given")
        return [missing] if given.ended_at else []
    if given.volume_given == 0 and given.outcome is None:
        return []
    issued = given.volume_issued or Decimal(0)
    used = sum((v or Decimal(0) for v in (given.volume_given, given.volume_wasted, given.volume_returned)), Decimal(0))
    found = []
    if used != issued:
        said = f"Given + wasted + returned = {plain(used)} mL, but {plain(issued)} mL were issued."
        found.append(Problem(said, "volume_given", rule=59))
    if given.volume_given < issued and not given.partial_reason:
        found.append(Problem("Give the reason why the whole dose was not given.", "partial_reason", rule=59))
    return found


def no_time(given: Any) -> list[Question]:
    """Ask who records an end whether the cells were given within the minute of the start; an early stop may be."""
    begun, over = given.performed_at, given.ended_at
    if not getattr(given, "by_hand", False) or given.outcome is not None or None in {begun, over}:
        return []
    if over.replace(second=0, microsecond=0) > begun.replace(second=0, microsecond=0):
        return []
    said = "The end is in the same minute as the start. Is this right?"
    return [Question("ended_at", said, "Enter when the last of the cells was given, or say why it took no longer.")]


def less_issued(given: Any) -> list[Question]:
    """Rule 59: ask what became of the rest where less is said to have been issued than before."""
    before, now = inspect(given).attrs.volume_issued.history.deleted or [None], given.volume_issued
    if before[0] is None or now is None or now >= before[0]:
        return []
    said = f"Volume issued: {plain(before[0])} mL were recorded when the cells were begun, now {plain(now)} mL."
    return [
        Question("volume_issued", said, "Say where the rest is: it is part of the dose until that is known.", rule=59)
    ]


def not_void(given: Any, at: datetime) -> str:
    """Rule 59: why a start is no mistake that can be voided, as far as the record tells; empty: it may be voided."""
    start = min(given.performed_at or given.recorded_at, given.recorded_at)
    after = [one.performed_at for one in given.vital_signs if one.check_id is None and one.performed_at is not None]
    if not says_none(given.reaction) or any(one.kind == "reaction" for one in given.events):
        return "A reaction is recorded, so the cells were given."
    if given.events:
        return "A rate or an interruption is recorded, so the cells were given."
    if any(moment >= start.replace(second=0, microsecond=0) for moment in after):
        return "Vital signs are recorded after the start, so the cells were being given."
    if at - start > VOID_WITHIN:
        return f"The start is more than {VOID_WITHIN.seconds // 60} minutes ago."
    return ""
