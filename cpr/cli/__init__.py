"""The command line, one module per command."""

from cpr.cli.app import main

__all__ = ["main"]
