"""Checks a declaration and compiles it to one Plan, which every engine runs."""
