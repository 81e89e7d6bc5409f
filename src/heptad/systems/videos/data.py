"""Where the data comes from: MovieLens 100K (Harper and Konstan 2015), fetched and checked by the catalogue."""

from __future__ import annotations

from typing import Any

from heptad import catalogue

DATASET = "movielens-100k"
_SECOND = 1_000_000  #: the data's times are whole seconds; heptad's are microseconds


def about() -> dict[str, str]:
    """What a report says of the data: name, licence, citation, and the checksum of the ratings."""
    found = catalogue.describe(DATASET)
    ratings = next(file for file in found.files if file.name == "ml-100k.inter")
    return {
        "name": found.title,
        "licence": found.licence,
        "citation": found.citation,
        "sha256": ratings.sha256,
    }


def films() -> Any:
    """Arrow table of the 1,682 films: film, title, genres, year (null where the release year is unknown)."""
    import pyarrow as pa

    rows = _rows("ml-100k.item")
    return pa.table(
        {
            "film": pa.array([int(row[0]) for row in rows], pa.int64()),
            "title": [row[1] for row in rows],
            "genres": pa.array([row[3].split() for row in rows], pa.list_(pa.string())),
            "year": pa.array([int(row[2]) if row[2].isdigit() else None for row in rows], pa.int64()),
        }
    )


def ratings() -> Any:
    """Arrow table of the 100,000 ratings in time order: rating_id, ts, user, film, stars.

    76 % of the rows share their second with another; rating_id, the place in the order by (time, user,
    film), pins which of them is newest.
    """
    import pyarrow as pa

    rows = sorted(
        (int(t), int(user), int(film), float(stars)) for user, film, stars, t in _rows("ml-100k.inter")
    )
    seconds, users, films, stars = (list(column) for column in zip(*rows, strict=True))
    return pa.table(
        {
            "rating_id": pa.array(range(len(rows)), pa.int64()),
            "ts": pa.array([second * _SECOND for second in seconds], pa.int64()),
            "user": pa.array(users, pa.int64()),
            "film": pa.array(films, pa.int64()),
            "stars": pa.array(stars, pa.float64()),
        }
    )


def _rows(name: str) -> list[list[str]]:
    lines = catalogue.fetch(DATASET)[name].read_text(encoding="utf-8").splitlines()
    return [line.split("\t") for line in lines[1:]]
