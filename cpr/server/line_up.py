"""What is served at this moment: the versions, the default one, and how reloads ended."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cpr.server.options import ServeOptions
from cpr.server.screen import VersionReport
from cpr.server.served_version import ServedVersion, Tally


class LineUp:
    """The versions that fronts send requests to.

    Args:
        options: The server's.
    """

    def __init__(self, options: ServeOptions) -> None:
        self._options = options
        self.versions: dict[str, ServedVersion] = {}
        self.leaving: set[ServedVersion] = set()
        self.default = options.default_version
        self.last_reload: dict[str, Any] = {}
        self.reloads = {"ok": 0, "failed": 0}
        self._generations: dict[str, int] = {}
        self._tallies: dict[str, Tally] = {}

    @property
    def reports(self) -> list[VersionReport]:
        """Each version, for the person who started the server."""
        return [version.report for version in self.versions.values()]

    def tally(self, name: str) -> Tally:
        """What happened to the workers of all versions of this name."""
        return self._tallies.setdefault(name, Tally())

    def next_generation(self, name: str) -> int:
        """A number that no load of a version of this name has had."""
        self._generations[name] = self._generations.get(name, 0) + 1
        return self._generations[name]

    def replace(self, fresh: Sequence[ServedVersion], sources: ServeOptions) -> list[ServedVersion]:
        """Serve these loads, and only the versions that there are; returns those to take leave of.

        Args:
            fresh: New loads.
            sources: All versions that there are, and the default one.
        """
        served = {**self.versions, **{version.name: version for version in fresh}}
        before = list(self.versions.values())
        self.versions = {source.name: served[source.name] for source in sources.versions}
        self.default = sources.default_version
        gone = [version for version in before if self.versions.get(version.name) is not version]
        self.leaving.update(gone)
        return gone

    def table(self) -> dict[str, Any]:
        """The message that tells a front all of it."""
        versions = {
            name: {
                "state": version.state,
                "generation": version.generation,
                "description": version.description,
                "problem": version.problem,
            }
            for name, version in self.versions.items()
        }
        expected = self._options.workers * len(self.versions)
        return {
            "do": "table",
            "models": {
                self._options.model_name: {"default": self.default, "versions": versions},
            },
            "workers_expected": expected,
            "last_reload": self.last_reload,
        }

    def status(self) -> dict[str, Any]:
        """What is served, for the admin socket: states, generations, processes."""
        return {
            "model": self._options.model_name,
            "default": self.default,
            "versions": {
                name: {
                    "state": version.state,
                    "generation": version.generation,
                    "problem": version.problem,
                    "workers": [worker.child.pid for worker in version.ready.values()],
                }
                for name, version in self.versions.items()
            },
            "last_reload": self.last_reload,
        }
