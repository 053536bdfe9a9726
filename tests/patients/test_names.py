"""How names, numbers and days are compared."""

from datetime import date

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from clinic.patients.names import CLOSE, Nearness, compact, days_in, name_key, searchable


@given(st.text(max_size=60))
@example("İstanbul ΐ ẞ ﬁ")
def test_what_is_searchable_stays_as_it_is(text):
    once = searchable(text)
    assert searchable(once) == once


@given(st.text(max_size=60))
def test_case_and_spaces_around_do_not_count(text):
    assert searchable(f"  {text} ") == searchable(text)


@given(st.text(alphabet="abcdefghijklmnoprstuvwyz éèüöñçåßøłŁØĐÄ-'.", min_size=1, max_size=40))
def test_what_is_searched_holds_no_sign_that_a_pattern_reads(text):
    assert not set(searchable(text)) & set("%_\\'\"-.")


@pytest.mark.parametrize(
    ("written", "typed"),
    [
        ("Müller", "muller"),
        ("Łukasz Żółć", "lukasz zolc"),
        ("Ørsted", "orsted"),
        ("O'Brien-Smith", "o brien smith"),
        ("Strauß", "strauss"),
        ("Ægir", "aegir"),
        ("\uff34\uff21\uff2e\uff21\uff2b\uff21", "tanaka"),
        ("Nguyễn", "nguyen"),
    ],
)
def test_accents_and_letters_that_not_everybody_can_type_are_found(written, typed):
    assert searchable(written) == typed


def test_scripts_without_capitals_keep_their_letters():
    assert searchable("山田 太郎") == "山田 太郎"
    assert searchable("Иванова") == "иванова"
    assert len(searchable("हिन्दी").split()) == 1


@given(
    st.dates(date(1900, 1, 1), date(2100, 1, 1)),
    st.sampled_from(["%d.%m.%Y", "%Y-%m-%d", "%d/%m/%Y", "%d %b %Y", "%d %B %Y"]),
)
def test_a_birth_date_is_read_in_every_way_of_writing_it(day, shape):
    found, rest = days_in(f"lind {day:{shape}}")
    assert found == [day]
    assert searchable(rest) == "lind"


@pytest.mark.parametrize("typed", ["9.3.1974", "09.03.1974", "1974-03-09", "1974/3/9", "9 Mar 1974", "9. March 1974"])
def test_the_ninth_of_march_is_never_the_third_of_september(typed):
    assert days_in(typed)[0] == [date(1974, 3, 9)]


@pytest.mark.parametrize("typed", ["31.2.2000", "0.0.0000", "99/99/9999", "12 Foo 1999", "123456", "N-2024-13-45"])
def test_what_is_no_day_of_the_calendar_stays_text(typed):
    assert days_in(typed) == ([], typed)


@pytest.mark.hazard("H4")
@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Lindqvist Grace", "Lindquist Grace"),
        ("Lindqvist Grace", "Grace Lindqvist"),
        ("Meyer Anna", "Maier Anna"),
        ("Schmidt Jan", "Schmitt Jan"),
        ("Stephan Keller", "Stefan Keller"),
        ("Jansen Els", "Janssen Els"),
        ("Müller Eva", "Mueller Eva"),
    ],
)
def test_swapped_names_and_two_spellings_of_one_name_have_one_key(one, other):
    assert name_key(one) == name_key(other)


@pytest.mark.hazard("H4")
@given(
    st.text(alphabet="abcdefghiklmnoprstuvw", min_size=5, max_size=12),
    st.text(alphabet="abcdefghiklmnoprstuvw", min_size=4, max_size=12),
    st.data(),
)
def test_one_wrong_letter_is_close_and_the_order_of_names_does_not_count(family, given_name, data):
    at = data.draw(st.integers(0, len(family) - 1))
    slipped = family[:at] + data.draw(st.sampled_from("abcdefgh")) + family[at + 1 :]
    assert Nearness(f"{family} {given_name}").to(searchable(f"{slipped} {given_name}")) >= CLOSE
    assert Nearness(f"{family} {given_name}").to(searchable(f"{given_name} {family}")) == 1


def test_two_people_of_one_family_are_not_alike_by_name():
    assert Nearness("Lindqvist Grace").to(searchable("Lindqvist Tom")) < CLOSE
    assert name_key("Lindqvist Grace") != name_key("Lindqvist Tom")


def test_a_number_is_the_same_however_it_is_written():
    assert compact("N-004187") == compact("n 004187") == "n004187"
