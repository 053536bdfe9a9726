"""What is recorded of the cold of a container, and where that is corrected."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import render_template, request, url_for

from clinic import wording
from clinic.products.corrections import COLD
from clinic.products.limits import COLD_UNKNOWN, cold_unknown

if TYPE_CHECKING:
    from clinic.products.models import Product


AFTER = "The product is on hold until a second person confirms it. Frozen cells must be thawed before use."


def heading(product: Product) -> str:
    """Return the heading of the page."""
    return f"Fresh or frozen: {product.name} {product.division or ''}".strip()


def lede(product: Product) -> str:
    """Return what is not recorded yet, or what is and is corrected."""
    if cold_unknown(product):
        return COLD_UNKNOWN
    return f"Recorded: {recorded(product)}. A correction replaces it; the old entry stays visible."


def already(product: Product, back: str, patient: Any) -> tuple[str, int]:
    """Return the page of a container of which it is recorded already: what, and where that is corrected.

    What was sent all the same is refused by it.
    """
    how, to, label = corrected_at(product)
    page = render_template(
        "products/cold.html", heading=heading(product), recorded=recorded(product), how=how, to=to, label=label,
        back_url=back, patient=patient,
    )  # fmt: skip
    return page, 409 if request.method == "POST" else 200


def recorded(product: Product) -> str:
    """Return in words whether a container is recorded as fresh or frozen, and since when."""
    fresh = (product.confirmed or {}).get(COLD)
    if product.frozen_at is None:
        return fresh or ("Frozen; when is not recorded" if product.was_frozen else "Fresh: no freezing is recorded")
    words = f"Frozen {wording.moment(product.frozen_at, product.zone, product.precision_of(COLD))}"
    if product.thawed_at is None:
        return words
    return f"{words}; thawed {wording.moment(product.thawed_at, product.zone, product.precision_of('thawed_at'))}"


def corrected_at(product: Product) -> tuple[str, str, str]:
    """Return how what is recorded is corrected: a sentence, an address and what its button says; "" and "": nowhere."""
    if product.origin != "imported" and product.run_id is not None:
        to = url_for("processing.show", run_id=product.run_id)
        return (
            "It follows from the run that made this product. Correct the freezing or the thaw there.",
            to,
            "Open the run",
        )
    if product.thawed_at is not None:
        to = f"{url_for('products.show', product_id=product.id)}#h-custody"
        return "It was thawed since. Correct the time of the thaw among the movements of the product.", to, "Product"
    return "It came with the imported table. If it is wrong, hold the product until that is cleared up.", "", ""
