"""The small clinic in which every history begins: two protocols that differ, pools, splits, a bank, own cells.

Everything is made by the product's own verbs and kept by name; ``Scene.ids`` leads from a name to the row.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from clinic.demo import builder, laboratory
from clinic.fields import Range
from clinic.processing.manipulations import Manipulation
from clinic.protocols.catalogues import MARKERS
from clinic.protocols.content import Expiry, QCSpec
from clinic.protocols.demonstration import DEMONSTRATIONS
from tests import factories
from tests.factories import consented, eligible, harvested, own_cells, patient, published, stranger
from tests.proof.book import Book

if TYPE_CHECKING:
    from clinic.protocols.content import Content
    from clinic.protocols.models import ProtocolVersion
    from clinic.treatments.models import Treatment
    from tests.factories import Team

SOURCE = "limits of the proof"
DMSO = "10 % DMSO in 20 % human albumin"


def _tests(viability: int, endotoxin: str, *, pending: bool, cd73: int = 90) -> tuple[QCSpec, ...]:
    return (
        QCSpec(test="cd73", limit=Range(cd73), source=SOURCE),
        QCSpec(test="viability", limit=Range(viability), source=SOURCE),
        QCSpec(test="endotoxin", limit=Range(None, endotoxin), source=SOURCE),
        QCSpec(test="gram_stain", accepted="no_organisms", source=SOURCE),
        QCSpec(test="sterility", accepted="no_growth", may_be_pending=pending, source=SOURCE),
    )


def _content(code: str, **says: Any) -> Content:
    return DEMONSTRATIONS[code].model_copy(update=says)


def protocols() -> dict[str, Content]:
    """Return what the protocols of the proof say: two for a donor's cells that differ, one for own cells."""
    base = DEMONSTRATIONS["UC-MSC-RA"]

    def dose(**says: Any) -> Any:
        return base.dose.model_copy(update=says)

    return {
        "loose": _content(
            "UC-MSC-RA",
            qc=_tests(70, "12", pending=True),
            expiry=Expiry(thaw_minutes=60, frozen_days=60, source=SOURCE),
            screening=base.screening.model_copy(update={"markers": ("hiv_nat", "hcv_nat")}),
            dose=dose(window=Range(1, 2), usual=Decimal("1.5"), doses=2, days_between=7),
        ),
        "strict": _content(
            "UC-MSC-RA",
            qc=_tests(90, "2", pending=False, cd73=95),
            expiry=Expiry(thaw_minutes=30, frozen_days=50, source=SOURCE),
            screening=base.screening.model_copy(update={"markers": ("hiv_nat", "hcv_nat", "syphilis")}),
            dose=dose(window=Range(1, 2), usual=Decimal("1.5"), doses=2, days_between=7, weight_valid_days=7),
        ),
        "own": _content(
            "BM-MSC-MS",
            qc=_tests(70, "5", pending=True),
            expiry=Expiry(thaw_minutes=60, frozen_days=60, source=SOURCE),
            dose=DEMONSTRATIONS["BM-MSC-MS"].dose.model_copy(
                update={"window": Range(1, 2), "usual": Decimal("1.5")}
            ),
        ),
    }  # fmt: skip


@dataclass
class Scene:
    """What was built: names → ids, and the moment at which all of it is done."""

    now: datetime
    ids: dict[str, str] = field(default_factory=dict)


