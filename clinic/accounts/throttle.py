"""Counts wrong passwords: for each account, each address and each open session, before they are judged.

An account has one counter for all the world and one for each place where its owner signed in during the last weeks, so
that strangers cannot keep staff out of the clinic. What was counted for an account is forgotten when its password is
set anew or an administrator allows it to sign in again.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from flask import g, request
from flask_login import current_user
from flask_security.proxies import _security
from sqlalchemy import delete, func, insert, select

from clinic.accounts.models import (
    THROTTLE_LOCK,
    THROTTLE_SLOW,
    THROTTLE_WINDOW,
    FailedSignIn,
    SignIn,
    User,
)
from clinic.extensions import db, writing
from clinic.identifiers import fingerprint

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement
    from sqlalchemy.orm import Session

PAUSE = timedelta(seconds=30)
SLACK = timedelta(minutes=2)
"""How far ahead a moment may be that a clock noted: those of several machines differ by less."""
SPRAYED = 10
"""From so many accounts on on which one address failed, it is slowed down."""
SPRAYED_AT_HOME, PEOPLE_AT_HOME = 20, 5
"""From so many tries on so many accounts on, all of people who sign in there, an address is slowed for these too.

A clinic has one address for all of its staff. Of forty people who begin their shift some four mistype once, so that a
busy ward stays far below; and tries on names of nobody there do not count, so that strangers who share the address (the
guests' network) do not stop the staff. Whoever tries one password on everybody is slowed with the twenty-first.
"""
KNOWN_FOR = timedelta(days=30)
"""How long an address counts as one from which a person signs in."""
PIECE = 500
"""Counters that one statement clears at most."""


class Wait(NamedTuple):
    """Whether a try is judged, and what is said about it, which is the same for accounts that exist and others."""

    rest: timedelta
    """How long the try has to wait; nothing where it was counted and is judged."""
    said: bool
    """Whether the answer says that there were too many tries."""


def _email(typed: str) -> str:
    """Return the one spelling of an e-mail address: all others of it are throttled with it."""
    try:
        return _security.mail_util.normalize(typed.strip()).casefold()
    except ValueError:
        return typed.strip().casefold()


def _account(typed: str) -> str:
    """Return the counter of the account that an address means."""
    return fingerprint(_email(typed))


def _everywhere(typed: str) -> list[str]:
    """Return all counters on which tries on a name may lie: for the world, and where its owner has signed in."""
    account, owner = _account(typed), func.lower(User.email) == _email(typed)
    places = select(SignIn.address).join(User, SignIn.user_id == User.id).where(owner).distinct()
    return [account, *(_at_place(account, _place(address)) for address in db.session.scalars(places))]


def _at_place(account: str, place: str) -> str:
    return fingerprint(f"{account} {place}")


def _place(address: str) -> str:
    """Return the fingerprint of a network address."""
    return fingerprint(f"from {address}")


def _here() -> str:
    return _place(request.remote_addr or "")


def _in_session(user_id: str, host_id: str) -> str:
    """Return the counter of a person's tries in open sessions; on a colleague's form, those of the two together.

    So nobody keeps a colleague from signing by typing wrong passwords as the second person.
    """
    return fingerprint(f"in a session {user_id}{'' if host_id == user_id else f' of {host_id}'}")


def in_this_session(user: User) -> str:
    """Return the counter of a person's tries in the session of whoever is signed in."""
    return _in_session(user.id, getattr(current_user, "id", user.id))


def _within_window(at: datetime) -> ColumnElement[bool]:
    """Return the condition on tries that count now; those of a clock that was ahead do not keep anybody out."""
    return FailedSignIn.at.between(at - THROTTLE_WINDOW, at + SLACK)


def _rest(last: datetime | None, pause: timedelta, at: datetime) -> timedelta:
    return max(timedelta(), (last or at) + pause - at)


def must_wait(session: Session, *keys: str, at: datetime) -> timedelta:
    """Return how long a next try on some counters together has to wait: 30 s after 5 failures, the rest after 10."""
    counted = select(func.count(), func.max(FailedSignIn.at)).select_from(FailedSignIn)
    tries, last = session.execute(counted.where(FailedSignIn.name_hash.in_(keys), _within_window(at))).one()
    if tries < THROTTLE_SLOW:
        return timedelta()
    return _rest(last, THROTTLE_WINDOW if tries >= THROTTLE_LOCK else PAUSE, at)


def _at_home(*, at: datetime) -> set[str]:
    """Return the counters of the accounts whose owners signed in from here in the last weeks."""
    since = SignIn.address == (request.remote_addr or ""), SignIn.began_at > at - KNOWN_FOR
    emails = db.session.scalars(select(User.email).join(SignIn, SignIn.user_id == User.id).where(*since).distinct())
    return {_account(email) for email in emails}


def _sprayed(*, at: datetime) -> timedelta:
    """Return how long a next try from here has to wait after tries on many accounts failed (password spraying)."""
    where = FailedSignIn.address_hash == _here(), _within_window(at)
    counted = func.count(FailedSignIn.name_hash.distinct()), func.max(FailedSignIn.at)
    tried, last = db.session.execute(select(*counted).where(*where)).one()
    return _rest(last, PAUSE, at) if tried >= SPRAYED else timedelta()


def _sprayed_at_home(known: set[str], *, at: datetime) -> timedelta:
    """Return how long somebody who signs in from here has to wait after many tries on people who do."""
    mine = {_at_place(account, _here()) for account in known}
    where = FailedSignIn.address_hash == _here(), _within_window(at)
    tried = db.session.execute(select(FailedSignIn.name_hash, FailedSignIn.at).where(*where)).all()
    moments = [one.at for one in tried if one.name_hash in mine]
    people = {one.name_hash for one in tried if one.name_hash in mine}
    many = len(moments) >= SPRAYED_AT_HOME and len(people) >= PEOPLE_AT_HOME
    return _rest(max(moments), PAUSE, at) if many else timedelta()


def failed(key: str, *, at: datetime, address: str | None = None) -> int:
    """Record a failed attempt; delete those that no longer count, so that the table stays small (R26)."""
    near = FailedSignIn.at.between(at - 2 * THROTTLE_WINDOW, at + SLACK)
    db.session.execute(delete(FailedSignIn).where(~near))
    row = insert(FailedSignIn).values(name_hash=key, address_hash=address, at=at)
    return db.session.execute(row.returning(FailedSignIn.key)).scalar_one()


def _one_after_another(*keys: str) -> None:
    """Let no other try on these counters be counted until this one is: SQLite has one writer at a time anyway."""
    if db.session().get_bind().dialect.name != "sqlite":
        for key in sorted(keys):
            db.session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(key, 0))))


