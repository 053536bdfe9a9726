"""The same acts over HTTP: each as the form that a person fills in, signed in as who does it."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from clinic import clock
from clinic.administration.models import Administration, BedsideCheck
from tests.factories import day_boxes
from tests.proof.book import OF_COURSE, PERSONAL
from tests.proof.hands import EXCEPTION, TABLES

if TYPE_CHECKING:
    from tests.safety.driver import Ward

Act = dict[str, Any]
MADE = {
    "weigh": "weights", "determine": "determinations", "decide_eligibility": "eligibilities", "result": "results",
    "decide": "decisions", "move": "moves",
}  # fmt: skip
"""Kind of act → the table in which it makes a row."""
ON_PAGES = {*MADE, "assign", "sign", "check", "begin", "withdraw", "allergy", "stop", "wait"}
"""The acts that have their form here; an amendment only where it corrects a result or a weight."""


def on_a_page(act: Act) -> bool:
    """Whether an act can be done over HTTP here; quality has no worksheet of its own."""
    if act["do"] == "result" and act["by"].startswith("quality"):
        return False
    return act["do"] in ON_PAGES or (act["do"] == "amend" and act["table"] in {"results", "weights"})


class Web:
    """A ward at which acts are done by name. ``do`` returns "" or what the pages said no to."""

    def __init__(self, ward: Ward, ids: dict[str, str]) -> None:
        self.ward, self.ids = ward, dict(ids)

    def row(self, table: str, name: str) -> Any:
        """Return the row behind a name."""
        return self.ward.session.get(TABLES[table], self.ids[name])

    def do(self, act: Act) -> str:
        """Do one act; return "", or what was refused."""
        heard = len(self.ward.refused)
        table = MADE.get(act["do"])
        before = self._ids(table) if table else set()
        getattr(self, f"_{act['do']}")(act)
        if len(self.ward.refused) > heard:
            return " ".join(self.ward.refused[heard:])
        if table:
            (self.ids[act["name"]],) = self._ids(table) - before
        return ""

    def _ids(self, table: str) -> set[str]:
        self.ward.session.rollback()
        return set(self.ward.session.scalars(select(TABLES[table].id)))

    def _fill(self, act: Act, url: str, **typed: Any) -> Any:
        return self.ward.fill(act["by"], url, sure="seen, and right", **typed)

    def _weigh(self, act: Act) -> None:
        self._fill(act, f"/patients/{self.ids[act['patient']]}/weights/new", kg=act["kg"], performed_at=act["at"])

    def _allergy(self, act: Act) -> None:
        said = {"not_asked": ("not_asked", ""), "none": ("none_known", "")}
        status, words = said.get(act["said"], ("present", act["said"]))
        self._fill(
            act, f"/patients/{self.ids[act['patient']]}/allergies", allergy_status=status, allergies=words,
            amend_reason="asked again",
        )  # fmt: skip

    def _determine(self, act: Act) -> None:
        marks = {f"marker_{name}": said for name, said in act["markers"].items()}
        self._fill(
            act, f"/donors/{self.ids[act['donor']]}/eligibility/new", outcome=act["outcome"],
            urgent_for=self.row("patients", act["for"]).record_number if act["for"] else None,
            urgent_need=act["urgent"], physician_told=self.ward.person(act["told"]).id if act["told"] else None,
            **day_boxes("sample_taken_on", act["sample_on"]),
            **marks,
        )  # fmt: skip

    def _withdraw(self, act: Act) -> None:
        self._fill(act, f"/consents/{self.ids[act['consent']]}/withdrawal")

    def _decide_eligibility(self, act: Act) -> None:
        why = PERSONAL if act["personal"] else OF_COURSE
        self._fill(
            act, f"/treatments/{self.ids[act['course']]}/eligibility/new", active_infection=False, malignancy=False,
            pregnancy="not_applicable", eligible=act["yes"], reasons="" if act["yes"] else why,
            concerns="course" if not act["yes"] and not act["personal"] else "patient",
        )  # fmt: skip

    def _stop(self, act: Act) -> None:
        self._fill(act, f"/treatments/{self.ids[act['course']]}/stop", reason="the patient moved away")

    def _result(self, act: Act) -> None:
        typed = {name: act[name] for name in ("value", "outcome") if act[name] is not None}
        if act["pending"]:
            typed = {f"{act['test']}_pending": ["yes"]}
        bag = self.row("bags", act["bag"])
        self.ward.result(bag, act["test"], act["by"], sampled_at=act["sampled_at"], **typed)

    def _decide(self, act: Act) -> None:
        more: dict[str, Any] = {"reason": "see the file"}
        if act["kind"] == "exceptional":
            more |= {**EXCEPTION, "requested_by_id": self.ids["physician"]}
        elif act["kind"] != "conforms":
            more["physician_told"] = EXCEPTION["physician_told"]
        self.ward.decide(self.row("bags", act["bag"]), act["kind"], act["by"], **more)

    def _assign(self, act: Act) -> None:
        self.ward.assign(self.row("bags", act["bag"]), self.row("courses", act["course"]))

    def _move(self, act: Act) -> None:
        leaks = {"reason": "for the next step" if act["intact"] else "the bag leaks"}
        more = {"discarded": {"reason": "the bag leaks"}, "received": leaks | {"temperature": 20}}
        typed = more.get(act["kind"], {}) | ({"intact": act["intact"]} if act["intact"] is not None else {})
        place = {} if act["kind"] == "discarded" else {"place": "Bench 1"}
        self.ward.move(act["by"], self.row("bags", act["bag"]), act["kind"], **place, **typed)

    def _sign(self, act: Act) -> None:
        self.ward.sign(act["by"], self.row(act["table"], act["record"]))

    def _amend(self, act: Act) -> None:
        self.ward.amend(act["by"], self.row(act["table"], act["record"]), **act["changes"])

    def _check(self, act: Act) -> None:
        made = self.ward.check(self.row("courses", act["course"]), self.row("bags", act["bag"]))
        if made is not None:
            self.ids[act["name"]] = made.id

    def _begin(self, act: Act) -> None:
        check = self.ward.session.get(BedsideCheck, self.ids[act["check"]])
        self.ward.begin(check, body_site="peripheral_vein")

    def given(self) -> set[tuple[str, str]]:
        """Return which bag was given in which course, by id."""
        self.ward.session.rollback()
        return {(one.product_id, one.treatment_id) for one in self.ward.session.scalars(select(Administration))}


def minute() -> datetime:
    """Return now as a form has it, without seconds."""
    return clock.now().replace(second=0, microsecond=0)
