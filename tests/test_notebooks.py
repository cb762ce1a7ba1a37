"""The course notebooks are listed, complete, and stored without output. `make docs` runs them."""

from __future__ import annotations

import json
import re

import pytest

from tests.conftest import ROOT

FOLDER = ROOT / "docs/notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))


def test_the_index_lists_all_notebooks_in_order():
    index = (FOLDER / "index.md").read_text(encoding="utf-8")
    names = [path.stem for path in NOTEBOOKS]
    assert re.findall(r"^\d\. \[.*\]\((.*)\.ipynb\)", index, re.MULTILINE) == names
    assert re.findall(r"^(\d_\w+)$", index, re.MULTILINE) == names
    assert len(names) == 7


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_has_a_title_exercises_and_no_output(path):
    notebook = json.loads(path.read_text(encoding="utf-8"))
    cells = notebook["cells"]
    sources = ["".join(cell["source"]) for cell in cells]
    assert sources[0].startswith(f"# {path.stem[0]}. ")
    assert "pip install" in sources[0]
    assert sources[-1].startswith("## Try it")
    for cell in cells:
        if cell["cell_type"] == "code":
            assert cell["outputs"] == []
            assert cell["execution_count"] is None
