"""The data sets: one for each kind of record, its columns drawn from the declared facts, and the data dictionary.

Headings carry label and unit; a moment has two columns, UTC and the site's wall clock; a person is the printed name.
The research variant drops names of patients and staff, contact, birth dates and every free text, gives the age instead,
and of a moment only the day, shifted by a number of days of the patient's own (rule 73). Who knows one true day of a
person knows all, so it has no day that several people share: when something was written, signed, corrected or imported,
when a lot expires, or when something happened that is about nobody.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import Boolean, Date, Enum, Integer, String, inspect
from sqlalchemy.orm import configure_mappers

from clinic.accounts.models import Site, User
from clinic.administration.models import Administration
from clinic.exchange.research import leading
from clinic.fields import Field, fields_of
from clinic.model import Model, Quantity, UTCDateTime
from clinic.notices import Notice
from clinic.patients.donors import Donor
from clinic.patients.models import Patient
from clinic.records import Entry, Record, Signature
from clinic.release.doses import LABELS

if TYPE_CHECKING:
    from collections.abc import Iterator

SHORTER = {
    "in_process_count": "counts",
    "follow_up_visit": "visits",
    "outcome_score": "scores",
    "contact_attempt": "contacts",
    "import_batch": "imports",
    "paper_scan": "attachments",
}
"""Names of data sets that outsiders know and that are not the plural of the table's name."""
DOSES = ("doses_donor", "doses_origin", "doses_separation", "doses_exhibited", "doses_site")
LEFT_OUT = {"version", "search_text", "name_key", "content", "kept_json"}
"""The row's own counter; a copy for searching; a protocol's whole text and the figures of a kept report,
which their own pages show and export."""
PLAIN = {
    "id": "Id",
    "site_id": "Site",
    "recorded_at": "Recorded at",
    "recorded_by_id": "Recorded by",
    "origin": "Origin",
    "source_note": "Source note",
    "not_recorded": "Not recorded, because",
    "confirmed": "Unusual value confirmed because",
    "precision": "Precision of the date",
    "paper": "Copied from paper",
    "course_day": "Day of the course",
    "is_synthetic": "Synthetic patient",
    "did_not_occur": "Did not occur",
}
KEPT_TEXT = {
    "product.name",
    "product.division",
    "product.preparation",
    "product.vehicle",
    "product.cryo_medium",
    "processing_run.preparation",
    "processing_run.vehicle",
    "processing_run.cryo_medium",
    "donor.hla_match",
    "qc_result.outcome",
    "adverse_event.term",
    "planned_visit.name",
    "follow_up_visit.name",
    "harvest.anticoagulant_lot",
    "manipulation.reagent",
    "manipulation.lot",
    "protocol.code",
    "protocol_version.title",
    "protocol_version.field_key",
}
"""Words that describe cells and methods, or come from a list: kept in the research variant. All other text is free."""


