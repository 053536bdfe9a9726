"""Tables for analysis: one row per course, product, administration, visit, score, event; states, verdicts, reasons.

Every column has a key, a unit and, where there is one, a code; the tables join on their ids. In the research variant no
column names a person, and each day is a number of days since the first cells of its course (rule 73).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple

from clinic.administration.models import Administration
from clinic.eligibility.models import Eligibility
from clinic.fields import fields_of
from clinic.followup.adverse_events import AdverseEvent
from clinic.followup.models import FollowUpVisit
from clinic.harvest.models import Harvest
from clinic.patients.models import Patient
from clinic.products.models import Product
from clinic.protocols.catalogues import DOSE_MEASURES, INSTRUMENTS, QC_TESTS, labels
from clinic.treatments.models import Treatment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping


class Column(NamedTuple):
    """One column. ``kind``: id, text, choice, number, whole, yesno or day; ``choices``: what a choice may be.

    ``reason``: it is in somebody's words, which the research variant leaves empty.
    """

    key: str
    heading: str
    kind: str = "text"
    unit: str = ""
    code: str = ""
    said: str = ""
    choices: Mapping[str, str] | None = None
    identifying: bool = False
    reason: bool = False


@dataclass(frozen=True, kw_only=True)
class Table:
    """One table: its name in addresses and files, what a row is, and its columns."""

    name: str
    title: str
    row: str
    parts: tuple[Column | Callable[[], Iterable[Column]], ...]
    """Its columns; those of a catalogue, which the installation may extend, are made when they are asked for."""
    refers: tuple[tuple[str, str], ...] = ()
    """Columns that are ids of another table's rows: column, table."""

    @property
    def columns(self) -> tuple[Column, ...]:
        """All columns, in order."""
        made = ((one,) if isinstance(one, Column) else one() for one in self.parts)
        return tuple(chain.from_iterable(made))

    def chosen(self, *, research: bool) -> tuple[Column, ...]:
        """Return the columns of the usual or of the research variant."""
        if not research:
            return self.columns
        return tuple(_relative(one) if one.kind == "day" else one for one in self.columns if not one.identifying)


def _relative(day: Column) -> Column:
    return day._replace(
        key=f"{day.key}_days", heading=f"{day.heading}, days since the first cells", kind="whole", unit="d",
        said="Negative: before the first cells of the course. Empty: no such day, no cells given yet, or of one no "
        "more than the month or year is known",
    )  # fmt: skip


def _facts(model: type[Any], *names: str) -> Iterable[Column]:
    """Yield the columns of declared facts of a kind of record, with their units, codes and choices."""
    facts, columns = fields_of(model), model.__table__.columns
    for name in names:
        fact, python = facts[name], columns[name].type.python_type
        kind = "choice" if fact.choices else {bool: "yesno", int: "whole"}.get(python, "text")
        if "ecimal" in python.__name__:
            kind = "number"
        known = fact.identifying or name in {"din", "guidance"}
        yield Column(name, fact.label, kind, fact.unit, fact.code, fact.hint, fact.choices, known)


STATE = Column("state", "Where the course stands", said="Each step with its state, derived from the records")
MISSING = Column(
    "missing",
    "Facts that are missing",
    said="With the reason as it was recorded; the research variant has the facts alone",
)
ORIGIN = Column("origin", "Recorded here or imported", "choice", choices={"clinic": "Here", "imported": "Imported"})


def _scores() -> Iterable[Column]:
    for one in INSTRUMENTS.values():
        better = f"{one.better.capitalize()} is better. {one.note}".strip()
        yield Column(f"{one.key}_baseline", f"{one.label}, baseline", "number", one.unit, one.loinc, better)
        yield Column(f"{one.key}_last", f"{one.label}, last", "number", one.unit, one.loinc, better)
        yield Column(f"{one.key}_last_day", f"{one.label}, day of the last", "whole", "d", said="Day of the course")


def _tests() -> Iterable[Column]:
    for one in QC_TESTS.values():
        kind = "choice" if one.outcomes else "number"
        yield Column(one.key, one.label, kind, one.unit, choices=one.outcomes, said="The reading that counts")
        yield Column(f"{one.key}_comparator", f"{one.label}: less or more than", said="<, > or =")
        yield Column(f"{one.key}_verdict", f"{one.label}: verdict", said="Against the limit kept with the result")


