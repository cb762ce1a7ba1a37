"""Data of tokenizers for the encoders in JavaScript, which give the same ids, or a reason why they cannot."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fasttok.core.errors import ModelExportError
from fasttok.core.ragged import Ragged, lengths_to_offsets
from fasttok.display.play.requests import NamedTokenizer
from fasttok.models.base import Model
from fasttok.models.bpe.alphabets import Bytes
from fasttok.models.bpe.model import BPEModel
from fasttok.models.pieces import NOTHING
from fasttok.models.unigram.model import UnigramModel
from fasttok.models.units.base import UnitModel
from fasttok.models.units.byte import ByteModel
from fasttok.models.wordpiece.model import WordPieceModel
from fasttok.text.normalizers.code_points import BertNormalizer, UnicodeNormalizer
from fasttok.text.pretokenizers.classes import SplitDigits, SplitPunctuation, WordsAndSymbols
from fasttok.text.pretokenizers.metaspace import MarkRuns, Metaspace
from fasttok.text.pretokenizers.scanners import ScannerPretokenizer, ScriptPretokenizer
from fasttok.text.pretokenizers.sequence import SequencePretokenizer
from fasttok.text.rows import Rows
from fasttok.text.steps import Normalizer, Pretokenizer
from fasttok.text.unicode import _script_runs
from fasttok.text.unicode import classes as tables
from fasttok.text.unicode.normal_forms import Unicode
from fasttok.tokenizer.tokenizer import Tokenizer

_ADVICE = "leave out --static, so that fasttok itself encodes"
_ENDINGS = ("(?i:'s|'t|'re|'ve|'m|'ll|'d)", "'(?i:[sdmt]|ll|ve|re)")  # ſ is an s without regard to case
_CASELESS = "(?:'(?:[sSſdDmMtT]|[lL][lL]|[vV][eE]|[rR][eE]))"
# Sets of code points in patterns: bits of their classes, and bits that they do not have.
_BITS = {
    "L": (tables.LETTER, 0),
    "N": (tables.NUMBER, 0),
    "M": (tables.MARK, 0),
    "P": (tables.PUNCTUATION, 0),
    "Lu": (tables.UPPER, 0),
    "Ll": (tables.LOWER, 0),
    "Lm": (tables.LETTER, tables.UPPER | tables.LOWER),  # and Lo, which the patterns always name together
    "s": (tables.SPACE, 0),
}
_TOKEN = re.compile(r"\\p\{(\w+)\}|\\P\{(\w+)\}|\\([sS])|\\(.)|(\[\^?)|(\])", re.DOTALL)


class BrowserData:
    """Data of the page: sets of code points that its tokenizers share.

    Attributes
    ----------
    sets : dict of str to str
        Content of a class of characters in a regular expression, by name.
    """

    def __init__(self) -> None:
        self.sets: dict[str, str] = {}

    def describe(self, named: NamedTokenizer) -> dict[str, Any]:
        """Return the data of a tokenizer.

        Raises
        ------
        ModelExportError
            If the page cannot encode exactly like the tokenizer.
        """
        tok = named.tokenizer
        try:
            normalizer = _describe_normalizer(tok.normalizer)
            for token in tok.added_tokens:
                if not token.is_plain:
                    raise _Unable(f"the added token {token.text!r} with lstrip, rstrip or single_word")
            steps = self._describe_steps(tok.pretokenizer)
            if steps and steps[0]["kind"] == "metaspace" and not all(t.special for t in tok.added_tokens):
                raise _Unable("added tokens that are always found, with Metaspace")
            model = _describe_model(tok.model)
            if model["kind"] == "unigram" and "drops" in [step.get("drops") for step in steps[:-1]]:
                raise _Unable("Unigram after several steps of which one drops text")
        except _Unable as error:
            raise ModelExportError(
                f"the page in one file cannot reproduce the ids of {named.name!r} exactly: it has no encoder "
                f"for {error}; {_ADVICE}"
            ) from None
        pieces, labels = [], {}
        for i in range(tok.vocab_size):
            try:
                shown, data, _ = named.describe_piece(i)
                piece = tok.id_to_piece(i)
            except IndexError:  # not in use
                shown, data, piece = "", "", b""
            text = piece.decode(errors="replace")
            is_text = text.encode() == piece
            pieces.append(text if is_text else "")
            if not is_text or shown != text.replace(" ", "·") or data != piece.hex():
                labels[i] = [shown, data]
        model_pieces = tok.model.pieces.to_bytes()
        for i, piece in enumerate(model_pieces):  # the text of an added token can hide that of a piece
            if (
                piece
                and pieces[i].encode() != piece
                and (text := piece.decode(errors="replace")).encode() == piece
            ):
                labels.setdefault(i, [pieces[i].replace(" ", "·"), pieces[i].encode().hex()])
                pieces[i] = text
        return {
            "normalizer": normalizer,
            "added": _describe_added(tok),
            "steps": steps,
            "model": model,
            "unk": tok.unk_id,
            "pieces": pieces,
            "labels": labels,
        }

    def _describe_steps(self, pretokenizer: Pretokenizer) -> list[dict[str, Any]]:
        steps = pretokenizer.steps if isinstance(pretokenizer, SequencePretokenizer) else (pretokenizer,)
        found = []
        for i, step in enumerate(steps):
            if isinstance(step, Metaspace) and i > 0:
                raise _Unable(f"{step} after another step")
            found.append(self._describe_step(step) | ({} if step.is_partition else {"drops": "drops"}))
        return found

    def _describe_step(self, step: Pretokenizer) -> dict[str, Any]:
        if type(step) is ScannerPretokenizer:
            if step.name == "digits_threes_right":
                return {"kind": "threes", "digits": self._add_set("N", step)}
            return {"kind": "pattern", "pattern": self._translate(step)}
        if type(step) is MarkRuns:
            mark = re.escape(step.mark) if step.mark in r"\^$.*+?()[]{}|/-" else step.mark
            return {"kind": "pattern", "pattern": f"[{mark}]+[^{mark}]*|[^{mark}]+"}
        if type(step) in (SplitDigits, SplitPunctuation, WordsAndSymbols):
            return {"kind": "classes"} | _runs(step.table)  # type: ignore[attr-defined]
        if type(step) is ScriptPretokenizer:
            return {"kind": "scripts"} | _script_table()
        if type(step) is Metaspace and step.escape_whitespaces and not step.treat_whitespace_as_suffix:
            return {
                "kind": "metaspace",
                "prefix": step.add_dummy_prefix,
                "removes": step.remove_extra_whitespaces,
                "splits": step.split_by_whitespace,
            }
        raise _Unable(f"the pretokenizer {step}")

    def _translate(self, step: ScannerPretokenizer) -> str:
        r"""Return the pattern in the syntax of JavaScript, with the set ``\p{name}`` only in classes."""
        pattern = step.pattern.replace("(?s:.+)", "[^]+")
        for ending in _ENDINGS:
            pattern = pattern.replace(ending, _CASELESS)
        is_inside = False

        def translate(match: re.Match[str]) -> str:
            nonlocal is_inside
            of, outside, space, escaped, begin, end = match.groups()
            if begin or end:
                is_inside = bool(begin)
                return match[0]
            if escaped:
                return "$" if escaped == "Z" else match[0]
            if of in ("Lt", "Lo"):  # a part of Lu, or of Lm
                return ""
            name = self._add_set(of or outside or "s", step)
            is_outside = outside or space == "S"
            return f"\\p{{{name}}}" if is_inside else f"[{'^' if is_outside else ''}\\p{{{name}}}]"

        return _TOKEN.sub(translate, pattern)

    def _add_set(self, name: str, step: ScannerPretokenizer) -> str:
        """Add a set of code points, with the tables of a pretokenizer, and return its name."""
        key = name if step.unicode is None else f"{name}_{re.sub(r'[^0-9a-z]', '_', step.unicode)}"
        if key not in self.sets:
            find = tables.find_classes if step.is_partition else tables.find_word_classes
            key += "" if step.is_partition or step.unicode is None else "_words"
            has, has_not = _BITS[name]
            classes = find(step.unicode)
            self.sets[key] = _ranges((classes & has != 0) & (classes & has_not == 0))
        return key


def _describe_added(tok: Tokenizer) -> list[dict[str, Any]]:
    """Return the added tokens, with the texts that are searched for."""
    normalized = tok._added.normalized_by_id()
    found = []
    for token, i in tok.added_tokens.items():
        text = normalized[i].decode() if token.normalized else token.text
        if text:
            found.append(
                {"text": text, "id": i, "special": token.special, "normalized": bool(token.normalized)}
            )
    return found


def _describe_normalizer(normalizer: Normalizer | None) -> dict[str, Any] | None:
    """Return the replacement of each code point."""
    if normalizer is None:
        return None
    strips = isinstance(normalizer, BertNormalizer) and normalizer._strips
    if not isinstance(normalizer, BertNormalizer) and not (
        isinstance(normalizer, UnicodeNormalizer) and not normalizer.name.startswith("nf")
    ):
        raise _Unable(f"the normalizer {normalizer}")
    codes = np.delete(np.arange(tables.N_CODE_POINTS), np.s_[0xD800:0xE000])
    before = _one_per_row(codes)
    after = normalizer.rewrite(Rows.of(before)).documents
    dropped, spaced = np.zeros((2, tables.N_CODE_POINTS), np.uint8)
    replaced, refused = [], []
    changed = _find_changed(before, after)
    for code, row in zip(codes[changed].tolist(), after.take(changed).to_bytes(), strict=True):
        text = row.decode()
        if text == "":
            dropped[code] = 1
        elif text == f" {chr(code)} ":
            spaced[code] = 1
        elif not (strips and 0xAC00 <= code <= 0xD7A3):
            replaced.append([code, text])
    if strips:  # marks that it keeps, and puts in order
        unicode = Unicode(normalizer.unicode)
        refused = sorted(set(unicode.combining) - set(unicode.nonspacing))
    return {
        "replaced": replaced,
        "dropped": [*_runs(dropped).values()],
        "spaced": [*_runs(spaced).values()],
        "refused": refused,
        "hangul": strips,
    }


def _one_per_row(codes: NDArray[np.int64]) -> Ragged:
    """Return the code points in UTF-8, one per row."""
    text = codes.astype("<u4").tobytes().decode("utf-32-le").encode()
    lengths = np.searchsorted(np.array([0x80, 0x800, 0x10000]), codes, side="right") + 1
    return Ragged(np.frombuffer(text, np.uint8), lengths_to_offsets(lengths))


def _find_changed(before: Ragged, after: Ragged) -> NDArray[np.int64]:
    """Return the rows that differ."""
    differs = before.lengths != after.lengths
    same_length = np.flatnonzero(~differs)
    a, b = before.take(same_length), after.take(same_length)
    rows = np.searchsorted(a.offsets, np.flatnonzero(a.values != b.values), side="right") - 1
    differs[same_length[rows]] = True
    return np.flatnonzero(differs)


class _Unable(Exception):
    """Part of a tokenizer for which there is no encoder in JavaScript."""


def _ranges(mask: NDArray[np.bool_]) -> str:
    """Return the content of a class of characters."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]).view(np.int8)))
    return "".join(
        f"\\u{{{first:x}}}" + (f"-\\u{{{last:x}}}" if last > first else "")
        for first, last in zip(edges[::2].tolist(), (edges[1::2] - 1).tolist(), strict=True)
    )


