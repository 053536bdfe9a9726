"""E-mail that says only how many notices wait: no name, no number, nothing about a patient (ASVS 14.2.1).

It is sent by the sweep, outside any request, and only where ``CLINIC_SMTP_HOST`` is set. A mail that fails is tried
again by a later sweep; the log names the kind of fault, never an address or a password.
"""

from __future__ import annotations

import logging
import smtplib
import ssl
from collections import defaultdict
from datetime import datetime, timedelta
from email.message import EmailMessage
from typing import TYPE_CHECKING

from sqlalchemy import or_, select

from clinic.accounts.models import User
from clinic.notices import Notice, NoticeMail
from clinic.reading import reading

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy.orm import Session

    from config import Smtp

TIMEOUT = 10
"""Seconds for which a mail server may be silent."""
RECENT, AGAIN, MOST_TRIES = timedelta(days=1), timedelta(minutes=10), 5
"""Older notices are not mailed about; a mail that failed is tried again after so long, and so often in all."""
AT_ONCE = 500
log = logging.getLogger(__name__)


def send_waiting(session: Session, smtp: Smtp | None, at: datetime, public_url: str) -> int:
    """Mail everybody who has new unread notices, one mail each; return how many mails were sent. Commits."""
    if smtp is None:
        return 0
    with reading():
        waiting = _waiting(session, at)
        session.rollback()
    sent = 0
    for email, ids in waiting.items():
        _claim(session, ids, at)
        fault = _fault_of_sending(smtp, message(smtp.sender, email, len(ids), public_url))
        if fault is not None:
            log.warning("a mail about notices was not sent and will be tried again: %s", type(fault).__name__)
            if not isinstance(fault, smtplib.SMTPRecipientsRefused):
                break  # the server is away: the others would wait for it one after another
            continue
        for row in session.scalars(select(NoticeMail).where(NoticeMail.notice_id.in_(ids))):
            row.sent_at = at
        session.commit()
        sent += 1
    return sent


def _waiting(session: Session, at: datetime) -> dict[str, list[str]]:
    """Return the ids of the notices to mail about, by the address of whom they are for."""
    again = NoticeMail.sent_at.is_(None) & (NoticeMail.tried_at < at - AGAIN) & (NoticeMail.tries < MOST_TRIES)
    chosen = (
        select(User.email, Notice.id)
        .join(User, User.id == Notice.user_id)
        .join(NoticeMail, NoticeMail.notice_id == Notice.id, isouter=True)
        .where(Notice.read_at.is_(None), Notice.made_at > at - RECENT, User.active)
        .where(or_(NoticeMail.notice_id.is_(None), again))
        .limit(AT_ONCE)
    )
    found: dict[str, list[str]] = defaultdict(list)
    for email, notice_id in session.execute(chosen):
        found[email].append(notice_id)
    return found


def _claim(session: Session, ids: Iterable[str], at: datetime) -> None:
    """Write down the try before it is made: a program that dies in the middle sends no mail twice at once."""
    known = {row.notice_id: row for row in session.scalars(select(NoticeMail).where(NoticeMail.notice_id.in_(ids)))}
    for notice_id in ids:
        if notice_id in known:
            known[notice_id].tries, known[notice_id].tried_at = known[notice_id].tries + 1, at
        else:
            session.add(NoticeMail(notice_id=notice_id, tried_at=at, tries=1))
    session.commit()


def message(sender: str, to: str, count: int, public_url: str) -> EmailMessage:
    """Return the mail. It has nothing of the notices but their number."""
    waits = f"You have {count} new {'notice' if count == 1 else 'notices'} in Cellcourse"
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = sender, to, waits
    mail["Auto-Submitted"] = "auto-generated"
    where = f"\n{public_url.rstrip('/')}/notices\n" if public_url else ""
    mail.set_content(f"{waits}. Sign in to read {'it' if count == 1 else 'them'}.\n{where}")
    return mail


def _fault_of_sending(smtp: Smtp, mail: EmailMessage) -> Exception | None:
    """Send a mail; return what went wrong, None where nothing did."""
    try:
        with _server(smtp) as server:
            if smtp.user:
                server.login(smtp.user, smtp.password)
            server.send_message(mail)
    except (OSError, smtplib.SMTPException) as fault:
        return fault
    return None


def _server(smtp: Smtp) -> smtplib.SMTP:
    """Return the connection, encrypted unless the settings say otherwise."""
    if smtp.security == "tls":
        return smtplib.SMTP_SSL(smtp.host, smtp.port, timeout=TIMEOUT, context=ssl.create_default_context())
    server = smtplib.SMTP(smtp.host, smtp.port, timeout=TIMEOUT)
    if smtp.security == "starttls":
        try:
            server.starttls(context=ssl.create_default_context())
        except (OSError, smtplib.SMTPException):
            server.close()
            raise
    return server
