"""An index that follows whoever asks gives each moment its own vectors, in whatever order moments ask."""

import threading

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from heptad.retrieval.catalog import ItemIndex
from heptad.retrieval.gallery import Gallery
from heptad.state.tally import Counts

ITEMS = ["a", "b", "c"]
vector = st.one_of(st.none(), st.tuples(st.integers(-3, 3), st.integers(-3, 3)))
#: Rows in the order of a log: which item, and its vector; None deletes it, or has no vector.
log = st.lists(st.tuples(st.sampled_from(ITEMS), vector), max_size=12)


def rows_at(rows, o, epoch=1, whole=False):
    """The counts of the first ``o`` rows, as a state tells them; ``whole``: with values still to come, as a log does."""
    values = list(dict.fromkeys(item for item, _ in (rows if whole else rows[:o])))
    counts = [float(sum(item == one for item, _ in rows[:o])) for one in values]
    return Counts(epoch, values, np.array(counts, np.float64))


def held_at(rows, o):
    return {item: found for item, found in dict(rows[:o]).items() if found is not None}


def reading(rows, o, asked=None):
    held = held_at(rows, o)

    def read(items):
        if asked is not None:
            asked.extend(items)
        return np.array([held.get(item, (np.nan, np.nan)) for item in items], np.float32)

    return read


def unit(vectors):
    wide = {item: np.array(one, np.float64) for item, one in vectors.items()}
    return {item: (one / (np.hypot(*one) or 1.0)).astype(np.float32).tolist() for item, one in wide.items()}


def shown(view):
    if view is None:
        return {}
    rows = view.living()
    return dict(zip(rows["id"].tolist(), rows["vector"].tolist(), strict=True))


def close(one, other):
    return one.keys() == other.keys() and all(np.allclose(one[item], other[item], atol=1e-6) for item in one)


@given(log, st.lists(st.tuples(st.integers(0, 12), st.booleans()), max_size=8))
def test_every_moment_has_its_own_vectors(rows, moments):
    index = ItemIndex()
    gallery = Gallery("look", index)
    for o, whole in moments:
        view = gallery.at(rows_at(rows, o, whole=whole), reading(rows, o))
        assert close(shown(view), unit(held_at(rows, o)))
        assert (index.places(list(held_at(rows, o))) >= 0).all()


@given(log, log)
def test_a_state_begun_anew_is_read_anew(rows, others):
    gallery = Gallery("look", ItemIndex())
    gallery.at(rows_at(rows, 12), reading(rows, 12))
    view = gallery.at(rows_at(others, 12, epoch=2), reading(others, 12))
    assert close(shown(view), unit(held_at(others, 12)))


def test_only_what_changed_is_read_and_nothing_where_the_store_is_silent():
    rows = [("a", (1, 0)), ("b", (0, 1)), ("a", (1, 1)), ("b", None)]
    gallery, asked = Gallery("look", ItemIndex()), []
    two = gallery.at(rows_at(rows, 2), reading(rows, 2, asked))
    assert asked == ["a", "b"]
    assert gallery.at(rows_at(rows, 4), lambda items: None) is two  # as last known
    gallery.at(rows_at(rows, 3), reading(rows, 3, asked))
    assert asked == ["a", "b", "a"]
    last = rows_at(rows, 4)
    assert shown(gallery.at(last, reading(rows, 4, asked))).keys() == {"a"}
    assert asked == ["a", "b", "a", "b"]
    gallery.at(last, reading(rows, 4, asked))
    assert len(asked) == 4
    assert shown(two).keys() == {"a", "b"}  # an earlier reader keeps what it saw


def test_threads_at_different_moments_see_their_own():
    rows = [(ITEMS[n % 3], (n + 1, 1)) for n in range(12)]
    gallery, wrong = Gallery("look", ItemIndex()), []

    def ask(seed):
        for o in np.random.default_rng(seed).integers(0, 13, 60).tolist():
            if not close(shown(gallery.at(rows_at(rows, o), reading(rows, o))), unit(held_at(rows, o))):
                wrong.append(o)

    threads = [threading.Thread(target=ask, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
