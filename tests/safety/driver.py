"""A ward for stories: scenes from the factories, acts over HTTP as named people, and every refusal that was heard."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

import time_machine
from sqlalchemy import select

from clinic import clock
from clinic.administration.models import Administration, BedsideCheck
from clinic.harvest.models import Harvest
from clinic.patients.donors import BloodTyping, Donor, DonorEligibility
from clinic.processing.models import ProcessingRun
from clinic.products.models import Product
from clinic.protocols.catalogues import METHODS, SOURCES
from clinic.protocols.models import ProtocolVersion
from clinic.records import Meaning
from clinic.release.results import QCResult
from tests.bedside import tested
from tests.factories import PASSWORD, Team, boxes, stranger

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flask.testing import FlaskClient
    from sqlalchemy.orm import Session
    from werkzeug.test import TestResponse

    from clinic.patients.models import Patient
    from clinic.treatments.models import Treatment

VITALS = {"spo2": "98", "temperature": "36.6", "systolic": "124", "diastolic": "78", "pulse": "72"}
REFUSING = ("c-errsum", "c-block", "c-trouble", "c-problems", "c-err", "c-sure")
"""The parts of a page in which the product says no, or asks whether something is right."""


FORM = re.compile(r"<form\b.*?</form>", re.DOTALL)
AT_WORK = timedelta(minutes=5)  # how long a browser is used again in a story


class Sheet(HTMLParser):
    """The forms of a page as a browser would send them back, and the sentences in which the page refuses."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.forms: list[dict[str, list[str]]] = []
        self.asked: set[str] = set()
        self.refusals: list[str] = []
        self._select = self._area = ""
        self._depth = 0
        self.feed(html)

    def form(self, names: Iterable[str]) -> dict[str, list[str]]:
        """Return the form that has most of these boxes; the one with an idempotency key where none has any."""
        wanted = {re.sub(r"-[dmyt]$", "", name) for name in names}

        def fit(one: dict[str, list[str]]) -> tuple[int, bool]:
            return len(wanted & {re.sub(r"-[dmyt]$", "", name) for name in one}), "idempotency_key" in one

        return dict(max(self.forms, key=fit, default={}))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append({})
        elif self.forms and tag in {"input", "select", "textarea"} and said.get("name"):
            self._box(tag, said, self.forms[-1].setdefault(said["name"], []))
        elif tag == "option" and self._select and "selected" in said:
            self.forms[-1][self._select] = [said.get("value", "")]
        if self._depth and tag not in {"br", "hr", "img", "input"}:
            self._depth += 1
        elif not self._depth and {*REFUSING} & set(said.get("class", "").split()):
            self._depth = 1

    def _box(self, tag: str, said: dict[str, str], values: list[str]) -> None:
        if said["name"].endswith("-sure"):
            self.asked.add(said["name"].removesuffix("-sure"))
        if tag == "select":
            self._select = said["name"]
        elif tag == "textarea":
            self._area = said["name"]
        elif said.get("type") not in {"radio", "checkbox"} or "checked" in said:
            values.append(said.get("value", ""))

    def handle_endtag(self, tag: str) -> None:
        if tag == "select":
            self._select = ""
        elif tag == "textarea":
            self._area = ""
        self._depth = max(0, self._depth - 1)

    def handle_data(self, data: str) -> None:
        if self._area:
            self.forms[-1][self._area].append(data)
        elif self._depth and data.strip():
            self.refusals.append(" ".join(data.split()))


