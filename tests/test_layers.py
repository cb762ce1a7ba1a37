"""The house: packages in the order of the flow, no cycles, quick to import, nothing that is not needed."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
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

# Imports of a later package, each inside a method of `Tokenizer` that delegates in one line.
DELEGATES = {
    ("tokenizer.tokenizer", "formats.registry"),
    ("tokenizer.tokenizer", "display.colours"),
}
MOST_MODULES = 16  # in a folder


def ranks() -> dict[str, int]:
    """The place of each package in the line of docs/architecture.md that says their order."""
    page = (ROOT / "docs/architecture.md").read_text()
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


def sources() -> dict[str, list[Path]]:
    """The files of each module; packages' own files are empty but for the top one."""
    found: dict[str, list[Path]] = {}
    for path in [*PACKAGE.rglob("*.py"), *PACKAGE.rglob("*.pyx"), *PACKAGE.rglob("*.pxd")]:
        if path.stem != "__init__":
            found.setdefault(module_name(path), []).append(path)
    return found


def imports(path: Path) -> set[str]:
    """The modules that a file imports, wherever in it, with their full names."""
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
        found += re.findall(r'"(fasttok(?:\.\w+)+):\w+"()', text)  # the homes of components
    known = {f"fasttok.{name}" for name in sources()}
    result = set()
    for module, names in found:
        inner = {f"{module}.{name.strip()}" for name in names.split(",")} & known
        result |= inner or {module}
    return result


def edges() -> set[tuple[str, str]]:
    """Which module imports which, the root's own module aside: it has nothing but names."""
    found = set()
    for module, paths in sources().items():
        for path in paths:
            for target in imports(path):
                if target.startswith("fasttok.") and target != f"fasttok.{module}":
                    found.add((module, target.removeprefix("fasttok.")))
    return found


def test_every_package_has_its_place():
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


def test_packages_hold_nothing_themselves():
    for path in PACKAGE.rglob("__init__.p*"):
        if path.parent != PACKAGE or path.suffix == ".pxd":
            assert path.read_text() == "", path


def test_no_module_imports_a_peer():
    for paths in sources().values():
        for path in paths:
            assert not {name.split(".")[0] for name in imports(path)} & set(PEERS), path


def test_oracles_import_nothing_of_fasttok():
    for name in ("oracles", "metric_oracles", "decoder_oracles", "hostile"):
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
def test_importing_loads_only_what_is_used(use, absent):
    code = f"import sys, json, fasttok as ft\n{use}\nprint(json.dumps(sorted(sys.modules)))"
    assert not set(json.loads(run(code).stdout)) & set(absent)


def test_public_names():
    assert sorted(ft.__all__) == ft.__all__
    assert set(ft.__all__) == set(ft._HOME_OF)
    for name in ft.__all__:
        assert getattr(ft, name).__module__.startswith("fasttok.")
    assert set(ft.__all__) <= set(dir(ft))
    with pytest.raises(AttributeError, match="has no attribute 'nonsense'"):
        _ = ft.nonsense


def test_the_map_of_names_is_what_the_type_checker_sees():
    tree = ast.parse((PACKAGE / "__init__.py").read_text())
    [block] = [node for node in tree.body if isinstance(node, ast.If)]
    seen = {alias.name: node.module for node in block.body for alias in node.names}
    assert seen == ft._HOME_OF
