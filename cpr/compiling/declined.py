"""Why a model, or one way to run it, is left alone."""

from __future__ import annotations


class Declined(Exception):
    """Something cannot be compiled, or not be proven to answer alike; the text says why."""
