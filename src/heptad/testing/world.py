"""A made-up world with taste in it: users like two of six genres; small enough to train on in a second.

Popularity is skewed and taste is strong, so a model that learns taste beats one that counts. A quarter of
the ratings share their moment with another of the same user, and ids are whole numbers, as in MovieLens.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa

import heptad as hp
from heptad.lifecycle.history import History
from heptad.offline.enrichment import enrich
from heptad.offline.history import admit_history
from heptad.offline.sources import read
from heptad.plan.nodes import Plan
from heptad.run.profile import Profile
from heptad.run.source import source
from heptad.run.target import Target
from heptad.times import DAY, SECOND, instant

BEGIN: Final = instant("2026-01-01T00:00:00Z")
DAYS: Final = 100
END: Final = BEGIN + DAYS * DAY
CUT: Final = BEGIN + 60 * DAY  #: where `world` splits: before it there is enough to learn from
USERS: Final = 600
GENRES: Final = ("comedy", "drama", "horror", "romance", "thriller", "western")
PER_GENRE: Final = 10
RATINGS: Final = 20  #: per user


class Movie(hp.Table):
    movie: hp.Id
    genres: list[str]
    studio: str
    length: float | None


class Vote(hp.Event, lateness="1d"):
    vote: hp.Key
    ts: hp.Time
    user: hp.Id
    movie: hp.Id
    stars: float
    screen: str | None
    genres: list[str] = hp.lookup(Movie.genres)


liked = hp.label(Vote, where=Vote.stars >= 4)


@hp.feature
def pull(taste: Any, user_mean: Any) -> Any:
    """How much better than usual this user votes on films of these genres."""
    return taste - user_mean


#: The seven steps; `world` replaces some of them.
STEPS: Final[dict[str, Any]] = dict(
    requirements=hp.Requirements(
        p99="1s", candidates=40, qps=1, freshness="5s", shown=5,
        kpi=hp.KPI("liked films shown", hp.count(where=liked)),
    ),
    framing=hp.Ranking(item=Vote.movie, user=Vote.user, objective=hp.LogLoss(liked)),
    data=hp.Data(
        static=dict(genres=Movie.genres, studio=Movie.studio, length=Movie.length),
        dynamic=dict(
            had=Vote.per("user").last("movie", n=100),
            user_count=Vote.per("user").count("7d", "all"),
            user_mean=Vote.per("user").mean("stars", "all"),
            movie_count=Vote.per("movie").count("7d", "30d", "all"),
            movie_mean=Vote.per("movie").mean("stars", "all"),
            taste=Vote.per("user", "genres").mean("stars", "all"),
            taste_count=Vote.per("user", "genres").count("all"),
        ),
        contextual=dict(
            hour=hp.hour(), screen=Vote.screen, pull=pull,
            ease=hp.source_score("ease"), popular=hp.source_score("popular"),
        ),
    ),
    model=hp.GBDT(trees=40, leaves=8, learning_rate=0.15, min_rows_per_leaf=20),
    evaluation=hp.Evaluation(
        hp.TimeSplit(test="40d"),
        gate=[hp.ndcg(10) > hp.baseline("popular"), hp.ndcg(10) >= hp.champion, hp.ece < 0.1],
    ),
    serving=hp.Serving(
        candidates=[hp.EASE(30, penalty=20.0), hp.Popular(40)], history="had", rerank=[hp.Unseen()],
        fallback=hp.Popular(20),
    ),
    monitoring=hp.Monitoring(
        retrain=[hp.OnDrift(columns=["movie_mean", "ease"], psi=0.25, window="5d")], canary=0.05
    ),
)  # fmt: skip


def world(**steps: Any) -> hp.System:
    """The system, with some of its steps replaced."""
    return hp.System(**(STEPS | steps))


def movies() -> pa.Table:
    """60 films, ten of each genre; half of them have a second genre."""
    draw = np.random.default_rng(1)
    genres = [GENRES[number // PER_GENRE] for number in range(len(GENRES) * PER_GENRE)]
    lists = [
        [own, GENRES[int(draw.integers(len(GENRES)))]] if draw.random() < 0.5 else [own] for own in genres
    ]
    return pa.table(
        {
            "movie": pa.array(range(1, len(genres) + 1), pa.int64()),
            "genres": [list(dict.fromkeys(names)) for names in lists],
            "studio": [("acme", "bolt", "cobb")[int(draw.integers(3))] for _ in genres],
            "length": [None if draw.random() < 0.1 else float(draw.integers(80, 180)) for _ in genres],
        }
    )


@cache
def votes() -> pa.Table:
    """Up to 20 votes of each of 600 users over some 20 days, as many users at any time; a film once, in time order."""
    draw = np.random.default_rng(2)
    genre = np.repeat(np.arange(len(GENRES)), PER_GENRE)
    appeal = 1.0 / (1.0 + np.tile(np.arange(PER_GENRE), len(GENRES)) + draw.random(len(genre)))
    rows: list[tuple[int, int, int, float, str | None]] = []
    for user in range(1, USERS + 1):
        taste = draw.choice(len(GENRES), 2, replace=False)
        fits = np.isin(genre, taste)
        wish = appeal * np.where(fits, 8.0, 1.0)
        chosen = draw.choice(len(genre), RATINGS, replace=False, p=wish / wish.sum())
        moment = BEGIN + int(draw.integers(-20, DAYS)) * DAY
        for movie in chosen.tolist():
            if draw.random() > 0.25:
                moment += int(draw.integers(1, 3 * 86_400)) * SECOND
            stars = float(np.clip(np.rint(draw.normal(4.3 if fits[movie] else 2.7, 0.8)), 1, 5))
            screen = (None, "tv", "phone", "laptop")[int(draw.integers(4))]
            rows.append((moment, user, movie + 1, stars, screen))
    rows = sorted(row for row in rows if BEGIN <= row[0] < BEGIN + DAYS * DAY)
    moments, users, chosen_movies, stars_given, screens = (list(column) for column in zip(*rows, strict=True))
    return pa.table(
        {
            "vote": pa.array(range(len(rows)), pa.int64()),
            "ts": pa.array(moments, pa.int64()),
            "user": pa.array(users, pa.int64()),
            "movie": pa.array(chosen_movies, pa.int64()),
            "stars": pa.array(stars_given, pa.float64()),
            "screen": screens,
        }
    )


def history(plan: Plan, **sources: Any) -> History:
    """The history of these sources by class name; of films and votes where none are given."""
    rows = sources or {"Movie": movies(), "Vote": votes()}
    admitted, _ = admit_history(
        plan, {stream.name: read(stream, rows[stream.name]) for stream in plan.streams}
    )
    return History(plan, enrich(plan, admitted))


def target(system: hp.System, name: str = "world", doc: str = "A made-up world.") -> Target:
    """What a command is given, for a system made in a test."""
    return Target(name, system, sys.modules[__name__], Path(__file__).parent, doc, name)


def profile(system: hp.System, directory: Path, **functions: str) -> Profile:
    """A profile that keeps everything in ``directory`` and reads each class from a function here."""
    named = {"Movie": "movies", "Vote": "votes"} | functions
    sources = {
        stream.name: source(stream.name, f"python:{__name__}:{named[stream.name]}", directory, "")
        for stream in system.plan.streams
    }
    return Profile(
        "dev", directory / "heptad.toml", "replay", directory / "log", f"embedded:{directory / 'state'}",
        directory / "registry", sources,
    )  # fmt: skip


def with_values(held: pa.Table, name: str, values: Any) -> pa.Table:
    """The table with another column of this name."""
    return held.set_column(held.column_names.index(name), name, pa.array(values))


__all__ = [
    "BEGIN", "CUT", "DAYS", "END", "GENRES", "STEPS", "Movie", "Vote", "history", "liked", "movies", "profile", "replace",
    "target", "votes", "with_values", "world",
]  # fmt: skip
