"""Compiles models: builds candidates, proves them equal, times them, keeps the fastest."""

from cpr.compiling.report import Candidate, CompileReport, Figure
from cpr.compiling.run import CompileTerms, compile_model

__all__ = ["Candidate", "CompileReport", "CompileTerms", "Figure", "compile_model"]
