"""What people type is read in one way, told on the page, and nothing typed is lost."""

# ruff: noqa: RUF001, DTZ001 - digits of other scripts and the wall clock are what is tried here

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.datastructures import MultiDict
from wtforms.validators import AnyOf, InputRequired, Length, Optional, ValidationError

from clinic import clock
from clinic.fields import Range, Unreadable, parse_decimal, parse_whole, plain
from clinic.form_fields import DateField, DateTimeField, DecimalField, IntegerField, SelectField, StringField
from clinic.forms import RecordForm

BERLIN = "Europe/Berlin"


class WeighingForm(RecordForm):
    """A form with a box of each kind that reads."""

    class Meta:
        csrf = False

    kg = DecimalField("Weight", unit="kg", possible=Range("0.3", 400), expected=Range(2, 180), required=True)
    times = IntegerField("Times")
    on = DateField("Day")
    at = DateTimeField("Moment")


def filled(**sent):
    form = WeighingForm(MultiDict({name.replace("_", "-", 1): text for name, text in sent.items()}), zone=BERLIN)
    return form, form.validate()


@pytest.mark.hazard("H17")
@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("1.5", "1.5"),
        ("1,5", "1.5"),
        (" 72 ", "72"),
        ("0,30", "0.30"),
        (".5", "0.5"),
        ("-3", "-3"),
        ("−3.0", "-3.0"),
        ("1.", "1"),
        ("007", "7"),
    ],
)
def test_a_number_is_read_with_point_or_comma_and_keeps_its_digits(typed, read):
    assert str(parse_decimal(typed)) == read


@pytest.mark.hazard("H17")
@pytest.mark.parametrize(
    "typed",
    [
        "1e8",
        "1E8",
        "١",
        "1.234,5",
        "1,234.5",
        "1 000",
        "1'000",
        "NaN",
        "Infinity",
        "-inf",
        "0x10",
        "1_000",
        "10⁶",
        "½",
        "1.5 mL",
        "",
        "-",
        ".",
        ",",
        "1..5",
        "²",
        "１２",
    ],
)
def test_what_could_be_read_in_two_ways_is_refused(typed):
    with pytest.raises(Unreadable):
        parse_decimal(typed)


@pytest.mark.hazard("H17")
@given(
    st.decimals(allow_nan=False, allow_infinity=False, places=4, min_value=-(10**9), max_value=10**9),
    st.sampled_from(".,"),
)
def test_every_number_that_the_page_shows_is_read_back_as_it_was(number, point):
    assert parse_decimal(plain(number).replace(".", point)) == number


@pytest.mark.hazard("H17")
@given(st.text(max_size=12))
def test_any_text_is_a_number_or_a_sentence(typed):
    if re.fullmatch(r"\s*[-+−]?([0-9]+[.,]?[0-9]*|[.,][0-9]+)\s*", typed):
        assert parse_decimal(typed).is_finite()
    else:
        with pytest.raises(Unreadable, match="Write it like"):
            parse_decimal(typed)


@pytest.mark.parametrize("typed", ["1.0", "-1", "", "1e2", "١", "1234567890"])
def test_a_whole_number_is_digits_and_nothing_else(typed):
    with pytest.raises(Unreadable):
        parse_whole(typed)


@pytest.mark.parametrize(
    ("limits", "inside", "outside", "said"),
    [
        (Range(1, 3), ("1", "2", "3"), ("0.999", "3.001"), "1 to 3"),
        (Range(1, 3, above=True), ("1.001", "3"), ("1",), "more than 1, up to 3"),
        (Range(1, 3, below=True), ("1", "2.999"), ("3",), "from 1, less than 3"),
        (Range(4), ("4", "1000"), ("3.99",), "4 or more"),
        (Range(high=2), ("2", "-5"), ("2.01",), "2 or less"),
        (Range(high=2, below=True), ("1.99",), ("2",), "less than 2"),
        (Range(7, 7), ("7",), ("7.1",), "7"),
        (Range(), ("0", "-9"), (), "any value"),
    ],
)
def test_a_range_holds_its_ends_as_it_says(limits, inside, outside, said):
    assert all(Decimal(value) in limits for value in inside)
    assert not any(Decimal(value) in limits for value in outside)
    assert str(limits) == said


def test_an_impossible_weight_is_refused_and_stays_in_the_box(app):
    with app.test_request_context(method="POST"):
        form, right = filled(kg="4000")
    assert not right
    assert form.kg.errors == ["Weight 4000 kg is not possible: it must be 0.3 to 400 kg"]
    assert form.kg.text == "4000"


