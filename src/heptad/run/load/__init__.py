"""Load on a running service: an open loop over HTTP, what it measured, and the search for the most it can take."""
