"""The worksheet of a product's tests: a row for each test, several results recorded at once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy.orm import object_session

from clinic.course_records import around
from clinic.errors import Problem, RuleBroken
from clinic.form_fields import DateTimeField, DecimalField, MultiSelectField, SelectField, StringField
from clinic.forms import RecordForm
from clinic.processing.models import ProcessingRun
from clinic.protocols.catalogues import QC_TESTS
from clinic.release.arithmetic import CONFIRM, amount_disagrees, count_disagrees, dose_disagrees
from clinic.release.laboratory_words import understood
from clinic.release.results import COMPARATORS, QCResult, Verdict, asked_for

if TYPE_CHECKING:
    from clinic.accounts.models import User
    from clinic.products.models import Product
    from clinic.protocols.content import QCSpec

PENDING = {"yes": "Still pending"}
WORDS = ("finding", "method")
"""Texts of a row; what they tell of growth is asked about as an unusual value is (rule 43)."""


@dataclass(frozen=True, kw_only=True)
class Line:
    """One test on the worksheet: what is asked for, what was read so far, and its boxes by name."""

    test: str
    label: str
    asked: str
    readings: list[Any]
    boxes: dict[str, Any]
    explained_by: tuple[str, ...] = ()

    @property
    def opened(self) -> bool:
        """Whether finding, method and reason are shown: one of them is filled in or wrong, or a finding is expected."""
        outcome = self.boxes["outcome"].text if "outcome" in self.boxes else ""
        more = [self.boxes[name] for name in ("finding", "method")] + ([] if self.asks else [self.boxes["why"]])
        return outcome in self.explained_by or any(box.text or box.errors for box in more)

    @property
    def asks(self) -> list[str]:
        """What is asked about an unusual value; it is answered under the row, by a reason or another value."""
        why = self.boxes["why"]
        return [said.removeprefix(f"{why.label.text}: ") for said in why.errors]


class Worksheet(RecordForm):
    """What all rows share; the rows are added for the tests of one product by `worksheet`."""

    tests: tuple[str, ...] = ()
    performed_at = DateTimeField("Read at", required=True, starts="now")
    performed_by_id = SelectField("Tested by", required=True, starts="me")
    sample = StringField("Sample", hint="Number of the sample")
    sampled_at = DateTimeField("Sample taken at", conditional=True, hint="Cultures are final 14 days after it")
    also = MultiSelectField("Also applies to", many=True)
    another = SelectField(
        "Another test", hint="A test that this protocol does not require", conditional=True, listed=True
    )

    def plan(self, siblings: list[Product]) -> None:
        """Offer the other containers of the same run, and the tests that have no row yet."""
        self.offer("another", [(key, test.label) for key, test in QC_TESTS.items() if key not in self.tests])
        if siblings:
            self.offer("also", [(p.id, f"{p.name} {p.division or ''}".strip()) for p in siblings])
        else:
            del self.also

    @property
    def siblings(self) -> list[str]:
        """The ids of the other products for which the sample speaks."""
        return list(self.also.data or ()) if "also" in self else []

    def begin_row(self, tests: list[str]) -> bool:
        """Put the focus into the row that was added last; False where none was asked for."""
        asked = self._fields["another"].text
        if not asked or asked not in tests:
            return False
        boxes = self.row(asked)
        boxes["value" if "value" in boxes else "outcome"].autofocus = True
        if "comparator" in boxes:
            boxes["comparator"].process_data("=")
        self._fields["another"].process_data(None)
        return True

    def row(self, test: str) -> dict[str, Any]:
        """Return the boxes of one test by their short names."""
        return {
            name: self._fields[f"{test}_{name}"]
            for name in ("comparator", "value", "outcome", "pending", "finding", "method", "why")
            if f"{test}_{name}" in self._fields
        }

    def lines(self, product: Product, results: list[QCResult]) -> list[Line]:
        """Return the rows as the page draws them."""
        version = product.judged_under
        specs: dict[str, QCSpec] = {spec.test: spec for spec in version.says.qc} if version else {}
        return [
            Line(
                test=test,
                label=QC_TESTS[test].label,
                boxes=self.row(test),
                readings=[r for r in results if r.test == test],
                explained_by=tuple(
                    key for key in QC_TESTS[test].outcomes or () if QC_TESTS[test].clean not in {None, key}
                ),
                asked=asked_for(specs[test]) if test in specs else "not required by this protocol",
            )
            for test in self.tests
        ]

    def filled(self) -> list[tuple[str, dict[str, Any]]]:
        """Return test and facts of every row in which something stands; half a row is a `RuleBroken` at its box."""
        found, halves = [], []
        for test in self.tests:
            said = {name: box.data for name, box in self.row(test).items()}
            pending, why = bool(said.pop("pending")), said.pop("why")
            value, outcome = said.get("value"), said.get("outcome") or None
            if value is None and outcome is None and not pending:
                if said.pop("comparator", "=") not in {None, "", "="} or any(said.values()) or why:
                    name, ask = ("value", "enter the result") if "value" in said else ("outcome", "choose the outcome")
                    sentence = f"{QC_TESTS[test].label}: {ask}, or clear the rest of the row."
                    halves.append(Problem(sentence, f"{test}_{name}"))
                continue
            facts = {
                "test": test, "value": value, "outcome": outcome, "pending": pending, "finding": said["finding"],
                "method": said["method"], "comparator": said.get("comparator") or "=",
                "confirmed": {name: why for name in ("value", *WORDS) if why and (name == "value" or said[name])}
                | ({"sample": why} if why and not understood(self._fields["sample"].data) else {}),
            }  # fmt: skip
            found.append((test, facts))
        if halves:
            raise RuleBroken(*halves)
        return found

    def shared(self) -> dict[str, Any]:
        """Return what holds for every row."""
        return {name: self._fields[name].data for name in ("performed_at", "performed_by_id", "sample", "sampled_at")}


def worksheet(tests: tuple[str, ...]) -> type[RecordForm]:
    """Return the form with a row for each of these tests."""
    boxes: dict[str, Any] = {"tests": tests}
    for key in tests:
        test = QC_TESTS[key]
        if test.outcomes is None:
            boxes[f"{key}_comparator"] = SelectField(
                "Comparator", choices={sign: sign for sign in COMPARATORS}, default="="
            )
            boxes[f"{key}_value"] = DecimalField("Result", unit=test.unit, possible=test.possible)
        else:
            boxes[f"{key}_outcome"] = SelectField("Outcome", choices=test.outcomes)
        boxes[f"{key}_pending"] = MultiSelectField("Pending", choices=PENDING, many=True)
        boxes[f"{key}_finding"] = StringField("Finding", hint="46,XY,16qh+ or the organism")
        boxes[f"{key}_method"] = StringField("Method")
        boxes[f"{key}_why"] = StringField("Reason for an unusual value", conditional=True)
    return type("ProductWorksheet", (Worksheet,), boxes)


def write_down(form: Worksheet, products: list[Product], *, by: User, at: datetime) -> list[QCResult]:
    """Return the results of all filled rows for each product, weighed by its protocol; every fault is named."""
    rows = form.filled()
    if not rows:
        raise RuleBroken("No result is entered. Enter at least one, or tick “Still pending”.")
    made, problems = [], []
    for product in products:
        for _test, facts in rows:
            try:
                made.append(one_result(product, by=by, at=at, **facts, **form.shared()))
            except RuleBroken as fault:
                problems += _at_boxes(fault, str(facts["test"]))
    if problems:
        raise RuleBroken(*dict.fromkeys(problems))
    return made


IN_THE_ROW = frozenset({"comparator", "value", "outcome", "pending", "finding", "method"})
"""Facts of a result that have a box in the row of its test."""


def _at_boxes(fault: RuleBroken, test: str) -> list[Problem]:
    """Return what a result says, each at its box on the worksheet; what it asks, at the box of the reason.

    What is said of a box that all rows share is said once, without the name of the test.
    """
    named, found = f"{QC_TESTS[test].label}: ", []
    for one in fault.problems:
        if one.field in IN_THE_ROW:
            found.append(Problem(one, f"{test}_{one.field}"))
        else:
            said = one.removeprefix(named)
            found.append(Problem(said[:1].upper() + said[1:], one.field))
    return found + [Problem(f"{asked.question} {asked.explain}", f"{test}_why") for asked in fault.questions]


def alarm(made: list[QCResult]) -> str:
    """Return in words which of some results are out of their limits; empty: none is (rules 40 to 43)."""
    outside = [one for one in made if one.verdict is Verdict.OUTSIDE or one.outcome not in {None, one.clean}]
    if not outside:
        return ""
    each = [f"{one.headline()}" + (f", limit {asked_for(one.spec)}" if one.spec is not None else "") for one in outside]
    return f"{len(outside)} of {len(made)} out of limits: {'; '.join(dict.fromkeys(each))}."


def _results(product: Product) -> list[QCResult]:
    session = object_session(product)
    return [] if session is None else around(session, product).on(product, QCResult)


def one_result(product: Product, *, by: User, at: datetime, **facts: Any) -> QCResult:
    """Log one result with the limit that judges it; it has to agree with what was counted (rules 38, 39)."""
    course, test, value = product.treatment, facts["test"], facts.get("value")
    if value is not None and not facts.get("confirmed", {}).get("value"):
        weight = course.patient.weight_at(at) if course is not None else None
        kg = weight.kg if weight else None
        said = ""
        if test == "cd34_dose":
            said = dose_disagrees(_results(product), value, volume=product.volume, kg=kg)
        said = said or count_disagrees(_run(product), product, test, value)
        if not said and facts.get("comparator", "=") == "=" and (said := amount_disagrees(product, test, value, kg)):
            said += f" {CONFIRM}"
        if said:
            raise RuleBroken(Problem(said, f"{test}_why", rule=38))
    result = QCResult.log(by=by, at=at, site_id=product.site_id, product=product, **facts)
    if product.judged_under is not None:
        result.weigh(product.judged_under)
    return result


def _run(product: Product) -> ProcessingRun | None:
    session = object_session(product)
    return session.get(ProcessingRun, product.run_id) if session is not None and product.run_id else None
