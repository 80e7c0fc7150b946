"""``explanation_metadata.json``: which inputs of a model are explained, and against what.

AI Platform wanted such a file beside the SavedModel; Vertex AI takes the same
with its keys in camelCase. Both are read; what is written is AI Platform's.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cpr.errors import LoadError, shorten
from cpr.explaining.budget import MOST_BASELINES
from cpr.explaining.options import snake
from cpr.suggest import did_you_mean

FILE = "explanation_metadata.json"
ENCODINGS = (
    "identity",
    "bag_of_features",
    "bag_of_features_sparse",
    "indicator",
    "combined_embedding",
    "concat_embedding",
)
MODALITIES = ("numeric", "image", "text", "structured", "categorical")
FRAMEWORKS = ("tensorflow", "tensorflow2", "xgboost", "custom_container")
_INPUT_KEYS = {
    "input_tensor_name",
    "input_baselines",
    "encoding",
    "modality",
    "index_feature_mapping",
    "visualization",
    "domain",
    "feature_value_domain",
    "group_name",
    "indices_tensor_name",
    "dense_shape_tensor_name",
    "encoded_tensor_name",
    "encoded_baselines",
}
_OUTPUT_KEYS = {
    "output_tensor_name",
    "index_name_mapping",
    "index_name_mapping_key",
    "display_name_mapping_key",
}
_WITH_MAPPING = ("bag_of_features", "bag_of_features_sparse", "indicator")


@dataclass(frozen=True)
class InputMetadata:
    """One input that is explained.

    Attributes:
        name: What attributions are keyed by.
        tensor: The tensor's name in the graph, or the input's in the
            signature, or the key in an instance.
        baselines: Of the form of the input, or numbers for all of it.
        features: The names of its values, where it is a bag of features.
        encoding: How its values are features.
        modality: What they are; "" for not said.
    """

    name: str
    tensor: str
    baselines: list[Any] = field(default_factory=list)
    features: list[str] = field(default_factory=list)
    encoding: str = "identity"
    modality: str = ""


@dataclass(frozen=True)
class OutputMetadata:
    """The output that is explained; `labels` are the names of its scores."""

    name: str
    tensor: str
    labels: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Metadata:
    """What the file says: its inputs and outputs, by the names that they go by."""

    inputs: list[InputMetadata] = field(default_factory=list)
    outputs: list[OutputMetadata] = field(default_factory=list)
    framework: str = "tensorflow2"
    source: str = field(default=FILE, compare=False)

    def to_json(self) -> dict[str, Any]:
        """The document, as AI Platform has it."""
        return {
            "inputs": {item.name: _input_json(item) for item in self.inputs},
            "outputs": {item.name: _output_json(item) for item in self.outputs},
            "framework": self.framework,
        }


def find(model_dir: Path) -> Path | None:
    """The file in a model directory: in the folder of its highest version, or beside that."""
    nested = sorted(
        (path for path in model_dir.glob(f"*/{FILE}") if path.parent.name.isdigit()),
        key=lambda path: int(path.parent.name),
    )
    places = [*nested[-1:], model_dir / FILE]
    return next((path for path in places if path.is_file()), None)


def read(path: Path) -> Metadata:
    """The metadata in a file.

    Raises:
        LoadError: It cannot be read, or is no explanation metadata.
    """
    try:
        document = json.loads(path.read_bytes())
    except OSError as error:
        raise LoadError(f"{path} cannot be read: {error.strerror}.") from error
    except (ValueError, RecursionError) as error:
        raise LoadError(
            f"{path} is not JSON: {error}.", hint="Write it anew with cpr explain --write-metadata."
        ) from error
    return parse(document, source=str(path))


def parse(document: Any, *, source: str = FILE) -> Metadata:
    """The metadata of a document.

    Raises:
        LoadError: It breaks one of the rules that AI Platform had.
    """
    reader = _Reader(source)
    # Vertex AI's ExplanationSpec has it in a key of its own.
    whole = reader.keys(document, "the document", None)
    if isinstance(whole.get("metadata"), dict):
        whole = reader.keys(whole["metadata"], "metadata", None)
    inputs = reader.named(whole, "inputs", _INPUT_KEYS)
    outputs = reader.named(whole, "outputs", _OUTPUT_KEYS)
    framework = str(whole.get("framework", "tensorflow2")).lower()
    if framework not in FRAMEWORKS:
        raise reader.fault("framework", framework, f"one of {', '.join(FRAMEWORKS)}")
    if len(outputs) != 1:
        raise reader.fault("outputs", list(outputs), "exactly one output to explain")
    return Metadata(
        [reader.input(name, item) for name, item in inputs.items()],
        [reader.output(name, item) for name, item in outputs.items()],
        framework,
        source,
    )


class _Reader:
    """Checks the parts of one document, naming it in what is raised."""

    def __init__(self, source: str) -> None:
        self._source = source

    def fault(self, where: str, found: object, expected: str, hint: str = "") -> LoadError:
        return LoadError(
            f"{self._source}: {where} is {shorten(found)}; expected {expected}.", hint=hint
        )

    def keys(self, value: Any, where: str, known: set[str] | None) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise self.fault(where, value, "an object")
        found = {snake(str(key)): item for key, item in value.items()}
        for key in found if known is not None else ():
            if known and key not in known:
                raise LoadError(
                    f"{self._source}: {where} has the unknown key {key!r}; "
                    f"known are {', '.join(sorted(known))}.",
                    hint=did_you_mean(key, known),
                )
        return found

    def named(self, whole: Mapping[str, Any], key: str, known: set[str]) -> dict[str, Any]:
        items = whole.get(key)
        if not isinstance(items, dict) or not items:
            raise self.fault(key, items, f"an object with the {key} to explain, by name")
        return {str(n): self.keys(item, f"{key}.{n}", known) for n, item in items.items()}

    def input(self, name: str, item: Mapping[str, Any]) -> InputMetadata:
        where = f"inputs.{name}"
        encoding = self._choice(item, where, "encoding", ENCODINGS) or "identity"
        if "encoded_baselines" in item and "input_baselines" in item:
            raise self.fault(where, sorted(item), "input_baselines or encoded_baselines, not both")
        baselines = self._list(item, where, "input_baselines")
        if len(baselines) > MOST_BASELINES:
            expected = f"at most {MOST_BASELINES} baselines"
            raise self.fault(f"{where}.input_baselines", baselines, expected)
        features = self._names(item, where, "index_feature_mapping")
        if encoding in _WITH_MAPPING and not features:
            raise self.fault(
                f"{where}.index_feature_mapping", None, f"a list of names, for {encoding}"
            )
        return InputMetadata(
            name,
            self._text(item, where, "input_tensor_name") or name,
            baselines,
            features,
            encoding,
            self._choice(item, where, "modality", MODALITIES),
        )

    def output(self, name: str, item: Mapping[str, Any]) -> OutputMetadata:
        where = f"outputs.{name}"
        return OutputMetadata(
            name,
            self._text(item, where, "output_tensor_name") or name,
            self._names(item, where, "index_name_mapping"),
        )

    def _text(self, item: Mapping[str, Any], where: str, key: str) -> str:
        value = item.get(key)
        if value is not None and not isinstance(value, str):
            raise self.fault(f"{where}.{key}", value, "a text")
        return value or ""

    def _choice(self, item: Mapping[str, Any], where: str, key: str, known: Sequence[str]) -> str:
        value = self._text(item, where, key).lower()
        if value and value not in known:
            expected = f"one of {', '.join(known)}"
            raise self.fault(f"{where}.{key}", value, expected, did_you_mean(value, known))
        return value

    def _list(self, item: Mapping[str, Any], where: str, key: str) -> list[Any]:
        value = item.get(key)
        if value is not None and not isinstance(value, list):
            raise self.fault(f"{where}.{key}", value, "a list")
        return value or []

    def _names(self, item: Mapping[str, Any], where: str, key: str) -> list[str]:
        names = self._list(item, where, key)
        if len({str(name) for name in names}) != len(names):
            raise self.fault(f"{where}.{key}", names, "names that are not given twice")
        return [str(name) for name in names]


def _input_json(item: InputMetadata) -> dict[str, Any]:
    found: dict[str, Any] = {"input_tensor_name": item.tensor, "encoding": item.encoding}
    optional = {
        "modality": item.modality,
        "input_baselines": list(item.baselines),
        "index_feature_mapping": list(item.features),
    }
    return found | {key: value for key, value in optional.items() if value}


def _output_json(item: OutputMetadata) -> dict[str, Any]:
    labels = {"index_name_mapping": list(item.labels)} if item.labels else {}
    return {"output_tensor_name": item.tensor, **labels}
