"""Reads and writes ``saved_model.pb`` and ``saved_model.pbtxt``, without TensorFlow."""

from __future__ import annotations

from pathlib import Path

from google.protobuf import text_format

from cpr.errors import LoadError
from cpr.publishing import write_atomically
from cpr.savedmodel import protos
from cpr.savedmodel.instead import no_directory, no_saved_model
from cpr.savedmodel.layout import BINARY, TEXT, refuse_special_files
from cpr.savedmodel.skim import Malformed, Skim, skim
from cpr.savedmodel.text_form import parse_text
from cpr.suggest import did_you_mean

_WHOLE_BYTES = 4_000_000
"""Up to this size a file is read whole even where large values may be left out."""
_MOST_BYTES = 2**31 - 1
_AGAIN = "Export the model again, or copy its directory again, in binary mode."


def model_file(folder: Path) -> Path:
    """The file of a SavedModel's directory that holds the graphs; the binary one first.

    Raises:
        LoadError: There is neither.
    """
    for name in (BINARY, TEXT):
        if (folder / name).is_file():
            return folder / name
    if folder.is_file():
        raise no_directory(folder)
    if not folder.is_dir():
        beside = [item.name for item in folder.parent.iterdir()] if folder.parent.is_dir() else []
        raise LoadError(
            f"{folder} does not exist; the directory of a SavedModel is expected.",
            hint=did_you_mean(folder.name, beside),
        )
    raise no_saved_model(folder)


def read_saved_model(folder: Path) -> protos.Message:
    """The ``SavedModel`` message of a directory, whole.

    Raises:
        LoadError: There is none, it is damaged, or it holds no graph.
    """
    path = model_file(folder)
    refuse_special_files(folder)
    if path.name == TEXT:
        return _checked(path, _parse_text(path))
    try:
        _check_size(path)
        return _checked(path, protos.SavedModel.FromString(path.read_bytes()))
    except (OSError, protos.DecodeError) as error:
        raise _unreadable(path, error) from error


def skim_saved_model(folder: Path) -> Skim:
    """The ``SavedModel`` message of a directory, a large one without its large values.

    For looking only: what was left out is missing in the message.

    Raises:
        LoadError: There is none, it is damaged, or it holds no graph.
    """
    path = model_file(folder)
    refuse_special_files(folder)
    try:
        if path.name == TEXT or path.stat().st_size <= _WHOLE_BYTES:
            return Skim(read_saved_model(folder))
        _check_size(path)
        found = skim(path, protos.SavedModel)
    except (OSError, protos.DecodeError, Malformed) as error:
        raise _unreadable(path, error) from error
    _checked(path, found.model)
    return found


def write_saved_model(model: protos.Message, folder: Path) -> None:
    """Write the message into a directory: as text where it is text there, else in binary.

    The file appears whole or not at all; the same message gives the same bytes.

    Raises:
        EnvironmentProblem: It cannot be written.
    """
    is_text = (folder / TEXT).is_file() and not (folder / BINARY).is_file()
    path = folder / (TEXT if is_text else BINARY)
    if is_text:
        data = text_format.MessageToString(model, descriptor_pool=protos.POOL).encode("utf-8")
    else:
        data = model.SerializeToString(deterministic=True)
    write_atomically(path, data)


def _parse_text(path: Path) -> protos.Message:
    try:
        return parse_text(path.read_bytes().decode("utf-8"), protos.SavedModel)
    except RecursionError as error:
        raise _unreadable(path, ValueError("its messages nest too deep")) from error
    except (OSError, UnicodeDecodeError, text_format.ParseError) as error:
        raise _unreadable(path, error) from error


def _check_size(path: Path) -> None:
    size = path.stat().st_size
    if size > _MOST_BYTES:
        raise LoadError(
            f"{path} has {size:,} bytes; protobuf reads at most {_MOST_BYTES:,}.",
            hint="Export the model with its weights as variables, not as constants.",
        )


def _checked(path: Path, model: protos.Message) -> protos.Message:
    if model.meta_graphs:
        return model
    raise LoadError(
        f"{path} is not a SavedModel, or is damaged: it holds no graph.",
        hint="A frozen GraphDef is no SavedModel either; export one with `cpr export-model`."
        if path.stat().st_size
        else _AGAIN,
    )


def _unreadable(path: Path, error: Exception) -> LoadError:
    if isinstance(error, OSError):
        return LoadError(f"{path} cannot be read: {error.strerror or error}.")
    reason = str(error).splitlines()[0][:200]
    if isinstance(error, protos.DecodeError):
        reason = "it is not a whole protocol buffer"  # protobuf itself says no more
    return LoadError(f"{path} is not a SavedModel, or is damaged: {reason}", hint=_AGAIN)
