"""A fact of a protocol is declared once: it is on the form, on the page, and in the comparison of versions."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any

import pytest
from pydantic import create_model

from clinic.fields import Range
from clinic.ledger.models import digest
from clinic.protocols import wording
from clinic.protocols.catalogue import between
from clinic.protocols.catalogues import QC_TESTS
from clinic.protocols.claims import claims
from clinic.protocols.content import Content, PatientScreen, QCSpec, VisitPlan
from clinic.protocols.demonstration import DEMONSTRATIONS
from clinic.protocols.facts import Fact, Kind, Leaf, Part, leaves, tables
from clinic.protocols.forms import draft_form, flat
from clinic.protocols.models import ProtocolVersion, parsed
from clinic.protocols.problems import problems
from clinic.protocols.qc_tests import IDENTITY, QCTest
from clinic.protocols.wording import changed, lines
from clinic.release.doses import exhibited_text
from clinic.release.results import QCResult, unmet
from tests.factories import published

if TYPE_CHECKING:
    from flask import Flask

    from tests.factories import Team

KNEE = DEMONSTRATIONS["BMAC-KNEE"]
PUBLISHED = "caf390ced5c574c62844353b8ce192890f9ce3f65547d4f9167d14b7e5b51e3a"
"""Digest of all demonstrations as the first release stored them."""

Wider: Any = create_model(
    "Wider",
    __base__=Content,
    anesthetic=(Annotated[str, Fact(label="Anesthetic", section="The cells")], ""),
    needle_gauge=(Annotated[int | None, Fact(label="Needle", section="The cells", unit="gauge")], None),
    rest=(Annotated[Range | None, Fact(label="Rest after it", section="Afterwards", unit="h")], None),
)


def other(leaf: Leaf, value: Any) -> Any:
    """Return another value of the same kind, as JSON has it."""
    options = leaf.fact.options
    made = {
        Kind.YES_NO: lambda: not value,
        Kind.WHOLE: lambda: (value or 0) + 1,
        Kind.NUMBER: lambda: str((value or Decimal(1)) + 1),
        Kind.RANGE: lambda: {"low": "17", "high": "18", "above": False, "below": False},
        Kind.CHOICE: lambda: next(key for key in options if key != value),
        Kind.MANY: lambda: [next(key for key in options if tuple(value) != (key,))],
        Kind.LINES: lambda: ["Another line"],
        Kind.TEXT: lambda: "Another text",
    }
    return made[leaf.kind]()


def with_other(content: Content, leaf: Leaf) -> Content:
    """Return a content in which one value is another."""
    stored: Any = content.model_dump(mode="json")
    part = stored
    for name in leaf.path[:-1]:
        part = part[name]
    part[leaf.path[-1]] = other(leaf, leaf.value(content))
    return type(content).model_validate(stored)


def stated(content: Content) -> dict[str, str]:
    """Return label and words of everything on the page of a version, apart from its tables."""
    return dict(claims(content)) | {
        label: cell.words for facts in wording.sections(content).values() for label, cell in facts.items()
    }


@pytest.mark.parametrize("leaf", leaves(Content), ids=lambda leaf: leaf.name)
def test_every_fact_is_on_the_form_on_the_page_and_in_the_comparison(leaf: Leaf, app: Flask) -> None:
    asked = KNEE.model_copy(update={"screening": KNEE.screening.model_copy(update={"markers": ("hbsag",)})})
    later = with_other(asked, leaf)
    with app.test_request_context():
        boxes = [
            box.label.text
            for box in draft_form(later)(data=flat(later)).visible_fields
            if not box.name.startswith("qc_")
        ]
    assert [label for label in boxes if label.startswith(leaf.fact.label)]
    assert stated(later).get(leaf.fact.label, "") == leaf.words(later)
    assert leaf.fact.label in {label for label, _before, _after in changed(asked, later)}
    assert all(before != after for _label, before, after in changed(asked, later))


@pytest.mark.parametrize("code", DEMONSTRATIONS)
def test_the_page_of_a_version_shows_all_that_it_states(code: str, client_as: Any, page: Any, team: Team) -> None:
    version = published(team, code)
    shown = page(client_as("nurse"), f"/protocols/versions/{version.id}").text
    for label, words in stated(version.says).items():
        assert label in shown
        assert " ".join(words.split()) in shown
    for table in wording.page_tables(version.says):
        assert all(column in shown for column in table.columns)
        assert all(cell.words in shown for row in table.rows for cell in row if not cell.bar)


@pytest.mark.parametrize("part", [QCSpec, VisitPlan])
def test_every_fact_of_a_row_is_a_column_of_form_page_and_comparison(part: type[Part], app: Flask) -> None:
    rows = next(rows for rows in tables(Content) if rows.leaves == leaves(part))
    content = KNEE
    with app.test_request_context():
        form = draft_form(content)(data=flat(content))
        drawn = next(table for table in form.tables if table.rows is rows)
    assert {leaf.fact.label for leaf in rows.leaves} == {column.partition(", at ")[0] for column in drawn.columns}
    shown = next(table for table in wording.page_tables(content) if table.name == rows.name)
    assert [leaf for column in shown.columns for leaf in rows.columns[column]] == list(rows.leaves)
    first = rows.of(content)[0]
    for leaf in rows.leaves[1:]:
        row = part.model_validate(first.model_dump(mode="json") | {leaf.name: other(leaf, leaf.value(first))})
        later = content.model_copy(update={rows.name: (row, *rows.of(content)[1:])})
        [(label, before, after)] = changed(content, later)
        assert label == f"{rows.fact.label}: {rows.leaves[0].words(first)}"
        assert before != after


def test_a_field_added_to_the_content_is_on_form_page_and_comparison_by_itself(
    app: Flask, fill: Any, client_as: Any, page: Any, team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = Wider.model_validate(KNEE.model_dump(mode="json"))
    written = {"anesthetic": "Lidocaine 1 %", "needle_gauge": "22", "rest_low": "> 24"}
    with app.test_request_context(method="POST", data=fill(before) | written):
        form = draft_form(before)()
        assert form.validate(), form.error_list
        later: Any = form.content(before)
    assert (later.anesthetic, later.needle_gauge, later.rest) == ("Lidocaine 1 %", 22, Range(24, above=True))
    version = published(team, "BMAC-KNEE")
    monkeypatch.setattr(ProtocolVersion, "says", later)
    shown_page = page(client_as("nurse"), f"/protocols/versions/{version.id}")
    for words in ("Lidocaine 1 %", "22 gauge", "Afterwards", "more than 24 h"):
        assert words in shown_page
    assert changed(before, later) == [
        ("Anesthetic", "", "Lidocaine 1 %"),
        ("Needle", "", "22 gauge"),
        ("Rest after it", "", "more than 24 h"),
    ]


def test_a_field_without_its_fact_is_refused() -> None:
    with pytest.raises(TypeError, match=r"Bare\.anesthetic declares no Fact"):
        create_model("Bare", __base__=Content, anesthetic=(str, ""))


def test_no_two_facts_have_the_same_label() -> None:
    found = [leaf.fact.label for leaf in leaves(Content)]
    assert len(set(found)) == len(found)


def test_each_line_of_a_version_has_its_own_name() -> None:
    for content in DEMONSTRATIONS.values():
        said = lines(content)
        assert len([name for name in said if name.startswith("Test: ")]) == len(content.qc)
        assert len([name for name in said if name.startswith("Visit: ")]) == len(content.visits)


def test_what_is_stored_is_read_and_written_as_before() -> None:
    stored = {code: content.model_dump(mode="json") for code, content in DEMONSTRATIONS.items()}
    assert {code: parsed(content) for code, content in stored.items()} == dict(DEMONSTRATIONS)
    before = {code: {name: value for name, value in one.items() if name != "patient"} for code, one in stored.items()}
    assert digest(before) == PUBLISHED, "what a version said before patients were screened, it still says"
    without = PatientScreen()
    asked_nothing = {code: one.model_copy(update={"patient": without}) for code, one in DEMONSTRATIONS.items()}
    assert {code: parsed(content) for code, content in before.items()} == asked_nothing


def test_a_key_that_is_in_no_catalogue_is_named_wherever_it_is() -> None:
    bad = KNEE.model_copy(
        update={
            "dose": KNEE.dose.model_copy(update={"measure": "spoons"}),
            "visits": (VisitPlan(name="Day 1", day=1, instruments=("mood",)),),
        }
    )
    assert "Counted as: “spoons” is not in the catalogue." in problems(bad)
    assert "Asks: “mood” is not in the catalogue." in problems(bad)


def test_a_test_added_to_the_catalogue_is_on_the_form_on_the_doses_line_and_breaks_its_rule(
    app: Flask, request: pytest.FixtureRequest
) -> None:
    added = QCTest(
        key="cd271", label="CD271", unit="%", possible=between(0, 100), in_doses=True, rule=IDENTITY, shared=True,
        usual=None, tested_anew_after_opening=False,
    )  # fmt: skip
    request.addfinalizer(lambda: QC_TESTS.add(()))
    QC_TESTS.add([added])
    with app.test_request_context():
        form = draft_form(KNEE)(data=flat(KNEE))
        assert form._fields["qc_0_test"].offered["cd271"] == "CD271"
    assert exhibited_text([QCResult(test="cd271", value=Decimal(97), comparator="=", pending=False)]) == "CD271 97 %"
    asked = QCSpec(test="cd271", limit=Range(95), source="ours")
    version = ProtocolVersion(content=KNEE.model_copy(update={"qc": (asked,)}).model_dump(mode="json"))
    assert [sentence for _spec, sentence, _may_wait in unmet(version, [])] == ["CD271 has no result."]
    assert QC_TESTS["cd271"].broken_rule() == 41


@pytest.mark.rule(41)
@pytest.mark.rule(44)
def test_a_result_that_may_wait_names_the_rule_of_pending_results_but_identity_never_waits() -> None:
    assert QC_TESTS["sterility"].broken_rule() == 43
    assert QC_TESTS["sterility"].broken_rule(may_wait=True) == 44
    assert QC_TESTS["cd73"].broken_rule(may_wait=True) == 41
    assert QC_TESTS["hematocrit"].broken_rule() == 0
