"""Every kind of problem is on the page, and the page lists no other."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_every_id_is_documented():
    sources = [
        path.read_text(encoding="utf-8") for path in (ROOT / "cpr" / "inspecting").glob("*.py")
    ]
    severity = r'"(?:error|warning|note)"(?: if [^,]*)?'
    found = {
        name
        for text in sources
        for name in re.findall(rf'Problem\(\s*{severity},\s*"([\w-]+)"', text)
    }
    page = (ROOT / "docs" / "inspect.md").read_text(encoding="utf-8")
    assert found == set(re.findall(r'^\| <a id="([\w-]+)"></a>`\1` \|', page, re.MULTILINE))
    assert len(found) > 20
