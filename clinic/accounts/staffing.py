"""Who works here: adding a person, ending and renewing access, the one-time link to set a password.

Accounts are never deleted, and passwords are never shared: an administrator hands over a one-time link.
Every change of an account ends its sessions.
"""

from __future__ import annotations

import hashlib
import re
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from flask import current_app, url_for
from flask_security.proxies import _security
from flask_security.utils import hash_password
from itsdangerous import BadSignature, URLSafeTimedSerializer
from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

from clinic.access import Role
from clinic.accounts.identity import alike, settle
from clinic.accounts.models import SignIn, Site, User, new_uniquifier
from clinic.accounts.throttle import forget_failures, waits_until
from clinic.errors import RuleBroken
from clinic.extensions import write_from_here

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

VALID = timedelta(hours=24)
LEAST, MOST = 15, 256
"""Characters of a password without a second factor (ASVS 5.0, 6.2.1 and 6.2.9)."""
VARIED = 6
"""How many different characters it holds at least: no row of one letter."""
OURS = ("cellcourse", "password")
MAIL = re.compile(r"[^@\s,;<>]{1,64}@[^@\s,;<>]{1,180}\.[^@\s,;<>.]{2,}")


def add(  # noqa: PLR0913 - the facts of one person, by name
    session: Session, *, by: User | None, name: str, email: str, role: Role, site: Site, staff_number: str = "",
    same: str = "", why: str = "",
) -> User:  # fmt: skip
    """Add a person to a site, without a password: `one_time_link` is how one is set.

    ``by`` None is the command line, which may add the first administrator. Raises `RuleBroken` where the name or
    address cannot be one, or the address is used, and `SamePerson` where an account has the same name or staff number
    and ``same`` ("yes" or "no", with the reason ``why``) does not say whether it is the same person. The command line
    asks nothing: accounts of one name count as one person until an administrator tells them apart.
    """
    name, email = " ".join(name.split()), email.strip().casefold()
    _only_administrators(by, site.id)
    if len(name) < 2:
        raise RuleBroken("Enter the person's name as printed beside a signature.")
    if not MAIL.fullmatch(email):
        raise RuleBroken(f"“{email}” is not an e-mail address.")
    user = User(site_id=site.id, site=site, printed_name=name, email=email, role=role)
    user.staff_number = " ".join(staff_number.split()) or None
    with session.no_autoflush:
        found = alike(session, user)
    if by is not None or same:
        settle(user, found, same=same, why=why)
    session.add(user)
    try:
        session.flush()
    except IntegrityError as fault:
        raise RuleBroken(f"{email} is already used by an account. One person has one account.") from fault
    return user


def identify(  # noqa: PLR0913 - the answer of one form
    session: Session, *, by: User, user: User, staff_number: str, same: str, why: str
) -> None:
    """Set a person's staff number, and say whether accounts of the same name or number are the same person's."""
    _only_administrators(by, user.site_id)
    number = " ".join(staff_number.split()) or None
    with session.no_autoflush:
        user.staff_number, user.person_id, user.told_apart = number, None, None
        settle(user, alike(session, user), same=same, why=why)


def disable(session: Session, *, by: User | None, user: User, at: datetime) -> None:
    """End a person's access at once; what she or he signed stays as it is (R8)."""
    _only_administrators(by, user.site_id)
    if not user.active:
        raise RuleBroken(f"{user.printed_name} already has no access.")
    if by is not None and by.id == user.id:
        raise RuleBroken("You cannot end your own access. Ask another administrator.")
    if user.role is Role.ADMINISTRATOR and not _other_administrators(session, user):
        raise RuleBroken(f"{user.printed_name} is the last administrator of this clinic. Add another one first.")
    user.active = False
    end_sessions(session, user=user, at=at)


def enable(session: Session, *, by: User | None, user: User, at: datetime) -> None:
    """Give a person access again."""
    _only_administrators(by, user.site_id)
    if user.active:
        raise RuleBroken(f"{user.printed_name} already has access.")
    user.active = True
    end_sessions(session, user=user, at=at)