@dataclass
class Ward:
    """One clinic under a story. ``refused`` keeps, act by act, what the product said no to."""

    session: Session
    team: Team
    client_as: Callable[..., FlaskClient]
    refused: list[str] = field(default_factory=list)
    staged: bool = False
    """Whether a scene was set, see `tests.safety.scenes`."""
    open: dict[str, tuple[datetime, FlaskClient]] = field(default_factory=dict)  # when and where somebody signed in

    def browser(self, who: str) -> FlaskClient:
        """Return the signed-in browser of ``nurse``, or ``nurse2``, the one of before unless the clock was shifted."""
        now = clock.now()
        if who not in self.open or abs(now - self.open[who][0]) > AT_WORK:
            self.open[who] = now, self.client_as(who.removesuffix("2"), second=who.endswith("2"))
        return self.open[who][1]

    def person(self, who: str) -> Any:
        return getattr(self.team, who)

    def fill(self, who: str, url: str, *, sure: str = "", **typed: Any) -> TestResponse:
        """Open a form, fill in what is told beside what stands in it, send it; ``sure`` answers its questions."""
        browser = self.browser(who)
        shown = browser.get(url, follow_redirects=True)
        if shown.status_code >= 400:
            return self._heard(shown)
        sent = _written(typed)
        sheet = Sheet("".join(FORM.findall(shown.text))).form(sent)
        sent = _mild(sheet, sent) | sent
        if sheet.get("may_go_on") in ([], [""]):  # a caution, where a story says nothing else: words still tighten it
            sent = {"may_go_on": ["yes"]} | sent
        answer = self._send(browser, url, sheet, sent)
        if answer.status_code == 422 and sure and (asked := Sheet(answer.text).asked):
            replies = {f"{name}-sure": ["yes"] for name in asked} | {f"{name}-why": [sure] for name in asked}
            answer = self._send(browser, url, Sheet(answer.text).form(sent), sent | replies)
        return self._heard(answer)

    def _send(self, browser: FlaskClient, url: str, shown: dict[str, list[str]], sent: Any) -> TestResponse:
        data = {name: values for name, values in (shown | sent).items() if name not in {"do", "q"}}
        answer = browser.post(url, data=data)
        self.session.expire_all()
        return answer

    def _heard(self, answer: TestResponse) -> TestResponse:
        if answer.status_code >= 400:
            said = " ".join(Sheet(answer.text).refusals)
            self.refused.append(f"{answer.status_code}: {said}")
        return answer

    # acts

    def sign(self, who: str, record: Any) -> TestResponse:
        return self.fill(who, f"/records/{record.id}/signature", password=PASSWORD)

    def amend(self, who: str, record: Any, *, why: str = "slip of the pen", **typed: Any) -> TestResponse:
        return self.fill(who, f"/records/{record.id}/amendment", sure=why, amend_reason=why, **typed)

    def assign(self, product: Product, course: Treatment) -> TestResponse:
        return self.fill("technologist", f"/products/{product.id}/assignment", treatment_id=course.id)

    def decide(self, product: Product, decision: str, who: str = "quality", **typed: Any) -> TestResponse:
        return self.fill(who, f"/products/{product.id}/release", decision=decision, **typed)

    def release(self, product: Product, who: str = "quality") -> None:
        """Quality releases a product and signs, where the product lets."""
        answer = self.decide(product, "conforms", who)
        if answer.status_code == 303:
            self.fill(who, answer.location, password=PASSWORD)

    def move(self, who: str, product: Product, kind: str, **typed: Any) -> TestResponse:
        return self.fill(who, f"/products/{product.id}/movements?kind={kind}", **typed)

    def result(self, product: Product, test: str, who: str = "technologist", **typed: Any) -> TestResponse:
        """Record one more result of a product: ``outcome=`` or ``value=`` of a test."""
        rows = {f"{test}_{name}": value for name, value in typed.items() if name in {"outcome", "value", "finding"}}
        rest = {name: value for name, value in typed.items() if f"{test}_{name}" not in rows}
        url = f"/products/{product.id}/results?test={test}"
        return self.fill(who, url, **({"sampled_at": clock.now() - timedelta(minutes=30)} | rows | rest))

    def check(self, course: Treatment, product: Product, **typed: Any) -> BedsideCheck | None:
        """The nurse and the physician read wristband and bag; ``volume=`` where they give a part of it."""
        known = {one.id for one in self.session.scalars(select(BedsideCheck))}
        self.fill(
            "nurse", f"/treatments/{course.id}/bedside", patient_scan=course.patient_id,
            product_scan=product.id, second_person_id=self.team.physician.id, password=PASSWORD, own_password=PASSWORD,
            **(VITALS | typed),
        )  # fmt: skip
        made = next((one for one in self.session.scalars(select(BedsideCheck)) if one.id not in known), None)
        if made is not None and not made.clear:
            self.refused += [f"bedside: {r['because']} rule {r['rule']}" for r in made.reasons]
        return made

    def begin(
        self, check: BedsideCheck | None, *, because: str = "the physician saw it and agrees", **typed: Any
    ) -> TestResponse | None:
        """The nurse begins on a check; ``because`` answers warnings, so that a warning alone refuses nothing."""
        if check is None:
            return None
        url = f"/treatments/{check.treatment_id}/administrations/new?check={check.id}"
        more = {"because": because, "performed_by_id": self.team.nurse.id, "premedication": "given"}
        answer = self.fill("nurse", url, **(more | typed))
        if answer.status_code >= 400 and not because:
            asked = [f"{line['check']} rule {line['rule']}" for line in check.evidence if line.get("warning")]
            self.refused.append(f"a reason is wanted: {'; '.join(asked)}")
        return answer

    def give(self, course: Treatment, product: Product, **typed: Any) -> TestResponse | None:
        """Check and begin, as far as the product lets."""
        return self.begin(self.check(course, product), **typed)

    def end(self, record: Administration, **typed: Any) -> TestResponse:
        """Record the end; where it is in the minute of the start, and only that is asked, say that it is right."""
        answer = self.fill("nurse", f"/administrations/{record.id}/end", **typed)
        if answer.status_code == 422 and Sheet(answer.text).asked and "same minute as the start" in self.refused[-1]:
            self.refused.pop()
            return self.fill("nurse", f"/administrations/{record.id}/end", sure="one short injection", **typed)
        return answer

    # what is true afterwards

    def given(self, product: Product) -> Administration | None:
        self.session.expire_all()
        return self.session.scalar(select(Administration).where(Administration.product_id == product.id))

    def not_given(self, product: Product, *words: str) -> None:
        """No administration exists, and one refusal says why: one of the words, or ``rule 17``."""
        assert self.given(product) is None, f"the cells were given; refused before: {self.refused}"
        self.said_no(*words)

    def said_no(self, *words: str) -> None:
        """Some act was refused with one of these words."""
        heard = [said for said in self.refused if any(_says(said, word) for word in words)]
        assert heard, f"nothing was refused with {words}; heard: {self.refused}"

    def tag(self, product: Product) -> str:
        """The state that stands beside the product's name on its page."""
        html = self.browser("quality").get(f"/products/{product.id}").text
        found = re.search(r"<h1.*?c-tag[^>]*>(?:<svg.*?</svg>)?([^<]+)", html, re.DOTALL)
        return found[1].strip() if found else ""

    @contextmanager
    def later(self, **span: float) -> Iterator[None]:
        """Shift the clock: ``later(minutes=90)``."""
        with time_machine.travel(clock.now() + timedelta(**span), tick=True):
            yield

    # scenes

    def stands(self, record: Any, *people: tuple[str, Meaning] | str) -> Any:
        """Put signatures under a record of the scene."""
        for person in people:
            who, meaning = (person, Meaning.AUTHORSHIP) if isinstance(person, str) else person
            if self.person(who).id not in {signature.signed_by_id for signature in record.present_signatures}:
                record.sign(by=self.person(who), at=clock.now(), meaning=meaning)
        return self.team.add(record)

    def verified(self, product: Product) -> Product:
        """Let a second technologist verify the run that made a product."""
        run = self.session.get(ProcessingRun, product.run_id)
        assert run is not None
        if not run.verified:
            run.sign(by=self.team.technologist2, at=clock.now())
            self.team.add(run)
        return product

    def giver(self, **facts: Any) -> Donor:
        """A donor who was found eligible two days before the donation."""
        return stranger(self.team, at=clock.now() - timedelta(days=42), **facts)

    def donated(
        self, donor: Donor, version: ProtocolVersion, *, at: datetime | None = None, volume: str = "60"
    ) -> Product:
        """A banked donation in one bag: collected from a donor for no course yet."""
        at = at or clock.now() - timedelta(days=40)
        people, source = self.team, SOURCES[version.says.sources[0]]
        harvest = people.add(
            Harvest.log(
                by=people.nurse, at=at + timedelta(minutes=40), donor=donor, source=source.key,
                body_site=source.sites[0], side="right", method=_method(source.harvest), anaesthesia="none",
                performed_at=at, ended_at=at + timedelta(minutes=30), performed_by=people.nurse,
                time_out_at=at - timedelta(minutes=5), volume=Decimal(volume), anticoagulant="none",
            )
        )  # fmt: skip
        harvest.collect(by=people.nurse, at=at + timedelta(minutes=40), volume=Decimal(volume))
        people.add(harvest)
        harvest.sign(by=people.physician, at=at + timedelta(minutes=45))
        return people.add(harvest).products[0]

    def banked(
        self, donations: Product | list[Product], version: ProtocolVersion, *, bags: int = 1, course: Any = None,
        at: datetime | None = None, volume: str = "10", amount: str = "72.5", untested: bool = False, **facts: Any,
    ) -> list[Product]:  # fmt: skip
        """Bags of a run over donations, each with results that conform, the run signed and verified."""
        taken = donations if isinstance(donations, list) else [donations]
        at, people, says = at or clock.now() - timedelta(days=39), self.team, version.says
        went_in = sum((one.volume or Decimal(0) for one in taken), Decimal(0))
        came_out = Decimal(volume) * bags
        medium = {name: facts.pop(name) for name in ("cryo_medium", "dmso_percent", "vehicle") if name in facts}
        facts.setdefault("expires_at", clock.now() + timedelta(days=30))
        run = people.add(
            ProcessingRun.log(
                by=people.technologist, at=at, treatment=course, protocol_version=version, preparation=says.preparation,
                performed_at=at - timedelta(hours=1), ended_at=at, performed_by=people.technologist,
                added_volume=max(Decimal(0), came_out - went_in), waste_volume=max(Decimal(0), went_in - came_out),
                confirmed={"ended_at": "recorded on the batch sheet"},
                **medium,
            )
        )  # fmt: skip
        for one in taken:
            run.take(one, by=people.technologist, at=at)
        made = [
            run.make(
                by=people.technologist, at=at, volume=Decimal(volume), name="Cells to give", cell_type=says.cell_type,
                measure=says.dose.measure, amount=Decimal(amount), **facts,
            )
            for _bag in range(bags)
        ]  # fmt: skip
        people.add(run)
        self.stands(run, "technologist", ("technologist2", Meaning.VERIFICATION))
        for product in [] if untested else made:
            for spec in says.qc:
                tested(product, people, version, spec, value=None, at=at + timedelta(days=21))
        return made

    def group(self, who: Patient | Donor, abo: str, rhd: str) -> list[BloodTyping]:
        """Type somebody twice, on two days, signed; and write the group on her or his own record."""
        who.abo, who.rhd = abo, rhd
        made = []
        of: dict[str, Any] = {"donor": who} if isinstance(who, Donor) else {"patient": who}
        for days, reader in ((9, "technologist"), (8, "technologist2")):
            at, by = clock.now() - timedelta(days=days), self.person(reader)
            one = BloodTyping.log(
                by=by, at=at, sample_number=f"S-{who.id[-4:]}-{days}", abo=abo, rhd=rhd, performed_at=at,
                performed_by=by, **of,
            )  # fmt: skip
            self.team.add(one)
            one.sign(by=by, at=at)
            made.append(self.team.add(one))
        return made

    def determine(self, donor: Donor, outcome: str, *, signed: bool, **markers: str) -> DonorEligibility:
        """A newer determination of a donor in the scene."""
        last, at = donor.eligibilities[-1], clock.now() - timedelta(hours=1)
        one = DonorEligibility.log(
            by=self.team.physician, at=at, donor=donor, markers={**last.markers, **markers}, outcome=outcome,
            sample_taken_on=last.sample_taken_on, performed_at=at, performed_by=self.team.physician,
        )  # fmt: skip
        self.team.add(one)
        if signed:
            self.stands(one, "physician")
        return one

    def results(self, product: Product, test: str) -> list[QCResult]:
        chosen = select(QCResult).where(QCResult.product_id == product.id, QCResult.test == test)
        return list(self.session.scalars(chosen.order_by(QCResult.recorded_at, QCResult.id)))


