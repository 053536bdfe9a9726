"""Who may perform which step, from which day until which: given and ended by quality staff, signed, never deleted.

A site that has recorded no authorization for a step asks for none. From the first one on, whoever performs the step
must hold one that is valid on the day of the act, on the site's calendar (rules 2, 45; 21 CFR 1271.170).
"""

from __future__ import annotations

from collections import defaultdict
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import CheckConstraint, Index, Text, and_, func, select
from sqlalchemy.orm import Mapped, aliased, joinedload, relationship, selectinload

from clinic import clock, wording
from clinic.access import Role
from clinic.accounts.models import User, number_key
from clinic.errors import Problem, RuleBroken
from clinic.fields import field
from clinic.model import reference
from clinic.records import Meaning, Record

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from sqlalchemy.orm import Session

AUTHORIZES = frozenset({Role.QUALITY, Role.DIRECTOR})
"""Who gives and ends authorizations. The director too: a single member of quality staff cannot authorize herself."""
WARNED = timedelta(days=30)
"""How long before its last day an authorization is on the day's list, and how long after it while nobody renews it."""
TITLES: dict[str, str] = {}
"""The titles of the steps by name, filled in by the pathway: the table of the staff lies below the steps."""


class StaffAuthorization(Record):
    """One person may perform one step, from one day until another, both included.

    It is not amended: a wrong or an untimely one is ended with a reason, and another one is given.
    """

    KIND = "AU"
    NOUN = "Authorization"
    JUDGED = False
    HAPPENED = "Given at"
    DONE = "Given by"
    __table_args__ = (
        CheckConstraint("valid_until >= valid_from", name="days_in_order"),
        CheckConstraint("(ended_at IS NULL) = (ended_by_id IS NULL)", name="ended_by_somebody"),
        Index(None, "site_id", "valid_until"),
        Index(None, "site_id", "step"),
    )

    user_id: Mapped[str] = reference("user_account")
    step: Mapped[str] = field("Step", choices=TITLES, required=True, section="Authorization")
    valid_from: Mapped[date | None] = field(
        "First day", required=True, past=False, not_before=("performed_at",), section="Authorization", starts="now",
        hint="Not before the day on which it is given",
    )  # fmt: skip
    valid_until: Mapped[date | None] = field(
        "Last day", required=True, past=False, not_before=("valid_from",), section="Authorization",
        hint="Valid to the end of this day",
    )  # fmt: skip
    basis: Mapped[str | None] = field(
        "Training or assessment it is based on", Text, long=True, required=True, section="Authorization",
        hint="For example: training record and date, competence assessed by whom",
    )  # fmt: skip
    ended_at: Mapped[datetime | None] = field("Ended at", section="End")
    ended_by_id: Mapped[str | None] = reference("user_account", index=False)
    ended_reason: Mapped[str | None] = field("Reason for ending it", conditional=True, section="End")

    user: Mapped[User] = relationship("User", foreign_keys=[user_id])
    ended_by: Mapped[User | None] = relationship("User", foreign_keys=[ended_by_id])

    @classmethod
    def give(cls, user: User, *, by: User, at: datetime, **facts: Any) -> StaffAuthorization:
        """Return a new, signed authorization; the caller has just checked the password (law 5).

        Raises `RuleBroken` where ``by`` does not authorize staff, is the same person, or the person does not work here.
        """
        _refuse_giver(by, user)
        facts.setdefault("performed_at", at)
        made = cls.log(by=by, at=at, performed_by=by, user=user, user_id=user.id, **facts)
        made.sign(by=by, at=at, meaning=Meaning.APPROVAL)
        return made

    def end(self, *, by: User, at: datetime, reason: str) -> None:
        """End it now, with a reason; what was done before stays authorized. The password was just checked."""
        if by.role not in AUTHORIZES:
            raise RuleBroken("Quality staff or the medical director end an authorization.")
        if self.ended_at is not None:
            raise RuleBroken("This authorization is ended already.")
        if not reason.strip():
            raise RuleBroken(Problem("Reason: required", "reason"))
        self.ended_at, self.ended_by, self.ended_by_id, self.ended_reason = at, by, by.id, reason.strip()
        self.check(at=at)
        self.sign(by=by, at=at, meaning=Meaning.APPROVAL)

    def is_of(self, person: User) -> bool:
        """Whether it is a person's: of this account, or of another one that is known to be hers or his.

        Accounts that only share a name do not count here: nobody is authorized by a namesake's training.
        """
        if person.id == self.user_id:
            return True
        mine, its = person.person_id or person.id, self.user.person_id or self.user.id
        number = number_key(person.staff_number)
        return mine == its or (bool(number) and number == number_key(self.user.staff_number))

    def valid_at(self, moment: datetime) -> bool:
        """Whether it covers a moment: its first and last day count whole, the end of it counts at once."""
        if not self.signed or self.valid_from is None or self.valid_until is None:
            return False
        on_time = self.valid_from <= self.local_day(moment) <= self.valid_until
        return on_time and (self.ended_at is None or moment < self.ended_at)

    @property
    def asked_from(self) -> date:
        """From which day on it makes its step ask: the first day on which it is valid or recorded."""
        recorded = self.local_day(self.recorded_at)
        return min(self.valid_from or recorded, recorded)

    @property
    def title(self) -> str:
        """The title of its step."""
        return TITLES.get(self.step, self.step)

    def headline(self) -> str:
        return f"{self.title}, {self.user.printed_name}, until {wording.day(self.valid_until)}"


