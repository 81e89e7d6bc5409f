"""Training sets larger than memory: partitioned by key on disk, swept, put together again in the label rows' order."""
