"""Character and word models by sentencepiece's rules, compared with sentencepiece."""

from __future__ import annotations

import random

import pytest
import sentencepiece

import fasttok as ft
from tests import sentencepiece_file
from tests.sentencepiece_file import BYTE, CHAR, CONTROL, NORMAL, UNKNOWN, UNUSED, USER_DEFINED, WORD

LETTERS = ["a", "b", "c", "▁", "é", "東", "😀"]
BYTES = [(f"<0x{byte:02X}>", 0.0, BYTE) for byte in range(256)]


def random_rows(rng, model_type, byte_fallback):
    """Return random pieces of one letter and of several."""
    kinds = [NORMAL, NORMAL, UNUSED] + [USER_DEFINED] * (model_type == CHAR)
    rows = [("<unk>", 0.0, UNKNOWN), ("x", 0.0, CONTROL), *(BYTES if byte_fallback else [])]
    rows += [(text, 0.0, rng.choice(kinds)) for text in LETTERS[: rng.randint(1, 7)]]
    longer = {"".join(rng.choices(LETTERS, k=rng.randint(2, 4))) for _ in range(12)}
    if model_type == WORD:
        longer |= {"▁" + text for text in longer}
    rows += [(text, 0.0, rng.choice(kinds)) for text in sorted(longer)]
    rng.shuffle(rows)
    return rows


def make_tokenizer(rows, model_type, byte_fallback):
    kinds = [kind for *_, kind in rows]
    pieces = [text if kind not in (UNKNOWN, CONTROL) else "" for text, _, kind in rows]
    unused = {i for i, kind in enumerate(kinds) if kind == UNUSED}
    options = {"unk_id": kinds.index(UNKNOWN), "byte_fallback": byte_fallback, "fuse_unk": True}
    if model_type == CHAR:
        unused |= {i for i, (text, _, kind) in enumerate(rows) if kind == NORMAL and len(text) > 1}
        options["user_defined"] = [i for i, kind in enumerate(kinds) if kind == USER_DEFINED]
        model = ft.CharacterModel(pieces, unused=unused, **options)
        return ft.Tokenizer(model, "none", {"<unk>": model.unk_id})
    model = ft.WordModel(pieces, unused=unused, **options)
    return ft.Tokenizer(model, ft.MetaspaceSplit(prepend="never"), {"<unk>": model.unk_id})


@pytest.mark.parametrize("byte_fallback", [False, True])
@pytest.mark.parametrize("model_type", [WORD, CHAR])
def test_ids_and_spans_equal_sentencepiece(model_type, byte_fallback, tmp_path):
    rng = random.Random(model_type)
    for _ in range(30):
        rows = random_rows(rng, model_type, byte_fallback)
        tok = make_tokenizer(rows, model_type, byte_fallback)
        theirs = sentencepiece.SentencePieceProcessor()
        theirs.LoadFromSerializedProto(sentencepiece_file.write(rows, byte_fallback, model_type))
        words = [text for text, *_ in rows] if model_type == WORD else ["a"]
        letters = [*LETTERS, "x", "q"]
        texts = [
            "".join(
                rng.choice([rng.choice(letters), rng.choice(words)]) for _ in range(rng.choice([1, 3, 30]))
            )
            for _ in range(15)
        ]
        texts = [text.replace(" ", "") for text in texts]
        expected = theirs.encode(texts)
        assert [tok.encode(text).tolist() for text in texts] == expected
        assert tok.encode_batch(texts).to_list() == expected
        tok.save(tmp_path / "a.json")
        assert ft.load(tmp_path / "a.json").encode_batch(texts).to_list() == expected
        if not byte_fallback:
            for text in texts:
                spans = tok.encode_with_offsets(text).char_spans.tolist()
                offsets = theirs.encode(text, return_type="offset_mapping")["offsets"]
                assert spans == [list(span) for span in offsets]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"user_defined": [3]}, "user_defined contains id 3, which has no piece"),
        ({"unused": [0]}, "unused contains id 0, which has no piece"),
        ({"user_defined": [1], "unused": [1]}, "id 1 is both in user_defined and in unused"),
        ({"unk_id": 1, "fuse_unk": True}, "unk_id 1 is the id of the piece b'a'"),
        ({"user_defined": [1]}, "piece 2, b'ab', is not one character"),
    ],
)
def test_invalid_options(options, message):
    with pytest.raises(ValueError, match=message):
        ft.CharacterModel(["", "a", "ab"], **options)
    with pytest.raises(ValueError, match="is not UTF-8"):
        ft.CharacterModel(["", b"\xff"], user_defined=[1])
