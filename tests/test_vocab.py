"""BERT's vocab.txt: loading, saving, and peculiarities of real files."""

from __future__ import annotations

from dataclasses import replace

import pytest
import tokenizers
from tokenizers.implementations import BertWordPieceTokenizer

import fasttok as ft
from fasttok.core.errors import ModelExportError, ModelFormatError, UnknownCharacterError
from tests import hostile

LINES = [
    "[PAD]",
    "[UNK]",
    "[CLS]",
    "[SEP]",
    "[MASK]",
    "un",
    "##aff",
    "##able",
    "na",
    "##ive",
    "!",
    "東",
    "[unused1]",
]


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "vocab.txt"
    path.write_text("".join(line + "\n" for line in LINES))
    return path


def test_the_id_is_the_line_number(path):
    tok = ft.load(path)
    assert [tok.id_to_piece(i).decode() for i in range(tok.vocab_size)] == LINES
    assert tok.special_tokens == {token: i for i, token in enumerate(LINES[:5])}
    pieces = [tok.id_to_piece(i).decode() for i in tok.encode("Unaffable naïve!東!")]
    assert pieces == ["un", "##aff", "##able", "na", "##ive", "!", "東", "!"]


def test_the_template_is_that_of_bert(path):
    tok = ft.load(path)
    assert tok.encode("un", add_special_tokens=True).tolist() == [2, 5, 3]
    path.write_text("[UNK]\nun\n")
    with pytest.raises(ValueError, match="template"):
        ft.load(path).encode("un", add_special_tokens=True)


def test_padding_for_bert(path):
    tok = ft.load(path, lowercase=True)
    ids, mask = tok.pad(
        tok.encode_batch(["un !", "", "un"], add_special_tokens=True), max_length=512, side="right"
    )
    assert ids.tolist() == [[2, 5, 10, 3], [2, 3, 0, 0], [2, 5, 3, 0]]
    assert mask.tolist() == [[1, 1, 1, 1], [1, 1, 0, 0], [1, 1, 1, 0]]


def test_lowercase_follows_from_the_pieces(path):
    assert ft.load(path).normalizer.lowercase is True
    assert ft.load(path, special_tokens=["[UNK]"]).normalizer.lowercase is True
    path.write_text("[UNK]\nUn\nun\n")
    tok = ft.load(path)
    assert tok.normalizer.lowercase is False
    assert tok.encode("Un un UN").tolist() == [1, 2, 0]
    assert ft.load(path, lowercase=True).encode("Un un UN").tolist() == [2, 2, 2]


@pytest.mark.parametrize("lines", [LINES, ["[UNK]"], ["a", "##b"]])
def test_saving_a_loaded_vocabulary_gives_the_same_bytes(tmp_path, lines):
    first, second = tmp_path / "first.txt", tmp_path / "second.txt"
    first.write_bytes("".join(line + "\n" for line in lines).encode())
    ft.load(first).save(second, format="vocab.txt")
    assert second.read_bytes() == first.read_bytes()


def test_round_trip_through_a_native_file(path, tmp_path):
    tok = ft.load(path)
    tok.save(tmp_path / "tok.json")
    again = ft.load(tmp_path / "tok.json")
    assert again.fingerprint() == tok.fingerprint()
    texts = hostile.texts(200, seed=8)
    expected = tok.encode_batch(texts, add_special_tokens=True).to_list()
    assert again.encode_batch(texts, add_special_tokens=True).to_list() == expected


@pytest.mark.parametrize("end", ["\r\n", "\n", "  \n"])
def test_line_ends_and_a_missing_final_line_end(tmp_path, end):
    path = tmp_path / "vocab.txt"
    path.write_bytes(("\ufeff" + end.join(LINES)).encode())
    assert ft.load(path).vocab_size == len(LINES)


