"""Signatures outstanding: records that nobody signed, and those that were amended after their last signature."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import func, null, select

from clinic import clock
from clinic.administration.models import Administration
from clinic.consent.models import Consent
from clinic.eligibility.models import Eligibility
from clinic.followup.adverse_events import AdverseEvent
from clinic.followup.models import FollowUpVisit
from clinic.harvest.models import Harvest
from clinic.processing.models import ProcessingRun
from clinic.products.models import Product
from clinic.release.models import Release
from clinic.reports.geometry import Bar, bars
from clinic.reports.report import Column, Figure, Report, Result, Row, count, number, percent, totalled
from clinic.signatures import Amendment, Signature
from clinic.treatments.models import Treatment

if TYPE_CHECKING:
    from datetime import date, datetime

    from clinic.reports.data import Data

KINDS: tuple[type[Any], ...] = (
    Treatment,
    Consent,
    Eligibility,
    Harvest,
    ProcessingRun,
    Release,
    Administration,
    FollowUpVisit,
    AdverseEvent,
)
"""The kinds of records that are complete only with a signature."""
COLUMNS = (
    Column("n", "Records"),
    Column("signed", "Signed"),
    Column("unsigned", "Not signed"),
    Column("amended", "Amended since signed"),
    Column("oldest", "Oldest waits, days"),
    Column("rate", "Signed and unchanged, %"),
)


def figures(data: Data) -> Result:
    """Return records made here by whether a signature lies under them, and under what they say now."""
    signed = set(data.session.scalars(select(Signature.record_id).distinct()))
    amended = _last(data, Amendment.record_id, Amendment.amended_at)
    last = _last(data, Signature.record_id, Signature.signed_at, Signature.record_id.in_(select(Amendment.record_id)))
    courses = {row.id: row.treatment_id for row in data.read(Product.id, Product.treatment_id)}
    rows, waits = [], []
    for model in KINDS:
        found = _of_kind(data, model, courses)
        bare = {id_: at for id_, at in found.items() if id_ not in signed}
        since = {id_: amended[id_] for id_ in found if id_ in last and amended[id_] > last[id_]}
        rows.append(Row(model.KIND, _plural(model), _figures(data, list(found), bare, since)))
        waits += [*bare, *since]
    total = totalled("All", rows, COLUMNS, ["n", "signed", "unsigned", "amended"])
    every, done, bare, since = total.figures[:4]
    good = len(done.of or ()) - len(since.of or ())
    total = Row("total", "All", (every, done, bare, since, Figure(None), percent(good, len(every.of or ()))))
    says = (
        f"{bare.shown} of {every.shown} records wait for a signature, {since.shown} were amended since their last one."
    )
    drawing = bars(
        "signed",
        "Records without a signature under their present content",
        says,
        [
            Bar(
                row.label,
                [len(f.of or ()) for f in row.figures[2:4]],
                str(sum(len(f.of or ()) for f in row.figures[2:4])),
            )
            for row in rows
        ],
        series=["Not signed", "Amended since signed"],
    )
    return Result(
        columns=COLUMNS,
        rows=rows if every.value else [],
        total=total if every.value else None,
        first="Kind of record",
        of="records",
        included=every.of or (),
        excluded=data.left_out,
        finding=says if every.value else "There are no records yet.",
        drawings=[drawing] if waits else [],
        notes=[
            "A second signature that a record needs is asked for on the day's list; here one counts as signed.",
            "Records of published histories need no signature and are not counted.",
        ],
    )


def _last(data: Data, key: Any, at: Any, *where: Any) -> dict[str, datetime]:
    """Return the last of some moments by the record that they are about."""
    rows: list[Any] = list(data.session.execute(select(key, func.max(at)).where(*where).group_by(key)))
    return dict(rows)


def _of_kind(data: Data, model: type[Any], courses: dict[str, str | None]) -> dict[str, datetime]:
    """Return id and moment of entry of the records of one kind that were made here, of the chosen courses."""
    key = model.id if model is Treatment else getattr(model, "treatment_id", None)
    if key is None:
        key = getattr(model, "product_id", None) or model.patient_id
    rows = data.read(
        model.id,
        key.label("belongs"),
        model.performed_at if data.asked.dated else null().label("performed_at"),
        model.recorded_at,
        where=[model.origin == "clinic"],
        order=[model.recorded_at, model.id],
    )
    people = {course.patient for course in data.courses.values()} if data.asked.chosen else set()
    found = {}
    for row in rows:
        course = courses.get(row.belongs, row.belongs) if model is Release else row.belongs
        chosen = not data.asked.chosen or course in (people if model is Consent else data.courses)
        if chosen and (not data.asked.dated or data.within(_on(data, row), row.id)):
            found[row.id] = row.recorded_at
    return found


def _on(data: Data, row: Any) -> date:
    return clock.day(row.performed_at or row.recorded_at, data.zone)


def _figures(data: Data, ids: list[str], bare: dict[str, datetime], since: dict[str, datetime]) -> tuple[Figure, ...]:
    waiting = [*bare.values(), *since.values()]
    oldest = (data.at - min(waiting)).total_seconds() / 86400 if waiting else None
    return (
        count(ids),
        count(id_ for id_ in ids if id_ not in bare),
        count(bare),
        count(since),
        number(oldest, 0),
        percent(len(ids) - len(waiting), len(ids)),
    )


def _plural(model: type[Any]) -> str:
    noun = model.NOUN
    return noun if noun in {"Processing", "Eligibility"} else f"{noun}s"


REPORT = Report(
    name="signatures",
    group="records",
    topic="Outstanding signatures",
    title="Which signatures are outstanding?",
    says="Records that nobody has signed, and records that were amended after their last signature.",
    data_set="Orders, consents, eligibility, harvests, processing, decisions, administrations, visits, adverse events",
    numerator="Records without any signature; records with an amendment later than their last signature",
    denominator="Records made in this clinic",
    counted_by="date on which it happened, else was recorded",
    figures=figures,
)
