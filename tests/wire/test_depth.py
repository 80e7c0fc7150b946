"""How deep a document nests, whatever its texts hold."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cpr.errors import BadInput
from cpr.wire.depth import check_depth

LIMIT = 4


def is_refused(body, limit=LIMIT):
    try:
        check_depth(body, limit)
    except BadInput as error:
        assert error.problem == f"it is nested more than {limit} levels deep."
        return True
    return False


@pytest.mark.parametrize(
    ("document", "refused"),
    [
        (b"[[[[]]]]", False),
        (b"[[[[[]]]]]", True),
        (b'{"a":{"a":{"a":{"a":1}}}}', False),
        (b'{"a":{"a":{"a":{"a":{}}}}}', True),
        (b'{"a":[{"b":[{"c":1}]}]}', True),
        (b"[" + b"[1,2]," * 100 + b"[]]", False),
        (b"[" + b"[[[]]]," * 100 + b"[[[[]]]]]", True),
        (b"[[[]],[[]],[[[[]]]]]", True),
        (b'["[[[[[[[["]', False),
        (b'["]]]]]]]]",[[[[]]]]]', True),
        (rb'["\"",[[[["\\"]]]],"]]]]"]', True),
        (rb'["\\","[[[[","\"[[["]', False),
        (b'{"[[[[[":"]]]]]","{{{":1}', False),
        ('["é[[[[",{"😀]":[]}]'.encode(), False),
        (b'"' + b"[" * 100 + b'"', False),
        (b"1", False),
    ],
    ids=repr,
)
def test_levels_are_counted_outside_of_texts(document, refused):
    assert is_refused(document) is refused


def depth_of(value):
    if isinstance(value, dict):
        value = list(value.values())
    return 1 + max(map(depth_of, value), default=0) if isinstance(value, list) else 0


TEXTS = st.text('[]{}"\\a\n', max_size=6)
DOCUMENTS = st.recursive(
    TEXTS | st.integers(0, 9),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=20,
)


@given(DOCUMENTS, st.integers(1, 6), st.booleans(), st.sampled_from([0, 10_000]))
def test_agrees_with_a_walk_over_the_document(document, limit, ascii_only, spaces):
    body = json.dumps(document, ensure_ascii=ascii_only).encode() + b" " * spaces
    assert is_refused(body, limit) is (depth_of(document) > limit)
