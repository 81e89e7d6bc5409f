"""Dashboard: the report of a run as one HTML file, and the design document in Markdown."""

from heptad.dashboard.design_document import design_markdown
from heptad.dashboard.report import render, write

__all__ = ["design_markdown", "render", "write"]