COURSES = Table(
    name="courses",
    title="Courses",
    row="One course of treatment of one patient",
    refers=(),
    parts=(
        Column("course_id", "Course", "id"),
        Column("person_id", "Person", "id", said="The same for all records of one person"),
        Column("record_number", "Record number", identifying=True),
        Column("synthetic", "Synthetic person", "yesno"),
        ORIGIN,
        Column("protocol", "Protocol"),
        Column("protocol_version", "Version of the protocol", "whole"),
        Column("field", "Field"),
        Column("cell_type", "Cell type"),
        Column("donor_kind", "Donor"),
        Column("sex", "Sex", "choice", choices=fields_of(Patient)["sex"].choices),
        Column("age_years", "Age at the order", "number", "years", said="As the order says it, else in whole years"),
        *_facts(
            Treatment,
            "condition", "body_site", "side", "relation", "source", "route", "asa_class", "height_cm", "weight_kg",
        ),
        Column("chain_of_identity", "Chain of identity", identifying=True),
        Column("ordered", "Ordered", "day"),
        STATE,
        *_facts(Eligibility, "eligible"),
        Column("eligibility_decided", "Eligibility decided", "day"),
        Column("harvests", "Harvests", "whole"),
        Column("harvested", "First harvest", "day"),
        Column("harvested_volume", "Volume collected in all", "number", fields_of(Harvest)["volume"].unit),
        Column("products", "Products", "whole"),
        Column("products_given", "Products given", "whole"),
        Column("administrations", "Administrations", "whole"),
        Column("first_given", "First cells", "day"),
        Column("last_given", "Last cells", "day"),
        Column("volume_given", "Volume given in all", "number", fields_of(Administration)["volume_given"].unit),
        Column("visits_made", "Visits made", "whole"),
        Column("visits_missed", "Visits missed", "whole"),
        Column("last_seen", "Last visit made", "day"),
        Column("died", "Died", "day"),
        Column(
            "observed_days", "Observed after the first cells", "whole", "d",
            said="Until the death, or until the last day known: the time of survival. Empty: not known",
        ),
        Column("observed_death", "Died at the end of that time", "yesno", said="no: censored there"),
        Column("adverse_events", "Adverse events", "whole"),
        Column("serious_events", "Serious adverse events", "whole"),
        Column("events_of_unknown_seriousness", "Adverse events of which seriousness is not recorded", "whole"),
        Column("worst_grade", "Worst grade of an event", "whole", said=fields_of(AdverseEvent)["grade"].label),
        _scores,
        MISSING,
    ),
)  # fmt: skip
PRODUCTS = Table(
    name="products",
    title="Products",
    row="One container of cells",
    refers=(("course_id", "courses"),),
    parts=(
        Column("product_id", "Product", "id"),
        Column("course_id", "Course", "id", said="Empty: banked cells that no course has"),
        Column("donor_id", "Donor", "id"),
        Column("harvest_id", "Made by the harvest", "id"),
        Column("run_id", "Made by the run", "id"),
        ORIGIN,
        *_facts(Product, "din"),
        *_facts(Product, "name", "division", "cell_type", "source", "relation", "container", "volume"),
        Column("amount", "Amount", "number", said="In the unit of the next column"),
        Column("amount_unit", "Unit of the amount"),
        Column("amount_counts", "What the amount counts", "choice", choices=labels(DOSE_MEASURES)),
        *_facts(Product, "preparation", "vehicle", "cryo_medium", "dmso_percent"),
        Column("collected", "Collected", "day"),
        Column("made", "Made", "day"),
        Column("frozen", "Frozen", "day"),
        Column("thawed", "Thawed", "day"),
        Column("expires", "Use before", "day"),
        Column("state", "State", said="Derived from the records"),
        Column("decision", "Last decision", said="Released, condition, exception, hold or rejection"),
        Column("decided", "Decided", "day"),
        *_tests(),
        MISSING,
    ),
)  # fmt: skip
ADMINISTRATIONS = Table(
    name="administrations",
    title="Administrations",
    row="One giving of one product to one patient",
    refers=(("course_id", "courses"), ("product_id", "products")),
    parts=(
        Column("administration_id", "Administration", "id"),
        Column("course_id", "Course", "id"),
        Column("product_id", "Product", "id"),
        ORIGIN,
        Column("given", "Given", "day"),
        Column("course_day", "Day of the course", "whole", "d", said="0: the first cells of the course"),
        Column("minutes", "From start to end", "whole", "min"),
        Column("minutes_after_thaw", "From thaw to end", "whole", "min"),
        *_facts(
            Administration,
            "route", "body_site", "side", "guidance", "viability_before", "volume_issued", "volume_given",
            "volume_wasted", "volume_returned", "weight_kg",
        ),
        Column("dose", "Dose", "number", said="In the unit of the next column"),
        Column("dose_unit", "Unit of the dose"),
        Column("dose_per_kg", "Dose per kg", "number", said="In the unit of the next column"),
        Column("dose_per_kg_unit", "Unit of the dose per kg"),
        Column("dose_counts", "What the dose counts", "choice", choices=labels(DOSE_MEASURES)),
        *_facts(Administration, "outcome"),
        Column("interruptions", "Interruptions and changes of the rate", "whole"),
        Column("reactions", "Reactions recorded while given", "whole"),
        Column("events_after", "Adverse events named to it", "whole"),
        MISSING,
    ),
)  # fmt: skip
OF_COURSE = Column("course_day", "Day of the course", "whole", "d", said="0: the first cells of the course")
BEFORE = Column("baseline", "Reading before the cells", "yesno")
VISITS = Table(
    name="visits",
    title="Visits",
    row="One visit, made or missed",
    refers=(("course_id", "courses"),),
    parts=(
        Column("visit_id", "Visit", "id"),
        Column("course_id", "Course", "id"),
        ORIGIN,
        Column("visit", "Name of the visit"),
        BEFORE,
        *_facts(FollowUpVisit, "made", "alive"),
        Column("on", "Visit on", "day"),
        OF_COURSE,
        Column("due", "Due on", "day", said="Empty: not planned by the protocol here"),
        Column("scores", "Scores", "whole"),
        MISSING,
    ),
)
SCORES = Table(
    name="scores",
    title="Scores",
    row="One score of one visit, or one that was due at it and is missing",
    refers=(("course_id", "courses"), ("visit_id", "visits")),
    parts=(
        Column("score_id", "Score", "id"),
        Column("course_id", "Course", "id"),
        Column("visit_id", "Visit", "id"),
        ORIGIN,
        Column("visit", "Name of the visit"),
        BEFORE,
        Column("instrument", "Instrument", "choice", choices=labels(INSTRUMENTS)),
        Column("value", "Score", "number", said="In the unit of the next column"),
        Column("unit", "Unit of the score"),
        Column(
            "did_not_occur", "Did not occur", "yesno",
            said="yes: censored on the day of the course, the last on which it had not occurred",
        ),
        Column("on", "Scored on", "day"),
        OF_COURSE,
        Column("not_recorded", "Not recorded", "yesno", said="yes: the score was due and is missing"),
        Column("why", "Why it is not recorded", reason=True, said="Empty in the research variant"),
    ),
)  # fmt: skip
EVENTS = Table(
    name="events",
    title="Adverse events",
    row="One adverse event",
    refers=(("course_id", "courses"), ("administration_id", "administrations")),
    parts=(
        Column("event_id", "Adverse event", "id"),
        Column("course_id", "Course", "id"),
        Column("administration_id", "Administration", "id", said="Empty: named to none"),
        ORIGIN,
        *_facts(AdverseEvent, "term"),
        Column("onset", "Onset", "day"),
        OF_COURSE,
        Column("ended", "End", "day"),
        *_facts(AdverseEvent, "grade"),
        Column("serious", "Serious because of", said="Keys apart by ;, none: not serious. Empty: not recorded"),
        *_facts(
            AdverseEvent,
            "outcome", "expected", "from_cells", "from_harvest", "from_delivery", "from_drug", "from_disease",
        ),
        MISSING,
    ),
)  # fmt: skip
TABLES = {one.name: one for one in (COURSES, PRODUCTS, ADMINISTRATIONS, VISITS, SCORES, EVENTS)}
IN_PART = "2020-05 or 2020 where no more than the month or the year is known"
DICTIONARY = ("table", "column", "heading", "kind", "unit", "code", "choices", "identifying", "description")


def dictionary(*, research: bool) -> Iterable[tuple[str, ...]]:
    """Yield a row for each column of each table, after its heading `DICTIONARY`."""
    for table in TABLES.values():
        for one in table.chosen(research=research):
            choices = "; ".join(f"{key} = {words}" for key, words in (one.choices or {}).items())
            identifying = "yes" if one.identifying else "no"
            said = ". ".join(part for part in (one.said, IN_PART if one.kind == "day" else "") if part)
            yield table.name, one.key, one.heading, one.kind, one.unit, one.code, choices, identifying, said
