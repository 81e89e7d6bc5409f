"""Implementations of the Store protocol, one backend per file, opened by URL."""
