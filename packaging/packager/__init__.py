"""Builds and verifies reproducible source distributions."""

from cpr.packager.project import BuiltPackage, build_package
from cpr.packager.release import Release, ReleaseOptions, build_release
from cpr.packager.verify import verify_package

__all__ = [
    "BuiltPackage",
    "Release",
    "ReleaseOptions",
    "build_package",
    "build_release",
    "verify_package",
]
