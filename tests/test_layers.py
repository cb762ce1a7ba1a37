"""Structure of the package: order of layers, no cycles, small folders, fast and lazy imports."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import fasttok as ft
from tests.conftest import ROOT

PACKAGE = ROOT / "fasttok"
PEERS = (
    "tokenizers",
    "tiktoken",
    "sentencepiece",
    "gigatoken",
    "gigabpe",
    "rustbpe",
    "tokie",
    "transformers",
)

# Allowed imports of later packages: each is inside a method of `Tokenizer`, `Lattice` or `ViterbiTable` that
# delegates in one line.
DELEGATES = {
    ("tokenizer.tokenizer", "formats.registry"),
    ("tokenizer.tokenizer", "formats.bridges"),
    ("tokenizer.tokenizer", "display.colours"),
    ("tokenizer.tokenizer", "display.merge_trees"),
    ("models.unigram.lattice", "display.lattices"),
}
BRIDGES = ("formats.bridges",)  # modules that may import another tokenizer library, inside functions
LAZY = ("tokens",)  # public packages whose names are imported on first access
MOST_MODULES = 16  # largest number of modules in a folder


def ranks() -> dict[str, int]:
    """Return the rank of each package, read from the list of layers in docs/design/architecture.md."""
    page = (ROOT / "docs/design/architecture.md").read_text()
    [line] = re.findall(r"^    (core text .* cli)$", page, re.M)
    found, rank, inside = {}, 0, False
    for word in re.findall(r"[\w]+|[{}]", line):
        if word in "{}":
            inside = word == "{"
            rank += word == "}"
            continue
        found[word] = rank
        rank += not inside
    return found


def module_name(path: Path) -> str:
    return ".".join(path.relative_to(PACKAGE).with_suffix("").parts)


def package_of(module: str) -> str:
    return module.partition(".")[0]


@cache
def sources() -> dict[str, list[Path]]:
    """Return the source files of each module, except ``__init__`` files."""
    found: dict[str, list[Path]] = {}
    for path in [*PACKAGE.rglob("*.py"), *PACKAGE.rglob("*.pyx"), *PACKAGE.rglob("*.pxd")]:
        if path.stem != "__init__":
            found.setdefault(module_name(path), []).append(path)
    return found


@cache
def imports(path: Path) -> set[str]:
    """Return the full names of the modules that a file imports, at any level."""
    text = path.read_text()
    if path.suffix != ".py":
        found = re.findall(r"^\s*from ([\w.]+) c?import ([\w, ()]+)", text, re.M)
        found += [(name, "") for name in re.findall(r"^\s*c?import ([\w.]+)", text, re.M)]
    else:
        found = []
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Import):
                found += [(alias.name, "") for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{path}: imports are absolute"
                found += [(node.module or "", ", ".join(alias.name for alias in node.names))]
        found += re.findall(r'"(fasttok(?:\.\w+)+):\w+"()', text)  # import paths in registries
    known = {f"fasttok.{name}" for name in sources()}
    result = set()
    for module, names in found:
        inner = {f"{module}.{name.strip()}" for name in names.split(",")} & known
        result |= inner or {module}
    return result


@cache
def edges() -> set[tuple[str, str]]:
    """Return the pairs (module, imported module) within the package, except imports of its root."""
    found = set()
    for module, paths in sources().items():
        for path in paths:
            for target in imports(path):
                if target.startswith("fasttok.") and target != f"fasttok.{module}":
                    found.add((module, target.removeprefix("fasttok.")))
    return found


@pytest.mark.parametrize("package", ["core", "corpus", "counts", "models", "tokens"])
def test_no_matrix_products_beside_worker_threads(package):
    """For a matrix product, NumPy wakes the threads of its BLAS, which occupy all CPUs for a while."""
    products = {"dot", "vdot", "inner", "matmul", "tensordot", "linalg"}
    for path in (PACKAGE / package).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            assert not isinstance(node, ast.MatMult), path
            assert not (isinstance(node, ast.Attribute) and node.attr in products), path


def test_every_package_has_a_rank():
    packages = {package_of(module) for module in sources()} - {"__main__"}
    assert packages <= ranks().keys()


def test_packages_import_earlier_ones():
    rank = ranks() | {"__main__": len(ranks())}
    backwards = {
        (a, b)
        for a, b in edges()
        if package_of(a) != package_of(b) and rank[package_of(a)] <= rank[package_of(b)]
    }
    assert backwards == DELEGATES


@pytest.mark.parametrize("package", sorted({package_of(module) for module in sources()}))
def test_no_package_has_a_cycle(package):
    graph: dict[str, set[str]] = {}
    for a, b in edges():
        if package_of(a) == package_of(b) == package:
            graph.setdefault(a, set()).add(b)
    try:
        list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        pytest.fail(f"{package}: " + " -> ".join(error.args[1]))


def test_folders_are_small():
    assert len(list(PACKAGE.glob("*.py"))) <= 6
    for folder in {path.parent for paths in sources().values() for path in paths}:
        modules = {path.stem for path in folder.iterdir() if path.suffix in (".py", ".pyx")} - {"__init__"}
        assert len(modules) <= MOST_MODULES, folder


def test_init_files_of_packages_are_empty():
    public = [PACKAGE, *(PACKAGE / name for name in ft._PACKAGES)]
    for path in PACKAGE.rglob("__init__.p*"):
        if path.parent not in public or path.suffix == ".pxd":
            assert path.read_text() == "", path


@pytest.mark.parametrize("package", [name for name in ft._PACKAGES if name not in LAZY])
def test_init_files_of_public_packages_only_import_public_names(package):
    doc, *statements, names = ast.parse((PACKAGE / package / "__init__.py").read_text()).body
    assert isinstance(doc, ast.Expr)
    assert all(isinstance(one, ast.ImportFrom) for one in statements)
    imported = [alias.name for one in statements for alias in one.names]
    module = getattr(ft, package)
    assert isinstance(names, ast.Assign)
    assert module.__all__ == sorted(module.__all__)
    assert sorted(imported) == sorted(module.__all__)
    for name in module.__all__:
        assert getattr(module, name).__module__.startswith(f"fasttok.{package}.")


@pytest.mark.parametrize("package", [name for name in ft._PACKAGES if name in LAZY])
def test_names_of_lazy_packages(package):
    module = getattr(ft, package)
    assert module.__all__ == sorted(module.__all__)
    assert set(module.__all__) == set(module._MODULE_OF)
    for name in module.__all__:
        assert getattr(module, name).__module__.startswith(f"fasttok.{package}.")
    assert set(module.__all__) <= set(dir(module))
    with pytest.raises(AttributeError, match="has no attribute 'nonsense'"):
        _ = module.nonsense
    loaded = run(f"import sys, fasttok as ft\nft.{package}\nprint('numpy' in sys.modules)").stdout
    assert loaded == "False\n"


def test_no_module_imports_another_tokenizer_library():
    for module, paths in sources().items():
        for path in paths if module not in BRIDGES else ():
            assert not {name.split(".")[0] for name in imports(path)} & set(PEERS), path


def test_oracles_do_not_import_fasttok():
    for name in (
        *("oracles", "metric_oracles", "decoder_oracles"),
        *("token_oracles", "trace_oracles", "naive_packing", "vector_oracles", "lm_oracles", "hostile"),
    ):
        allowed = set(sys.stdlib_module_names) | {"numpy", "regex"}
        assert {module.split(".")[0] for module in imports(ROOT / "tests" / f"{name}.py")} <= allowed


def run(code: str, *flags: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *flags, "-c", code], check=True, capture_output=True, text=True)


@pytest.mark.parametrize(
    ("use", "absent"),
    [
        ("", ["numpy", "numba", "regex", "tqdm", "click"]),
        ("ft.Tokenizer; ft.load; ft.train; ft.BPETrainer; ft.Corpus", ["numba", "regex", "click", "scipy"]),
        (f"ft.load({str(ROOT / 'tests/data/tiny.json')!r}).encode('a b')", ["numba", "regex", "click"]),
    ],
)
def test_imports_are_lazy(use, absent):
    code = f"import sys, json, fasttok as ft\n{use}\nprint(json.dumps(sorted(sys.modules)))"
    assert not set(json.loads(run(code).stdout)) & set(absent)


def test_public_names():
    assert sorted(ft.__all__) == ft.__all__
    assert set(ft.__all__) == set(ft._MODULE_OF)
    for name in ft.__all__:
        assert getattr(ft, name).__module__.startswith("fasttok.")
    assert {*ft.__all__, *ft._PACKAGES} <= set(dir(ft))
    with pytest.raises(AttributeError, match="has no attribute 'nonsense'"):
        _ = ft.nonsense


def test_lazy_names_agree_with_imports_for_type_checkers():
    tree = ast.parse((PACKAGE / "__init__.py").read_text())
    [block] = [node for node in tree.body if isinstance(node, ast.If)]
    seen = {alias.name: node.module for node in block.body for alias in node.names}
    assert seen == ft._MODULE_OF | dict.fromkeys(ft._PACKAGES, "fasttok")
