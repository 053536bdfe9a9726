"""The form on which a draft of a protocol is written: boxes for its parts, a row for each test and each visit."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from clinic.access import Role
from clinic.fields import Range, plain
from clinic.form_fields import (
    DecimalField,
    FactField,
    IntegerField,
    MultiSelectField,
    SelectField,
    StringField,
    TextAreaField,
    Unreadable,
    YesNoField,
    parse_decimal,
)
from clinic.forms import RecordForm
from clinic.protocols.catalogues import (
    CELL_TYPES,
    CONDITIONS,
    DOSE_MEASURES,
    FIELDS,
    INSTRUMENTS,
    MANIPULATIONS,
    MARKERS,
    QC_TESTS,
    ROUTES,
    SOURCES,
    labels,
)
from clinic.protocols.content import Content, RegulatoryPath, Relation
from clinic.protocols.wording import STEPS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

SPARE = 3
"""Empty rows under the tests and the visits."""
MOST_ROWS = 80
EARLIEST = -400
OUTCOMES = {key: label for test in QC_TESTS.values() for key, label in (test.outcomes or {}).items()}
WRITING = {role.value: role.label.capitalize() for role in Role if role not in {Role.ADMINISTRATOR, Role.INSPECTOR}}


class LimitField(StringField):
    """One end of a limit: a figure, or ``> 4`` / ``< 4`` where the figure itself is not enough.

    Its data: the figure, and whether the figure itself is left out.
    """

    kind = "number"

    def read(self, text: str) -> tuple[Decimal, bool]:
        """Return the figure, and whether it is left out."""
        return parse_decimal(text.lstrip("<>").strip()), text[0] in "<>"

    def show(self, value: Any) -> None:
        sign = "<" if self.short_name.endswith("high") else ">"
        self.text = "" if value is None else f"{f'{sign} ' if value[1] else ''}{plain(value[0])}"


class DayNumberField(StringField):
    """A day counted from the administration; days before it are negative."""

    kind = "whole"

    def read(self, text: str) -> int:
        """Return the number of days."""
        if not re.fullmatch(r"-?\d{1,5}", text.replace("−", "-"), re.ASCII):
            raise Unreadable(f"“{text}” is not a whole number of days")
        return int(text.replace("−", "-"))


class TickField(StringField):
    """A mark that is set or not."""

    kind = "tick"

    def process_formdata(self, valuelist: list[str]) -> None:
        """Read a mark; a box that was not sent is not marked."""
        super().process_formdata(valuelist)
        self.data = self.text == "yes"

    def show(self, value: Any) -> None:
        self.text = "yes" if value else ""


class CodeForm(RecordForm):
    """A new protocol: its code, and what its first version is copied from."""

    code = StringField("Code", required=True, hint="Short, like BM-MSC-KNEE", section="The new protocol")
    start = SelectField("Begin with a copy of", required=True, section="The new protocol")


class CopyForm(RecordForm):
    """The next version: what it is copied from."""

    start = SelectField("Begin with a copy of", required=True, section="The next version")


def _box(kind: type[FactField], label: str, section: str, **says: Any) -> FactField:
    return kind(label, section=section, **says)


def _many(label: str, section: str, choices: Mapping[str, str], hint: str = "") -> FactField:
    return MultiSelectField(label, section=section, choices=choices, many=True, hint=hint)


PARTS: dict[str, Any] = {
    "title": lambda: _box(StringField, "Title", "What it treats", required=True),
    "field": lambda: _box(SelectField, "Field", "What it treats", choices=labels(FIELDS), required=True),
    "conditions": lambda: _many("Conditions", "What it treats", labels(CONDITIONS), "Of the field as it was kept last"),
    "cell_type": lambda: _box(SelectField, "Cells", "The cells", choices=labels(CELL_TYPES), required=True),
    "relations": lambda: _many("Whose cells", "The cells", {r.value: r.label for r in Relation}),
    "sources": lambda: _many("Source", "The cells", labels(SOURCES)),
    "routes": lambda: _many("Route", "The cells", labels(ROUTES)),
    "preparation": lambda: _box(StringField, "Preparation", "The cells"),
    "manipulations": lambda: _many("Laboratory steps", "The cells", labels(MANIPULATIONS)),
    "vehicle": lambda: _box(StringField, "Vehicle", "The cells", hint="What the cells are given in"),
    "premedication": lambda: _box(
        TextAreaField, "Before administration", "The cells", hint="Premedication and hydration"
    ),
    "dose_measure": lambda: _box(SelectField, "Counted as", "The dose", choices=labels(DOSE_MEASURES), required=True),
    "dose_per_kg": lambda: _box(YesNoField, "Per kg of body weight", "The dose", required=True),
    "dose_low": lambda: _box(LimitField, "Dose, at least", "The dose", hint="Write > 4 for more than 4"),
    "dose_high": lambda: _box(LimitField, "Dose, at most", "The dose", hint="Write < 4 for less than 4"),
    "dose_usual": lambda: _box(DecimalField, "Usual dose", "The dose", required=True),
    "dose_doses": lambda: _box(IntegerField, "Number of doses", "The dose", required=True),
    "dose_days_between": lambda: _box(IntegerField, "Days between doses", "The dose", unit="days"),
    "dose_weight_valid_days": lambda: _box(IntegerField, "Weight valid for", "The dose", unit="days", required=True),
    "dose_source": lambda: _box(TextAreaField, "Source of the dose", "The dose"),
    "expiry_fresh_hours": lambda: _box(
        IntegerField, "Fresh, from the end of collection", "How long it keeps", unit="h"
    ),
    "expiry_thaw_minutes": lambda: _box(IntegerField, "After thaw", "How long it keeps", unit="min"),
    "expiry_frozen_days": lambda: _box(IntegerField, "Frozen", "How long it keeps", unit="days"),
    "expiry_low": lambda: _box(LimitField, "Kept at, at least", "How long it keeps", unit="°C"),
    "expiry_high": lambda: _box(LimitField, "Kept at, at most", "How long it keeps", unit="°C"),
    "expiry_source": lambda: _box(TextAreaField, "Source of the times", "How long it keeps"),
    "harvest_low": lambda: _box(LimitField, "Volume, at least", "The collection", unit="mL"),
    "harvest_high": lambda: _box(LimitField, "Volume, at most", "The collection", unit="mL"),
    "harvest_ml_per_kg": lambda: _box(DecimalField, "Most per body weight", "The collection", unit="mL/kg"),
    "harvest_ml_per_pass": lambda: _box(DecimalField, "Most per puncture", "The collection", unit="mL"),
    "ratio_low": lambda: _box(LimitField, "Anticoagulant to blood, at least", "The collection", hint="1 to 10 is 0.1"),
    "ratio_high": lambda: _box(LimitField, "Anticoagulant to blood, at most", "The collection"),
    "harvest_source": lambda: _box(TextAreaField, "Source of these limits", "The collection"),
    "screening_markers": lambda: _many("Markers asked for", "The donor", labels(MARKERS)),
    "screening_valid_days": lambda: _box(
        IntegerField, "Blood sample valid for", "The donor", unit="days", required=True
    ),
    "screening_two_blood_groups": lambda: _box(
        YesNoField, "Two blood groups of donor and recipient", "The donor", required=True
    ),
    "regulatory_path": lambda: _box(
        SelectField,
        "Regulatory path",
        "What it may claim",
        choices={p.value: p.label for p in RegulatoryPath},
        required=True,
    ),
    "homologous": lambda: _box(YesNoField, "Homologous use", "What it may claim", required=True),
    "evidence": lambda: _box(TextAreaField, "Evidence", "What it may claim", hint="What is known, and how well"),
    "ethics": lambda: _box(TextAreaField, "Ethics approval", "What it may claim", hint="Committee, number, date"),
    "sources_read": lambda: _box(TextAreaField, "Sources read", "What it may claim", hint="One on each line"),
    "demonstration": lambda: _box(YesNoField, "Demonstration only", "What it may claim", required=True),
    **{
        f"logs_{name}": (lambda label=label: _many(f"{label}: written down by", "Who", WRITING))
        for name, label in STEPS.items()
    },
    **{
        f"verifies_{name}": (lambda label=label: _many(f"{label}: verified by", "Who", WRITING))
        for name, label in STEPS.items()
    },
}

WHOLE = (
    "title",
    "field",
    "conditions",
    "cell_type",
    "sources",
    "routes",
    "relations",
    "manipulations",
    "regulatory_path",
    "homologous",
    "demonstration",
)
TEXTS = ("preparation", "vehicle", "premedication", "evidence", "ethics")

TEST: dict[str, Any] = {
    "test": lambda n: SelectField(f"Test {n}", choices=labels(QC_TESTS)),
    "low": lambda n: LimitField(f"Test {n}, at least"),
    "high": lambda n: LimitField(f"Test {n}, at most"),
    "accepted": lambda n: SelectField(f"Test {n}, accepted outcome", choices=OUTCOMES),
    "mandatory": lambda n: TickField(f"Test {n}, judged"),
    "may_be_pending": lambda n: TickField(f"Test {n}, may be pending"),
    "readers": lambda n: IntegerField(f"Test {n}, readers"),
    "source": lambda n: StringField(f"Test {n}, source"),
}
VISIT: dict[str, Any] = {
    "name": lambda n: StringField(f"Visit {n}"),
    "day": lambda n: DayNumberField(f"Visit {n}, day", possible=Range(EARLIEST, 20000)),
    "before": lambda n: IntegerField(f"Visit {n}, days before"),
    "after": lambda n: IntegerField(f"Visit {n}, days after"),
    "contact": lambda n: TickField(f"Visit {n}, contact only"),
    "instruments": lambda n: _many(f"Visit {n}, asks", "", labels(INSTRUMENTS)),
}


class DraftForm(RecordForm):
    """Base of the form of a draft; `draft_form` adds the boxes and the rows."""

    tests: int
    visits: int

    def offer_conditions(self, field: str) -> None:
        """Offer the conditions of a field, besides what is chosen: another field's are told as a fault, not hidden."""
        box = self._fields["conditions"]
        chosen = set(box.data or ())
        box.offer((key, one.label) for key, one in CONDITIONS.items() if one.field == field or key in chosen)

    @property
    def sections(self) -> list[tuple[str, list[Any]]]:
        """The single boxes by section; the rows are drawn in tables of their own."""
        return [(title, boxes) for title, boxes in super().sections if title]

    def row(self, kind: str, number: int) -> dict[str, Any]:
        """Return the boxes of one row by the part that they hold."""
        parts = TEST if kind == "qc" else VISIT
        return {part: self._fields[f"{kind}_{number}_{part}"] for part in parts}

    @property
    def test_rows(self) -> list[dict[str, Any]]:
        """Return every row of a test, the empty ones last."""
        return [self.row("qc", number) for number in range(self.tests)]

    @property
    def visit_rows(self) -> list[dict[str, Any]]:
        """Return every row of a visit, the empty ones last."""
        return [self.row("visit", number) for number in range(self.visits)]

    def validate(self, extra_validators: Any = None) -> bool:
        """Also: a row that says anything names its test or its visit, and a visit has its day and window."""
        good = super().validate(extra_validators)
        for row in self.test_rows:
            if not row["test"].data and any(row[part].data for part in ("low", "high", "accepted", "source")):
                row["test"].errors = [f"{row['test'].label.text}: choose the test"]
        for row in self.visit_rows:
            said = any(row[part].data is not None for part in ("day", "before", "after")) or row["instruments"].data
            if not row["name"].data and said:
                row["name"].errors = [f"{row['name'].label.text}: give the visit a name"]
            if row["name"].data and row["day"].data is None and not row["day"].errors:
                row["day"].errors = [f"{row['day'].label.text}: say on which day"]
        return good and not self.error_list

    def content(self, before: Content) -> Content:
        """Return what was written; what was chosen before keeps its order, new choices stand after it."""
        said = {name: self._fields[name].data for name in PARTS}
        for name in ("conditions", "sources", "routes", "relations", "manipulations"):
            said[name] = _in_order(said[name], getattr(before, name))
        asked = {plan.name: plan.instruments for plan in before.visits}
        who = {
            kind: {
                name: _in_order(said[f"{kind}_{name}"], getattr(before, kind).get(name, ()))
                for name in STEPS
                if said[f"{kind}_{name}"]
            }
            for kind in ("logs", "verifies")
        }
        written = {
            "qc": [_spec(row) for row in self.test_rows if row["test"].data],
            "visits": [_plan(row, asked) for row in self.visit_rows if row["name"].data],
            "dose": _part(said, "dose", "measure", "per_kg", "usual", "doses", "days_between", "weight_valid_days")
            | {"window": _range(said["dose_low"], said["dose_high"]) or Range()},
            "expiry": _part(said, "expiry", "fresh_hours", "thaw_minutes", "frozen_days")
            | {"storage": _range(said["expiry_low"], said["expiry_high"])},
            "harvest": _part(said, "harvest", "ml_per_kg", "ml_per_pass")
            | {
                "volume": _range(said["harvest_low"], said["harvest_high"]),
                "anticoagulant_ratio": _range(said["ratio_low"], said["ratio_high"]),
            },
            "screening": {
                "markers": _in_order(said["screening_markers"], before.screening.markers),
                "valid_days": said["screening_valid_days"],
                "two_blood_groups": said["screening_two_blood_groups"],
            },
            "sources_read": [line.strip() for line in (said["sources_read"] or "").splitlines() if line.strip()],
        }
        whole, texts = {name: said[name] for name in WHOLE}, {name: said[name] or "" for name in TEXTS}
        return Content.model_validate({**whole, **texts, **who, **written})


