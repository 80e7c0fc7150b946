"""The documentation is true: its commands run, its links lead somewhere, nothing is left out.

A fenced ``console`` block is a session: every line after ``$ `` is run, and
what follows is compared with what it printed (its standard output, or its
standard error when there is none; ``...`` stands for anything). A ``python``
block is a script. An HTML comment right above a block changes that:

    <!-- not run: why -->     the block is shown only
    <!-- file: name -->       the block is written to that file
    <!-- exit: 11 -->         the last command ends with that code

``<!-- setup: command -->`` on a line of its own runs a command that the page does not show.
The blocks of a page share one folder, a copy of the trained samples.
"""

import dataclasses
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, fields
from pathlib import Path

import pytest

import cpr.errors
from cpr.cli.exit_codes import EXIT_CODES
from cpr.config import TABLES
from cpr.shims import SHIMS

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted(
    path
    for pattern in ("*.md", "docs/**/*.md", "sample_routines/*/README.md")
    for path in ROOT.glob(pattern)
)
BLOCK = re.compile(
    r"^<!-- setup: (?P<setup>[^\n]*) -->$|"
    r"(?:^<!-- (?P<directive>[a-z ]+): (?P<value>[^\n]*?) -->\n)?"
    r"^```(?P<language>\w*)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")


@dataclass(frozen=True)
class Block:
    language: str
    text: str
    directive: str
    value: str


def blocks(page):
    for found in BLOCK.finditer(page.read_text(encoding="utf-8")):
        if found["setup"]:
            yield Block("console", f"$ {found['setup']}", "", "")
        else:
            yield Block(
                found["language"], found["text"], found["directive"] or "", found["value"] or ""
            )


def is_live(block):
    runs = block.language in ("console", "python") and block.directive != "not run"
    return runs or block.directive == "file"


def name_of(page):
    return page.relative_to(ROOT).as_posix()


LIVE_PAGES = [page for page in PAGES if any(is_live(block) for block in blocks(page))]


