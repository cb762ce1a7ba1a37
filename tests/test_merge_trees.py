"""Trees of merges against merging by hand and by an oracle, and as text, HTML and SVG."""

from __future__ import annotations

import itertools
import random
from functools import cache

import pytest

import fasttok as ft
from fasttok.models.bpe.by_score import merges_by_score
from tests import oracles
from tests.drawn import read_drawing, tags_of
from tests.hostile import byte_strings, texts

RNG = random.Random(1)
WORDS = ["".join(RNG.choices("ab<s>x", k=RNG.randint(1, 9))) for _ in range(30)]
WORDS += [
    "morning",
    "trains",
    "unaffable",
    "lowest",
    "low",
    "naïve",
    "aaaaaaa",
    "東京",
    "a<s>b",
    "</w>",
    "##a",
]
NAMES = [
    *("bytes", "suffix", "sentencepiece", "characters", "by score", "by score, byte fallback", "prefix"),
    *("whole", "shared id"),
]


def by_hand():
    """Return a tokenizer with the merges a b, b c, ab c, in this order."""
    return ft.Tokenizer(
        ft.BPEModel(["a", "b", "c", "ab", "bc", "abc"], [[0, 1], [1, 2], [3, 2]], alphabet=ft.Characters()),
        "whitespace_split",
    )


@cache
def tokenizers():
    corpus = ft.Corpus.from_files(ft.parallel_sample()["eng"], document="line")
    pieces = ["", "a", "b", "ab", "aba", "ba", "bb", "aa", "<x>"]
    scores = [0, 0, 0, -1, -2, -3, -3, -3, 0]
    names = [f"<0x{byte:02X}>" for byte in range(256)]
    made = {
        "bytes": ft.train(corpus, vocab_size=400, special_tokens=["<s>"]),
        "suffix": ft.train(corpus, compat="subword-nmt", vocab_size=200),
        "sentencepiece": ft.train(corpus, compat="sentencepiece", vocab_size=150),
        "characters": ft.train(
            corpus, units="character", unk="<unk>", special_tokens=["<unk>"], vocab_size=150
        ),
    }
    for fallback in (False, True):
        found = merges_by_score(
            [*pieces, *names * fallback],
            [*scores, *[0] * 256 * fallback],
            byte_fallback=fallback,
            user_defined=[8],
        )
        alphabet = ft.Characters(unk_id=0, byte_fallback=fallback, compat="sentencepiece")
        model = ft.BPEModel(
            [*pieces, *names * fallback], **found._asdict(), alphabet=alphabet, user_defined=[8]
        )
        made["by score, byte fallback" if fallback else "by score"] = ft.Tokenizer(
            model, "whitespace_split", {"<unk>": 0}
        )
    alphabet = ft.Characters(continuing_subword_prefix="##", unk_id=0, fuse_unk=True)
    model = ft.BPEModel(["", "a", "##a", "##b", "##ab", "a##a"], [[2, 3]], alphabet=alphabet)
    made["prefix"] = ft.Tokenizer(model, "whitespace_split", {"<unk>": 0})
    whole = made["bytes"].model
    pieces = [*whole.pieces.to_bytes(), b"unaff"]
    model = ft.BPEModel(pieces, whole.merges, whole.merge_ids, ignore_merges=True)
    made["whole"] = ft.Tokenizer(model, "gpt2")
    pieces = ["<", "s", ">", "a", "<s", "<s>", "b", "x", "ab"]
    model = ft.BPEModel(pieces, [[0, 1], [4, 2], [3, 6]], alphabet=ft.Characters())
    made["shared id"] = ft.Tokenizer(model, "whitespace_split", {"<s>": 5})
    return made


@pytest.fixture(scope="module", params=NAMES)
def tok(request):
    assert list(tokenizers()) == NAMES
    return tokenizers()[request.param]


