"""Guesses of who is who in a stranger's file: right on common shapes, with a reason, and easy to override."""

from __future__ import annotations

import pytest

from heptad.errors import DataError
from heptad.run.scaffold.columns import profile
from heptad.run.scaffold.roles import ROLES, check, guess, positive, stated, words_of


def file(tmp_path, header, rows, name="rows.csv"):
    lines = [",".join(header), *(",".join(map(str, row)) for row in rows)]
    (tmp_path / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return profile(tmp_path / name)


def guesses(events, items=None):
    roles = {}
    for role in ROLES:
        roles[role] = guess(role, events, items, roles).column
    return roles


def movielens(n=60):
    return [(i % 7, i % 11, 1 + i % 5, 1_600_000_000 + i) for i in range(n)]


def test_ratings_as_movielens_writes_them(tmp_path):
    events = file(tmp_path, ["userId", "movieId", "rating", "timestamp"], movielens())
    assert guesses(events) == {
        "time": "timestamp", "user": "userId", "item": "movieId", "key": None, "outcome": "rating",
    }  # fmt: skip


def test_a_log_of_a_web_shop(tmp_path):
    rows = [
        (f"e{i}", f"2024-01-01T{i % 24:02}:00:00Z", f"c{i % 9}", f"p{i % 13}", i % 3 == 0) for i in range(80)
    ]
    events = file(tmp_path, ["event_id", "created_at", "customer_id", "product_id", "purchased"], rows)
    assert guesses(events) == {
        "time": "created_at", "user": "customer_id", "item": "product_id", "key": "event_id", "outcome": "purchased",
    }  # fmt: skip


def test_names_that_say_nothing_are_guessed_by_what_comes_back(tmp_path):
    rows = [(f"2024-01-01 {i % 24:02}:00:00", f"a{i % 31}", f"b{i % 37}") for i in range(200)]
    events = file(tmp_path, ["k", "l", "m"], rows)
    assert guesses(events) == {"time": "k", "user": "l", "item": "m", "key": None, "outcome": None}
    assert guess("user", events, None, {"time": "k"}).reason == "a guess: 31 distinct values that come back"


def test_the_items_file_says_which_column_is_the_item(tmp_path):
    rows = [(f"2024-01-0{1 + i % 9}", f"u{i % 8}", f"x{i % 5}", f"product {i % 3}") for i in range(60)]
    events = file(tmp_path, ["day", "user", "code", "product"], rows)
    items = file(tmp_path, ["ref", "colour"], [(f"x{i}", "red") for i in range(6)], "items.csv")
    assert guesses(events, items)["item"] == "code"


def test_a_file_without_times_users_or_items(tmp_path):
    events = file(tmp_path, ["a", "b"], [(i, 0.5) for i in range(30)])
    assert guesses(events) == dict.fromkeys(ROLES)
    assert guess("time", events, None, {}).reason == "no column holds times"


def test_words_of_names():
    assert words_of("boughtAt") == words_of("bought_at") == words_of("Bought  At") == ["bought", "at"]
    assert words_of("SKU") == ["sku"]


@pytest.fixture
def mixed(tmp_path):
    header = ["when", "who", "stars", "action", "gift", "note", "one"]
    rows = [
        (f"2024-01-01T00:00:{i:02}Z", f"u{i % 5}", 1 + i % 5, "buy" if i % 4 == 0 else "view", i % 2 == 0, f"n{i}", 1)
        for i in range(40)
    ]  # fmt: skip
    return file(tmp_path, header, rows)


@pytest.mark.parametrize(
    ("role", "column", "expected"),
    [
        ("user", "whom", "a column of rows.csv"),
        ("time", "who", "ISO 8601 times, timestamps, or seconds, milliseconds or microseconds since 1970"),
        ("user", "gift", "an id: text or whole numbers"),
        ("key", "who", "a value of its own in every row"),
        ("outcome", "one", "numbers, true or false, or a few texts"),
    ],
)
def test_a_column_that_cannot_play_its_role(mixed, role, column, expected):
    with pytest.raises(DataError) as raised:
        check(role, column, mixed)
    assert raised.value.expected == expected
    assert raised.value.fix.endswith("none") == (role in ("key", "outcome"))


def test_columns_that_can(mixed):
    for role, column in (
        ("time", "when"),
        ("user", "who"),
        ("key", "note"),
        ("outcome", "stars"),
        ("outcome", "action"),
    ):
        check(role, column, mixed)


@pytest.mark.parametrize(
    ("column", "said", "share"),
    [("stars", "stars >= 3", 0.6), ("action", "action == 'buy'", 0.25), ("gift", "gift == 1", 0.5)],
)
def test_what_is_positive_by_itself(mixed, column, said, share):
    found = positive(column, mixed)
    assert (str(found), found.share) == (said, share)


def test_a_text_that_does_not_sound_like_success(mixed):
    with pytest.raises(DataError, match="or --positive"):
        positive("who", mixed)


@pytest.mark.parametrize(
    ("column", "text", "said", "share"),
    [
        ("stars", ">= 4", "stars >= 4", 0.4),
        ("stars", "5", "stars == 5", 0.2),
        ("stars", "<2", "stars < 2", 0.2),
        ("action", "view", "action == 'view'", 0.75),
        ("action", "!= 'view'", "action != 'view'", 0.25),
        ("gift", "false", "gift == 0", 0.5),
    ],
)
def test_what_a_person_calls_positive(mixed, column, text, said, share):
    found = stated(column, text, mixed)
    assert (str(found), found.share) == (said, share)


@pytest.mark.parametrize(
    ("column", "text", "fix"),
    [
        ("action", "sell", "write one of buy, view"),
        ("action", ">= view", "write one of buy, view"),
        ("stars", "many", "write for example --positive '>= 4'"),
        ("stars", ">= 9", "stars runs from 1 to 5"),
        ("stars", ">= 0", "stars runs from 1 to 5"),
    ],
)
def test_a_condition_that_splits_nothing(mixed, column, text, fix):
    with pytest.raises(DataError) as raised:
        stated(column, text, mixed)
    assert raised.value.fix == fix