def _refuse_giver(by: User, user: User) -> None:
    """Refuse who gives no authorizations, who gives one to herself or himself, and a person who cannot act here."""
    if by.role not in AUTHORIZES:
        raise RuleBroken("Quality staff or the medical director authorize staff.")
    if by.is_same_person(user):
        raise RuleBroken("Nobody authorizes herself or himself. Ask another member of quality staff or the director.")
    if by.site_id != user.site_id or not user.active:
        raise RuleBroken(f"{user.printed_name} has no access to this clinic. An administrator can give it back.")


Known = dict[str, list[StaffAuthorization]]
"""Signed authorizations by the step that they are for."""


def known_for(session: Session, steps: Collection[str], *, site_id: str) -> Known:
    """Return the signed authorizations of a site for some steps; one statement where there are none."""
    chosen = select(StaffAuthorization).where(
        StaffAuthorization.site_id == site_id, StaffAuthorization.step.in_(sorted(steps))
    )
    read = chosen.options(joinedload(StaffAuthorization.user), selectinload(StaffAuthorization.signatures))
    found: Known = defaultdict(list)
    for one in session.scalars(read.order_by(StaffAuthorization.valid_until, StaffAuthorization.id)):
        if one.signed:
            found[one.step].append(one)
    return found


def why_not(known: Iterable[StaffAuthorization], person: User, at: datetime, *, zone: str) -> str:
    """Return why a person may not perform a step at a moment; empty: may, or the site did not ask for it yet.

    ``known``: all signed authorizations of the site for that step.
    """
    all_of_step, on = list(known), clock.day(at, zone)
    if not any(one.asked_from <= on for one in all_of_step):
        return ""
    own = [one for one in all_of_step if one.is_of(person)]
    if any(one.valid_at(at) for one in own):
        return ""
    title, name = all_of_step[0].title, person.printed_name
    help_is = WHO_HELPS.format(act="renew it" if own else "give one", name=name)
    return f"{_lack(own, name, title, on)} {help_is}"


WHO_HELPS = "Quality staff can {act} under Staff, on the page of {name}; or an authorized person does the step."


