"""The DOSES line of a product: donor, origin, separation, exhibited characteristics, site of delivery.

Five items describe a cell therapy (Murray et al., J Bone Joint Surg Am 2019;101:904, doi 10.2106/JBJS.18.00915).
They are derived from what was logged; nobody types them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from clinic.patients.donors import DONOR_KINDS
from clinic.protocols.catalogues import BODY_SITES, CELL_TYPES, QC_TESTS, ROUTES, SOURCES, within
from clinic.release.results import QCResult, standing
from clinic.treatments.models import SIDES

if TYPE_CHECKING:
    from clinic.products.models import Product

LABELS = ("Donor", "Origin of tissue", "Separation", "Exhibited characteristics", "Site of delivery")


def doses(product: Product, results: list[QCResult]) -> list[tuple[str, str]]:
    """Return label and value of the five items; a value is empty where nothing was recorded."""
    values = (
        donor_text(product),
        origin_text(product),
        separation_text(product),
        exhibited_text(results),
        delivery_text(product),
    )
    return list(zip(LABELS, values, strict=True))


def donor_text(product: Product) -> str:
    """Return whose cells these are, without a name."""
    if product.relation == "autologous":
        return "Autologous"
    kind = DONOR_KINDS[product.donor.kind].lower() if product.donor.kind in DONOR_KINDS else ""
    return f"Allogeneic, {kind}" if kind else "Allogeneic"


def origin_text(product: Product) -> str:
    """Return the tissue that was collected."""
    return SOURCES[product.source or ""].label if product.source in SOURCES else ""


def separation_text(product: Product) -> str:
    """Return how the cells were parted from others and prepared."""
    if product.run_id is None:
        return product.preparation or ("" if product.origin == "imported" else "Not processed")
    kind = CELL_TYPES[product.cell_type or ""].label if product.cell_type in CELL_TYPES else ""
    return "; ".join(part for part in (product.preparation or "", kind) if part)


def exhibited_text(results: list[QCResult]) -> str:
    """Return the standing results that characterise the cells: “Viability 94 %, CD73 98.5 %, CD90 100 %”."""
    said = []
    for test in QC_TESTS.values():
        readings = standing(results, test.key) if test.in_doses else []
        if readings and not readings[-1].pending:
            said.append(f"{test.label} {readings[-1].words}")
    return ", ".join(said)


def delivery_text(product: Product) -> str:
    """Return where the cells were given, or by the order will be: route, side, place."""
    course = product.treatment
    if course is None:
        return ""
    side = SIDES[course.side].lower() if course.side in {"left", "right"} else ""
    place = within(BODY_SITES[course.body_site or ""].label) if course.body_site in BODY_SITES else ""
    route = ROUTES[course.route or ""].label if course.route in ROUTES else ""
    said = ", ".join(part for part in (route, f"{side} {place}".strip()) if part)
    return said if product.given or product.origin == "imported" else f"{said} (ordered)"
