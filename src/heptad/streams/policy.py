"""When the applier commits: the one place that weighs throughput against freshness.

The applier never waits. One commit takes all that the log holds, up to the bounds below; while it runs, the next
gathers. So a deployment that keeps up commits every post at once, and what a read lacks is one commit's time; one
that is behind makes commits as large as the bounds, in which a hot key's record is read and written once for all
its events. There is no timer and no knob: how much is waiting is the measure of how far behind it is. What the
sizes cost is measured in decision record 20.
"""

from typing import Final

#: Records of one commit: above it a commit gains little and a reader would wait longer for the first of them.
ROWS: Final = 131_072
#: Bytes of the log after which a commit takes no further frame: bounds the memory where rows are large.
BYTES: Final = 32 << 20
#: Records from which on an empty state is filled in one pass over the history, sorted by key (`state.fill`).
FILL: Final = 2 * ROWS
#: Records of one such pass: their columns are held in memory. A longer history goes on in ordinary commits.
FILL_MOST: Final = 8_000_000
