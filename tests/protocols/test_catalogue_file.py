"""The file in which a clinic adds instruments and conditions: what it may say, and that each fault is told."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import select

from clinic import clock, create_app
from clinic.errors import SettingsWrong
from clinic.fields import fields_of
from clinic.followup.models import FollowUpVisit, OutcomeScore
from clinic.protocols.catalogue import labels
from clinic.protocols.catalogue_file import MOST_BYTES, judged, read, text_of, using
from clinic.protocols.catalogues import CONDITIONS, INSTRUMENTS, change, responder, score_fault, values
from clinic.protocols.models import CatalogueEntry
from clinic.reports.catalog import REPORTS
from clinic.reports.dimensions import DIMENSIONS
from clinic.schema import MIGRATIONS
from config import load
from tests.added import ADDED
from tests.conftest import settings
from tests.factories import course, published
from tests.shell import shell

CLINIC = Path(sys.executable).with_name("clinic")
INSTRUMENT = {"label": "Score X", "lowest": 0, "highest": 10, "better": "higher"}
GRADED = {"label": "Grade X", "better": "higher", "grades": ["bad", "good"]}
CONDITION = {"label": "Disease X", "field": "neurology"}


@pytest.fixture
def run(house, tmp_path, monkeypatch, capsys):
    """Run the command line; what its files add to the catalogues ends with the test."""
    with using(""):
        yield shell(monkeypatch, capsys, house.store.url, tmp_path / "instance")


def written(kind, key, facts):
    lines = [f"{name} = {json.dumps(value)}" for name, value in facts.items() if value is not None]
    return "\n".join([f"[{kind}.{key}]", *lines, ""])


def test_an_added_instrument_is_one_like_the_others_until_the_block_ends():
    choices = fields_of(OutcomeScore)["instrument"].choices
    with using(ADDED):
        one = INSTRUMENTS["majeed"]
        assert (one.label, one.unit, one.step, str(one.range)) == (
            "Majeed pelvic score", "points", Decimal("0.1"), "0 to 100",
        )  # fmt: skip
        assert score_fault(one, Decimal("100.1")) == "Majeed pelvic score is 0 to 100; 100.1 is outside."
        assert "steps of 0.1" in score_fault(one, Decimal("50.05"))
        assert change(one, Decimal(40), Decimal(50)) == 10
        assert responder(one, Decimal(40), Decimal(50)) is True
        assert choices["majeed"] == "Majeed pelvic score"
        assert list(INSTRUMENTS)[-2:] == ["majeed", "skin_stage"]
    assert "majeed" not in INSTRUMENTS
    assert "majeed" not in choices


def test_grades_have_values_from_the_lowest_on_and_other_words():
    with using(ADDED):
        one = INSTRUMENTS["skin_stage"]
        assert [one.words(value) for value in values(one)] == ["soft", "firm", "bound down"]
        assert [one.value_of(word) for word in ("Soft", "f", "bd", "x")] == [1, 2, 3, None]
        assert responder(one, Decimal(3), Decimal(2)) is True


def test_every_list_that_was_made_before_follows():
    before = dict(DIMENSIONS["condition"].labels), dict(REPORTS["outcomes"].options[0].choices)
    with using(ADDED):
        assert DIMENSIONS["condition"].labels["sacroiliitis"] == "Sacroiliitis"
        assert DIMENSIONS["profile"].words("sacroiliitis|msc|2").startswith("Sacroiliitis, ")
        assert dict(REPORTS["outcomes"].options[0].choices)["majeed"] == "Majeed pelvic score"
        assert CONDITIONS["sacroiliitis"].sided
    assert before == (dict(DIMENSIONS["condition"].labels), dict(REPORTS["outcomes"].options[0].choices))


def test_labels_that_can_grow_are_not_copied():
    with pytest.raises(TypeError, match="would not follow"):
        labels(CONDITIONS) | {"unknown": "Not recorded"}


def test_nothing_keeps_a_copy_of_the_catalogues_from_when_it_was_imported():
    """Fields, filters and tables of all modules: a choice of instruments or conditions is the catalogue itself."""
    found = {
        f"{model.__name__}.{name}": fact.choices
        for model in (mapper.class_ for mapper in OutcomeScore.registry.mappers)
        for name, fact in fields_of(model).items()
        if fact.choices and {"womac", "stroke"} & set(fact.choices)
    }
    assert set(found) >= {"OutcomeScore.instrument", "Treatment.condition"}
    with using(ADDED):
        assert [name for name, one in found.items() if not {"majeed", "sacroiliitis"} & set(one)] == []


FAULTS = [
    ("instruments", INSTRUMENT | {"label": None}, "[instruments.x] label: required"),
    ("instruments", INSTRUMENT | {"label": " X"}, "label: write one line of text"),
    ("instruments", INSTRUMENT | {"label": "=SUM(A1)"}, "label: write one line of text"),
    ("instruments", INSTRUMENT | {"better": "up"}, "better: “up” is not one of higher, lower"),
    ("instruments", INSTRUMENT | {"lowest": None}, "lowest: required"),
    ("instruments", INSTRUMENT | {"highest": "10"}, "highest: write a number without quotation marks"),
    ("instruments", INSTRUMENT | {"highest": 0}, "highest: 0 is not more than lowest, 0"),
    ("instruments", INSTRUMENT | {"highest": True}, "highest: write a number"),
    ("instruments", INSTRUMENT | {"highest": 9.5}, "highest: 9.5 has more decimals than 0"),
    ("instruments", INSTRUMENT | {"highest": 10**12}, "highest: write a number under"),
    ("instruments", INSTRUMENT | {"decimals": 9}, "decimals: write a whole number from 0 to 4"),
    ("instruments", INSTRUMENT | {"mcid": 2}, "mcid_source: required with “mcid”"),
    ("instruments", INSTRUMENT | {"mcid_source": "a study"}, "mcid: required with “mcid_source”"),
    ("instruments", INSTRUMENT | {"mcid": 11, "mcid_source": "a study"}, "mcid: 11 is no change within the range"),
    ("instruments", INSTRUMENT | {"unit": "days", "decimals": 1}, "unit: days to an event are whole"),
    ("instruments", INSTRUMENT | {"colour": "red"}, "colour: no such field. Remove it, or choose from label"),
    ("instruments", INSTRUMENT | {"label": "nyha CLASS"}, "“nyha CLASS” is a name of the built-in entry nyha"),
    ("instruments", INSTRUMENT | {"aliases": ["WOMAC"]}, "“WOMAC” is a name of the built-in entry"),
    ("instruments", INSTRUMENT | {"aliases": "other"}, "aliases: write a list of texts"),
    ("instruments", GRADED | {"grades": ["one"]}, "grades: write 2 to 40 words"),
    ("instruments", GRADED | {"grades": ["bad", "BAD"]}, "grades: “bad” stands twice"),
    ("instruments", GRADED | {"grades": ["1", "good"]}, "grades: “1” would be read as a figure"),
    ("instruments", GRADED | {"unit": "cm"}, "unit: grades are whole numbers without a unit"),
    ("instruments", GRADED | {"lowest": 0.5}, "lowest: 0.5 is no whole number"),
    ("conditions", CONDITION | {"field": "surgery"}, "field: “surgery” is not one of orthopedics"),
    ("conditions", CONDITION | {"sites": ["hipp"]}, "sites: “hipp” is no body site. Choose from knee"),
    ("conditions", CONDITION | {"malignant": "no"}, "malignant: write true or false"),
    ("conditions", CONDITION | {"field": "wellness", "unproven": False}, "unproven: every indication of wellness"),
    ("conditions", CONDITION | {"label": "stroke"}, "“stroke” is a name of the built-in entry stroke"),
    ("conditions", CONDITION | {"aliases": ["MS"]}, "“MS” is a name of the built-in entry multiple_sclerosis"),
]


@pytest.mark.parametrize(("kind", "facts", "said"), FAULTS)
def test_a_fault_is_told_with_its_table_and_its_field(kind, facts, said):
    _added, faults = judged(written(kind, "x", facts), "catalogues.toml")
    assert len(faults) == 1, faults
    assert said in faults[0]
    assert faults[0].startswith(f"[{kind}.x]")
    assert faults[0].endswith(".")


@pytest.mark.parametrize("key", ["Harris", "a__b", "a-b", "1a", "x" * 41, "value", "none", "é"])
def test_a_key_that_cannot_be_used_is_refused(key):
    _added, faults = judged(written("instruments", json.dumps(key, ensure_ascii=False), INSTRUMENT), "f.toml")
    assert "Choose another key." in " ".join(faults)


def test_a_condition_has_no_key_of_a_kind_of_cells():
    assert judged(written("conditions", "msc", CONDITION), "f.toml")[1]


def test_two_added_entries_share_no_name():
    text = written("instruments", "x", INSTRUMENT) + written("instruments", "y", INSTRUMENT | {"aliases": ["X"]})
    _added, faults = judged(text, "f.toml")
    assert [one.split(". ")[0] for one in faults] == [
        "[instruments.y]: “Score X” is a name of the added entry x, Score X",
        "[instruments.y]: “X” is a name of the added entry x, Score X",
    ]


def test_every_fault_is_told_in_one_round_and_nothing_is_added():
    text = "".join(written(kind, f"k{n}", facts) for n, (kind, facts, _said) in enumerate(FAULTS[:12]))
    with pytest.raises(SettingsWrong) as told, using(text + "[qc_tests.x]\nlabel = 'X'\n"):
        pass
    lines = str(told.value).splitlines()
    assert lines[0].startswith("the text has ")
    assert all(any(f"[instruments.k{n}]" in line for line in lines) for n in range(12))
    assert any("[qc_tests]: only instruments and conditions" in line for line in lines)
    assert INSTRUMENTS.added == ()


@pytest.mark.parametrize(("text", "said"), [
    ("[instruments.x\n", "is not TOML"), ("instruments = 3\n", "write a table for each entry"),
    ("[instruments]\nx = 3\n", "[instruments.x]: write it as a table"),
    (f"x = {'9' * 50_000}\n", "thousands of digits"), (f"x = {'[' * 20_000}\n", "lists within lists"),
    ("[instruments.x]\nlabel = 'X'\nhighest = 1e999999999\n", "under 1,000,000,000"),
])  # fmt: skip
def test_what_is_no_file_of_catalogues_is_said_to_be_none(text, said):
    assert any(said in one for one in judged(text, "catalogues.toml")[1])


def test_a_file_that_cannot_be_read_is_refused(tmp_path):
    file = tmp_path / "catalogues.toml"
    for content, said in ((b"\xff\xfe", "UTF-8"), (b"#" * (MOST_BYTES + 1), "larger than 64 KB")):
        file.write_bytes(content)
        with pytest.raises(SettingsWrong, match=said):
            text_of(file)
    assert text_of(None) == ""


def test_the_setting_names_the_file_else_the_instance_has_one(tmp_path):
    asked = {"CLINIC_INSTANCE": str(tmp_path)}
    assert load(asked).catalogues is None
    (tmp_path / "catalogues.toml").write_text(ADDED)
    assert load(asked).catalogues == tmp_path / "catalogues.toml"
    (tmp_path / "other.toml").write_text("")
    assert load(asked | {"CLINIC_CATALOGUES": str(tmp_path / "other.toml")}).catalogues == tmp_path / "other.toml"
    with pytest.raises(SettingsWrong, match=r"CLINIC_CATALOGUES is “nowhere\.toml”; there is no such file"):
        load(asked | {"CLINIC_CATALOGUES": "nowhere.toml"})


def test_a_start_over_a_faulty_file_is_refused_and_changes_nothing(house, tmp_path):
    file = tmp_path / "catalogues.toml"
    file.write_text(written("instruments", "x", INSTRUMENT | {"better": "up"}))
    chosen = settings(house.store.url, tmp_path)
    with using(ADDED):
        with pytest.raises(SettingsWrong, match=r"catalogues.toml has 1 fault"):
            create_app(type(chosen)(**(vars(chosen) | {"catalogues": file})))
        assert "majeed" in INSTRUMENTS


def test_the_command_checks_a_file_without_starting(run, tmp_path):
    file = tmp_path / "new.toml"
    file.write_text(ADDED)
    assert run("catalogues", "--check", file) == (0, "new.toml is right. Instruments: 2. Conditions: 1.\n", "")
    file.write_text(written("instruments", "x", INSTRUMENT | {"better": "up", "lowest": None}))
    status, out, err = run("catalogues", "--check", file)
    assert (status, err) == (1, "clinic: new.toml has 2 faults.\n")
    assert [line.split(":")[0] for line in out.splitlines()] == ["[instruments.x] better", "[instruments.x] lowest"]


def test_the_command_lists_what_is_built_in_and_what_is_added(run, tmp_path):
    run("catalogues")
    (tmp_path / "instance" / "catalogues.toml").write_text(ADDED)
    status, out, _err = run("catalogues")
    lines = [line.split("\t") for line in out.splitlines()]
    assert status == 0
    assert ["conditions", "added", "sacroiliitis", "Sacroiliitis", "field orthopedics; sites hip, knee"] in lines
    assert next(line[:3] for line in lines if line[1] == "added") == ["instruments", "added", "majeed"]
    assert len(lines) == len(INSTRUMENTS) + len(CONDITIONS)
    targets = run("import", "--targets", "scores")[1] + run("import", "--targets", "courses")[1]
    assert "score.KEY.majeed\tMajeed pelvic score\tpoints\ta figure, 0 to 100" in targets
    assert "sacroiliitis = Sacroiliitis" in targets


def test_every_command_refuses_a_faulty_file_with_all_its_faults(run, tmp_path):
    run("catalogues")
    (tmp_path / "instance" / "catalogues.toml").write_text("[instruments.x]\nlabel = 3\n[conditions.y]\nlabel = 'Y'\n")
    for words in (("verify",), ("user", "list"), ("serve",), ("catalogues",)):
        status, out, err = run(*words)
        assert (status, out) == (2, "")
        assert err.startswith("clinic: catalogues.toml has 5 faults; the catalogues are not extended.\n")
        assert "[conditions.y] field: required" in err


def test_a_changed_meaning_is_noticed_once_a_record_has_the_key(run, tmp_path, session, team):
    treated = course(team)
    session.commit()
    run("catalogues")
    file = tmp_path / "instance" / "catalogues.toml"
    file.write_text(ADDED)
    assert run("migrate")[0] == 0
    file.write_text(ADDED.replace("highest = 100", "highest = 90"))
    assert run("migrate")[0] == 0, "nobody used it yet: it means now what the file says"
    numbers = select(CatalogueEntry.number).where(CatalogueEntry.key == "majeed").order_by(CatalogueEntry.number)
    assert list(session.scalars(numbers)) == [1, 2]
    first = FollowUpVisit.log(
        by=team.nurse, at=clock.now(), treatment=treated, performed_at=clock.now(), performed_by=team.nurse
    )
    first.score("majeed", by=team.nurse, at=clock.now(), value=Decimal(70))
    session.add(first)
    session.commit()
    assert "another meaning" not in run("verify")[1]
    file.write_text(ADDED.replace("highest = 100", "highest = 10").replace('better = "higher"', 'better = "lower"'))
    assert run("migrate")[0] == 0
    status, out, err = run("verify")
    assert status == 1, "the records are as they were, and say something else"
    assert "do not say any more what one key of the records meant" in err
    assert "majeed is in scores and has another meaning now" in out
    assert "range was “0 to 90”, is “0 to 10”; better was “higher”, is “lower”" in out
    assert run("catalogues", "--accept", "majeed")[:2] == (0, "majeed: its records count with the present meaning.\n")
    status, out, _err = run("verify")
    assert (status, "another meaning" in out) == (0, False)
    status, _out, err = run("catalogues", "--accept", "majeed")
    assert (status, "No added entry “majeed” has another meaning" in err) == (1, True)


def test_a_key_that_is_gone_is_told_and_offered_to_nobody(run, tmp_path, session, team):
    with using(ADDED):
        version = published(team)
        content = version.says.model_copy(update={"conditions": ("osteoarthritis", "sacroiliitis")})
        version = published(team, "SIJ", content=content)
        course(team, version=version, condition="sacroiliitis")
        session.commit()
    status, out, _err = run("verify")
    assert status == 1
    assert "conditions: sacroiliitis is in courses and no longer in the catalogues" in out
    assert CONDITIONS["sacroiliitis"].label == "sacroiliitis, no longer in the catalogues"
    assert CONDITIONS.get("sacroiliitis") is None
    assert "sacroiliitis" not in labels(CONDITIONS)
    with pytest.raises(KeyError):
        CONDITIONS[""]


def test_processes_of_one_server_know_what_the_first_one_read(tmp_path):
    """Whatever becomes of the file while it serves, a process that is started later agrees with the others."""
    file = tmp_path / "catalogues.toml"
    file.write_text(ADDED)
    said = "from wsgi import app; from clinic.protocols.catalogues import INSTRUMENTS; print(len(INSTRUMENTS.added))"
    environ = {
        **os.environ, "CLINIC_INSTANCE": str(tmp_path), "CLINIC_SECRET_KEY": "Zq3v-9Lw1xR7sT5uB2nM8kP4jH6gF0dC",
        "CLINIC_DATABASE_URL": f"sqlite:///{tmp_path / 'clinic.db'}",
    }  # fmt: skip

    def counted(**more):
        return subprocess.run(  # noqa: S603 - our own program
            [sys.executable, "-c", said], env=environ | more, cwd=MIGRATIONS.parent, capture_output=True, text=True,
            check=False,
        )  # fmt: skip

    first = counted()
    file.write_text("[instruments")
    later = counted(CLINIC_CATALOGUES_READ=ADDED)
    assert (first.stdout, later.stdout) == ("2\n", "2\n"), first.stderr + later.stderr
    refused = counted()
    assert (refused.returncode, refused.stderr.startswith("clinic: catalogues.toml has 1 fault")) == (2, True)


def test_a_file_is_read_as_it_is_shown_in_the_documentation():
    page = (MIGRATIONS.parent / "docs" / "catalogues.md").read_text()
    blocks = [part.partition("```")[0] for part in page.split("```toml\n")[1:]]
    assert blocks
    for block in blocks:
        read(block, "docs/catalogues.md")