def _lack(own: list[StaffAuthorization], name: str, title: str, on: date) -> str:
    """Return in a sentence what a person lacks on a day: the end that came last before it tells most."""
    before = [one for one in own if one.valid_from is not None and one.valid_from <= on]
    if not before:
        first = min((one.valid_from for one in own if one.valid_from), default=None)
        if first is None:
            return f"{name} has no authorization for {title}, which this clinic asks for."
        return f"{name} is authorized for {title} only from {wording.day(first)}, not on {wording.day(on)}."
    last = before[-1]
    if last.ended_at is not None and last.local_day(last.ended_at) <= (last.valid_until or on):
        ended = wording.day(last.local_day(last.ended_at))
        return f"{name} is no longer authorized for {title}: it was ended on {ended} ({last.ended_reason})."
    until = wording.day(last.valid_until)
    return f"{name} is not authorized for {title} on {wording.day(on)}: the authorization expired on {until}."


def staff_and_expiring(session: Session, user: User, on: date, *beside: Any) -> list[Any]:
    """Return the staff of a user's site by name, each with what expires of hers or his; one statement.

    A row has id, printed name, role and whether active, ``person_id`` and ``beside``, and of one authorization
    ``authorization_id``, ``step``, ``valid_until`` and ``next_from``: the first day of a later one, None where there is
    none. A person with two that expire has two rows, with none a row without one.
    """
    later = aliased(StaffAuthorization)
    next_from = select(func.min(later.valid_from)).where(
        later.user_id == StaffAuthorization.user_id, later.step == StaffAuthorization.step,
        later.ended_at.is_(None), later.valid_until > StaffAuthorization.valid_until,
    )  # fmt: skip
    soon = and_(
        StaffAuthorization.user_id == User.id, StaffAuthorization.ended_at.is_(None), User.active,
        StaffAuthorization.valid_until.between(on - WARNED, on + WARNED),
    )  # fmt: skip
    chosen = select(
        User.id, User.printed_name, User.role, User.active, User.person_id, *beside,
        StaffAuthorization.id.label("authorization_id"), StaffAuthorization.step, StaffAuthorization.valid_until,
        next_from.scalar_subquery().label("next_from"),
    ).outerjoin(StaffAuthorization, soon)  # fmt: skip
    order = (User.printed_name, User.id, StaffAuthorization.valid_until, StaffAuthorization.id)
    return list(session.execute(chosen.where(User.site_id == user.site_id).order_by(*order)))


def expiring(rows: Iterable[Any], user: User) -> list[Any]:
    """Return the rows of `staff_and_expiring` that a person is warned of, the first to expire first.

    Quality staff see those of the site, everybody else their own. What goes on the day after is renewed; with a day in
    between it is not.
    """
    return sorted(
        (
            row
            for row in rows
            if row.valid_until is not None
            and (row.next_from is None or row.next_from > row.valid_until + timedelta(days=1))
            and (user.role in AUTHORIZES or is_own(row, user))
        ),
        key=lambda row: (row.valid_until, row.printed_name, row.authorization_id),
    )


def is_own(row: Any, user: User) -> bool:
    """Whether a row of the staff is an account of the user's person."""
    return (row.person_id or row.id) == (user.person_id or user.id)


def of_person(session: Session, user: User) -> list[StaffAuthorization]:
    """Return the authorizations of a person's account, the last one given first."""
    chosen = select(StaffAuthorization).where(StaffAuthorization.user_id == user.id)
    read = chosen.options(selectinload(StaffAuthorization.signatures), joinedload(StaffAuthorization.user))
    return list(session.scalars(read.order_by(StaffAuthorization.recorded_at.desc(), StaffAuthorization.id)))


def state(one: StaffAuthorization, on: date) -> tuple[str, str, str]:
    """Return the tag of an authorization on a day: kind, icon, word."""
    if one.ended_at is not None:
        return ("rest", "x", "Ended")
    if one.valid_from is not None and one.valid_from > on:
        return ("wait", "hourglass", f"From {wording.day(one.valid_from)}")
    if one.valid_until is None or one.valid_until < on:
        return ("danger", "alert-octagon", "Expired")
    if one.valid_until <= on + WARNED:
        return ("wait", "hourglass", f"{wording.days((one.valid_until - on).days)} left")
    return ("ok", "check", "Valid")
