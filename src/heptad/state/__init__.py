"""Bytes at rest for keys: the record codec, the Store protocol, admission and the frontier."""
