"""What ``pytest --cpr`` adds to a run: an item a request file, an item a group of checks."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

from cpr.checks.run import GROUPS, CheckReport, group_of
from cpr.errors import CprError
from cpr.harness.problems import finding_lines, findings_problem, replay_problem
from cpr.harness.routine_harness import Harness
from cpr.replay.requests import read_requests


class RoutineCollector(pytest.Collector):
    """Makes the items of one routine.

    Args:
        harness: The routine.
        requests: The file or directory of requests; it may be missing.
        golden: The directory of expected responses; it may be missing.
        **kwargs: What pytest wants to know.
    """

    def __init__(self, *, harness: Harness, requests: Path, golden: Path, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.harness = harness
        self.requests = requests
        self._golden = golden

    def collect(self) -> Iterator[pytest.Item]:
        """First the replays, which are quick, then the checks."""
        for file in self._files() if self.requests.exists() else []:
            name = file.relative_to(self.config.rootpath).as_posix()
            yield ReplayItem.from_parent(
                self, name=f"replay[{name}]", file=file, golden=self._golden_of(file)
            )
        for group in GROUPS:
            yield CheckItem.from_parent(self, name=f"check[{group}]", group=group)

    @cached_property
    def report(self) -> CheckReport:
        """What all checks found; they run when the first of their items does."""
        requests = self.requests if self.requests.exists() else ()
        return self.harness.check(requests)

    def _files(self) -> list[Path]:
        try:
            requests = read_requests(str(self.requests))
        except CprError:
            return [self.requests]  # its item tells what is wrong
        return list(dict.fromkeys(Path(request.file) for request in requests))

    def _golden_of(self, file: Path) -> Path | None:
        golden = self._golden / file.name
        return golden if golden.is_file() else None


class _RoutineItem(pytest.Item):
    """An item whose failure is told in the words of `cpr`, without Python's frames."""

    parent: RoutineCollector
    file: Path

    def repr_failure(  # pytest takes a text as well
        self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None
    ) -> Any:
        """The message alone; of user code that raised, its own traceback too."""
        error = excinfo.value
        if isinstance(error, CprError):
            return f"{error.user_traceback}\n{error}".strip()
        if isinstance(error, AssertionError):
            return str(error)
        return super().repr_failure(excinfo)

    def reportinfo(self) -> tuple[Path, None, str]:
        """Where the item stands."""
        return self.file, None, f"cpr {self.name}"


class ReplayItem(_RoutineItem):
    """Replays one file of requests; recorded or golden responses must be met."""

    def __init__(self, *, file: Path, golden: Path | None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.file = file
        self._golden = golden

    def runtest(self) -> None:
        """Replay; without expected responses it is enough that each is answered."""
        result = self.parent.harness.replay(self.file.absolute(), self._golden)
        if not result.is_ok:
            raise AssertionError(replay_problem(result))


class CheckItem(_RoutineItem):
    """One group of checks: fails on errors; warnings and notes are shown with them."""

    def __init__(self, *, group: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.file = self.config.rootpath
        self._group = group

    def runtest(self) -> None:
        """Fail if the group found an error."""
        report = self.parent.report
        if self._group in report.skipped:
            pytest.skip(report.skipped[self._group])
        found = [item for item in report.findings if group_of(item.id) == self._group]
        errors = [item for item in found if item.severity == "error"]
        others = [item for item in found if item.severity != "error"]
        if others:
            self.add_report_section("call", "cpr", "\n".join(finding_lines(others)).strip())
        if errors:
            raise AssertionError(findings_problem(report.name, errors))
