"""One routine for tests and notebooks: predict, replay and check with plain calls."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from cpr.checks.run import CheckReport, check_routine
from cpr.config import load_settings
from cpr.errors import UsageError
from cpr.harness.bodies import Body, encode
from cpr.harness.notebook import table
from cpr.harness.problems import findings_problem, nearby, refresh_command, replay_problem
from cpr.messages import Call, Reply
from cpr.replay.endpoint import RoutineEndpoint
from cpr.replay.golden import with_golden
from cpr.replay.recorded import RecordedRequest
from cpr.replay.requests import read_requests
from cpr.replay.results import ReplayResult
from cpr.replay.run import replay
from cpr.replay.tolerance import Tolerance, make_tolerance
from cpr.routine import Routine
from cpr.serving import open_routine

_FAILING = ("error", "warning")


class Harness:
    """A routine in this process, loaded at the first request; a context manager.

    Takes what `cpr.open_routine` takes; without a target and a model directory
    it is the project in the current directory. Relative paths of requests and
    golden files start at the project directory where the target is one, else
    at the current directory. `close`, or the end of a ``with`` block, releases
    the routine.
    """

    def __init__(
        self,
        target: str | Path | None = None,
        model_dir: str | Path | None = None,
        *,
        prediction_class: str | None = None,
        packages: Sequence[str] = (),
        framework: str | None = None,
        shims: Sequence[str] = (),
        flags: Mapping[str, Any] | None = None,
        require_signature: str | Path | None = None,
    ) -> None:
        if not (target or model_dir or prediction_class or packages):
            target = "."
        self.target = None if target is None else str(target)
        self.model_dir = None if model_dir is None else str(model_dir)
        self._options: dict[str, Any] = {
            "prediction_class": prediction_class,
            "packages": tuple(packages),
            "framework": framework,
            "shims": tuple(shims),
            "flags": dict(flags or {}),
            "require_signature": require_signature,
        }
        self._routine: Routine | None = None
        self._is_closed = False

    @property
    def routine(self) -> Routine:
        """The routine itself; loaded now, if it was not before.

        Raises:
            CprError: It cannot be loaded, or the harness is closed.
        """
        if self._is_closed:
            raise UsageError(f"the harness of {self.label} is closed.", hint="Make another one.")
        if self._routine is None:
            self._routine = open_routine(self.target, self.model_dir, **self._options)
        return self._routine

    @property
    def label(self) -> str:
        """The class once it is loaded, before that what was asked for."""
        if self._routine is not None:
            return self._routine.name
        named = self._options["prediction_class"] or self.target or self.model_dir
        return str(named or ", ".join(self._options["packages"]))

    def predict(self, instances: Any, **parameters: Any) -> Any:
        """The predictions for some instances, as a client reads them from JSON.

        Args:
            instances: What JSON can hold, and arrays, DataFrames and bytes.
            **parameters: Further top-level keys of the request.

        Raises:
            CprError: What went wrong; its `user_traceback` is cut to your own
                lines, its `__cause__` the exception that your code raised.
        """
        __tracebackhide__ = True
        reply = self._answer({"instances": instances, **parameters})
        if reply.error is not None:
            raise reply.error
        response = json.loads(reply.body)
        if isinstance(response, dict) and "predictions" in response:
            return response["predictions"]
        return response

    def request(self, body: Body) -> Any:
        """The response to a whole request body, which may be ``{"error": …}``.

        Raises:
            CprError: The routine cannot be loaded; what goes wrong later is in
                the response.
        """
        __tracebackhide__ = True
        return json.loads(self._answer(body).body)

    def replay(
        self,
        path: str | Path,
        golden: str | Path | None = None,
        *,
        atol: float | None = None,
        rtol: float | None = None,
        tolerance: Sequence[str] = (),
        ignore: Sequence[str] = (),
        repeat: int = 1,
    ) -> ReplayResult:
        """Send recorded requests and compare with what is expected, as ``cpr replay`` does.

        Args:
            path: A file or directory of requests.
            golden: The file or directory of expected responses; else those that
                were recorded with the requests.
            atol: The absolute part of the tolerance of numbers.
            rtol: The relative part.
            tolerance: By path, ``predictions[*].score=1e-3``; adds to ``[replay]``.
            ignore: Paths that are not compared; adds to ``[replay]`` too.
            repeat: How many times to send all requests.

        Raises:
            CprError: A file cannot be used, or the routine not be loaded.
        """
        __tracebackhide__ = True
        allowed = self._tolerance(atol, rtol, tolerance, ignore)
        requests = self._recorded(path)
        if golden is not None:
            requests = with_golden(requests, str(self._path(golden)))
        endpoint = RoutineEndpoint(lambda: self.routine)
        return replay([endpoint], requests, tolerance=allowed, repeat=repeat)

    def check(
        self,
        requests: str | Path | Iterable[Body] | None = None,
        *,
        profile: str = "",
        trust: str = "",
        only: Iterable[str] = (),
        ignore: Iterable[str] = (),
    ) -> CheckReport:
        """Check the routine as ``cpr check`` does, in processes of its own.

        Args:
            requests: Sample requests: a file or directory of them, or bodies;
                by default ``requests`` in the project's directory.
            profile: The platform whose limits apply.
            trust: How far to trust pickles; else as configured.
            only: Ids of findings, or groups of checks: leave out all others.
            ignore: Ids of findings to silence.
        """
        __tracebackhide__ = True
        if requests is None:
            requests = "requests" if self._path("requests").exists() else ()
        if isinstance(requests, (str, Path)):
            bodies = [request.body for request in self._recorded(requests)]
        else:
            bodies = [encode(body) for body in requests]
        return check_routine(
            self.target,
            self.model_dir,
            requests=bodies,
            profile=profile,
            trust=trust,
            only=only,
            ignore=ignore,
            **self._options,
        )

    def assert_golden(
        self,
        path: str | Path,
        golden: str | Path | None = None,
        *,
        atol: float | None = None,
        rtol: float | None = None,
        tolerance: Sequence[str] = (),
        ignore: Sequence[str] = (),
    ) -> ReplayResult:
        """Replay requests, as `replay` does, and fail unless each answer is as expected.

        `golden` is ``golden`` in the project's directory, if that is there.

        Raises:
            AssertionError: A request failed, an answer differs, or there is
                nothing to compare with.
        """
        __tracebackhide__ = True
        if golden is None and self._path("golden").is_dir():
            golden = "golden"
        result = self.replay(path, golden, atol=atol, rtol=rtol, tolerance=tolerance, ignore=ignore)
        command = refresh_command(
            self._path(path), self.target, self.model_dir, self._path(golden or "golden")
        )
        problem = replay_problem(result, refresh=command)
        if problem:
            raise AssertionError(problem)
        return result

    def assert_clean(
        self,
        ignore: Iterable[str] = (),
        *,
        requests: str | Path | Iterable[Body] | None = None,
        profile: str = "",
        trust: str = "",
    ) -> CheckReport:
        """Check the routine and fail if there is an error or a warning; notes pass.

        Raises:
            AssertionError: The findings, each with its place and cure.
        """
        __tracebackhide__ = True
        report = self.check(requests, profile=profile, trust=trust, ignore=ignore)
        found = [item for item in report.findings if item.severity in _FAILING]
        if found:
            raise AssertionError(findings_problem(report.name, found))
        return report

    def close(self) -> None:
        """Release the routine; safe to call twice."""
        self.__exit__(None, None, None)

    def __enter__(self) -> Harness:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._is_closed = True
        if self._routine is not None:
            self._routine.__exit__(kind, error, trace)

    def __repr__(self) -> str:
        return f"<cpr.Harness of {self.label}, {self._state}>"

    def _repr_html_(self) -> str:
        """A table, as notebooks show it."""
        rows = {"predictor": self.label, "target": self.target, "model directory": self.model_dir}
        return table({**rows, "state": self._state})

    @property
    def _state(self) -> str:
        if self._is_closed:
            return "closed"
        return "loaded" if self._routine is not None else "not loaded yet"

    @property
    def _folder(self) -> Path:
        """Where relative paths start."""
        folder = Path(self.target or ".")
        return folder if folder.is_dir() else Path()

    def _path(self, path: str | Path) -> Path:
        return nearby(self._folder / path)

    def _answer(self, body: Body) -> Reply:
        [reply] = self.routine.answer([Call(encode(body))])
        return reply

    def _recorded(self, path: str | Path) -> list[RecordedRequest]:
        return read_requests(str(self._path(path)))

    def _tolerance(
        self,
        atol: float | None,
        rtol: float | None,
        by_path: Sequence[str],
        ignore: Sequence[str],
    ) -> Tolerance:
        configured = load_settings(self._folder, flags=self._options["flags"]).replay
        return make_tolerance(
            atol=atol,
            rtol=rtol,
            by_path=[*configured.tolerance, *by_path],
            ignore=[*configured.ignore, *ignore],
        )
