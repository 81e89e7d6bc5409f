"""How long a server must keep a record that nobody writes again."""

from heptad.declare.data import Data
from heptad.declare.labels import label
from heptad.plan.compile import compile_features
from heptad.state.lifetimes import MARGIN, lifetimes_of
from heptad.testing.examples import Sale
from heptad.times import HOUR


def plan(*over):
    return compile_features(Data(dynamic=dict(n=Sale.per("user").count(*over))), label(Sale))


def test_windows_are_kept_for_twice_their_retention_and_a_margin():
    table, life = lifetimes_of(plan("1h", "24h"))
    assert table is None
    assert life is not None
    assert 1_000 * life >= 2 * 24 * HOUR + MARGIN


def test_states_of_all_time_are_kept_for_ever():
    assert set(lifetimes_of(plan("all"))) == {None}
    assert set(lifetimes_of(plan("1h", "all"))) == {None}