def build(team: Team, now: datetime) -> Scene:
    """Build the clinic; the caller commits. Nothing is assigned to a donor's course and nothing is thawed yet."""
    made: dict[str, Any] = {}
    versions = {
        name: published(team, f"PROOF-{name.upper()}", content=content, at=now - timedelta(days=200))
        for name, content in protocols().items()
    }
    for name in ("ann", "ben", "cid"):
        made[name] = patient(team, at=now - timedelta(days=60), weight=None, sex="male")
        made[f"{name}.weight"] = builder.weigh(team, made[name], now - timedelta(days=1), Decimal(60))
    for name, of in TWINS.items():
        same = {key: getattr(made[of], key) for key in ("family_name", "given_names", "birth_date", "sex")}
        made[name] = patient(team, at=now - timedelta(days=60), weight=None, **same)
    for name, more in {
        "ada": {},
        "bob": {},
        "mix": {"donor_number": "POOL-1"},
        "sis": {"kind": "related", "name": "Sister", "donor_number": None, "relation": "sibling",
                "relative_of": made["ann"]},
    }.items():  # fmt: skip
        made[name] = stranger(team, at=now - timedelta(days=42), **more)
        (made[f"{name}.det"],) = made[name].eligibilities
    for name, (who, protocol, donor) in COURSES.items():
        made[name] = _course(team, made[who], versions[protocol], made.get(donor or ""), now, made, name)
    made["own"] = own_cells(made["ben.own"], team)
    banked = now - timedelta(days=40)
    for name in ("ada", "bob", "sis"):
        for number in (1, 2) if name == "ada" else (1,):
            _donation(team, made, f"{name}.don{number}", made[name], banked, None)
    _donation(team, made, "own.don1", made["own"], now - timedelta(days=16), made["ben.own"])
    _run(team, made, "run.ada", ["ada.don1"], ["a1", "a2"], versions["loose"], None, banked + timedelta(hours=5))
    _run(team, made, "run.mix", ["ada.don2", "bob.don1"], ["p1"], versions["loose"], None,
         banked + timedelta(hours=6), donor=made["mix"])  # fmt: skip
    _run(team, made, "run.sis", ["sis.don1"], ["r1"], versions["loose"], None, banked + timedelta(hours=7))
    _run(team, made, "run.own", ["own.don1"], ["o1"], versions["own"], made["ben.own"],
         now - timedelta(days=16) + timedelta(hours=5))  # fmt: skip
    for bag in TESTED:
        for test, said in GOOD_RESULTS.items():
            at = now - timedelta(days=1) if test == "sterility" else made[bag].performed_at + timedelta(hours=1)
            made[f"{bag}.{test}"] = laboratory.result(
                team, made[bag], made[bag].judged_under,
                next(spec for spec in made[bag].judged_under.says.qc if spec.test == test), at,
                by=team.technologist, sampled_at=made[bag].performed_at, **said,
            )  # fmt: skip
    made |= team.people
    return Scene(
        now, {name: row.id for name, row in made.items()} | {f"version.{n}": v.id for n, v in versions.items()}
    )


TESTED = ("a1", "p1", "r1", "o1")
GOOD_RESULTS: dict[str, dict[str, Any]] = {
    "cd73": {"value": Decimal(97)},
    "viability": {"value": Decimal(95)},
    "endotoxin": {"value": Decimal(1)},
    "gram_stain": {"outcome": "no_organisms"},
    "sterility": {"outcome": "no_growth"},
}
TWINS = {"ann2": "ann", "ben2": "ben"}
"""A second record of a patient, without courses; nobody has said yet that it is the same person."""
COURSES = {
    "ann.loose": ("ann", "loose", "ada"),
    "ann.strict": ("ann", "strict", "ada"),
    "ann.sis": ("ann", "loose", "sis"),
    "cid.mix": ("cid", "loose", "mix"),
    "ben.own": ("ben", "own", None),
}
"""Course → patient, protocol, donor named by the order."""


def _course(
    team: Team, of: Any, version: ProtocolVersion, donor: Any, now: datetime, made: dict[str, Any], name: str
) -> Treatment:
    at = now - timedelta(days=30)
    one = factories.course(team, of, version=version, at=at, signed=True, weight_kg=Decimal(60), donor=donor)
    made[f"{name}.consent"] = consented(one, team, at=at + timedelta(days=1))
    made[f"{name}.eligibility"] = eligible(one, team, at=at + timedelta(days=2))
    return one


def _donation(team: Team, made: dict[str, Any], name: str, donor: Any, at: datetime, of: Any) -> None:
    """Collect 60 mL into one container: cord tissue for the bank, or the patient's own marrow for a course."""
    if of is not None:
        got = harvested(of, team, at=at, donor=donor)
    else:
        got = builder.collect(
            team, donor, at, source="cord_tissue", body_site="umbilical_cord", method="in_utero",
            anaesthesia="none", ended_at=at + timedelta(minutes=40), volume=Decimal(60), anticoagulant="none",
        )  # fmt: skip
    made[f"{name}.harvest"], made[name] = got, got.products[0]