def test_an_unusual_weight_is_asked_about_once_and_its_reason_is_kept(app):
    with app.test_request_context(method="POST"):
        asked, right = filled(kg="1,9")
        assert not right
        assert asked.kg.sure.question == "Weight 1.9 kg is less than expected. Is this right?"
        assert not filled(kg="1,9", kg_sure="yes")[1], "a yes without a reason is none"
        assert not filled(kg="1,9", kg_sure="no", kg_why="x")[1]
        form, right = filled(kg="1,9", kg_sure="yes", kg_why="x" * 501)
        assert not right
        assert form.kg.errors == ["Weight: the reason has 501 characters; use at most 500"]
        assert form.kg.reason == "x" * 501, "nothing typed is lost"
        form, right = filled(kg="1,9", kg_sure="yes", kg_why="Born at 32 weeks.")
    assert right
    assert form.facts()["kg"] == Decimal("1.9")
    assert form.facts()["confirmed"] == {"kg": "Born at 32 weeks."}


@pytest.mark.parametrize(
    ("day", "fault"),
    [
        ({"on_d": "31", "on_m": "2", "on_y": "2026"}, "31.2.2026 is not a calendar date"),
        ({"on_d": "3", "on_m": "", "on_y": "2026"}, "enter day, month and year"),
        ({"on_d": "3", "on_m": "5", "on_y": "zwanzig"}, "is not a calendar date"),
        ({"on_d": "0", "on_m": "5", "on_y": "0"}, "is not a calendar date"),
    ],
)
def test_a_day_that_is_none_is_named_and_stays_as_it_was_typed(app, day, fault):
    with app.test_request_context(method="POST"):
        form, right = filled(kg="70", **day)
    assert not right
    assert fault in form.on.errors[0]
    assert form.on.parts["d"] == day["on_d"]


@pytest.mark.parametrize("typed", ["09:30", "9:30", "0930", "9h30", "09.30"])
def test_a_moment_is_meant_on_the_clinic_s_clock_and_kept_in_utc(app, typed):
    with app.test_request_context(method="POST"):
        form, right = filled(kg="70", at_d="14", at_m="5", at_y="2026", at_t=typed)
    assert right, form.errors
    assert form.at.data == datetime(2026, 5, 14, 7, 30, tzinfo=UTC)


@pytest.mark.parametrize("typed", ["24:00", "9:60", "half past nine", "", "9", "９:30"])
def test_a_time_that_is_none_is_refused(app, typed):
    with app.test_request_context(method="POST"):
        form, right = filled(kg="70", at_d="14", at_m="5", at_y="2026", at_t=typed)
    assert not right
    assert "enter the day and the time" in form.at.errors[0]


@pytest.mark.hazard("H30")
def test_a_time_that_the_clock_never_showed_is_refused(app):
    with app.test_request_context(method="POST"):
        form, right = filled(kg="70", at_d="29", at_m="3", at_y="2026", at_t="02:30")
    assert not right
    assert "did not exist on this day: the clocks went forward" in form.at.errors[0]


@pytest.mark.hazard("H30")
def test_a_time_that_the_clock_showed_twice_is_asked_about_until_somebody_says_which(app):
    sent = {"kg": "70", "at_d": "25", "at_m": "10", "at_y": "2026", "at_t": "02:30"}
    with app.test_request_context(method="POST"):
        form, right = filled(**sent)
        assert not right
        assert "occurred twice on this day: the clocks went back. Say which of the two" in form.at.errors[0]
        macros = app.jinja_env.get_template("macros/forms.html").module
        drawn = macros.field(form.at)
        assert 'value="first"' in drawn
        assert "winter time" in drawn
        for which, hour in (("first", 0), ("second", 1)):
            form, right = filled(**sent, at_twice=which)
            assert right, form.at.errors
            assert form.at.data == datetime(2026, 10, 25, hour, 30, tzinfo=UTC)
        form, right = filled(**sent | {"at_t": "03:30"})
        assert right
        assert "winter time" not in macros.field(form.at)


@pytest.mark.hazard("H30")
def test_a_kept_time_of_the_repeated_hour_comes_back_as_the_one_that_it_was(app):
    with app.test_request_context():
        for hour, which in ((0, "first"), (1, "second")):
            row = type("Row", (), {"at": datetime(2026, 10, 25, hour, 30, tzinfo=UTC)})
            shown = WeighingForm(obj=row, zone=BERLIN)
            assert (shown.at.parts["t"], shown.at.twice, shown.at.which) == ("02:30", True, which)


@pytest.mark.hazard("H30")
@given(
    st.datetimes(min_value=datetime(2000, 1, 1), max_value=datetime(2060, 1, 1)),
    st.sampled_from([BERLIN, "America/New_York", "Asia/Kolkata", "Etc/UTC", "Australia/Lord_Howe"]),
)
def test_every_wall_time_means_one_moment_or_is_refused(wall, zone):
    wall = wall.replace(microsecond=0)
    hours = [timedelta(minutes=minutes) for minutes in range(-180, 181, 30)]
    naive = wall.replace(tzinfo=UTC) - clock.local(wall.replace(tzinfo=UTC), zone).utcoffset()
    meant = {naive + by for by in hours if clock.local(naive + by, zone).replace(tzinfo=None) == wall}
    if len(meant) == 1:
        assert clock.from_wall(wall, zone) == meant.pop()
    else:
        with pytest.raises(ValueError, match="the clocks went"):
            clock.from_wall(wall, zone)


