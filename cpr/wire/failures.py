"""What the server itself says when it refuses a request, in each dialect's words.

These are failures that no predictor has seen: no route, a limit, no permission,
overload, a deadline, a predictor process that died. The front writes them, so
this module imports nothing but the standard library.
"""

from __future__ import annotations

import json

# google.rpc.Code by HTTP status, as Google's own front ends name them.
_CODES = {
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    408: "DEADLINE_EXCEEDED",
    409: "ABORTED",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    501: "UNIMPLEMENTED",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}


def failure(
    dialect: str, status: int, text: str, *, error_status: int | None = None
) -> tuple[int, bytes]:
    """The status to send, and the JSON body.

    AI Platform had two shapes: its own refusals were ``{"error": {"code",
    "message", "status"}}`` with a true status, and what a routine said was
    ``{"error": "<text>"}`` with status 200. Status 500, which means that the
    predictor died of the request, is told as the routine's.

    Args:
        dialect: Of the route: ``aiplatform``, ``vertex``, ``tfserving`` or
            ``kserve``.
        status: The true HTTP status.
        text: What went wrong, for the client: no paths, no traceback.
        error_status: What AI Platform's predictions that fail are sent with;
            None for their true status.
    """
    if dialect != "aiplatform":
        return status, _dumps({"error": text})
    if status == 500:
        return error_status or status, _dumps({"error": f"Prediction failed: {text}"})
    code = _CODES.get(status, "INVALID_ARGUMENT")
    return status, _dumps({"error": {"code": status, "message": text, "status": code}})


def _dumps(document: object) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode("ascii")
