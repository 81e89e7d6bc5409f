"""Helpers for tests of systems built on heptad: fakes and fault injection, shipped with the package."""
