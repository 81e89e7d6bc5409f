"""The slow, obvious interpreter of a plan: it defines every value, from the raw log."""