NOT_FOR_RESEARCH = {"person", "signers", "wall"}
"""Kinds of columns that name staff, or tell the time of day."""
OF_A_LOT = {"harvest.anticoagulant_expires_on", "manipulation.lot_expires_on"}
"""Days that everybody has in common who got something of the lot."""


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column of a data set. ``kind`` is text, number, moment, wall, day, yesno, person, list or age."""

    key: str
    heading: str
    kind: str
    fact: Field | None = None
    identifying: bool = False
    free: bool = False
    shared: bool = False
    """Whether it is a day that several people can have in common, such as that of an import."""

    def for_research(self) -> Column:
        """Return this column as the research variant has it: of a moment the day, shifted; whether it was signed."""
        if self.kind == "signed":
            return replace(self, kind="whether signed", heading="Signed")
        if self.key == "not_recorded":  # its reasons are somebody's words
            return replace(self, kind="facts", heading="Not recorded")
        if self.kind not in {"moment", "day"}:
            return self
        heading = self.heading.removesuffix(" (UTC)")
        return replace(self, kind="shifted", heading=f"{heading} (day, shifted per patient)")


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """One table that can be taken out: its name in the address, its title, the rows it holds and its columns."""

    name: str
    title: str
    model: type[Model]
    columns: tuple[Column, ...]

    def chosen(self, *, research: bool) -> tuple[Column, ...]:
        """Return the columns of the usual or of the research variant."""
        if not research:
            return tuple(column for column in self.columns if column.kind != "age")
        return tuple(
            column.for_research() for column in self.columns
            if not (column.identifying or column.free or column.shared or column.kind in NOT_FOR_RESEARCH)
        )  # fmt: skip

    @property
    def counted_by(self) -> str:
        """The moment by which ``--from`` and ``--to`` choose: when it happened, else when it was recorded.

        Rows of an import have that of their import, ``batch.imported_at``; what has no moment is ``id``.
        """
        keys = {attribute.key for attribute in inspect(self.model).column_attrs}
        if "batch_id" in keys:
            return "batch.imported_at"
        return next(
            key
            for key in (
                "performed_at",
                "recorded_at",
                "signed_at",
                "amended_at",
                "due_on",
                "drafted_at",
                "imported_at",
                "attached_at",
                "printed_at",
                "id",
            )
            if key in keys
        )


def models() -> dict[str, type[Model]]:
    """Return every kind of record that is mapped, by the name of its data set.

    Accounts and sites are not records, and a notice is a message to one person about a record, which has a data set.
    What staff record comes first, in the order in which one kind leads to the next.
    """
    configure_mappers()
    order = [table.name for table in Model.metadata.sorted_tables]
    found = [mapper.class_ for mapper in Model.registry.mappers if issubclass(mapper.class_, Model)]
    found.sort(key=lambda model: (not issubclass(model, Entry), order.index(model.__tablename__)))
    return {_name(model.__tablename__): model for model in found if model not in {Site, User, Notice}}


def _name(table: str) -> str:
    """Return the name of a table's data set: its plural, as it stands in an address."""
    name = SHORTER.get(table) or table.replace("_", "-")
    if name.endswith("s"):
        return name
    return f"{name[:-1]}ies" if name.endswith("y") else f"{name}s"


def datasets() -> dict[str, Dataset]:
    """Return all data sets by name."""
    return _of_models(tuple(models().items()))


def _doses() -> Dataset:
    """Return the data set of DOSES: the five items that describe each cell therapy that was given."""
    wanted = {"id", "site_id", "treatment_id", "product_id", "performed_at", "course_day", "zone"}
    columns = [column for column in _columns(Administration) if column.key in wanted]
    columns += [Column(key=key, heading=label, kind="text") for key, label in zip(DOSES, LABELS, strict=True)]
    return Dataset(name="doses", title="DOSES per administration", model=Administration, columns=tuple(columns))


@lru_cache(maxsize=1)
def _of_models(known: tuple[tuple[str, type[Model]], ...]) -> dict[str, Dataset]:
    made = {
        name: Dataset(name=name, title=_title(name), model=model, columns=tuple(_columns(model)))
        for name, model in known
    }
    return made | {"doses": _doses()}


def _title(name: str) -> str:
    return {"qc-results": "QC results"}.get(name, name.replace("-", " ").capitalize())


def _columns(model: type[Model]) -> Iterator[Column]:
    facts = fields_of(model)
    keys = [attribute.key for attribute in inspect(model).column_attrs if attribute.key not in LEFT_OUT]
    order = [
        "id",
        *[k for k in ("site_id",) if k in keys],
        *[k for k in keys if k.endswith("_id") and k not in facts and k not in {"site_id", "recorded_by_id"}],
    ]
    order += list(facts)
    order += [key for key in keys if key not in order]
    for key in order:
        yield from _of_one(model, key, facts.get(key))
    if issubclass(model, Record):
        yield Column(key="signed_by", heading="Signatures", kind="signers")
        yield Column(key="signed_at", heading="Last signed at (UTC)", kind="signed")
    if issubclass(model, Entry):
        yield Column(key="amended", heading="Amended", kind="amended")
    yield Column(key="zone", heading="Time zone of the site", kind="zone")
    if model is Patient:
        yield Column(key="birth_date", heading="Age on the day of export (years, 90 means 90 or more)", kind="age")


