"""What a user writes: the seven steps as frozen, typed, inert data."""
