"""How many different values a column has, estimated by HyperLogLog; a whole number."""

from collections.abc import Sequence

from heptad.algebra.hashing import hash_value
from heptad.algebra.hyperloglog import estimate, registers, tally
from heptad.algebra.spec import Aggregation, Merge, Params, Seen, Segment


def define(events: Sequence[Seen], t: int, params: Params) -> float:
    p = params.precision
    return estimate(tally(registers((hash_value(event.value) for event in events), p), p), p)


SPEC = Aggregation(
    name="distinct",
    takes="any",
    returns="number",
    default=0.0,
    nulls="skipped; -0.0 is 0.0; of a list column each element counts",
    bound="relative standard error 1.04 / 2**(precision / 2): 6.5 % at 8, 3.3 % at 10, 1.6 % at 12; the same "
    "estimate to the last bit whatever the order",
    segments=lambda params: (Segment(Merge.MAX_BYTES, 2**params.precision // 8),),
    define=define,
    options=("precision",),
    sees="hashes",
    lists=True,
    sparse=True,
)
