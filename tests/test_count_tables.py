"""Counts as tables: TSV, which sentencepiece reads, and Arrow or Parquet, which Spark and DuckDB write."""

from __future__ import annotations

import gzip
import itertools
import math
import random
from collections import Counter
from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import pytest
import sentencepiece

import fasttok as ft
from tests import hostile

BIG = (1 << 63) - 1


def naive_rows(content, escapes=False):
    """Return the (text, count) pairs of a TSV file, one line at a time."""
    letters = {b"t": b"\t", b"n": b"\n", b"r": b"\r", b"\\": b"\\"}
    rows = []
    for line in content.removesuffix(b"\n").split(b"\n") if content else []:
        text, count = line.split(b"\t")
        if escapes:
            text, rest = b"", text
            while rest:
                if rest[:1] != b"\\":
                    text, rest = text + rest[:1], rest[1:]
                elif rest[1:2] == b"x":
                    text, rest = text + bytes([int(rest[2:4], 16)]), rest[4:]
                else:
                    text, rest = text + letters[rest[1:2]], rest[2:]
        rows.append((text, int(count)))
    return rows


def naive_sums(rows):
    sums = {}
    for text, count in rows:
        sums[text] = sums.get(text, 0) + count
    return sums


def hostile_counts(seed):
    rng = random.Random(seed)
    texts = {text for text in hostile.byte_strings(400, seed=seed) if text}
    texts |= {b"\xef\xbb\xbfa", b"\\", b"\\n", b"\t", b"\r", b"a\\xff", b"\x00", b"x" * 70_000}
    return ft.PretokenCounts.from_dict({text: rng.randint(1, 30) for text in sorted(texts)}, "none", "nfc")


# TSV


@pytest.mark.parametrize("seed", range(4))
def test_tsv_with_escapes_holds_every_pretoken(tmp_path, seed):
    counts = hostile_counts(seed)
    path = tmp_path / "counts.tsv"
    counts.to_tsv(path, escapes=True)
    content = path.read_bytes()
    content.decode()  # valid UTF-8
    assert naive_rows(content, escapes=True) == [*counts.to_dict().items()]
    assert ft.PretokenCounts.from_tsv(path, recipe=counts.recipe, escapes=True) == counts
    again = ft.PretokenCounts.from_tsv(path, "none", "nfc", escapes=True)
    assert again == counts
    assert sorted(file.name for file in tmp_path.iterdir()) == ["counts.tsv"]


def test_a_byte_order_mark_is_escaped_only_at_the_beginning(tmp_path):
    for first, second in [(b"\xef\xbb\xbfa", b"b"), (b"b", b"\xef\xbb\xbfa"), (b"\xef\xbb\xbf", b"\xef\xbb")]:
        counts = ft.PretokenCounts.from_dict({first: 2, second: 1})
        counts.to_tsv(tmp_path / "a.tsv", escapes=True)
        assert ft.PretokenCounts.from_tsv(tmp_path / "a.tsv", escapes=True) == counts
        if first == b"b":
            counts.to_tsv(tmp_path / "a.tsv")
            assert ft.PretokenCounts.from_tsv(tmp_path / "a.tsv") == counts
        else:
            with pytest.raises(ft.ModelExportError, match="row 0: .* begins with a byte order mark"):
                counts.to_tsv(tmp_path / "a.tsv")


@pytest.mark.parametrize("seed", range(4))
def test_plain_tsv_agrees_with_oracle(tmp_path, seed):
    rng = random.Random(seed)
    texts = hostile.byte_strings(300, seed=seed)
    texts = [text.translate(None, b"\t\n\r") for text in texts]
    texts = [text for text in texts if text and text[:3] != b"\xef\xbb\xbf"]
    rows = [(rng.choice(texts), rng.choice([1, 5, 10**6, 10**12])) for _ in range(500)]
    content = b"".join(b"%b\t%d\n" % row for row in rows)
    path = tmp_path / "words.tsv"
    ends = {b"": content, b"\n": content.removesuffix(b"\n"), b"\r": content.replace(b"\n", b"\r\n")}
    for written in ends.values():
        path.write_bytes(written)
        counts = ft.PretokenCounts.from_tsv(path)
        assert counts.to_dict() == naive_sums(rows)
        assert counts.recipe == ft.PretokenCounts.from_dict({}).recipe
    path.write_bytes(b"\xef\xbb\xbfword\tn\n" + content)
    assert ft.PretokenCounts.from_tsv(path, header=True) == counts
    counts.to_tsv(path)
    assert naive_rows(path.read_bytes()) == [*counts.to_dict().items()]
    assert ft.PretokenCounts.from_tsv(path) == counts


