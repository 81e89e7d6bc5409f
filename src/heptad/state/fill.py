"""The records of a state that has none yet, from all its events at once: sorted by key, each record made once.

What `state.absorb` does for the events of a commit, for a whole history: the same words, the same kernel. A read
cannot tell the two apart; tiles that no read can reach are not even made here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from heptad.algebra.kernels.alike import distinct_rows
from heptad.plan.batch import Batch
from heptad.plan.coding import Dictionary
from heptad.plan.lift import key_columns, lift_words, memberships
from heptad.state.absorb import LEAST, MOST_WORDS, absorb, key_words
from heptad.state.keys import encode_columns
from heptad.state.layout import GroupLayout
from heptad.state.update import by_record, update


class Filled(NamedTuple):
    """All records after the events of ``batches``, one batch per stream: iterated as often as needed, never held.

    ``frontier`` is the highest applied event time, ``layouts`` is `layouts_of` the plan.
    """

    layouts: Sequence[GroupLayout]
    batches: Sequence[Batch]
    dictionary: Dictionary
    frontier: int

    def records(self) -> Iterator[tuple[int, bytes, bytes]]:
        """(group, key, record), ascending by group and key; values of columns get their codes on the way."""
        by_stream = {batch.stream.name: batch for batch in self.batches}
        for place, layout in enumerate(self.layouts):
            batch = by_stream.get(layout.group.stream)
            if batch is None:
                continue
            if layout.group.facts is not None:
                changed = absorb([layout], batch, self.dictionary, _nothing, self.frontier)
                yield from ((place, key, record) for (_, key), record in sorted(changed.items()))
            else:
                for key, record in self._group(layout, batch):
                    yield place, key, record

    def _group(self, layout: GroupLayout, batch: Batch) -> Iterator[tuple[bytes, bytes]]:
        group = layout.group
        row, columns = memberships(group, key_columns(group, batch.columns, len(batch)))
        if len(row) == 0:
            return
        first, of = distinct_rows(key_words(group, batch, row, columns))
        keys = encode_columns([column[first] for column in columns])
        ranked = sorted(range(len(keys)), key=keys.__getitem__)
        rank = np.empty(len(keys), np.int64)
        rank[ranked] = np.arange(len(keys))
        kind = rank[of]
        order, _ = by_record(np.arange(len(row)), kind, len(keys))
        most = max(LEAST, MOST_WORDS // layout.event_words)
        carried: bytes | None = None  # the record of a key whose events go on in the next piece
        for start in range(0, len(order), most):
            piece = order[start : start + most]
            low, high = int(kind[piece[0]]), int(kind[piece[-1]])
            some = batch.take(row[piece])
            words = lift_words(some, layout.lifted, self.dictionary)
            old = [carried, *([None] * (high - low))]
            records = update(layout, old, kind[piece] - low, some.time, words, self.frontier)
            stop = start + most
            carried = None
            if stop < len(order) and kind[order[stop]] == high:
                carried = records.pop()
            for number, record in enumerate(records, low):
                yield keys[ranked[number]], record


def _nothing(group: int, keys: Sequence[bytes]) -> list[bytes | None]:
    return [None] * len(keys)
