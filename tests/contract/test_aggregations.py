"""The shipped aggregations that no other suite draws alone in all of these ways: the contract on some of each kind."""

from __future__ import annotations

from heptad.testing.aggregation_contract import AggregationContract


class TestSum(AggregationContract):
    name = "sum"


class TestFirst(AggregationContract):
    name = "first_n"


class TestDistinct(AggregationContract):
    name = "distinct"


class TestHistogram(AggregationContract):
    name = "histogram"
