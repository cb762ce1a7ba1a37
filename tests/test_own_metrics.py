"""`Metric`: completeness of the built-in metrics, and custom metrics in `measure` and in experiments."""

from __future__ import annotations

import json
import runpy
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

import fasttok as ft
from fasttok.evaluation import measure as measure_module
from fasttok.evaluation.columns import COLUMNS
from fasttok.evaluation.encoded import encode
from fasttok.evaluation.metric import DEFINITIONS
from fasttok.evaluation.metrics.registry import KNOWN, METRICS, find_metrics
from fasttok.evaluation.metrics.totals import COMPARISON_TOTALS, MORPHEME_TOTALS, PIECE_TOTALS, divide
from fasttok.experiment.run import curves
from tests import metric_oracles as oracles
from tests.conftest import ROOT
from tests.test_cli import run as command

TEXTS = ["the cat sat", "", "a mat, that mat", "naïve 東京 12345"]

TOY = """\
import numpy as np
import fasttok as ft

def count_even(cut):
    return np.array([int((row % 2 == 0).sum()) for row in cut.encoded.ids], np.int64)

even = ft.Metric(
    "even_rate",
    of=(ft.Column("even", count_even), "tokens"),
    label="Even ids",
    definition="Tokens with an even id, divided by all tokens.",
    source="nobody",
    better="more",
)
per_baseline = ft.Metric("own_nsl", of=("tokens", "baseline_tokens"), definition="As NSL.")
number = 5
taken = ft.Metric("fertility", of=("tokens", "bytes"), definition="Another one.")
"""
EXPERIMENT = """\
name = "toys"
[corpus.train]
all = { files = "text.txt" }
[corpus.test]
held = { files = "text.txt", document = "line" }
[[tokenizer]]
model = ["bpe", "byte"]
vocab_size = 270
[[tokenizer]]
model = "wordpiece"
vocab_size = 300
pretokenizer = "bert"
normalizer = "bert"
[metrics]
use = ["compression", "MODULE:even"]
words = "whitespace"
baseline = "byte"
"""


@pytest.fixture
def corpus():
    return ft.TestCorpus.from_corpora("texts", ft.Corpus.from_texts(TEXTS), words="whitespace")


@pytest.fixture
def lossy():
    model = ft.WordPieceModel(["", "the", "cat", "##s", "a", "mat"], unk_id=0)
    return ft.Tokenizer(model, "bert", {"[UNK]": 0}, normalizer="bert")


def count_even(cut):
    return np.array([int((row % 2 == 0).sum()) for row in cut.encoded.ids], np.int64)


# Built-in metrics


@pytest.mark.parametrize("metric", KNOWN.values(), ids=KNOWN)
def test_built_in_metrics_are_complete(metric):
    assert all((metric.label, metric.definition, metric.source))
    assert metric.definition.endswith(".")
    assert not metric.source.endswith(".")
    assert metric.better in ("more", "less", "neither")
    assert metric.function.__name__ in (metric.name, "token_count")
    assert "Returns" in metric.function.__doc__
    assert json.loads(json.dumps(metric.describe())) == metric.describe()


def test_every_total_is_defined_once():
    kinds = [set(COLUMNS), set(PIECE_TOTALS), set(COMPARISON_TOTALS), set(MORPHEME_TOTALS)]
    assert sum(map(len, kinds)) == len(set.union(*kinds)) == len(DEFINITIONS)
    used = {total for metric in KNOWN.values() for total in metric.totals}
    assert used == set(DEFINITIONS)
    assert all(DEFINITIONS.values())


def test_reference_page_lists_all_metrics():
    runpy.run_path(str(ROOT / "docs/conf.py"))
    page = (ROOT / "docs/reference/metrics.md").read_text(encoding="utf-8")
    for group, metrics in METRICS.items():
        assert f"\n## {group}\n" in page
        for metric in metrics:
            assert f"\n### {metric.name}\n\n**{metric.label}**" in page
            assert metric.definition in page
            assert f"- Source: {metric.source}.\n" in page
    for total, text in DEFINITIONS.items():
        assert f"| `{total}` | {text} |" in page


# Custom metrics in measure


def test_a_metric_of_known_totals(tok, corpus):
    metric = ft.Metric("own", ("tokens", "words"), unit="tokens/word", definition="As fertility.")
    [own] = ft.measure({"t": tok}, corpus, metric, seed=7)
    [known] = ft.measure({"t": tok}, corpus, "fertility", seed=7)
    assert own == known | {"metric": "own"}
    assert ft.measure({"t": tok}, corpus, [metric, "fertility", metric], seed=7) == [known, own]