def _runs(table: NDArray[np.uint8]) -> dict[str, list[int]]:
    starts = np.flatnonzero(np.concatenate([[True], table[1:] != table[:-1]]))
    return {"starts": starts.tolist(), "classes": table[starts].tolist()}


def _script_table() -> dict[str, list[int]]:
    """Return the scripts of sentencepiece; see `ScriptPretokenizer`."""
    bounds = np.array([*_script_runs.STARTS, tables.N_CODE_POINTS], np.int64)
    scripts = np.repeat(np.array(_script_runs.SCRIPTS, np.uint8), np.diff(bounds))
    han = scripts[ord("漢")]
    scripts[np.isin(scripts, scripts[[ord("ひ"), ord("カ")]])] = han
    scripts[0x30FC] = han
    scripts[ord("▁")] = 0xFF
    return _runs(scripts)


def _describe_model(model: Model) -> dict[str, Any]:
    if model._excluded:
        raise _Unable("a model with excluded pieces")
    for kind, describe in _MODELS.items():
        if type(model) is kind or (kind is UnitModel and isinstance(model, UnitModel)):
            return describe(model)
    raise _Unable(f"the model {model.kind}")


def _describe_bpe(model: BPEModel) -> dict[str, Any]:
    if model.merge_ranks is not None or (
        not isinstance(model.alphabet, Bytes) and model.alphabet.compat == "sentencepiece"
    ):
        raise _Unable("BPE with the merges of sentencepiece")
    merges = np.column_stack([model.merges, model.merge_ids]).ravel().tolist()
    options: dict[str, Any] = {"merges": merges, "whole": None}
    parsed, alphabet = model._parsed, model.alphabet
    if parsed is None or isinstance(alphabet, Bytes):
        if model.ignore_merges:
            options["whole"] = np.flatnonzero(model.pieces.lengths).tolist()
        return {"kind": "bpe", "bytes": model.byte_ids.tolist(), **options}  # type: ignore[union-attr]
    if model.ignore_merges:
        options["whole"] = np.flatnonzero(parsed.is_plain).tolist()
    bytes_ = model._byte_ids
    return {
        "kind": "bpe_characters",
        "characters": np.column_stack([parsed.characters, parsed.ids]).tolist(),
        "rest": bool(parsed.alphabet.continuing_subword_prefix),
        "last": bool(parsed.alphabet.end_of_word_suffix),
        "bytes": None
        if bytes_ is None
        else np.where(bytes_ == NOTHING, -1, bytes_.astype(np.int64)).tolist(),
        "markedBytes": parsed.alphabet.compat is None,
        "unk": model.unk_id,
        "fuses": parsed.alphabet.fuse_unk,
        "drops": parsed.alphabet.drop_unk,
        **options,
    }


