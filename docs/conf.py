"""Sphinx: `make docs` builds the pages into docs/_build."""

import ast
import re
from pathlib import Path

import fasttok

project = "fasttok"
version = release = fasttok.__version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "numpydoc"]
exclude_patterns = ["_build"]
html_theme = "furo"
autodoc_member_order = "bysource"
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False
myst_heading_anchors = 3

DOCS = Path(__file__).parent
PACKAGE = Path(fasttok.__file__).parent


def summary(path: Path) -> str:
    """Return the first sentence of a module's docstring."""
    text = path.read_text(encoding="utf-8")
    doc = ast.literal_eval(match[0]) if (match := re.match(r'[rR]?"""(?s:.*?)"""', text)) else ""
    return doc.strip().split("\n\n")[0].replace("\n", " ").replace("|", r"\|")


def write_modules() -> None:
    """Write modules.md: every module in the order of the packages, with the first line of its docstring."""
    order = re.search(r"^    (core text .* cli)$", (DOCS / "architecture.md").read_text(), re.M)[1]
    lines = ["# Modules", "", "Generated from their docstrings; packages stand in the order of the flow."]
    for package in re.findall(r"\w+", order):
        paths = [*(PACKAGE / package).rglob("*.py"), *(PACKAGE / package).rglob("*.pyx")]
        paths = sorted(path for path in paths if path.stem != "__init__")
        if paths:
            lines += ["", f"## {package}", "", "| module | contents |", "|---|---|"]
        for path in paths:
            name = ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
            lines.append(f"| `{name}` | {summary(path)} |")
    (DOCS / "modules.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


write_modules()
