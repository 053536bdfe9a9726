"""The product's side of a history: each act by the product's own verbs, in a transaction that is judged as it commits.

A database is opened once; a history runs in one transaction of a connection that is rolled back afterwards, and each
act is a savepoint of it, with a session of its own. `Hands.do` returns "" or the sentence in which the product refused.
"""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from clinic import clock
from clinic.accounts.models import User
from clinic.administration import bedside
from clinic.administration.dose_plan import next_dose
from clinic.administration.models import BedsideCheck
from clinic.administration.step import ADMINISTRATION, given_in
from clinic.administration.vital_signs import VitalSigns
from clinic.consent.models import Consent
from clinic.course_records import around, load, of_course
from clinic.eligibility.models import Eligibility
from clinic.errors import RuleBroken, StepBlocked, Unconfirmed
from clinic.harvest.models import Harvest
from clinic.inventory import custody
from clinic.ledger.listener import set_actor
from clinic.patients import merging
from clinic.patients.donors import Donor, DonorEligibility
from clinic.patients.models import Patient, Weight
from clinic.processing.manipulations import Manipulation
from clinic.processing.models import ProcessingRun
from clinic.products.models import Movement, Product
from clinic.protocols.models import ProtocolVersion
from clinic.records import Meaning
from clinic.release.models import Release, decide
from clinic.release.points import RELEASING
from clinic.release.results import QCResult
from clinic.release.step import RELEASE, before
from clinic.treatments.models import Stop, Treatment
from tests.proof.book import OF_COURSE, PERSONAL

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from sqlalchemy import Connection

TABLES: dict[str, type[Any]] = {
    "patients": Patient, "weights": Weight, "donors": Donor, "determinations": DonorEligibility, "consents": Consent,
    "eligibilities": Eligibility, "courses": Treatment, "harvests": Harvest, "runs": ProcessingRun, "bags": Product,
    "results": QCResult, "decisions": Release, "moves": Movement,
}  # fmt: skip
VITALS = {"spo2": Decimal(98), "temperature": Decimal("36.6"), "systolic": 124, "diastolic": 78, "pulse": 72}
SURE = "asked the patient, and compared with the chart"
EXCEPTION = {
    "physician_told": "Dr I. Novak, 09:00", "benefit_risk": "The benefit is larger.", "patient_told": True,
    "follow_up_plan": "Cultures after one week.",
}  # fmt: skip
DAY = timedelta(days=1)