def test_small_tsv_files(tmp_path):
    path = tmp_path / "words.tsv"
    for content, expected in [
        (b"", {}),
        (b"a\t1", {b"a": 1}),
        (b"a b\t0007\r\n", {b"a b": 7}),
        (b"\xff\t1\n\xff\t%d\n" % (BIG - 1), {b"\xff": BIG}),
        (b"a\r\t1\n", {b"a\r": 1}),
        (b"a\\n\t1\n", {b"a\\n": 1}),
    ]:
        path.write_bytes(content)
        assert ft.PretokenCounts.from_tsv(path).to_dict() == expected
        path.write_bytes(b"word\tcount\n" + content)
        assert ft.PretokenCounts.from_tsv(path, header=True).to_dict() == expected


@pytest.mark.parametrize(
    ("content", "line", "message"),
    [
        (b"a\t1\nb\n", 2, "but has 0 tabs: 'b'"),
        (b"a\t1\n\n", 2, "but has 0 tabs: ''"),
        (b"a\tb\t1\n", 1, "but has 2 tabs"),
        (b"word\tcount\na\t1\n", 1, "not 'count'; pass header=True"),
        (b"a\t1\nb\t\n", 2, "a count must be an integer from 1 to 2.63 - 1, not ''"),
        (b"a\t1\nb\t\r\n", 2, "a count must be an integer from 1 to 2.63 - 1, not ''"),
        (b"a\t1\nb\t0\n", 2, "not '0'"),
        (b"a\t1\nb\t-1\n", 2, "not '-1'"),
        (b"a\t1\nb\t1.0\n", 2, "not '1.0'"),
        (b"a\t1\nb\t 1\n", 2, "not ' 1'"),
        (b"a\t1\nb\t1e3\n", 2, "not '1e3'"),
        (b"a\t%d\nb\t%d\n" % (BIG, BIG + 1), 2, f"not '{BIG + 1}'"),
        (b"a\t99999999999999999999\n", 1, "not '99999999999999999999'"),
        ("a\t٣\n".encode(), 1, "not '٣'"),
        (b"a\t1\n\t5\n", 2, "a pretoken must not be empty"),
    ],
)
def test_wrong_lines_are_named(tmp_path, content, line, message):
    path = tmp_path / "words.tsv"
    path.write_bytes(content)
    with pytest.raises(ft.CorpusError, match=message) as caught:
        ft.PretokenCounts.from_tsv(path)
    assert (caught.value.path, caught.value.line) == (str(path), line)
    path.write_bytes(b"x\t1\n" + content)
    with pytest.raises(ft.CorpusError) as caught:
        ft.PretokenCounts.from_tsv(path, header=True)
    assert caught.value.line == line + 1


def test_other_wrong_files(tmp_path):
    path = tmp_path / "words.tsv"
    path.write_bytes(b"a\t%d\na\t1\n" % BIG)
    with pytest.raises(OverflowError, match="exceeds 2.63 - 1"):
        ft.PretokenCounts.from_tsv(path)
    for text in (b"a\\", b"\\y", b"\\x1", b"\\xg0", b"\\ t", "\\é".encode()):
        path.write_bytes(b"a\t1\n" + text + b"\t1\n")
        assert text in ft.PretokenCounts.from_tsv(path).to_dict()
        with pytest.raises(ft.CorpusError, match="unknown escape") as caught:
            ft.PretokenCounts.from_tsv(path, escapes=True)
        assert caught.value.line == 2
    with pytest.raises(FileNotFoundError):
        ft.PretokenCounts.from_tsv(tmp_path / "missing.tsv")


# The time in the header of gzip may look like the end of a text, or like a whole line.
@pytest.mark.parametrize("time", [b"\0\0\0\0", b"\t\0\0\0", b"\n\0\0\0", b"\t1\n1", b"\t\t\t\t"])
@pytest.mark.parametrize("options", [{}, {"header": True}, {"escapes": True}])
def test_compressed_tables(tmp_path, time, options):
    path = tmp_path / "words.tsv"
    path.write_bytes(gzip.compress(b"a\t1\n" * 100, mtime=int.from_bytes(time, "little")))
    with pytest.raises(ft.CorpusError, match="compressed with gzip; decompress it first"):
        ft.PretokenCounts.from_tsv(path, **options)


