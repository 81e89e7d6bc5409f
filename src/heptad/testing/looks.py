"""The made-up world with vectors of its films that come, change and go: for tests of the nearest."""

from __future__ import annotations

from functools import cache
from typing import Any, Final

import numpy as np
import pyarrow as pa

import heptad as hp
from heptad.lifecycle.history import History
from heptad.testing import world
from heptad.times import DAY

SIZE: Final = len(world.GENRES)  #: of a vector
FILMS: Final = len(world.GENRES) * world.PER_GENRE


class Look(hp.Table):
    movie: hp.Id
    since: hp.Time
    look: hp.Vector[6] | None  # type: ignore[type-arg, valid-type]
    gone: hp.Deleted


def system(**steps: Any) -> hp.System:
    """`world`, with the nearest to a user's last five films among its candidates, and what they score a feature."""
    data, serving = world.STEPS["data"], world.STEPS["serving"]
    candidates = [hp.Nearest(15, "look", recent=5, name="near"), *serving.candidates]
    changed = {
        "data": hp.Data(
            static={**data.static, "look": Look.look},
            dynamic=data.dynamic,
            contextual={**data.contextual, "near": hp.source_score("near")},
        ),
        "serving": world.replace(serving, candidates=candidates),
    }
    return world.world(**changed | steps)


def row(movie: int, since: int, look: Any, gone: bool = False) -> dict[str, Any]:
    """A row of Look as a client would post it."""
    return {"movie": movie, "since": since, "look": look, "gone": gone}


@cache
def rows() -> tuple[dict[str, Any], ...]:
    """A vector of its genre for each film, from some day of the first half on; half of them change later, some go."""
    draw = np.random.default_rng(5)
    found = []
    for place in range(FILMS):
        centre = np.eye(SIZE)[place // world.PER_GENRE]
        when = world.BEGIN + draw.choice(50) * DAY + 7

        def near(centre: Any = centre) -> list[float]:
            around: list[float] = (centre + draw.normal(0, 0.3, SIZE)).round(3).tolist()
            return around

        found.append(row(place + 1, int(when), near()))
        if place % 2:
            later = int(when + draw.integers(1, 45) * DAY)
            found.append(row(place + 1, later, None if place % 8 == 1 else near(), place % 8 == 3))
    return tuple(sorted(found, key=lambda one: one["since"]))


def table(given: Any = None) -> pa.Table:
    """The rows as a source holds them."""
    held = rows() if given is None else given
    columns = {name: [one[name] for one in held] for name in Look.fields}
    return pa.table({**columns, "look": pa.array(columns["look"], pa.list_(pa.float32()))})


def history(plan: Any) -> History:
    """The world's history, and its vectors."""
    return world.history(plan, Movie=world.movies(), Vote=world.votes(), Look=table())