def count_try(email: str, *, at: datetime) -> Wait:
    """Count a try as failed before it is judged, so that many at once gain nothing; success takes it back.

    One that has to wait is neither counted nor judged. What is said depends on tries alone, wherever they lie, so that
    nobody learns from it who works here.
    """
    with writing(db.session()):
        account, here, known = _account(email), _here(), _at_home(at=at)
        place = _at_place(account, here)
        _one_after_another(account, place, here)
        key = place if account in known else account
        around = _sprayed(at=at)
        slowed = _sprayed_at_home(known, at=at)
        rest = must_wait(db.session(), key, at=at) or (slowed if account in known else around)
        if not rest:
            g.counted_try = failed(key, at=at, address=here)
        said = must_wait(db.session(), *_everywhere(email), at=at) or around or slowed
        db.session.commit()
    return Wait(rest, bool(said))


def _counters(session: Session, user: User) -> list[str]:
    """Return every counter of an account: for the world, where its owner signed in, and in open sessions."""
    account = _account(user.email)
    places = session.scalars(select(SignIn.address).where(SignIn.user_id == user.id).distinct())
    hosts = session.scalars(select(User.id).where(User.site_id == user.site_id))
    return [
        account,
        *(_at_place(account, _place(address)) for address in places),
        *(_in_session(user.id, host) for host in {*hosts, user.id}),
    ]


def waits_until(session: Session, user: User, *, at: datetime) -> datetime | None:
    """Return until when an account has to wait, on the counter on which it waits longest; None where it does not."""
    window = select(FailedSignIn.name_hash).where(_within_window(at)).distinct()
    tried = set(session.scalars(window)) & set(_counters(session, user))
    rests = [rest for key in tried if (rest := must_wait(session, key, at=at))]
    return at + max(rests) if rests else None


def forget_failures(session: Session, user: User) -> None:
    """Forget all wrong passwords of an account."""
    keys = _counters(session, user)
    for start in range(0, len(keys), PIECE):
        session.execute(delete(FailedSignIn).where(FailedSignIn.name_hash.in_(keys[start : start + PIECE])))
