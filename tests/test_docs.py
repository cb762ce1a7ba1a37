"""What is public is documented, in numpydoc, with an example where there is something to show."""

from __future__ import annotations

import inspect

import pytest

import fasttok as ft

ERRORS = [
    name
    for name in ft.__all__
    if isinstance(getattr(ft, name), type) and issubclass(getattr(ft, name), Exception)
]
PUBLIC = [name for name in ft.__all__ if name not in ERRORS]


def parameters(thing) -> list[str]:
    return [p for p in inspect.signature(thing).parameters if p not in ("self", "cls")]


def documented_parts():
    for name in PUBLIC:
        thing = getattr(ft, name)
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
def test_every_public_name_says_what_it_is(name, thing, doc):
    if not callable(thing):
        return  # a constant of a class
    assert doc, name
    assert doc.strip()[0].isupper(), name
    if inspect.isfunction(thing) and len(parameters(thing)) > 2 and "otherwise as `" not in doc:
        for parameter in parameters(thing):
            assert parameter in doc.split("Parameters\n")[1], f"{name}: {parameter} is not documented"


@pytest.mark.parametrize(
    "name",
    [
        "Column",
        "Corpus",
        "Encoding",
        "Experiment",
        "Lattice",
        "Metric",
        "PretokenCounts",
        "Ragged",
        "Sampling",
        "StreamDecoder",
        "Template",
        "TestCorpus",
        "Tokenizer",
        "UnigramModel",
        "compare",
        "count_pretokens",
        "get_pretokenizer",
        "measure",
        "train",
        "wrap",
        "BPETrainer",
        "WordPieceTrainer",
        "ByteModel",
        "ByteTrainer",
        "CharacterModel",
        "CharacterTrainer",
        "WordModel",
        "WordTrainer",
    ],
)
def test_main_names_have_an_example(name):
    assert ">>> " in getattr(ft, name).__doc__


@pytest.mark.parametrize("name", ERRORS)
def test_errors_are_value_errors(name):
    assert issubclass(getattr(ft, name), ft.FasttokError)
    assert issubclass(getattr(ft, name), ValueError)
    assert getattr(ft, name).__doc__
