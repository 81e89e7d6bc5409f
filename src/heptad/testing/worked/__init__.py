"""The rows of the table of worked examples, one file per theme; see `heptad.testing.examples_table`."""
