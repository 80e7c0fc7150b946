"""Makes a request body of an instances file, by gcloud's rules.

Differences from ``gcloud ai-platform predict``: there is no limit of 100
instances, and every key of a ``--json-request`` file is kept, where gcloud
dropped all but ``instances``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cpr.errors import CprError, UsageError, shorten
from cpr.replay.lines import (
    BEYOND_HINT,
    BadFile,
    beyond_json,
    decode,
    not_a_number,
    numbered_lines,
    parse_json,
    read_file,
)

NOT_ONE = "Exactly one of --json-request, --json-instances and --text-instances must be specified."


@dataclass(frozen=True)
class InstancesFlags:
    """The three flags, of which one names the file; ``-`` is standard input."""

    json_request: str | None
    json_instances: str | None
    text_instances: str | None

    def check(self) -> None:
        """Refuse any number of flags but one.

        Raises:
            UsageError: None was given, or several.
        """
        flags = {
            "--json-request": self.json_request,
            "--json-instances": self.json_instances,
            "--text-instances": self.text_instances,
        }
        given = [name for name, value in flags.items() if value]
        if len(given) != 1:
            found = f"Given: {' and '.join(given)}." if given else "None was given."
            raise UsageError(
                f"{NOT_ONE}\n{found}",
                hint="For a file with one JSON value a line: --json-instances FILE (- is stdin).",
            )

    def body(self, parameters: Mapping[str, Any], *, beyond: list[CprError] | None = None) -> bytes:
        """Read the file and make the request's body.

        Args:
            parameters: Top-level keys to set besides ``instances``.
            beyond: Gets what Python reads and JSON forbids, such as NaN: an
                error unless predictions are strict.

        Raises:
            NoFile: The file cannot be read.
            BadFile: The file breaks one of gcloud's rules.
        """
        beyond = [] if beyond is None else beyond
        if self.json_request:
            return _request(self.json_request, parameters, beyond)
        if self.json_instances:
            return _wrap(_json_lines(self.json_instances, beyond), parameters)
        content, name = read_file(self.text_instances or "")
        return _wrap([json.dumps(text) for _, text in numbered_lines(content, name)], parameters)


def parse_parameters(
    pairs: Sequence[str],
    *,
    signature_name: str | None = None,
    beyond: list[CprError] | None = None,
) -> dict[str, Any]:
    """The values of ``--param KEY=JSON`` and ``--signature-name``.

    `beyond` is as for `InstancesFlags.body`.

    Raises:
        UsageError: One has no ``=``, is not JSON, is given twice, or names
            the instances.
    """
    parameters: dict[str, Any] = {"signature_name": signature_name} if signature_name else {}
    for pair in pairs:
        key, separator, text = pair.partition("=")
        if not separator or not key:
            raise UsageError(
                f"--param takes KEY=JSON, not {shorten(pair)}.", hint="--param probabilities=true"
            )
        if key in ("instances", *parameters):
            problem = (
                "the instances come from a file" if key == "instances" else "it is given twice"
            )
            raise UsageError(f"--param cannot set {key!r}: {problem}.", hint="Remove that --param.")
        try:
            parameters[key] = json.loads(text)
        except ValueError as error:
            raise UsageError(
                f"--param {key} is not JSON: {shorten(text)}.",
                hint=f"Quote text twice: --param '{key}=\"…\"'",
            ) from error
        said = not_a_number(text)
        if said and beyond is not None:
            beyond.append(UsageError(f"--param {shorten(pair)[1:-1]}: {said}.", hint=BEYOND_HINT))
    return parameters


def _json_lines(path: str, beyond: list[CprError]) -> list[str]:
    content, name = read_file(path)
    lines = []
    for number, text in numbered_lines(content, name):
        hint = "Write one JSON value a line; a whole request goes to --json-request."
        parse_json(text, name, number, hint=hint)
        fault = None if beyond else beyond_json(text, name, number)
        beyond += [fault] if fault else []
        # The text itself is sent on: numbers keep the digits they came with.
        lines.append(text)
    return lines


def _wrap(instances: Sequence[str], parameters: Mapping[str, Any]) -> bytes:
    rest = "".join(f", {json.dumps(key)}: {json.dumps(value)}" for key, value in parameters.items())
    return f'{{"instances": [{", ".join(instances)}]{rest}}}'.encode()


def _request(path: str, parameters: Mapping[str, Any], beyond: list[CprError]) -> bytes:
    content, name = read_file(path)
    text = decode(content, name, 1)
    value = parse_json(
        text, name, 1, hint='Write one object {"instances": […]}; lines go to --json-instances.'
    )
    if not isinstance(value, dict) or "instances" not in value:
        raise BadFile(
            'Invalid JSON request: missing "instances" attribute',
            file=name,
            line=1,
            detail=f"found {shorten(value)}",
            hint='Write one object {"instances": […]}; lines go to --json-instances.',
        )
    if not isinstance(value["instances"], list):
        raise BadFile(
            'Invalid JSON request: "instances" must be a list',
            file=name,
            line=1,
            detail=f"found {shorten(value['instances'])}",
            hint="For a routine that takes another JSON value, use `cpr replay`.",
        )
    fault = beyond_json(text, name, 1)
    beyond += [fault] if fault else []
    return json.dumps({**value, **parameters}).encode() if parameters else text.encode()
