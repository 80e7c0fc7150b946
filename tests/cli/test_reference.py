"""docs/cli.md is what the commands say, and leaves nothing out."""

import importlib.util
from pathlib import Path

import pytest

from cpr.cli.app import SUMMARIES, load_command
from cpr.cli.exit_codes import EXIT_CODES

ROOT = Path(__file__).resolve().parent.parent.parent
PAGE = ROOT / "docs" / "cli.md"


def generator():
    spec = importlib.util.spec_from_file_location("cli_docs", ROOT / "tools" / "cli_docs.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_page_is_up_to_date():
    assert PAGE.read_text(encoding="utf-8") == generator().render(), "run `make docs`"


@pytest.mark.parametrize("code", EXIT_CODES)
def test_page_names_the_exit_code(code):
    assert f"\n| {code} | " in PAGE.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", SUMMARIES)
def test_page_names_every_flag_and_each_has_help(name):
    text = PAGE.read_text(encoding="utf-8")
    section = text.partition(f"\n## cpr {name}\n")[2].partition("\n## ")[0]
    for parameter in load_command(name).params:
        if parameter.param_type_name == "option":
            assert parameter.help, f"{parameter.name} has no help"
            assert all(f"`{flag}" in section for flag in parameter.opts)
