"""Which member names an archive may use, and that no two of them can collide."""

from __future__ import annotations

import re
import unicodedata

from cpr.archive.refusal import Refusal

_DRIVE = re.compile(r"[A-Za-z]:")
# Control, format (right-to-left marks), surrogate, line and paragraph separators.
_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_COMPONENT_BYTES = 255
_NAME_BYTES = 1024


class Names:
    """The names seen so far in one archive.

    Two names collide if they differ only by letter case or by Unicode
    normalisation, since some file systems would make one file of them.
    `limit` bounds files and folders together, named or implied.
    """

    def __init__(self, *, limit: int) -> None:
        self._seen: dict[str, tuple[str, bool]] = {}
        self._limit = limit

    def admit(self, raw: str | bytes, *, is_folder: bool) -> str:
        """The clean relative name, with its parents noted; "" for the root itself.

        Raises:
            Refusal: The name is unsafe or collides with an earlier one.
        """
        name = _clean(raw, is_folder=is_folder)
        if not name:
            return name
        parts = name.split("/")
        for depth in range(1, len(parts)):
            self._note("/".join(parts[:depth]), is_folder=True)
        self._note(name, is_folder=is_folder)
        return name

    def _note(self, name: str, *, is_folder: bool) -> None:
        key = unicodedata.normalize("NFC", unicodedata.normalize("NFD", name).casefold())
        known = self._seen.get(key)
        if known is None:
            if len(self._seen) == self._limit:
                raise Refusal(f"it has more than {self._limit:,} files and folders")
            self._seen[key] = (name, is_folder)
        elif not (is_folder and known == (name, True)):
            raise Refusal(f"stands there twice (the other is {known[0]!r})", member=name)


def _clean(raw: str | bytes, *, is_folder: bool) -> str:
    if isinstance(raw, bytes):
        try:
            raw = raw.decode("utf-8")
        except UnicodeDecodeError as error:
            raise Refusal("has a name that is not UTF-8", member=raw) from error
    name = raw.removeprefix("./")
    if is_folder:
        name = name.removesuffix("/")
        if name in ("", "."):
            return ""
    _check(name, raw)
    return name


def _check(name: str, raw: str) -> None:
    if any(unicodedata.category(character) in _INVISIBLE for character in name):
        raise Refusal("has a control or invisible character in its name", member=raw)
    if name.startswith("/"):
        raise Refusal("has an absolute name", member=raw)
    if "\\" in name:
        raise Refusal("has a backslash in its name", member=raw)
    if len(name.encode("utf-8")) > _NAME_BYTES:
        raise Refusal(f"has a name longer than {_NAME_BYTES} bytes", member=raw)
    for part in name.split("/"):
        if part in ("", ".", ".."):
            raise Refusal(f"has the part {part!r} in its name", member=raw)
        if _DRIVE.match(part):
            raise Refusal("has a drive letter in its name", member=raw)
        if len(part.encode("utf-8")) > _COMPONENT_BYTES:
            raise Refusal(f"has a name part longer than {_COMPONENT_BYTES} bytes", member=raw)