def _in_order(chosen: list[str], before: Iterable[str]) -> tuple[str, ...]:
    """Return what was chosen in the order in which it stood before; what is new follows, as the catalogue has it."""
    kept = [str(key) for key in before if key in chosen]
    return (*kept, *(key for key in chosen if key not in kept))


def _part(said: dict[str, Any], part: str, *names: str) -> dict[str, Any]:
    """Return the boxes of one part of a protocol with its source."""
    return {name: said[f"{part}_{name}"] for name in names} | {"source": said[f"{part}_source"] or ""}


def _range(low: tuple[Decimal, bool] | None, high: tuple[Decimal, bool] | None) -> Range | None:
    if low is None and high is None:
        return None
    return Range(
        low=low[0] if low else None,
        high=high[0] if high else None,
        above=bool(low and low[1]),
        below=bool(high and high[1]),
    )


def _ends(limit: Range | None) -> tuple[tuple[Decimal, bool] | None, tuple[Decimal, bool] | None]:
    if limit is None:
        return None, None
    low = None if limit.low is None else (limit.low, limit.above)
    return low, None if limit.high is None else (limit.high, limit.below)


def _spec(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "test": row["test"].data,
        "limit": _range(row["low"].data, row["high"].data),
        "accepted": row["accepted"].data,
        "mandatory": row["mandatory"].data,
        "may_be_pending": row["may_be_pending"].data,
        "readers": row["readers"].data or 1,
        "source": row["source"].data or "",
    }


