"""What a loaded routine takes and returns, as JSON for forms, schemas and clients."""

from cpr.describing.description import describe

__all__ = ["describe"]
