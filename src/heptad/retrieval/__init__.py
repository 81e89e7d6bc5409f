"""Candidates: which items are worth scoring for a request, from several sources, merged."""