class Hands:
    """Staff who act on one connection. ``ids``: name → id of every row that a history can name."""

    def __init__(self, connection: Connection, ids: dict[str, str]) -> None:
        self.connection, self.ids = connection, dict(ids)
        self.session: Any = None
        self.warned: dict[tuple[str, str], set[int]] = {}

    def do(self, act: dict[str, Any]) -> str:
        """Do one act and commit it; return "", or why the product refused."""
        with Session(self.connection, join_transaction_mode="create_savepoint") as self.session:
            set_actor(self.session, self.ids[act["by"]], "a history of the proof")
            try:
                row = getattr(self, f"_{act['do']}")(act, self.who(act["by"]))
                self.session.flush()
                made = row.id if row is not None else ""
                self.session.commit()
            except (RuleBroken, IntegrityError) as refusal:  # the database itself knows that two people are two
                self.session.rollback()
                return str(refusal)
            if "name" in act:
                self.ids[act["name"]] = made
        return ""

    def ask(self, pairs: Iterable[tuple[str, str]]) -> dict[tuple[str, str], list[tuple[int, str]]]:
        """Return of each bag and course why the product's gate refuses now; empty: it would give."""
        asked = list(pairs)
        if not asked:
            return {}
        with Session(self.connection, join_transaction_mode="create_savepoint") as self.session:
            courses = list({self.ids[course] for _bag, course in asked})
            bags = list({self.ids[bag] for bag, _course in asked})
            shared = load(self.session, courses, product_ids=bags)
            told, bedside.load = bedside.load, lambda _session, ids, **_more: {ids[0]: shared[ids[0]]}
            try:
                found = {}
                for bag, course in asked:
                    with shared[self.ids[course]].unchanged():
                        found[bag, course] = self._gate(bag, course)
                return found
            finally:
                bedside.load = told

    def ask_as_the_page_does(self, bag: str, course: str) -> list[tuple[int, str]]:
        """Return what the gate says of one bag with records that are read for it alone."""
        with Session(self.connection, join_transaction_mode="create_savepoint") as self.session:
            return self._gate(bag, course)

    def next_dose(self, course: str) -> tuple[int, Any] | None:
        """Return which dose of a course comes next by the product, and the day from which it is due."""
        with Session(self.connection, join_transaction_mode="create_savepoint") as self.session:
            records = of_course(self.session, self.row("courses", course))
            coming = next_dose(records, [one for one in given_in(records) if one.counts], clock.now())
            if coming is None:
                return None
            return coming.number, clock.day(coming.due_at, records.zone) if coming.due_at is not None else None

    def _gate(self, bag: str, course: str) -> list[tuple[int, str]]:
        at, nurse = clock.now(), self.who("nurse")
        one = self.row("courses", course)
        try:
            signs = VitalSigns.log(by=nurse, at=at, performed_by=nurse, performed_at=at, treatment_id=one.id, **VITALS)
        except RuleBroken as no:  # nobody measures the vital signs of the dead
            return [(65, str(no))]
        with self.session.no_autoflush:
            found = bedside.gather(
                self.session, one, by=nurse, at=at, second=self.who("physician"), patient_scan=one.patient_id,
                product_scan=self.ids[bag], vitals=signs,
            )  # fmt: skip
            verdict = bedside.judge(found, at)
        self.warned[bag, course] = {line.rule for line in verdict.warnings}
        return [(reason.rule, reason.because) for reason in verdict.blocked]

    def row(self, table: str, name: str) -> Any:
        """Return the row behind a name."""
        return self.session.get(TABLES[table], self.ids[name])

    def who(self, name: str) -> User:
        """Return somebody of the staff."""
        return self.session.get(User, self.ids[name])

    def _log(self, kind: type[Any], by: User, **facts: Any) -> Any:
        """Record something now, past the questions."""
        facts = {"performed_at": clock.now(), "performed_by": by, **facts}
        made = _sure(lambda confirmed: kind.log(by=by, at=clock.now(), confirmed=confirmed, **facts))
        self.session.add(made)
        return made

    # the acts, in the order of a course

    def _weigh(self, act: dict[str, Any], by: User) -> Any:
        who = self.row("patients", act["patient"])
        return self._log(Weight, by, patient=who, kg=act["kg"], performed_at=act["at"])

    def _allergy(self, act: dict[str, Any], by: User) -> Any:
        said = {"not_asked": ("not_asked", None), "none": ("none_known", None)}
        status, words = said.get(act["said"], ("present", act["said"]))
        self._amended("patients", act["patient"], by, allergy_status=status, allergies=words)

    def _die(self, act: dict[str, Any], by: User) -> Any:
        self._amended("patients", act["patient"], by, died_on=act["on"])

    def _determine(self, act: dict[str, Any], by: User) -> Any:
        return self._log(
            DonorEligibility, by, donor=self.row("donors", act["donor"]), markers=act["markers"],
            outcome=act["outcome"], sample_taken_on=act["sample_on"], urgent_need=act["urgent"],
            urgent_for=self.row("patients", act["for"]) if act["for"] else None, **self._told(act["told"]),
        )  # fmt: skip

    def _told(self, who: str | None) -> dict[str, Any]:
        informed = self.who(who) if who else None
        return {"told": informed, "physician_told": informed.printed_name if informed is not None else None}

    def _consent(self, act: dict[str, Any], by: User) -> Any:
        version = self.session.get(ProtocolVersion, self.ids[f"version.{act['protocol']}"])
        return self._log(
            Consent, by, patient=self.row("patients", act["patient"]), protocol_version=version, scope="treatment",
            form_version="4", signer="patient", signer_name="the patient", expires_on=act["until"],
        )  # fmt: skip

    def _withdraw(self, act: dict[str, Any], by: User) -> Any:
        consent = self.row("consents", act["consent"])
        consent.withdraw(by=by, at=clock.now(), performed_at=clock.now(), performed_by=by)

    def _decide_eligibility(self, act: dict[str, Any], by: User) -> Any:
        return self._log(
            Eligibility, by, treatment=self.row("courses", act["course"]), active_infection=False,
            pregnancy="not_applicable", malignancy=False, eligible=act["yes"],
            reasons=None if act["yes"] else PERSONAL if act["personal"] else OF_COURSE,
        )  # fmt: skip

    def _stop(self, act: dict[str, Any], by: User) -> Any:
        course = self.row("courses", act["course"])
        if course.stop is not None:
            raise RuleBroken("stopped already")
        self._log(Stop, by, treatment=course, reason="the patient moved away")

    def _result(self, act: dict[str, Any], by: User) -> Any:
        bag = self.row("bags", act["bag"])
        one = self._log(
            QCResult, by, product=bag, test=act["test"], value=act["value"], outcome=act["outcome"],
            pending=act["pending"], sampled_at=act["sampled_at"], performed_at=act["at"],
            finding="Staphylococcus" if act["outcome"] in {"growth", "organisms"} else None,
        )  # fmt: skip
        if bag.judged_under is not None:
            one.weigh(bag.judged_under)
        return one

    def _decide(self, act: dict[str, Any], by: User) -> Any:
        bag, kind, more = self.row("bags", act["bag"]), act["kind"], {"reason": "see the file"}
        if kind in RELEASING:
            records = around(self.session, bag)
            if bag.treatment is not None:
                RELEASE.admit(records, by=by, at=clock.now())
            if reasons := before(records, bag, clock.now()):
                raise StepBlocked(RELEASE.title, reasons)
        if kind != "conforms":
            more |= {"physician_told": EXCEPTION["physician_told"]}
        if kind == "exceptional":
            more |= EXCEPTION | {"requested_by": self.who("physician")}
        made = decide(bag, bag.judged_under, by=by, at=clock.now(), decision=kind, **more)
        self.session.add(made)
        return made

    def _assign(self, act: dict[str, Any], by: User) -> Any:
        custody.assign(self.row("bags", act["bag"]), self.row("courses", act["course"]), by=by, at=clock.now())

    def _move(self, act: dict[str, Any], by: User) -> Any:
        leaks = act["kind"] == "discarded" or act.get("intact") is False
        facts = {"reason": "the bag leaks" if leaks else "for the next step", "handed_to": "Nadia Rask"}
        if act["kind"] in {"received", "returned", "issued"}:
            facts |= {"intact": act["intact"], "temperature": Decimal(20)}
        bag = self.row("bags", act["bag"])
        if act["kind"] == "stored" and bag.thawed_at is not None:
            facts |= {"temperature": Decimal(4)}
        return custody.move(bag, kind=act["kind"], by=by, at=clock.now(), place="Bench 1", **facts)

    def _run(self, act: dict[str, Any], by: User) -> Any:
        """Make bags of others, in their course or for the bank; ``late``: containers are recorded before the steps."""
        bags, at = [self.row("bags", one) for one in act["inputs"]], clock.now()
        run = self._log(
            ProcessingRun, by, treatment=bags[0].treatment, protocol_version=bags[0].judged_under,
            preparation="a run of the proof", performed_at=act["at"], added_volume=act["added"] or None,
        )  # fmt: skip
        self.session.flush()
        for bag in bags:
            run.take(bag, by=by, at=act["at"])
        made = self._filled(run, bags, act, by, at) if act["late"] else []
        for step in act["steps"]:
            self._enter(run, step, by)
        made = made or self._filled(run, bags, act, by, at)
        _sure(lambda confirmed: run.finish(at=at, ended_at=at, confirmed=confirmed))
        self.session.flush()
        self.ids |= {name: one.id for name, one in zip(act["bags"], made, strict=True)}
        return run

    def _filled(self, run: Any, bags: list[Any], act: dict[str, Any], by: User, at: Any) -> list[Any]:
        """Fill all that went in and was added into containers of one size."""
        whole = sum((one.amount for one in bags), Decimal(0))
        size = len(act["bags"])
        made = [
            run.make(
                by=by, at=at, volume=(sum((one.volume for one in run.inputs), Decimal(0)) + act["added"]) / size,
                name="Cells to give", cell_type="msc", measure=bags[0].measure, amount=whole / size,
            )
            for _name in act["bags"]
        ]  # fmt: skip
        self.session.add_all(made)
        return made

    def _enter(self, run: Any, step: dict[str, Any], by: User) -> None:
        """Record one step of a run; its moments are counted from the beginning of the run."""
        told = {
            "performed_by": by, "performed_at": run.performed_at + step["from"],
            "ended_at": run.performed_at + step["to"], "run_id": run.id, "kind": step["kind"],
        }  # fmt: skip

        def enter(confirmed: dict[str, str]) -> None:
            part = Manipulation.log(by=by, at=clock.now(), confirmed=confirmed, **told)
            try:
                run.enter(part)
            except Unconfirmed:
                run.manipulations.remove(part)
                raise

        _sure(enter)

    def _step(self, act: dict[str, Any], by: User) -> Any:
        run = self.row("runs", act["run"])
        self._enter(run, act, by)

    def _use_before(self, act: dict[str, Any], by: User) -> Any:
        self._amended("bags", act["bag"], by, expires_at=act["end"])

    # two records of one person

    def _propose(self, act: dict[str, Any], by: User) -> Any:
        patient, merged = self.row("patients", act["patient"]), self.row("patients", act["merged"])
        return _sure(
            lambda confirmed: merging.propose(
                self.session, patient, merged, by=by, at=clock.now(), reason="identity card seen", confirmed=confirmed
            )
        )

    def _confirm_merge(self, act: dict[str, Any], by: User) -> Any:
        self.session.get(merging.PatientMerge, self.ids[act["merge"]]).confirm(by=by, at=clock.now())

    def _undo_merge(self, act: dict[str, Any], by: User) -> Any:
        one = self.session.get(merging.PatientMerge, self.ids[act["merge"]])
        one.ask_to_undo(by=by, at=clock.now(), reason="another person")
        if one.undone_at is None:
            one.undo(by=self.who(act["second"]), at=clock.now())

    def _confirm(self, act: dict[str, Any], by: User) -> Any:
        """Confirm what somebody else took back of a patient's record."""
        for one in self.row("patients", act["patient"]).unconfirmed:
            if one.amended_by_id != by.id:
                one.confirm(by=by, at=clock.now())

    def _sign(self, act: dict[str, Any], by: User) -> Any:
        record = self.row(act["table"], act["record"])
        meaning: Any = Meaning.RELEASE if act["table"] == "decisions" else Meaning.AUTHORSHIP
        if act["table"] == "runs":
            meaning = record.meaning_for(by)
        elif act["table"] == "consents" and record.critical_corrections() and record.performed_by_id != by.id:
            meaning = Meaning.VERIFICATION  # whoever did not obtain it can only confirm a correction, as the page asks
        record.sign(by=by, at=clock.now(), meaning=meaning)

    def _amend(self, act: dict[str, Any], by: User) -> Any:
        self._amended(act["table"], act["record"], by, **act["changes"])

    def _amended(self, table: str, name: str, by: User, **changes: Any) -> None:
        record = self.row(table, name)
        _sure(
            lambda confirmed: record.amend(
                changes | ({"confirmed": record.confirmed | confirmed} if confirmed else {}),
                by=by, at=clock.now(), reason="slip of the pen",
            )
        )  # fmt: skip

    def _check(self, act: dict[str, Any], by: User) -> Any:
        course = self.row("courses", act["course"])
        made = bedside.read(
            self.session, course, by=by, at=clock.now(), second=self.who(act["second"]),
            patient_scan=course.patient_id, product_scan=self.ids[act["bag"]], vitals=dict(VITALS),
        )  # fmt: skip
        if not made.clear:
            self.session.flush()
            raise RuleBroken(" ".join(f"[{one['rule']}] {one['because']}" for one in made.reasons))
        return made

    def _begin(self, act: dict[str, Any], by: User) -> Any:
        check: Any = self.session.get(BedsideCheck, self.ids[act["check"]])
        course = check.treatment
        bedside.must_be_usable(check, course, clock.now())
        ADMINISTRATION.admit(of_course(self.session, course), by=by, at=clock.now())
        return bedside.give(
            self.session, check, by=by, at=clock.now(), performed_at=clock.now(), performed_by_id=by.id,
            because=SURE, route=course.route, body_site="peripheral_vein", side=None, premedication="given",
            volume_issued=check.product.volume, filter_used=False,
        )  # fmt: skip


def _sure(write: Callable[[dict[str, str]], Any]) -> Any:
    """Write something, answering each question that is asked about it with a reason."""
    try:
        return write({})
    except Unconfirmed as asked:
        return write({question.name: SURE for question in asked.questions})
