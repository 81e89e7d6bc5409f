"""The oracle reproduces the table of worked examples."""

import pytest

from heptad.oracle.oracle import Oracle, enrich
from heptad.testing.compare import same
from heptad.testing.examples import Example, records_of
from heptad.testing.examples_table import EXAMPLES


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda e: f"{e.rule}: {e.says}")
def test_oracle_gives_the_value(example: Example) -> None:
    got = Oracle(example.plan, example.log).read(example.ask, example.t, example.offset)
    assert same(got[example.column], example.value), got


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda e: f"{e.rule}: {e.says}")
def test_the_log_holds_what_the_appender_looks_up(example: Example) -> None:
    for (stream, row, _), logged in zip(records_of(example), example.log, strict=True):
        assert enrich(example.plan, example.log[: logged.offset], stream, row) == dict(logged.row)


def test_there_are_about_forty_rules_and_no_two_alike() -> None:
    assert len({(e.rule, e.says) for e in EXAMPLES}) == len(EXAMPLES) >= 40
