"""The movements of a container: the chain of custody, and what each one says against the container."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, ClassVar

from sqlalchemy import inspect
from sqlalchemy.orm import Mapped, relationship

from clinic.access import Role
from clinic.errors import Problem, Question, RuleBroken
from clinic.fields import Range, field, plain
from clinic.model import reference
from clinic.patients.doubted import kept_moment, moved, starts
from clinic.products.damage_words import NOTED, tells_of_damage
from clinic.products.refreezing import refrozen
from clinic.records import Meaning, Record
from clinic.wording import moment as in_words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime

    from clinic.accounts.models import User
    from clinic.records import Amendment, Signature

MOVEMENTS = {
    "received": "Received",
    "stored": "Stored",
    "assigned": "Assigned",
    "unassigned": "Returned to the bank",
    "issued": "Issued",
    "handed_over": "Handed over",
    "returned": "Returned",
    "thawed": "Thawed",
    "shipped": "Shipped",
    "given": "Given",
    "not_given": "Start voided, not given",
    "remainder": "Remainder in the laboratory",
    "discarded": "Discarded",
}


NO_PLACES = frozenset({"assigned", "unassigned", "given", "not_given"})
"""Movements whose place is a number of the chain of identity: they say whose the container is, not where it lies."""
MEASURED = frozenset({"received", "stored", "returned", "shipped"})
"""Movements that say how warm the container was; where the protocol has a range, an empty one cannot be judged."""
AWAY = frozenset({"issued", "handed_over", "shipped"})
"""Movements after which a container is outside the laboratory: it comes back as returned, with the checks."""
STAYS_AWAY = frozenset({"handed_over", "thawed", "discarded", "given", "not_given", "remainder", "returned"})
"""What may be recorded of a container that is outside the laboratory (rule 60)."""
WARMEST = 37
"""°C above which cells are damaged on the way, whatever the protocol says [site default]."""

ASKED_OF_A_THAW: list[Callable[[Any], list[Question]]] = []
"""What a later room asks of a container that is about to be thawed: it adds its own function."""


class Movement(Record):
    """One hand-over of a product: the chain of custody, only ever added to."""

    KIND = "MV"
    NOUN = "Movement"
    DONE, QUALIFIED, QUALIFIED_FOR = "Moved by", (("performed_by_id", 0),), ("processing", "release")
    QUALIFIED_IF = ("kind", frozenset({"received", "stored", "issued", "shipped"}))
    thawed_in_run: ClassVar[list[Callable[[Any], datetime | None]]] = []

    product_id: Mapped[str] = reference("product")
    kind: Mapped[str] = field("Movement", choices=MOVEMENTS, required=True)
    place: Mapped[str | None] = field("Place", hint="Room, tank, shelf, box, position")
    handed_to: Mapped[str | None] = field("Handed to", conditional=True)
    temperature: Mapped[Decimal | None] = field("Temperature", unit="°C", possible=Range(-200, 60), conditional=True)
    intact: Mapped[bool | None] = field("Container intact, label correct", conditional=True)
    reason: Mapped[str | None] = field("Reason", conditional=True)

    product: Mapped[Any] = relationship("Product", back_populates="movements")

    def problems(self, *, at: datetime) -> list[str]:
        """Also: a container that is thrown away, or comes in broken, says why."""
        found = super().problems(at=at)
        if self.kind in {"discarded", "unassigned"} and not self.reason:
            said = "discarding it" if self.kind == "discarded" else "returning it to the bank"
            found.append(Problem(f"Give the reason for {said}.", "reason"))
        if self.intact is False and not self.reason:
            found.append("Describe what is wrong with the container or label.")
        if self.kind == "returned" and self.intact is None and self.origin == "clinic":
            found.append(
                Problem("Record whether the container came back intact with a correct label.", "intact", rule=60)
            )
        if self.kind == "received" and self.intact is None and self.origin == "clinic":
            found.append(
                Problem("Record whether the container arrived intact with a correct label.", "intact", rule=34)
            )
        if self.kind in {"issued", "handed_over"} and not self.handed_to and self.origin == "clinic":
            found.append("Enter who received it.")
        return found

    def questions(self) -> list[Question]:
        """Also: whether a second container is thawed while another one waits, see `ASKED_OF_A_THAW`."""
        new = self.kind == "thawed" and self.origin == "clinic" and not inspect(self).persistent
        found = [one for ask in ASKED_OF_A_THAW if new for one in ask(self)]
        if self.intact and self.noted_damage:
            said = (
                f"Recorded as intact, and the reason tells of damage: “{self.reason}”. Is it intact, its label correct?"
            )
            found.append(Question("intact", said, "If not, choose No. Quality decides in either case.", rule=34))
        return super().questions() + found

    @property
    def noted_damage(self) -> bool:
        """Whether its reason tells of damage, or did before a correction, whatever was recorded of the container."""
        said = [self.reason, *(one.changes["reason"][0] for one in self.amendments if "reason" in one.changes)]
        return self.kind in NOTED and any(tells_of_damage(one) for one in said)

    @property
    def not_applicable(self) -> frozenset[str]:
        """When it was: only of a thaw, whose clock the cells follow; another movement is recorded once more."""
        return frozenset() if self.kind == "thawed" else frozenset({"performed_at"})

    def critical_corrections(self) -> list[Amendment]:
        """Return the corrections that put a thaw to later, so that the cells would last longer (rules 50, 54)."""
        return [one for one in self.amendments if self.kind == "thawed" and _later(one.changes.get("performed_at"))]

    def amend(
        self, facts: Mapping[str, Any] | None = None, /, *, by: User, at: datetime, reason: str, **changes: Any
    ) -> Amendment:
        """Correct a fact; the cells follow a corrected thaw, to later only once a second person has signed."""
        changes |= facts or {}
        if self.kind == "thawed":
            self._refuse_moment(changes.get("performed_at"))
        amendment = super().amend(changes, by=by, at=at, reason=reason)
        self._settle()
        return amendment

    def _refuse_moment(self, moment: datetime | None) -> None:
        """Refuse a thaw before the freezing, or after the container was given or thrown away (rules 54, 69)."""
        if moment is None or moment == self.performed_at:
            return
        gone = [one.performed_at for one in self.product.movements if one.kind in {"given", "discarded"}]
        end, frozen = min((one for one in gone if one is not None), default=None), self.product.frozen_at
        if frozen is not None and moment < frozen:
            raise RuleBroken(
                Problem(f"Thawed before it was frozen, at {in_words(frozen, self.zone)}.", "performed_at", rule=69)
            )
        if end is not None and moment > end:
            what = f"Thawed after it was given or discarded, at {in_words(end, self.zone)}."
            raise RuleBroken(Problem(what, "performed_at", rule=54))

    def sign(self, *, by: User, at: datetime, meaning: Meaning = Meaning.AUTHORSHIP) -> Signature:
        """Sign; of a thaw that was corrected the cells follow what is confirmed by that."""
        signature = super().sign(by=by, at=at, meaning=meaning)
        self._settle()
        return signature

    def _settle(self) -> None:
        if self.kind == "thawed" and self.amendments and self.product is not None:
            settle_thaw(self.product)

    @property
    def thaws(self) -> list[datetime]:
        """When it thawed the cells, and when before corrections to later that no second person has signed."""
        waits = {one.id for one in self.critical_corrections()}
        before = [one for one in starts(self) if one != self.performed_at] if waits else []
        return [*([self.performed_at] if self.performed_at is not None else []), *before]

    @property
    def damage(self) -> str:
        """What it says against the container: damaged, wrongly labeled, out of its storage range; empty: nothing.

        A correction does not take it back: a container that somebody called damaged is decided on by quality. A
        temperature that nobody recorded cannot be judged, so it counts as out of range (rules 34, 48).
        """
        earlier = [(name, said[0]) for one in self.amendments for name, said in one.changes.items()]
        allowed = self.product.storage_range(self.performed_at) if self.product is not None else None
        if any((name == "intact" and said is False) or _outside(name, said, allowed) for name, said in earlier):
            return f"{self.headline()}: recorded as damaged or out of its temperature range, and corrected later."
        if self.intact is False:
            return f"{self.headline()}: not intact or wrongly labeled ({self.reason or 'no reason recorded'})."
        noted = f"{self.headline()}: {'recorded as intact, but noted' if self.intact else 'noted'}: {self.reason}."
        if said := refrozen(self) or (noted if self.noted_damage else ""):
            return said
        if self.temperature is not None and _outside("temperature", self.temperature, allowed):
            limit = f"; the protocol's range is {allowed} °C" if allowed is not None else ""
            return f"{self.headline()} at {plain(self.temperature)} °C{limit}."
        if self.temperature is None and allowed is not None and self.kind in MEASURED and self.origin == "clinic":
            return f"{self.headline()}: no temperature recorded; the protocol's range is {allowed} °C."
        return ""

    @property
    def unauthorized(self) -> str:
        """That it came back, and quality has not signed that it may be issued again (rule 60); empty: nothing waits.

        Whatever the movement is called: received, stored or issued after it had left is a return without its checks.
        """
        if self.origin != "clinic" or not self.comes_back:
            return ""
        if any(signature.role == Role.QUALITY.value for signature in self.present_signatures):
            return ""
        return f"{self.headline()}: quality has not authorized a new issue after the return."

    @property
    def comes_back(self) -> bool:
        """Whether it brought a container back that had left the laboratory; a first receipt after transport does not.

        A container that was handed over or shipped on its way to the laboratory has not left it yet.
        """
        if self.kind == "returned":
            return True
        if self.kind not in {"received", "stored", "issued"} or self.product is None:
            return False
        before = [one for one in self.product.movements if one is not self and _precedes(one, self)]
        return was_away(self.product, before) and (self.kind != "issued" or before[-1].kind in AWAY)

    def headline(self) -> str:
        return f"{MOVEMENTS[self.kind]}{': ' + self.place if self.place else ''}"


def settle_thaw(product: Any) -> None:
    """Let a container follow its thaws after one was corrected: thawed since the first that is known (rule 54)."""
    thaws = [one for one in product.movements if one.kind == "thawed"]
    ever = {moment for one in thaws for moment in (one.performed_at, *_ever(one))}
    known = [moment for one in thaws for moment in one.thaws] + [ask(product) for ask in Movement.thawed_in_run]
    known += [product.thawed_at] if product.thawed_at not in ever else []
    product.follow(thawed_at=min((moment for moment in known if moment is not None), default=None))


def _ever(move: Movement) -> list[datetime]:
    """Return when a movement was before its corrections."""
    changes = [one.changes["performed_at"] for one in move.amendments if "performed_at" in one.changes]
    told = [kept_moment(text, move.zone) for change in changes for text in change if text]
    return [moment for moment in told if moment is not None]


def _later(change: list[Any] | None) -> bool:
    """Whether a correction of a moment, as an amendment keeps it, put it to later."""
    return change is not None and moved(change) and change[1] is not None and change[1] > change[0]


def _precedes(one: Movement, other: Movement) -> bool:
    """Whether a movement happened before another one; what was written first counts first in one minute."""
    if one.performed_at is None or other.performed_at is None:
        return False
    return (one.performed_at, one.recorded_at, one.id) < (other.performed_at, other.recorded_at, other.id)


def away_at(product: Any, at: Any) -> bool:
    """Whether a container is outside the laboratory at a moment, by its movements until then (rule 60)."""
    return was_away(product, [one for one in product.movements if one.performed_at is None or one.performed_at <= at])


def was_away(product: Any, movements: list[Movement]) -> bool:
    """Whether a container is outside the laboratory after some movements: issued, or sent out after it was inside.

    What a run made was inside from its beginning; what was collected, from its receipt.
    """
    away, inside = False, product.run_id is not None or product.origin != "clinic"
    for one in movements:
        if one.kind == "issued" or (one.kind in AWAY and inside):
            away = True
        elif one.kind in {"returned", "received", "stored"}:
            away, inside = False, True
    return away


def _outside(name: str, said: Any, allowed: Range | None) -> bool:
    """Whether a temperature is above what any cells bear, or outside the range of the protocol."""
    if name != "temperature" or said is None:
        return False
    degrees = Decimal(str(said))
    return degrees > WARMEST or (allowed is not None and degrees not in allowed)


def whereabouts(moves: Iterable[tuple[str, str | None]]) -> str:
    """Return where a container is after its movements (kind and place): “Stored at Tank 2, box 14 · assigned”.

    Who is assigned a container does not move it: it lies where it lay.
    """
    lies, besides = "Laboratory", ""
    for kind, place in moves:
        if kind in {"assigned", "unassigned"}:
            besides = " · assigned" if kind == "assigned" else ""
            continue
        where = place if kind not in NO_PLACES else None
        lies = f"{MOVEMENTS[kind]}{' at ' + where if where else ''}"
        besides = "" if kind in {"given", "discarded"} else besides
    return f"{lies}{besides}"
