"""hp.expect: what it refuses to say, and what it refuses to take."""

import pytest

import heptad as hp
from heptad.errors import DataError, DeclarationError


@pytest.mark.parametrize(
    ("asked", "thing", "got"),
    [
        ({}, "expect", "nothing"),
        ({"between": (0, 1), "one_of": (1,)}, "expect", "both"),
        ({"between": (2, 1)}, "expect(between=...)", "(2, 1)"),
        ({"between": (None, None)}, "expect(between=...)", "(None, None)"),
        ({"between": (0, float("inf"))}, "expect(between=...)", "(0, inf)"),
        ({"between": 5}, "expect(between=...)", "5"),
        ({"one_of": ()}, "expect(one_of=...)", "()"),
        ({"one_of": "web"}, "expect(one_of=...)", "'web'"),
        ({"nulls": 1.5}, "expect(nulls=...)", "1.5"),
    ],
)
def test_what_can_mean_nothing_is_refused(asked, thing, got):
    with pytest.raises(DeclarationError) as raised:
        hp.expect(**asked)
    assert (raised.value.thing, raised.value.got) == (thing, got)


def test_an_expectation_fits_the_column_it_is_written_on():
    with pytest.raises(DeclarationError, match="between= on a column of float or int, got a column of text"):

        class Texts(hp.Event):
            ts: hp.Time
            name: str = hp.expect(between=(0, 1))

    with pytest.raises(DeclarationError, match="one_of= on a column of text, id, int or bool"):

        class Floats(hp.Event):
            ts: hp.Time
            amount: float = hp.expect(one_of=(1.0,))

    with pytest.raises(DeclarationError, match="allowed values that fit a column of int, got 'a'"):

        class Mixed(hp.Event):
            ts: hp.Time
            size: int = hp.expect(one_of=(1, "a"))

    with pytest.raises(DeclarationError, match=r"nulls= on a column that may be null.*'\| None'"):

        class Never(hp.Event):
            ts: hp.Time
            size: int = hp.expect(nulls=0.1)


class Post(hp.Event):
    ts: hp.Time
    size: int | None = hp.expect(between=(1, 3))
    device: str = hp.expect(one_of=("web", "app"))


def test_a_posted_event_is_held_to_it():
    assert Post.parse({"ts": 1, "size": None, "device": "web"})["size"] is None
    with pytest.raises(DataError, match=r"Post\.size: expected a value from 1 to 3, got 4"):
        Post.parse({"ts": 1, "size": 4, "device": "web"})
    with pytest.raises(DataError, match=r"Post\.device: expected one of 'web', 'app', got 'fax'"):
        Post.parse({"ts": 1, "size": 1, "device": "fax"})


def test_it_decides_what_comes_in_and_not_what_a_value_is():
    data, label = hp.Data(dynamic={"n": Post.per("device").count("1d")}), hp.label(Post)

    class Loose(hp.Event):
        ts: hp.Time
        size: int | None
        device: str

    Loose.__name__ = "Post"
    from heptad.plan.compile import compile_features

    loose = compile_features(hp.Data(dynamic={"n": Loose.per("device").count("1d")}), hp.label(Loose))
    assert compile_features(data, label).state_hash == loose.state_hash
