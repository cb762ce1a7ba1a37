"""Configuration of Sphinx. `make docs` writes the generated pages and builds all pages into docs/_build."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import generate

import fasttok

project = "fasttok"
version = release = fasttok.__version__
copyright = "The fasttok developers"
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.autosummary", "numpydoc"]
exclude_patterns = ["_build"]
templates_path = ["_templates"]
html_theme = "furo"
html_title = f"fasttok {version}"
autodoc_member_order = "bysource"
autodoc_typehints = "none"  # the docstrings give types, dtypes and shapes
autosummary_generate = True
default_role = "autolink"  # `Tokenizer.encode` in a docstring is a link
autosummary_context = {"list_members": generate.list_members}
suppress_warnings = ["config.cache"]  # the context above contains a function
nitpick_ignore_regex = [("py:obj", r"[a-z]\w*")]  # names of parameters, in backticks
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False
myst_heading_anchors = 3
# The notebooks are stored without output. The build runs them, and fails if one of them does.
nb_execution_mode = "force"
nb_execution_raise_on_error = True
nb_execution_timeout = 120
nb_merge_streams = True
html_static_path = ["_static"]
html_css_files = ["tables.css"]

generate.write_pages()
