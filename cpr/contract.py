"""Checks a predictor class before the first request.

Two shapes are known: AI Platform's ``from_path(model_dir)`` with
``predict(instances, **kwargs)``, and Vertex AI's ``load(artifacts_uri)`` with
``preprocess``, ``predict`` and ``postprocess`` over the whole request body.
The checks are those of AI Platform's own server, in its order, better worded;
further ones find what passed there and failed on every request.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from enum import Enum
from pathlib import Path
from types import ModuleType
from typing import Any

from cpr.errors import UserCodeError
from cpr.frames import defined_at
from cpr.predictor import Predictor
from cpr.suggest import nearest

_LISTED = 12
_VERTEX = {
    "load": "the model directory",
    "preprocess": "the request's body",
    "predict": "the instances",
    "postprocess": "the predictions",
}


class Contract(Enum):
    """Whose calling convention a class follows."""

    AI_PLATFORM = "AI Platform"
    VERTEX = "Vertex AI"


class Fault(Enum):
    """In which way a class cannot serve."""

    NOT_A_CLASS = "not a class"
    NO_FROM_PATH = "no from_path"
    NO_PREDICT = "no predict"
    PREDICT_SIGNATURE = "predict's signature"
    FROM_PATH_UNBOUND = "from_path is not a classmethod"
    FROM_PATH_SIGNATURE = "from_path's signature"
    VERTEX_SIGNATURE = "signatures of a Vertex AI class"
    ASYNC = "async"


class Misshapen(UserCodeError):
    """A class cannot serve: `fault` says why, `file` and `line` which part of it."""

    def __init__(self, problem: str, *, hint: str, fault: Fault, part: Any) -> None:
        super().__init__(problem, hint=hint)
        self.fault = fault
        self.file, self.line = defined_at(part)


def contract_of(cls: Any, name: str, *, strict: bool = False) -> Contract:
    """Check a class and say which contract it follows.

    Args:
        cls: What the prediction class's name led to.
        name: That name, for messages.
        strict: Refuse a decorated predict too, whose wrapper takes ``*args``:
            AI Platform counted the wrapper's parameters.

    Raises:
        Misshapen: The class cannot serve; the message names its file and
            line, what it has and what it lacks.
    """
    if inspect.ismodule(cls):
        raise _module_named(cls, name)
    if not _has_from_path(cls):
        if _is_vertex(cls):
            _check_vertex(cls, name)
            return Contract.VERTEX
        raise _without_from_path(cls, name)
    if not callable(getattr(cls, "predict", None)) or _is_inherited(cls, "predict"):
        raise Misshapen(
            f"predictor {name!r} is missing the required predict(self, instances, **kwargs) "
            f"method ({where(cls)}). {_found(cls, 'predict')}",
            hint="Add one that returns the predictions.",
            fault=Fault.NO_PREDICT,
            part=cls,
        )
    _check_predict(cls, name, strict=strict)
    _check_from_path(cls, name)
    return Contract.AI_PLATFORM


def check_served(predictor: Any, cls: Any, name: str) -> None:
    """Check what from_path returned, which need not be an instance of the class.

    Raises:
        UserCodeError: It has no predict that can be called with the instances.
    """
    place = where(getattr(cls, "from_path", cls))
    kind = type(predictor).__name__
    if not callable(getattr(predictor, "predict", None)):
        raise UserCodeError(
            f"from_path of {name!r} returned a {kind} without a predict method ({place}).",
            hint="Return the object that will serve: return cls(model, preprocessor).",
        )
    names = required_names(predictor.predict)
    fault = _misfit(predictor.predict, None, names=names)
    if _is_async(predictor.predict):
        fault = "it is async and would never be awaited"
    if fault:
        raise UserCodeError(
            f"from_path of {name!r} returned a {kind} ({place}) whose predict cannot be called "
            f"with one positional argument, the instances: {fault}.",
            hint="Return an object with predict(self, instances, **kwargs).",
        )


def takes_settings(cls: Any) -> bool:
    """Whether from_path wants the settings: that of a `Predictor` which names them."""
    if not (inspect.isclass(cls) and issubclass(cls, Predictor)):
        return False
    parameter = inspect.signature(cls.from_path).parameters.get("settings")
    return parameter is not None and parameter.kind is parameter.KEYWORD_ONLY


def required_names(function: Callable[..., Any]) -> frozenset[str]:
    """The keyword-only parameters of a function that have no default."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return frozenset()  # compiled code may tell nothing of its parameters
    return frozenset(
        parameter.name
        for parameter in parameters
        if parameter.kind is parameter.KEYWORD_ONLY and parameter.default is parameter.empty
    )


def where(thing: Any) -> str:
    """The ``file:line`` that defines a class, function or module, for messages."""
    file, line = defined_at(thing)
    return f"{Path(file).name}:{line}" if file else "source not found"


def _module_named(module: ModuleType, name: str) -> Misshapen:
    package = module.__name__.partition(".")[0]
    classes = [
        key
        for key, value in vars(module).items()
        if _is_candidate(value) and value.__module__.partition(".")[0] == package
    ]
    named = f" It defines {', '.join(classes)}." if classes else ""
    return Misshapen(
        f"{name!r} names a module, not a class ({where(module)}).{named}",
        hint=f"Name the class: {name}.{classes[0]}"
        if classes
        else "It defines no class with from_path and predict: write one there, or name another.",
        fault=Fault.NOT_A_CLASS,
        part=module,
    )


