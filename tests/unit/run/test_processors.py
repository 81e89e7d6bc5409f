"""A worker keeps to one processor where each has one of its own, and nowhere else."""

import os
import subprocess
import sys

from heptad.run.processors import processor_of

KEPT = """
import os, sys
from heptad.run.processors import keep_to_one
keep_to_one(int(sys.argv[1]), int(sys.argv[2]))
print(*os.sched_getaffinity(0))
"""


def kept(number: int, workers: int) -> set[int]:
    """Where a process of its own may run once it is worker ``number``."""
    words = [sys.executable, "-c", KEPT, str(number), str(workers)]
    return set(map(int, subprocess.run(words, capture_output=True, text=True, check=True).stdout.split()))


def test_as_many_workers_as_processors_have_one_each():
    assert [processor_of(n, 3, {7, 2, 4}) for n in range(3)] == [2, 4, 7]


def test_more_or_fewer_are_left_to_the_system():
    assert processor_of(0, 2, {0}) is None
    assert processor_of(1, 2, {0, 1, 2}) is None


def test_a_process_is_bound_to_its_own():
    allowed = sorted(os.sched_getaffinity(0))
    assert [kept(n, len(allowed)) for n in range(len(allowed))] == [{cpu} for cpu in allowed]
    assert kept(0, len(allowed) + 1) == set(allowed)
