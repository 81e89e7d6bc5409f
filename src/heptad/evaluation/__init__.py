"""Evaluation: metrics with intervals, splits that respect time, and the gate that says pass or fail and why."""