@pytest.fixture(scope="session")
def trained_samples(tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained") / "sample_routines"
    ignored = shutil.ignore_patterns("model", "dist", "__pycache__")
    shutil.copytree(ROOT / "sample_routines", folder, ignore=ignored)
    for train in sorted(folder.glob("*/train.py")):
        subprocess.run([sys.executable, train], check=True, capture_output=True)
    return folder


@pytest.fixture
def session(trained_samples, tmp_path):
    shutil.copytree(trained_samples, tmp_path / "work" / "sample_routines")
    return Session(tmp_path / "work", tmp_path / "where")


class Session:
    """A shell that remembers its folder, with this environment's commands first."""

    def __init__(self, folder, memo):
        self.folder, self.memo = folder, memo
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        self.environ = {**os.environ, "PATH": path, "NO_COLOR": "1", "COLUMNS": "100"}
        self.environ |= {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": ""}

    def run(self, command):
        script = f"{command}\nstatus=$?; pwd > '{self.memo}'; exit $status"
        done = subprocess.run(
            ["bash", "-c", script],
            cwd=self.folder,
            env=self.environ,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
        )
        self.folder = Path(self.memo.read_text().strip())
        return done

    def play(self, block):
        if block.directive == "file":
            target = self.folder / block.value
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(block.text, encoding="utf-8")
        elif block.language == "python":
            (self.folder / "block.py").write_text(block.text, encoding="utf-8")
            done = self.run("python block.py")
            assert done.returncode == 0, done.stderr
        else:
            *first, last = commands(block.text)
            for command, expected in first:
                self.check(command, expected, 0)
            self.check(*last, int(block.value or 0))

    def check(self, command, expected, status):
        done = self.run(command)
        told = f"$ {command}\n{done.stdout}{done.stderr}"
        assert done.returncode == status, told
        printed = done.stdout if done.stdout.strip() else done.stderr
        assert not expected or matches(expected, printed), f"{told}\nThe page says:\n{expected}"


def commands(text):
    """Pairs of (command, expected output) of a console block."""
    parts = re.split(r"^\$ ", text, flags=re.MULTILINE)
    assert not parts[0].strip(), f"a console block starts with a command: {text!r}"
    for part in parts[1:]:
        lines = part.splitlines()
        count = 1
        while lines[count - 1].endswith("\\"):
            count += 1
        yield "\n".join(lines[:count]), "\n".join(lines[count:]).strip()


def matches(expected, printed):
    def tidy(text):
        return "\n".join(line.rstrip() for line in text.strip().splitlines())

    pattern = ".*".join(re.escape(part) for part in tidy(expected).split("..."))
    return re.fullmatch(pattern, tidy(printed), re.DOTALL) is not None


@pytest.mark.parametrize("page", LIVE_PAGES, ids=name_of)
def test_every_command_of_the_page_does_what_it_says(page, session):
    if page.parent.parent.name == "sample_routines":
        session.folder = session.folder / "sample_routines" / page.parent.name
    for block in blocks(page):
        if is_live(block):
            session.play(block)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_block_has_a_language_and_a_known_directive(page):
    for block in blocks(page):
        assert block.language, f"{name_of(page)}: a fence without a language: {block.text[:60]!r}"
        assert block.directive in ("", "not run", "file", "exit")
        assert (block.directive == "exit") <= (block.language == "console")


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_link_leads_somewhere(page):
    for link in LINK.findall(BLOCK.sub("", page.read_text(encoding="utf-8"))):
        if re.match(r"[a-z]+:", link):
            continue
        target, _, anchor = link.partition("#")
        file = (page.parent / target).resolve() if target else page
        assert file.exists(), f"{name_of(page)} links to {link}"
        if anchor:
            assert anchor in anchors(file), f"{name_of(page)} links to {link}"


def anchors(page):
    """The anchors of a page's headings, as GitHub makes them."""
    text = BLOCK.sub("", page.read_text(encoding="utf-8"))
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_page_is_in_the_index():
    index = (ROOT / "docs" / "README.md").read_text(encoding="utf-8")
    linked = {(ROOT / "docs" / link).resolve() for link in LINK.findall(index)}
    findings = ROOT / "docs" / "findings"  # which have an index of their own
    listed = LINK.findall((findings / "README.md").read_text(encoding="utf-8"))
    linked |= {(findings / link).resolve() for link in listed}
    assert not set((ROOT / "docs").rglob("*.md")) - linked - {ROOT / "docs/README.md"}


def test_readme_names_the_commands_of_a_fresh_machine():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "make demo" in text
    assert "make test" in text


def test_every_extra_is_in_the_readme():
    metadata = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for extra in metadata["project"]["optional-dependencies"]:
        assert f"| `{extra}` |" in text


def error_classes():
    every = [value for value in vars(cpr.errors).values() if isinstance(value, type)]
    return [value for value in every if issubclass(value, cpr.errors.CprError)]


def test_every_exit_code_is_documented():
    text = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")
    assert set(EXIT_CODES) >= {kind.exit_code for kind in error_classes()}
    assert set(EXIT_CODES) == {int(n) for n in re.findall(r"^\| (\d+) \|", text, re.MULTILINE)}


@pytest.mark.parametrize("kind", error_classes(), ids=lambda kind: kind.__name__)
def test_every_error_is_documented_with_its_numbers(kind):
    text = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")
    (row,) = re.findall(rf"^\| `{kind.__name__}` \|.*$", text, re.MULTILINE)
    numbers = [int(cell) for cell in re.findall(r"\| (\d+) (?=\|)", row)]
    assert numbers == [kind.exit_code, kind.http_status, kind.grpc_code]


CONFIGURATION_KEYS = [(table, item) for table, kind in TABLES.items() for item in fields(kind)]


@pytest.mark.parametrize(
    ("table", "item"), CONFIGURATION_KEYS, ids=[f"{t}.{i.name}" for t, i in CONFIGURATION_KEYS]
)
def test_every_configuration_key_is_documented_with_its_default(table, item):
    text = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    section = text.partition(f"## `[{table}]`")[2].partition("\n## ")[0]
    (row,) = re.findall(rf"^\| `{item.name}` \|.*$", section, re.MULTILINE)
    default = item.default if item.default is not dataclasses.MISSING else item.default_factory()
    assert f"| `{as_toml(default)}` |" in row


def as_toml(value):
    """A default as it would stand in the file."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (int, float)):
        return f"{value:g}" if isinstance(value, float) else str(value)
    return "[]" if value == () else f'"{value}"'


def test_every_shim_is_documented():
    text = (ROOT / "docs" / "shims.md").read_text(encoding="utf-8")
    for name in SHIMS:
        assert f"| `{name}` |" in text


def test_every_ready_made_predictor_is_documented():
    text = (ROOT / "docs" / "ready-made-predictors.md").read_text(encoding="utf-8")
    for module in (ROOT / "predictors").glob("[!_]*.py"):
        assert f"cpr.predictors.{module.stem}" in text


@pytest.mark.parametrize(
    ("expected", "printed", "agrees"),
    [
        ("a\nb", "a  \nb\n", True),
        ("a ... b", "a 1\n2 b", True),
        ("a", "a\nb", False),
        ("1.5", "125", False),
    ],
    ids=["trailing space", "wildcard", "more than said", "a point is a point"],
)
def test_output_is_compared_as_a_reader_would(expected, printed, agrees):
    assert matches(expected, printed) is agrees
