"""A course's own page and the lists that name it show one judgement: in every stage, for every role, at any moment.

Every course of the demonstration is opened as it stands, and again a minute before and after moments at which time
alone changes something: midnight in three zones, the end of a product, a thaw, a consent, a visit's window, a report.
"""

from __future__ import annotations

import os
import re
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from operator import itemgetter
from random import Random
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest
import time_machine
from sqlalchemy import create_engine, event, select
from sqlalchemy.orm import Session

from clinic import create_app
from clinic.accounts.models import Site
from clinic.consent.models import Consent
from clinic.demo import build
from clinic.extensions import db
from clinic.followup.adverse_events import AdverseEvent
from clinic.followup.models import PlannedVisit
from clinic.model import Model
from clinic.patients.models import Patient
from clinic.products.models import Product
from clinic.records import Origin
from clinic.treatments.models import Treatment
from tests.conftest import Client, settings
from tests.demonstration import AT, built_once, empty_database
from tests.pathway.outline import Line, Outline
from tests.reading import searched

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from flask import Flask

pytestmark = pytest.mark.slow

ROLES = ("coordinator", "nurse", "physician", "technologist", "quality", "director")
ZONES = ("Pacific/Auckland", "Europe/Berlin", "America/Los_Angeles")
SITES = {"north": "Pacific/Auckland", "south": "America/Los_Angeles"}
"""The sites stand on clocks half a day from Greenwich, on either side: a day counted there would show."""
MOMENTS_OF_A_COURSE = int(os.environ.get("AGREE_MOMENTS", "2"))
"""How many moments of each course are asked; a long run asks more."""
IMPORTED = 6
"""How many courses that came in from a table are opened, out of some two hundred alike."""
PUBLIC_ID = re.compile(r"/([A-Z]{2}-[0-9A-Z]+)")


@dataclass(frozen=True)
class Board:
    """What Today lists for one role: its own lines and the others', by course; whether anything was cut off."""

    mine: list[tuple[frozenset[str], str]]
    others: list[tuple[frozenset[str], str]]
    cut: list[str]

    def of(self, course: str, lines: list[tuple[frozenset[str], str]]) -> list[str]:
        """The lines that can be about a course."""
        return [words for courses, words in lines if course in courses]