def test_the_last_of_repeated_lines_has_the_id(tmp_path):
    path = tmp_path / "vocab.txt"
    path.write_text("[UNK]\na\nb\na\n\n[UNK]\n")
    with pytest.warns(UserWarning, match="2 lines are repeated by a later line"):
        tok = ft.load(path)
    theirs = tokenizers.models.WordPiece.read_file(str(path))
    assert {"a": 3, "b": 2, "[UNK]": 5}.items() <= theirs.items()
    assert tok.encode("a b c").tolist() == [3, 2, 5]
    with pytest.raises(IndexError, match="not in use"):
        tok.decode([1])
    with pytest.raises(ModelExportError, match="id 0 is not in use"):
        tok.save(tmp_path / "out.txt", format="vocab.txt")
    assert not (tmp_path / "out.txt").exists()


def test_a_vocabulary_without_an_unknown_token(tmp_path):
    path = tmp_path / "vocab.txt"
    path.write_text("a\n##b\n")
    tok = ft.load(path)
    assert tok.encode("ab a").tolist() == [0, 1, 0]
    with pytest.raises(UnknownCharacterError, match="'c' .* byte 4"):
        tok.encode("ab ac")


def test_files_that_are_not_vocabularies(tmp_path):
    path = tmp_path / "vocab.txt"
    path.write_bytes(b"a\nb\n\xff\n")
    with pytest.raises(ModelFormatError, match="line 3"):
        ft.load(path)
    for content, message in [
        (b"", "an empty file"),
        (b"[UNK]\na\0\n", r"line 2: .* U\+0000"),
        (b"[UNK]\nCall me Ishmael\n", "line 2: .* white space"),
        (b"IQ==\n", "no special token"),
        (b'["hello"]\n', "no special token"),
    ]:
        path.write_bytes(content)
        with pytest.raises(ModelFormatError, match=message):
            ft.load(path)


def test_errors_name_invalid_options(path):
    with pytest.raises(ValueError, match="max_input_chars_per_word must be at least 0"):
        ft.load(path, max_input_chars_per_word=-1)
    with pytest.raises(TypeError, match="special_tokens must be a sequence of str"):
        ft.load(path, special_tokens="[UNK]")
    path.write_text("<unk>\nun\n")
    assert ft.load(path, unk="<unk>").encode("un x").tolist() == [1, 0]


def bert(pieces, special=None, *, normalizer="bert", pretokenizer="bert", template=None, **options):
    model = ft.WordPieceModel(pieces, **options)
    return ft.Tokenizer(model, pretokenizer, special, normalizer=normalizer, template=template)


def test_pieces_that_a_vocab_txt_cannot_hold_are_refused(tmp_path):
    out = tmp_path / "out.txt"
    for pieces, special, message in [
        (["a\nb"], {}, "cannot be a line"),
        (["a\rb"], {}, "cannot be a line"),
        (["a "], {}, "cannot be a line"),
        (["\ufeffa"], {}, "cannot be a line"),
        ([""], {"a\0": 0}, "cannot be a line"),
        (["a", "", "b"], {}, "id 1 is not in use"),
        (["a", ""], {"a": 1}, "a line twice"),
        (["a", "b"], {}, "no special token, and no piece begins with ##"),
        (["{", "##a"], {}, "cannot begin with .* another format"),
    ]:
        with pytest.raises(ModelExportError, match=message):
            bert(pieces, special).save(out, format="vocab.txt")
    with pytest.raises(ModelExportError, match="'bpe'"):
        ft.train(ft.Corpus.from_texts(["aa"]), vocab_size=257).save(out, format="vocab.txt")
    assert not out.exists()