def test_a_metric_with_a_custom_column(tok, lossy):
    texts = [text for text in TEXTS if text]  # every resample has tokens
    corpus = ft.TestCorpus.from_corpora("texts", ft.Corpus.from_texts(texts), words="whitespace")
    column = ft.Column("even", count_even)
    rows = ft.measure(
        {"t": tok, "lossy": lossy},
        corpus,
        [ft.Metric("even_rate", [column, "tokens"], definition="Even ids, divided by all.")],
        seed=7,
    )
    for row, one in zip(rows, (lossy, tok), strict=True):
        ids = [one.encode(text).tolist() for text in texts]
        columns = [[sum(i % 2 == 0 for i in row), len(row)] for row in ids]
        whole, *draws = oracles.resample(columns, 7, ["texts", ""], 1000)
        assert (row["value"], row["n"]) == (whole[0] / whole[1], whole[1])
        values = [even / n for even, n in draws]
        assert row["low"] == pytest.approx(oracles.percentile(values, 2.5), rel=1e-13)
        assert row["high"] == pytest.approx(oracles.percentile(values, 97.5), rel=1e-13)


def test_a_metric_of_totals_of_pieces_and_of_documents(tok, corpus):
    def function(counts, vocab_size, n_words):
        return divide(np.count_nonzero(counts) * vocab_size, n_words)

    metric = ft.Metric("mixed", ("counts", "vocab_size", "words"), function, definition="Something.")
    languages = {"a": ft.Corpus.from_texts(TEXTS[:2]), "b": ft.Corpus.from_texts(TEXTS[2:])}
    several = ft.TestCorpus.from_corpora("two", languages, words="whitespace")
    rows = ft.measure({"t": tok}, several, [metric, "renyi"], seed=7)
    found = {row["language"]: row["value"] for row in rows if row["metric"] == "mixed"}
    for language, texts in (("a", TEXTS[:2]), ("b", TEXTS[2:]), ("", TEXTS)):
        n_ids = len({i for text in texts for i in tok.encode(text).tolist()})
        assert found[language] == n_ids * tok.vocab_size / len(" ".join(texts).split())


def test_invalid_metrics(tok, corpus):
    define = {"definition": "Something."}
    for arguments, error, message in (
        (
            ("x", ("tokn", "words")),
            ValueError,
            "metric 'x': no total is named 'tokn', as in of; did you mean .tokens.. Known are documents",
        ),
        (("x", "tokens"), TypeError, "of must be a sequence of totals"),
        (("x", ()), ValueError, "of must contain at least one total"),
        (("x", ("tokens",), 5), TypeError, "function must be callable"),
        (("", ("tokens",)), ValueError, "the name of a metric must be printable and not empty"),
        ((5, ("tokens",)), TypeError, "name of a metric must be a str, not int"),
        (("x", ("counts",)), ValueError, "n must be a total that is a number; 'counts' is an array"),
        (("x", ("counts",), divide, "pieces"), ValueError, "n must be a total that is a number"),
    ):
        with pytest.raises(error, match=message):
            ft.Metric(*arguments, **define)
    with pytest.raises(ValueError, match='better must be "more", "less" or "neither", not True'):
        ft.Metric("x", ("tokens",), better=True, **define)
    with pytest.raises(ValueError, match="another metric is already named 'fertility'"):
        ft.measure({"t": tok}, corpus, ft.Metric("fertility", ("tokens", "words"), **define), seed=7)
    with pytest.raises(TypeError, match="a metric must be the name of a group or a Metric, not function"):
        ft.measure({"t": tok}, corpus, [divide], seed=7)
    with pytest.raises(ValueError, match="baseline_tokenizer must be the name of one of the tokenizers"):
        ft.measure({"t": tok}, corpus, ft.Metric("x", ("baseline_tokens",), **define), seed=7)
    for count in (lambda cut: [1], lambda cut: np.ones(4), lambda cut: 4):
        metric = ft.Metric("x", (ft.Column("mine", count), "tokens"), **define)
        with pytest.raises(ValueError, match="'mine' must return one whole number for each of 4 documents"):
            ft.measure({"t": tok}, corpus, metric, seed=7)
    assert [metric.name for metric in find_metrics(["nsl", KNOWN["nsl"]])] == ["nsl"]


