"""The errors that `cpr` raises, one class per decision a caller can take.

Every class carries the numbers of each world it can surface in, as plain
integers: `http_status` for a server, `grpc_code` (google.rpc.Code) for gRPC,
`exit_code` for the command line. Exit codes 10 to 14 are the codes 0 to 4 of
AI Platform Prediction's own library, plus ten.
"""

from __future__ import annotations


class CprError(Exception):
    """The root of every error that `cpr` raises on purpose.

    Args:
        problem: What was wrong, with the offending value shortened, and what
            was expected.
        hint: What to do next; printed on a line of its own.
        user_traceback: Where user code raised, cut to the user's own frames;
            for logs and terminals, never for a response.

    `file` and `line` say where the fault lies, if that is known. Where user
    code raised, the hint begins with `place`, that line in words.
    """

    http_status = 500
    grpc_code = 13
    exit_code = 70

    def __init__(self, problem: str, *, hint: str = "", user_traceback: str = "") -> None:
        super().__init__(problem)
        self.problem = problem
        self.hint = hint
        self.user_traceback = user_traceback
        self.file: str = ""
        self.line: int | None = None
        self.place: str = ""

    @property
    def fix(self) -> str:
        """The hint without the place."""
        return self.hint.removeprefix(self.place).lstrip("\n")

    def __str__(self) -> str:
        return f"{self.problem}\n{self.hint}" if self.hint else self.problem


class UsageError(CprError):
    """The command or call cannot be understood: wrong flags, wrong target."""

    http_status, grpc_code, exit_code = 400, 3, 2


class ConfigError(CprError):
    """A configuration file, environment variable or project file is invalid."""

    http_status, grpc_code, exit_code = 500, 9, 3


class LoadError(CprError):
    """The predictor could not be built from its package and model directory."""

    http_status, grpc_code, exit_code = 503, 14, 10


class PackageRefused(LoadError):
    """An archive is damaged, was altered, or tries to escape its folder."""


class BadInput(CprError):
    """The request is at fault: instances or parameters cannot be used.

    A user's `predict` may raise it too, to say the same: the client then gets
    this message with status 400, and no traceback is logged.
    """

    http_status, grpc_code, exit_code = 400, 3, 11


class BodyTooLarge(BadInput):
    """The request's body is larger than is allowed, as sent or unpacked."""

    http_status, grpc_code = 413, 8


class UnknownEncoding(BadInput):
    """The request's body is packed in a way that is not understood."""

    http_status, grpc_code = 415, 3


class PredictionFailed(CprError):
    """A ready-made predictor's model failed on this request."""

    http_status, grpc_code, exit_code = 500, 13, 12


class BadOutput(CprError):
    """What predict returned cannot be written as a response."""

    http_status, grpc_code, exit_code = 500, 13, 13


class UserCodeError(CprError):
    """The user's own class is wrong, or raised; its exception is the `__cause__`."""

    http_status, grpc_code, exit_code = 500, 13, 14


class EnvironmentProblem(CprError):
    """The machine is at fault: an extra is missing, the disk is full, no network."""

    http_status, grpc_code, exit_code = 500, 9, 20


def shorten(value: object, limit: int = 80) -> str:
    """The repr of a value, cut in the middle to at most `limit` characters.

    Strings and bytes are cut before they are written out, so that a message
    about a huge value costs no more than one about a small one. A value whose
    repr fails, or is too deep to be written, is named by its type.
    """
    if isinstance(value, (str, bytes)) and len(value) > 2 * limit:
        text = f"{value[:limit]!r}{value[-limit:]!r}"
    else:
        text = _repr(value)
    if len(text) <= limit:
        return text
    tail = limit // 4
    return f"{text[: limit - tail - 1]}…{text[-tail:]}"


def _repr(value: object) -> str:
    try:
        return repr(value)
    except Exception:  # a message about a broken value must still be written
        return f"<{type(value).__name__}>"
