"""Every id has its page, every page an id, and each says what its rule says."""

import importlib.util
import re
from pathlib import Path

import pytest

from cpr.checks.run import GROUPS, group_of, known_ids
from cpr.errors import UsageError
from cpr.findings import RULES

ROOT = Path(__file__).resolve().parent.parent.parent
FOLDER = ROOT / "docs" / "findings"


def generator():
    spec = importlib.util.spec_from_file_location(
        "findings_docs", ROOT / "tools" / "findings_docs.py"
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_pages_are_up_to_date_and_no_other_is_there():
    expected = generator().pages()
    found = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.md")}
    assert sorted(found) == sorted(expected), "run `make docs`"
    assert found == expected, "run `make docs`"


@pytest.mark.parametrize("identity", known_ids())
def test_a_rule_is_told_in_full(identity):
    rule = RULES[identity]
    assert re.fullmatch(r"CPR[1-4]\d\d", identity)
    assert not rule.title.endswith(".")
    for text in (rule.cause, rule.cure):
        assert re.search(r"\.[”\"]?$", text), text
    assert group_of(identity) in GROUPS


def test_an_id_that_is_none_is_told_apart():
    with pytest.raises(UsageError) as raised:
        group_of("CPR1O4")
    assert raised.value.problem == "'CPR1O4' is not the id of a finding."
    assert "Did you mean 'CPR" in raised.value.hint
