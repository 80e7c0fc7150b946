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
from traceback import walk_tb
from typing import Any

from cpr.config import PredictorSettings
from cpr.contract import Contract, check_served, contract_of, required_names, takes_settings
from cpr.errors import BadInput, shorten
from cpr.messages import Instances
from cpr.predictor import Predictor, Stats
from cpr.suggest import did_you_mean

logger = logging.getLogger(__name__)

_WARNINGS = 20


@dataclass(frozen=True)
class _Accepts:
    """Which keyword arguments a predict method takes.

    `taken` are the names of what is passed by position; with `anything`, a
    keyword of such a name would collide.
    """

    names: frozenset[str] = frozenset()
    required: frozenset[str] = frozenset()
    taken: frozenset[str] = frozenset()
    anything: bool = False

    @classmethod
    def of(cls, predict: Callable[..., Any]) -> _Accepts:
        # Of a method its function, since `self` is a name that can collide too.
        function = getattr(predict, "__func__", predict)
        try:
            outer = inspect.signature(function, follow_wrapped=False)
        except (TypeError, ValueError):
            return cls()  # compiled code may tell nothing: it gets the instances alone
        parameters = list(outer.parameters.values())
        anything = any(p.kind is p.VAR_KEYWORD for p in parameters)
        if anything and hasattr(function, "__wrapped__"):
            return cls.of(function.__wrapped__)  # a decorator that passes on what it gets
        return cls(
            names=frozenset(p.name for p in parameters if p.kind is p.KEYWORD_ONLY),
            required=required_names(function),
            taken=frozenset(p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD),
            anything=anything,
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
    def can_be_batched(self) -> bool:
        """Whether requests of this contract can share a predict at all."""
        return self.contract is not Contract.VERTEX

    @property
    def is_batchable(self) -> bool:
        """Whether the predictor says that several calls may share one predict."""
        return self.can_be_batched and bool(getattr(self.predictor, "batchable", False))

    @property
    def answers_whole_body(self) -> bool:
        """Whether `run` returns a whole response body instead of predictions."""
        return self.contract is Contract.VERTEX

    @property
    def has_tensors(self) -> bool:
        """Whether the predictor can be called by rows and columns, as TensorFlow Serving is."""
        return all(hasattr(self.predictor, name) for name in ("serve_rows", "serve_columns"))

    @property
    def takes_parameters(self) -> bool:
        """Whether predict names a keyword ``parameters``, as Vertex AI's requests do."""
        return "parameters" in self._accepts.names

    def run(self, request: Instances) -> Any:
        """Predict one request, or several joined into one."""
        value, parameters, form = request
        if form == "rows":
            return self.predictor.serve_rows(value, **parameters)
        if form == "columns":
            return self.predictor.serve_columns(value, **parameters)
        keywords: dict[str, Any] = {}
        if self.contract is not Contract.VERTEX:
            keywords = self._keywords(parameters)
        elif form != "body":
            value = {"instances": value, **parameters}
        if self._preprocess is not None:
            value = self._run_preprocess(value)
        predictions = self.predictor.predict(value, **keywords)
        return predictions if self._postprocess is None else self._run_postprocess(predictions)

    def _run_preprocess(self, value: Any) -> Any:
        return self._preprocess(value) if self._preprocess else value

    def _run_postprocess(self, predictions: Any) -> Any:
        return self._postprocess(predictions) if self._postprocess else predictions

    def warmup(self) -> None:
        """Run the predictor's warm-up hook, if it is one of ours."""
        if self.is_subclass:
            self.predictor.warmup()

    def close(self) -> None:
        """Run the predictor's close hook, if it is one of ours."""
        if self.is_subclass:
            self.predictor.close()

    def _keywords(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        accepts = self._accepts
        keywords = {}
        for name, value in parameters.items():
            if name in accepts.names or accepts.anything or self._strict:
                keywords[name] = value
            else:
                self._warn(name)
        if accepts.required or keywords:
            self._check(keywords)
        if self._gives_stats:
            keywords["stats"] = Stats()
        return keywords

    def _check(self, keywords: Mapping[str, Any]) -> None:
        """Tell the caller of a key that collides, or one that is missing."""
        for name in keywords:
            if name in self._accepts.taken or (name == "stats" and self._gives_stats):
                raise BadInput(
                    f"the request's top-level key {name!r} has the name of a parameter that "
                    "the framework itself passes to predict.",
                    hint="Rename the key in the request.",
                )
        missing = sorted(self._accepts.required - keywords.keys() - {"stats"})
        if missing:
            raise BadInput(
                f"the request lacks the top-level key {missing[0]!r}, which predict requires.",
                hint="Add it beside 'instances'.",
            )

    def _warn(self, name: str) -> None:
        # Names come from clients: neither the set nor the log may grow without end.
        if name not in self._warned and len(self._warned) < _WARNINGS:
            self._warned.add(name)
            near = did_you_mean(name, self._accepts.names)
            said = f"the key is ignored. {near}" if near else "the key is ignored"
            logger.warning("predict() takes no parameter %s; %s", shorten(name), said)


def stage_of(error: BaseException) -> str:
    """Which method of the predictor raised: ``preprocess``, ``predict`` or ``postprocess``."""
    stages = {
        Binding._run_preprocess.__code__: "preprocess",
        Binding._run_postprocess.__code__: "postprocess",
    }
    codes = (frame.f_code for frame, _ in walk_tb(error.__traceback__))
    return next((stages[code] for code in codes if code in stages), "predict")


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
        return Binding(predictor, contract, strict=settings.strict)
    if takes_settings(cls):
        predictor = cls.from_path(model_dir, settings=settings)
    else:
        predictor = cls.from_path(model_dir)
    check_served(predictor, cls, name)
    return Binding(predictor, contract, strict=settings.strict)
