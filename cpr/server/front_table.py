"""What a front knows of the models: told by the supervisor, read by every request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cpr.suggest import did_you_mean
from cpr.wire.error_text import without_folders
from cpr.wire.routes import Route


class Table:
    """The models, their versions and states; replaced whole by the supervisor's messages.

    `model_name` is the model that answers where a request names none.
    """

    def __init__(self) -> None:
        self.models: Mapping[str, Any] = {}
        self.model_name = ""
        self.last_reload: Mapping[str, Any] = {}
        self.workers_expected = 0

    def update(self, message: Mapping[str, Any]) -> None:
        """Take the supervisor's word."""
        self.models = message["models"]
        self.model_name = next(iter(self.models), "")
        self.last_reload = _shown(message.get("last_reload") or {})
        for model in self.models.values():
            model["versions"] = {name: _shown(known) for name, known in model["versions"].items()}
        self.workers_expected = message.get("workers_expected", 0)

    @property
    def default_version(self) -> str:
        """The version that answers where a request names none."""
        model = self.models.get(self.model_name)
        return model["default"] if model else ""

    @property
    def versions(self) -> Mapping[str, Any]:
        """The versions of the model, by name."""
        model = self.models.get(self.model_name)
        return model["versions"] if model else {}

    def unknown(self, route: Route) -> str:
        """Why there is nothing that a route could reach; "" if there is."""
        if not self.models:
            return ""  # still loading: it waits
        if route.model and route.model not in self.models:
            near = did_you_mean(route.model, self.models)
            known = ", ".join(self.models)
            return f"there is no model {route.model!r} here; served is {known}. {near}".rstrip()
        if route.label:
            return f"there is no version labelled {route.label!r}."
        versions = self.versions
        if not any(known["state"] == "ready" for known in versions.values()):
            return ""  # the same: it may be among those to come
        if route.version and versions.get(route.version, {}).get("state") != "ready":
            known = ", ".join(name for name, v in versions.items() if v["state"] == "ready")
            return f"there is no version {route.version!r}; served are: {known}."
        return ""

    def details(self, workers: Mapping[str, int]) -> dict[str, Any]:
        """The states for ``/readyz?verbose``; no descriptions, no paths.

        Args:
            workers: How many this front reaches, by version.
        """
        return {
            "models": {
                name: {
                    "default": model["default"],
                    "versions": {
                        version: {
                            key: known[key]
                            for key in ("state", "generation", "problem")
                            if known.get(key) not in (None, "")
                        }
                        | {"workers": workers.get(version, 0)}
                        for version, known in model["versions"].items()
                    },
                }
                for name, model in self.models.items()
            },
            "last_reload": dict(self.last_reload),
        }


def _shown(known: Mapping[str, Any]) -> dict[str, Any]:
    """What is said of a version or reload, without the folders of this machine."""
    problem = known.get("problem")
    return {**known, "problem": without_folders(problem)} if problem else dict(known)
