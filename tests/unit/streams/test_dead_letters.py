"""Dead letters: each once, in order, through crashes."""

from pathlib import Path
from random import Random

import pytest

from heptad.errors import StateError
from heptad.streams.dead_letters import DeadLetter, DeadLetters
from heptad.testing.faults import FaultyFiles

FILE = Path("/letters/dead.jsonl")


def letter(offset: int) -> DeadLetter:
    return DeadLetter(offset, "Sale", "late", "a time", "another", {"n": offset, "text": "ä\n"})


def test_what_was_added_is_there_once_however_often_it_is_added(tmp_path: Path) -> None:
    path = tmp_path / "somewhere" / "dead.jsonl"
    letters = DeadLetters.open(path)
    letters.add([letter(3), letter(5)])
    letters.add([letter(3), letter(5), letter(9)])
    letters.close()
    again = DeadLetters.open(path)
    again.add([letter(5), letter(9)])
    assert again.letters() == [letter(3), letter(5), letter(9)]
    again.add([letter(10)])
    again.close()
    assert path.read_bytes().count(b"\n") == 1 + 4
    assert DeadLetters.open(path).letters() == [letter(o) for o in (3, 5, 9, 10)]


def test_a_crash_loses_only_what_was_not_acknowledged() -> None:
    torn = 0
    for seed in range(100):
        rng = Random(seed)
        files = FaultyFiles()
        letters = DeadLetters.open(FILE, files)
        letters.add([letter(o) for o in range(3)])
        files.fail_write() if rng.random() < 0.3 else files.fail_sync()
        with pytest.raises(StateError, match="the disk to take them"):
            letters.add([letter(o) for o in range(3, 12)])
        files.heal()
        files.crash(rng)
        size = len(files.read(FILE, 0, 1 << 20))
        letters = DeadLetters.open(FILE, files)
        found = len(letters.letters())
        torn += size > len(files.read(FILE, 0, 1 << 20))
        assert letters.letters() == [letter(o) for o in range(found)]
        assert found >= 3
        letters.add([letter(o) for o in range(20)])  # the applier, at the same records again
        assert letters.letters() == [letter(o) for o in range(20)]
    assert torn > 5


def test_another_file_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes").write_text("remember the milk\n")
    with pytest.raises(StateError, match=r"expected a first line .*dead letters.*remember"):
        DeadLetters.open(tmp_path / "notes")
    assert (tmp_path / "notes").read_text() == "remember the milk\n"
