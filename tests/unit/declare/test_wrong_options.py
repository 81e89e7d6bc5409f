"""Options of aggregations that cannot be meant: each is refused by one error that mends it."""

from __future__ import annotations

import pytest

import heptad as hp
from heptad.errors import DeclarationError
from heptad.plan.compile import compile_features


class Sale(hp.Event):
    sale: hp.Key
    ts: hp.Time
    user: hp.Id
    amount: float
    pieces: int
    gift: bool
    tags: list[str]


per = Sale.per("user")
A_OR_B = "write for example vocabulary=('a', 'b')"
RANGE = "low below high, and unit, the least magnitude that is not zero, above 0"
FADING = "a hop of at most the half-life, and a cut of 1 to 1000 hops"
LEAVE_OUT = "leave hop and cut out: a quarter of the half-life, and ten of them"


@pytest.mark.parametrize(
    ("mistake", "expected", "got", "fix"),
    [
        (
            lambda: per.distinct("user", precision=3), "precision, a whole number from 4 to 14", "3",
            "keep 8 (6.5 % error, 256 bytes), or write 10 (3.3 %, 1 KB)",
        ),
        (
            lambda: per.quantile("amount", q=50), "q, from 0 to 1 with at most six decimals", "50",
            "write q=0.5 for the median, q=0.99 for the 99th percentile",
        ),
        (
            lambda: per.quantile("amount", error=0), "error, the relative error of a value, from 0.001 to 0.5", "0",
            "write error=0.05 for 5 %; the state doubles with every halving",
        ),
        (
            lambda: per.quantile("amount", low=5, high=5), RANGE, "low=5, high=5, unit=0.01",
            "write for example low=0, high=1e6, unit=0.01",
        ),
        (
            lambda: per.quantile("amount", unit=0), RANGE, "low=0, high=1e+06, unit=0",
            "write for example low=0, high=1e6, unit=0.01",
        ),
        (
            lambda: per.quantile("amount", error=0.001), "at most 4096 buckets", "13636",
            "raise error or unit, or narrow low and high",
        ),
        (
            lambda: per.quantile("amount", high="much"), "high, a number within 1e300", "'much'",
            "write for example high=1e+06",
        ),
        (
            lambda: per.histogram("user"), "vocabulary, a tuple of 1 to 1000 values of Sale.user", "none", A_OR_B,
        ),
        (
            lambda: per.histogram("tags", vocabulary="ab"), "vocabulary, a tuple of 1 to 1000 values of Sale.tags",
            "'ab'", A_OR_B,
        ),
        (
            lambda: per.histogram("tags", vocabulary=("a", 1)), "a vocabulary of values of kind texts", "1", A_OR_B,
        ),
        (
            lambda: per.histogram("pieces", vocabulary=(1, True)), "a vocabulary of values of kind int", "True",
            "write for example vocabulary=(1, 2, 3)",
        ),
        (
            lambda: per.histogram("gift", vocabulary=(0, 1)), "a vocabulary of values of kind bool", "0",
            "write for example vocabulary=(True, False)",
        ),
        (
            lambda: per.histogram("tags", vocabulary=("a", "a")), "a vocabulary of different values", "'a' twice",
            "name it once",
        ),
        (
            lambda: per.histogram("amount", vocabulary=(1,)), "an id, text, int, bool or list column",
            "'amount' of kind float", "use quantile, or bin it into an int column first",
        ),
        (
            lambda: per.top_k("tags", k=3, vocabulary=("a", "b")), "k, a whole number from 1 to 2", "3",
            "ask for no more values than the vocabulary has",
        ),
        (
            lambda: per.variance("amount", decimals=16), "decimals, a whole number from 0 to 15", "16",
            "keep the default of 6",
        ),
        (
            lambda: per.aggregate("first", "user", n=2), "delay= or hop=", "n=", "remove n=",
        ),
        (
            lambda: per.last("tags"), "a scalar column", "'tags' of kind texts", "group by a list column instead",
        ),
        (
            lambda: per.decay_count(half_life="1h", hop="2h"), FADING, "half_life=1h, hop=2h, cut=10h", LEAVE_OUT,
        ),
        (
            lambda: per.decay_count(half_life="1h", hop="7m"), FADING, "half_life=1h, hop=7m, cut=10h", LEAVE_OUT,
        ),
        (
            lambda: per.decay_sum("amount", half_life="1d", cut="10000d"), FADING,
            "half_life=1d, hop=6h, cut=10000d", LEAVE_OUT,
        ),
    ],
)  # fmt: skip
def test_an_option_is_refused_with_what_mends_it(mistake, expected, got, fix):
    with pytest.raises(DeclarationError) as raised:
        mistake()
    error = raised.value
    assert (error.expected, error.got, error.fix) == (expected, got, fix)


def test_quantiles_of_one_column_share_a_state():
    label = hp.label(Sale, where=Sale.amount > 1)
    tails = dict(median=per.quantile("amount", "1d"), tail=per.quantile("amount", "1d", q=0.99))
    plan = compile_features(hp.Data(dynamic=tails), label)
    assert len(plan.groups[0].slots) == 1
    assert [column.source.params.q for column in plan.columns] == [500_000, 990_000]


def test_a_decay_is_one_column_of_windows_that_follow_each_other():
    decay = per.decay_sum("amount", half_life="1h", delay="30m")
    assert len(decay.windows) == 40
    for older, newer in zip(decay.windows[:-1], decay.windows[1:], strict=True):
        for t in (0, 10**12 + 12_345, -5):
            assert older.end(t) == newer.start(t)
    assert list(hp.Data(dynamic={"fading": decay}).columns()) == [("dynamic", "fading")]
