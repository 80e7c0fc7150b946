"""Builds and verifies reproducible source distributions."""

from cpr.packager.project import BuiltPackage, build_package
from cpr.packager.verify import verify_package

__all__ = ["BuiltPackage", "build_package", "verify_package"]
