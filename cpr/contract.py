"""Checks a predictor class before the first request.

Two shapes are known: AI Platform's ``from_path(model_dir)`` with
``predict(instances, **kwargs)``, and Vertex AI's ``load(artifacts_uri)`` with
``preprocess``, ``predict`` and ``postprocess`` over the whole request body.
The checks are those of AI Platform's own server, in its order, better worded;
two more find what passed there and failed on every request.
"""

from __future__ import annotations

import inspect
from enum import Enum
from pathlib import Path
from typing import Any

from cpr.errors import UserCodeError
from cpr.predictor import Predictor
from cpr.suggest import did_you_mean

# Predictor's own from_path only raises: a subclass that inherits it has none.
_INHERITED_FROM_PATH = inspect.getattr_static(Predictor, "from_path").__func__


class Contract(Enum):
    """Whose calling convention a class follows."""

    AI_PLATFORM = "AI Platform"
    VERTEX = "Vertex AI"


def contract_of(cls: Any, name: str, *, strict: bool = False) -> Contract:
    """Check a class and say which contract it follows.

    Args:
        cls: What the prediction class's name led to.
        name: That name, for messages.
        strict: Refuse a decorated predict too, whose wrapper takes ``*args``:
            AI Platform counted the wrapper's parameters.

    Raises:
        UserCodeError: The class cannot serve; the message names its file and
            line, what it has and what it lacks.
    """
    if inspect.ismodule(cls):
        classes = [key for key, value in vars(cls).items() if _is_candidate(value)]
        named = f" It defines {', '.join(classes)}." if classes else ""
        raise UserCodeError(
            f"{name!r} names a module, not a class ({where(cls)}).{named}",
            hint=f"Name the class: {name}.{classes[0] if classes else 'MyPredictor'}",
        )
    if not _has_from_path(cls):
        if _is_vertex(cls):
            return Contract.VERTEX
        raise UserCodeError(
            f"predictor {name!r} has no from_path(model_dir) classmethod ({where(cls)}). "
            f"Found: {_found(cls)}. {did_you_mean('from_path', _members(cls))}".rstrip(),
            hint="Add one that returns the object to serve, or subclass cpr.Predictor.",
        )
    if not callable(getattr(cls, "predict", None)):
        raise UserCodeError(
            f"predictor {name!r} is missing the required predict(self, instances, **kwargs) "
            f"method ({where(cls)}). Found: {_found(cls)}. "
            f"{did_you_mean('predict', _members(cls))}".rstrip(),
            hint="Add one that returns the predictions.",
        )
    _check_predict(cls, name, strict=strict)
    _check_from_path(cls, name)
    return Contract.AI_PLATFORM


def _check_predict(cls: Any, name: str, *, strict: bool) -> None:
    spec = inspect.getfullargspec(cls.predict)
    if not strict:
        spec = inspect.getfullargspec(inspect.unwrap(cls.predict))
    arguments = spec.args
    is_wrapper = spec.varargs is not None and not arguments and not strict
    if len(arguments) != 2 and not is_wrapper:
        kind = type(inspect.getattr_static(cls, "predict", None))
        cause = " It is a staticmethod." if kind is staticmethod else ""
        raise UserCodeError(
            f"predictor {name!r} has a predict method with an invalid signature "
            f"({where(cls.predict)}). Expected positional parameters: ['self', 'instances']; "
            f"found: {arguments}.{cause}",
            hint="Make further parameters keyword-only: predict(self, instances, *, size=None).",
        )
    if inspect.iscoroutinefunction(cls.predict):
        raise UserCodeError(
            f"predictor {name!r} has an async predict ({where(cls.predict)}); it would never be "
            "awaited, here as on AI Platform.",
            hint="Make it a plain def.",
        )


def _check_from_path(cls: Any, name: str) -> None:
    try:
        inspect.signature(cls.from_path).bind("model_dir")
    except TypeError as error:
        is_plain = inspect.isfunction(inspect.getattr_static(cls, "from_path", None))
        raise UserCodeError(
            f"predictor {name!r} has a from_path that cannot be called with one positional "
            f"argument, the model directory: {error} ({where(cls.from_path)}).",
            hint="Put @classmethod above it." if is_plain else "Give further parameters defaults.",
        ) from error


def _has_from_path(cls: Any) -> bool:
    own = getattr(cls, "from_path", None)
    return own is not None and getattr(own, "__func__", None) is not _INHERITED_FROM_PATH


def _is_vertex(cls: Any) -> bool:
    has_methods = callable(getattr(cls, "load", None)) and callable(getattr(cls, "predict", None))
    return inspect.isclass(cls) and has_methods


def _is_candidate(value: Any) -> bool:
    return (
        inspect.isclass(value)
        and hasattr(value, "predict")
        and (hasattr(value, "from_path") or hasattr(value, "load"))
    )


def _members(cls: Any) -> list[str]:
    return [key for key in dir(cls) if not key.startswith("__")]


def _found(cls: Any) -> str:
    return ", ".join(_members(cls)) or "no methods"


def where(thing: Any) -> str:
    """The ``file:line`` that defines a class, function or module, for messages."""
    try:
        file = inspect.getsourcefile(inspect.unwrap(thing)) or "?"
        line = 1 if inspect.ismodule(thing) else inspect.getsourcelines(inspect.unwrap(thing))[1]
    except (OSError, TypeError):
        return "source not found"
    return f"{Path(file).name}:{line}"
