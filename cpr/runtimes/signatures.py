"""What a model's signatures look like, and which one a request means."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from cpr.errors import BadInput
from cpr.savedmodel.layout import DEFAULT_SIGNATURE
from cpr.suggest import did_you_mean
from cpr.wire.tensors import describe


@dataclass(frozen=True)
class TensorSpec:
    """One input or output of a signature.

    Attributes:
        name: The tensor's name inside the model.
        dtype: TensorFlow's name of the type, such as ``float32`` or ``string``.
        shape: None for a size that varies; the whole is None if the rank does.
    """

    name: str
    dtype: str
    shape: tuple[int | None, ...] | None

    @property
    def sizes(self) -> str:
        """The shape in words, such as ``[any, 3]``."""
        if self.shape is None:
            return "of any shape"
        return f"[{', '.join('any' if size is None else str(size) for size in self.shape)}]"


@dataclass(frozen=True)
class Signature:
    """A named function of a model; inputs and outputs by alias."""

    name: str
    method: str
    inputs: Mapping[str, TensorSpec]
    outputs: Mapping[str, TensorSpec]

    @property
    def has_batch_dimension(self) -> bool:
        """Whether instances of several requests can surely share a run.

        Every tensor must declare a first dimension of any size, and no output
        another one, since that may grow with the neighbours (padding).
        """
        shapes = [spec.shape for spec in (*self.inputs.values(), *self.outputs.values())]
        inner = [spec.shape[1:] for spec in self.outputs.values() if spec.shape]
        return (
            bool(self.inputs)
            and all(shape and shape[0] is None for shape in shapes)
            and all(None not in sizes for sizes in inner)
        )


def choose(
    signatures: Mapping[str, Signature], requested: object = None, configured: str = ""
) -> Signature:
    """The requested signature, else the configured, the only, or the default one.

    Raises:
        BadInput: There is no such signature, or none was named and there is
            no default.
    """
    if requested is not None and not isinstance(requested, str):
        raise BadInput(f"signature_name is {describe(requested)}; expected a text.")
    name = requested or find_default(signatures, configured) or DEFAULT_SIGNATURE
    if name in signatures:
        return signatures[name]
    known = f"Known are {', '.join(map(repr, sorted(signatures)))}."
    raise BadInput(
        f"No signature found for signature key {name}.",
        hint=f"{known} {did_you_mean(name, signatures)}".rstrip(),
    )


def find_default(signatures: Iterable[str], configured: str = "") -> str:
    """The name of the signature that a request means which names none; "" if that is unclear.

    Args:
        signatures: The names of those that there are.
        configured: The one that the settings name.
    """
    names = list(signatures)
    if configured or len(names) == 1:
        return configured or names[0]
    return DEFAULT_SIGNATURE if DEFAULT_SIGNATURE in names else ""
