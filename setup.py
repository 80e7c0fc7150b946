"""Maps the root folders onto import packages; everything else is in pyproject.toml.

``predictors/`` is installed as ``cpr.predictors`` and ``packaging/packager/``
as ``cpr.packager``. ``packaging/`` itself is never a package: it would hide
the ``packaging`` library that pip, build, pytest and TensorFlow import.
"""

from setuptools import find_packages, setup

ROOTS = {"cpr": "cpr", "cpr.predictors": "predictors", "cpr.packager": "packaging/packager"}

setup(
    packages=[
        package
        for name, folder in ROOTS.items()
        for package in [name, *(f"{name}.{sub}" for sub in find_packages(folder))]
    ],
    package_dir=ROOTS,
)