# Custom metrics in experiments


@pytest.fixture
def toy(tmp_path, monkeypatch, request):
    """Folder with an experiment, and the name of a module with metrics that is not imported yet."""
    name = f"toy_{abs(hash((str(tmp_path), request.node.name)))}"
    (tmp_path / f"{name}.py").write_text(TOY)
    (tmp_path / "text.txt").write_text((ROOT / "README.md").read_text())
    (tmp_path / "experiment.toml").write_text(EXPERIMENT.replace("MODULE", name))
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])
    # The bytecode of a file that keeps its size and changes within a second would be used again.
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    yield tmp_path, name
    sys.modules.pop(name, None)


def test_an_experiment_names_a_metric_by_its_import_path(toy):
    folder, name = toy
    path, out = folder / "experiment.toml", folder / "results"
    message = f"metrics.use: {name}:even is a metric from outside fasttok"
    with pytest.raises(ft.ExperimentError, match=message) as caught:
        ft.compare(path, out)
    assert caught.value.line == 15
    with pytest.raises(ft.ExperimentError, match=message):
        ft.compare(path, out, allow_import=["others"])
    assert name not in sys.modules
    results = ft.compare(path, out, allow_import=[name])
    rows = [row for row in results.rows if row["metric"] == "even_rate"]
    assert [row["tokenizer"] for row in rows] == ["bpe-270", "byte", "wordpiece-300"]
    lines = (ROOT / "README.md").read_bytes().splitlines()
    even = [byte % 2 == 0 for line in lines for byte in line]
    assert rows[1]["value"] == sum(even) / len(even)
    assert results.unmeasured == []
    assert ft.verify(out, allow_import=[name]) == []
    assert ft.verify(out) == []  # allowed, because the module is already imported
    # `Results.load` and `write_report` need no import.
    del sys.modules[name]
    html = Path(ft.write_report(out)).read_text(encoding="utf-8")
    assert '<span class="label">Even ids</span>' in html
    assert "Tokens with an even id, divided by all tokens. Source: nobody." in html
    assert name not in sys.modules
    with pytest.raises(ft.ExperimentError, match=message):
        ft.verify(out)


def test_an_import_path_must_lead_to_a_metric(toy):
    folder, name = toy
    path = folder / "experiment.toml"
    for other, message in (
        ("number", "must be a Metric, not int"),
        ("nothing", f"cannot import {name}:nothing"),
        ("taken", "another metric is already named 'fertility'"),
    ):
        path.write_text(EXPERIMENT.replace("MODULE:even", f"{name}:{other}"))
        with pytest.raises(ft.ExperimentError, match=message) as caught:
            ft.Experiment.load(path, allow_import=[name])
        assert caught.value.line == 15
    with pytest.raises(TypeError, match="allow_import must be a collection"):
        ft.Experiment.load(path, allow_import=name)


def test_modules_are_those_of_import_paths(toy):
    folder, name = toy
    (folder / "a:b.json").write_text((ROOT / "tests/data/tiny.json").read_text())
    path = folder / "experiment.toml"
    path.write_text(path.read_text().replace("[metrics]", '[[tokenizer]]\nload = "a:b.json"\n[metrics]'))
    experiment = ft.Experiment.load(path, allow_import=[name])
    assert experiment.tokenizers[-1].name == "a:b"
    assert (experiment.modules, experiment.allow_import) == ((name,), (name,))
    assert [metric.name for metric in experiment.measured[-2:]] == ["segmentality", "even_rate"]


def test_an_edited_metric_is_measured_again(toy):
    folder, name = toy
    path, out = folder / "experiment.toml", folder / "results"
    before = ft.compare(path, out, allow_import=[name])
    del sys.modules[name]
    (folder / f"{name}.py").write_text(TOY.replace("row % 2 == 0", "row % 2 >= 0"))
    differences = ft.verify(out, allow_import=[name])
    assert any(line.startswith(f"code of {name} was ") for line in differences)
    after = ft.compare(path, out, allow_import=[name])
    values = [
        [row["value"] for row in results.rows if row["metric"] == "even_rate"] for results in (before, after)
    ]
    assert 1.0 not in values[0]
    assert values[1] == [1.0] * 3