def test_texts_that_begin_as_compressed_data_does(tmp_path):
    path = tmp_path / "words.tsv"
    counts = ft.PretokenCounts.from_dict({b"\x04\x22\x4d\x18@": 3, b"a": 1})
    counts.to_tsv(path)
    assert ft.PretokenCounts.from_tsv(path).to_dict() == counts.to_dict()


@pytest.mark.parametrize(
    ("pretoken", "message"), [("a\tb", "a tab"), ("\n", "a line feed"), ("a\r", "a carriage return")]
)
def test_texts_that_plain_tsv_cannot_hold(tmp_path, pretoken, message):
    counts = ft.PretokenCounts.from_dict({"x": 3, "yy": 2, pretoken: 1})
    with pytest.raises(ft.ModelExportError, match=f"row 2: .* contains {message}; pass escapes=True"):
        counts.to_tsv(tmp_path / "a.tsv")
    assert not (tmp_path / "a.tsv").exists()


# Texts that are split


def naive_split(rows, pretokenizer, normalizer):
    """Return the sums of counting each text as often as its count says."""
    parts = []
    for text, count in rows:
        counts = ft.count_pretokens(ft.Corpus.from_texts([text]), pretokenizer, normalizer, workers=1)
        parts += [(pretoken, n * count) for pretoken, n in counts.to_dict().items()]
    return naive_sums(parts)


@pytest.mark.parametrize(
    ("pretokenizer", "normalizer"),
    [("o200k", None), ("metaspace", "nmt_nfkc"), (["whitespace_split", "bert"], "lowercase"), ("none", None)],
)
def test_texts_are_split_like_documents(tmp_path, pretokenizer, normalizer):
    rng = random.Random(3)
    texts = ["", " ", "a b", "the  cat", *hostile.texts(40, seed=4)]
    rows = [(text.translate(dict.fromkeys(b"\t\n\r")).encode(), rng.randint(1, 9)) for text in texts]
    rows = [(b"x" + text if text[:3] == b"\xef\xbb\xbf" else text, count) for text, count in rows]
    path = tmp_path / "words.tsv"
    path.write_bytes(b"".join(b"%b\t%d\n" % row for row in rows))
    counts = ft.PretokenCounts.from_tsv(path, pretokenizer, normalizer, split=True)
    assert counts.to_dict() == naive_split(rows, pretokenizer, normalizer)
    table = pa.table({"text": [text for text, _ in rows], "n": [count for _, count in rows]})
    assert ft.PretokenCounts.from_arrow(table, pretokenizer, normalizer, split=True) == counts
    corpus = ft.Corpus.from_texts([text for text, count in rows for _ in range(count)])
    assert ft.count_pretokens(corpus, pretokenizer, normalizer) == counts


def test_many_texts_are_split_in_parts():
    rows = {f"w{i} v{i % 7} {'x' * (i % 300)}": i % 5 + 1 for i in range(20_000)}
    table = pa.table({"text": [*rows], "n": [*rows.values()]})
    counts = ft.PretokenCounts.from_arrow(table, "whitespace_split", split=True)
    words = [(word.encode(), count) for text, count in rows.items() for word in text.split()]
    assert counts.to_dict() == naive_sums(words)


def test_sentencepiece_reads_the_same_counts(tmp_path):
    """The scores of its word model are the logarithms of the shares of the words."""
    rng = random.Random(5)
    words = [f"w{i}" for i in range(30)] + ["Café", "ﬁne", "naïve", "日本", "Ⅷ"]
    path = tmp_path / "words.tsv"
    lines = [f"{' '.join(rng.choices(words, k=rng.randint(1, 4)))}\t{rng.randint(1, 50)}" for _ in range(200)]
    path.write_text("\n".join(lines))
    model = str(tmp_path / "word")
    options = {"model_type": "word", "vocab_size": 4000, "use_all_vocab": True, "character_coverage": 1.0}

    def train():
        sentencepiece.SentencePieceTrainer.train(
            input=str(path), input_format="tsv", model_prefix=model, minloglevel=9, **options
        )
        theirs = sentencepiece.SentencePieceProcessor(model_file=f"{model}.model")
        return {theirs.id_to_piece(i): theirs.get_score(i) for i in range(3, theirs.get_piece_size())}

    scores = train()
    counts = ft.PretokenCounts.from_tsv(path, "metaspace", "nmt_nfkc", split=True)
    assert {piece.encode() for piece in scores} == counts.to_dict().keys()
    for piece, count in counts.to_dict().items():
        assert scores[piece.decode()] == pytest.approx(math.log(count / counts.total), rel=1e-5)
    counts.to_tsv(path)
    assert train() == pytest.approx(scores, rel=1e-5)


