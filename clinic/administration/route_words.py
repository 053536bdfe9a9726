"""What the act of giving is called by its route: only what runs in is an infusion, a knee gets an injection."""

from __future__ import annotations

from clinic.protocols.catalogues import ROUTES, Delivery

ACTS = {Delivery.INFUSION: "infusion", Delivery.INJECTION: "injection", Delivery.TARGETED: "administration"}
VEIN = {
    "infusion": "Keep the line open with saline.",
    "injection": "Get intravenous access.",
    "administration": "Keep or get intravenous access.",
}
EVIDENCE = {
    "infusion": "Keep the bag and the set for the laboratory.",
    "injection": "Keep the container and the syringe for the laboratory.",
    "administration": "Keep the container and the delivery set for the laboratory.",
}


def act(route: str | None) -> str:
    """Return infusion, injection or administration; the last also where the route is not known."""
    known = ROUTES.get(route or "")
    return ACTS[known.group] if known is not None else "administration"


def has_rate(route: str | None) -> bool:
    """Whether cells run in at a rate by this route: an injection has none."""
    return act(route) != "injection"


def first_actions(route: str | None) -> tuple[str, ...]:
    """Return what is done first in any reaction, until the physician decides."""
    what = act(route)
    return (
        f"Stop the {what}. {VEIN[what]}",
        "Check airway, breathing and circulation. Take the vital signs.",
        "Call the physician. For anaphylaxis call the emergency team and give epinephrine into the thigh muscle.",
        EVIDENCE[what],
        "Report the adverse event.",
    )
