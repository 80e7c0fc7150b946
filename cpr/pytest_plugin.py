"""The pytest plugin: the fixture `cpr_harness`, and ``pytest --cpr``.

pytest loads it wherever `cpr` is installed, so that nothing heavy is imported
before a test asks for the harness or ``--cpr`` is given.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from cpr.harness import Harness

_INI = {
    "cpr_target": "What cpr_harness serves: a package file, a project directory or a class. "
    "Default: the root directory of the tests.",
    "cpr_model_dir": "The model directory. Default: that of the project.",
    "cpr_requests": "The directory or file of requests that --cpr replays. Default: requests.",
    "cpr_golden": "The directory of expected responses that --cpr compares with. Default: golden.",
}
_DEFAULTS = {"cpr_requests": "requests", "cpr_golden": "golden"}


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the flags and the ini keys."""
    group = parser.getgroup("cpr", "custom prediction routines")
    group.addoption(
        "--cpr",
        action="store_true",
        help="Also replay the project's requests and check it, as test items.",
    )
    group.addoption("--cpr-target", metavar="TARGET", help="Instead of the ini key cpr_target.")
    group.addoption("--cpr-model-dir", metavar="DIR", help="Instead of the ini key cpr_model_dir.")
    for key, text in _INI.items():
        parser.addini(key, text, default=_DEFAULTS.get(key, ""))


@pytest.fixture(scope="session")
def cpr_harness(pytestconfig: pytest.Config) -> Harness:
    """The `cpr.Harness` of the project under test; loaded once, at the first request."""
    return harness_of(pytestconfig)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(
    session: pytest.Session, config: pytest.Config, items: list[pytest.Item]
) -> None:
    """Add the items of ``--cpr``, before -k and -m choose among all."""
    if config.getoption("--cpr"):
        # Start-up time of every other run of pytest.
        from cpr.harness.pytest_items import RoutineCollector

        collector = RoutineCollector.from_parent(
            session,
            name="cpr",
            nodeid="cpr",
            harness=harness_of(config),
            requests=place_of(config, "cpr_requests"),
            golden=place_of(config, "cpr_golden"),
        )
        items.extend(collector.collect())


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Release the routine."""
    harness = session.config.stash.get(_HARNESS, None)
    if harness is not None:
        harness.close()


def harness_of(config: pytest.Config) -> Harness:
    """The one harness of a run, as its flags and ini keys say."""
    if _HARNESS not in config.stash:
        # Start-up time of every other run of pytest.
        from cpr.harness import Harness

        target = config.getoption("--cpr-target") or _place(config, "cpr_target") or "."
        model_dir = config.getoption("--cpr-model-dir") or _place(config, "cpr_model_dir")
        if target == ".":
            target = str(config.rootpath)
        config.stash[_HARNESS] = Harness(target, model_dir or None)
    return config.stash[_HARNESS]


def place_of(config: pytest.Config, key: str) -> Path:
    """The path that an ini key names, from the root directory of the tests."""
    return config.rootpath / str(config.getini(key))


def _place(config: pytest.Config, key: str) -> str:
    """The value of an ini key; made absolute if it is, or starts with, an existing path."""
    value = str(config.getini(key))
    path, colon, name = value.partition(":")
    is_path = bool(path) and (config.rootpath / path).exists()
    return f"{config.rootpath / path}{colon}{name}" if is_path else value


_HARNESS: pytest.StashKey[Harness] = pytest.StashKey()