def test_sentencepiece_learns_the_same_bpe(tmp_path):
    words = Counter(" ".join(map(bytes.decode, ft.Corpus.from_files(ft.parallel_sample()["eng"]))).split())
    path, model = tmp_path / "words.tsv", str(tmp_path / "bpe")
    path.write_text("".join(f"{word}\t{count}\n" for word, count in words.items()))
    sentencepiece.SentencePieceTrainer.train(
        input=str(path),
        input_format="tsv",
        model_prefix=model,
        model_type="bpe",
        vocab_size=400,
        minloglevel=9,
    )
    theirs = sentencepiece.SentencePieceProcessor(model_file=f"{model}.model")
    counts = ft.PretokenCounts.from_tsv(path, "metaspace", "nmt_nfkc", split=True)
    tok = ft.train(counts, "bpe", compat="sentencepiece", vocab_size=400, piece_counts=True)
    assert [tok.id_to_piece(i).decode() for i in range(400)] == [theirs.id_to_piece(i) for i in range(400)]
    found: Counter[int] = Counter()
    for word, count in words.items():
        for i in theirs.encode(word):
            found[i] += count
    assert tok.piece_counts.tolist() == [found[i] for i in range(400)]


# Arrow


@pytest.mark.parametrize("seed", range(3))
def test_arrow_tables_hold_every_pretoken(tmp_path, seed):
    counts = hostile_counts(seed)
    table = counts.to_arrow(binary=True)
    assert table.schema.names == ["pretoken", "count"]
    assert [*zip(*table.to_pydict().values(), strict=True)] == [*counts.to_dict().items()]
    assert ft.PretokenCounts.from_arrow(table) == counts
    pyarrow.parquet.write_table(table, tmp_path / "counts.parquet", row_group_size=100)
    assert ft.PretokenCounts.from_arrow(tmp_path / "counts.parquet") == counts
    with pa.OSFile(str(tmp_path / "counts.arrow"), "wb") as file, pa.ipc.new_file(file, table.schema) as out:
        out.write_table(table, max_chunksize=70)
    assert ft.PretokenCounts.from_arrow(str(tmp_path / "counts.arrow")) == counts
    with pa.OSFile(str(tmp_path / "stream"), "wb") as file, pa.ipc.new_stream(file, table.schema) as out:
        out.write_table(table, max_chunksize=70)
    assert ft.PretokenCounts.from_arrow(str(tmp_path / "stream")) == counts
    i = next(i for i, text in enumerate(counts.to_dict()) if text.decode(errors="ignore").encode() != text)
    with pytest.raises(ft.ModelExportError, match=f"row {i}: .* is not UTF-8; pass binary=True"):
        counts.to_arrow()


def test_text_columns():
    counts = ft.count_pretokens(ft.Corpus.from_texts(hostile.texts(300, seed=6)), split_special=["a b"])
    table = counts.to_arrow()
    assert table.schema.types == [pa.large_string(), pa.int64()]
    assert ft.PretokenCounts.from_arrow(table) == counts
    empty = ft.PretokenCounts.from_dict({})
    assert ft.PretokenCounts.from_arrow(empty.to_arrow()) == empty
    assert empty.to_arrow().num_rows == 0


TEXTS = ["the", "", "cat", "é", "the", "日本", "x" * 50] * 3
COUNTS = [*range(1, len(TEXTS) + 1)]
STRINGS = [pa.string(), pa.large_string(), pa.string_view(), pa.dictionary(pa.int8(), pa.string())]
BYTES = [pa.binary(), pa.large_binary(), pa.binary_view(), pa.dictionary(pa.uint32(), pa.large_binary())]
INTEGERS = [pa.int64(), pa.uint64(), pa.int8(), pa.uint32(), pa.decimal128(38, 0)]


@pytest.mark.parametrize(("kind", "number"), [*itertools.product(STRINGS + BYTES, INTEGERS)])
def test_types_of_columns(kind, number):
    texts = [text for text in TEXTS if text]
    counts = COUNTS[: len(texts)]
    values = [Decimal(count) if pa.types.is_decimal(number) else count for count in counts]
    given = [text.encode() for text in texts] if kind in BYTES else texts
    columns = pa.array(given).cast(kind) if kind not in BYTES else pa.array(given, pa.binary()).cast(kind)
    table = pa.table({"word": columns, "sum(n)": pa.array(values, number)})
    expected = naive_sums(zip([text.encode() for text in texts], counts, strict=True))
    parts = pa.concat_tables([table.slice(0, 5), table.slice(5, 1), table.slice(6)])
    for source in (table, parts, pa.concat_tables([table.slice(7), table.slice(0, 7)]), parts.to_reader()):
        assert ft.PretokenCounts.from_arrow(source, "metaspace").to_dict() == expected
    assert (
        ft.PretokenCounts.from_arrow(parts, split=True, pretokenizer="whitespace_split").to_dict() == expected
    )