def _method(harvest: str) -> str:
    return next(key for key, method in METHODS.items() if method.harvest == harvest)


def _written(typed: dict[str, Any]) -> dict[str, list[str]]:
    """Return facts as a form's boxes have them: moments in four, yes and no in words, None empty."""
    sent: dict[str, list[str]] = {}
    for name, value in typed.items():
        if isinstance(value, datetime):
            sent |= {box: [text] for box, text in boxes(name, value).items()}
        elif isinstance(value, bool):
            sent[name] = ["yes" if value else "no"]
        elif isinstance(value, list):
            sent[name] = value
        else:
            sent[name] = ["" if value is None else str(value)]
    return sent


def _mild(sheet: dict[str, list[str]], sent: dict[str, list[str]]) -> dict[str, list[str]]:
    """Answer that a reaction is mild where a form asks how severe it is and the story does not say."""
    asked = {"signs": "severity", "reaction": "reaction_severity"}
    return {
        answer: ["mild"]
        for text, answer in asked.items()
        if any(sent.get(text, ())) and answer in sheet and not any(sheet[answer])
    }


def _says(said: str, word: str) -> bool:
    """Whether a refusal has a word; a rule is named in any spelling that ends with its own number."""
    if word.startswith("rule "):
        return re.search(rf"\brules? (?:\d+(?:, | to | and ))*{word[5:]}\b", said, re.IGNORECASE) is not None
    return word.lower() in said.lower()
