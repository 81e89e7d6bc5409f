"""`heptad new` on files of several shapes: what it writes compiles, lints, reads its data, and says what it guessed."""

from __future__ import annotations

import csv
import json
import os
import pty
import random
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from click.testing import CliRunner
from pyarrow import parquet

from heptad.cli.main import main
from heptad.run.profile import load_profile
from heptad.run.source import read
from heptad.run.target import load_target
from heptad.testing.shop import write_purchases

HOUR = timedelta(hours=1)


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def new(*words):
    return CliRunner().invoke(main, ["new", *words])


def made(*words):
    done = new(*words, "--yes")
    assert done.exit_code == 0, done.stderr
    return done


def refused(*words):
    done = new(*words, "--yes")
    assert done.exit_code == 2, done.stdout
    thing, expected, got, fix = done.stderr.splitlines()[-4:]
    cells = {"expected": expected, "got": got, "fix": fix}
    return {"thing": thing.removeprefix("error: ")} | {key: cell[11:] for key, cell in cells.items()}


def rows(name, stream):
    """What the written system reads for one of its classes."""
    target = load_target(f"./{name}")
    profile = load_profile(target)
    return read(profile.sources[stream], target.system.plan.stream(stream))


def lint(folder):
    """ruff's complaints about a directory, its own defaults and our line length apart from ours."""
    ruff = Path(sys.executable).parent / "ruff"
    checked = subprocess.run(
        [ruff, "check", "--isolated", folder], capture_output=True, text=True, check=False
    )
    formatted = subprocess.run(
        [ruff, "format", "--isolated", "--line-length", "110", "--diff", folder],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    return (checked.stdout if checked.returncode else "") + formatted.stdout


def ratings_and_films(here):
    """As MovieLens writes them: epoch seconds, whole ids, stars; facts with lists and gaps in a file apart."""
    draw = random.Random(1)
    with (here / "ratings.csv").open("w", newline="") as file:
        lines = csv.writer(file)
        lines.writerow(["userId", "movieId", "rating", "timestamp"])
        for i in range(300):
            lines.writerow(
                [
                    draw.randrange(20),
                    draw.randrange(30),
                    draw.choice([1, 2, 3.5, 4, 5]),
                    1_600_000_000 + i * 900,
                ]
            )
    films = {
        "movieId": list(range(30)),
        "title": [f"film {i}" for i in range(30)],
        "genres": [["a", "b"][: 1 + i % 2] for i in range(30)],
        "year": [None if i % 9 == 0 else 1990 + i % 7 for i in range(30)],
    }
    parquet.write_table(pa.table(films), here / "movies.parquet")


def visits(here):
    """JSON lines with naive times, a text outcome and gaps in a number."""
    draw = random.Random(2)
    began = datetime(2024, 1, 1)
    lines = [
        {"visitor": f"v{draw.randrange(15)}", "page": f"/p{draw.randrange(25)}", "when": (began + i * HOUR).isoformat(" "),
         "action": draw.choice(["view", "view", "click"])} | ({"seconds": draw.random()} if i % 5 else {})
        for i in range(300)
    ]  # fmt: skip
    (here / "visits.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")


def lessons(here):
    """Parquet with zoned timestamps, a dictionary, a Python keyword as a column, and rows without a user."""
    draw = random.Random(3)
    table = {
        "Customer": pa.array(
            [None if i % 50 == 0 else f"c{draw.randrange(12)}" for i in range(300)]
        ).dictionary_encode(),
        "class": [draw.randrange(40) for _ in range(300)],
        "purchased": [draw.random() < 0.3 for _ in range(300)],
        "at": [datetime(2023, 5, 1, tzinfo=UTC) + i * HOUR for i in range(300)],
    }
    parquet.write_table(pa.table(table), here / "class-views.parquet")


def test_a_shop_without_ratings(here):
    write_purchases(here / "purchases.csv", purchases=600, shoppers=40, products=60)
    done = made("shop", "--events", "purchases.csv")
    assert sorted(path.name for path in (here / "shop").iterdir()) == [
        "README.md",
        "data.py",
        "heptad.toml",
        "system.py",
    ]
    assert "Purchase: 600 rows read" in done.stdout
    assert "not used: channel" in done.stdout
    assert "time     Bought At (it holds ISO 8601 with a zone)" in done.stderr
    assert lint("shop") == ""
    system = load_target("./shop").system
    label = system.framing.objective.label
    assert (label.event.__name__, label.where) == ("Purchase", None)
    assert (system.framing.user.name, system.framing.item.name) == ("shopper", "sku")
    assert [type(step).__name__ for step in system.serving.rerank] == ["Unseen"]  # nobody buys a thing twice
    table = rows("shop", "Purchase")
    with (here / "purchases.csv").open() as file:
        first = next(csv.DictReader(file))
    assert table["bought_at"][0].as_py() == round(
        datetime.fromisoformat(first["Bought At"]).timestamp() * 1e6
    )
    assert table["bought_at"].to_pylist() == sorted(table["bought_at"].to_pylist())
    assert table["order_no"][0].as_py() == first["Order No"]
    facts = rows("shop", "Sku")
    assert len(set(facts["sku"].to_pylist())) == facts.num_rows
    assert (first["SKU"], first["department"], float(first["unit price"])) in zip(
        *(facts[name].to_pylist() for name in ("sku", "department", "unit_price")), strict=True
    )


def test_ratings_with_a_file_of_films(here):
    ratings_and_films(here)
    done = made("films", "--events", "ratings.csv", "--items", "movies.parquet")
    assert lint("films") == ""
    assert "not used: title of movies.parquet, 30 distinct texts are too many for a category" in done.stdout
    system = load_target("./films").system
    assert str(system.framing.objective.label.where) == "rating >= 4"
    names = [column.name for column in system.plan.columns]
    assert {"genres", "year", "item_positive_all", "user_mean_rating_all", "taste_genres_all"} <= set(names)
    assert rows("films", "Rating")["timestamp"][0].as_py() == 1_600_000_000_000_000
    assert rows("films", "Movie")["genres"][1].as_py() == ["a", "b"]


def test_visits_with_naive_times_and_a_text_outcome(here):
    visits(here)
    done = made("visits", "--events", "visits.jsonl", "--outcome", "action", "--zone", "Europe/Berlin")
    assert lint("visits") == ""
    assert "positive action == 'click'" in done.stderr
    assert 'ZONE = ZoneInfo("Europe/Berlin")' in (here / "visits" / "data.py").read_text()
    table = rows("visits", "Visit")
    assert table["when"][0].as_py() == 1_704_063_600_000_000  # midnight in Berlin is 23:00 UTC in winter
    assert table["seconds"].null_count == 60


def test_naive_times_are_utc_unless_said_otherwise(here):
    visits(here)
    done = made("visits", "--events", "visits.jsonl")
    assert "zone     UTC, for ISO 8601 without a zone; --zone says otherwise" in done.stderr
    assert rows("visits", "Visit")["when"][0].as_py() == 1_704_067_200_000_000
    assert (
        "# of the times that name none: nothing in the file says which"
        in (here / "visits/data.py").read_text()
    )


def test_typed_columns_keywords_and_rows_without_a_user(here):
    lessons(here)
    made("lessons", "--events", "class-views.parquet", "--item", "class")
    assert lint("lessons") == ""
    system = load_target("./lessons").system
    assert system.framing.item.name == "class_"
    assert str(system.framing.objective.label.where) == "purchased == 1"
    table = rows("lessons", "ClassView")
    assert table.num_rows == 300 - 6
    assert table["at"][0].as_py() == round(datetime(2023, 5, 1, 1, tzinfo=UTC).timestamp() * 1e6)


@pytest.mark.parametrize(
    ("stamps", "first"),
    [
        (pa.array([datetime(2024, 7, 1) + i * HOUR for i in range(90)]), 1_719_784_800_000_000),
        (pa.array([1_719_784_800_000 + i for i in range(90)]), 1_719_784_800_000_000),
        (pa.array([1_719_784_800_000_000 + i for i in range(90)]), 1_719_784_800_000_000),
        (pa.array([1_719_784_800.25 + i for i in range(90)]), 1_719_784_800_250_000),
        (pa.array(["2024-07-01T00:00:00" if i % 2 else f"2024-06-30T22:00:{i % 60:02}Z" for i in range(90)]), 1_719_784_800_000_000),
    ],
    ids=["naive timestamps", "milliseconds", "microseconds", "seconds with a part", "mixed"],
)  # fmt: skip
def test_every_way_of_writing_times_becomes_microseconds(here, stamps, first):
    table = {
        "time": stamps,
        "user": [f"u{i % 8}" for i in range(90)],
        "item": [f"i{i % 9}" for i in range(90)],
    }
    parquet.write_table(pa.table(table), here / "seen.parquet")
    made("seen", "--events", "seen.parquet", "--zone", "Europe/Berlin")
    assert lint("seen") == ""
    assert rows("seen", "Seen")["time"][0].as_py() == first


def test_ids_that_two_files_write_differently_are_text(here):
    ratings_and_films(here)
    films = parquet.read_table(here / "movies.parquet")
    films = films.set_column(0, "movieId", films["movieId"].cast(pa.string()))
    parquet.write_table(films, here / "movies.parquet")
    made("films", "--events", "ratings.csv", "--items", "movies.parquet")
    assert rows("films", "Rating")["movie_id"].type == rows("films", "Movie")["movie_id"].type == pa.string()


def test_roles_can_be_said_and_unsaid(here):
    write_purchases(here / "purchases.csv", purchases=300, shoppers=20, products=60)
    made(
        "shop",
        "--events",
        "purchases.csv",
        "--key",
        "none",
        "--item",
        "department",
        "--outcome",
        "quantity",
        "--positive",
        ">= 2",
    )
    system = load_target("./shop").system
    label = system.framing.objective.label
    assert (label.event.key_field(), str(label.where), system.framing.item.name) == (
        None,
        "quantity >= 2",
        "department",
    )
    assert system.serving.rerank == ()  # people come back to a department
    assert "| key | none | as you said |" in (here / "shop" / "README.md").read_text()


def test_the_system_moves_with_its_file(here):
    write_purchases(here / "purchases.csv", purchases=300, shoppers=20, products=60)
    made("deep/shop", "--events", "purchases.csv")
    assert 'Path(__file__).parent / "../../purchases.csv"' in (here / "deep" / "shop" / "data.py").read_text()


@pytest.mark.parametrize("name", ["videos", "My-Shop", "Shop", "2shop", "class", "hp", "relevant"])
def test_a_name_that_cannot_be_used(here, name):
    write_purchases(here / "purchases.csv", purchases=100, shoppers=10, products=60)
    assert refused(name, "--events", "purchases.csv")["thing"] == f"name {name!r}"
    assert [path.name for path in here.iterdir()] == ["purchases.csv"]


def test_a_directory_that_is_there_is_kept(here):
    write_purchases(here / "purchases.csv", purchases=100, shoppers=10, products=60)
    (here / "shop").mkdir()
    assert refused("shop", "--events", "purchases.csv")["got"] == "one that is there already"
    assert list((here / "shop").iterdir()) == []


def test_a_role_nobody_seems_to_play_must_be_said(here):
    (here / "x.csv").write_text("a,b\n" + "".join(f"{i},2024-01-01T00:{i:02}:00Z\n" for i in range(50)))
    error = refused("shop", "--events", "x.csv")
    assert (error["thing"], error["fix"]) == ("user column of x.csv", "name it: --user COLUMN")
    assert list(here.iterdir()) == [here / "x.csv"]


def test_a_zone_nobody_knows(here):
    visits(here)
    assert refused("visits", "--events", "visits.jsonl", "--zone", "Berlin")["thing"] == "--zone 'Berlin'"


def test_a_condition_without_an_outcome(here):
    write_purchases(here / "purchases.csv", purchases=100, shoppers=10, products=60)
    assert refused("shop", "--events", "purchases.csv", "--positive", ">= 2")["thing"] == "--positive"


def test_items_that_fit_no_event(here):
    ratings_and_films(here)
    parquet.write_table(pa.table({"code": ["x", "y"], "colour": ["red", "blue"]}), here / "other.parquet")
    assert (
        refused("films", "--events", "ratings.csv", "--items", "other.parquet")["thing"]
        == "--items other.parquet"
    )


def test_on_a_terminal_every_guess_is_asked(here):
    """The user column is answered wrongly first, and asked again."""
    write_purchases(here / "purchases.csv", purchases=300, shoppers=20, products=60)
    answers = [
        "",
        "nobody",
        "",
        "department",
        "none",
        "quantity",
        ">= 3",
    ]  # time user user item key outcome positive
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "heptad.cli.main", "new", "shop", "--events", "purchases.csv"],
        stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        os.close(theirs)
        os.write(ours, "".join(f"{answer}\n" for answer in answers).encode())
        stdout, stderr = process.communicate(timeout=60)
    os.close(ours)
    assert process.returncode == 0, stderr
    assert "Purchase: 300 rows read" in stdout
    assert "no such column" in stderr
    system = load_target("./shop").system
    assert (system.framing.user.name, system.framing.item.name) == ("shopper", "department")
    assert str(system.framing.objective.label.where) == "quantity >= 3"