class Clinic:
    """The demonstration as it is served, and which course each of its records belongs to."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.courses = list(session.scalars(select(Treatment).order_by(Treatment.id)))
        self.sites = {site.id: site.code for site in session.scalars(select(Site))}
        self.zones = {site.code: site.zone for site in session.scalars(select(Site))}
        self.of_patient: dict[str, set[str]] = defaultdict(set)
        for course in self.courses:
            self.of_patient[course.patient_id].add(course.id)
        self.numbers = {
            number: frozenset(self.of_patient[id_])
            for id_, number in session.execute(select(Patient.id, Patient.record_number))
        }
        self.belongs = self._belongs()

    def _belongs(self) -> dict[str, frozenset[str]]:
        found: dict[str, frozenset[str]] = {course.id: frozenset({course.id}) for course in self.courses}
        found |= {patient: frozenset(courses) for patient, courses in self.of_patient.items()}
        tables = [mapper.local_table for mapper in Model.registry.mappers]
        for link in ("treatment_id", "product_id", "patient_id"):
            for table in tables:
                if link in table.c and "id" in table.c:
                    for id_, to in self.session.execute(select(table.c.id, table.c[link])):
                        if to in found:
                            found.setdefault(id_, found[to])
        return found

    def about(self, line: Line) -> frozenset[str]:
        """The courses that a line can be about: by where it leads, else by the record number that it names."""
        for link in line.links:
            for id_ in PUBLIC_ID.findall(link):
                if id_ in self.belongs:
                    return self.belongs[id_]
        named = [courses for number, courses in self.numbers.items() if number and number in line.text]
        return frozenset().union(*named)

    def moments(self, course: Treatment) -> list[datetime]:
        """A minute before and after whatever time alone changes for a course, from the day of the build on."""
        zone = ZoneInfo(self.zones[self.sites[course.site_id]])
        thaw = course.says.expiry.thaw_minutes
        edges: list[datetime] = []
        for product in self._rows(Product, Product.treatment_id == course.id):
            edges += [product.expires_at] if product.expires_at else []
            edges += [product.thawed_at + timedelta(minutes=thaw)] if product.thawed_at and thaw else []
        days: list[date] = []
        for plan in self._rows(PlannedVisit, PlannedVisit.treatment_id == course.id):
            days += [plan.opens_on, plan.closes_on + timedelta(days=1)]
        for consent in self._rows(Consent, Consent.patient_id == course.patient_id):
            days += [consent.expires_on + timedelta(days=1)] if consent.expires_on else []
        for one in self._rows(AdverseEvent, AdverseEvent.treatment_id == course.id):
            days += [one.aware_on + timedelta(days=n) for n in (7, 8, 15, 16)] if one.aware_on else []
        edges += [datetime.combine(day, time(), zone) for day in days]
        edges += [datetime.combine(AT.date() + timedelta(days=1), time(), ZoneInfo(name)) for name in ZONES]
        minute = timedelta(minutes=1)
        return sorted({edge.astimezone(UTC) + step for edge in edges for step in (-minute, minute) if edge > AT})

    def _rows(self, model: type[Any], condition: Any) -> list[Any]:
        return list(self.session.scalars(select(model).where(condition).order_by(model.id)))


def _far_away(_site: Site, _args: Any, facts: dict[str, Any]) -> None:
    facts["zone"] = SITES.get(facts["code"], facts["zone"])


def _build(folder: Path) -> Path:
    session = empty_database(folder)
    event.listen(Site, "init", _far_away)
    try:
        with time_machine.travel(AT, tick=False):  # what is stored for the lists is judged at the moment of writing
            build.build(session, seed=1, at=AT, password_hash="not required")
            session.commit()
    finally:
        event.remove(Site, "init", _far_away)
    session.close()
    session.get_bind().dispose()
    return folder / "empty.db"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    """The demonstration clinic, served."""
    file = built_once(tmp_path_factory, "far-away", _build)
    app = create_app(settings(f"sqlite:///{file}", file.parent))
    app.config["WTF_CSRF_ENABLED"] = False
    app.test_client_class = Client
    yield app
    with app.app_context():
        db.engine.dispose()


@pytest.fixture
def app(served: Flask) -> Flask:
    """The demonstration in place of the empty clinic: `client_as` signs in to it."""
    return served


@pytest.fixture
def clinic(engine: Any) -> Iterator[Clinic]:
    """The courses and what belongs to them, read on a connection that locks nobody out."""
    aside = create_engine(engine.url)
    with Session(aside) as session:
        yield Clinic(session)
    aside.dispose()


def _is_for_the_reader(words: str) -> bool:
    """Whether a report that is due waits for who reads it: it then says what to do, and is in no other list."""
    return "Waiting for" not in words and "Open the event" not in words


class Reader:
    """Opens pages at a moment as somebody of a role, and keeps each list that it read."""

    def __init__(self, clinic: Clinic, client_as: Callable) -> None:
        self.clinic, self.client_as = clinic, client_as
        self.boards: dict[tuple[str, str, datetime], Board] = {}
        self.disagreements: list[str] = []

    def board(self, site: str, role: str, at: datetime) -> Board:
        """Return all that Today lists, page after page."""
        key = (site, role, at)
        if key not in self.boards:
            browser = self.client_as(role, site=site)
            pages, url, seen = [], "/", set()
            while url and url not in seen:
                seen.add(url)
                html = browser.get(url).text
                pages.append(Outline(html))
                url = next(iter(re.findall(r'href="(/?\?[^"#]*(?:after|page)=[^"#]*)"', html)), "").replace(
                    "&amp;", "&"
                )
            cut = [
                more
                for page in pages
                for more in re.findall(r"Showing \d+ of \d+[^.]*\.", page.says("main"))
                if len(pages) == 1
            ]
            lines = {
                part: [(self.clinic.about(line), line.text) for page in pages for line in page.items[part]]
                for part in ("h-mine", "h-others", "h-serious")
            }
            lines["h-mine"] += [line for line in lines["h-serious"] if _is_for_the_reader(line[1])]
            self.boards[key] = Board(mine=lines["h-mine"], others=lines["h-others"], cut=cut)
            for more in cut:
                self._differ(f"Today ends early ({more}) and leads nowhere", site, role, at)
        return self.boards[key]

    def course(self, course: Treatment, role: str, at: datetime) -> None:
        """Compare a course's next action with the lines that Today has about it."""
        site = self.clinic.sites[course.site_id]
        with time_machine.travel(at, tick=False):
            board = self.board(site, role, at)
            page = Outline(self.client_as(role, site=site).get(f"/treatments/{course.id}").text)
        mine, others = board.of(course.id, board.mine), board.of(course.id, board.others)
        alone = [words for courses, words in board.mine if courses == {course.id}]
        tag, title = page.says("c-next__tag"), _title(page)
        where = f"{course.id} {page.says('h1')!r}"
        whose = "mine" if tag.startswith("Your") else "others" if title else ""
        listed = mine if whose == "mine" else others
        if title and not any(title in words for words in listed) and not (board.cut and whose == "others"):
            self._differ(f"{where}: the page says {tag!r} {title!r}; Today lists {mine or others}", site, role, at)
        if alone and whose != "mine":
            self._differ(f"{where}: Today has {alone}; the page says {tag or 'nothing'} {title!r}", site, role, at)
        elif alone and not any(title in words for words in mine):
            self._differ(f"{where}: Today has {alone}; the page has {title!r}", site, role, at)
        if not title and (silent := [w for c, w in board.others if c == {course.id}]):
            self._differ(f"{where}: Today says that others have {silent}; the page has nothing", site, role, at)

    def patient(self, course: Treatment, number: str, role: str, at: datetime) -> None:
        """Compare a patient's row in the list with the course that it names."""
        site = self.clinic.sites[course.site_id]
        with time_machine.travel(at, tick=False):
            browser = self.client_as(role, site=site)
            found = Outline(searched(browser, "/patients", q=number).text)
            row = next((row for row in found.rows if f"/patients/{course.patient_id}" in row.links), None)
            to = next((link for link in (row.links if row else []) if "/treatments/" in link), "")
            page = Outline(browser.get(to).text) if to else None
        if row is None or page is None:
            self._differ(f"{number}: the list has no row with a course", site, role, at)
            return
        if page.says("h1") not in row.text:
            self._differ(
                f"{number}: the list names another course than {page.says('h1')!r}: {row.text}", site, role, at
            )
        stopped = "This course was stopped" in page.says("main")
        if ("Stopped" in row.text) != stopped and "Died" not in row.text:
            self._differ(
                f"{number}: the list says {row.text!r}, the page {'stopped' if stopped else 'goes on'}", site, role, at
            )
        present = next((line.text for line in page.items["h-rail"] if line.current), "")
        told = any(word in row.text for word in ("Died", "Stopped", "Active", "Done", "Finished"))
        if not told and present and not set(present.split()[:1]) & set(row.text.split()):
            self._differ(f"{number}: the list says {row.text!r}, the page stands at {present!r}", site, role, at)
        if "Active" in row.text and page.items["h-rail"] and not present:
            self._differ(f"{number}: the list says under way, every step of the page is done", site, role, at)

    def product(self, product: Product, role: str, at: datetime) -> None:
        """Compare the tag in the list of products with the one on the product's page."""
        site = self.clinic.sites[product.site_id]
        with time_machine.travel(at, tick=False):
            browser = self.client_as(role, site=site)
            found = Outline(searched(browser, "/products", q=product.id).text)
            page = Outline(browser.get(f"/products/{product.id}").text)
        row = next((row for row in found.rows if f"/products/{product.id}" in row.links), None)
        tag = page.says("h1").removeprefix(f"{product.name} {product.division or ''}".strip()).strip()
        if row is None or tag not in row.text:
            self._differ(
                f"{product.id}: the list says {row.text if row else 'nothing'!r}, the page {tag!r}", site, role, at
            )

    def _differ(self, said: str, site: str, role: str, at: datetime) -> None:
        self.disagreements.append(f"{at:%Y-%m-%d %H:%M} UTC, {role}@{site}: {said}")

    def agree(self) -> None:
        """Fail with the first disagreements and how many there are."""
        found = list(dict.fromkeys(self.disagreements))
        assert not found, "\n".join([f"{len(found)} disagreements between a page and a list:", *found[:25]])


