"""The machine that runs a pickle's instructions, without its dangerous ones.

Scanning and loading share it, so that they cannot disagree about what a file
says: they differ only in what a name becomes. It is Python's own machine
with these differences:

* only what a name led to is called, never what another call returned;
* nothing that a name led to is changed: no attribute of a class is set;
* extension codes and persistent ids are refused;
* joblib's arrays are read here, object arrays by this same machine.
"""

from __future__ import annotations

import _compat_pickle
import pickle
import re
from typing import Any, ClassVar, NoReturn

from cpr.artifacts.pickle_stream import PickleStream

# joblib was once part of scikit-learn.
ARRAY_WRAPPERS = frozenset(
    (f"{prefix}joblib.numpy_pickle", "NumpyArrayWrapper") for prefix in ("", "sklearn.externals.")
)
_OLD_WRAPPERS = re.compile(r"(sklearn\.externals\.)?joblib\.numpy_pickle(_compat)?")


class ForbiddenPickle(pickle.UnpicklingError):
    """A pickle does what no pickle of a model needs to do.

    `names` are the (module, name) pairs that it had used until then, as far
    as they were gathered.
    """

    names: tuple[tuple[str, str], ...] = ()


class Machine(pickle._Unpickler):
    """Runs the instructions of one stream; what names become is up to the subclass."""

    stack: list[Any]
    proto: int
    dispatch: ClassVar[dict[int, Any]] = {**pickle._Unpickler.dispatch}

    def __init__(self, stream: PickleStream) -> None:
        super().__init__(stream)
        self.stream = stream
        # By identity, and held: whether something on the stack came from a name.
        self._named: dict[int, tuple[Any, str]] = {}

    def resolve(self, module: str, name: str) -> Any:
        """What a name becomes."""
        raise NotImplementedError

    def call(self, function: Any, arguments: Any, keywords: Any) -> Any:
        """What calling something that came from a name becomes."""
        raise NotImplementedError

    def make(self, cls: Any, arguments: Any, keywords: Any) -> Any:
        """What ``cls.__new__`` of something that came from a name becomes."""
        raise NotImplementedError

    def before_state(self, target: Any) -> None:
        """Refuse to give a state to this object, or not."""

    def array_of(self, built: Any) -> Any:
        """The array that follows in the stream, where `built` is joblib's wrapper of one.

        It is called with whatever has got a state, and returns what takes its place.
        """
        raise NotImplementedError

    def nested(self) -> Any:
        """Run the pickle that begins here, inside another, and return what it makes."""
        return type(self)(self.stream).load()

    def find_class(self, module: str, name: str) -> Any:
        """Look a name up, as Python 3 calls it, and remember that a name led there."""
        module, name = modern_name(module, name, self.proto)
        if name.endswith("NDArrayWrapper") and _OLD_WRAPPERS.fullmatch(module):
            raise ForbiddenPickle(
                "it was saved by joblib before 0.10, whose arrays lie in files of their own"
            )
        found = self.resolve(module, name)
        self._named[id(found)] = (found, f"{module}.{name}")
        return found

    def name_of(self, value: Any) -> str:
        """The dotted name that led to a value, or an empty string."""
        return self._named[id(value)][1] if id(value) in self._named else ""

    def get_extension(self, code: int) -> NoReturn:
        """Refuse: which name a code stands for is up to the process."""
        raise ForbiddenPickle(f"it names something by the extension code {code}")

    def persistent_load(self, pid: Any) -> NoReturn:
        """Refuse: nothing outside the file belongs to it."""
        raise ForbiddenPickle("it refers to something outside the file, by a persistent id")

    def _instantiate(self, klass: Any, args: Any) -> None:
        self._refuse_unnamed(klass)
        self.stack.append(self.call(klass, args, {}))

    def load_reduce(self) -> None:
        """Call what a name led to."""
        arguments = self.stack.pop()
        self._refuse_unnamed(self.stack[-1])
        self.stack[-1] = self.call(self.stack[-1], arguments, {})

    def load_newobj(self) -> None:
        """Make an object of the class that a name led to."""
        arguments = self.stack.pop()
        self._refuse_unnamed(self.stack[-1])
        self.stack[-1] = self.make(self.stack[-1], arguments, {})

    def load_newobj_ex(self) -> None:
        """The same, with keyword arguments."""
        keywords, arguments = self.stack.pop(), self.stack.pop()
        self._refuse_unnamed(self.stack[-1])
        self.stack[-1] = self.make(self.stack[-1], arguments, keywords)

    def load_build(self) -> None:
        """Give an object its state, and put an array where joblib's wrapper is."""
        if name := self.name_of(self.stack[-2]):
            raise ForbiddenPickle(f"it changes {name} itself")
        self.before_state(self.stack[-2])
        _PLAIN_BUILD(self)
        self.stack[-1] = self.array_of(self.stack[-1])

    def _refuse_unnamed(self, value: Any) -> None:
        if not self.name_of(value):
            raise ForbiddenPickle("it calls what another call has returned")

    dispatch[pickle.REDUCE[0]] = load_reduce
    dispatch[pickle.NEWOBJ[0]] = load_newobj
    dispatch[pickle.NEWOBJ_EX[0]] = load_newobj_ex
    dispatch[pickle.BUILD[0]] = load_build


_PLAIN_BUILD: Any = pickle._Unpickler.dispatch[pickle.BUILD[0]]


def modern_name(module: str, name: str, protocol: int) -> tuple[str, str]:
    """The name in Python 3 of what a pickle of protocol 0 to 2 may call as Python 2 did."""
    if protocol < 3:
        if (module, name) in _compat_pickle.NAME_MAPPING:
            return _compat_pickle.NAME_MAPPING[module, name]
        return _compat_pickle.IMPORT_MAPPING.get(module, module), name
    return module, name