def _of_one(model: type[Model], key: str, fact: Field | None) -> Iterator[Column]:
    column = inspect(model).columns[key]
    name = f"{column.table.name}.{key}"
    heading = fact.heading if fact else PLAIN.get(key) or _heading(key)
    kind = "choices" if fact and fact.many and fact.choices else _kind(column)
    identifying = bool(fact and fact.identifying) or (model is Signature and key == "printed_name")
    free = (
        kind == "text"
        and name not in KEPT_TEXT
        and not (fact and fact.choices)
        and not _reference(column)
        and key not in {"id", "record", "record_id", "role"}
    )
    free = (
        free
        or (kind == "map" and key not in {"markers", "not_recorded"})
        or (kind == "list" and not (fact and fact.choices) and key not in {"routes", "instruments"})
    )
    shared = kind in {"moment", "day"} and _shared(model, name, fact)
    if kind == "moment":
        yield Column(
            key=key, heading=f"{heading} (UTC)", kind="moment", fact=fact, identifying=identifying, shared=shared
        )  # fmt: skip
        yield Column(key=key, heading=f"{heading} (site time)", kind="wall", fact=fact, identifying=identifying)
    else:
        yield Column(
            key=key, heading=heading, kind=kind, fact=fact, identifying=identifying, free=free, shared=shared
        )  # fmt: skip


def _shared(model: type[Model], name: str, fact: Field | None) -> bool:
    """Whether a day is no fact of one person: of writing, of the clinic's own work, of a lot, or about nobody."""
    of_somebody = model in {Patient, Donor} or leading(model)
    return fact is None or name in OF_A_LOT or not model.JUDGED or not of_somebody


def _heading(key: str) -> str:
    words = re.sub(r"_id$", " id", key).replace("_", " ")
    return words[:1].upper() + words[1:]


def _reference(column: Any) -> bool:
    return bool(column.foreign_keys)


def _kind(column: Any) -> str:
    if column.key == "site_id":
        return "site"
    if any(key.target_fullname.startswith("user_account.") for key in column.foreign_keys) or column.key in {
        "verified_by_id",
        "label_checked_by_id",
    }:
        return "person"
    for types, kind in (
        (UTCDateTime, "moment"),
        (Quantity, "number"),
        (Boolean, "yesno"),
        (Integer, "number"),
        (Date, "day"),
        (Enum, "choice"),
        (String, "text"),
    ):
        if isinstance(column.type, types):
            return kind
    made = column.info.get("usual") or getattr(column.default, "arg", None)
    return "list" if made is not None and "list" in repr(made) else "map"


DICTIONARY = (
    "dataset",
    "column",
    "heading",
    "kind",
    "unit",
    "possible",
    "expected",
    "required",
    "choices",
    "code",
    "identifying",
    "in research variant",
    "description",
)
DESCRIBED = {
    "moment": "ISO 8601, UTC; a day, month or year where no more is known, with ~ where estimated",
    "wall": "ISO 8601 with the offset of the site's wall clock; less where no more is known",
    "day": "ISO 8601 day",
    "yesno": "yes or no",
    "person": "printed name of the member of staff",
    "site": "code of the site",
    "signers": "printed names with the meaning of each signature",
    "signed": "ISO 8601, UTC; empty: not signed",
    "amended": "no; yes; or: yes, after it was signed",
    "zone": "IANA name",
    "list": "separated by ;",
    "choices": "separated by ;, none where none of them applies; empty: not recorded",
    "map": "key: value, separated by ;",
    "facts": "keys, separated by ;",
    "age": "whole years; 43/44 where the birth date is known in part; research variant only",
    "shifted": "ISO 8601 day; all days of one patient are shifted by the same secret number of days; 2020-03/2020-04, "
    "2019/2020: in one of these months or years, where no more than the month or year is known",
    "whether signed": "yes or no",
    "number": "",
    "text": "",
    "choice": "one of a fixed list",
}


def dictionary() -> Iterator[tuple[str, ...]]:
    """Return the data dictionary, a row for each column of each data set, after its heading `DICTIONARY`."""
    for dataset in datasets().values():
        research = dataset.chosen(research=True)
        for column in dataset.columns:
            fact = column.fact or Field(label=column.heading)
            choices = "; ".join(f"{key} = {label}" for key, label in (fact.choices or {}).items())
            said = [part for part in (fact.hint, DESCRIBED.get(column.kind, "")) if part]
            yield (
                dataset.name,
                column.key,
                column.heading,
                column.kind,
                fact.unit,
                str(fact.possible or ""),
                str(fact.expected or ""),
                "yes" if fact.required else "no",
                choices,
                fact.code,
                "yes" if column.identifying else "no",
                _said_of_research(column, research),
                ". ".join(said),
            )


def _said_of_research(column: Column, research: tuple[Column, ...]) -> str:
    """Return how the research variant has a column."""
    kept = column.for_research()
    if kept not in research:
        return "no"
    return {"shifted": "as a shifted day", "whether signed": "as yes or no"}.get(kept.kind, "yes")
