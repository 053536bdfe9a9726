"""Documents about cells: the certificate of a release, the record of a batch, the chain of identity and custody."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clinic import clock, wording
from clinic.documents.document import Block, Document, Section, Source, quantity, table
from clinic.harvest.models import Harvest
from clinic.patients.donors import DONOR_KINDS, DonorEligibility
from clinic.processing.models import ProcessingRun
from clinic.products.donation_numbers import spell_din
from clinic.products.graph import ancestry, donors, made_of
from clinic.products.models import Product
from clinic.release.carried import judged_results
from clinic.release.doses import doses
from clinic.release.models import Release, decisions, released_since, standing_decision
from clinic.release.product_state import ProductState, held_because, state_of
from clinic.release.result_rows import exact_amount, result_table
from clinic.release.results import QCResult
from clinic.templating import unmarked

if TYPE_CHECKING:
    from collections.abc import Iterable

CERTIFIED = {ProductState.RELEASED, ProductState.CONDITIONAL, ProductState.EXCEPTIONAL}


def named(product: Product) -> str:
    """Return a container in words: name and division."""
    return f"{product.name} {product.division or ''}".strip()


def identity(source: Source, product: Product) -> Block:
    """Return what a label says of a container: its numbers, its content, its end, its donor's standing."""
    source.keep(product)
    din = " check ".join(spell_din(product.din)) if product.din else ""
    course = product.treatment
    lines = [
        ("Product", named(product), ""),
        ("Product number", product.id, ""),
        ("Donation number", din, ""),
        ("Division", product.division or "", ""),
        ("Chain of identity", course.chain_of_identity if course is not None else "", ""),
        ("Amount", exact_amount(product), ""),
        ("Volume", quantity(product.volume, "mL"), ""),
        ("Use before", wording.moment(product.end, source.zone, product.end_known), ""),
    ]
    return Block(facts=[line for line in lines if line[1]])


def results(source: Source, product: Product) -> list[Block]:
    """Return the table of a container's results beside their limits, with those that are missing."""
    found = judged_results(source.records, product)
    source.keep(*found)
    rows = []
    for row in result_table(product.judged_under, found, product):
        one = row["result"]
        at = wording.moment(one.performed_at, source.zone) if one is not None else ""
        by = one.performed_by.printed_name if one is not None and one.performed_by else ""
        value = f"{unmarked(row['value_text'])} {unmarked(row['unit'])}".strip()
        rows.append(
            [row["label"], value, unmarked(row["limit_text"]), row["tag"][2], ", ".join(filter(None, (at, by)))]
        )
    head = ["Test", "Result", "Limit", "Reads", "Read at, by"]
    corrected = [block for one in found for block in source.entry(one)[1:] if block.rows]
    return [*table(head, rows), *corrected]


def movements(source: Source, products: Iterable[Product]) -> list[Block]:
    """Return who had which container when, in the order of time."""
    found = sorted(
        ((move, one) for one in products for move in one.movements),
        key=lambda pair: (pair[0].performed_at or pair[0].recorded_at, pair[0].id),
    )
    source.keep(*(move for move, _one in found))
    rows = [
        [
            wording.moment(move.performed_at, source.zone, move.precision_of("performed_at")),
            f"{named(one)}, {one.id}",
            unmarked(move.headline()) + (f" to {move.handed_to}" if move.handed_to else ""),
            quantity(move.temperature, "°C"),
            {True: "intact, label correct", False: "not intact", None: ""}[move.intact],
            move.performed_by.printed_name if move.performed_by else "",
        ]
        for move, one in found
    ]
    return (
        [Block(head=["When", "Container", "Movement", "Temperature", "Container was", "By"], rows=rows)] if rows else []
    )


def origin(source: Source, product: Product) -> list[Section]:
    """Return where cells came from: donors with their determination, harvests, runs and containers before this one."""
    records, line = source.records, ancestry(source.records, product)
    people = []
    for donor in donors(records, product):
        source.keep(donor)
        kind = DONOR_KINDS.get(donor.kind, donor.kind)
        people.append(Block(facts=[("Donor", donor.display_name if donor.kind == "self" else kind, donor.id)]))
        people += source.entries(records.on(donor, DonorEligibility))
    harvests = [row for one in line if isinstance(row := records.get(one.harvest_id), Harvest)]
    runs = [row for one in line if isinstance(row := records.get(one.run_id), ProcessingRun)]
    source.keep(*line)
    rows = [[named(one), one.id, one.harvest_id or one.run_id or "", unmarked(one.headline())] for one in line]
    return [
        Section(title="Donor", blocks=people),
        Section(title="Harvest", blocks=source.entries(dict.fromkeys(harvests))),
        Section(title="Processing", blocks=source.entries(dict.fromkeys(runs))),
        Section(title="Containers", blocks=table(["Container", "Number", "Made by", "Content"], rows)),
    ]


