"""What decisions say where they are saved and signed: to hold and to reject counts at once, the rest once signed."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from clinic.products.models import Product
    from clinic.release.models import Release

SIGNED_AS = {
    "accept": "I accept these cells for processing",
    "hold": "I put this product on hold",
    "reject": "I reject this product",
}
"""What a signature under a decision says that releases nothing."""
AT_ONCE = {
    "hold": "The product is on hold from now on. Sign the decision.",
    "reject": "The product is rejected from now on. Sign the decision.",
}


def saved(decision: str | None) -> str:
    """Return what the page says once a decision is saved."""
    what = "acceptance" if decision == "accept" else "release"
    return AT_ONCE.get(decision or "", f"Decision saved. The {what} takes effect once it is signed.")


def standing_words(product: Product, decision: Release) -> str:
    """Return that a product is on hold or was rejected, with the reason of that decision."""
    name, why = f"{product.name} {product.division or ''}".strip(), (decision.reason or "").strip().removesuffix(".")
    done = "was rejected" if decision.decision == "reject" else "is on hold"
    return f"{name} {done}{f': {why}' if why else ''}. Quality decides."
