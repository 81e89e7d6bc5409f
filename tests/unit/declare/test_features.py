"""Features: what each way of writing one means."""

from __future__ import annotations

import pytest

import heptad as hp
from heptad.algebra import catalogue
from heptad.algebra.spec import Params
from heptad.algebra.window import Window
from heptad.declare.features import columns_of
from heptad.times import DAY, HOUR


class Sale(hp.Event):
    ts: hp.Time
    user: hp.Id
    item: hp.Id
    amount: float
    pieces: int
    tags: list[str]


per = Sale.per("user")


@pytest.mark.parametrize(
    ("feature", "aggregation", "column", "params"),
    [
        (per.count("1h"), "count", None, Params()),
        (per.sum("amount", "1h"), "sum", "amount", Params(decimals=6)),
        (per.sum("pieces", "1h"), "sum", "pieces", Params(decimals=0)),
        (per.mean("amount", "1h", decimals=2), "mean", "amount", Params(decimals=2)),
        (per.min("amount", "1h"), "min", "amount", Params()),
        (per.max("pieces", "1h"), "max", "pieces", Params()),
        (per.last("item", "1h"), "last", "item", Params()),
        (per.last("item", "1h", n=5), "last_n", "item", Params(n=5)),
        (per.since_last("1h"), "since_last", None, Params()),
    ],
    ids=str,
)
def test_a_method_is_an_aggregation(feature, aggregation, column, params):
    assert (feature.aggregation, feature.column, feature.params) == (aggregation, column, params)
    assert feature.windows == (Window(HOUR, 0, HOUR // 60),)
    assert (feature.event, feature.keys, feature.where) == (Sale, ("user",), None)


def test_every_aggregation_of_the_table_can_be_asked_for():
    for name in catalogue.names():
        spec = catalogue.get(name)
        column = () if spec.takes == "nothing" else ("item",) if spec.takes == "discrete" else ("amount",)
        options = {"vocabulary": ("a", 1)} if "vocabulary" in spec.options else {}
        assert getattr(per, name)(*column, "1d", **options).windows[0].width == DAY


def test_without_a_window_it_is_all_time():
    assert per.count().windows == (Window(None),)


def test_columns_are_named_by_the_feature_and_its_windows():
    assert list(columns_of("n", per.count("1d"))) == ["n"]
    assert list(columns_of("n", per.count("1d", "7d", "all"))) == ["n_1d", "n_7d", "n_all"]
    assert list(columns_of("n", per.count("1d", "7d", delay="7d"))) == ["n_1d_delay_7d", "n_7d_delay_7d"]


def test_a_condition_goes_with_the_group():
    feature = per.where(Sale.amount >= 10).count("1h")
    assert str(feature.where) == "amount >= 10"
    assert per.count("1h").where is None


def test_a_rate_counts_two_streams_over_the_same_windows():
    rate = hp.rate(per.where(Sale.amount >= 10), Sale, per="user", over="7d", prior=0.5, strength=3)
    assert [str(side.where) for side in (rate.numerator, rate.denominator)] == ["amount >= 10", "None"]
    assert rate.windows == rate.denominator.windows == (Window(7 * DAY, 0, 6 * HOUR),)
    assert hp.rate(Sale, Sale, per=("user", "item")).numerator.keys == ("user", "item")


def test_a_function_becomes_a_feature_of_its_arguments():
    @hp.feature
    def gap(amount, user_mean):
        return amount - user_mean

    assert (gap.name, gap.inputs) == ("gap", ("amount", "user_mean"))
    assert gap.function(3, 1) == 2


def test_groups_keep_their_columns_in_the_order_they_were_written():
    data = hp.Data(dynamic=dict(b=per.count("1d", "all"), a=per.count()), contextual=dict(hour=hp.hour()))
    assert list(data.columns()) == [
        ("dynamic", "b_1d"),
        ("dynamic", "b_all"),
        ("dynamic", "a"),
        ("contextual", "hour"),
    ]


def test_a_score_may_be_weighed_from_either_side():
    assert (hp.p * Sale.amount).weight is Sale.amount
    assert (Sale.amount * hp.p).weight is Sale.amount


def test_a_gate_reads_like_a_comparison():
    assert str(hp.ndcg(10) > hp.baseline("popular")) == "ndcg@10 > popular"
    assert str(hp.ne <= hp.champion) == "ne <= champion"
    assert str(hp.ece < 0.02) == "ece < 0.02"
    assert str(hp.recall(100) >= 0.5) == "recall@100 >= 0.5"
