"""Calls a predictor through the contract that its class follows.

The framework's one way into user code: parameters are matched to what predict
takes, the hooks run where the class has opted in, and the user's exceptions
pass through unchanged.
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from cpr.config import PredictorSettings
from cpr.contract import Contract, contract_of, where
from cpr.errors import BadInput, UserCodeError
from cpr.messages import Instances
from cpr.predictor import Predictor, Stats

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Accepts:
    """Which keyword arguments a predict method takes."""

    names: frozenset[str]
    positional: frozenset[str]
    anything: bool

    @classmethod
    def of(cls, predict: Callable[..., Any]) -> _Accepts:
        parameters = list(inspect.signature(predict).parameters.values())
        return cls(
            names=frozenset(p.name for p in parameters if p.kind is p.KEYWORD_ONLY),
            # `self` is bound already, and taken all the same.
            positional=frozenset(
                [p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD] + ["self"]
            ),
            anything=any(p.kind is p.VAR_KEYWORD for p in parameters),
        )


class Binding:
    """A loaded predictor, called through the contract that its class follows.

    `run` is the one way in: it applies the hooks, passes the parameters that
    predict takes, and returns whatever predict returned. The user's exceptions
    pass through unchanged.
    """

    def __init__(self, predictor: Any, contract: Contract, *, strict: bool = False) -> None:
        self.predictor = predictor
        self.contract = contract
        self.is_subclass = isinstance(predictor, Predictor)
        self._strict = strict
        self._warned: set[str] = set()
        self._accepts = _Accepts.of(predictor.predict)
        named = "stats" in self._accepts.names
        # AI Platform passed `stats` to every class; a subclass of ours asks by name.
        self._gives_stats = named or (self._accepts.anything and not self.is_subclass) or strict
        self._preprocess = self._hook("preprocess")
        self._postprocess = self._hook("postprocess")
        if contract is Contract.VERTEX:
            self._gives_stats = False

    def _hook(self, name: str) -> Callable[[Any], Any] | None:
        """The hook, where it is one of ours or Vertex AI's and was overridden."""
        if self.contract is Contract.VERTEX:
            method: Callable[[Any], Any] | None = getattr(self.predictor, name, None)
            return method
        if self.is_subclass and getattr(type(self.predictor), name) is not getattr(Predictor, name):
            overridden: Callable[[Any], Any] = getattr(self.predictor, name)
            return overridden
        return None

    @property
    def is_batchable(self) -> bool:
        """Whether the predictor says that several calls may share one predict."""
        return self.contract is not Contract.VERTEX and bool(
            getattr(self.predictor, "batchable", False)
        )

    @property
    def answers_whole_body(self) -> bool:
        """Whether `run` returns a whole response body instead of predictions."""
        return self.contract is Contract.VERTEX

    def run(self, request: Instances) -> Any:
        """Predict one request, or several joined into one."""
        if self.contract is Contract.VERTEX:
            value: Any = {"instances": request.values, **request.parameters}
            keywords: dict[str, Any] = {}
        else:
            value = request.values
            keywords = self._keywords(request.parameters)
        if self._preprocess is not None:
            value = self._preprocess(value)
        predictions = self.predictor.predict(value, **keywords)
        return predictions if self._postprocess is None else self._postprocess(predictions)

    def warmup(self) -> None:
        """Run the predictor's warm-up hook, if it is one of ours."""
        if self.is_subclass:
            self.predictor.warmup()

    def close(self) -> None:
        """Run the predictor's close hook, if it is one of ours."""
        if self.is_subclass:
            self.predictor.close()

    def _keywords(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        if not parameters:
            return {"stats": Stats()} if self._gives_stats else {}
        keywords = {}
        accepts = self._accepts
        for name, value in parameters.items():
            if name in accepts.names or accepts.anything or self._strict:
                keywords[name] = value
                taken = name in accepts.positional or (name == "stats" and self._gives_stats)
                if taken:
                    raise BadInput(
                        f"the request's top-level key {name!r} has the name of a parameter that "
                        "the framework itself passes to predict.",
                        hint="Rename the key in the request.",
                    )
            elif name not in self._warned:
                self._warned.add(name)
                logger.warning("predict() takes no parameter %r; the key is ignored", name)
        if self._gives_stats:
            keywords["stats"] = Stats()
        return keywords


def load(cls: Any, name: str, model_dir: str, settings: PredictorSettings) -> Binding:
    """Build the predictor of a checked class; exceptions of user code pass through.

    `from_path` is called positionally with one argument, as AI Platform did;
    a subclass of `Predictor` that names `settings` gets them too. A Vertex AI
    class is constructed without arguments and then told to `load`.
    """
    contract = contract_of(cls, name, strict=settings.strict)
    if contract is Contract.VERTEX:
        predictor = cls()
        predictor.load(model_dir)
    elif _takes_settings(cls):
        predictor = cls.from_path(model_dir, settings=settings)
    else:
        predictor = cls.from_path(model_dir)
    if not callable(getattr(predictor, "predict", None)):
        raise UserCodeError(
            f"from_path of {name!r} returned a {type(predictor).__name__} without a predict "
            f"method ({where(getattr(cls, 'from_path', cls))}).",
            hint="Return the object that will serve: return cls(model, preprocessor).",
        )
    return Binding(predictor, contract, strict=settings.strict)


def _takes_settings(cls: Any) -> bool:
    if not (inspect.isclass(cls) and issubclass(cls, Predictor)):
        return False
    parameter = inspect.signature(cls.from_path).parameters.get("settings")
    return parameter is not None and parameter.kind is parameter.KEYWORD_ONLY
