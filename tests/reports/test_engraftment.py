"""Recovery: nobody is counted of whom nothing was written down, and nobody for longer than somebody looked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from clinic import clock
from clinic.exchange import importing, mapping
from clinic.reports import asking
from clinic.reports.catalog import REPORTS
from clinic.reports.data import Data
from tests.factories import published
from tests.reports import naive_courses
from tests.reports.naive import Clinic

if TYPE_CHECKING:
    from collections.abc import Callable

MAPPING = """kind = "courses"
source = "Old"
reason = "not in the file"
missing = ["NA"]
[constants]
"patient.allergy_status" = "not_asked"
"treatment.protocol" = "HPC-A-CHILD"
"treatment.relation" = "allogeneic"
"treatment.source" = "peripheral_blood"
"treatment.route" = "intravenous"
"treatment.condition" = "chronic"
"donor.kind" = "unrelated"
"donor.donor_number" = "DX-1"
[columns]
id = [{ to = "patient.record_number" }, { to = "patient.family_name", template = "N{}" }]
tx = { to = "administration.performed_at" }
flag = { to = "score.o.anc_recovered" }
never = { to = "score.n.anc_recovery", never = "9999" }
[pairs."score.o.anc_recovery"]
time = "anc"
happened = "rec"
[pairs."score.o.survival_days"]
time = "os"
happened = "dead"
[visits]
o = { name = "Outcome" }
n = { name = "Never" }
"""
NAMES = ("id", "tx", "anc", "rec", "os", "dead", "flag", "never")
RECOVERED, LATER = ("20", "1", "500", "0"), ("10", "0", "500", "0")


@pytest.fixture
def told(session: Any, team: Any, tmp_path: Any) -> Callable[..., tuple[dict[str, Any], Any]]:
    """Import courses and return the report; the naive calculation agrees."""
    published(team, "HPC-A-CHILD")
    session.commit()

    def run(*found: tuple[str, ...]) -> tuple[dict[str, Any], Any]:
        lines = [(f"E{n}", "2020-01-01", *one, *("",) * (6 - len(one))) for n, one in enumerate(found)]
        file = tmp_path / "t.csv"
        file.write_text("\n".join(",".join(one) for one in [NAMES, *lines]))
        said = mapping.parsed(MAPPING, "map.toml")
        report = importing.run(session, "courses", file, said, team.coordinator, clock.now(), dry_run=False)
        assert not report.refused, report.sentences()
        session.commit()
        asked, _wrong = asking.read(REPORTS["engraftment"], {}, today=clock.today(team.site.zone))
        result = REPORTS["engraftment"].figures(Data(session, asked, zone=team.site.zone, at=clock.now()))
        total = result.total.figures if result.total is not None else ()
        figures = {column.key: figure.value for column, figure in zip(result.columns, total, strict=bool(total))}
        twin = naive_courses.engraftment(Clinic(session, team.site.id, clock.now()), {"by": "source"})
        told = {key: sum(by.values()) for key, by in twin.items()}
        assert not total or told == {key: figures[key] for key in told}
        return figures, result

    return run


def test_who_was_last_looked_at_on_day_10_is_observed_until_day_10(told):
    """Three recovered on day 20; two had not on day 10 and count no longer: by day 28 all who were at risk had."""
    figures, _result = told(*[RECOVERED] * 3, *[LATER] * 2)
    assert (figures["n"], figures["recovered"], figures["died"], figures["waiting"]) == (5, 3, 0, 2)
    assert figures["by28"] == pytest.approx(100)


def test_courses_of_which_nothing_is_written_down_are_missing_and_not_counted(told):
    figures, result = told(*[RECOVERED] * 3, *[LATER] * 2, ("NA", "NA", "500", "0"), ("NA", "NA", "500", "1"))
    assert (figures["n"], figures["by28"]) == (5, pytest.approx(100))
    assert [len(ids) for why, ids in result.missing if why == "recovery is not recorded"] == [2]


@pytest.mark.parametrize(("facts", "column"), [
    (("10", "0", "30", "1"), "waiting"), (("30", "0", "30", "1"), "died"),
    (("10", "0", "NA", "NA"), "waiting"), (("NA", "NA", "300", "0", "0"), "waiting"),
    (("NA", "NA", "30", "1", "0"), "died"), (("NA", "NA", "30", "1", "", "9999"), "died"),
    (("NA", "NA", "300", "0", "1"), ""), (("15", "1", "30", "1"), "recovered"),
    (("NA", "NA", "NA", "NA"), ""),
])  # fmt: skip
def test_each_way_in_which_a_table_tells_of_recovery(told, facts, column):
    """A death after the last look is no death without recovery: in between nobody looked."""
    figures, result = told(("20", "1", "90", "0"), facts)
    counted = {key: figures[key] for key in ("recovered", "died", "waiting")}
    assert counted == {"recovered": 1, "died": 0, "waiting": 0} | (
        {column: 1 + (column == "recovered")} if column else {}
    )
    assert len(dict(result.missing)["recovery is not recorded"]) == (not column)