def reset(session: Session, *, by: User | None, user: User, at: datetime) -> None:
    """Forget a password: nobody signs in with it any more, and a one-time link sets the next one."""
    _only_administrators(by, user.site_id)
    if not user.active:
        raise RuleBroken(f"{user.printed_name} has no access. Give it back first.")
    if by is not None and user.role is Role.ADMINISTRATOR and not _other_administrators(session, user):
        raise RuleBroken(
            f"{user.printed_name} is the last administrator of this clinic who can sign in, and the link would be the"
            " only way back. Add another one first, or use clinic user reset on the server."
        )
    user.password = None
    forget_failures(session, user)
    end_sessions(session, user=user, at=at)


def allow_sign_in(session: Session, *, by: User | None, user: User, at: datetime) -> None:
    """Forget the wrong passwords that were tried with an account, so that its owner does not have to wait."""
    _only_administrators(by, user.site_id)
    if waits_until(session, user, at=at) is None:
        raise RuleBroken(f"{user.printed_name} does not have to wait. Nothing keeps this account from signing in.")
    forget_failures(session, user)
    user.unlocked_at = at


def end_sessions(session: Session, *, user: User, at: datetime) -> None:
    """Sign a person out everywhere, from the next request on; links made before no longer work."""
    user.fs_uniquifier = new_uniquifier()
    session.execute(update(SignIn).where(SignIn.user_id == user.id, SignIn.ended_at.is_(None)).values(ended_at=at))


def one_time_link(user: User) -> str:
    """Return the path on which this person sets a password: valid for 24 hours, until it is used or access changes."""
    return url_for("accounts.welcome", token=_signer().dumps([user.id, _bound(user)]))


def bearer(session: Session, token: str) -> User | None:
    """Return whose one-time link this is, None where it is forged, old or used."""
    try:
        user_id, bound = _signer().loads(token, max_age=int(VALID.total_seconds()))
    except (BadSignature, ValueError, TypeError):
        return None
    user = session.scalar(select(User).where(User.id == user_id)) if isinstance(user_id, str) else None
    return user if user is not None and user.active and bound == _bound(user) else None


def set_password(session: Session, *, user: User, password: str, at: datetime) -> None:
    """Set a password that its owner chose; raises `RuleBroken` with every reason against it.

    The work of hashing is done before the write lock is taken; a link that was used meanwhile is refused.
    """
    chosen = normal(password)
    problems = password_problems(chosen, user)
    if problems:
        raise RuleBroken(" ".join(problems))
    hashed, bound = hash_password(chosen), _bound(user)
    write_from_here(session)
    if _bound(user) != bound:
        raise RuleBroken("This account was changed a moment ago. Ask an administrator for a new link.")
    user.password = hashed
    forget_failures(session, user)
    end_sessions(session, user=user, at=at)


def normal(password: str) -> str:
    """Return a password in the one spelling of its characters that the sign-in form uses."""
    return _security._password_util.normalize(password)  # noqa: SLF001 - there is no public name for it


def password_problems(password: str, user: User) -> list[str]:
    """Return what is wrong with a password, a sentence each (ASVS 5.0, 6.2)."""
    found, folded = [], re.sub(r"[\W_]", "", password.casefold())
    if len(password) < LEAST:
        found.append(f"Use {LEAST} characters or more; a sentence of a few words is easy to keep.")
    if len(password) > MOST:
        found.append(f"Use {MOST} characters or fewer.")
    if len(set(password)) < VARIED:
        found.append(f"Use {VARIED} different characters or more.")
    own = [*user.printed_name.casefold().split(), *re.split(r"[\W_]", user.email.partition("@")[0])]
    if any(len(word) > 3 and word.casefold() in folded for word in own):
        found.append("It must not contain your name or e-mail address.")
    if any(word in folded for word in OURS):
        found.append("It must not contain the name of this program or the word password.")
    return found


def _only_administrators(by: User | None, site_id: str) -> None:
    if by is not None and (by.role is not Role.ADMINISTRATOR or by.site_id != site_id or not by.active):
        raise RuleBroken("Only an administrator of this clinic changes its staff.")


def _other_administrators(session: Session, user: User) -> bool:
    others = select(User.id).where(
        User.site_id == user.site_id,
        User.role == Role.ADMINISTRATOR,
        User.active.is_(True),
        User.id != user.id,
        User.password.is_not(None),  # who was only invited cannot let anybody in yet
    )
    return session.scalar(others.limit(1)) is not None


def _bound(user: User) -> str:
    return hashlib.sha256(f"{user.fs_uniquifier}{user.password or ''}".encode()).hexdigest()[:32]


def _signer() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(str(current_app.secret_key), salt="cellcourse welcome")