def _describe_unigram(model: UnigramModel) -> dict[str, Any]:
    if model.compat is not None or model.fewest_pieces:
        raise _Unable(f"Unigram with compat={model.compat!r} or fewest_pieces")
    scores = model.scores.copy()
    preferred = list(model.user_defined)
    scores[preferred] = 0.1 * (model.pieces.lengths[preferred] - 1)
    ids = np.flatnonzero(model.is_matched)
    return {
        "kind": "unigram",
        "ids": ids.tolist(),
        "scores": scores[ids].tolist(),
        "unkScore": model.unk_score,
        "unk": model.unk_id,
        "bytes": None if model.byte_ids is None else model.byte_ids.tolist(),
    }


def _describe_wordpiece(model: WordPieceModel) -> dict[str, Any]:
    return {
        "kind": "wordpiece",
        "begin": np.flatnonzero(model.pieces.lengths).tolist(),
        "inside": np.flatnonzero(~model.begins_word).tolist(),
        "prefix": len(model.continuing_subword_prefix.encode("utf-16-le")) // 2,
        "unk": model.unk_id,
        "mostCharacters": model.max_input_chars_per_word,
        "mostBytes": model.max_input_bytes_per_word,
    }


def _describe_units(model: UnitModel) -> dict[str, Any]:
    if getattr(model, "user_defined", None):
        raise _Unable("user-defined pieces of a model of characters")
    return {
        "kind": "units",
        "units": np.flatnonzero(model.is_unit).tolist(),
        "whole": model.takes_whole,
        "bytes": None if model.byte_ids is None else model.byte_ids.tolist(),
        "unk": model.unk_id,
        "fuses": model.fuse_unk and model.byte_ids is None,
    }


def _describe_bytes(model: ByteModel) -> dict[str, Any]:
    return {
        "kind": "units",
        "units": [],
        "whole": True,
        "bytes": list(range(256)),
        "unk": None,
        "fuses": False,
    }


_MODELS: dict[type[Model], Callable[[Any], dict[str, Any]]] = {
    BPEModel: _describe_bpe,
    UnigramModel: _describe_unigram,
    WordPieceModel: _describe_wordpiece,
    UnitModel: _describe_units,
    ByteModel: _describe_bytes,
}
