"""Whether a donor's cells may be used: signed, complete, fresh enough, for this recipient (rules 4, 17 to 20)."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from clinic import clock
from clinic.access import Role
from clinic.patients.donor_consent import consent_problems
from clinic.patients.donor_history import told_infection
from clinic.patients.donors import BloodTyping, Donor, DonorEligibility, says_why
from clinic.patients.models import Patient
from clinic.patients.names import compact, searchable
from clinic.protocols.catalogues import MARKERS
from clinic.steps import Action, Blocked

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from clinic.course_records import CourseRecords
    from clinic.protocols.content import Content

PHYSICIAN = (Role.PHYSICIAN,)
GROUP = frozenset({"abo", "rhd"})


class Collection(NamedTuple):
    """When a donor's cells were collected, and whether elsewhere, before they came here.

    ``known``: whether the day is; where it is not, ``fix`` says where it is entered.
    """

    at: datetime
    known: bool = True
    elsewhere: bool = False
    fix: tuple[str, dict[str, Any]] | None = None


def adverse(determination: DonorEligibility) -> str:
    """Return in words what speaks against a donor, signed or not; empty: nothing. A “no” counts when it is written."""
    reactive = [MARKERS[marker].label for marker in determination.markers if marker in determination.reactive]
    if reactive:
        return f"The donor is reactive or indeterminate for {', '.join(reactive)}."
    if told_infection(determination):
        return f"The history of the donor names an infection: {determination.history}"
    said = {"ineligible": "The donor is not eligible.", "incomplete": "The donor's examination is not complete."}
    if determination.still_no and determination.outcome != "ineligible":
        return "The donor was not eligible, and no second person has confirmed the correction."
    return said.get(determination.outcome or "", "")


def counting(records: CourseRecords, donor: Donor) -> DonorEligibility | None:
    """Return the determination that counts for a donor; see `counts_of`."""
    return counts_of(records.on(donor, DonorEligibility))


def counts_of(determinations: list[DonorEligibility]) -> DonorEligibility | None:
    """Return which determination counts: they are read as they were written, whatever day each one bears.

    A “yes” counts when it is signed, and not against one that is dated later. A “no” counts from when it is written.
    “Not eligible” stays until a “yes” that was written later is signed by two people, a reactive marker until a later
    sample is negative too; see `DonorEligibility.lifts` and `DonorEligibility.resolves`.
    """
    found = barred = None
    for one in sorted(determinations, key=lambda one: (one.written_at, one.id)):
        if barred is not None and barred.reactive and not one.reactive:
            stays = not one.resolves(barred)
        else:
            stays = barred is not None and not one.still_no and not one.lifts(barred)
        if stays or not (adverse(one) or one.attested):
            continue
        if found is not None and not adverse(one) and one.is_before(found):
            continue
        found, barred = one, one if one.still_no else None
    return found


def excused(determination: DonorEligibility, recipient: Any) -> bool:
    """Whether a donor who is not eligible may be used for this recipient (rule 18; 21 CFR 1271.60(d), .65(b)).

    A physician signed the urgent medical need of exactly this patient, with its reason, and the physician who was
    informed confirmed it. Of a relative who donates for one patient the need is that patient's.
    """
    return for_need_of(determination, recipient) and determination.attested and determination.acknowledged


def for_need_of(determination: DonorEligibility, recipient: Any) -> bool:
    """Whether it states the urgent medical need of exactly this patient, with words, and who was informed of it."""
    if recipient is None or not determination.physician_told:
        return False
    said, donor = determination.urgent_need, determination.donor
    named_id, named = determination.urgent_for_id, determination.urgent_for
    if named_id is None:
        named_id, named = donor.relative_of_id, donor.relative_of
    same = named_id == recipient.id or (named is not None and named.is_same_person(recipient))
    return same and (says_why(said) if determination.told_id is not None else is_reason(said))


def needs_to_confirm(records: CourseRecords) -> list[Action]:
    """Return the urgent needs of the patient that the physician who was informed has not confirmed (rule 18)."""
    if records.course.relation == "autologous":
        return []
    counts = [counting(records, donor) for donor in records.every(Donor)]
    return [
        Action(
            title="Confirm the urgent need", who=PHYSICIAN, only_by=(one.told.id,),
            why=f"{one.told.printed_name}: {one.donor.display_name} is not eligible. {one.urgent_need}",
            to=("donors.eligibility", {"eligibility_id": one.id}),
        )
        for one in counts
        if one is not None and one.told is not None and for_need_of(one, records.patient) and not one.acknowledged
    ]  # fmt: skip


def is_reason(text: str | None) -> bool:
    """Whether a text says something: two words at least; “x” and “ok” are no reason."""
    words = [word for word in searchable(text or "").split() if len(word) > 1]
    return len(words) >= 2


def label_warnings(determination: DonorEligibility) -> list[str]:
    """Return what the label of cells used in urgent medical need says (21 CFR 1271.60(d)(2), .65(b)(2), .90(c))."""
    found = []
    if determination.outcome == "incomplete":
        found.append("NOT EVALUATED FOR INFECTIOUS SUBSTANCES")
    if determination.reactive:
        agents = ", ".join(dict.fromkeys(MARKERS[marker].agent for marker in sorted(determination.reactive)))
        found += ["BIOHAZARD", f"WARNING: Reactive test results for {agents}"]
    if determination.outcome != "eligible":
        found.append("WARNING: Advise patient of communicable disease risks")
    return found


def problems(
    records: CourseRecords, donor: Donor, *, says: Content | None, collected: Collection, recipient: Any = None
) -> list[Blocked]:
    """Return why the cells of one donor may not be used for a recipient under a protocol; empty: they may."""
    if donor.kind == "self":
        return []
    found = directed(donor, recipient)
    found += consent_problems(records, donor, collected.at, elsewhere=collected.elsewhere)
    new = {"fix": ("donors.new_eligibility", {"donor_id": donor.id}), "who": PHYSICIAN}
    determination = counting(records, donor)
    if determination is None:
        because = f"The eligibility of {donor.display_name} as donor is not determined and signed."
        return [*found, Blocked(rule=17, because=because, fix_label="Determine", **new)]
    against, allowed = adverse(determination), excused(determination, recipient)
    if not allowed and (against or determination.outcome != "eligible"):
        because = against or "The donor is not eligible."
        if determination.reactive:
            because += " Only a later sample that is negative, signed by two people, resolves it."
        elif determination.still_no:
            because += (
                " A new determination resolves it when two people have signed: a physician and quality or another."
            )
        said = f"{because} No urgent medical need of this recipient is signed for {donor.display_name}."
        if for_need_of(determination, recipient) and determination.attested:
            who = determination.told.printed_name if determination.told is not None else determination.physician_told
            said = f"{because} {who} was informed of the urgent medical need and has not confirmed it: sign it."
            show = ("donors.eligibility", {"eligibility_id": determination.id})
            found.append(Blocked(rule=18, because=said, fix_label="Confirm the need", who=PHYSICIAN, fix=show))
        else:
            found.append(Blocked(rule=18, because=said, fix_label="Determine again", **new))
    screening = says.screening if says is not None else None
    missing = determination.missing(screening.markers) if screening is not None else []
    if missing and not (allowed and determination.outcome == "incomplete"):
        names = ", ".join(MARKERS[m].label if m in MARKERS else m for m in missing)
        because = f"{donor.display_name} was not tested for: {names}."
        found.append(Blocked(rule=19, because=because, fix_label="Determine again", **new))
    days = screening.valid_days if screening is not None else None
    if determination.sample_taken_on is not None and days is not None:
        found += _sample(records, donor, determination.sample_taken_on, days, collected)
    return found


def _sample(records: CourseRecords, donor: Donor, taken: date, days: int, collected: Collection) -> list[Blocked]:
    """Return that a blood sample was drawn too long before or after the collection, or that nobody can tell (19)."""
    if not collected.known:
        because = (
            f"The day of the collection is not recorded: nobody can tell whether the blood sample of "
            f"{donor.display_name} was drawn within {days} days of it. Enter the day in the harvest."
        )
        return [Blocked(rule=19, because=because, who=PHYSICIAN, fix=collected.fix, fix_label="Enter the day")]
    on = clock.day(collected.at, records.zone)
    if abs(on - taken) <= timedelta(days=days):
        return []
    when = "before" if taken < on else "after"
    because = f"The blood sample of {donor.display_name} was drawn more than {days} days {when} the collection."
    fix: Any = ("donors.new_eligibility", {"donor_id": donor.id})
    return [Blocked(rule=19, because=because, who=PHYSICIAN, fix=fix, fix_label="Determine again")]


def directed(donor: Donor, recipient: Any) -> list[Blocked]:
    """Return why a relative's cells are not for this recipient: they are for the named patient only (rule 4)."""
    if donor.kind != "related" or recipient is None:
        return []
    if donor.relative_of is not None and donor.relative_of.is_same_person(recipient):
        return []
    if donor.relative_of_id is None:
        because = f"{donor.display_name} donates cells for a relative, and which patient that is was not recorded."
        return [Blocked(rule=4, because=because)]
    because = f"{donor.display_name} donates cells for another patient only. They must not be given to anyone else."
    return [Blocked(rule=4, because=because)]


