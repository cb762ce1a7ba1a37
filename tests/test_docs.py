"""Documentation: public names have docstrings with examples, pages are short and linked, wording is plain."""

from __future__ import annotations

import ast
import inspect
import re
import runpy
from functools import cache
from importlib import import_module
from operator import attrgetter
from pathlib import Path

import click
import pytest

import fasttok as ft
from fasttok.cli.main import main
from fasttok.decoders.registry import DECODERS
from fasttok.models.registry import TRAINERS
from fasttok.text.normalizers.registry import NORMALIZERS
from fasttok.text.pretokenizers.registry import PRETOKENIZERS

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
# Folders that are not pages of the repository.
GENERATED = ("_build", "_templates", "generated")
PAGES = [path for path in sorted(DOCS.rglob("*.md")) if not set(GENERATED) & set(path.parts)]
SOURCES = sorted(
    path
    for folder in ("fasttok", "tests", "benchmarks", "docs")
    for pattern in ("*.py", "*.pyx", "*.pyi")
    for path in (ROOT / folder).rglob(pattern)
    if "_build" not in path.parts and path != Path(__file__)
)
# Old internal names that said nothing. Each has been replaced by a plain name.
RETIRED = (
    "come_out_whole",
    "describe_foreign",
    "drawn_encoder",
    "ids_behind",
    "joins_unknown",
    "takes_rows_whole",
    "written_pieces",
)

ERRORS = [
    name
    for name in ft.__all__
    if isinstance(getattr(ft, name), type) and issubclass(getattr(ft, name), Exception)
]
PACKAGES = {name: getattr(ft, name) for name in ft._PACKAGES}
# Names as they are written after `ft.`
EVERY = [
    *ft.__all__,
    *(
        f"{package}.{name}"
        for package, module in PACKAGES.items()
        for name in module.__all__
        if name not in ft.__all__
    ),
]
PUBLIC = [name for name in EVERY if name not in ERRORS]


@cache
def documented_names() -> list[str]:
    """Return the names that the reference has a page for, relative to the package."""
    names = []
    for page in ("api.md", "errors.md", "metric_functions.md"):
        text = (DOCS / "reference" / page).read_text(encoding="utf-8")
        for part in re.split(r"^\.\. currentmodule:: fasttok\b", text, flags=re.M)[1:]:
            module = part.split("\n", 1)[0].strip(".")
            for block in re.findall(r"\.\. autosummary::\n((?: {3}.*\n|\n)*)", part):
                found = re.findall(r"^ {3}([\w.]+)$", block, re.M)
                names += [f"{module}.{name}" if module else name for name in found]
    return names


def parameters(thing) -> list[str]:
    return [p for p in inspect.signature(thing).parameters if p not in ("self", "cls")]


def documented_parts():
    for name in PUBLIC:
        thing = attrgetter(name)(ft)
        yield name, thing, thing.__doc__
        if inspect.isclass(thing):
            own = [kind for kind in thing.__mro__ if kind.__module__.startswith("fasttok.")]
            members = {method: member for kind in reversed(own) for method, member in vars(kind).items()}
            for method, member in members.items():
                if not method.startswith("_"):
                    function = inspect.unwrap(getattr(member, "__func__", getattr(member, "fget", member)))
                    yield f"{name}.{method}", function, inspect.getdoc(getattr(thing, method))


@pytest.mark.parametrize(
    ("name", "thing", "doc"), [pytest.param(*part, id=part[0]) for part in documented_parts()]
)
def test_every_public_name_has_a_docstring_with_its_parameters(name, thing, doc):
    if not callable(thing):
        return  # a constant of a class
    assert doc, name
    assert doc.strip()[0].isupper(), name
    if inspect.isfunction(thing) and len(parameters(thing)) > 2:
        section = doc.partition("Parameters\n")[2]
        for parameter in parameters(thing):
            line = rf"^ *(?:\**\w+, )*\**{parameter}(?:,| :|$)"
            assert re.search(line, section, re.M), f"{name}: {parameter} is not documented"


@pytest.mark.parametrize("name", EVERY)
def test_every_public_name_has_a_page_with_an_example(name):
    assert ">>> " in attrgetter(name)(ft).__doc__
    assert name in documented_names()


@pytest.mark.parametrize("path", [name for name in documented_names() if "." in name])
def test_other_documented_names_have_an_example(path):
    module, name = f"fasttok.{path}".rsplit(".", 1)
    assert ">>> " in getattr(import_module(module), name).__doc__


@pytest.mark.parametrize("name", ERRORS)
def test_errors_are_value_errors(name):
    assert issubclass(getattr(ft, name), ft.FasttokError)
    assert issubclass(getattr(ft, name), ValueError)
    assert getattr(ft, name).__doc__


