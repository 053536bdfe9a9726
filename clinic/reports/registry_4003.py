"""Registry form CIBMTR 4003: one product of cells."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clinic.reports.registry import Form, Question, extract
from clinic.reports.registry_facts import products
from clinic.reports.report import Report

if TYPE_CHECKING:
    from clinic.reports.data import Data
    from clinic.reports.report import Result

PRODUCT = ("technologist", "the product")
FORM = Form(
    name="Form 4003",
    of="products given",
    first="Product",
    questions=(
        Question("course", "", "Course", "the course of the first infusion", *PRODUCT),
        Question("product", "Q1", "Name of product", "name of the container", *PRODUCT),
        Question("collected", "Q2", "Date of collection", "end of the collection", "nurse", "the harvest"),
        Question("tissue", "Q3–4", "Tissue source", "origin of the tissue", *PRODUCT),
        Question("cells", "Q5–6", "Cell type", "cell type of the product, else of the protocol", *PRODUCT),
        Question("identifiers", "", "Product identifier", "donation number and division", *PRODUCT),
        Question("donor", "", "Donor of the cells", "whose cells", *PRODUCT),
        Question(
            "prepared",
            "",
            "Method of preparation",
            "whether one is written down",
            *PRODUCT,
        ),
        Question("frozen", "", "Cryopreserved", "a time of freezing is recorded", *PRODUCT),
    ),
    not_kept="manufacturer outside the clinic, transfection, vectors and genes, number of planned infusions",
)


def figures(data: Data) -> Result:
    """Return one row for each product that was given in the period."""
    return extract(FORM, products(data), data.left_out)


REPORT = Report(
    name="registry-4003",
    group="registries",
    topic="CIBMTR 4003, the product",
    title="What does the registry's form of the product need?",
    says="One row for each product given, with the questions of form 4003; what is blank comes first.",
    data_set="Containers of cells that were given",
    numerator="Questions that are blank",
    denominator="Questions of the form that are answered from records",
    counted_by="date of administration",
    figures=figures,
    method="One row for each form that is due",
    source="CIBMTR Forms Instruction Manual, 4003",
)
