"""Builds and verifies reproducible source distributions."""
