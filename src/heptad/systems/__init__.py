"""The reference systems, each written with the public API only."""
