"""Package files: opened as data, checked whole, never built and never trusted."""

from cpr.archive.contents import Contents, Member
from cpr.archive.limits import Limits
from cpr.archive.names import Names
from cpr.archive.opening import Kind, extract, is_package_file, kind_of, open_archive
from cpr.archive.refusal import Refusal
from cpr.archive.seal import seal

__all__ = [
    "Contents",
    "Kind",
    "Limits",
    "Member",
    "Names",
    "Refusal",
    "extract",
    "is_package_file",
    "kind_of",
    "open_archive",
    "seal",
]