def component_rows():
    page = (DOCS / "reference/components.md").read_text(encoding="utf-8")
    for section in re.split(r"^## ", page, flags=re.M)[1:4]:
        kind = section.split("\n", 1)[0]
        for row in re.findall(r"^\| `(.+?)` \| .* \| `(.+)` \| `(.+)` \|$", section, re.M):
            component, given, expected = (part.replace(r"\|", "|") for part in row)
            yield kind, component, ast.literal_eval(given), ast.literal_eval(expected)


@pytest.mark.parametrize(("kind", "component", "given", "expected"), list(component_rows()))
def test_tables_of_components_show_actual_outputs(kind, component, given, expected):
    component = eval(component, {"ft": ft})  # noqa: S307  our own page
    if kind == "Normalizers":
        assert ft.get_normalizer(component).normalize(given) == expected
    elif kind == "Pretokenizers":
        assert [
            pretoken.decode() for pretoken in ft.get_pretokenizer(component).split_text(given)
        ] == expected
    else:
        models = {
            "space_before": ft.WordPieceModel,
            "space_after": lambda pieces: ft.BPEModel(pieces, [], alphabet=ft.Characters("</w>")),
        }
        model = models.get(str(component), ft.WordModel)(given)
        assert ft.Tokenizer(model, "none", decoder=component).decode(range(len(given))) == expected


@pytest.mark.parametrize(
    "registry", [NORMALIZERS, PRETOKENIZERS, DECODERS, TRAINERS], ids=lambda one: one.kind
)
def test_tables_of_components_list_every_registered_name(registry):
    page = (DOCS / "reference/components.md").read_text(encoding="utf-8")
    for name in registry:
        assert re.search(rf'`"{name}"`|`ft\.{name}\(|"{name}", ', page, re.I), name


def find_in_sources(pattern: str) -> list[str]:
    return [
        f"{path.relative_to(ROOT)}: {found}"
        for path in SOURCES
        for found in re.findall(pattern, path.read_text(encoding="utf-8"))
    ]


def test_docstrings_do_not_begin_with_a_question_word():
    assert not find_in_sources(r'"""\s*(?:What|Where|Which|How)\b.*')


def test_retired_names_do_not_come_back():
    assert not find_in_sources(rf"\b(?:{'|'.join(RETIRED)})\b")


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.relative_to(DOCS).as_posix())
def test_pages_are_short_and_their_links_exist(page):
    text = page.read_text(encoding="utf-8")
    assert (
        len([line for line in text.splitlines() if not line.startswith("|")]) <= 400
    )  # tables are looked up
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text):
        path = (page.parent / target).resolve()
        assert "://" in target or path.exists(), target


def test_every_page_is_two_clicks_from_the_index():
    reached = {(DOCS / "index.md").resolve()}
    for _ in range(2):
        for page in list(reached):
            if page.exists():
                for block in re.findall(r"```\{toctree\}\n(.*?)```", page.read_text(encoding="utf-8"), re.S):
                    names = re.findall(r"^[\w/]+$", block, re.M)
                    reached |= {(page.parent / f"{name}.md").resolve() for name in names}
    assert {page.resolve() for page in PAGES} <= reached


def test_generated_pages_are_up_to_date():
    pages = runpy.run_path(str(DOCS / "generate.py"))["make_pages"]()
    for path, text in pages.items():
        if path.name != "command_line.md":  # its wording depends on the version of click
            assert path.read_text(encoding="utf-8") == text, f"{path.name}: run make docs"


def test_the_page_of_the_command_line_lists_every_option():
    page = (DOCS / "reference/command_line.md").read_text(encoding="utf-8")
    for name, command in main.commands.items():
        section = page.split(f"## fasttok {name}\n")[1].split("\n## ")[0]
        for option in (name for one in command.params if isinstance(one, click.Option) for name in one.opts):
            assert option in section, f"{name} {option}: run make docs"


def test_the_quick_start_of_the_readme_prints_what_it_says(tmp_path, monkeypatch, capsys):
    [code] = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.S)
    expected = re.findall(r"^print\(.*\)  # (.*)$", code, re.M)
    monkeypatch.chdir(tmp_path)
    exec(code, {})  # noqa: S102  our own page
    assert capsys.readouterr().out.splitlines() == expected
    assert len(expected) == 2
    assert ft.load("tok.json").vocab_size == 266


def test_the_readme_is_short_and_its_links_exist():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 120
    for target in re.findall(r"\]\(([^)#\s]+)\)", text):
        assert (ROOT / target).exists(), target


def test_no_page_installs_another_project_by_our_name():
    for page in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *PAGES]:
        assert not re.search(
            r"pip install (-U |--upgrade )?fasttok\b(?!-)", page.read_text(encoding="utf-8")
        ), page