def no_certificate(source: Source) -> str:
    """Return why a container has no certificate; empty: a decision releases it, and nothing speaks against it now."""
    product, now = source.record, clock.now()
    state = state_of(source.records, product, now)
    if state in CERTIFIED:
        return ""
    against = held_because(source.records, product, now) if state in {ProductState.HOLD, ProductState.GIVEN} else []
    if state is ProductState.GIVEN:
        last = standing_decision(source.records, product)
        if released_since(source.records, product) is not None and last is not None and last.releases and not against:
            return ""
        against = against or ["No signed decision that releases it stands."]
    return f"This product has no certificate of release: {state.label.lower()}. {' '.join(against)}".strip()


def certificate(source: Source) -> list[Section]:
    """Return the certificate of a release."""
    product, records = source.record, source.records
    version = product.judged_under
    made = [row for row in decisions(records, product) if row.effective(records)]
    decided = [block for release in made for block in _decision(source, release)]
    protocol = f"{version.name}, {version.title}" if version is not None else "No protocol"
    return [
        Section(title="Identity", blocks=[identity(source, product)]),
        Section(title="Decision", blocks=[*decided, Block(facts=[("Judged under", protocol, "")])]),
        Section(title="Results", blocks=results(source, product)),
        Section(title="Product summary (DOSES)", blocks=[_doses(judged_results(records, product), product)]),
        *origin(source, product)[:2],
    ]


def _doses(found: list[QCResult], product: Product) -> Block:
    return Block(facts=[(label, unmarked(value), "") for label, value in doses(product, found)])


def _decision(source: Source, release: Release) -> list[Block]:
    said = [Block(strong=unmarked(release.headline()))]
    if release.findings:
        said.append(Block(text=[unmarked(line) for line in release.findings]))
    if release.workings:
        said.append(Block(text=[unmarked(line) for line in release.workings]))
    return [*said, *source.entry(release, heading="Basis of the decision")]


def batch(source: Source) -> list[Section]:
    """Return the record of one processing run, from what went in to what was decided."""
    run, records = source.record, source.records
    source.keep(run, *run.inputs, *run.outputs)
    inputs = [[named(use.product), use.product_id, quantity(use.volume, "mL")] for use in run.inputs]
    outputs = [[named(one), one.id, exact_amount(one), quantity(one.volume, "mL")] for one in run.outputs]
    tested = [block for one in run.outputs for block in _of_output(source, one)]
    decided = [block for one in run.outputs for row in decisions(records, one) for block in _decision(source, row)]
    return [
        Section(title="Run", blocks=source.entry(run)),
        Section(title="Inputs", blocks=table(["Container", "Number", "Volume taken"], inputs)),
        Section(title="Steps", blocks=source.entries(run.manipulations)),
        Section(title="Counts in process", blocks=source.entries(run.counts)),
        Section(
            title="Outputs",
            blocks=table(["Container", "Number", "Amount", "Volume"], outputs),
        ),
        Section(title="Results", blocks=tested),
        Section(title="Decisions", blocks=decided),
        Section(title="Custody", blocks=movements(source, run.outputs)),
    ]


def _of_output(source: Source, product: Product) -> list[Block]:
    found = results(source, product)
    return [Block(heading=f"{named(product)}, {product.id}"), *found] if found else []


def chain(source: Source) -> list[Section]:
    """Return where the cells of a container came from, who had them when, and what became of them."""
    product, records = source.record, source.records
    after: list[Any] = [one for one in made_of(records, product) if one.id != product.id]
    source.keep(*after)
    rows = [[named(one), one.id, unmarked(one.headline())] for one in after]
    return [
        Section(title="Identity", blocks=[identity(source, product)]),
        *origin(source, product),
        Section(title="Custody", blocks=movements(source, ancestry(records, product))),
        Section(
            title="Made from it",
            blocks=table(["Container", "Number", "Content"], rows),
            empty="Nothing was made from it.",
        ),
    ]


CERTIFICATE = Document(
    name="release-certificate",
    title="Certificate of release",
    about=Product,
    purpose="Goes with the product: its identity, results with limits, and who released it under which condition.",
    sections=certificate,
    missing=no_certificate,
)
BATCH = Document(
    name="batch-record",
    title="Batch record",
    about=ProcessingRun,
    purpose="One processing run from its inputs to the decision on its outputs, with every step, count and signature.",
    sections=batch,
)
CHAIN = Document(
    name="identity-and-custody",
    title="Chain of identity and custody",
    about=Product,
    purpose="Where the cells came from, who had them when and at which temperature, and what was made from them.",
    sections=chain,
)