def _run(
    team: Team, made: dict[str, Any], name: str, taken: list[str], bags: list[str], version: ProtocolVersion,
    of: Any, at: datetime, donor: Any = None,
) -> None:  # fmt: skip
    """Process containers into bags of 10 mL with 90 million cells, frozen at the end; signed and verified."""
    until = at + timedelta(hours=1)
    run = laboratory.begin_run(
        team, version, at, until=until, treatment=of, protocol_version=version, cryo_medium=DMSO,
        dmso_percent=Decimal(10),
    )  # fmt: skip
    for one in taken:
        run.take(made[one], by=team.technologist, at=until)
    team.add(run)
    frozen = team.new(
        Manipulation, team.technologist, at, run_id=run.id, kind="cryopreserve", ended_at=until, written=until,
        lot_expires_on=(until + timedelta(days=400)).date(),
    )  # fmt: skip
    run.enter(frozen)
    more = {"donor": donor} if donor is not None else {}
    filled = laboratory.fill(team, run, until, volume=Decimal(10), amounts=[Decimal(90)] * len(bags), **more)
    laboratory.close_run(team, run, until)
    made[name] = run
    made |= dict(zip(bags, filled, strict=True))


def picture(now: datetime) -> Book:
    """Return the same clinic in the oracle's book, written from what `build` was asked to make."""
    book = Book(now)
    book.protocols = {
        "loose": _judges(70, 12, thaw=60, frozen=60, markers=["hiv_nat", "hcv_nat"], waits=True),
        "strict": _judges(
            90, 2, thaw=30, frozen=50, markers=["hiv_nat", "hcv_nat", "syphilis"], waits=False, weight=7, cd73=95
        ),
        "own": _judges(70, 5, thaw=60, frozen=60, markers=[], waits=True, doses=1, between=None),
    }
    roles = ("coordinator", "nurse", "physician", "technologist", "quality", "director")
    book.people = {f"{role}{second}": role for role in roles for second in ("", "2")}
    for name in ("ann", "ben", "cid", *TWINS):
        book.patients[name] = {"allergies": [], "died_on": None, "taken": []}
    for name in ("ann", "ben", "cid"):
        book.weights[f"{name}.weight"] = signed_by() | {
            "patient": name, "kg": Decimal(60), "at": now - timedelta(days=1), "by": "nurse", "author": "nurse"
        }  # fmt: skip
    for name in ("ada", "bob", "mix", "sis", "own"):
        kind = {"sis": "related", "own": "self"}.get(name, "unrelated")
        book.donors[name] = {
            "kind": kind, "patient": "ben" if name == "own" else None, "relative_of": "ann" if name == "sis" else None
        }  # fmt: skip
        if name != "own":
            book.determinations[f"{name}.det"] = signed_by("physician") | {
                "donor": name, "at": now - timedelta(days=42), "outcome": "eligible", "urgent": None, "told": None,
                "for": None,
                "markers": dict.fromkeys(MARKERS, "negative"), "sample_on": (now - timedelta(days=42)).date(),
            }  # fmt: skip
    for name, (who, protocol, donor) in COURSES.items():
        book.courses[name] = signed_by("physician") | {
            "patient": who,
            "protocol": protocol,
            "donor": donor,
            "stopped": False,
            "said": {},
        }
        book.consents[f"{name}.consent"] = signed_by("physician") | {
            "patient": who, "protocol": protocol, "at": now - timedelta(days=29), "by": "physician", "until": None,
            "withdrawn_at": None,
        }  # fmt: skip
        book.eligibilities[f"{name}.eligibility"] = signed_by("physician") | {
            "course": name, "at": now - timedelta(days=28), "yes": True, "by": "physician", "personal": False,
            "written": now - timedelta(days=28), "against": now - timedelta(days=28), "was_personal": False,
        }  # fmt: skip
    _cells(book, now)
    return book