def test_the_command_line_allows_imports(toy, monkeypatch):
    folder, name = toy
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "path", [p for p in sys.path if p != str(folder)])
    output = command("compare", "experiment.toml", "-o", "results", "--quiet", code=1).output
    assert f"experiment.toml:15: metrics.use: {name}:even is a metric from outside fasttok" in output
    command("compare", "experiment.toml", "-o", "results", "--quiet", "--allow-import", name)
    del sys.modules[name]
    output = command("verify", "results", "--quiet", "--allow-import", name).output
    assert output == "results: verified, all results are the same byte for byte\n"
    command("report", "results", "--allow-import", name)


def test_a_custom_metric_of_baseline_tokens(toy):
    folder, name = toy
    path = folder / "experiment.toml"
    path.write_text(EXPERIMENT.replace('"MODULE:even"', f'"{name}:per_baseline", "nsl"'))
    results = ft.compare(path, folder / "results", allow_import=[name])
    values = {(row["tokenizer"], row["metric"]): (row["value"], row["low"]) for row in results.rows}
    for tokenizer in results.tokenizers:
        assert values[tokenizer, "own_nsl"] == values[tokenizer, "nsl"]


# Number of times that each text is encoded


def test_an_experiment_encodes_each_text_once(toy, monkeypatch):
    folder, name = toy
    path = folder / "experiment.toml"
    use = json.dumps([*METRICS, f"{name}:even"])
    text = EXPERIMENT.replace('["compression", "MODULE:even"]', use)
    path.write_text(text.replace("held = {", 'parallel = { sample = "parallel" }\nheld = {'))
    encoded: dict[str, Counter[bytes]] = {}

    def spy(function, is_batch):
        def call(self, given, **options):
            given = list(given) if is_batch else given
            seen = encoded.setdefault(self.model.kind, Counter())
            seen.update(given if is_batch else [given])
            return function(self, given, **options)

        return call

    for method, is_batch in (("encode_batch", True), ("encode_with_offsets", False)):
        monkeypatch.setattr(ft.Tokenizer, method, spy(getattr(ft.Tokenizer, method), is_batch))
    # Sample documents and pieces are encoded separately.
    monkeypatch.setattr(curves, "_cut", lambda tokenizer, text: {})
    monkeypatch.setattr(measure_module, "find_unreached", lambda tokenizer, counts: [])
    results = ft.compare(path, folder / "results", allow_import=[name])
    assert not results.failures
    corpora = {"held": folder / "text.txt", **ft.parallel_sample()}
    expected: Counter[bytes] = Counter()
    for file in corpora.values():
        corpus = ft.Corpus.from_files(file, document="line")
        expected.update(ft.TestCorpus.from_corpora("c", corpus, words="unicode").documents[""].to_bytes())
    assert encoded == dict.fromkeys(["bpe", "byte", "wordpiece"], expected)
    # If the cell of the baseline was cached, the baseline is encoded once more.
    encoded.clear()
    path.write_text(path.read_text().replace("vocab_size = 300", "vocab_size = 301"))
    ft.compare(path, folder / "results", allow_import=[name])
    assert encoded == dict.fromkeys(["byte", "wordpiece"], expected)


def test_spans_are_computed_together_with_the_ids(lossy, monkeypatch):
    documents = ft.Ragged.from_bytes([text.encode() for text in TEXTS])
    separate = encode(lossy, documents)
    calls = []
    original = ft.Tokenizer.encode_with_offsets
    together = encode(lossy, documents, with_spans=True)
    assert together.ids.to_list() == separate.ids.to_list()
    assert together.ids.values.dtype == separate.ids.values.dtype == np.uint32
    monkeypatch.setattr(
        ft.Tokenizer, "encode_with_offsets", lambda self, text: calls.append(text) or original(self, text)
    )
    assert (together.byte_spans == separate.byte_spans).all()
    assert len(calls) == len(TEXTS)  # only `separate` encodes again
    empty = encode(lossy, ft.Ragged.from_bytes([]), with_spans=True)
    assert (len(empty.ids), empty.byte_spans.shape) == (0, (0, 2))


def test_errors_name_the_document_with_and_without_spans():
    tok = ft.Tokenizer(ft.WordPieceModel(["cat"]), "bert")
    documents = ft.Ragged.from_bytes([b"cat", b"dog"])
    messages = []
    for with_spans in (False, True):
        with pytest.raises(ft.UnknownCharacterError) as caught:
            encode(tok, documents, with_spans=with_spans)
        messages.append(str(caught.value))
    assert messages[0] == messages[1]
    assert "document 1" in messages[0]
