"""Plots of the report, drawn by matplotlib as inline SVG in the colours of the page."""
