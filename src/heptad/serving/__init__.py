"""A request in, a ranked answer out, in time and with a record of how it came about."""
