"""What a row says about the cells themselves: what they are, whose, until when, and whether they may be collected.

What was given elsewhere happened all the same: it is taken in where the mapping says why. Cells that are here and are
still to be given are judged as on their pages (rules 1, 3, 4, 14, 44, 50).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import select
from sqlalchemy.orm import object_session

from clinic.clock import is_later, window_in
from clinic.consent.models import Consent
from clinic.exchange import parse_cell
from clinic.exchange.import_checks import Fault
from clinic.exchange.import_given import Against, asked
from clinic.exchange.import_targets import SAMPLED, Slot
from clinic.products.limits import known_of, limit_stated
from clinic.products.what_cells import tissue_words, tissues_for, type_words
from clinic.protocols.catalogues import QC_TESTS, within
from clinic.protocols.cells import given_types, on_the_way
from clinic.protocols.content import Relation
from clinic.records import Origin
from clinic.release.results import QCResult
from clinic.wording import moment

if TYPE_CHECKING:
    from datetime import datetime

SAMPLE, ENDS = Slot(part=SAMPLED[0], name=SAMPLED[1]), Slot(part="product", name="expires_at")
CURRENT = timedelta(days=7)
"""Own cells that were collected within this time and are still here belong to a course that runs now."""


def cell_faults(history: Any, course: Any, harvest: Any, product: Any, *, given: bool) -> list[Fault]:
    """Return why the cells of a row are not those of its order; ``given``: the row says that they were given."""
    found = list(_whose(history, course, product))
    against = list(_other_cells(course, harvest, product, given=given))
    if given:
        found += asked(history, product, against)
    else:
        found += [_refused(history, one) for one in against] + _end(history, harvest, product)
    return found + asked(history, harvest, _without_consent(history, course, harvest, given=given))


def _refused(history: Any, one: Against) -> Fault:
    return history.fault(Slot(part=one.part, name=one.field), f"{one.said} (rule {one.rule})")


def _whose(history: Any, course: Any, product: Any) -> Iterator[Fault]:
    """Yield that a container is of another kind of donor than its order asks for (rules 3, 4)."""
    if None not in {course.relation, product.relation} and product.relation != course.relation:
        label = within(Relation(course.relation).label) if course.relation in set(Relation) else course.relation
        rule = 3 if Relation.AUTOLOGOUS in {course.relation, product.relation} else 4
        yield history.fault(Slot(part="product", name="relation"), f"{label}, as the order says (rule {rule})")


def _other_cells(course: Any, harvest: Any, product: Any, *, given: bool) -> Iterator[Against]:
    """Yield each tissue and cell type that the order and the protocol do not name (rule 1)."""
    says = course.says
    allowed = tissues_for(says, course.source)
    for part, record in (("harvest", harvest), ("product", product)):
        if record.source is not None and record.source not in allowed:
            yield Against("source", 1, f"cells from {tissue_words(allowed)}, as the order says", part)
    both = {harvest.source, product.source}
    if len(both) > 1 and both <= {*allowed}:
        yield Against("source", 1, f"{tissue_words([harvest.source])}, from which they were collected", "product")
    types = given_types(says.cell_type, says.manipulations)
    if not given:  # what is processed here may be on the way to what the protocol gives
        types |= on_the_way(says.cell_type, says.manipulations, says.sources)
    if product.cell_type is not None and product.cell_type not in types:
        yield Against("cell_type", 1, f"{type_words(says.cell_type)}, which the protocol gives", "product")


def _end(history: Any, harvest: Any, product: Any) -> list[Fault]:
    """Count until when the cells may be used from the end of the collection, else from the safe side (rule 50).

    Return that the row lets them be used for longer; the label of what was thawed since tells of the frozen cells.
    """
    if product.collected_at is None and harvest.ended_at is not None:
        product.collected_at = harvest.ended_at
        if known := harvest.precision_of("ended_at"):
            product.precision = (product.precision or {}) | {"collected_at": known}
    end, told = limit_stated(product, since=window_in(harvest, "performed_at")), history.given.get(ENDS)
    stated = window_in(product, "expires_at")
    if end is None:
        return []
    if told is None or told.text is None or stated is None:
        product.keep_to_expiry((end.first, known_of(end)))
        return []
    if stated.first <= end.last:
        return []
    if product.thawed_at is not None:
        product.keep_to_expiry((end.first, known_of(end)))
        return []
    frozen = "" if product.was_frozen else "; of frozen cells the row says when they were frozen"
    ends = moment(end.last, history.by.site.zone, known_of(end))
    return [history.fault(ENDS, f"no later moment than {ends}, as the protocol allows{frozen} (rule 50)")]


def _without_consent(history: Any, course: Any, harvest: Any, *, given: bool) -> Iterator[Against]:
    """Yield that own cells were collected without a consent that is recorded here (rule 14).

    Asked of what the clinic itself should have recorded: what was collected since it records consents or knows the
    patient, or a few days ago for a course that goes on. Older collections are a history.
    """
    session, at = object_session(history.by), harvest.performed_at
    if course.relation != Relation.AUTOLOGOUS or session is None or at is None or at > history.at:
        return
    began = [history.known.consents_since, *([] if given else [history.at - CURRENT])]
    began += [one.recorded_at for one in course.patient.person if one.origin == Origin.CLINIC]
    if at < min((one for one in began if one is not None), default=history.at):
        return
    ids = [one.id for one in course.patient.person]
    known = session.scalars(select(Consent).where(Consent.patient_id.in_(ids))).all()
    if not any(_covers(one, course, at) for one in known):
        said = "a collection that the patient's recorded consent to this protocol covers"
        yield Against("performed_at", 14, said, "harvest")


def _covers(consent: Consent, course: Any, at: datetime) -> bool:
    """Whether a consent to the version of a course was signed, given by a moment, and not withdrawn by then."""
    given, ends = consent.performed_at, consent.withdrawal.ends if consent.withdrawal is not None else []
    same = consent.protocol_version_id == course.protocol_version_id and bool(consent.signatures)
    return same and (given is None or given <= at) and not any(end <= at for end in ends)


def sampling(history: Any) -> dict[str, Any]:
    """Return when the samples of a row were taken, and how much of it is known; what cannot be read is a fault."""
    told = history.given.get(SAMPLE)
    if told is None or told.text is None:
        return {}
    known = parse_cell.precision(told.text)
    try:
        at = parse_cell.moment(told.text, history.by.site.zone)
    except parse_cell.NotThat as fault:
        history.problems.append(history.fault(SAMPLE, str(fault)))
        return {}
    return {"sampled_at": at, "precision": {"sampled_at": known} if known else None}


def result_faults(history: Any, result: QCResult, harvest: Any, *, given: bool) -> list[Fault]:
    """Return that a sample was taken before the cells were collected (rule 69).

    Tell that a culture counts as pending until its sample is old enough, or its time is recorded (rule 44).
    """
    first, test = harvest.performed_at, QC_TESTS[result.test or ""]
    if first is not None and is_later(harvest, "performed_at", result, "sampled_at", history.by.site.zone):
        return [history.fault(SAMPLE, "a moment after the start of the harvest (rule 69)")]
    if given or not test.final_after_days or not result.interim:
        return []
    why = f"its {test.final_after_days} days are not over"
    if result.sampled_at is None:
        why = "the row does not say when the sample was taken (qc.sampled_at)"
    history.notes.append(f"Row {history.row}: {test.label} is taken as pending: {why} (rule 44).")
    return []
