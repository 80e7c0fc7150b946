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
    cause="A link may lead anywhere, round in a circle or to files that are nobody else's "
    "business, so the packager follows only links to files of the project itself. What is behind "
    "others is not in the package.",
    cure="Copy the folder or file into the project, or leave the link out with "
    "`[package] exclude`.",
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
FAILS_ALONE = rule(
    "CPR281",
    "error",
    "The package, opened in a process of its own, cannot be imported or loaded",
    cause="After building, the package is opened as whoever gets it will: in a fresh process, in "
    "another folder, with nothing of the project in reach, and with the staged model directory. "
    "What works only beside the project's files fails here.",
    cure="Read the message: most often a module or a data file is not in the package, or a file of "
    "the model was left behind by --model-dir (keep it with --model-keep). --no-verify builds the "
    "package all the same, for instance where its libraries are not installed.",
    example="""
    VOCABULARY = open("vocabulary.txt")     # relative to wherever the process was started
    """,
)
REQUEST_FAILS = rule(
    "CPR282",
    "error",
    "A sample request fails in the package",
    cause="The requests in `requests/`, or those of --requests, are answered by the finished "
    "package in a process of its own. One of them ended in an error.",
    cure="If the project fails on it too, correct the request or the predictor; else something "
    "that the answer needs is not in the package or in the staged model directory.",
)
ANSWERS_DIFFER = rule(
    "CPR283",
    "error",
    "The package answers a sample request differently than the project",
    cause="The same request went to the finished package with the staged model, and to the project "
    "with its own model directory. The project gave the same answer twice, the package another.",
    cure="Look for what the two do not share: a file that was left behind and has a fallback, a "
    "setting in the environment, an absolute path.",
)
ANSWERS_VARY = rule(
    "CPR284",
    "warning",
    "The project answers the same request differently each time",
    cause="The project gave two answers to one request, so the package's answer could not be "
    "compared with it: random numbers, time, or state kept between requests.",
    cure="Seed the random numbers, or leave that request out of the samples.",
)
NOT_COMPARED = rule(
    "CPR285",
    "warning",
    "The package answers, but the project itself could not be asked",
    cause="The package was loaded and answered; the project, loaded from its own directory to "
    "compare, was not. A project whose modules lie in a folder that only setup.py names is one "
    "such case.",
    cure="Load the project itself, with `cpr predict`, to see why.",
)
