"""Which processor a worker runs on."""

from __future__ import annotations

import os
from collections.abc import Collection


def processor_of(number: int, workers: int, allowed: Collection[int]) -> int | None:
    """The processor that worker ``number`` keeps to; None where the system chooses.

    Threads of one interpreter take turns anyway: on one processor they find each other's caches warm and wake each other
    without an interrupt of another (record 46). Where there are more workers than processors, or fewer, a worker
    that keeps to one would leave others idle.
    """
    return sorted(allowed)[number] if workers == len(allowed) else None


def keep_to_one(number: int, workers: int) -> None:
    """Bind this process, and the threads it will start, to the processor of worker ``number``, where it has one."""
    processor = processor_of(number, workers, os.sched_getaffinity(0))
    if processor is not None:
        os.sched_setaffinity(0, {processor})
