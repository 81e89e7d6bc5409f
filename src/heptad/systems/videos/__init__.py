"""Film recommendation on MovieLens 100K."""
