"""Bytes arriving: the event log, the clocks, replay and ingest. Light to import."""
