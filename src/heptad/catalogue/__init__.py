"""Public data sets by name: what they are, whose they are, and their verified files on this machine."""

from heptad.catalogue.dataset import Dataset, File, Progress
from heptad.catalogue.shelf import cache_directory, describe, fetch, names, places

__all__ = ["Dataset", "File", "Progress", "cache_directory", "describe", "fetch", "names", "places"]
