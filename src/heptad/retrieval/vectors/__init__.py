"""Vectors of items: the nearest to a query, exactly for few and by an approximate index for many.

The door is `VectorIndex` (`heptad.retrieval.vectors.index`).
"""
