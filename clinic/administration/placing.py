"""Where cells are given: what the order says of route, site and side, and what is written (rules 26, 55)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from clinic.protocols.catalogues import BODY_SITES, ROUTES, within
from clinic.treatments.models import SIDES

if TYPE_CHECKING:
    from clinic.protocols.delivery import Route
    from clinic.treatments.models import Treatment

ONE_SIDE = frozenset({"left", "right"})


class Misplaced(NamedTuple):
    """Why a place is not the ordered one, the ordered and the written one in words, the fact, and the rule."""

    because: str
    wanted: str
    where: str
    field: str
    rule: int


def words_of(body_site: str | None, side: str | None) -> str:
    """Return a place in words: “left knee”."""
    label = within(BODY_SITES[body_site or ""].label) if body_site in BODY_SITES else "no site"
    return f"{SIDES[side].lower()} {label}" if side in ONE_SIDE else label


def ordered_place(course: Treatment) -> str:
    """Return where the order says the cells go, its side in capitals: “the LEFT knee”; empty: the route says it."""
    route = ROUTES.get(course.route or "")
    if route is None or course.body_site not in route.sites:
        return ""
    site = within(BODY_SITES[course.body_site or ""].label)
    return f"the {course.side.upper()} {site}" if course.side in ONE_SIDE else f"the {site}"


def misplaced(
    course: Treatment, key: str | None, body_site: str | None, side: str | None, *, route_too: bool = True
) -> Misplaced | None:
    """Return why route, site and side are not what a course's order says; None: they are, or the site is not known."""
    route = ROUTES.get(key or "")
    if route is None:
        return None
    ordered = ROUTES[course.route or ""].label if course.route in ROUTES else "none"
    if route_too and (key != course.route or key not in course.says.routes):
        because = f"{route.label} is not the ordered and allowed route ({ordered})."
        return Misplaced(because, ordered, route.label, "route", 55)
    return _off_site(course, route, body_site, side) if body_site is not None else None


def _off_site(course: Treatment, route: Route, body_site: str, side: str | None) -> Misplaced | None:
    where, wanted = words_of(body_site, side), words_of(course.body_site, course.side)
    if course.body_site not in route.sites:
        because = f"{where} is not a site for this route."
        return None if body_site in route.sites else Misplaced(because, route.label, where, "body_site", 26)
    other_side = course.side in ONE_SIDE and side in ONE_SIDE and side != course.side
    if body_site != course.body_site or other_side:
        field = "side" if body_site == course.body_site else "body_site"
        return Misplaced(f"{where} is not what was ordered: {wanted}.", wanted, where, field, 26)
    if BODY_SITES[body_site].sided and side not in ONE_SIDE:
        because = "Side is missing. Two sides are two administrations."
        return Misplaced(because, wanted, where, "side", 26)
    return None
