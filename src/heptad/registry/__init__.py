"""The registry: versions of a system's models on disk, their lineage and stages, safe against kill -9."""
