"""A test result, judged by the limit of the protocol version; the limit stays beside the result (law 4)."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import CheckConstraint, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from clinic import wording
from clinic.clock import is_later
from clinic.errors import Problem, Question, RuleBroken
from clinic.fields import Range, field, fields_of, plain
from clinic.model import reference
from clinic.products.models import Product
from clinic.protocols.catalogues import CLEAN, QC_TESTS, labels
from clinic.protocols.content import QCSpec, with_unit
from clinic.records import Meaning, Record
from clinic.release.germ_words import names_something, not_known_yet
from clinic.release.sample_times import out_of_time
from clinic.release.told_growth import asked_about, contradicts, growth_told, how_told, waiting_for_a_second

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from clinic.accounts.models import User
    from clinic.protocols.models import ProtocolVersion
    from clinic.records import Amendment, Signature


@cache
def usual_limit(test: str | None) -> QCSpec | None:
    """Return the limit that the catalogue sets for a test that no protocol asks for; None where there is none."""
    known = QC_TESTS.get(test or "")
    if known is None or known.usual is None:
        return None
    spec = QCSpec(test=known.key, mandatory=False, source="Usual limit of the test")
    update = {"accepted": known.usual} if isinstance(known.usual, str) else {"limit": known.usual}
    return spec.model_copy(update=update)


COMPARATORS = {"=": "=", "<": "less than", ">": "more than", "≤": "at most", "≥": "at least"}


class Verdict(StrEnum):
    """What a result means against its limit."""

    WITHIN = "within"
    OUTSIDE = "outside"
    PENDING = "pending"
    RECORDED = "recorded"

    @property
    def label(self) -> str:
        """The word on the tag."""
        return {"within": "Within", "outside": "Out of limits", "pending": "Pending", "recorded": "Recorded"}[
            self.value
        ]


def judge(comparator: str, value: Decimal, limit: Range) -> bool:
    """Return whether every value that a result can stand for lies in the limit.

    ``<0.05`` stands for 0 up to 0.05; it passes “0.5 or less” and fails “0.01 or less”, since nothing shows it.
    """
    if comparator == "=":
        return value in limit
    if comparator in {"<", "≤"}:
        low = Decimal(0) if value >= 0 else None
        if limit.low is not None and (low is None or low not in limit):
            return False
        return (
            limit.high is None or value < limit.high or (value == limit.high and (comparator == "<" or not limit.below))
        )
    if limit.high is not None:
        return False
    return limit.low is None or value > limit.low or (value == limit.low and (comparator == ">" or not limit.above))


class QCResult(Record):
    """One reading of one test on one product."""

    KIND = "QC"
    NOUN = "Test result"
    HAPPENED = "Read at"
    DONE = "Tested by"
    QUALIFIED = (("performed_by_id", 0),)
    QUALIFIED_IF = ("pending", frozenset({False}))
    QUALIFIED_FOR = ("processing", "release")
    CONFIRMS_NOTHING = frozenset({Meaning.REVIEW})  # a physician acknowledges it after the giving
    __table_args__ = (CheckConstraint("value IS NULL OR outcome IS NULL", name="value_or_outcome"),)

    product_id: Mapped[str] = reference("product")
    protocol_version_id: Mapped[str | None] = reference("protocol_version")
    test: Mapped[str | None] = field("Test", choices=labels(QC_TESTS), required=True, section="Result")
    comparator: Mapped[str] = field("Comparator", choices=COMPARATORS, section="Result", default="=")
    value: Mapped[Decimal | None] = field("Result", section="Result")
    outcome: Mapped[str | None] = field("Outcome", section="Result")
    pending: Mapped[bool] = field("Result still pending", section="Result", default=False)
    finding: Mapped[str | None] = field("Finding", section="Result", hint="For example: 46,XY,16qh+ or the organism")
    method: Mapped[str | None] = field("Method", section="How")
    sample: Mapped[str | None] = field("Sample", section="How")
    sampled_at: Mapped[datetime | None] = field("Sample taken at", conditional=True, section="How")
    note: Mapped[str | None] = field("Note", Text, long=True, section="How")
    limit: Mapped[dict[str, Any] | None] = mapped_column(default=None)

    product: Mapped[Product] = relationship()
    protocol_version: Mapped[ProtocolVersion | None] = relationship("ProtocolVersion")

    def problems(self, *, at: datetime) -> list[str]:
        """Also: a measured test has a possible figure, a test with outcomes one of them, a pending one neither."""
        found = super().problems(at=at)
        test = QC_TESTS.get(self.test or "")
        if test is None:
            return found
        if self.pending:
            if self.value is not None or self.outcome is not None:
                found.append(Problem("A pending test has no result yet.", "pending"))
        elif test.outcomes is not None:
            if self.outcome not in test.outcomes:
                said = f"{test.label}: choose one of {', '.join(test.outcomes.values())}."
                found.append(Problem(said, "outcome"))
        elif self.value is None:
            found.append(Problem(f"{test.label}: the result is missing.", "value"))
        elif test.possible is not None and self.value not in test.possible:
            said = f"{test.label} must be {test.possible} {test.unit}, not {plain(self.value)}."
            found.append(Problem(said, "value"))
        if is_later(self, "sampled_at", self, "performed_at", self.zone):
            found.append(Problem(f"{test.label}: the sample was taken after the result was read.", "sampled_at"))
        found += contradicts(self, test) + out_of_time(self, test.label)
        if test.final_after_days and self.sampled_at is None and self.origin == "clinic":
            said = (
                f"{test.label}: enter when the sample was taken. The {test.final_after_days}-day culture counts from "
                "this time."
            )
            found.append(Problem(said, "sampled_at"))
        return found

    def questions(self) -> list[Question]:
        """Also rule 39: a figure that is possible, but whose unit was probably mistaken; rule 43: words of growth."""
        test = QC_TESTS.get(self.test or "")
        if test is not None and (name := asked_about(self)):
            text, what = getattr(self, name), fields_of(type(self))[name].label.lower()
            said = f"{test.label} is {self.words}, and the {what} {how_told(self, text)}: “{text}”. Is this right?"
            how = "Choose the other outcome, or give" if self.nothing_found else "Give"
            more = f"{how} the reason. Quality then decides on all containers that share the cells."
            return [Question(name, said, more, rule=43)]
        if test is None or test.expected is None or self.value is None or self.value in test.expected:
            return []
        said = f"{test.label}: {plain(self.value)} {test.unit} is not the expected {test.expected}. Is the unit right?"
        return [Question("value", said, "Give the reason (rule 39).")]

    @property
    def not_applicable(self) -> frozenset[str]:
        """A measured test has no outcome, and a test with outcomes no figure."""
        test = QC_TESTS.get(self.test or "")
        if test is None:
            return frozenset()
        return frozenset({"outcome"}) if test.outcomes is None else frozenset({"comparator", "value"})

    def unit_of(self, name: str) -> str:
        """Return the unit of the test for its figure."""
        test = QC_TESTS.get(self.test or "")
        return test.unit if test is not None and name == "value" else ""

    def choices_of(self, name: str) -> Mapping[str, str] | None:
        """Return the outcomes of the test."""
        test = QC_TESTS.get(self.test or "")
        return test.outcomes if test is not None and name == "outcome" else None

    @property
    def final_at(self) -> datetime | None:
        """When a growth-free culture may first be called final; None for a test that needs no waiting (rule 44)."""
        test = QC_TESTS.get(self.test or "")
        if test is None or not test.final_after_days or self.sampled_at is None:
            return None
        return self.sampled_at + timedelta(days=test.final_after_days)

    @property
    def clean(self) -> str | None:
        """The one good outcome of a test for germs; of another test its own outcome, which only a limit judges."""
        test = QC_TESTS.get(self.test or "")
        return test.clean if test is not None and test.clean is not None else self.outcome

    @property
    def nothing_found(self) -> bool:
        """Whether it says that what it looks for is not there, or not yet: a clean outcome, or a pending one."""
        test = QC_TESTS.get(self.test or "")
        good = test.nothing_found if test is not None else None
        return good is not None and (self.pending or self.outcome == good)

    @property
    def names_germs(self) -> bool:
        """Whether its finding names something although its outcome is clean or pending: it counts as found."""
        return self.nothing_found and names_something(self.finding)

    @property
    def notes_growth(self) -> str:
        """The words beside it that tell of growth although its result does not: quality reads them; "" (rule 43)."""
        return growth_told(self)

    @property
    def still_awaited(self) -> bool:
        """Whether its outcome is clean, and its finding says that the result is not known yet: it is not, then."""
        return self.nothing_found and not self.pending and not_known_yet(self.finding, early=self.interim)

    @property
    def interim(self) -> bool:
        """Whether it was read before its days were over: “no growth so far”. Growth is final at once.

        What came in about cells that are still here says when its sample was taken, or was too young (rule 44).
        """
        if self.outcome is None or self.outcome != self.clean:
            return False
        came_in = self.origin == "imported" and not (self.product.given or self.product.discarded)
        final, read = self.final_at, self.performed_at or (self.recorded_at if came_in else None)
        if final is None:
            test = QC_TESTS.get(self.test or "")
            return came_in and test is not None and bool(test.final_after_days)
        return read is not None and read < final

    def critical_corrections(self) -> list[Amendment]:
        """Return the corrections that a second person confirms, see `waiting_for_a_second`."""
        return waiting_for_a_second(self)

    def sign(self, *, by: User, at: datetime, meaning: Meaning = Meaning.AUTHORSHIP) -> Signature:
        """Sign; a physician acknowledges what came to light after the container was given."""
        if meaning is Meaning.REVIEW and not self.product.given:
            raise RuleBroken("Physicians acknowledge a result that came to light after the cells were given.")
        return super().sign(by=by, at=at, meaning=meaning)

    def weigh(self, version: ProtocolVersion) -> None:
        """Keep beside the result the limit of a protocol version, which judges it from now on."""
        spec = next((spec for spec in version.says.qc if spec.test == self.test), None)
        self.protocol_version, self.protocol_version_id = version, version.id
        self.limit = spec.model_dump(mode="json") if spec else None

    @property
    def spec(self) -> QCSpec | None:
        """The limit that judged it; where the protocol does not ask for the test, the usual one of the catalogue."""
        return QCSpec.model_validate(self.limit) if self.limit else usual_limit(self.test)

    @property
    def needs_authorization(self) -> bool:
        """Whether who tested must be authorized: a finding against the cells counts at once (rule 43)."""
        return super().needs_authorization and self.verdict is not Verdict.OUTSIDE

    @property
    def verdict(self) -> Verdict:
        """Return what the result means against the limit that was kept with it."""
        return self.against(self.spec)

    def against(self, spec: QCSpec | None) -> Verdict:
        """Return what the result means against a limit; germs that its finding names count, see `names_germs`."""
        if self.names_germs:
            return Verdict.OUTSIDE
        if self.pending or self.interim or self.still_awaited:
            return Verdict.PENDING
        if spec is None or (spec.limit is None and spec.accepted is None):
            return Verdict.RECORDED
        if spec.accepted is not None:
            right = self.outcome == spec.accepted
        else:
            right = self.value is not None and judge(self.comparator, self.value, spec.limit or Range())
        return Verdict.WITHIN if right else Verdict.OUTSIDE

    @property
    def words(self) -> str:
        """The result as it was written: “< 0.05 EU/mL”, “No growth”."""
        test = QC_TESTS[self.test or ""]
        if self.pending or self.outcome is not None:
            said = "pending" if self.pending else (test.outcomes or {}).get(self.outcome or "", self.outcome or "")
            said += " so far" if self.interim else ""
            if self.still_awaited:
                return f"{said}, but the finding says “{self.finding}”"
            return f"{said}, but the finding names “{self.finding}”" if self.names_germs else said
        sign = "" if self.comparator == "=" else f"{self.comparator} "
        return f"{sign}{plain(self.value)} {test.unit}".strip()

    def headline(self) -> str:
        return f"{QC_TESTS[self.test or ''].label} {self.words}"


def contaminated(result: QCResult) -> bool:
    """Whether a result found germs: not the one good outcome, or a finding that names some beside it (rule 43)."""
    good = CLEAN.get(result.test or "")
    return good is not None and (result.outcome not in {None, good} or result.names_germs)


def standing(results: Iterable[QCResult], test: str) -> list[QCResult]:
    """Return the readings of one test that count: a final result ends the pending ones before it."""
    readings = [result for result in results if result.test == test]
    done = [result for result in readings if result.verdict is not Verdict.PENDING]
    return done or readings[-1:]


def outside(results: Iterable[QCResult], limits: Mapping[str, QCSpec]) -> list[str]:
    """Return each reading that counts and is out of its limit: “Viability 61 %, limit 70 % or more”.

    ``limits`` are those of the present version; a test that it does not ask for keeps the limit of its result.
    """
    read, found = list(results), []
    for test in dict.fromkeys(result.test or "" for result in read):
        for result in standing(read, test):
            spec = limits.get(test) or result.spec
            if spec is not None and result.against(spec) is Verdict.OUTSIDE:
                found.append(f"{QC_TESTS[test].label} {result.words}, limit {asked_for(spec)}")
    return found


def asked_for(spec: QCSpec) -> str:
    """Return a limit as a sentence has it: “70 % or more”, “No growth”, “recorded” where nothing is judged."""
    test = QC_TESTS[spec.test]
    if spec.limit is not None:
        return with_unit(spec.limit, test.unit)
    return (test.outcomes or {}).get(spec.accepted or "", "recorded")


def _people(readings: list[QCResult]) -> list[Any]:
    """Return the different people who made some readings; two accounts of one person are one."""
    found: list[Any] = []
    for who in (reading.performed_by for reading in readings):
        if who is not None and not any(who.is_same_person(other) for other in found):
            found.append(who)
    return found


def _until(reading: QCResult) -> str:
    """Return until when a culture is awaited, and why what was read of a sample is not final yet."""
    if reading.final_at is None:
        return ". When its sample was taken is not recorded: amend the result" if reading.interim else ""
    final = wording.moment(reading.final_at, reading.zone)
    if reading.interim:
        return f": its sample is too young. “{reading.words}” is final from {final} on"
    return f": final on {final}"


def unmet(version: ProtocolVersion, results: list[QCResult]) -> list[tuple[QCSpec, str, bool]]:
    """Return each mandatory test that does not stand within its limit: spec, sentence, and whether it may be pending.

    Every final reading counts: one good repeat does not hide a bad result. The limit is the version's own, also where
    the result was judged under another one before the cells were assigned.
    """
    found = []
    for spec in version.says.qc:
        if not spec.mandatory:
            continue
        label = QC_TESTS[spec.test].label
        readings = standing(results, spec.test)
        done = [reading for reading in readings if reading.against(spec) is not Verdict.PENDING]
        outside = [reading for reading in done if reading.against(spec) is Verdict.OUTSIDE]
        readers = _people(done)
        if outside:
            found.append((spec, f"{label} is {outside[-1].words}; the protocol requires {asked_for(spec)}.", False))
        elif not readings:
            found.append((spec, f"{label} has no result.", spec.may_be_pending))
        elif not done:
            found.append((spec, f"{label} is pending{_until(readings[-1])}.", spec.may_be_pending))
        elif len(readers) < spec.readers and done[-1].origin == "clinic":
            found.append((spec, f"{label} was read by {len(readers)} of {spec.readers} people.", False))
    return found
