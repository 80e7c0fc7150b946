"""`cpr clean` as a process: what a person sees."""

import pytest


@pytest.mark.parametrize(
    ("name", "hint"),
    [("m.keras", "cpr export-model m.keras OUT"), ("notes.txt", "the directory that holds it: /")],
)
def test_clean_of_a_file_names_it_as_it_was_given(cpr, tmp_path, name, hint):
    (tmp_path / name).write_bytes(b"x")
    done = cpr("clean", name, "out", expected=10)
    assert done.stderr.startswith(f"cpr: {name} is a file; a directory with an exported SavedModel")
    assert hint in done.stderr
