"""One aggregation per file; the file's name is the aggregation's."""
