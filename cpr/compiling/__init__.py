"""Compiles models: builds candidates, proves them equal, times them, keeps the fastest."""

from cpr.compiling.report import Candidate, CompileReport, Figure
from cpr.compiling.run import compile_model
from cpr.compiling.steps import CompileTerms

__all__ = ["Candidate", "CompileReport", "CompileTerms", "Figure", "compile_model"]
