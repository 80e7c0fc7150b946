"""Where the model directory goes in a class: which names and attributes hold a path into it."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from cpr.checks.class_code import ClassCode, Function, Method

_WRITE_MODES = frozenset("wax+")
# Functions that write to one of their arguments: its position, and its keyword.
_WRITERS = {
    "joblib.dump": (1, "filename"),
    "numpy.save": (0, "file"),
    "numpy.savez": (0, "file"),
    "numpy.savetxt": (0, "fname"),
    "torch.save": (1, "f"),
    "os.makedirs": (0, "name"),
    "os.mkdir": (0, "path"),
    "os.remove": (0, "path"),
    "os.unlink": (0, "path"),
    "os.rename": (0, "src"),
    "os.replace": (0, "src"),
    "shutil.rmtree": (0, "path"),
    "shutil.copy": (1, "dst"),
    "shutil.copyfile": (1, "dst"),
    "shutil.copytree": (1, "dst"),
    "shutil.move": (1, "dst"),
    "shutil.unpack_archive": (1, "extract_dir"),
    "urllib.request.urlretrieve": (1, "filename"),
    "tensorflow.saved_model.save": (1, "export_dir"),
}
# Methods that write to the path that they are called on.
_PATH_WRITERS = {"write_text", "write_bytes", "mkdir", "touch", "unlink", "rename", "rmdir"}
# Methods of other objects that write to their first argument.
_SAVERS = {"save", "save_model", "save_weights", "save_pretrained", "to_csv", "to_pickle"}
_SAVERS |= {"to_json", "to_parquet", "extractall", "tofile", "savez", "download_to_filename"}
# Whose calls neither read nor write what they are given.
_HARMLESS = {"print", "str", "repr", "len", "isinstance", "format", "bool", "os.fspath"}
_HARMLESS_METHODS = {"debug", "info", "warning", "error", "exception", "log", "format", "append"}
_PATH_MAKERS = {"str", "pathlib.Path", "os.fspath"}
_PATH_MODULES = ("os.path.", "pathlib.")
_PATH_METHODS = {"joinpath", "with_name", "with_suffix", "resolve", "absolute", "expanduser"}
_PATH_READERS = {"read_text", "read_bytes", "open", "iterdir", "glob", "rglob"}


class ModelDirFlow:
    """Follows the model directory from the method that is given it through the class.

    `attributes` are those of the object that hold it, or a path made of it.
    """

    def __init__(self, described: ClassCode) -> None:
        self._described = described
        self.attributes: set[str] = set()
        self._locals: dict[str, set[str]] = {}
        for name in ("from_path", "load"):
            method = described.methods.get(name)
            if method is not None:
                self._locals[name] = set(_parameter_after_self(method))
        while self._grow():
            pass

    def writes(self) -> Iterator[tuple[Method, ast.Call]]:
        """The calls that write below the model directory."""
        for method in self._described.methods.values():
            for call in _calls(method.node):
                if self._writes(call, method):
                    yield method, call

    def reads(self, methods: list[Method]) -> Iterator[tuple[Method, ast.Call]]:
        """The calls in these methods that are handed a path into the model directory."""
        for method in methods:
            for call in _calls(method.node):
                if self._reads(call, method) and not self._writes(call, method):
                    yield method, call

    def whole(self) -> Iterator[tuple[Method, ast.Call]]:
        """The calls of loaders that are given the directory itself."""
        for name in ("from_path", "load"):
            method = self._described.methods.get(name)
            if method is None:
                continue
            given = _parameter_after_self(method)
            for call in _calls(method.node):
                spelled = method.module.dotted(call.func).rpartition(".")[2]
                first = call.args[0] if call.args else None
                is_itself = isinstance(first, ast.Name) and [first.id] == given
                if is_itself and spelled in ("load_model", "load", "from_pretrained"):
                    yield method, call

    def _grow(self) -> bool:
        """Follow assignments and calls of own methods one step; whether anything is new."""
        before = len(self.attributes) + sum(map(len, self._locals.values()))
        for name, method in self._described.methods.items():
            known = self._locals.setdefault(name, set())
            for node in ast.walk(method.node):
                if isinstance(node, ast.Assign) and self._holds(node.value, method):
                    for target in node.targets:
                        self._take(target, known)
                elif isinstance(node, ast.AnnAssign) and node.value is not None:
                    if self._holds(node.value, method):
                        self._take(node.target, known)
                elif isinstance(node, (ast.With, ast.AsyncWith)):
                    continue
                elif isinstance(node, ast.Call):
                    self._pass_on(node, method)
        return len(self.attributes) + sum(map(len, self._locals.values())) > before

    def _take(self, target: ast.expr, known: set[str]) -> None:
        if isinstance(target, ast.Name):
            known.add(target.id)
        elif isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name):
            self.attributes.add(target.attr)

    def _pass_on(self, call: ast.Call, method: Method) -> None:
        """Mark the parameters of an own method, or of the class, that are given a path."""
        callee = self._callee(call, method)
        if callee is None:
            return
        names = callee.positional[1:]
        known = self._locals.setdefault(callee.node.name, set())
        for name, value in zip(names, call.args, strict=False):
            if self._holds(value, method):
                known.add(name)
        for keyword in call.keywords:
            if keyword.arg and self._holds(keyword.value, method):
                known.add(keyword.arg)

    def _callee(self, call: ast.Call, method: Method) -> Method | None:
        first = method.positional[:1]
        function = call.func
        if isinstance(function, ast.Name):
            is_class = [function.id] == first or function.id == self._described.node.name
            return self._described.methods.get("__init__") if is_class else None
        if not (isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name)):
            return None
        is_own = [function.value.id] == first
        return self._described.methods.get(function.attr) if is_own else None

    def _holds(self, node: ast.expr, method: Method) -> bool:
        """Whether an expression is the model directory, or a path made of it."""
        if isinstance(node, ast.Name):
            return node.id in self._locals.get(method.node.name, ())
        if isinstance(node, ast.Attribute):
            if isinstance(node.value, ast.Name) and node.attr in self.attributes:
                return [node.value.id] == method.positional[:1]
            return node.attr == "parent" and self._holds(node.value, method)
        if isinstance(node, ast.BinOp):
            return self._holds(node.left, method) or self._holds(node.right, method)
        if isinstance(node, ast.JoinedStr):
            parts = [part.value for part in node.values if isinstance(part, ast.FormattedValue)]
            return any(self._holds(part, method) for part in parts)
        if isinstance(node, ast.Call):
            return self._makes_path(node, method)
        return False

    def _makes_path(self, call: ast.Call, method: Method) -> bool:
        spelled = method.module.dotted(call.func)
        is_maker = spelled in _PATH_MAKERS or spelled.startswith(_PATH_MODULES)
        if is_maker and any(self._holds(value, method) for value in call.args):
            return True
        function = call.func
        return (
            isinstance(function, ast.Attribute)
            and function.attr in _PATH_METHODS
            and self._holds(function.value, method)
        )

    def _writes(self, call: ast.Call, method: Method) -> bool:
        spelled = method.module.dotted(call.func)
        function = call.func
        if spelled in ("open", "io.open"):
            return self._given(call, method, 0, "file") and _is_write_mode(call, 1)
        if spelled in _WRITERS:
            return self._given(call, method, *_WRITERS[spelled])
        if not isinstance(function, ast.Attribute):
            return False
        if self._holds(function.value, method):
            is_open = function.attr == "open" and _is_write_mode(call, 0)
            return is_open or function.attr in _PATH_WRITERS
        return function.attr in _SAVERS and any(
            self._holds(value, method)
            for value in (*call.args[:1], *(keyword.value for keyword in call.keywords))
        )

    def _given(self, call: ast.Call, method: Method, position: int, keyword: str) -> bool:
        value = _argument(call, position, keyword)
        return value is not None and self._holds(value, method)

    def _reads(self, call: ast.Call, method: Method) -> bool:
        spelled, function = method.module.dotted(call.func), call.func
        if spelled in _HARMLESS or spelled.startswith(_PATH_MODULES):
            return False
        if isinstance(function, ast.Attribute):
            if function.attr in _HARMLESS_METHODS or self._callee(call, method) is not None:
                return False
            if function.attr in _PATH_METHODS:
                return False
            if function.attr in _PATH_READERS and self._holds(function.value, method):
                return True
        return any(self._holds(value, method) for value in call.args)


def _calls(node: Function) -> Iterator[ast.Call]:
    return (item for item in ast.walk(node) if isinstance(item, ast.Call))


def _parameter_after_self(method: Method) -> list[str]:
    names = method.positional
    skipped = 0 if method.is_decorated("staticmethod") else 1
    return names[skipped : skipped + 1]


def _argument(call: ast.Call, position: int, keyword: str) -> ast.expr | None:
    if len(call.args) > position:
        return call.args[position]
    return next((item.value for item in call.keywords if item.arg == keyword), None)


def _is_write_mode(call: ast.Call, position: int) -> bool:
    mode = _argument(call, position, "mode")
    text = mode.value if isinstance(mode, ast.Constant) else None
    return isinstance(text, str) and bool(_WRITE_MODES & set(text))
