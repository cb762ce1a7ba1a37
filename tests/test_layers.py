"""The house: imports point only to lower layers, quick to import, nothing that is not needed."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from itertools import combinations
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

# Imports upwards, each inside a function of one line: a method that delegates to a higher layer.
DELEGATES = {("tokenizer", f"formats.{name}") for name in ("native", "tiktoken", "vocab")}


def layers() -> dict[str, int]:
    """The row of each module in the layer table of docs/architecture.md, counted from the bottom."""
    page = (ROOT / "docs/architecture.md").read_text()
    table = page[page.index("| layer |") :].split("\n\n")[0]
    rows = [re.findall(r"`([\w.]+)`", row.split("|")[2]) for row in table.splitlines()[2:]]
    found = {module: number for number, row in enumerate(rows) for module in row}
    assert len(found) == sum(map(len, rows)), "a module stands in the table twice"
    return found


def module_name(path: Path) -> str:
    return ".".join(path.relative_to(PACKAGE).with_suffix("").parts)


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
    known = {f"fasttok.{name}" for name in sources()}
    result = set()
    for module, names in found:
        inner = {f"{module}.{name.strip()}" for name in names.split(",")} & known
        result |= inner or {module}
    return result


def edges() -> list[tuple[str, str]]:
    found = []
    for module, paths in sources().items():
        for path in paths:
            for target in imports(path):
                if target.startswith("fasttok.") and target != f"fasttok.{module}":
                    found.append((module, target.removeprefix("fasttok.")))
    return found


def test_the_table_lists_every_module():
    assert sorted(layers()) == sorted(sources())


def test_imports_point_to_lower_layers():
    height = layers()
    upwards = {(a, b) for a, b in edges() if height[a] <= height[b]}
    assert upwards == DELEGATES


def test_packages_hold_nothing_themselves():
    for path in PACKAGE.rglob("__init__.p*"):
        if path.parent != PACKAGE or path.suffix == ".pxd":
            assert path.read_text() == "", path


def test_no_module_imports_a_peer():
    for paths in sources().values():
        for path in paths:
            assert not {name.split(".")[0] for name in imports(path)} & set(PEERS), path


def test_oracles_import_nothing_of_fasttok():
    for name in ("oracles", "metric_oracles", "hostile"):
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


def test_no_two_modules_import_each_other():
    found = set(edges()) - DELEGATES
    assert not [(a, b) for a, b in combinations(sources(), 2) if (a, b) in found and (b, a) in found]
