"""The layers of the product: who may import whom, read from the source.

Nothing is imported here; imports inside functions and under TYPE_CHECKING
count like any other.
"""

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = {
    "cpr.predictors": ROOT / "predictors",
    "cpr.packager": ROOT / "packaging" / "packager",
    "cpr": ROOT / "cpr",
}
# The layers of docs/decisions/0008-layers.md, some of them cut finer.
LAYERS = [
    {"errors", "suggest"},
    {"quantities"},
    {"candidates", "extras", "findings", "messages", "publishing", "settings_tables"}
    | {"platform_variables"},
    {"predictor", "config", "frames", "manifest", "requirements", "shims", "workdir"}
    | {"signatures"},
    {"archive", "contract", "key_pairs", "model_record", "required_key"},
    {"beside"},
    {"binding", "sources", "user_errors"},
    {"closing", "importing"},
    {"wire", "artifacts"},
    {"savedmodel"},
    {"estimators", "runtimes"},
    {"predictors"},
    {"batching", "observe", "translation"},
    {"routine"},
    {"serving"},
    {"describing"},
    {"explaining"},
    {"isolated"},
    {"compiling"},
    {"packager"},
    {"checks"},
    {"replay"},
    {"reports"},
    {"inspecting"},
    {"pages"},
    {"server"},
    {"harness"},
    {"init", "pytest_plugin"},
    {"cli"},
    {"__main__"},
]
LAYER_OF = {name: number for number, names in enumerate(LAYERS) for name in names}
CORE = {name for names in LAYERS[:8] for name in names} - {"requirements"}
# Imported where pytest is: by itself.
FOR_PYTEST = {"cpr.pytest_plugin", "cpr.harness.pytest_items"}
# What only ever runs where the extra `serve` is: `cpr serve` looks for it first.
FOR_SERVING = ("cpr.server.front", "cpr.pages.")
SERVING = {"a2wsgi", "flask", "httptools", "prometheus_client", "uvicorn", "uvloop", "werkzeug"}
# Of Python 3.10 too: tomllib came with 3.11, and tomli stands in for it.
STANDARD = sys.stdlib_module_names | {"tomllib"}
# What pip always installs with cpr; anything else is an extra.
REQUIRED = {"click", "fsspec", "google", "numpy", "orjson", "packaging", "rich", "tomli"}


def find_modules():
    paths = {}
    for package, folder in FOLDERS.items():
        for path in sorted(folder.rglob("*.py")):
            parts = path.relative_to(folder).with_suffix("").parts
            paths[".".join([package, *parts]).removesuffix(".__init__")] = path
    return paths


PATHS = find_modules()
MODULES = {name: ast.parse(path.read_bytes(), filename=str(path)) for name, path in PATHS.items()}
PACKAGES = {name for name in MODULES if any(other.startswith(f"{name}.") for other in MODULES)}


def imported_names(module, nodes):
    """Absolute names that import statements reach: modules, or attributes of modules."""
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parent = module if module in PACKAGES else module.rpartition(".")[0]
                for _ in range(node.level - 1):
                    parent = parent.rpartition(".")[0]
                base = f"{parent}.{base}".rstrip(".")
            yield from (f"{base}.{alias.name}" for alias in node.names)


def own_imports(module):
    """The modules of this product that a module imports."""
    for name in imported_names(module, ast.walk(MODULES[module])):
        if name.partition(".")[0] == "cpr":
            yield name if name in MODULES else name.rpartition(".")[0]


def top_level_imports(module):
    """Names imported as soon as the module is, whatever block they stand in."""
    pending, found = list(MODULES[module].body), []
    while pending:
        node = pending.pop()
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            continue
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            pending.extend(node.orelse)
            continue
        found.append(node)
        pending.extend(ast.iter_child_nodes(node))
    return set(imported_names(module, found))


def part(module):
    """The name that has a layer: `wire` for cpr.wire.tensors."""
    return module.split(".")[1] if "." in module else ""


