"""What the packager remarks on: a package that can be built all the same."""

from __future__ import annotations

from cpr.findings import rule

LOOSE_FILE = rule(
    "CPR201",
    "warning",
    "A data file that an installed package would lack",
    cause="pip installs modules, packages, and the files inside packages. A file that lies beside "
    "the modules, or in a folder that is no package, is left out, and so is not there when the "
    "routine opens it.",
    cure="Move the file into a package, beside an `__init__.py`, or into the model directory; what "
    "the routine does not read can stay where it is.",
    example="""
    project/
      predictor.py      open("labels.txt") works here, and fails where the package is installed
      labels.txt
    """,
)
UNPACKED_IMPORT = rule(
    "CPR202",
    "warning",
    "An import of a module that is in the project, but not in the package",
    cause="setup.py, or the patterns under `[package] include`, choose the files of the package. A "
    "helper that they do not name stays behind, and importing it fails where the package is "
    "served, though it works in the project.",
    cure="Name the module there too, or remove the import.",
    example="""
    # setup.py: preprocess.py is missing
    setup(name="iris", version="0.1", scripts=["predictor.py"])

    # predictor.py
    from preprocess import Scaler
    """,
)
SKIPPED_OPTION = rule(
    "CPR203",
    "warning",
    "An option of pip in requirements.txt, which a package cannot state",
    cause="A requirements file is read by pip alone; a package states requirements, and knows "
    "nothing of `--index-url`, `-e` or `--find-links`. The option is left out.",
    cure="State the requirement itself under `[project] requirements`, for example as "
    "`name @ https://…/file.whl`, or give the option to pip where the package is installed.",
    example="""
    # requirements.txt
    --extra-index-url https://example.org/simple
    numpy==1.26.4
    """,
)
SKIPPED_LINK = rule(
    "CPR204",
    "warning",
    "A link to a folder, or out of the project, which is not followed",
    cause="A link may lead anywhere, round in a circle or to files that are nobody else's business, "
    "so the packager follows only links to files of the project itself. What is behind others is "
    "not in the package.",
    cure="Copy the folder or file into the project, or leave the link out with `[package] exclude`.",
)
NOT_A_MODULE = rule(
    "CPR205",
    "warning",
    "A file that no import statement can name, or that is not Python 3",
    cause="An import statement names modules by identifiers: letters, digits and `_`. A file such "
    "as `run-me.py` cannot be imported, and one with the syntax of Python 2 fails to be.",
    cure="Rename the file if the routine needs it, and bring it to Python 3; otherwise leave it "
    "out with `[package] exclude`.",
    example="""
    print "two"      # Python 2; print("two") runs in both
    """,
)
