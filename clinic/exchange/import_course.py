"""Make records of one row: a patient, or a patient's whole course as it was published or kept elsewhere."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import inspect

from clinic.errors import Problem, RuleBroken, naming
from clinic.exchange import parse_cell
from clinic.exchange.import_checks import Fault, Given, donor_faults, dose_faults, given_faults, order_faults
from clinic.exchange.import_days import first_span
from clinic.exchange.import_deaths import death_faults
from clinic.exchange.import_followup import visits_to_come
from clinic.exchange.import_given import bedside_faults, volume_faults
from clinic.exchange.import_known import contradictions
from clinic.exchange.import_people import KnownDonors, donor_asked
from clinic.exchange.import_products import SAMPLE, cell_faults, result_faults, sampling
from clinic.exchange.import_survival import survival_faults
from clinic.exchange.import_targets import PARTS, Slot
from clinic.exchange.import_visits import visits_told
from clinic.fields import fields_of
from clinic.followup.models import OutcomeScore, PlannedVisit
from clinic.patients.donors import Donor
from clinic.patients.models import Weight
from clinic.products.donation_numbers import parse_din
from clinic.products.models import Movement
from clinic.protocols.catalogues import DOSE_MEASURES, INSTRUMENTS, QC_TESTS, SOURCES, class_name
from clinic.records import Entry, Origin
from clinic.release.results import QCResult

if TYPE_CHECKING:
    from collections.abc import Callable

    from clinic.accounts.models import User
    from clinic.exchange.import_known import Known
    from clinic.protocols.models import ProtocolVersion


@dataclass(kw_only=True)
class History:
    """The records of one row as they come to be, and its problems. ``reason``: why required facts are missing.

    ``slots``: from which cell each record comes, by its id. ``notes``: what is possible but unlikely; it comes in, and
    whoever imports is told (rule 39).
    """

    row: int
    given: dict[Slot, Given]
    by: User
    at: datetime
    note: str
    reason: str
    not_recorded: dict[str, str]
    visit_names: dict[str, tuple[str, int | None]]
    version_of: Callable[[str], ProtocolVersion | None]
    donors: KnownDonors
    known: Known
    confirmed: dict[str, str] = field(default_factory=dict)
    content: str = ""
    written_content: str = ""
    source_key: str = ""
    records: list[Entry | PlannedVisit] = field(default_factory=list)
    slots: dict[str, Slot] = field(default_factory=dict)
    problems: list[Fault] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def build(self, kind: str) -> None:
        """Make the records of a kind of import; what is wrong goes to ``problems``."""
        patient = self.make("patient", "")
        if self._has("weight", "kg"):
            self.make("weight", "", patient=patient, patient_id=patient.id)
        if kind == "courses":
            self._course(patient)

    def _course(self, patient: Any) -> None:
        version = self._version()
        if version is None:
            return
        donor = self._donor(patient)
        course = self.make(
            "treatment",
            "",
            patient=patient,
            patient_id=patient.id,
            donor=donor,
            protocol_version=version,
            protocol_version_id=version.id,
        )
        try:
            course.begin(facility_code=self.by.site.facility_code)
        except RuleBroken as fault:
            self._fault(Slot(part="treatment", name="protocol"), str(fault))
        self.problems += [self.fault(Slot(part="donor", name="kind"), said) for said in course.donor_problems(donor)]
        of_course = {"treatment": course, "treatment_id": course.id}
        if any(self._has(part) for part in ("harvest", "product", "administration", "qc")):
            self._cells(course, donor, version)
        told = visits_told(self, of_course)
        told += [
            (Slot(part="event", key=key, name="outcome"), self.make("event", key, **of_course))
            for key in self._keys("event")
        ]
        self._deaths(patient, told)
        self.problems += survival_faults(self, patient, first_span(self), course)
        self.records += visits_to_come(self.records, course, patient, by=self.by, at=self.at)

    def _deaths(self, patient: Any, told: list[tuple[Slot, Any]]) -> None:
        """Judge what visits and events tell of a death; that its day is not known is written down of a new patient."""
        self.problems += death_faults(self, patient, told)

    def _version(self) -> ProtocolVersion | None:
        wanted = Slot(part="treatment", name="protocol")
        code = self.text_of(wanted)
        version = self.version_of(code) if code else None
        if version is None:
            self._fault(wanted, "the code of a protocol that is published here")
        return version

    def _donor(self, patient: Any) -> Any:
        if self.text_of(Slot(part="treatment", name="relation")) == "autologous" and not self._has("donor"):
            own = self.known.own_donor(patient)
            return own or self._check(
                "donor", "", Donor(**self._common({}), kind="self", patient=patient, patient_id=patient.id)
            )
        number = self.text_of(Slot(part="donor", name="donor_number"))
        known = self.known.donor(number)
        if known is not None:
            contradictions(self, known, "donor")
            return known
        related = {"relative_of": patient, "relative_of_id": patient.id}
        own = {"patient": patient, "patient_id": patient.id}
        kind = self.text_of(Slot(part="donor", name="kind"))
        donor = self.make("donor", "", **{"self": own, "related": related}.get(kind or "", {}))
        self.problems += donor_faults(self, donor, patient) + donor_asked(self, donor)
        self.known.learn_donor(number, donor)
        return donor

    def _cells(self, course: Any, donor: Any, version: ProtocolVersion) -> None:
        of_course = {"treatment": course, "treatment_id": course.id}
        harvest = self.make("harvest", "", donor=donor, source=course.source, **of_course)
        cell_type = version.says.cell_type
        name = class_name(cell_type, course.source) if course.source in SOURCES else ""
        product = self.make(
            "product",
            "",
            donor=donor,
            donor_id=donor.id,
            harvest_id=harvest.id,
            name=name or harvest.product_name,
            cell_type=cell_type,
            source=harvest.source,
            relation=course.relation,
            division="A",
            preparation=version.says.preparation if self._has("product", "preparation") else None,
            **of_course,
        )
        was_given = self._has("administration")
        self.problems += order_faults(self, harvest, product) + volume_faults(self, harvest, product)
        self.problems += cell_faults(self, course, harvest, product, given=was_given)
        for wanted in [s for s in self.given if s.part == "qc" and s != SAMPLE]:
            self._result(wanted, product, version, harvest)
        if was_given:
            given = self.make(
                "administration",
                "",
                product=product,
                product_id=product.id,
                route=course.route,
                measure=version.says.dose.measure,
                **of_course,
            )
            self.problems += [
                *dose_faults(self, given, product, self._weight()),
                *given_faults(self, given, harvest, product),
                *bedside_faults(self, given, product, course.patient),
            ]
            self._work_out(given, product)
            self._use_up(given, product, course)

    def _weight(self) -> Weight | None:
        return next((record for record in self.records if isinstance(record, Weight)), None)

    def _use_up(self, given: Any, product: Any, course: Any) -> None:
        """End the container's way: what was given is not received, processed, released or given again."""
        happened = {"performed_at": given.performed_at, "performed_by_id": given.performed_by_id}
        missing = {name: given.not_recorded.get(name) or self._reason_for(name) for name in happened}
        known = given.precision_of("performed_at")
        movement = Movement(
            **self._common({name: why for name, why in missing.items() if why and happened[name] is None}),
            kind="given",
            place=course.chain_of_identity or None,
            product=product,
            product_id=product.id,
            performed_at=given.performed_at,
            course_day=given.course_day,
            precision={"performed_at": known} if known else None,
        )
        self._check("administration", "", movement)

    def _work_out(self, given: Any, product: Any) -> None:
        weight = self._weight()
        if weight is not None and given.weight_kg in {None, weight.kg}:
            given.weight_id, given.weight_kg = weight.id, weight.kg
        if product.amount is not None and given.dose is None:
            given.work_out_dose(weight)
        elif given.dose_per_kg is not None and not given.working:
            unit = DOSE_MEASURES[given.measure].unit_per_kg if given.measure in DOSE_MEASURES else ""
            given.working = f"{given.dose_per_kg} {unit} as the source gives it".replace("  ", " ")

    def _result(self, wanted: Slot, product: Any, version: ProtocolVersion, harvest: Any) -> None:
        text = self.text_of(wanted)
        if text is None:
            return
        test, facts = QC_TESTS[wanted.name], {}
        try:
            if test.outcomes is not None:
                facts["outcome"] = parse_cell.one_of(text, dict(test.outcomes))
            else:
                facts["comparator"], facts["value"] = parse_cell.comparator(text)
        except parse_cell.NotThat as fault:
            self._fault(wanted, f"{fault} ({test.label})")
            return
        result = QCResult(
            **self._common(_absent(QCResult, facts | {"test": wanted.name}, self._reason_for)),
            **sampling(self),
            product=product,
            test=wanted.name,
            **facts,
        )
        result.weigh(version)
        self._check("qc", "", result, wanted)
        self.problems += result_faults(self, result, harvest, given=self._has("administration"))

    def score(self, wanted: Slot, visit: Any, of_course: dict[str, Any], *, told: Any = None) -> None:
        """Make a score of a visit; ``told``: the visit as the row tells it, where another row or table made it."""
        given, told = self.given[wanted], told or visit
        if given.text is None and not given.never:
            return
        value = None
        if not given.never:
            try:
                value = parse_cell.score(given.text or "", INSTRUMENTS[wanted.name])
            except parse_cell.NotThat as fault:
                self._fault(wanted, f"{fault} ({INSTRUMENTS[wanted.name].label})")
                return
        dated = told if told.performed_at is not None else visit
        course_day = visit.course_day if told.course_day is None else told.course_day
        happened = {"performed_at": dated.performed_at, "course_day": course_day}
        if given.by_day is not None:
            happened = {"performed_at": None, "course_day": given.by_day}
        common = self._common(_absent(OutcomeScore, happened | {"instrument": wanted.name}, self._reason_for))
        known = dated.precision_of("performed_at") if given.by_day is None else ""
        common["precision"] = {"performed_at": known} if known else None
        stored = inspect(visit).persistent  # a list that the session keeps takes no record that is only tried
        score = OutcomeScore(
            **common,
            **({"visit_id": visit.id} if stored else {"visit": visit}),
            instrument=wanted.name,
            value=value,
            did_not_occur=given.never,
            treatment_id=of_course["treatment_id"],
            **happened,
        )
        self._check("score", wanted.key, score, wanted)

    def _has(self, part: str, name: str = "") -> bool:
        for at, said in self.given.items():
            if at.part == part and (said.text is not None or said.never) and (not name or at.name == name):
                return True
        return False

    def _keys(self, *parts: str) -> list[str]:
        return list(
            dict.fromkeys(s.key for s, g in self.given.items() if s.part in parts and (g.text is not None or g.never))
        )

    def reason_why(self, wanted: Slot) -> str:
        """Return why a fact is missing: half of a pair says what is known, else the mapping says it, or the cell."""
        given = self.given[wanted]
        why = self._reason_for(wanted.name) or f"{given.missing or 'empty'} in the table"
        return why if not given.missing or given.missing[0] == "“" else given.missing

    def text_of(self, wanted: Slot) -> str | None:
        given = self.given.get(wanted)
        return given.text if given else None

    def _fault(self, wanted: Slot, expected: str) -> None:
        self.problems.append(self.fault(wanted, expected))

    def fault(self, wanted: Slot, expected: str) -> Fault:
        """Return what is wrong with the cell from which a slot comes."""
        given = self.given.get(wanted)
        target = ".".join(part for part in (wanted.part, wanted.key, wanted.name) if part)
        return Fault(
            row=self.row, column=given.column if given else target, value=given.written if given else "",
            expected=expected,
        )  # fmt: skip

    def _reason_for(self, name: str) -> str:
        return self.not_recorded.get(name) or self.reason

    def _common(self, missing: dict[str, str]) -> dict[str, Any]:
        return {
            "site_id": self.by.site_id,
            "recorded_by": self.by,
            "recorded_by_id": self.by.id,
            "recorded_at": self.at,
            "origin": Origin.IMPORTED,
            "source_note": self.note,
            "not_recorded": missing,
        }

    def make(self, part: str, key: str, **related: Any) -> Any:
        """Make a record of what the row says about a part; ``related`` are its rows and what it follows from."""
        model, facts = PARTS[part], {name: value for name, value in related.items() if value is not None}
        missing = {}
        for wanted, given in self.given.items():
            if (wanted.part, wanted.key) != (part, key) or (part, wanted.name) == ("treatment", "protocol"):
                continue
            if given.text is None:
                missing |= {wanted.name: self.reason_why(wanted)} if given.missing else {}
                continue
            try:
                value: Any = parse_cell.cell(
                    given.text, model.__table__.columns[wanted.name], wanted.fact, self.by.site.zone
                )
                value = parse_din(value) if (part, wanted.name) == ("product", "din") else value
            except (parse_cell.NotThat, RuleBroken) as fault:
                label = wanted.fact.label if wanted.fact else wanted.name
                self._fault(wanted, naming(f"{fault} ({label})", wanted.fact.rule if wanted.fact else 0))
                facts.setdefault(wanted.name, None)
                missing[wanted.name] = "not read"
                continue
            if wanted.name == "not_recorded":
                missing |= value
                continue
            facts[wanted.name] = value
            known = parse_cell.precision(given.text) if isinstance(value, date) else ""
            if known and (isinstance(value, datetime) or known != "day"):
                facts["precision"] = facts.get("precision", {}) | {wanted.name: known}
        missing |= _absent(model, facts, self._reason_for)
        missing = {name: why for name, why in missing.items() if name not in facts or facts[name] is None}
        return self._check(
            part, key, model(**self._common(missing), **{n: v for n, v in facts.items() if v is not None})
        )

    def _check(self, part: str, key: str, record: Any, wanted: Slot | None = None) -> Any:
        record.fill_keys()
        declared, refused = fields_of(type(record)), set[str]()
        for sentence in record.problems(at=self.at):
            name = sentence.field if isinstance(sentence, Problem) else ""
            refused.add(name)
            missing = name in declared and sentence.startswith(declared[name].missing)
            said = naming("a value", sentence.rule) if missing and isinstance(sentence, Problem) else sentence
            self._fault(wanted or Slot(part=part, key=key, name=name), said)
        for column in record.__table__.columns:  # what no reason excuses: the database has no row without it
            empty = not column.nullable and column.name in declared and getattr(record, column.name) is None
            if empty and (record._excused(column.name) or not declared[column.name].required):  # noqa: SLF001
                self._fault(wanted or Slot(part=part, key=key, name=column.name), "a value; no reason replaces it")
        self._ask(part, key, record, wanted, refused)
        self.records.append(record)
        self.slots[record.id] = wanted or Slot(part=part, key=key, name="")
        return record

    def _ask(self, part: str, key: str, record: Any, wanted: Slot | None, refused: set[str]) -> None:
        """Ask what a form asks about facts that are possible and unusual; the answer stays with the record."""
        facts = ((name, fact) for name, fact in fields_of(type(record)).items() if name not in refused)
        single = [fact.question(name, getattr(record, name)) for name, fact in facts]
        for one in [*(question for question in single if question is not None), *record.questions()]:
            slot = wanted or Slot(part=part, key=key, name=one.name)
            ask = f"{part}.{slot.name}"
            reason = self.confirmed.get(ask) or self.confirmed.get(f"rule {one.rule}")
            if reason:
                record.confirmed = {**record.confirmed, one.name: reason}
                self.notes.append(f"Row {self.row}: {one.question} Confirmed: {reason}")
                continue
            rule = f" (rule {one.rule})" if one.rule and "(rule" not in one.question + one.explain else ""
            said = f"another figure: {one.question} {one.explain}{rule} If it is right, the mapping says why"
            fault = self.fault(slot, f"{said}: [confirmed] '{ask}' = '…'")
            self.problems.append(replace(fault, ask=ask))


def _absent(model: type[Any], facts: dict[str, Any], reason_for: Callable[[str], str]) -> dict[str, str]:
    """Return why each fact of a model that must be there or be explained is missing, where there is a reason."""
    found = {}
    for name, fact in fields_of(model).items():
        usual = "usual" in model.__table__.columns[name].info
        why = reason_for(name) or ("not in the table" if usual else "")
        needed = fact.required or usual or name in getattr(model, "EXPLAINED", ())
        if needed and facts.get(name) is None and why:
            found[name] = why
    return found