def test_a_record_fills_the_form_and_comes_back_unchanged(app):
    with app.test_request_context():
        row = type(
            "Row",
            (),
            {
                "kg": Decimal("72.50"),
                "times": 3,
                "on": date(2026, 5, 14),
                "at": datetime(2026, 5, 14, 7, 30, tzinfo=UTC),
            },
        )
        shown = WeighingForm(obj=row, zone=BERLIN)
    assert (shown.kg.text, shown.times.text, shown.at.parts["t"]) == ("72.50", "3", "09:30")
    sent = {"kg": shown.kg.text, "times": shown.times.text}
    sent |= {f"on_{part}": shown.on.parts[part] for part in "dmy"} | {
        f"at_{part}": shown.at.parts[part] for part in "dmyt"
    }
    with app.test_request_context(method="POST"):
        form, right = filled(**sent)
    assert right
    assert str(form.kg.data) == "72.50"
    assert (form.times.data, form.on.data, form.at.data) == (row.times, row.on, row.at)


def test_a_choice_that_was_offered_nothing_takes_nothing(app):
    class Choosing(WeighingForm):
        person_id = SelectField("Person")

    with app.test_request_context():
        form = Choosing(MultiDict({"kg": "72", "person_id": "US-0000000X"}), zone=BERLIN)
        assert not form.validate()
    assert form.person_id.errors == ["Person: choose from the list"]


class VisitForm(RecordForm):
    """Fields with WTForms' own validators, as its documentation writes them."""

    class Meta:
        csrf = False

    code = StringField("Code", validators=[InputRequired(), Length(min=3, message="at least three characters")])
    born = DateField("Born on", validators=[InputRequired()])
    dose = DecimalField("Dose", required=True, validators=[Optional()])
    side = SelectField("Side", choices={"left": "Left", "right": "Right"}, validators=[AnyOf(["left"])])

    def validate_dose(self, field):
        if field.data is not None and field.data > 9:
            raise ValidationError("Nobody gives so much")

    def filter_code(self, value):
        return value.upper() if value else value


def visiting(app, **sent):
    with app.test_request_context(method="POST"):
        form = VisitForm(MultiDict({name.replace("_", "-", 1): text for name, text in sent.items()}))
        return form, form.validate()


BORN = {"born_d": "3", "born_m": "5", "born_y": "1961"}


def test_the_validators_of_wtforms_work_on_our_fields(app):
    form, right = visiting(app, code="ab", side="right")
    assert not right
    assert form.code.errors == ["at least three characters"]
    assert form.born.errors == ["This field is required."]
    assert form.side.errors == ["Invalid value, must be one of: left."]


def test_an_optional_field_may_be_left_empty_though_its_fact_is_required(app):
    form, right = visiting(app, code="abc", side="left", **BORN)
    assert right, form.errors
    assert form.dose.data is None


def test_a_form_s_own_validate_and_filter_methods_are_called(app):
    form, right = visiting(app, code="abc", side="left", dose="9.5", **BORN)
    assert not right
    assert form.dose.errors == ["Nobody gives so much"]
    assert form.code.data == "ABC"


def test_what_wtforms_validators_find_stands_beside_what_the_fact_says(app):
    form, right = visiting(app, code="abc", side="up", dose="1e8", **BORN)
    assert not right
    assert form.side.errors == ["Side: choose from the list", "Invalid value, must be one of: left."]
    assert "is not a number" in form.dose.errors[0]


def test_a_field_of_ours_draws_itself(app):
    form, _right = visiting(app, code="abc", side="left", **BORN)
    assert 'value="abc"' in str(form.code())
    assert '<option selected value="left">Left</option>' in str(form.side())


@pytest.mark.parametrize("year", ["74", "997", "1780", "2500"])
def test_a_year_is_written_with_four_digits_and_within_living_memory(app, year):
    form, right = visiting(app, code="abc", side="left", born_d="3", born_m="5", born_y=year)
    assert not right
    assert f"the year {int(year)} is not possible" in form.born.errors[0]


def test_a_day_in_the_future_is_refused_unless_its_fact_says_that_it_may_be(app):
    class PlanForm(RecordForm):
        class Meta:
            csrf = False

        done = DateField("Done on")
        planned = DateField("Planned for", past=False)

    tomorrow = clock.today("Europe/Berlin") + timedelta(days=2)
    sent = {f"{name}-{part}": str(value) for name in ("done", "planned") for part, value in zip(
        "dmy", (tomorrow.day, tomorrow.month, tomorrow.year), strict=True)}  # fmt: skip
    with app.test_request_context(method="POST"):
        form = PlanForm(MultiDict(sent), zone=BERLIN)
        assert not form.validate()
    assert form.done.errors == [f"Done on, {tomorrow:%-d %b %Y}, is in the future"]
    assert not form.planned.errors


def test_a_text_that_is_too_long_is_refused_with_both_lengths(app):
    form, right = visiting(app, code="x" * 501, side="left", **BORN)
    assert not right
    assert form.code.errors == ["Code: 501 characters are too many; use at most 500"]
