"""Asks a project that was just made for its answers, in a process of its own."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cpr.errors import CprError
from cpr.isolated import open_isolated
from cpr.messages import Call


def answers_of(project: Path, requests: Mapping[str, Any]) -> dict[str, Any]:
    """The response to each request; the error where it is none."""
    try:
        with open_isolated(str(project)) as routine:
            calls = [Call(json.dumps(body).encode()) for body in requests.values()]
            replies = [routine.answer([call])[0] for call in calls]
    except CprError as error:
        return dict.fromkeys(requests, error)
    return {
        name: reply.error or json.loads(reply.body)
        for name, reply in zip(requests, replies, strict=True)
    }