def _cells(book: Book, now: datetime) -> None:
    """Write the donations, the runs and what was tested of their bags."""
    for donation, donor in DONORS_OF.items():
        own = donor == "own"
        book.harvests[f"{donation}.harvest"] = signed_by("physician") | {"donor": donor, "said": {}}
        collected = now - timedelta(days=16 if own else 40)
        book.bags[donation] = _bag(donor, "own" if own else "loose", "ben.own" if own else None, Decimal(60)) | {
            "harvest": f"{donation}.harvest", "made_at": collected,
        }  # fmt: skip
    for run, (taken, bags) in RUNS.items():
        frozen = now - timedelta(days=16 if run == "run.own" else 40) + FROZEN_AFTER[run]
        begun = frozen - timedelta(hours=1)
        book.runs[run] = signed_by("technologist", "technologist2") | {
            "inputs": dict.fromkeys(taken, Decimal(60)), "hands": {"technologist"}, "said": {}, "at": begun,
            "until": frozen, "added": Decimal(0), "steps": [{"kind": "cryopreserve", "at": begun, "until": frozen}],
        }  # fmt: skip
        above = book.bags[taken[0]]
        for bag in bags:
            book.bags[bag] = _bag(
                "mix" if run == "run.mix" else above["donor"], above["protocol"], above["course"], Decimal(10)
            ) | {"run": run, "amount": Decimal(90), "made_at": frozen, "medium": DMSO, "dmso": Decimal(10)}
    for bag in TESTED:
        for test, said in GOOD_RESULTS.items():
            at = now - timedelta(days=1) if test == "sterility" else book.bags[bag]["made_at"] + timedelta(hours=1)
            book.results[f"{bag}.{test}"] = signed_by() | {
                "bag": bag, "test": test, "pending": False, "by": "technologist", "value": None, "outcome": None,
                "sampled_at": book.bags[bag]["made_at"], "at": at, "correctors": set(), "was_bad": False,
            } | said  # fmt: skip


def signed_by(*signed: str) -> dict[str, Any]:
    """Return the signatures of a record that nobody has corrected."""
    return {"signed": set(signed), "log": [("sign", who) for who in signed], "ever_signed": bool(signed)}


DONORS_OF = {"ada.don1": "ada", "ada.don2": "ada", "bob.don1": "bob", "sis.don1": "sis", "own.don1": "own"}
RUNS = {
    "run.ada": (["ada.don1"], ["a1", "a2"]),
    "run.mix": (["ada.don2", "bob.don1"], ["p1"]),
    "run.sis": (["sis.don1"], ["r1"]),
    "run.own": (["own.don1"], ["o1"]),
}
FROZEN_AFTER = {
    name: timedelta(hours=hours) for name, hours in {"run.ada": 6, "run.mix": 7, "run.sis": 8, "run.own": 6}.items()
}


def _judges(
    viability: int,
    endotoxin: int,
    *,
    thaw: int,
    frozen: int,
    markers: list[str],
    waits: bool,
    weight: int = 30,
    cd73: int = 90,
    doses: int = 2,
    between: int | None = 7,
) -> dict[str, Any]:
    return {
        "tests": {
            "cd73": (Decimal(cd73), None), "viability": (Decimal(viability), None),
            "endotoxin": (None, Decimal(endotoxin)), "gram_stain": None, "sterility": None,
        },
        "may_wait": {"sterility"} if waits else set(), "thaw_minutes": thaw, "frozen_days": frozen, "markers": markers,
        "weight_days": weight, "window": (Decimal(1), Decimal(2)), "endotoxin_per_kg": Decimal(5),
        "usual": Decimal("1.5"), "doses": doses, "days_between": between,
    }  # fmt: skip


def _bag(donor: str, protocol: str, course: str | None, volume: Decimal) -> dict[str, Any]:
    return signed_by() | {
        "donor": donor, "protocol": protocol, "course": course, "volume": volume, "amount": Decimal(0), "run": None,
        "harvest": None, "made_at": None, "medium": "", "dmso": Decimal(0), "use_before": None, "said": {},
        "hands": set(), "longer": 0,
    }  # fmt: skip
