"""``cpr key``: a key pair to sign packages with."""

from __future__ import annotations

from pathlib import Path

import click

from cpr.cli.options import common_options
from cpr.cli.output import emit_json, write_result


@click.command("key")
@click.argument("path", type=click.Path(path_type=Path))
@common_options
def command(*, path: Path, as_json: bool, is_quiet: bool) -> None:
    """Make a key pair to sign packages with.

    Writes the private key to PATH, which only you may read, and the public
    one to PATH.pub. Sign with package --sign PATH; check with
    --require-signature PATH.pub. Both are Ed25519 in PEM form. No file is
    overwritten.
    """
    # CLI start-up time: cryptography is imported when a key is made.
    from cpr.key_pairs import generate

    key = generate(path)
    if as_json:
        summary = {"private": str(path), "public": str(key.path), "key_id": key.id}
        emit_json("cpr.key/1", ok=True, summary=summary)
    elif not is_quiet:
        write_result(f"private key  {path}\npublic key   {key.path}\nkey id       {key.id}")