def test_data_frames_and_folders(tmp_path):
    frame = pd.DataFrame({"word": ["a", "b", "a"], "share": [0.5, 0.25, 0.25], "n": [2, 1, 1]})
    assert ft.PretokenCounts.from_arrow(frame).to_dict() == {b"a": 3, b"b": 1}
    for i in range(3):  # as Spark writes
        part = frame[["word", "n"]].iloc[i : i + 1]
        pyarrow.parquet.write_table(
            pa.Table.from_pandas(part, preserve_index=False), tmp_path / f"part-{i}.parquet"
        )
    (tmp_path / "_SUCCESS").touch()
    assert ft.PretokenCounts.from_arrow(tmp_path).to_dict() == {b"a": 3, b"b": 1}


def test_choice_of_columns():
    table = pa.table({"word": ["a"], "lemma": ["b"], "n": [1], "rank": [2], "share": [0.5]})
    for text, count in itertools.product(("word", "lemma"), ("n", "rank")):
        counts = ft.PretokenCounts.from_arrow(table, text_column=text, count_column=count)
        assert counts.to_dict() == {table[text][0].as_py().encode(): table[count][0].as_py()}
    named = table.rename_columns(["pretoken", "lemma", "rank", "count", "share"])
    assert ft.PretokenCounts.from_arrow(named).to_dict() == {b"a": 2}
    for options, message in [
        ({}, r"several columns of text \(the columns are: 'word' \(string\), .*pass text_column="),
        ({"text_column": "word"}, "several columns of integers .*pass count_column="),
        ({"text_column": "missing"}, "no column 'missing'"),
        ({"text_column": "n"}, "column 'n' must be of text, not int64"),
        ({"text_column": "word", "count_column": "share"}, "column 'share' must be of integers, not double"),
    ]:
        with pytest.raises(ft.CorpusError, match=message):
            ft.PretokenCounts.from_arrow(table, **options)
    with pytest.raises(ft.CorpusError, match="no column of integers"):
        ft.PretokenCounts.from_arrow(table.select(["word", "share"]))
    twice = pa.Table.from_arrays([*table.select(["word", "n"]).columns, table["n"]], ["word", "n", "n"])
    with pytest.raises(ft.CorpusError, match="2 columns are named 'n'"):
        ft.PretokenCounts.from_arrow(twice, count_column="n")


@pytest.mark.parametrize(
    ("texts", "counts", "row", "message"),
    [
        (["a", None], [1, 1], 1, "the text is null"),
        (["a", "b"], [1, None], 1, "the count is null"),
        (["a", "b", ""], [1, 1, 1], 2, "must not be empty"),
        (["a", "b"], [1, 0], 1, "a count must be an integer from 1 to 2.63 - 1, not 0"),
        (["a", "b"], [-3, 1], 0, "not -3"),
        (["a", "b"], pa.array([1, 1 << 63], pa.uint64()), 1, f"not {1 << 63}"),
        (["a", "b"], pa.array([1, Decimal(10**30)], pa.decimal128(38, 0)), 1, f"not {10**30}"),
        (pa.array(["a", None]).dictionary_encode(), [1, 1], 1, "the text is null"),
        (pa.DictionaryArray.from_arrays([0, 1], pa.array(["a", None])), [1, 1], 1, "the text is null"),
    ],
)
def test_wrong_rows_are_named(tmp_path, texts, counts, row, message):
    table = pa.table({"word": texts, "n": counts})
    table = pa.concat_tables([table.slice(0, 1), table.slice(1)])
    with pytest.raises(ft.CorpusError, match=message) as caught:
        ft.PretokenCounts.from_arrow(table)
    assert (caught.value.row, caught.value.path) == (row, None)
    path = str(tmp_path / "a.arrow")
    with pa.OSFile(path, "wb") as file, pa.ipc.new_file(file, table.schema) as out:
        out.write_table(table)
    with pytest.raises(ft.CorpusError, match=f"a.arrow: row {row}: ") as caught:
        ft.PretokenCounts.from_arrow(path)
    assert (caught.value.row, caught.value.path) == (row, path)


