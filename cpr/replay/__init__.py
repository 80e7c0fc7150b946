"""Recorded requests in, comparison and report out."""