@pytest.mark.parametrize("module", sorted(MODULES))
def test_every_module_has_a_layer(module):
    assert module == "cpr" or part(module) in LAYER_OF, (
        f"{module}: give {part(module)!r} a layer in {Path(__file__).name}"
    )


@pytest.mark.parametrize("module", sorted(set(MODULES) - {"cpr"}))
def test_imports_only_lower_layers_or_its_own_folder(module):
    own_layer = LAYER_OF.get(part(module), 99)
    for target in own_imports(module):
        if target == "cpr":
            pytest.fail(f"{module} imports from the front door `cpr`; name the module itself")
        if part(target) == part(module):
            continue
        layer = LAYER_OF[part(target)]
        assert layer < own_layer, f"{module} (layer {own_layer}) imports {target} (layer {layer})"


@pytest.mark.parametrize("module", sorted(MODULES))
def test_what_has_an_underscore_is_imported_within_its_own_package_only(module):
    for name in imported_names(module, ast.walk(MODULES[module])):
        parts = name.split(".")
        private = [at for at, one in enumerate(parts) if one[0] == "_" and one[-2:] != "__"]
        if parts[0] == "cpr" and private:
            owner = ".".join(parts[: private[0]])
            assert f"{module}.".startswith(f"{owner}."), f"{module} imports {name}"


def test_no_predictor_imports_another():
    for module in (name for name in MODULES if name.startswith("cpr.predictors.")):
        others = {name for name in own_imports(module) if part(name) == "predictors"} - {module}
        assert not {name for name in others if not name.rpartition(".")[2].startswith("_")}


@pytest.mark.parametrize("module", sorted(n for n in MODULES if part(n) in CORE))
def test_core_imports_the_standard_library_only(module):
    # A shim exists to repair a library, inside the function that does so.
    everything = set(imported_names(module, ast.walk(MODULES[module])))
    names = top_level_imports(module) if module == "cpr.shims" else everything
    roots = {name.partition(".")[0] for name in names}
    assert roots <= STANDARD | {"cpr", "tomli", "__future__"}


@pytest.mark.parametrize("module", sorted(MODULES))
def test_optional_libraries_are_never_imported_at_the_top(module):
    roots = {name.partition(".")[0] for name in top_level_imports(module)}
    optional = roots - STANDARD - REQUIRED - {"cpr", "__future__"}
    optional -= {"pytest"} if module in FOR_PYTEST else set()
    optional -= SERVING if module.startswith(FOR_SERVING) else set()
    assert not optional, f"{module}: import {sorted(optional)} through cpr.extras.import_extra"


@pytest.mark.parametrize("module", sorted(MODULES))
def test_an_import_inside_a_function_has_a_reason_in_a_comment(module):
    lines = PATHS[module].read_text(encoding="utf-8").splitlines()
    functions = [n for n in ast.walk(MODULES[module]) if isinstance(n, ast.FunctionDef)]
    for function in functions:
        for node in ast.walk(function):
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                before = lines[function.lineno - 1 : node.lineno]
                assert any("#" in line for line in before), f"{module}:{node.lineno}"


def test_there_are_no_circular_imports():
    graph = {module: sorted(set(own_imports(module)) - {module}) for module in MODULES}
    cycle = find_cycle(graph)
    assert not cycle, "circular import: " + " → ".join(cycle)


def find_cycle(graph):
    done, path = set(), []

    def visit(module):
        if module in path:
            return [*path[path.index(module) :], module]
        if module in done:
            return []
        path.append(module)
        for target in graph.get(module, ()):
            cycle = visit(target)
            if cycle:
                return cycle
        path.pop()
        done.add(module)
        return []

    for start in graph:
        cycle = visit(start)
        if cycle:
            return cycle
    return []


@pytest.mark.parametrize(
    ("graph", "cycle"),
    [
        ({"a": ["b"], "b": ["c"], "c": []}, []),
        ({"a": ["b"], "b": ["c"], "c": ["b"]}, ["b", "c", "b"]),
    ],
    ids=["chain", "loop"],
)
def test_the_search_for_cycles_finds_them(graph, cycle):
    assert find_cycle(graph) == cycle
