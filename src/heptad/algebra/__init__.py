"""Arithmetic over a window: what an aggregation is, and the windows it is taken over."""
