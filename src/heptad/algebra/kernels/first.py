"""first: one entry of (time, tie, value); n is 1."""

from heptad.algebra.kernels import last_n

lift = last_n.lift
finalize = last_n.finalize
