"""What importing the routine does to the world: network, files, processes.

Told twice: from the source, by calls that stand outside functions, and by the
audit hook of the clean import. A line is reported once.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence

from cpr.checks.content import content_of
from cpr.checks.modules import Module
from cpr.checks.probe import probe
from cpr.checks.subject import Subject
from cpr.errors import shorten
from cpr.findings import Finding, rule

NETWORK = rule(
    "CPR120",
    "warning",
    "Importing the routine needs the network, or credentials",
    cause="Code outside functions runs when the module is imported: before there is a request, in "
    "tests, and in every tool that looks at the class. A client of a cloud service that is made "
    "there asks for credentials at once, and without them, or without network, nothing can be "
    "loaded.",
    cure="Make the client in from_path, or on first use.",
    example="""
    from google.cloud import storage

    client = storage.Client()          # at import

    class MyPredictor:
        @classmethod
        def from_path(cls, model_dir):
            return cls(storage.Client())   # when the model is loaded
    """,
)
FILES = rule(
    "CPR121",
    "warning",
    "Importing the routine opens a file outside the package",
    cause="A file by its absolute path is there on one machine only. The package and the model "
    "directory are all that is copied to where the routine is served.",
    cure="Put the file into the model directory, and open it in from_path.",
    example="""
    LABELS = open("/home/me/labels.txt").read().split()
    """,
)
PROCESSES = rule(
    "CPR122",
    "warning",
    "Importing the routine starts another process",
    cause="A command that runs at import is not there on every machine, has no time limit, and is "
    "run again by every process that serves. Installing libraries so fails where there is no "
    "network, and races where several processes start.",
    cure="State libraries as requirements; run what must run in from_path.",
    example="""
    subprocess.check_call([sys.executable, "-m", "pip", "install", "xgboost"])
    """,
)
_IDS = {"network": NETWORK, "file": FILES, "process": PROCESSES}
_SAYS = {"network": "connects to", "file": "opens", "process": "starts"}

_NETWORK_CALLS = re.compile(
    r"google\.cloud\..*(Client|from_service_account_\w+)|google\.auth\.default"
    r"|googleapiclient\.discovery\.build|(boto3|botocore)\..*|requests\.(get|post|put|head|request)"
    r"|urllib\.request\.(urlopen|urlretrieve)|urllib2\.urlopen|http\.client\.HTTPS?Connection"
    r"|socket\.(create_connection|gethostbyname|getaddrinfo)|httpx\.(get|post|Client)"
    r"|pymongo\.MongoClient|psycopg2\.connect|pymysql\.connect|smtplib\.SMTP|ftplib\.FTP"
    r"|nltk\.download|gensim\.downloader\.load|tensorflow_hub\.(load|KerasLayer|Module)"
    r"|torch\.hub\.load.*|huggingface_hub\.\w+|transformers\..*\.from_pretrained"
    r"|(tensorflow\.)?keras\.utils\.get_file|wget\.download|gdown\.download"
)
_PROCESS_CALLS = re.compile(
    r"subprocess\.(run|call|check_call|check_output|Popen)|os\.(system|popen|spawn\w*)|pip\.main"
    r"|pip\._internal\.main"
)
_FILE_CALLS = re.compile(
    r"(io\.)?open|.*\.(load|loads|loadtxt|read_\w+|open|load_model|from_file|ZipFile|Image\.open)"
)
_PATH_READERS = {"read_text", "read_bytes", "open"}


def check(subject: Subject) -> Iterator[Finding]:
    """What the modules of the package do when they are imported."""
    content = content_of(subject)
    found = [item for module in content.modules for item in _in_source(module, subject)]
    seen = probe(subject)
    for effect in seen.effects if seen else ():
        place = effect.place
        if not any((f.id, f.file, f.line) == (_IDS[effect.kind], *_tuple(place)) for f in found):
            message = f"importing {_SAYS[effect.kind]} {shorten(effect.what)}"
            found.append(Finding(_IDS[effect.kind], message, file=place.file, line=place.line))
    yield from found


def _tuple(place: object) -> tuple[str, int]:
    return getattr(place, "file", ""), getattr(place, "line", 0)


def _in_source(module: Module, subject: Subject) -> Iterator[Finding]:
    for call in _calls_at_import(module.tree.body):
        kind, what = _kind(module, call)
        if kind:
            yield Finding(
                _IDS[kind],
                f"importing {module.name!r} calls {what}",
                file=subject.relative(module.path),
                line=call.lineno,
            )


def _kind(module: Module, call: ast.Call) -> tuple[str, str]:
    spelled = module.dotted(call.func)
    if _NETWORK_CALLS.fullmatch(spelled):
        return "network", f"{spelled}(…)"
    if _PROCESS_CALLS.fullmatch(spelled):
        return "process", f"{spelled}(…)"
    function = call.func
    if isinstance(function, ast.Attribute) and isinstance(function.value, ast.Call):
        made = function.value
        path = _first_text(made) if module.dotted(made.func) == "pathlib.Path" else ""
        if function.attr in _PATH_READERS and _is_absolute(path):
            return "file", f"{ast.unparse(function)}()"
        return "", ""
    text = _first_text(call)
    if "://" in text and _FILE_CALLS.fullmatch(spelled):
        return "network", f"{spelled}({shorten(text)})"
    if _is_absolute(text) and _FILE_CALLS.fullmatch(spelled):
        return "file", f"{spelled}({shorten(text)})"
    return "", ""


def _first_text(call: ast.Call) -> str:
    first = call.args[0] if call.args else None
    is_text = isinstance(first, ast.Constant) and isinstance(first.value, str)
    return str(first.value) if is_text and isinstance(first, ast.Constant) else ""


def _is_absolute(path: str) -> bool:
    is_windows = re.match(r"[A-Za-z]:[\\/]", path) is not None
    return path.startswith(("/", "~/")) or is_windows


def _calls_at_import(body: Sequence[ast.AST]) -> Iterator[ast.Call]:
    """The calls that run when a module is imported; not those of ``__main__`` blocks."""
    for node in body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            defaults = [*node.args.defaults, *filter(None, node.args.kw_defaults)]
            yield from _calls_at_import([*node.decorator_list, *defaults])
        elif isinstance(node, ast.Lambda) or (isinstance(node, ast.If) and is_main_block(node)):
            continue
        else:
            if isinstance(node, ast.Call):
                yield node
            yield from _calls_at_import(list(ast.iter_child_nodes(node)))


def is_main_block(node: ast.If) -> bool:
    """Whether an if asks for ``__name__ == "__main__"``."""
    return "__main__" in ast.unparse(node.test) and "__name__" in ast.unparse(node.test)
