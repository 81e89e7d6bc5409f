"""The sections of the report, one file per group; each is a function from the summary to a `Section`."""
