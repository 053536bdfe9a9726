"""What the oracle knows of patient, donors, consent and eligibility (rules 3, 4, 14 to 19, 23, 51, 65)."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

from tests.proof.findings import RELEASING, Found
from tests.proof.tables import Facts, Reason

TENTH = Decimal("0.1")
SMALL = Decimal(15)
"""kg under which a patient grows as an infant does."""


class Persons(Found):
    """The tables, and what speaks against the person, the papers and the donors."""

    # whose cells

    def whose(self, bag: str, course: str) -> list[Reason]:
        found: list[Reason] = []
        if self.bags[bag]["course"] is None:
            found.append((1, "the bag is assigned to nobody"))
        elif self.bags[bag]["course"] != course:
            found.append((1, "the bag belongs to another course"))
        return found + self.directed(bag, self.courses[course]["patient"])

    def directed(self, bag: str, patient: str) -> list[Reason]:
        found: list[Reason] = []
        for giver in self.givers(bag):
            donor = self.donors[giver]
            if donor["kind"] == "self" and donor["patient"] not in self.person(patient):
                found.append((3, "another patient's own cells"))
            if donor["kind"] == "related" and donor["relative_of"] not in self.person(patient):
                found.append((4, "directed to another patient"))
        return found

    def against_donors(self, bag: str, protocol: Facts, patient: str | None) -> list[Reason]:
        found: list[Reason] = []
        for giver in dict.fromkeys(self.givers(bag)):
            if self.donors[giver]["kind"] == "self":
                continue
            last = self._determined(giver)
            if last is None:
                found.append((17, f"no signed determination: {giver}"))
                continue
            missing = [one for one in protocol["markers"] if last["markers"].get(one, "not_done") == "not_done"]
            excused = self._excused(last, patient)
            if self._bad(last) and not excused:
                found.append((17, f"the donor is {last['outcome']}: {giver}"))
            if missing and not (excused and last["outcome"] == "incomplete"):
                found.append((19, f"markers are missing: {giver}"))
        return found

    def _determined(self, giver: str) -> Facts | None:
        """The determination that counts: a no from when it is written, a yes from its signature.

        A no stays until two people have signed another finding; a reactive marker until that is of a later sample too.
        """
        found: Facts | None = None
        for one in self.determinations.values():
            if one["donor"] != giver or not (self._bad(one) or one["signed"] - {one["told"]}):
                continue
            no = found if found is not None and self._barred(found) else None
            worse = no is not None and self._barred(one) and not self._only_reactive(no, one)
            if no is None or worse or self._lifts(one, no):
                found = one
        return found

    def _lifts(self, one: Facts, no: Facts) -> bool:
        reactive = self._reactive(no)
        negative = all(one["markers"][marker] == "negative" for marker in reactive)
        later = not reactive or (one["sample_on"] > no["sample_on"] and negative)
        return later and len(one["signed"]) > 1 and bool(one["signed"] - {one["told"]})

    def _only_reactive(self, no: Facts, one: Facts) -> bool:
        """Whether a no for a reactive marker would be followed by one that does not tell of it."""
        return bool(self._reactive(no)) and not self._reactive(one)

    def _excused(self, one: Facts, patient: str | None) -> bool:
        """Whether the urgent need of exactly this patient is signed, and confirmed by who was told of it (18)."""
        of = one["for"] or self.donors[one["donor"]]["relative_of"]
        mine = patient is not None and of is not None and of in self.person(patient)
        return bool(mine and one["urgent"] and one["told"] in one["signed"] and one["signed"] - {one["told"]})

    @staticmethod
    def _reactive(one: Facts) -> set[str]:
        return {marker for marker, said in one["markers"].items() if said in {"reactive", "indeterminate"}}

    def _barred(self, one: Facts) -> bool:
        return one["outcome"] == "ineligible" or bool(self._reactive(one))

    @staticmethod
    def _bad(one: Facts) -> bool:
        bad = any(said in {"reactive", "indeterminate"} for said in one["markers"].values())
        return one["outcome"] != "eligible" or bad

    # the papers

    def permission(self, course: str) -> list[Reason]:
        found: list[Reason] = []
        if self.courses[course]["stopped"]:
            found.append((15, "the course was stopped"))
        if not self.courses[course]["signed"]:
            found.append((14, "the order is not signed"))
        if not self._consented(course):
            found.append((14, "no valid consent"))
        return found + self._not_eligible(course)

    def _consented(self, course: str) -> bool:
        patient, protocol = self.courses[course]["patient"], self.courses[course]["protocol"]
        mine = [one for one in self.consents.values() if (one["patient"], one["protocol"]) == (patient, protocol)]
        ends = self.ends({"patient": patient, "protocol": protocol})
        return any(
            one["by"] in one["signed"]
            and not self.waits(one)
            and one["at"] <= self.now
            and (one["until"] is None or self.day(self.now) <= one["until"])
            and not any(one["at"] <= end for end in ends)
            for one in mine
        )

    def ends(self, consent: Facts) -> list[datetime]:
        """When consent to the same treatment of the same patient was withdrawn."""
        return [
            one["withdrawn_at"]
            for one in self.consents.values()
            if one["withdrawn_at"] is not None
            and (one["patient"], one["protocol"]) == (consent["patient"], consent["protocol"])
        ]

    def left_behind(self, bag: str, course: str) -> list[Reason]:
        """Whether the cells were collected under a consent that ended, and quality has not released them since (15)."""
        patient, protocol = self.courses[course]["patient"], self.courses[course]["protocol"]
        end = max(self.ends({"patient": patient, "protocol": protocol}), default=None)
        mine = [one for one in self.decisions.values() if one["bag"] == bag and one["kind"] in RELEASING]
        left = end is not None and not any(one["at"] > end for one in mine)
        return [(15, "collected before the withdrawal")] if left else []

    # eligibility: a no counts from when it was written, until somebody else has signed a yes after it (23)

    def _not_eligible(self, course: str) -> list[Reason]:
        mine = [one for one in self.eligibilities.values() if one["course"] == course]
        yes = self._last_word(mine)
        if yes is None or not self.says_yes(yes):
            return [(23, "the patient is not eligible" if yes is not None else "no decision on eligibility")]
        found: list[Reason] = []
        if self._overturned_alone(mine, yes):
            found.append((23, "a yes overturns a no without a second physician"))
        if self._before_a_dose(yes, course):
            found.append((23, "decided before the last dose"))
        return found + self._said_elsewhere(course, yes)

    def _said_elsewhere(self, course: str, yes: Facts) -> list[Reason]:
        """Whether another course of the person said no since, or was stopped, for a reason in the person."""
        found: list[Reason] = []
        patient = self.courses[course]["patient"]
        for other, facts in self.courses.items():
            if other != course and facts["patient"] in self.person(patient):
                against = [one for one in self.eligibilities.values() if one["course"] == other]
                no = self._last_word(against)
                if no is not None and not self.says_yes(no) and self._in_person(no) and not self._answers(yes, no):
                    found.append((23, "not eligible in another course, for a reason in the person"))
                if facts["stopped"] and facts["stopped_at"] > yes["written"]:
                    found.append((23, "another course was stopped, for a reason in the person"))
        return found

    def _in_person(self, no: Facts) -> bool:
        """Whether a no lies in the person, or did before one person alone took that back."""
        return no["personal"] or (no["was_personal"] and self.waits(no))

    def _answers(self, yes: Facts, no: Facts) -> bool:
        """Whether a yes is later than a no; one that was taken back by one person alone is answered by another."""
        if no["against"] > yes["written"]:
            return False
        alone = [
            who
            for place, (what, who) in enumerate(no["log"])
            if what == "correct" and not any(how == "sign" and other != who for how, other in no["log"][place:])
        ]
        return not alone or bool({yes["by"], *yes["signed"]} - {alone[-1]})

    def _last_word(self, mine: list[Facts]) -> Facts | None:
        """The decision that counts: the last one by when it was taken, or any no that was written after it."""
        counted = sorted((one for one in mine if one["signed"] or not self.says_yes(one)), key=lambda one: one["at"])
        if not counted or not self.says_yes(counted[-1]):
            return counted[-1] if counted else None
        later = [one for one in counted if not self.says_yes(one) and one["written"] > counted[-1]["written"]]
        return max(later, key=lambda one: one["written"], default=counted[-1])

    def _overturned_alone(self, mine: list[Facts], yes: Facts) -> bool:
        """Whether nobody but who said the last no has signed a yes since."""
        refusals = [one for one in mine if one["at"] < yes["at"] and not self.says_yes(one)]
        if not refusals:
            return False
        no = max(refusals, key=lambda one: one["written"])
        since = [one for one in mine if no["at"] < one["at"] < yes["at"] and one["written"] > no["written"]]
        return not any(one["signed"] - {no["by"]} for one in (*since, yes))

    def says_yes(self, one: Facts) -> bool:
        return one["yes"] and not self.waits(one)

    def _before_a_dose(self, yes: Facts, course: str) -> bool:
        """Whether a dose was given on an earlier day and after the decision; the bags of one dose are one giving."""
        patient = self.courses[course]["patient"]
        given = [one for one in self.givings.values() if self.courses[one["course"]]["patient"] == patient]
        begun = self._dose_in_hand(course)
        before = [one["at"] for one in given if begun is None or one["course"] != course or one["at"] < begun]
        dose = max(before, default=None)
        return dose is not None and self.day(dose) < self.day(self.now) and yes["at"] <= dose

    def _dose_in_hand(self, course: str) -> datetime | None:
        """When the dose in hand was begun: for 24 hours, until it comes to nine tenths of the usual one."""
        begun, amount = None, Decimal(0)
        for one in sorted(self.givings.values(), key=lambda one: one["at"]):
            if one["course"] != course:
                continue
            if begun is None or one["at"] - begun >= timedelta(hours=24):
                begun, amount = one["at"], Decimal(0)
            amount += self.bags[one["bag"]]["amount"]
        weight = self.weight(self.courses[course]["patient"])
        if begun is None or weight is None or self.now - begun >= timedelta(hours=24):
            return None
        usual = self.protocols[self.courses[course]["protocol"]]["usual"]
        return begun if amount < Decimal("0.9") * usual * weight["kg"] else None

    # the body

    def body(self, bag: str, course: str) -> list[Reason]:
        found: list[Reason] = []
        records = [self.patients[one] for one in self.person(self.courses[course]["patient"])]
        if any(self.died(one) for one in records):
            found.append((65, "the patient has died"))
        known = [word for one in records for word in self._allergies(one)]
        inside = " ".join(self.bags[one]["medium"] for one in self.line(bag)).lower()
        if all(one["allergies"] == "not_asked" for one in records):
            found.append((23, "nobody asked about allergies"))
        elif any(word.lower() in inside for word in known):
            found.append((23, "an allergy meets what the bag holds"))
        return found + self._perhaps_another(course)

    @staticmethod
    def died(patient: Facts) -> bool:
        """Whether a record tells of a death, also one that one person alone took back."""
        return patient["died_on"] is not None or any(what == "death" for what, _word, _by in patient["taken"])

    @staticmethod
    def _allergies(patient: Facts) -> list[str]:
        """The allergies of a record, with those that one person alone took back."""
        said = [] if patient["allergies"] == "not_asked" else patient["allergies"]
        return [*said, *(word for what, word, _by in patient["taken"] if what == "allergy")]

    def _perhaps_another(self, course: str) -> list[Reason]:
        """Whether a record that may be the patient's too tells something, and nobody has decided on it (23)."""
        for name in self.perhaps(self.courses[course]["patient"]):
            one = self.patients[name]
            treated = any(each["patient"] == name for each in self.courses.values())
            if self._allergies(one) or self.died(one) or treated:
                return [(23, "a proposed record of the same person tells something")]
        return []

    # the weight

    def weight(self, patient: str) -> Facts | None:
        """The last weight that counts."""
        mine = self._weights(patient)
        doubted = self._doubted(mine)
        known = [one for one in mine if one["at"] <= self.now and one not in doubted]
        return max(known, key=lambda one: one["at"], default=None)

    def _weights(self, patient: str) -> list[Facts]:
        return [one for one in self.weights.values() if one["patient"] in self.person(patient)]

    def doubted_weight(self, patient: str, days: int) -> bool:
        """Whether a weight of these days, which changes the dose, waits for a second person (51)."""
        mine, since = self._weights(patient), self.now - timedelta(days=days)
        if any(self._changes_dose(one) and one["at"] >= since for one in mine):
            return True
        last = max((one for one in mine if one["at"] <= self.now), key=lambda one: one["at"], default=None)
        return last is not None and last["at"] >= since and last in self._doubted(mine)

    def _changes_dose(self, one: Facts) -> bool:
        """Whether a correction by more than a tenth of what a weight was waits for a second person."""
        log = [
            ("correct" if what != "sign" and abs(one["kg"] - what) > TENTH * what else what, who)
            for what, who in one["log"]
        ]
        return self.waits(one | {"log": log})

    @staticmethod
    def _doubted(mine: list[Facts]) -> list[Facts]:
        """The weights that are far from one before that counts; one that a second person signed is the new measure."""
        known: list[Facts] = []
        found: list[Facts] = []
        for one in mine:
            if not any(far(one, other) for other in known):
                known.append(one)
            elif one["signed"] - {one["author"]}:
                known = [one]
            else:
                found.append(one)
        return found


def far(one: Facts, other: Facts) -> bool:
    """Whether two weights differ by more than a tenth and half a per cent for each day between (of infants one)."""
    less, more = sorted((one["kg"], other["kg"]))
    each = Decimal("0.01") if less < SMALL else Decimal("0.005")
    return more > less * (1 + TENTH + each * abs(one["at"] - other["at"]).days)