def test_merges_by_hand():
    tree = by_hand().merge_tree("abcbc aab")
    assert [(node.label, node.rank, node.parts) for node in tree.nodes] == [
        *((character, None, ()) for character in "abcbc"),
        ("ab", 0, (0, 1)),
        ("bc", 1, (3, 4)),
        ("abc", 2, (5, 2)),
        *((character, None, ()) for character in "aab"),
        ("ab", 0, (9, 10)),
    ]
    assert tree.roots == (7, 6, 8, 11)
    assert [node.id for node in tree.merges] == [3, 4, 5, 3]
    assert repr(tree) == "\n".join(
        [
            "step  rank  merge   piece",
            "   1     0  a + b   ab",
            "   2     1  b + c   bc",
            "   3     2  ab + c  abc",
            "   4     0  a + b   ab",
            "",
            "abc",
            "├─ ab",
            "│  ├─ a",
            "│  └─ b",
            "└─ c",
            "bc",
            "├─ b",
            "└─ c",
            "a",
            "ab",
            "├─ a",
            "└─ b",
        ]
    )


def leaves_of(tree, i):
    """Return the ids of the symbols under a node, in the order of the text."""
    node = tree.nodes[i]
    return [one for part in node.parts for one in leaves_of(tree, part)] if node.parts else [node.id]


def all_merges(model):
    ranks = range(len(model.merges)) if model.merge_ranks is None else model.merge_ranks.tolist()
    rows = zip(model.merges.tolist(), ranks, model.merge_ids.tolist(), strict=True)
    return {tuple(pair): (rank, merged) for pair, rank, merged in rows}


def test_trees_agree_with_encoding_and_with_an_oracle(tok):
    hostile = [text for text in texts(40, 3) if "\0" not in text] + byte_strings(20, 4)
    n_merges = 0
    merges = {
        pair: found
        for pair, found in all_merges(tok.model).items()
        if found[1] not in tok.special_tokens.values()
    }
    for text in [*WORDS, *hostile]:
        for pretoken in tok.pretokenizer.split_text(text):
            # A tokenizer without normalizer and pretokenizer, so that one pretoken is one tree.
            one = ft.Tokenizer(tok.model, "none", tok.special_tokens)
            try:
                ids = one.encode(pretoken).tolist()
            except ft.UnknownCharacterError:
                with pytest.raises(ft.UnknownCharacterError):
                    one.merge_tree(pretoken)
                continue
            tree = one.merge_tree(pretoken)
            assert [tree.nodes[i].id for i in tree.roots] == ids
            word = [i for root in tree.roots for i in leaves_of(tree, root)]
            if not tree.merges and len(word) == 1:
                continue
            applied = oracles.list_merges(word, merges)
            assert [(node.rank, *(tree.nodes[part].id for part in node.parts)) for node in tree.merges] == [
                found[:3] for found in applied
            ]
            n_merges += len(applied)
        try:
            tokens = tok.encode(text).tolist()
        except ft.UnknownCharacterError:
            continue
        tree = tok.merge_tree(text)
        roots = [tree.nodes[i].id for i in tree.roots]
        if tok.model.unk_id in tokens:  # runs of unknown tokens become one across pretokens
            roots, tokens = ([i for i, _ in itertools.groupby(found)] for found in (roots, tokens))
        assert roots == tokens
        assert all(tuple(tree.nodes[part].id for part in node.parts) in merges for node in tree.merges)
    assert n_merges > 3


@pytest.mark.parametrize("file", ["tiktoken/cl100k_base.tiktoken", "huggingface/lenml_llama2/tokenizer.json"])
def test_trees_of_published_tokenizers_agree_with_encoding(shared, file):
    tok = ft.load(shared / "tokenizers" / file)
    merges = all_merges(tok.model)
    for text in ["unaffable", " internationalization", "naïve", "東京タワー", "    return self\n", "🇩🇪"]:
        tree = tok.merge_tree(text)
        assert [tree.nodes[i].id for i in tree.roots] == tok.encode(text, as_list=True)
        assert not tok.model.ignore_merges or len(tree.merges) > 0
        for node in tree.merges:
            left, right = (tree.nodes[part].id for part in node.parts)
            assert merges[left, right] == (node.rank, node.id)