def test_strings_that_are_not_utf8_are_kept():
    offsets, values = np.array([0, 1, 3], np.int32), b"a\xff\xfe"
    column = pa.Array.from_buffers(pa.string(), 2, [None, pa.py_buffer(offsets), pa.py_buffer(values)])
    table = pa.table({"word": column, "n": [1, 2]})
    assert ft.PretokenCounts.from_arrow(table).to_dict() == {b"\xff\xfe": 2, b"a": 1}


def test_damaged_files(tmp_path):
    counts = ft.PretokenCounts.from_dict({f"é{i}": i for i in range(1, 200)})
    path = tmp_path / "counts.parquet"
    pyarrow.parquet.write_table(counts.to_arrow(), path)
    data = path.read_bytes()
    rng = random.Random(7)
    for _ in range(60):
        damaged = bytearray(data)
        damaged[rng.randrange(4, len(data) - 300)] ^= 1 << rng.randrange(8)
        path.write_bytes(damaged)
        try:
            ft.PretokenCounts.from_arrow(path)
        except (ft.CorpusError, OverflowError) as error:
            assert isinstance(error, OverflowError) or str(path) in str(error)
    for content in (b"", b"a\t1\n", data[:-20], b"ARROW1\0\0abc", b"\xff\xff\xff\xffabc"):
        path.write_bytes(content)
        with pytest.raises(ft.CorpusError, match="counts.parquet: "):
            ft.PretokenCounts.from_arrow(path)
    with pytest.raises(FileNotFoundError):
        ft.PretokenCounts.from_arrow(tmp_path / "missing.parquet")


# Recipes


def test_the_recipe_is_in_the_metadata(tmp_path):
    corpus = ft.Corpus.from_texts(["To be\nor not"], document="line")
    counts = ft.count_pretokens(corpus, "bert", "lowercase", split_special=["<s>"])
    table = counts.to_arrow()
    same = [{}, {"pretokenizer": "bert"}, {"normalizer": "lowercase"}, {"recipe": counts.recipe}]
    for options in same:
        assert ft.PretokenCounts.from_arrow(table, **options) == counts
    for options, message in [
        ({"pretokenizer": "gpt2"}, "the pretokenizer {'name': 'gpt2'} is not that of the recipe"),
        ({"normalizer": "nfc"}, "the normalizer .* is not that of the recipe in the table"),
        ({"recipe": ft.Recipe({"name": "bert"})}, "the normalizer None is not that"),
        (
            {"recipe": ft.Recipe({"name": "bert"}, counts.recipe.normalizer, "whole")},
            "the document 'whole' is not",
        ),
    ]:
        with pytest.raises(ft.RecipeError, match=message):
            ft.PretokenCounts.from_arrow(table, **options)
    bare = table.replace_schema_metadata({"other": "1"})
    assert ft.PretokenCounts.from_arrow(bare).recipe == ft.PretokenCounts.from_dict({}).recipe
    assert ft.PretokenCounts.from_arrow(bare, recipe=counts.recipe) == counts
    split = ft.PretokenCounts.from_arrow(table, "none", split=True)
    assert split.to_dict() == counts.to_dict()
    assert split.recipe.pretokenizer == {"name": "none"}
    for damaged in ("{", '{"a": 1}', "[]"):
        with pytest.raises(ft.CorpusError, match="the recipe in the metadata is damaged"):
            ft.PretokenCounts.from_arrow(table.replace_schema_metadata({"fasttok.recipe": damaged}))


def test_a_recipe_is_given_alone(tmp_path):
    counts = ft.PretokenCounts.from_dict({"a": 1})
    counts.to_tsv(tmp_path / "a.tsv")
    table = counts.to_arrow()
    for options in ({"pretokenizer": "o200k"}, {"normalizer": "nfc"}, {"split": True}):
        with pytest.raises(ValueError, match="recipe cannot be combined with"):
            ft.PretokenCounts.from_tsv(tmp_path / "a.tsv", recipe=counts.recipe, **options)
        with pytest.raises(ValueError, match="recipe cannot be combined with"):
            ft.PretokenCounts.from_arrow(table, recipe=counts.recipe, **options)
    for wrong in ([1], {"a": 1}, 5, None, b"a", pa.Table, pa.array(["a"])):
        with pytest.raises((TypeError, ft.CorpusError)):
            ft.PretokenCounts.from_arrow(wrong)
