"""Routines that are broken in one way each have exactly the finding expected."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from cpr.checks.run import check_routine, known_ids
from cpr.findings import RULES

CASES = Path(__file__).parent / "cases"
NAMES = sorted(path.name for path in CASES.iterdir())
EXPECTED = {name: json.loads((CASES / name / "expected.json").read_text("utf-8")) for name in NAMES}
TRAPS = range(1, 19)
# Found with time, network or memory that no test should take; tests/checks has each of them.
NOT_HERE = {"CPR217", "CPR403", "CPR405", "CPR420"}
THROUGH_THE_COMMAND = ["from_path_of_an_instance", "prints_json_while_loading", "old_archive"]


def shown(finding):
    """``ID file:line``, without what a finding lacks."""
    place = f"{finding['file'] or ''}:{finding['line'] or ''}".rstrip(":")
    return f"{finding['id']} {place}".rstrip()


@pytest.mark.parametrize("name", NAMES)
def test_a_case_has_exactly_the_findings_expected(build, name):
    case = build(name)
    report = check_routine(case.target, case.model_dir, requests=case.requests, **case.options)
    said = [item.message for item in report.findings]
    assert [shown(item.to_json()) for item in report.findings] == case.expected["findings"], said
    # What is clean was run, and not passed over.
    assert case.expected["findings"] or report.skipped == {}


@pytest.mark.parametrize("name", THROUGH_THE_COMMAND)
def test_the_command_line_finds_the_same(build, name, tmp_path):
    case = build(name)
    for number, body in enumerate(case.requests):
        (tmp_path / f"request-{number}.json").write_bytes(body)
    given = [f"--requests={path}" for path in sorted(tmp_path.glob("request-*.json"))[:1]]
    given += [f"--model-dir={case.model_dir}"] if case.model_dir else []
    command = [sys.executable, "-m", "cpr", "check", case.target, *given, "--json"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    document = json.loads(done.stdout)
    assert [shown(item) for item in document["findings"]] == case.expected["findings"]
    is_error = any(item["severity"] == "error" for item in document["findings"])
    assert done.returncode == int(is_error), done.stderr


def test_at_least_forty_are_broken():
    broken = [name for name, expected in EXPECTED.items() if expected["findings"]]
    assert len(broken) >= 40


def test_every_trap_of_the_contract_is_fallen_into_or_harmless():
    assert {expected.get("trap") for expected in EXPECTED.values()} - {None} == set(TRAPS)


def test_every_id_is_found_in_a_case():
    found = {line.split()[0] for expected in EXPECTED.values() for line in expected["findings"]}
    known = set(known_ids())
    assert known - found - {identity for identity in RULES if identity[3:5] == "28"} == NOT_HERE
