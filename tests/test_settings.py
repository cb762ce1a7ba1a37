"""Settings of a tokenizer: padding, truncation and trimmed offsets as defaults, in copies and in files."""

from __future__ import annotations

import copy
import itertools
import json
import pickle
import random

import numpy as np
import pytest

import fasttok as ft
from tests import hostile, oracles

SPECIAL = ["[PAD]", "[CLS]", "[SEP]"]
PAD, CLS, SEP = 256, 257, 258
SETTINGS = {
    "template": ft.Template("[CLS] $A [SEP]", "[CLS] $A [SEP] $B:1 [SEP]:1"),
    "padding": ft.Padding(8, "left", PAD, 2, "[PAD]", 4),
    "truncation": ft.Truncation(6, 1, "only_first", "left"),
    "trim_offsets": ft.TrimOffsets(add_prefix_space=True),
}


@pytest.fixture(scope="module")
def plain():
    """Return a tokenizer without settings, in which the id of every byte is the byte."""
    return ft.train(ft.PretokenCounts.from_dict({"a": 1}), vocab_size=259, special_tokens=SPECIAL)


@pytest.fixture(scope="module")
def bert(plain):
    return plain.with_settings(template=SETTINGS["template"])


def settings_of(tok):
    return {name: getattr(tok, name) for name in SETTINGS}


# Copies and files


def test_settings_are_in_every_copy(plain, tmp_path):
    tok = plain.with_settings(**SETTINGS)
    assert settings_of(tok) == SETTINGS
    assert settings_of(plain) == dict.fromkeys(SETTINGS)
    made = ft.Tokenizer(plain.model, plain.pretokenizer, plain.added_tokens, **SETTINGS)
    tok.save(tmp_path / "tok.json")
    made.save(tmp_path / "made.json")
    loaded = ft.load(tmp_path / "tok.json")
    copies = [made, loaded, copy.copy(tok), copy.deepcopy(tok), pickle.loads(pickle.dumps(tok))]  # noqa: S301
    for one in copies:
        assert settings_of(one) == SETTINGS
        assert one.fingerprint() == tok.fingerprint()
        assert one.encode_with_offsets(" a b", add_special_tokens=True).char_spans.tolist()[0] == [0, 0]
    assert settings_of(tok.add_tokens(["<x>"])) == SETTINGS
    assert settings_of(tok.with_template("$A")) == SETTINGS | {"template": ft.Template("$A")}
    loaded.save(tmp_path / "again.json")
    assert (tmp_path / "again.json").read_bytes() == (tmp_path / "tok.json").read_bytes()
    assert repr(tok) == repr(plain)
    trained = ft.train(ft.PretokenCounts.from_dict({"ab": 2}), vocab_size=260, start=tok)
    assert settings_of(trained) == SETTINGS


def test_a_copy_shares_the_tables(plain):
    plain.encode("warm")
    tok = plain.with_settings(truncation=ft.Truncation(3))
    assert tok._encoder is plain._encoder
    assert plain.with_template("[CLS] $A")._encoder is plain._encoder
    assert plain.truncation is None


def test_none_turns_a_setting_off(plain):
    tok = plain.with_settings(**SETTINGS)
    for name in SETTINGS:
        assert settings_of(tok.with_settings(**{name: None})) == SETTINGS | {name: None}
    assert tok.with_settings(**dict.fromkeys(SETTINGS)).fingerprint() == plain.fingerprint()
    assert settings_of(tok.with_settings()) == SETTINGS


def test_fingerprints_of_settings(plain):
    assert plain.with_settings(trim_offsets=ft.TrimOffsets()).fingerprint() == plain.fingerprint()
    assert plain.with_template("$A", "$A $B:1").fingerprint() == plain.fingerprint()
    others = [
        {"padding": ft.Padding()},
        {"padding": ft.Padding(side="left")},
        {"truncation": ft.Truncation(1)},
        {"truncation": ft.Truncation(2)},
        {"template": ft.Template("$A", "$A $B")},
    ]
    assert len({plain.fingerprint(), *(plain.with_settings(**one).fingerprint() for one in others)}) == 6


