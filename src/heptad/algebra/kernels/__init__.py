"""How events become words and words become values, one aggregation per file, and the merge they share."""
