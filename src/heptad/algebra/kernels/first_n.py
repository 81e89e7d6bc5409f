"""first_n: n entries of (time, tie, value), oldest first; only their merge differs from those of last_n."""

from heptad.algebra.kernels import last_n

lift = last_n.lift
finalize = last_n.finalize