@pytest.fixture
def reader(clinic: Clinic, client_as: Callable) -> Reader:
    return Reader(clinic, client_as)


def _title(page: Outline) -> str:
    """The title of the next action, as the page draws it."""
    words = page.says("c-next").removeprefix(page.says("c-next__tag")).strip()
    why = page.says("c-next__why")
    return words.split(why)[0].strip() if why and why in words else words


def sampled(moments: list[datetime], key: str, most: int) -> list[datetime]:
    """The same few moments in every run."""
    return sorted(Random(key).sample(moments, min(most, len(moments))))  # noqa: S311 - to choose, not to hide


def walked(clinic: Clinic) -> list[Treatment]:
    """The courses that were walked in the clinic, and some of the many that came in from a table."""
    here = [course for course in clinic.courses if course.origin is Origin.CLINIC]
    return here + [course for course in clinic.courses if course.origin is Origin.IMPORTED][::25][:IMPORTED]


def test_today_and_the_courses_page_agree_for_every_role_now(clinic, reader):
    for number, course in enumerate(walked(clinic)):
        reader.course(course, ROLES[number % len(ROLES)], AT)
    reader.agree()


@pytest.mark.parametrize("site", SITES)
def test_today_and_the_courses_page_agree_a_minute_before_and_after_what_time_changes(clinic, reader, site):
    visits = [
        (at, number, turn, course)
        for number, course in enumerate(walked(clinic))
        if clinic.sites[course.site_id] == site
        for turn, at in enumerate(sampled(clinic.moments(course), course.id, MOMENTS_OF_A_COURSE))
    ]
    for at, number, turn, course in sorted(visits, key=itemgetter(0, 1)):  # the clock of a clinic goes forward only
        reader.course(course, ROLES[(number + 2 + 3 * turn) % len(ROLES)], at)
    reader.agree()


def test_the_list_of_patients_and_the_courses_page_agree(clinic, reader):
    numbers = dict(clinic.session.execute(select(Patient.id, Patient.record_number)).all())
    for number, course in enumerate(walked(clinic)[::2]):
        newest = max(clinic.of_patient[course.patient_id], key=lambda id_: id_ == course.id)
        if newest == course.id and len(clinic.of_patient[course.patient_id]) == 1:
            reader.patient(course, numbers[course.patient_id], ROLES[number % len(ROLES)], AT)
    reader.agree()


def test_the_list_of_products_and_a_products_page_agree_around_its_end(clinic, reader):
    chosen = [p for p in clinic.session.scalars(select(Product).order_by(Product.id)) if p.origin is Origin.CLINIC]
    looks = []
    for number, product in enumerate(chosen[::3]):
        ends = [end for end in (product.expires_at,) if end is not None and end > AT]
        moments = [AT] + [end + timedelta(minutes=step) for end in ends for step in (-1, 1)]
        looks += [(at, number, product) for at in sampled(moments, product.id, 2)]
    for at, number, product in sorted(looks, key=itemgetter(0, 1)):  # the clock of a clinic goes forward only
        reader.product(product, ROLES[number % len(ROLES)], at)
    reader.agree()
