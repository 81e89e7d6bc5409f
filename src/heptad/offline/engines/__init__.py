"""Engines that compute a training set, one per way to run."""
