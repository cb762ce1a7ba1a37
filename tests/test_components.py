"""Contract of components: tests that every registered normalizer and pretokenizer must pass."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pytest

import fasttok as ft
from fasttok.core.component import Component, name_of
from fasttok.text.normalizers.charsmap import CharsMapNormalizer
from fasttok.text.normalizers.registry import NAMES, NORMALIZERS
from fasttok.text.pipeline import Pipeline
from fasttok.text.pretokenizers.registry import PRETOKENIZERS
from fasttok.text.rows import Rows
from tests import hostile
from tests.pipelines import list_pretokens, prepare, pretokens

REQUIRE_OPTIONS = ("regex", "split", "split_length")  # pretokenizers that a name is not enough to make
# Components with options. Components without options are made from their names.
WITH_OPTIONS: dict[str, list[Component]] = {
    "charsmap": [
        CharsMapNormalizer.from_rules({"ab": "x", "é": ""}),
        replace(
            CharsMapNormalizer.from_rules({"é": " ", "b": "  x "}), keep=("é1", "  a"), protect_spaces=True
        ),
        CharsMapNormalizer.from_rules({"a": "", "é": "xy"}, by="grapheme"),
    ],
    "replace": [ft.Replace("a", "bb"), ft.Replace("  ", " "), ft.Replace("", "-")],
    "regex_replace": [ft.RegexReplace(r"\s+", "é"), ft.RegexReplace("^|b", "", "oniguruma")],
    "nfc": [ft.UnicodeNormalizer("nfc", "tokenizers-0.23")],
    "prepend": [
        ft.Prepend("▁"),
        ft.Prepend("> ", scope="segment"),
        ft.Prepend("a", "start", unless_present=True),
    ],
    "strip": [ft.Strip(left=False), ft.Strip(scope="segment")],
    "bert": [
        ft.BertNormalizer(lowercase=False, strip_accents=True),
        ft.BertNormalizer(unicode="tokenizers-0.23"),
    ],
    "regex": [ft.get_pretokenizer(r"\d+|\s"), ft.get_pretokenizer(r"(?i:a)|.")],
    "metaspace": [
        ft.Metaspace(remove_extra_whitespaces=False),
        ft.Metaspace(treat_whitespace_as_suffix=True),
        ft.Metaspace(False, False, split_by_whitespace=False, scope="segment"),
        ft.Metaspace(escape_whitespaces=False),
    ],
    "split_punctuation": [
        ft.SplitPunctuation("removed"),
        ft.SplitPunctuation("contiguous", "tokenizers-0.23"),
        ft.SplitPunctuation("merged_with_previous"),
        ft.SplitPunctuation("merged_with_next"),
    ],
    "split_digits": [ft.SplitDigits(individual=True, unicode="tokenizers-0.23")],
    "split_scripts": [ft.SplitScripts("tokenizers-0.23")],
    "split_length": [ft.SplitLength(2)],
    "split": [
        ft.Split(r"\s+", "removed"),
        ft.Split("é", "merged_with_previous", dialect="text"),
        ft.Split(r"[A-Z]|^", "merged_with_next", invert=True, dialect="oniguruma"),
        ft.Split(r"\d", "contiguous"),
    ],
    "mark_runs": [ft.MarkRuns(" ")],
    "byte_level": [
        ft.ByteLevel(add_prefix_space=True),
        ft.ByteLevel(use_regex=False),
        ft.ByteLevel(add_prefix_space=True, use_regex=False, writes_characters=False),
        ft.ByteLevel(writes_characters=False),
        ft.ByteLevel(use_regex=False, writes_characters=False),
    ],
    "metaspace_split": [
        ft.MetaspaceSplit(prepend="first"),
        ft.MetaspaceSplit("_", "never"),
        ft.MetaspaceSplit("é", split_words=False),
    ],
}
ALL_NORMALIZERS = [
    *(ft.get_normalizer(name) for name in NAMES),
    *(step for name, steps in WITH_OPTIONS.items() for step in steps if isinstance(step, ft.Normalizer)),
    ft.get_normalizer(["nfd", ft.Strip(), "strip_accents"]),
]
ALL_PRETOKENIZERS = [
    *(ft.get_pretokenizer(name) for name in PRETOKENIZERS if name not in REQUIRE_OPTIONS),
    *(step for name, steps in WITH_OPTIONS.items() for step in steps if isinstance(step, ft.Pretokenizer)),
    ft.get_pretokenizer(["digits_single", "gpt2"]),
    ft.get_pretokenizer(["whitespace_split", "metaspace"]),
    ft.get_pretokenizer(["bert", "digits_threes_right"]),
    ft.get_pretokenizer(["metaspace", "script"]),
    ft.get_pretokenizer(["script", "metaspace", "whitespace_split", "digits_single"]),
    ft.get_pretokenizer(["whitespace_split", ft.MetaspaceSplit(prepend="first")]),
    ft.get_pretokenizer([ft.ByteLevel(True), ft.SplitDigits(True), ft.MetaspaceSplit(prepend="first")]),
    ft.get_pretokenizer([ft.SplitDigits(), ft.SplitPunctuation(), "byte_level"]),
    ft.get_pretokenizer(["gpt2", ft.SplitPunctuation("merged_with_previous"), "words_and_symbols"]),
]
COMPONENTS = [*ALL_NORMALIZERS, *ALL_PRETOKENIZERS]
TEXTS = [b"", b" ", b"a", "  A b\u0301 é 12 ▁ ﬁ東 \r\n".encode(), *hostile.byte_strings(150, seed=300)]


def remake(component: Component) -> Component:
    config = json.loads(json.dumps(component.config()))
    make = ft.get_normalizer if isinstance(component, ft.Normalizer) else ft.get_pretokenizer
    return make(config)


def pipeline_of(component: Component) -> Pipeline:
    if isinstance(component, ft.Normalizer):
        return Pipeline(component, ft.get_pretokenizer("gpt2"))
    return Pipeline(None, component)


def test_every_registered_component_is_tested():
    names = {name_of(component) for component in COMPONENTS}
    assert names == {*NORMALIZERS, *PRETOKENIZERS, "sequence"}


@pytest.mark.parametrize("component", COMPONENTS, ids=repr)
def test_components_equal_their_copies(component):
    again = remake(component)
    assert again.config() == component.config()
    assert name_of(again) == component.config()["name"]
    copied = pickle.loads(pickle.dumps(component))  # noqa: S301
    assert copied.config() == component.config()
    if not isinstance(component, CharsMapNormalizer):  # compared by identity, since it has too many rules
        assert again == copied == component
        assert hash(again) == hash(component)
    assert repr(copied) == repr(component)
    for text in TEXTS:
        expected = pretokens(pipeline_of(component), text)
        assert pretokens(pipeline_of(again), text) == expected
        assert pretokens(pipeline_of(copied), text) == expected


@pytest.mark.parametrize("component", COMPONENTS, ids=repr)
def test_rows_are_independent_and_alignment_changes_no_pretoken(component):
    pipeline = pipeline_of(component)
    alone = [pretokens(pipeline, text) for text in TEXTS]
    for aligned in (False, True):
        prepared = pipeline.prepare(Rows.of(ft.Ragged.from_bytes(TEXTS), aligned=aligned))
        found_spans = list_pretokens(prepared)
        data = prepared.rows.documents.values.tobytes()
        assert [data[a:b] for a, b in found_spans.tolist()] == [p for found in alone for p in found]
        if aligned:
            spans = prepared.rows.raw_spans
            assert spans.shape == (len(data), 2)
            assert (np.diff(spans, axis=0) >= 0).all()
            assert (spans[:, 0] <= spans[:, 1]).all()
            assert spans.min(initial=0) >= 0
            assert spans.max(initial=0) <= sum(map(len, TEXTS))


@pytest.mark.parametrize("component", COMPONENTS, ids=repr)
def test_a_safe_cut_changes_no_pretoken(component):
    pipeline = pipeline_of(component)
    for text in TEXTS:
        whole = pretokens(pipeline, text)
        ends = range(len(text) + 1)
        cuts = {pipeline.find_cut(np.frombuffer(text[:end], np.uint8)) for end in ends}
        for cut in cuts - {0}:
            head, rest = text[:cut], text[cut:]
            parts = pretokens(pipeline, head, ends=False) + pretokens(pipeline, rest, begins=False)
            assert parts == whole, (text, cut)


@pytest.mark.parametrize("component", COMPONENTS, ids=repr)
def test_input_may_be_read_only_or_memory_mapped(component, tmp_path):
    text = b"  The newest, A1 \xff b  "
    expected = pretokens(pipeline_of(component), text)
    (tmp_path / "text").write_bytes(text)
    mapped = np.memmap(tmp_path / "text", np.uint8, "r")
    locked = np.frombuffer(text, np.uint8)
    for values in (mapped, locked):
        rows = Rows.of(ft.Ragged(values, np.array([0, len(values)])))
        prepared = pipeline_of(component).prepare(rows)
        data = prepared.rows.documents.values.tobytes()
        assert [data[a:b] for a, b in list_pretokens(prepared).tolist()] == expected


def test_unknown_names_and_options_are_refused():
    for make, kind in ((ft.get_normalizer, "normalizer"), (ft.get_pretokenizer, "pretokenizer")):
        for config in ({"name": "nope"}, {"name": "strip", "lefft": True}, {"name": 3}, {}, {"left": True}):
            with pytest.raises(ValueError, match=f"(no|of a) {kind}"):
                make(config)


def test_metaspace_after_another_step_rewrites_every_pretoken():
    words = ft.get_pretokenizer(["whitespace_split", "metaspace"]).split_text(" Hello  new world ")
    assert [word.decode() for word in words] == ["▁Hello", "▁new", "▁world"]
    prepared = prepare(
        Pipeline(None, ft.get_pretokenizer(["whitespace_split", "metaspace"])), b"a  bc", aligned=True
    )
    assert prepared.rows.raw_spans.tolist() == [[0, 0]] * 3 + [[0, 1]] + [[3, 3]] * 3 + [[3, 4], [4, 5]]


@dataclass(frozen=True)
class Breaking(ft.Pretokenizer):
    """Pretokenizer whose boundaries are those that a function returns."""

    function: Callable[[ft.Ragged], list[np.ndarray]]

    def boundaries(self, documents):
        yield from self.function(documents)


@pytest.mark.parametrize(
    "broken",
    [
        lambda documents: [documents.offsets[1:]],
        lambda documents: [documents.offsets[:-1]],
        lambda documents: [],
        lambda documents: [documents.offsets[[0, -1]]],
        lambda documents: [documents.offsets[:1], documents.offsets[1:]],
        lambda documents: [documents.offsets + 1],
        lambda documents: [np.array([0, 5, 3, *documents.offsets[1:]])],
        lambda documents: [documents.offsets.astype(np.int32)],
        lambda documents: [documents.offsets.tolist()],
    ],
)
def test_invalid_boundaries_raise(broken):
    step = Breaking(broken)
    batch = ft.Ragged.from_bytes([b"hello", b"world"])
    for steps in (step, ft.get_pretokenizer([step, "gpt2"]), ft.get_pretokenizer(["gpt2", step])):
        with pytest.raises(ValueError, match="Breaking.boundaries must yield int64 arrays of ascending"):
            steps.split(batch)
    with pytest.raises(ValueError, match=r"Breaking\.boundaries must"):
        ft.Tokenizer(ft.ByteModel(), step).encode_batch(["hello", "world"])
    with pytest.raises(ValueError, match=r"Breaking\.boundaries must"):
        ft.count_pretokens(ft.Corpus.from_texts(["hello", "world"]), step)


def test_invalid_spans_raise():
    rows = Rows.of(ft.Ragged.from_bytes([b"hello", b"world"]), aligned=True)
    for spans in (None, np.zeros((3, 2), np.int64), np.zeros(10, np.int64)):
        with pytest.raises(
            ValueError, match=r"spans must have the shape \(10, 2\), one row per byte written"
        ):
            rows.rewritten(rows.documents, spans)
    far = rows.rewritten(rows.documents, np.full((10, 2), 10**12, np.int64))
    again = far.rewritten(far.documents, np.full((10, 2), -(10**12), np.int64))
    assert again.raw_spans.shape == (10, 2)
