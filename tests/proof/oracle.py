"""What may be given, worked out a second time: naively, from the rules alone, with nothing of the product.

A `Picture` is a clinic in plain dictionaries. It is told each act that was accepted, and answers from scratch each
time: may this bag be given in this course now, and if not, which rules forbid it; and what asks for a reason. Its
subjects are in modules of their own: `tables`, `cold`, `findings`, `persons`; here are the doses and the answer.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal

from tests.proof.persons import Persons
from tests.proof.tables import Facts, Reason

DMSO_PER_KG = Decimal(1)
DAY = timedelta(hours=24)
THAW_WARNING = timedelta(minutes=30)


class Picture(Persons):
    """All that the oracle knows, and its answer."""

    def forbids(self, bag: str, course: str) -> list[Reason]:
        """Why the bag may not be given in the course now; empty: it may."""
        return [
            *self.whose(bag, course),
            *self.permission(course),
            *self.against_donors(bag, self._protocol(course), self.courses[course]["patient"]),
            *self.body(bag, course),
            *self.made(bag),
            *self.against_release(bag),
            *self.left_behind(bag, course),
            *self.against_state(bag),
            *self._dose(bag, course),
        ]

    def cautions(self, bag: str, course: str) -> set[int]:
        """The rules that ask for a reason before the bag is given: half an hour after thaw, the interval, the doses."""
        found = set[int]()
        thawed = self.cold(bag)[1]
        if thawed is not None and self.now - thawed >= THAW_WARNING:
            found.add(54)
        if self._too_soon(course) or self.doses(course) >= self._protocol(course)["doses"]:
            found.add(61)
        return found

    def _protocol(self, course: str) -> Facts:
        return self.protocols[self.courses[course]["protocol"]]

    # the dose

    def _dose(self, bag: str, course: str) -> list[Reason]:
        protocol, patient = self._protocol(course), self.courses[course]["patient"]
        weight = self.weight(patient)
        if weight is None or self.now - weight["at"] > timedelta(days=protocol["weight_days"]):
            return [(51, "no weight that is fresh enough")]
        if self.doubted_weight(patient, protocol["weight_days"]):
            return [(51, "a weight waits for a second person")]
        found: list[Reason] = []
        facts, (low, high) = self.bags[bag], protocol["window"]
        today = [self.bags[one["bag"]] for one in self._given_in_a_day(patient)]
        amount = sum((one["amount"] for one in [facts, *today]), Decimal(0))
        per_kg = amount / weight["kg"]
        to_come = sum((self.bags[other]["amount"] for other in self._ready(bag, course)), Decimal(0)) / weight["kg"]
        fits = low <= per_kg <= high or low <= _read(per_kg) <= high or per_kg < low <= per_kg + to_come
        if not fits:
            found.append((52, "the dose of the day lies outside the window"))
        grams = sum((_dmso(one["volume"], one["dmso"]) for one in [facts, *today]), Decimal(0))
        if grams / weight["kg"] > DMSO_PER_KG:
            found.append((53, "too much DMSO in a day"))
        endotoxin = [
            one["value"]
            for one in self.results.values()
            if one["bag"] == bag and one["test"] == "endotoxin" and not one["pending"]
        ]
        if any(value * facts["volume"] / weight["kg"] > protocol["endotoxin_per_kg"] for value in endotoxin):
            found.append((42, "too much endotoxin per kg"))
        return found

    def _ready(self, bag: str, course: str) -> list[str]:
        """The other bags of the course that are released and may complete the dose, given one after the other."""
        return [
            other
            for other in self.bags
            if other != bag
            and self.bags[other]["course"] == course
            and not [one for one in self.against_release(other) if one[1] != ACKNOWLEDGED]
            and not (self.gone(other) or self.expired(other) or self.left_behind(other, course))
        ]

    def _given_in_a_day(self, patient: str) -> list[Facts]:
        """What a person was given in the last 24 hours, in any course."""
        return [one for one in self._given(patient) if self.now - one["at"] < DAY]

    def _given(self, patient: str) -> list[Facts]:
        person = self.person(patient)
        return [one for one in self.givings.values() if self.courses[one["course"]]["patient"] in person]

    # which dose comes next (61)

    def _doses_of(self, course: str) -> list[tuple[datetime, list[Facts]]]:
        """The doses of a course: bags of one day, or of 24 hours until they come to a whole dose, are one."""
        found: list[tuple[datetime, list[Facts]]] = []
        mine = [one for one in self.givings.values() if one["course"] == course]
        for one in sorted(mine, key=lambda one: one["at"]):
            if found:
                begun, bags = found[-1]
                open_yet = one["at"] - begun < DAY and not self._whole(course, bags)
                if open_yet or self.day(begun) == self.day(one["at"]):
                    bags.append(one)
                    continue
            found.append((one["at"], [one]))
        return found

    def _whole(self, course: str, bags: list[Facts]) -> bool:
        return sum((one["per_kg"] for one in bags), Decimal(0)) >= Decimal("0.9") * self._protocol(course)["usual"]

    def doses(self, course: str) -> int:
        """How many doses were given before what is given now: the one in hand is not over."""
        found = self._doses_of(course)
        if found and self.now - found[-1][0] < DAY and not self._whole(course, found[-1][1]):
            found = found[:-1]
        return len(found)

    def next_dose(self, course: str) -> tuple[int, date | None] | None:
        """The number of the dose that comes next and the day from which it is due; None: all were given.

        A bag belongs to the dose in hand until that comes to a whole one, for 24 hours after its first bag; the last
        dose is completed whenever that is.
        """
        found, protocol = self._doses_of(course), self._protocol(course)
        if not found:
            return 1, None
        begun, bags = found[-1]
        last = len(found) >= protocol["doses"]
        if not self._whole(course, bags) and (last or self.now - begun < DAY):
            return len(found), None
        day, days = max(self.day(one["at"]) for one in bags), protocol["days_between"]
        return None if last else (len(found) + 1, day + timedelta(days=days) if days else None)

    def _too_soon(self, course: str) -> bool:
        """Whether the last whole dose, or cells of any other course, lie fewer days back than the protocol asks."""
        days = self._protocol(course)["days_between"]
        given = self._given(self.courses[course]["patient"])
        today = [one for one in given if one["course"] == course and self.now - one["at"] < DAY]
        counted = [one for one in given if one not in today]
        if days and today and self._whole(course, today):
            counted += today
        last = max((self.day(one["at"]) for one in counted), default=None)
        return last is not None and (self.day(self.now) - last).days < (days or 1)


ACKNOWLEDGED = "the informed physician has not acknowledged it"


def _read(per_kg: Decimal) -> Decimal:
    """A dose as it is read, to three figures: a count is no more exact."""
    return per_kg.quantize(Decimal(1).scaleb(per_kg.adjusted() - 2)) if per_kg else per_kg


def _dmso(volume: Decimal, percent: Decimal) -> Decimal:
    return volume * percent / 100 * Decimal("1.1")