@pytest.mark.parametrize(
    ("template", "version"),
    [
        (None, 1),
        (ft.Template("[CLS] $A"), 1),
        (ft.Template("[CLS] $:3", "$B:255 [CLS] $A"), 1),
        (ft.Template("[CLS] $A", "$A [CLS]"), 3),
        (ft.Template("[CLS] $A", "$A $B $A"), 3),
        (ft.Template("[CLS] $A:256"), 3),
        (ft.Template('"[CLS]" $A'), 3),
        (ft.Template("x $A", ids={"x": 97}), 3),
        (ft.Template("[CLS] $A", ids={"[CLS]": CLS}), 1),
    ],
)
def test_the_version_of_a_file_is_the_first_that_can_hold_the_template(plain, template, version, tmp_path):
    tok = plain.with_settings(template=template)
    tok.save(tmp_path / "tok.json")
    assert json.loads((tmp_path / "tok.json").read_text())["version"] == version
    assert ft.load(tmp_path / "tok.json").template == tok.template


def test_files_contain_the_options_that_were_given(plain, tmp_path):
    path = tmp_path / "tok.json"
    plain.with_settings(padding=ft.Padding(width=3), trim_offsets=ft.TrimOffsets()).save(path)
    fields = json.loads(path.read_text())
    assert (fields["version"], fields["padding"], fields["trim_offsets"]) == (3, {"width": 3}, {})
    assert "truncation" not in fields
    for name, value, message in (
        ("padding", {"wide": 3}, "wide"),
        ("padding", {"side": "up"}, 'side must be "right" or "left"'),
        ("padding", [], "must be a dict, not a list"),
        ("truncation", {}, "max_length"),
        ("truncation", {"max_length": "3"}, "max_length must be an integer"),
        ("trim_offsets", {"add_prefix_space": 1}, "add_prefix_space must be True or False"),
        ("trim_offsets", None, "must be a dict"),
        ("template", {"single": "x $A", "ids": {"x": 999}}, "id 999 of 'x' is not in the vocabulary"),
        ("template", {"single": "x $A", "ids": "ab"}, "template|ids"),
        ("template", {"single": "x $A", "ids": {"x": None}}, "must be an integer"),
    ):
        path.write_text(json.dumps(fields | {name: value}))
        with pytest.raises(ft.ModelFormatError, match=message) as error:
            ft.load(path)
        assert error.value.place == name


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: ft.Padding(width=-1), ValueError, "width must be at least 0, not -1"),
        (lambda: ft.Padding(side="up"), ValueError, 'side must be "right" or "left"'),
        (lambda: ft.Padding(pad_id="0"), TypeError, "pad_id must be an integer"),
        (lambda: ft.Padding(pad_type_id=-1), ValueError, "pad_type_id must be at least 0"),
        (lambda: ft.Padding(pad_token=3), TypeError, "pad_token must be a str"),
        (lambda: ft.Padding(multiple_of=0), ValueError, "multiple_of must be at least 1"),
        (lambda: ft.Truncation(-1), ValueError, "max_length must be at least 0"),
        (lambda: ft.Truncation(1.5), TypeError, "max_length must be an integer"),
        (lambda: ft.Truncation(1, overlap=-1), ValueError, "overlap must be at least 0"),
        (lambda: ft.Truncation(1, strategy="first"), ValueError, "strategy must be"),
        (lambda: ft.Truncation(1, side="up"), ValueError, "side must be"),
        (lambda: ft.TrimOffsets(1), TypeError, "add_prefix_space must be True or False"),
    ],
)
def test_invalid_settings(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_invalid_settings_of_a_tokenizer(plain):
    for name, setting in SETTINGS.items():
        with pytest.raises(TypeError, match=f"{name} must be a {type(setting).__name__}, not dict"):
            plain.with_settings(**{name: {}})
    with pytest.raises(TypeError, match="width"):
        plain.with_settings(width=3)
    with pytest.raises(ValueError, match="the pad_token '<x>' is not an added token"):
        plain.with_settings(padding=ft.Padding(pad_token="<x>"))  # noqa: S106
    with pytest.raises(ft.TemplateError):
        plain.with_settings(template=ft.Template("<x> $A"))
    assert hash(ft.Padding(np.int64(3))) == hash(ft.Padding(3))
    assert json.dumps(ft.Truncation(np.int32(3)).config()) == '{"name": "truncation", "max_length": 3}'


# Defaults of batches


def test_settings_are_the_defaults_of_pad(bert):
    rows = bert.encode_batch(["abcdefgh", "", "ab"], add_special_tokens=True)
    tok = bert.with_settings(truncation=ft.Truncation(4), padding=ft.Padding(side="left", width=5))
    expected = [[PAD, CLS, 97, 98, SEP], [PAD, PAD, PAD, CLS, SEP], [PAD, CLS, 97, 98, SEP]]
    assert tok.pad(rows).ids.tolist() == expected
    assert tok.pad(rows, 5, pad_id=0).ids.tolist() == [
        [CLS, 97, 98, 99, SEP], [0, 0, 0, CLS, SEP], [0, CLS, 97, 98, SEP]
    ]  # fmt: skip
    assert tok.pad(rows[1:2], width=3, side="right").ids.tolist() == [[CLS, SEP, PAD]]
    left = tok.with_settings(truncation=ft.Truncation(4, side="left"))
    assert left.pad(rows[:1]).ids.tolist() == [[PAD, CLS, 103, 104, SEP]]
    assert left.pad(rows[:1], 3, width=0 + 3).ids.tolist() == [[CLS, 104, SEP]]
    # Padding to a width never truncates; a width that is given is exact.
    wide = bert.with_settings(padding=ft.Padding(width=3))
    assert wide.pad(rows).ids.shape == (3, 10)
    with pytest.raises(ValueError, match="row 0 has 10 ids, which is more than width=3"):
        wide.pad(rows, width=3)


@pytest.mark.parametrize("side", ["right", "left"])
@pytest.mark.parametrize("truncated", ["right", "left"])
def test_padding_and_truncation_equal_the_oracle(bert, side, truncated):
    rng = random.Random(61)
    for width, multiple_of, max_length in itertools.product((None, 5, 12), (None, 1, 4), (None, 3, 6)):
        tok = bert.with_settings(
            padding=ft.Padding(width, side, multiple_of=multiple_of, pad_token="[SEP]"),  # noqa: S106
            truncation=None if max_length is None else ft.Truncation(max_length, side=truncated),
        )
        texts = ["abcdefghij"[: rng.randrange(11)] for _ in range(rng.randrange(4))]
        for adds in (True, False):
            kept = []
            for text in texts:
                letters = list(text.encode())
                room = len(letters) if max_length is None else max_length - 2 * adds
                letters = letters[:room] if truncated == "right" else letters[max(len(letters) - room, 0) :]
                kept.append([CLS, *letters, SEP] if adds else letters)
            longest = max(map(len, kept), default=0)
            columns = longest if width is None else width
            while columns % (multiple_of or 1):
                columns += 1
            expected = oracles.pad(kept, max(columns, longest), SEP, side)
            ids, mask = tok.pad(tok.encode_batch(texts, add_special_tokens=adds))
            assert (ids.tolist(), mask.tolist()) == expected
            assert ids.shape == (len(texts), max(columns, longest))


def test_files_with_the_former_name_of_overlap_are_read(plain, tmp_path):
    tok = plain.with_settings(truncation=ft.Truncation(6, overlap=2))
    path = tmp_path / "tok.json"
    tok.save(path)
    fields = json.loads(path.read_text())
    assert fields["truncation"] == {"max_length": 6, "overlap": 2}
    for options in ({"stride": 2}, {"overlap": 2}):
        path.write_text(json.dumps(fields | {"truncation": {"max_length": 6} | options}))
        assert ft.load(path).truncation == tok.truncation
        assert ft.Truncation.from_config({"max_length": 6, **options}) == tok.truncation
    path.write_text(json.dumps(fields | {"truncation": {"max_length": 6, "stride": 1, "overlap": 2}}))
    with pytest.raises(ft.ModelFormatError, match="truncation: config has both overlap and stride"):
        ft.load(path)
    path.write_text(json.dumps(fields | {"truncation": {"max_length": 6, "stride": -1}}))
    with pytest.raises(ft.ModelFormatError, match="overlap must be at least 0, not -1"):
        ft.load(path)


def test_settings_are_the_defaults_of_windows(bert):
    texts = ["abcdefg", "h"]
    rows = bert.encode_batch(texts, add_special_tokens=True)
    tok = bert.with_settings(truncation=ft.Truncation(6, overlap=1))
    assert tok.windows(rows).ids == bert.windows(rows, 6, 1).ids
    assert tok.windows(rows, 4).ids == bert.windows(rows, 4, 1).ids
    assert tok.windows(rows, overlap=0).ids == bert.windows(rows, 6, 0).ids
    left = tok.with_settings(truncation=ft.Truncation(6, overlap=1, side="left"))
    assert left.decode_batch(left.windows(rows).ids) == ["[CLS]defg[SEP]", "[CLS]abcd[SEP]", "[CLS]h[SEP]"]
    assert left.windows(rows).documents.tolist() == [0, 0, 1]
    with pytest.raises(ValueError, match="windows needs max_length, since the tokenizer has no truncation"):
        bert.windows(rows)
    with pytest.raises(ValueError, match="windows needs max_length"):
        bert.windows(rows, overlap=1)
    with pytest.raises(ValueError, match="max_length must be at least 1, not 0"):
        tok.windows(rows, 0)


def test_settings_are_the_defaults_of_encode_pairs(bert):
    pairs = [("abcd", "xyz")]
    tok = bert.with_settings(truncation=ft.Truncation(6, strategy="only_first", side="left"))

    def texts(*arguments, **options):
        [row] = tok.encode_pairs(pairs, *arguments, add_special_tokens=False, **options).ids.to_list()
        return bytes(row).decode()

    assert texts() == "bcdxyz"
    assert texts(max_length=5) == "cdxyz"
    assert texts(truncation="only_second") == "abcdyz"
    assert texts(max_length=4, truncation="longest_first") == "cdyz"
    assert bert.encode_pairs(pairs, truncation="only_second").ids.to_list() == [list(b"abcdxyz")]
    with pytest.raises(ValueError, match="pair 0 is 4 ids too long"):
        tok.encode_pairs(pairs, add_special_tokens=True)
    # As in tokenizers: no space for the texts empties both; a maximum below the special tokens has no effect.
    for max_length, expected in ((3, [CLS, SEP, SEP]), (2, None), (0, None)):
        small = bert.with_settings(truncation=ft.Truncation(max_length, strategy="only_second"))
        [row] = small.encode_pairs(pairs, add_special_tokens=True).ids.to_list()
        assert row == (expected or bert.encode_pairs(pairs, add_special_tokens=True).ids.to_list()[0])
    with pytest.raises(ValueError, match="max_length must be at least 3, not 2"):
        tok.encode_pairs(pairs, max_length=2, add_special_tokens=True)


def test_pairs_are_already_truncated_before_pad(bert):
    tok = bert.with_settings(truncation=ft.Truncation(7), padding=ft.Padding(pad_type_id=3, multiple_of=8))
    pairs = tok.encode_pairs([("abcd", "xyz"), ("", "x")], add_special_tokens=True)
    ids, mask = tok.pad(pairs.ids)
    assert tok.decode_batch(ids) == ["[CLS]ab[SEP]xy[SEP][PAD]", "[CLS][SEP]x[SEP]" + 4 * "[PAD]"]
    assert tok.pad(pairs.type_ids).ids.tolist() == [[0, 0, 0, 0, 1, 1, 1, 3], [0, 0, 1, 1, 3, 3, 3, 3]]
    assert mask.sum(axis=1).tolist() == [7, 4]
    # A single text with a token of the template inside is truncated, unless max_length says otherwise.
    row = tok.encode_batch(["abc[SEP]def"], special="all", add_special_tokens=True)
    assert tok.decode_batch(tok.pad(row).ids) == ["[CLS]abc[SEP]d[SEP][PAD]"]
    assert len(tok.windows(row).ids) == 2
    for function in (tok.pad, tok.windows):
        with pytest.raises(ValueError, match="it seems to be a pair"):
            function(row, 7)


def test_only_second_is_an_error_for_single_texts(bert):
    tok = bert.with_settings(truncation=ft.Truncation(4, strategy="only_second"))
    rows = tok.encode_batch(["a", "abcdef"], add_special_tokens=True)
    assert tok.pad(rows[:1]).ids.tolist() == [[CLS, 97, SEP]]
    for function in (tok.pad, tok.windows):
        with pytest.raises(ValueError, match="row 1 is longer than max_length=4, but the truncation"):
            function(rows)
    assert tok.pad(rows, 4).ids.tolist() == [[CLS, 97, SEP, PAD], [CLS, 97, 98, SEP]]


def test_encode_neither_truncates_nor_pads(plain):
    tok = plain.with_settings(**SETTINGS)
    assert tok.encode("abcdefgh").tolist() == plain.encode("abcdefgh").tolist()
    assert tok.encode_batch(["abcdefgh", ""]).to_list() == plain.encode_batch(["abcdefgh", ""]).to_list()


# Trimmed offsets


def test_trimmed_offsets(plain):
    tok = ft.Tokenizer(
        ft.BPEModel([*(bytes([b]) for b in range(256)), b"  ", b" a"], [[32, 32], [32, 97]]),
        "none",
        {ft.AddedToken("<m>", special=True, lstrip=True): 258},
    )

    def spans(text, add_prefix_space=False, **options):
        found = tok.with_settings(trim_offsets=ft.TrimOffsets(add_prefix_space))
        encoding = found.encode_with_offsets(text, **options)
        assert encoding.ids.tolist() == tok.encode_with_offsets(text, **options).ids.tolist()
        return [(*a, *b) for a, b in zip(encoding.char_spans, encoding.byte_spans, strict=True)]

    assert spans("") == []
    assert spans(" a a") == [(1, 2, 1, 2), (3, 4, 3, 4)]
    assert spans(" a a", True) == [(0, 2, 0, 2), (3, 4, 3, 4)]
    assert spans("  ", True) == [(2, 2, 2, 2)]
    assert spans(" ") == [(1, 1, 1, 1)]
    assert spans(" ", True) == [(0, 0, 0, 0)]
    # White space of more than one byte is not a space byte, and invalid bytes are one code point each.
    assert spans("\u3000 a") == [(0, 1, i, i + 1) for i in range(3)] + [(2, 3, 4, 5)]
    assert spans(b"\xff\xe3\x80 a\x80") == [
        (0, 1, 0, 1), (1, 2, 1, 2), (2, 3, 2, 3), (4, 5, 4, 5), (5, 6, 5, 6)
    ]  # fmt: skip
    # An added token includes the white space before it.
    assert spans("é \u3000<m>", special="all") == [(0, 1, 0, 1), (0, 1, 1, 2), (3, 6, 6, 9)]
    assert spans(" <m>", True, special="all") == [(0, 4, 0, 4)]


@pytest.mark.parametrize("add_prefix_space", [False, True])
def test_trimmed_offsets_equal_the_oracle(add_prefix_space):
    texts = [*hostile.byte_strings(400, seed=62), b"  a \xe3\x80\x80  ", b" \xe3\x80 ", b" ", b""]
    counts = ft.count_pretokens(ft.Corpus.from_texts(texts), "none")
    tok = ft.Tokenizer(ft.BPETrainer(vocab_size=700, special_tokens=[]).train(counts)[0], "none")
    trimming = tok.with_settings(trim_offsets=ft.TrimOffsets(add_prefix_space))
    for text in texts:
        plain, encoding = tok.encode_with_offsets(text), trimming.encode_with_offsets(text)
        assert encoding.ids.tolist() == plain.ids.tolist()
        pieces = [tok.id_to_piece(i) for i in plain.ids]
        expected = oracles.trim_spans(text, pieces, plain.byte_spans, plain.char_spans, add_prefix_space)
        assert (encoding.byte_spans.tolist(), encoding.char_spans.tolist()) == expected


def test_white_space_of_pieces_that_are_text():
    words = ["a", "\u3000b\u3000", "Ġc", "\x1cd", "<unk>"]
    tok = ft.Tokenizer(ft.WordModel([*words[:4], ""], unk_id=4), "none", {"<unk>": 4})
    tok = tok.with_settings(trim_offsets=ft.TrimOffsets())
    for word, span in zip(words, ([0, 1], [1, 2], [1, 2], [0, 2], [0, 5]), strict=True):
        assert tok.encode_with_offsets(word).char_spans.tolist() == [span]


def test_special_tokens_of_a_template_have_empty_spans(bert):
    encoding = bert.encode_with_offsets("é", add_special_tokens=True)
    assert encoding.ids.tolist() == [CLS, 0xC3, 0xA9, SEP]
    assert encoding.byte_spans.tolist() == [[0, 0], [0, 1], [1, 2], [0, 0]]
    assert encoding.char_spans.tolist() == [[0, 0], [0, 1], [0, 1], [0, 0]]
    assert encoding.type_ids.tolist() == [0, 0, 0, 0]
    with pytest.raises(ft.TemplateError, match="the tokenizer has no template"):
        bert.with_settings(template=None).encode_with_offsets("a", add_special_tokens=True)


def test_sides_of_the_settings_of_a_model(tmp_path):
    """As in `transformers`, the settings of the model say the sides, whatever those of the tokenizer say."""
    plain = ft.Tokenizer(ft.ByteModel(), "gpt2", {"<pad>": 256})
    config = {"padding_side": "left", "truncation_side": "left", "pad_token": "<pad>"}
    for tok in (plain, plain.with_settings(padding=ft.Padding(), truncation=ft.Truncation(3))):
        sided = tok.with_settings(config=ft.ModelConfig(config))
        rows = sided.encode_batch(["abcd", "ef"])
        assert sided.decode_batch(sided.pad(rows, max_length=3).ids) == ["bcd", "<pad>ef"]
        assert sided.decode_batch(sided.pad(rows, max_length=3, side="right").ids) == ["bcd", "ef<pad>"]
        assert sided.decode_batch(sided.windows(rows, max_length=3).ids)[0] == "bcd"
        assert sided.encode_pairs([("abcd", "ef")], max_length=5).ids.to_list() == [[*b"bcdef"]]
        sided.save(tmp_path / "model", format="huggingface")
        theirs = pytest.importorskip("transformers").AutoTokenizer.from_pretrained(tmp_path / "model")
        found = theirs(["abcd", "ef"], padding=True, truncation=True, max_length=3).input_ids
        assert found == sided.pad(rows, max_length=3).ids.tolist()
    for key in ("padding_side", "truncation_side"):
        with pytest.raises(ValueError, match=f"{key} must be .*, not 'top'"):
            ft.ModelConfig({key: "top"})
