"""Event and table classes: columns by their annotations, and rows from the outside checked against them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

import heptad as hp
from heptad.declare.types import Kind, Role
from heptad.errors import DataError, DeclarationError
from heptad.times import DAY, HOUR, MINUTE


class Film(hp.Table):
    film: hp.Id
    genres: list[str]
    year: int | None


class Rating(hp.Event, lateness="30m", max_future=timedelta(hours=2)):
    rating_id: hp.Key
    ts: hp.Time
    user: hp.Id | None
    film: hp.Id
    stars: float
    liked: bool | None
    seats: int | None
    genres: list[str] = hp.lookup(Film.genres)

    def about(self) -> str:
        """Methods may stand beside columns."""
        return "a rating"


def test_annotations_become_columns_in_their_order():
    assert [(f.name, f.kind, f.role, f.optional) for f in Rating.fields.values()] == [
        ("rating_id", Kind.ID, Role.KEY, False),
        ("ts", Kind.TIME, Role.TIME, False),
        ("user", Kind.ID, Role.VALUE, True),
        ("film", Kind.ID, Role.VALUE, False),
        ("stars", Kind.FLOAT, Role.VALUE, False),
        ("liked", Kind.BOOL, Role.VALUE, True),
        ("seats", Kind.INT, Role.VALUE, True),
        ("genres", Kind.TEXTS, Role.VALUE, True),
    ]
    assert Rating.genres.lookup.field is Film.genres
    assert (Rating.key_field(), Rating.time_field()) == (Rating.rating_id, Rating.ts)
    assert Film.entity() is Film.film
    assert Film.time_field() is None


def test_lateness_and_future_are_stated_in_words_or_as_timedelta():
    assert (Rating.lateness, Rating.max_future) == (30 * MINUTE, 2 * HOUR)
    assert (hp.Event.lateness, hp.Event.max_future) == (HOUR, DAY)


def test_a_column_compares_to_a_condition():
    condition = Rating.stars >= 4
    assert (condition.field.name, condition.op, condition.bound) == ("stars", ">=", 4)
    assert str(Rating.film == "f1") == "film == 'f1'"
    assert str(4 < Rating.stars) == "stars > 4"  # noqa: SIM300
    assert (Rating.liked == True).bound is True  # noqa: E712


def test_a_misspelt_column_is_an_attribute_error_too():
    assert not callable(getattr(Rating, "star", None))
    with pytest.raises(AttributeError, match=r"write Rating\.stars"):
        Rating.star  # noqa: B018


def row(**changes):
    right = {"rating_id": "r1", "ts": "2024-05-01T10:00:00+02:00", "film": 7, "stars": 4}
    return right | changes


def test_a_row_is_coerced():
    parsed = Rating.parse(row(user="u", seats=2, liked=False))
    assert parsed == {
        "rating_id": "r1", "ts": 1_714_550_400_000_000, "user": "u", "film": 7, "stars": 4.0, "liked": False,
        "seats": 2, "genres": None,
    }  # fmt: skip
    assert type(parsed["stars"]) is float


def test_what_is_no_number_is_null_and_zero_has_no_sign():
    assert Rating.parse(row(stars=float("nan")))["stars"] is None
    assert str(Rating.parse(row(stars=-0.0))["stars"]) == "0.0"


@pytest.mark.parametrize(
    ("changes", "column"),
    [
        ({"ts": "2024-05-01T10:00:00"}, "Rating.ts"),
        ({"ts": True}, "Rating.ts"),
        ({"ts": None}, "Rating.ts"),
        ({"film": 1.5}, "Rating.film"),
        ({"film": 2**63}, "Rating.film"),
        ({"film": None}, "Rating.film"),
        ({"stars": "4"}, "Rating.stars"),
        ({"stars": True}, "Rating.stars"),
        ({"liked": 1}, "Rating.liked"),
        ({"seats": 2.0}, "Rating.seats"),
        ({"genres": "comedy"}, "Rating.genres"),
        ({"genres": ["comedy", 3]}, "Rating.genres"),
        ({"colour": "red"}, "Rating.colour"),
    ],
)
def test_a_row_that_does_not_fit_is_refused_by_its_column(changes, column):
    with pytest.raises(DataError) as raised:
        Rating.parse(row(**changes))
    assert raised.value.thing == column


@given(st.integers(-(2**63) + 1, 2**63 - 1) | st.text())
def test_ids_are_kept_as_they_are(value):
    assert Rating.parse(row(film=value))["film"] == value


@given(st.floats(allow_nan=False))
def test_numbers_are_kept_as_they_are(value):
    assert Rating.parse(row(stars=value))["stars"] == value


def test_a_table_may_say_from_when_a_row_holds():
    class Price(hp.Table):
        film: hp.Id
        since: hp.Time
        price: float

    assert Price.time_field() is Price.since
    assert Price.entity() is Price.film


def test_a_class_declared_with_a_later_annotation_is_refused():
    with pytest.raises(DeclarationError, match="top level"):

        class View(hp.Event):
            ts: hp.Time
            shown: hp.Ref[Later]  # noqa: F821
