"""Feature reads: the plan's columns for one moment, from the states of a store."""
