"""How long a record that nobody writes again can still matter: a store at a server may forget it afterwards."""

from __future__ import annotations

from heptad.plan.nodes import Plan
from heptad.times import DAY

#: Added to twice the retention, for clocks that differ and servers that were stopped.
MARGIN = DAY


def lifetimes_of(plan: Plan) -> tuple[int | None, ...]:
    """Per group the milliseconds from a record's last write until no read can need it; None for never.

    For deployments on the wall clock only: there an event's time is at most its write's, so that a window that
    ends later than the retention is empty. States of all time, and tables, are kept for ever.
    """
    found: list[int | None] = []
    for group in plan.groups:
        kept = [ring.retention for ring in group.rings]
        if group.facts is not None or not kept or None in kept:
            found.append(None)
        else:
            found.append((2 * max(r for r in kept if r is not None) + MARGIN) // 1_000)
    return tuple(found)