def test_a_piece_that_is_looked_up_whole_has_no_parts():
    whole = tokenizers()["whole"]
    tree = whole.merge_tree("unaff")
    assert [node.label for node in tree.nodes] == ["unaff"]
    assert tree.roots == (0,)
    assert repr(tree) == "unaff"
    assert len(whole.merge_tree("unaffable").roots) == whole.count("unaffable")


def test_special_tokens_in_the_text_are_plain_text():
    for tok in (tokenizers()["bytes"], tokenizers()["shared id"]):
        tree = tok.merge_tree("<s>")
        assert tok.special_tokens
        assert {node.id for node in tree.nodes}.isdisjoint(tok.special_tokens.values())
        assert "".join(node.label for node in tree.nodes if not node.parts) == "<s>"
        assert [tree.nodes[i].id for i in tree.roots] == tok.encode("<s>").tolist()


def test_unknown_characters_are_marked():
    tok = tokenizers()["characters"]
    tree = tok.merge_tree("low٣")
    assert [tree.nodes[i].label for i in tree.roots][-1] == "⟦٣⟧"
    drawing = read_drawing(tree._repr_svg_())
    assert [label for label, kind in drawing.boxes if kind == "best"][-1] == "⟦٣⟧"


def test_the_empty_text_has_no_nodes():
    tree = by_hand().merge_tree("")
    assert (tree.nodes, tree.roots, repr(tree)) == ((), (), "")
    assert read_drawing(tree._repr_svg_()).boxes == []


@pytest.mark.parametrize("model", ["unigram", "wordpiece", "character", "byte", "word"])
def test_models_without_merges_are_errors(model):
    options = {"unigram": {"vocab_size": 10}, "wordpiece": {"vocab_size": 14}}.get(model, {})
    tok = ft.train(ft.PretokenCounts.from_dict({"lowest": 5, "newest": 3}), model=model, **options)
    with pytest.raises(
        ValueError, match=f"merge_tree needs a BPE model; one of kind '{model}' has no merges"
    ) as error:
        tok.merge_tree("low")
    assert ("lattice" in str(error.value)) == (model == "unigram")


def test_texts_that_cannot_be_drawn_are_errors():
    tok = by_hand()
    assert len(tok.merge_tree("a" * 1000).nodes) == 1000
    with pytest.raises(ValueError, match="text must be .* at most 1,000 bytes, not 1,001 bytes"):
        tok.merge_tree("a" * 1001)
    with pytest.raises(ft.UnknownCharacterError, match="'d'"):
        tok.merge_tree("abd")
    with pytest.raises(ft.TextError):
        tok.merge_tree("\ud800")
    alphabet = ft.Characters(unk_id=0, compat="sentencepiece")
    pieces = ["", "a", "b", "ab", "aba"]
    found = merges_by_score(pieces, [0, 0, 0, -1, -2])
    unused = ft.Tokenizer(
        ft.BPEModel(pieces, **found._asdict(), alphabet=alphabet, unused=[3]), "none", {"<unk>": 0}
    )
    with pytest.raises(ValueError, match="unused pieces or extra characters cannot encode without merges"):
        unused.merge_tree("aba")


def test_drawings_have_every_node_and_every_edge(tok):
    for text in [
        "morning",
        "trains",
        "unaffable",
        "aab<x>abb",
        "<script>\"&'",
        "\u0301a\u202e\0\u05e9",
        b"\xff\xc3",
        "a b",
    ]:
        try:
            tree = tok.merge_tree(text)
        except ft.UnknownCharacterError:
            continue
        drawing = read_drawing(tree._repr_svg_())
        labels = [label.removeprefix("\u25cc") for label, _ in drawing.boxes]
        assert labels == [node.label.removeprefix("\u25cc") for node in tree.nodes]
        assert len(drawing.paths) == 2 * len(tree.merges)
        assert [kind == "best" for _, kind in drawing.boxes] == [
            i in tree.roots for i in range(len(tree.nodes))
        ]
        assert not drawing.overlaps()
        assert tags_of(tree._repr_html_()) <= {
            *("figure", "div", "svg", "title", "desc", "style", "path", "g", "rect", "text", "figcaption"),
            *("small", "details", "summary", "table", "thead", "tbody", "tr", "th", "td", "bdi"),
        }