def test_components_that_loading_would_not_restore_are_refused(tmp_path):
    out = tmp_path / "out.txt"
    pieces, special = ["", "", "", "un", "##able"], {"[UNK]": 0, "[CLS]": 1, "[SEP]": 2}
    for options, message in [
        ({"normalizer": None}, "cannot hold a normalizer .* has none; train with normalizer"),
        ({"normalizer": ["nfc", "bert"]}, "cannot hold a normalizer .*nfc"),
        ({"normalizer": ft.BertNormalizer(clean_text=False)}, "cannot hold a normalizer"),
        ({"pretokenizer": "whitespace_split"}, "cannot hold a pretokenizer .*whitespace_split.*; train with"),
        ({"template": ft.Template("[CLS] $A")}, "cannot hold a template .*CLS"),
        ({"max_input_bytes_per_word": 100}, "cannot hold max_input_bytes_per_word.* 100"),
    ]:
        with pytest.raises(ModelExportError, match=message):
            bert(pieces, special, unk_id=0, **options).save(out, format="vocab.txt")
    assert not out.exists()


@pytest.mark.parametrize("lowercase", [False, True])
@pytest.mark.parametrize("strip_accents", [None, False, True])
@pytest.mark.parametrize(
    ("special", "unk", "limit", "prefix"),
    [
        ({"[UNK]": 0, "[CLS]": 1, "[SEP]": 2}, "[UNK]", 100, "##"),
        ({"[UNK]": 0, "<x>": 1, "[SEP]": 2}, "<x>", None, "##"),
        ({"[UNK]": 0, "[CLS]": 1, "!": 2}, None, 3, "@"),
    ],
)
def test_saving_and_loading_give_the_same_tokenizer(
    tmp_path, lowercase, strip_accents, special, unk, limit, prefix
):
    normalizer = ft.BertNormalizer(lowercase=lowercase, strip_accents=strip_accents)
    letters = ["a", "b", "Z", "word", "e", "12", "東"]
    tok = bert(
        ["", "", "", *letters, *(prefix + letter for letter in letters)],
        special,
        normalizer=normalizer,
        unk_id=None if unk is None else special[unk],
        continuing_subword_prefix=prefix,
        max_input_chars_per_word=limit,
    )
    tok.save(tmp_path / "vocab.txt", format="vocab.txt")
    again = ft.load(
        tmp_path / "vocab.txt",
        lowercase=lowercase,
        strip_accents=strip_accents,
        special_tokens=list(special),
        unk=unk or "[none]",
        continuing_subword_prefix=prefix,
        max_input_chars_per_word=limit,
    )
    assert again.model.to_dict() == tok.model.to_dict()
    assert again.normalizer == replace(tok.normalizer, unicode="tokenizers-0.23")
    assert again.pretokenizer.name == tok.pretokenizer.name
    assert again.special_tokens == tok.special_tokens


def test_ids_and_offsets_equal_tokenizers_on_hostile_text(shared):
    from tests.conformance import bert_tokenizers

    theirs = bert_tokenizers(shared)
    ours = ft.load(shared / "tokenizers/bert/minilm/vocab.txt", lowercase=True)
    texts = hostile.texts(5000, seed=9)
    rows = ours.encode_batch(texts).to_list()
    for text, ids, expected in zip(texts, rows, theirs.encode_batch(texts), strict=True):
        assert ids == expected.ids
        encoding = ours.encode_with_offsets(text)
        assert encoding.ids.tolist() == expected.ids
        assert list(map(tuple, encoding.char_spans.tolist())) == expected.offsets


def test_every_code_point_is_that_of_tokenizers(shared):
    """The tables of fasttok differ from those of `tokenizers` in hundreds of code points."""
    path = shared / "tokenizers/bert/minilm/vocab.txt"
    ours, theirs = ft.load(path), BertWordPieceTokenizer(str(path), lowercase=True)
    code_points = [chr(c) for c in range(0x110000) if not 0xD800 <= c < 0xE000]
    texts = [" ".join(f"a{c}b {c}" for c in code_points[i : i + 64]) for i in range(0, len(code_points), 64)]
    rows = theirs._tokenizer.encode_batch_fast(texts, add_special_tokens=False)
    assert [row.ids for row in rows] == ours.encode_batch(texts).to_list()
    assert ours.provenance["unicode"] == "tokenizers-0.23"
