"""One worker process as the supervisor sees it: loading, then answering, then gone."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from functools import partial
from itertools import count
from typing import Any

from cpr.errors import CprError, UserCodeError
from cpr.isolated.ending import last_line
from cpr.isolated.errors_json import error_from_json
from cpr.server.options import ServeOptions, VersionSource
from cpr.server.processes import Child

_numbers = count(1)


class Worker:
    """A process that loads one version, and then answers what fronts send it.

    `number` is its own among all workers that this server ever had. `ready` is
    what it said when it was loaded, and `has_answered` whether it has answered
    a request since.

    Args:
        source: The version.
        options: The server's.
        samples: The requests to warm up with.
    """

    def __init__(
        self,
        source: VersionSource,
        options: ServeOptions,
        samples: Sequence[Mapping[str, Any]],
    ) -> None:
        self.number = next(_numbers)
        self.ready: dict[str, Any] = {}
        self.has_answered = False
        self.hung_s = 0.0
        self._failed: dict[str, Any] = {}
        self._has_spoken = asyncio.Event()
        # What it unpacks is removed with it, however it ends.
        temporary = tempfile.mkdtemp(prefix="cpr-worker-")
        self.child = Child(
            "cpr.server.worker",
            {
                "temporary": temporary,
                "options": options.to_json(),
                "version": source.name,
                "open_with": dict(source.open_with),
                "samples": list(samples),
            },
            on_message=self._hear,
            on_end=partial(shutil.rmtree, temporary, ignore_errors=True),
        )

    async def load(self, timeout_s: float) -> None:
        """Wait until it is ready.

        Raises:
            CprError: Why it will not be; its process is ended, or ends.
        """
        spoken = asyncio.ensure_future(self._has_spoken.wait())
        ended = asyncio.ensure_future(self.child.wait())
        try:
            limit = timeout_s or None
            await asyncio.wait([spoken, ended], timeout=limit, return_when="FIRST_COMPLETED")
        finally:
            spoken.cancel()
            ended.cancel()
        if self.ready:
            return
        if self._failed:
            raise error_from_json(self._failed)
        if self.child.has_ended:
            raise self.child.explain("loading")
        self.child.abort()
        await self.child.wait()
        raise UserCodeError(
            f"loading took longer than {timeout_s:g} s; the process was killed.",
            hint=last_line(self.child.tail),
        )

    def hang(self, seconds: float) -> None:
        """End it, since it has not answered for so long; where it is goes to its output."""
        self.hung_s = seconds
        self.child.abort()

    def explain(self) -> CprError:
        """Why it is gone, although nobody asked it to go."""
        if self._failed:
            return error_from_json(self._failed)
        if not self.hung_s:
            return self.child.explain("answering requests")
        return UserCodeError(
            f"the process did not answer for {self.hung_s:.3g} s and was killed.",
            hint=last_line(self.child.tail),
        )

    def _hear(self, message: dict[str, Any]) -> None:
        if message["say"] == "ready":
            self.ready = message
        elif message["say"] == "failed":
            self._failed = message["error"]
        elif message["say"] == "answered":
            self.has_answered = True
        self._has_spoken.set()
