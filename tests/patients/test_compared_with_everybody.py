"""Numbers are compared with those of everybody, read once in a transaction and anew after each write."""

from __future__ import annotations

from types import SimpleNamespace

from hypothesis import given
from hypothesis import strategies as st

from clinic.patients import anonymous
from clinic.patients.anonymous import number_problems, tells_of
from clinic.patients.models import Patient
from clinic.patients.numbers import bearer
from tests.factories import patient

NAMES = st.sampled_from(["Ann", "Li", "Ángel O'Hara", "de la Cruz", "Øst", "X", "", "Anna-Lena", "004", "Ny"])
NUMBERS = st.one_of(
    st.text("ANILOXe-0123 4é", max_size=12),
    st.sampled_from(["ann", "X-ANNA-7", "angel99", "D004187", "li 5", "Lilith", "cruz1", "ost", "R-004-187", "ohara"]),
)
RECORDS = st.sampled_from(["N-004187", "7", "004-187", "AB 12", ""])


@given(st.lists(st.tuples(NAMES, NAMES, RECORDS), max_size=4), NUMBERS)
def test_an_index_of_all_patients_says_the_same_as_each_patient_by_himself(people, number):
    session = SimpleNamespace(info={}, get_transaction=object, no_autoflush=_Nothing(), execute=lambda _: _Rows(people))
    each = [problems for one in people if (problems := tells_of(number, *one))]
    assert bool(number_problems(session, number, "ST-1")) is bool(each)
    if each and all(one == each[0] for one in each):
        assert number_problems(session, number, "ST-1") == each[0]


class _Nothing:
    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None


class _Rows(list):
    def yield_per(self, _size):
        return self


def test_everybody_is_read_once_until_something_is_written(session, team, queries):
    patient(team, family_name="Quercus", record_number="N-1")
    session.commit()
    site = team.nurse.site_id
    assert anonymous.number_problems(session, "QUERCUS7", site)
    count = queries()
    assert anonymous.number_problems(session, "R-QUERCUS", site)
    assert not anonymous.number_problems(session, "R-88", site)
    assert bearer(session, Patient, "record_number", "n 1", site_id=site) is not None
    assert bearer(session, Patient, "record_number", "n 2", site_id=site) is None
    assert count() == 2  # who has a number, and who once had one: once for both
    other = patient(team, family_name="Betula", record_number="N-2")
    session.flush()
    assert anonymous.number_problems(session, "BETULA7", site)
    assert bearer(session, Patient, "record_number", "n 2", site_id=site).id == other.id
    session.rollback()
    assert not anonymous.number_problems(session, "BETULA7", site)
    assert bearer(session, Patient, "record_number", "n 2", site_id=site) is None