def _without_from_path(cls: Any, name: str) -> Misshapen:
    if not inspect.isclass(cls):
        return Misshapen(
            f"{name!r} names a {type(cls).__name__}, not a class ({where(cls)}).",
            hint="Name a class with from_path(model_dir) and predict(instances).",
            fault=Fault.NOT_A_CLASS,
            part=cls,
        )
    return Misshapen(
        f"predictor {name!r} has no from_path(model_dir) classmethod ({where(cls)}). "
        f"{_found(cls, 'from_path')}",
        hint="Add one that returns the object to serve.",
        fault=Fault.NO_FROM_PATH,
        part=cls,
    )


def _check_predict(cls: Any, name: str, *, strict: bool) -> None:
    try:
        spec = inspect.getfullargspec(cls.predict if strict else inspect.unwrap(cls.predict))
    except TypeError:
        return  # compiled code may tell nothing of its parameters
    takes_any = spec.varargs is not None and len(spec.args) < 2 and not strict
    is_static = isinstance(inspect.getattr_static(cls, "predict", None), staticmethod)
    if not takes_any and (len(spec.args) != 2 or is_static):
        cause = " It is a staticmethod." if is_static else ""
        raise Misshapen(
            f"predictor {name!r} has a predict method with an invalid signature "
            f"({where(cls.predict)}). Expected positional parameters: ['self', 'instances']; "
            f"found: {spec.args}.{cause}",
            hint="Make it predict(self, instances, **kwargs); further named parameters go after "
            "a star: predict(self, instances, *, size=None).",
            fault=Fault.PREDICT_SIGNATURE,
            part=cls.predict,
        )
    if _is_async(cls.predict):
        raise _never_awaited(cls, name, "predict")


def _check_from_path(cls: Any, name: str) -> None:
    if _is_async(cls.from_path):
        raise _never_awaited(cls, name, "from_path")
    names = ["settings"] if takes_settings(cls) else []
    fault = _misfit(cls.from_path, "model_dir", names=names)
    if fault:
        is_bound = inspect.ismethod(cls.from_path)
        raise Misshapen(
            f"predictor {name!r} has a from_path that cannot be called with one positional "
            f"argument, the model directory: {fault} ({where(cls.from_path)}).",
            hint="Give further parameters defaults." if is_bound else "Put @classmethod above it.",
            fault=Fault.FROM_PATH_SIGNATURE if is_bound else Fault.FROM_PATH_UNBOUND,
            part=cls.from_path,
        )


def _check_vertex(cls: Any, name: str) -> None:
    faults = {"its class cannot be called without arguments": _misfit(cls)}
    for method, argument in _VERTEX.items():
        function = getattr(cls, method, None)
        if _is_async(function):
            raise _never_awaited(cls, name, method)
        if function is not None:
            unbound = inspect.isfunction(inspect.getattr_static(cls, method))
            problem = f"its {method} cannot be called with one argument, {argument}"
            faults[problem] = _misfit(function, *[None] * unbound, argument)
    for problem, fault in faults.items():
        if fault:
            raise Misshapen(
                f"predictor {name!r} has load and no from_path, as Vertex AI's predictors, but "
                f"{problem}: {fault} ({where(cls)}).",
                hint="If it is not one of those, add the classmethod from_path(cls, model_dir).",
                fault=Fault.VERTEX_SIGNATURE,
                part=cls,
            )


def _never_awaited(cls: Any, name: str, method: str) -> Misshapen:
    return Misshapen(
        f"predictor {name!r} has an async {method} ({where(getattr(cls, method))}); it would "
        "never be awaited, here as on AI Platform.",
        hint="Make it a plain def.",
        fault=Fault.ASYNC,
        part=getattr(cls, method),
    )


def _misfit(function: Any, *arguments: Any, names: Iterable[str] = ()) -> str:
    """Why a function cannot be called with these arguments, or an empty string."""
    try:
        inspect.signature(function).bind(*arguments, **dict.fromkeys(names))
    except ValueError:
        return ""  # compiled code may tell nothing of its parameters
    except TypeError as error:
        return str(error)
    return ""


def _is_async(function: Any) -> bool:
    return inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function)


def _has_from_path(cls: Any) -> bool:
    return getattr(cls, "from_path", None) is not None and not _is_inherited(cls, "from_path")


def _is_inherited(cls: Any, method: str) -> bool:
    """Whether a method is `Predictor`'s own, which only raises."""
    own = inspect.getattr_static(cls, method, None)
    return own is inspect.getattr_static(Predictor, method)


def _is_vertex(cls: Any) -> bool:
    has_methods = callable(getattr(cls, "load", None)) and callable(getattr(cls, "predict", None))
    return inspect.isclass(cls) and has_methods and not _is_inherited(cls, "predict")


def _is_candidate(value: Any) -> bool:
    return (
        inspect.isclass(value)
        and hasattr(value, "predict")
        and (hasattr(value, "from_path") or hasattr(value, "load"))
    )


def _found(cls: Any, wanted: str) -> str:
    """What a class has instead of the member that it lacks."""
    mro = inspect.getmro(cls if inspect.isclass(cls) else type(cls))
    kinds = [kind for kind in mro if kind not in (object, Predictor)]
    names = [key for kind in kinds for key in vars(kind) if not key.startswith("__")]
    names = list(dict.fromkeys(names))
    listed = ", ".join(names[:_LISTED]) + ("…" if len(names) > _LISTED else "")
    near = nearest(wanted, names)
    rename = f" Rename {near!r} to {wanted!r}." if near else ""
    return f"Found: {listed or 'no methods'}.{rename}"
