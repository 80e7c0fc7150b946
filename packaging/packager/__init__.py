"""Builds and verifies reproducible source distributions."""

from cpr.packager.findings import Finding
from cpr.packager.project import BuiltPackage, build_package
from cpr.packager.verify import verify_package

__all__ = ["BuiltPackage", "Finding", "build_package", "verify_package"]