def named_donor(records: CourseRecords, at: datetime) -> list[Blocked]:
    """Ask for the donor whom the order names, before there are any cells (rules 17 to 20)."""
    course = records.course
    if course.relation == "autologous":
        return []
    if course.donor is None:
        name = ("treatments.donor", {"treatment_id": course.id})
        who = (Role.PHYSICIAN, Role.COORDINATOR)
        because = "No donor is named for this course."
        return [Blocked(rule=17, because=because, who=who, fix=name, fix_label="Name the donor")]
    found = problems(
        records, course.donor, says=records.course.says, collected=Collection(at), recipient=records.patient
    )
    return found + blood_groups(records, [course.donor])


def blood_groups(records: CourseRecords, donors: list[Donor]) -> list[Blocked]:
    """Ask for blood groups of donor and recipient that agree, where the protocol does from two samples (rule 20)."""
    asked = records.course.says.screening.two_blood_groups
    people: list[tuple[str, list[Any], Any]] = [
        ("donor", [donor], ("donors.show", {"donor_id": donor.id})) for donor in donors if donor.kind != "self"
    ]
    if people:
        people.append(("recipient", records.people, ("pathway.patient", {"patient_id": records.patient.id})))
    found = []
    for who, person, fix in people:
        typings = [typing for one in person for typing in records.on(one, BloodTyping)]
        samples = independent([typing for typing in typings if typing.signed and typing.unconfirmed is None])
        if because := contradicting(records, who, person):
            found.append(Blocked(rule=20, because=because, who=(Role.TECHNOLOGIST, Role.PHYSICIAN), fix=fix))
        elif asked and samples < 2:
            because = f"The {who}'s blood group is typed from {samples} of 2 samples."
            found.append(Blocked(rule=20, because=because, who=(Role.TECHNOLOGIST, Role.NURSE), fix=fix))
    return found


