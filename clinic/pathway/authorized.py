"""Whoever performs a step holds an authorization for it that is valid on the day of the act (rules 2, 45).

Asked at every commit of what was written in it: by a form, by an amendment, by a signature of a second person. What is
copied from paper has happened and is kept: it is marked, and quality is asked to review it, as with every check that
it would have failed (hazard H37). The history that is imported is not asked.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import select

from clinic.access import Role
from clinic.accounts.authorizations import known_for, why_not
from clinic.accounts.models import User
from clinic.errors import Problem, RuleBroken, naming
from clinic.pathway.order import current
from clinic.record_kinds import parts_of
from clinic.records import Meaning, Origin, Record, Signature
from clinic.requests import acts

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from clinic.accounts.authorizations import Known
    from clinic.ledger.listener import Written
    from clinic.steps import Pathway

ACTS = frozenset({Meaning.VERIFICATION, Meaning.RELEASE})
"""Signatures that are an act of the step: the second person's check, and the release. The others vouch for a record."""


class Act(NamedTuple):
    """What one person did in a step, at which moment; ``fact`` names the person in the record, ``rule`` asks for it."""

    record: Record
    step: str
    person_id: str
    at: datetime
    fact: str
    rule: int


def mark_or_refuse(session: Session, changed: dict[str, Written], at: datetime) -> bool:
    """Raise `RuleBroken` for acts that were written now by somebody who is not authorized; mark those from paper.

    Return whether anything was marked, which the caller has to flush.
    """
    steps = _steps(current())
    found = [act for act in _written(session, changed, steps) if act.record.origin is Origin.CLINIC]
    if not found:
        return False
    site_id = found[0].record.site_id
    asked = {step for act in found for step in (act.step, *act.record.QUALIFIED_FOR)}
    known = known_for(session, asked, site_id=site_id)
    if not known:
        return False
    lacking = [(act, said) for act in found if (said := _lack(session, act, known))]
    refused = [(act, said) for act, said in lacking if act.record.paper is None]
    if refused:
        raise RuleBroken(*dict.fromkeys(Problem(said, act.fact, rule=act.rule) for act, said in refused))
    marked = [_marked(session, act, said, at) for act, said in lacking]
    return any(marked)


@cache
def _beside() -> dict[type[Record], str]:
    """Return the kinds of records that are no record of a step, with the step for which one must be authorized."""
    every = {mapper.class_ for mapper in Record.registry.mappers if issubclass(mapper.class_, Record)}
    return {kind: kind.QUALIFIED_FOR[0] for kind in every if kind.QUALIFIED_FOR}


@cache
def _deciding(kind: type[Record]) -> frozenset[str]:
    """Return the facts of a kind on which it depends whose authorization is asked, and of which day."""
    condition = {kind.QUALIFIED_IF[0]} if kind.QUALIFIED_IF is not None else set()
    return frozenset({"performed_at", *dict(kind.QUALIFIED), *condition})


@cache
def _steps(pathway: Pathway) -> dict[type[Record], str]:
    """Return the kinds of records whose people must be authorized, with the step that they belong to."""
    return _beside() | {
        kind: step.name
        for step in pathway
        for owner in step.records
        for kind in (owner, *parts_of(owner))
        if issubclass(kind, Record) and kind.QUALIFIED
    }


def _written(session: Session, changed: dict[str, Written], steps: dict[type[Record], str]) -> list[Act]:
    """Return the acts among what was written: new ones, and those whose moment, person or decision was corrected."""
    found: list[Act] = []
    for row_id, one in changed.items():
        if one.model is Signature and one.columns is None:
            found += _signed(session, row_id, steps)
        elif (
            issubclass(one.model, Record)
            and one.model in steps
            and (one.columns is None or not _deciding(one.model).isdisjoint(one.columns))
        ):
            record = session.get(one.model, row_id)
            if record is not None and record.needs_authorization and record.performed_at is not None:
                found += [
                    Act(record, steps[one.model], person_id, record.performed_at, fact, rule)
                    for fact, rule in one.model.QUALIFIED
                    if (person_id := getattr(record, fact))
                ]
    return found


def _signed(session: Session, row_id: str, steps: dict[type[Record], str]) -> list[Act]:
    """Return the act that a signature is; who is named in the record was asked about at the moment of the act."""
    signature: Any = session.get(Signature, row_id)
    kinds = {kind.__tablename__: kind for kind in steps}
    if signature is None or signature.meaning not in ACTS or signature.record not in kinds:
        return []
    kind = kinds[signature.record]
    record = session.get(kind, signature.record_id)
    if record is None:
        return []
    named = {getattr(record, fact) for fact, _rule in kind.QUALIFIED}
    second = signature.meaning is Meaning.VERIFICATION
    if not record.needs_authorization or (second and signature.signed_by_id in named):
        return []
    rule = max(dict(kind.QUALIFIED).values())
    return [Act(record, steps[kind], signature.signed_by_id, signature.signed_at, "password", rule)]


def _lack(session: Session, act: Act, known: Known) -> str:
    person = session.get(User, act.person_id)
    if person is None:
        return ""
    others = [one for step in act.record.QUALIFIED_FOR[1:] for one in known[step]]
    if any(one.is_of(person) and one.valid_at(act.at) for one in others):
        return ""
    return why_not(known[act.step], person, act.at, zone=act.record.zone)


def _marked(session: Session, act: Act, said: str, at: datetime) -> bool:
    """Keep with a record from paper that the person was not authorized, and ask quality to review it."""
    record, named = act.record, naming(said, act.rule)
    by = session.scalar(select(User).where(User.id == session.info.get("actor_id", "")))
    if named in record.not_permitted or by is None:
        return False
    record.paper = {**(record.paper or {}), "then": [*record.not_permitted, named]}
    text = f"Copied from paper. When it happened, the system would have refused it: {named}"
    acts.ask(session, record, of=Role.QUALITY, by=by, at=at, kind="review", text=text)
    return True
