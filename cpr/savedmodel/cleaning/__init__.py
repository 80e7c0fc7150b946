"""A deployable copy of a training directory: what serving needs, and nothing else."""

from cpr.savedmodel.cleaning.clean import clean
from cpr.savedmodel.cleaning.cleaned import Cleaned, Removed

__all__ = ["Cleaned", "Removed", "clean"]