def contradicting(records: CourseRecords, who: str, person: Sequence[Any]) -> str:
    """Return that what is recorded of the blood group of one person does not agree; "" where it does (rule 20).

    Typed samples and the groups that are entered on her or his records. What a typing or an entry said before a
    correction counts, too, until a second person has signed or confirmed that.
    """
    typings = [typing for one in person for typing in records.on(one, BloodTyping)]
    if len({(one.abo, one.rhd) for one in typings}) > 1:
        return f"The {who}'s blood groups do not agree."
    if len({group for one in typings for group in _read(one)}) > 1:
        return (
            f"The {who}'s blood groups do not agree: one was corrected, and no second person has signed the correction."
        )
    entered = {group for one in person for group in _entered(one, typed=bool(typings))}
    if all(len({group[n] for group in entered | {(one.abo, one.rhd) for one in typings}} - {None}) < 2 for n in (0, 1)):
        return ""
    typed = next((f"; {one.headline()}" for one in typings), "")
    said = " or ".join(sorted(group_words(*one) for one in entered))
    return (
        f"The {who}'s blood groups do not agree: the record says {said}{typed}. The cells or the sample may be another "
        "person's: compare who was typed, and correct what is wrong; a second person confirms it."
    )


def group_words(abo: str | None, rhd: str | None) -> str:
    """Return a blood group in words: “O RhD negative”."""
    return f"{abo or 'ABO not known'} RhD {rhd or 'not known'}"


def groups_read(records: CourseRecords, person: Sequence[Any]) -> tuple[str, str]:
    """Return in words what is entered and what was typed of one person, for whoever compares the two."""
    entered = sorted({group_words(*group) for one in person for group in _entered(one, typed=True)})
    typed = [
        f"{group_words(one.abo, one.rhd)}, sample {one.sample_number}"
        for p in person
        for one in records.on(p, BloodTyping)
    ]
    return f"record: {' or '.join(entered) or 'no group'}", f"typed: {'; '.join(typed) or 'no sample'}"


def same_blood(records: CourseRecords) -> list[Any]:
    """Return whose typings are the patient's: all records of the person, and those of the donor of own cells."""
    own = [one for one in records.every(Donor) if one.kind == "self" and one.patient_id in records.people_ids]
    return [*records.people, *own]


def _entered(one: Any, *, typed: bool) -> Iterator[tuple[str | None, str | None]]:
    """Yield the group that is entered on a record; and, of a patient, each before a correction nobody has confirmed.

    The donor of own cells took over the patient's entry, and says nothing of its own.
    """
    if getattr(one, "kind", None) == "self":
        return
    if one.abo or one.rhd:
        yield one.abo, one.rhd
    for change in one.unconfirmed if typed and isinstance(one, Patient) else ():
        abo, rhd = (change.changes[name][0] if name in change.changes else None for name in ("abo", "rhd"))
        if abo or rhd:
            yield abo, rhd


def _read(typing: BloodTyping) -> Iterator[tuple[str | None, str | None]]:
    """Yield the group of a typing, and each that it said before a correction that nobody else has signed."""
    abo, rhd = typing.abo, typing.rhd
    yield abo, rhd
    for one in reversed(typing.amendments):
        abo, rhd = (one.changes[n][0] if n in one.changes else was for n, was in (("abo", abo), ("rhd", rhd)))
        if one.corrects(GROUP) and not typing.is_confirmed(one):
            yield abo, rhd


def independent(typings: list[BloodTyping]) -> int:
    """Return how many independent samples some typings are from: other numbers, drawn at other moments (rule 20)."""
    numbers = {compact(one.sample_number or "") for one in typings}
    return min(len(numbers), len({one.minute or one.id for one in typings}))
