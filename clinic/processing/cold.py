"""When the cells of a run were frozen and thawed: by what went in and what was done, whatever was recorded first."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy.orm import object_session

from clinic.protocols.catalogues import MANIPULATIONS
from clinic.wording import moment as moment_in

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from clinic.products.models import Product


class Cold(NamedTuple):
    """When cells were last frozen, and when they were thawed since; both None: they are fresh."""

    frozen_at: datetime | None = None
    thawed_at: datetime | None = None


def cold_after(run: Any) -> Cold:
    """Return when the cells that come out of a `clinic.processing.models.ProcessingRun` were frozen and thawed.

    Containers that went in frozen stay so until a thaw of the run, or until a step that nobody can do with frozen
    cells. What was thawed stays thawed since the first of these, until it is frozen again or grown in culture: then it
    is fresh. What is mixed of several is as its strictest part: thawed with the earliest thaw, else frozen, else fresh
    (rules 50, 54).
    """
    states = _states(run, sorted(_events(run), key=lambda event: event[0]))
    if not _divides_frozen(run):  # nothing is filled out of a frozen bag, nor mixed or thinned
        lay = [_lay_frozen(use.product, run) for use in run.inputs]
        states = [
            Cold(one.frozen_at, run.performed_at) if frozen and one == _came_in(use.product, run) else one
            for one, frozen, use in zip(states, lay, run.inputs, strict=False)
        ] or states
    frozen, thawed = ([getattr(one, name) for one in states] for name in Cold._fields)
    if any(thawed):
        return Cold(_first(frozen), _first(thawed))
    return Cold(_first(frozen), None)


def _divides_frozen(run: Any) -> bool:
    """Whether a run only parted one frozen bag, as the compartments of a cord blood bag are."""
    kinds = {one.kind for one in run.manipulations}
    return "split" in kinds and kinds <= {"receive", "split"} and len(run.inputs) == 1 and not run.added_volume


def frozen_late(run: Any, step: Any) -> str:
    """Return why cells are not frozen again: their hour after the thaw was over; empty: it was not (rule 54)."""
    minutes = run.follows.says.expiry.thaw_minutes if run.follows else None
    done = step.ended_at or step.performed_at
    if step.kind != "cryopreserve" or minutes is None or done is None:
        return ""
    before = [event for event in _events(run, but=step) if event[0] <= done]
    for one in _states(run, sorted(before, key=lambda event: event[0])):
        if one.thawed_at is not None and done > one.thawed_at + timedelta(minutes=minutes):
            thawed = moment_in(one.thawed_at, run.zone)
            return (
                f"The cells were thawed at {thawed}; after {minutes} minutes they are not frozen again. Discard them."
            )
    return ""


def not_thawed(run: Any, step: Any) -> str:
    """Return why a step of a run cannot have been done when it began: its cells lay frozen; empty: they did not.

    A thaw counts from when it began: who washes may have begun while the last bag was still in the bath.
    """
    begun = step.performed_at
    if step.kind in CLOSED or begun is None:
        return ""
    before = [event for event in _events(run, but=step, from_start=True) if event[0] <= begun and event[1] != "open"]
    states = _states(run, sorted(before, key=lambda event: event[0]))
    late = [one.thawed_at for one in states if one.thawed_at is not None and one.thawed_at > begun]
    if late:
        return f"The cells were thawed at {moment_in(max(late), run.zone)}, after this step began."
    if any(one.frozen_at is not None and one.thawed_at is None and one.frozen_at <= begun for one in states):
        return "The cells lay frozen when this step began. Their thaw comes first: record it, or correct its time."
    return ""


def _states(run: Any, events: list[tuple[datetime, str]]) -> list[Cold]:
    """Return the state of each container that went in after some events, in their order; fresh where none did."""
    states = [_came_in(use.product, run) for use in run.inputs] or [Cold()]
    for moment, kind in events:
        states = [_after(one, moment, kind) for one in states]
    return states


def _came_in(product: Product, run: Any) -> Cold:
    if _lay_frozen(product, run):
        return Cold(product.frozen_at or product.performed_at, None)
    thawed = _thawed_for(product, run)
    return Cold(product.frozen_at, thawed) if thawed is not None else Cold()


def _lay_frozen(product: Product, run: Any) -> bool:
    """Whether a container lay frozen when its cells went into a run, also where it was thawed after that."""
    if product.lies_frozen:
        return True
    return product.thawed_at is not None and _thawed_for(product, run) is None and product.was_frozen


def _thawed_for(product: Product, run: Any) -> datetime | None:
    """Return since when a container was thawed for a run: by the end of it, and not by what the run itself took."""
    since = product.thawed_at
    if since is not None and since in _starts(run):
        since = thawed_since(product, run, but=run)
    return None if since is not None and run.ended_at is not None and since > run.ended_at else since


def thawed_since(product: Product, run: Any, *, of: Any = None, but: Any = None) -> datetime | None:
    """Return since when a container is thawed, the earliest that is known; None: nobody thawed it (rules 54, 69).

    By itself, in the run that made it (``of``; without it as its record says), or when a run took a part of it:
    nothing is drawn from a frozen bag without thawing it. ``but``: as if that run had not taken of it.
    """
    session, began, taken = object_session(product), set[datetime](), list[datetime | None]()
    for use in product.uses:
        taker = run if use.run_id == run.id else session.get(type(run), use.run_id) if session is not None else None
        if taker is not None and _drew_from(product, use, taker):
            began |= _starts(taker)  # what it thawed by that; a thaw that only ended then is another one
            taken += [taker.performed_at] if taker is not but else []
    own = [moment for move in product.movements if move.kind == "thawed" for moment in move.thaws]
    told = of.cold.thawed_at if of is not None else None if product.thawed_at in began else product.thawed_at
    return _first([told, *own, *taken])


def times_of(run: Any, product: Product) -> dict[str, datetime | None]:
    """Return the times of a container that follow from the run that made it."""
    return {
        "frozen_at": run.cold.frozen_at,
        "thawed_at": thawed_since(product, run, of=run),
        "collected_at": run.collected_at or product.collected_at,
        "performed_at": run.ended_at or product.performed_at,
    }


def known_of(run: Any, times: Mapping[str, datetime | None]) -> dict[str, str]:
    """Return how much is known of times that containers have from what went into their run; all of the others."""
    came = {
        getattr(one.product, name): known
        for one in run.inputs
        for name, known in (one.product.precision or {}).items()
        if name in TIMES and getattr(one.product, name) is not None
    }
    return {name: came[moment] for name, moment in times.items() if moment in came}


TIMES = frozenset({"collected_at", "performed_at", "frozen_at", "thawed_at"})
"""The times of a container from which those of what is made of it follow."""


def _drew_from(product: Product, use: Any, run: Any) -> bool:
    """Whether a run took less than all of a container that lay frozen, and did more than part it.

    While nothing is known but that it took it, nobody knows whether it parts it: until a step, a container or the end.
    """
    frozen, whole = product.frozen_at or product.performed_at, product.volume
    if use.volume is None or whole is None or use.volume >= whole or not product.was_frozen:
        return False
    begun = run.manipulations or run.outputs or run.ended_at is not None
    lay = frozen is None or run.performed_at is None or frozen <= run.performed_at
    return bool(begun) and lay and not _divides_frozen(run)


def _starts(run: Any) -> set[datetime]:
    """Return when a run began, with what stood there before it was corrected."""
    before = [one.changes["performed_at"][0] for one in run.amendments if "performed_at" in one.changes]
    return {datetime.fromisoformat(told) for told in before if told} | {run.performed_at} - {None}


def _after(state: Cold, moment: datetime, kind: str) -> Cold:
    if kind == "freeze":
        return Cold(moment, None)
    if kind == "culture":
        return Cold()
    opens = state != Cold() and (state.frozen_at is None or state.frozen_at <= moment)
    if kind == "thaw" or opens:
        return Cold(state.frozen_at, min(moment, state.thawed_at or moment))
    return state


def _first(moments: list[datetime | None]) -> datetime | None:
    return min((one for one in moments if one is not None), default=None)


def _events(run: Any, *, but: Any = None, from_start: bool = False) -> Iterator[tuple[datetime, str]]:
    """Yield what froze, thawed, opened or grew the cells, and when it was done; ``from_start``: when it began."""
    if run.thawed_at is not None:
        yield run.thawed_at, "thaw"
    for one in run.manipulations:
        kind, ends = MANIPULATIONS.get(one.kind or ""), one.ended_at or one.performed_at
        moment = one.performed_at or ends if from_start else ends
        if moment is None or kind is None or one is but:
            continue
        if one.kind == "cryopreserve":
            yield ends or moment, "freeze"
        elif one.kind == "thaw":
            yield moment, "thaw"
        elif kind.culture and _grew(one):
            yield ends or moment, "culture"
        elif one.kind not in CLOSED:
            yield one.performed_at or moment, "open"


def _grew(step: Any) -> bool:
    """Whether a culture took long enough to make cells fresh; while it goes on, nobody knows."""
    return None not in {step.performed_at, step.ended_at} and step.ended_at - step.performed_at >= CULTURE


CLOSED = frozenset({"receive", "thaw", "split", "cryopreserve"})
"""What can be done to a bag that lies frozen, or itself says what becomes of the cold."""
CULTURE = timedelta(hours=12)
"""What grows for less stays thawed since its thaw. A default of this clinic: a night."""
KEEPS_MEDIUM = frozenset({"receive", "thaw", "split", "pool", "cryopreserve"})
"""What is done to cells without taking their freezing medium out."""


def medium_after(run: Any, parents: list[Product]) -> dict[str, Any]:
    """Return the freezing medium of a run's containers: its own; of what it only divided, that of the parents."""
    washed = any(one.kind not in KEEPS_MEDIUM for one in run.manipulations)
    if run.cryo_medium or run.dmso_percent is not None or washed:
        return {"cryo_medium": run.cryo_medium, "dmso_percent": run.dmso_percent}
    percents = [one.dmso_percent for one in parents if one.dmso_percent is not None]
    return {
        "cryo_medium": next((one.cryo_medium for one in parents if one.cryo_medium), None),
        "dmso_percent": max(percents, default=None),
    }


def own_medium(run: Any, product: Product) -> dict[str, Any]:
    """Return the freezing medium that a container takes over from its run; empty: it has it, or somebody corrected it.

    A container may be recorded before the wash or the culture after which its cells are in none.
    """
    medium = medium_after(run, [use.product for use in run.inputs])
    if all(getattr(product, name) == value for name, value in medium.items()) or product.origin != "clinic":
        return {}
    return {} if any(medium.keys() & one.changes.keys() for one in product.amendments) else medium
