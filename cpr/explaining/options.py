"""What a request asks of an explanation, in AI Platform's words or Vertex AI's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from cpr.errors import BadInput, shorten
from cpr.explaining.budget import MOST_BASELINES, MOST_PATHS, MOST_STEPS
from cpr.suggest import did_you_mean
from cpr.wire.tensors import describe

SHAPLEY, GRADIENTS, AUTO = "sampled-shapley", "integrated-gradients", "auto"
METHODS = (AUTO, SHAPLEY, GRADIENTS)

KEY = "explain"
_OVERRIDES = ("explanationSpecOverride", "explanation_spec_override")
# What else Vertex AI's clients send, which says nothing to a predictor.
_VERTEX_KEYS = ("deployedModelId", "deployed_model_id")
_BOUNDS = {
    "num_paths": (1, MOST_PATHS),
    "num_integral_steps": (1, MOST_STEPS),
    "seed": (0, 2**32 - 1),
    "top_k": (-1, 1_000),
    "label_index": (0, 2**31 - 1),
}


@dataclass(frozen=True)
class Options:
    """How to explain.

    Attributes:
        method: ``auto`` takes integrated gradients of a TensorFlow model that
            takes floats, many in an instance, else sampled Shapley.
        num_paths: Permutations of the features that are sampled.
        num_integral_steps: Gradients between baseline and instance, at first;
            more where the attributions do not add up.
        seed: Of the permutations.
        top_k: How many labels of an instance, those of the highest scores
            first; -1 for all.
        label_index: The one label, in place of the highest ones.
        output: The output to explain, where there are several.
        baselines: Instances to compare with, whose attributions are averaged;
            none for those of the metadata, or zeros.
    """

    method: str = AUTO
    num_paths: int = 50
    num_integral_steps: int = 50
    seed: int = 0
    top_k: int = 1
    label_index: int | None = None
    output: str = ""
    baselines: tuple[Any, ...] = ()

    @classmethod
    def take(cls, parameters: Mapping[str, Any]) -> tuple[Options, dict[str, Any]]:
        """The options among a request's keys, and the other keys, which are predict's.

        Raises:
            BadInput: An option is unknown, or its value cannot be.
        """
        rest = {key: value for key, value in parameters.items() if key not in _VERTEX_KEYS}
        options = cls()
        for key in _OVERRIDES:
            override = rest.pop(key, None)
            if override is not None:
                options = _overridden(options, _object(override, key), key)
        given = rest.pop(KEY, None)
        if given is not None:
            options = _with(options, _object(given, KEY))
        return options, rest


def options_of(given: Mapping[str, Any]) -> Options:
    """Options from their names and values.

    Raises:
        BadInput: One is unknown, or its value cannot be.
    """
    return _with(Options(), given)


def _with(options: Options, given: Mapping[str, Any]) -> Options:
    known = [item.name for item in fields(Options)] + ["baseline"]
    values: dict[str, Any] = {}
    for name, value in given.items():
        if name not in known:
            raise BadInput(
                f"{KEY}.{shorten(name)[1:-1]} is no option; known are {', '.join(known)}.",
                hint=did_you_mean(name, known),
            )
        if value is None:
            continue
        if name == "baseline":
            name, value = "baselines", [value]
        values[name] = _checked(name, value)
    return replace(options, **values)


def _checked(name: str, value: Any) -> Any:
    if name in _BOUNDS:
        return _number(name, value, *_BOUNDS[name])
    if name == "baselines":
        if not isinstance(value, (list, tuple)) or not 1 <= len(value) <= MOST_BASELINES:
            raise BadInput(
                f"{KEY}.baselines is {describe(value)}; expected a list of 1 to "
                f"{MOST_BASELINES} instances.",
                hint='For a single one: "baseline".',
            )
        return tuple(value)
    if name == "method" and value not in METHODS:
        raise BadInput(
            f"{KEY}.method is {shorten(value)}; expected one of {', '.join(METHODS)}.",
            hint=did_you_mean(str(value), METHODS),
        )
    if not isinstance(value, str):
        raise BadInput(f"{KEY}.{name} is {describe(value)}; expected a text.")
    return value


def _number(name: str, value: Any, least: int, most: int) -> int:
    is_whole = isinstance(value, int) and not isinstance(value, bool)
    if not is_whole or not least <= value <= most or (name == "top_k" and value == 0):
        raise BadInput(
            f"{KEY}.{name} is {shorten(value)}; expected a whole number from {least} to {most:,}."
        )
    return int(value)


def _object(value: Any, key: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise BadInput(
            f"{key} is {describe(value)}; expected an object.",
            hint=f'Such as "{KEY}": {{"method": "{SHAPLEY}", "num_paths": 50}}.',
        )
    return value


def _overridden(options: Options, override: Mapping[str, Any], key: str) -> Options:
    """Vertex AI's ExplanationSpecOverride, of which the parameters are read."""
    parameters = _snake(_object(override.get("parameters") or {}, f"{key}.parameters"))
    given: dict[str, Any] = {}
    shapley = parameters.get("sampled_shapley_attribution")
    gradients = parameters.get("integrated_gradients_attribution")
    if shapley is not None:
        given |= {"method": SHAPLEY, "num_paths": _snake(shapley).get("path_count")}
    if gradients is not None:
        given |= {"method": GRADIENTS, "num_integral_steps": _snake(gradients).get("step_count")}
    given["top_k"] = parameters.get("top_k")
    indices = parameters.get("output_indices")
    if isinstance(indices, list) and len(indices) == 1:
        given["label_index"] = indices[0]
    elif indices is not None:
        raise BadInput(
            f"{key}.parameters.outputIndices is {shorten(indices)}; expected a list of one index.",
            hint="Ask for topK, which may be -1 for all.",
        )
    if "xrai_attribution" in parameters or "examples" in parameters:
        raise BadInput(
            f"{key} asks for a method that is not there; known are {SHAPLEY} "
            f"(sampledShapleyAttribution) and {GRADIENTS} (integratedGradientsAttribution)."
        )
    return _with(options, given)


def _snake(value: Any) -> dict[str, Any]:
    """An object with Google's camelCase keys in snake_case, which its APIs take too."""
    if not isinstance(value, dict):
        raise BadInput(f"{shorten(value)} stands where an object was expected.")
    return {snake(str(key)): item for key, item in value.items()}


def snake(name: str) -> str:
    """A camelCase name in snake_case."""
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)
