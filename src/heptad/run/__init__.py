"""Wires the rooms together: the only room that knows implementations on every side."""
