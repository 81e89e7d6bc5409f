"""Finishing the ranked list: one file per kind of step."""