def _plan(row: dict[str, Any], asked: Mapping[str, tuple[str, ...]]) -> dict[str, Any]:
    return {
        "name": row["name"].data,
        "day": row["day"].data,
        "before": row["before"].data or 0,
        "after": row["after"].data or 0,
        "contact": row["contact"].data,
        "instruments": _in_order(row["instruments"].data, asked.get(row["name"].data, ())),
    }


def flat(content: Content) -> dict[str, Any]:
    """Return a content as the boxes of the form have it."""
    said: dict[str, Any] = {name: getattr(content, name, None) for name in PARTS}
    said |= {f"dose_{name}": value for name, value in content.dose}
    said |= {f"expiry_{name}": value for name, value in content.expiry}
    said |= {f"harvest_{name}": value for name, value in content.harvest}
    said |= {f"screening_{name}": value for name, value in content.screening}
    said["dose_low"], said["dose_high"] = _ends(content.dose.window)
    said["expiry_low"], said["expiry_high"] = _ends(content.expiry.storage)
    said["harvest_low"], said["harvest_high"] = _ends(content.harvest.volume)
    said["ratio_low"], said["ratio_high"] = _ends(content.harvest.anticoagulant_ratio)
    said["relations"] = [relation.value for relation in content.relations]
    said["regulatory_path"] = content.regulatory_path.value
    said["sources_read"] = "\n".join(content.sources_read)
    for name in STEPS:
        said[f"logs_{name}"], said[f"verifies_{name}"] = content.logs.get(name, ()), content.verifies.get(name, ())
    for number, spec in enumerate(content.qc):
        low, high = _ends(spec.limit)
        said |= {f"qc_{number}_{name}": value for name, value in spec}
        said |= {f"qc_{number}_low": low, f"qc_{number}_high": high}
    for number, plan in enumerate(content.visits):
        said |= {f"visit_{number}_{name}": value for name, value in plan}
    return {name: value for name, value in said.items() if value is not None}


def draft_form(content: Content, sent: Iterable[str] = ()) -> type[DraftForm]:
    """Return the form class of one draft: its rows and three empty ones, or as many rows as were sent."""
    came = [re.fullmatch(r"(qc|visit)_(\d{1,2})_(?:test|name)", name) for name in sent]
    rows = {"qc": len(content.qc) + SPARE, "visit": len(content.visits) + SPARE}
    for match in came:
        if match:
            rows[match[1]] = min(max(rows[match[1]], int(match[2]) + 1), MOST_ROWS)
    boxes: dict[str, Any] = {name: make() for name, make in PARTS.items()}
    for number in range(rows["qc"]):
        boxes |= {f"qc_{number}_{part}": make(number + 1) for part, make in TEST.items()}
    for number in range(rows["visit"]):
        boxes |= {f"visit_{number}_{part}": make(number + 1) for part, make in VISIT.items()}
    return type("ProtocolDraftForm", (DraftForm,), {**boxes, "tests": rows["qc"], "visits": rows["visit"]})
