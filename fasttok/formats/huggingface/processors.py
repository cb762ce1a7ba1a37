"""Read and write what ``tokenizers`` does after the model: the post-processor, padding and truncation.

A post-processor is read by running it on symbols: its processors are applied to a single text and to a pair,
with special tokens and without. The results are the template.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from fasttok.core.errors import ModelExportError, TemplateError
from fasttok.formats.huggingface.shapes import LARGEST_ID, STEPS, Place, flatten
from fasttok.models.bpe.alphabets import Bytes
from fasttok.text.unicode.byte_alphabet import write_bytes
from fasttok.tokenizer.batches import find_pad_id
from fasttok.tokenizer.settings import Padding, Settings, Side, Strategy, TrimOffsets, Truncation
from fasttok.tokenizer.template import PLAIN, Template, Word, quote
from fasttok.tokenizer.tokenizer import Tokenizer

Json = dict[str, Any]

_SIDES: dict[str, Side] = {"Right": "right", "Left": "left"}
_STRATEGIES: dict[str, Strategy] = {
    "LongestFirst": "longest_first",
    "OnlyFirst": "only_first",
    "OnlySecond": "only_second",
}


class Processing(NamedTuple):
    """Settings of a tokenizer that do the same as a post-processor.

    Attributes
    ----------
    template : Template
        Template of single texts and pairs.
    trim_offsets : TrimOffsets or None
        Exclusion of white space from spans.
    """

    template: Template
    trim_offsets: TrimOffsets | None


class _Symbol(NamedTuple):
    """Text or special token in the result of a processor.

    Attributes
    ----------
    text : int or None
        Index of the text; None for a special token.
    name : str
        Name of the special token.
    ids : tuple of int
        Ids of the special token.
    type_id : int
        Type id.
    """

    text: int | None
    name: str
    ids: tuple[int, ...]
    type_id: int


_Encodings = list[list[_Symbol]]  # `tokenizers` keeps several encodings apart until all processors have run


def read_processor(fields: Json | None, place: Place) -> Processing:
    """Return the settings that do the same as the post-processor of a file.

    Parameters
    ----------
    fields : dict or None
        The post-processor in the shape of `to_canonical`; None for none.
    place : Place
        Position of the post-processor, for errors.

    Returns
    -------
    Processing
        If the post-processor adds no special tokens and changes no type ids, the template is plain.

    Raises
    ------
    ModelFormatError
        If fasttok cannot do exactly the same.

    Examples
    --------
    >>> fields = {"type": "BertProcessing", "sep": ["[SEP]", 2], "cls": ["[CLS]", 1]}
    >>> read_processor(fields, Place("tokenizer.json", "post_processor")).template.single
    '[CLS] $A [SEP]'
    """
    steps = list(flatten("post_processor", fields, place))
    names: dict[str, tuple[int, ...]] = {}
    single, pair = (_read_words(steps, n_texts, names, place) for n_texts in (1, 2))
    if [symbol.text for symbol in single if symbol.text is not None] != [0]:
        raise place.error(
            "a single text does not occur exactly once in its template, so it cannot be encoded exactly "
            "without special tokens"
        )
    try:
        template = Template(_write_words(single), _write_words(pair), names)
    except TemplateError as error:
        raise place.error(str(error)) from None
    return Processing(template, _read_trimming(steps))


def _read_words(
    steps: Sequence[tuple[Json, Place]], n_texts: int, names: dict[str, tuple[int, ...]], place: Place
) -> list[_Symbol]:
    """Return the template of a single text or of a pair; add the ids of its special tokens to `names`."""
    with_tokens = _run(steps, n_texts, True)
    texts = [symbol for symbol in with_tokens if symbol.text is not None]
    if texts != _run(steps, n_texts, False):
        raise place.error("the texts or type ids without special tokens are not those with special tokens")
    n_counted = sum(_count_added(step, n_texts) for step, _ in steps)
    n_added = sum(len(symbol.ids) for symbol in with_tokens)
    if n_counted != n_added:
        raise place.error(f"truncation reserves {n_counted} ids for special tokens, but {n_added} are added")
    named = []
    for symbol in with_tokens:
        name = symbol.name
        if symbol.text is None:
            while names.setdefault(name, symbol.ids) != symbol.ids:
                name += "'"  # two processors use one name for two tokens
        named.append(symbol._replace(name=name))
    return named


def _run(steps: Sequence[tuple[Json, Place]], n_texts: int, adds: bool) -> list[_Symbol]:
    """Return what the processors make of texts."""
    encodings: _Encodings = [[_Symbol(i, "", (), i)] for i in range(n_texts)]
    is_trimmed = False
    for step, place in steps:
        kind = step["type"]
        if step.get("trim_offsets"):
            if is_trimmed:
                raise place.error("the offsets are trimmed a second time, which fasttok cannot do")
            is_trimmed = True
            if step["add_prefix_space"] and any(_has_late_text(encoding) for encoding in encodings):
                raise place.error(
                    "trims offsets with add_prefix_space after special tokens have been added, which fasttok "
                    "cannot do exactly"
                )
        if kind == "TemplateProcessing":
            encodings = _fill(step, encodings, adds, place)
        elif kind == "RobertaProcessing":
            encodings = [[symbol._replace(type_id=0) for symbol in encoding] for encoding in encodings]
        if adds and kind in ("BertProcessing", "RobertaProcessing"):
            encodings = [_surround(step, i, encoding) for i, encoding in enumerate(encodings)]
    return [symbol for encoding in encodings for symbol in encoding]


def _has_late_text(encoding: list[_Symbol]) -> bool:
    """Return whether a text is not at the beginning of its encoding."""
    return any(symbol.text is not None for symbol in encoding[1:])


def _surround(step: Json, i: int, encoding: list[_Symbol]) -> list[_Symbol]:
    """Return an encoding with the tokens of BertProcessing or RobertaProcessing around it."""
    sep, cls = (_Symbol(None, name, (number,), 0) for name, number in (step["sep"], step["cls"]))
    if step["type"] == "RobertaProcessing":
        return [sep if i else cls, *encoding, sep]
    return [*encoding, sep._replace(type_id=1)] if i else [cls, *encoding, sep]


def _fill(step: Json, encodings: _Encodings, adds: bool, place: Place) -> _Encodings:
    """Return the encodings of the words of a TemplateProcessing."""
    if len(encodings) not in (1, 2):
        raise place.error(
            f"gets {len(encodings)} parts from a processor before it, but tokenizers takes only 1 or 2"
        )
    filled = []
    part = "single" if len(encodings) == 1 else "pair"
    for i, word in enumerate(step[part]):
        [(kind, fields)] = word.items()
        here = place.at(part).at(i).at(kind)
        if kind == "Sequence":
            text = "AB".index(fields["id"])
            if text >= len(encodings):
                raise here.at("id").error("is the second text of a pair, but there is only one text")
            filled.append([symbol._replace(type_id=fields["type_id"]) for symbol in encodings[text]])
        elif adds:
            token = step["special_tokens"].get(fields["id"])
            if token is None:
                raise here.at("id").error(f"{fields['id']!r} is not in special_tokens")
            ids = tuple(token["ids"])
            filled.append([_Symbol(None, fields["id"], ids, fields["type_id"])] if ids else [])
    return filled


def _count_added(step: Json, n_texts: int) -> int:
    """Return the number of ids that `tokenizers` reserves for a processor when it truncates."""
    kind = step["type"]
    if kind == "TemplateProcessing":
        tokens = step["special_tokens"]
        words = step["single" if n_texts == 1 else "pair"]
        return sum(len(tokens[word["SpecialToken"]["id"]]["ids"]) for word in words if "SpecialToken" in word)
    return {"BertProcessing": (2, 3), "RobertaProcessing": (2, 4)}.get(kind, (0, 0))[n_texts - 1]


def _write_words(symbols: Iterable[_Symbol]) -> str:
    """Return symbols in the notation of templates."""
    words = []
    for symbol in symbols:
        name = quote(symbol.name) if symbol.text is None else ("$A", "$B")[symbol.text]
        words.append(f"{name}:{symbol.type_id}" if symbol.type_id else name)
    return " ".join(words)


def _read_trimming(steps: Iterable[tuple[Json, Place]]) -> TrimOffsets | None:
    for step, _ in steps:
        if step.get("trim_offsets"):
            return TrimOffsets(step["add_prefix_space"])
    return None


def write_processor(tokenizer: Tokenizer) -> Json | None:
    """Return a post-processor that does the same as the template and `trim_offsets` of a tokenizer.

    Without a template for pairs, the default of ``tokenizers`` is written: both texts, no special tokens.

    Examples
    --------
    >>> import fasttok as ft
    >>> tok = ft.train(ft.Corpus.from_texts(["low"]), vocab_size=257, special_tokens=["<s>"])
    >>> write_processor(tok.with_template("<s> $A"))["special_tokens"]
    {'<s>': {'id': '<s>', 'ids': [256], 'tokens': ['<s>']}}
    """
    steps: list[Json] = []
    if tokenizer.trim_offsets is not None:
        prefix = tokenizer.trim_offsets.add_prefix_space
        steps.append(
            {"type": "ByteLevel", "add_prefix_space": prefix, "trim_offsets": True, "use_regex": True}
        )
    if tokenizer.template is not None and not tokenizer.template.is_plain:
        steps.append(_write_template(tokenizer, tokenizer.template))
    if len(steps) > 1:
        return {"type": "Sequence", STEPS["post_processor"]: steps}
    return steps[0] if steps else None


def _write_template(tokenizer: Tokenizer, template: Template) -> Json:
    single, pair = template.words()
    if pair is None:
        pair = PLAIN.words()[1] or []
    ids, added = template.ids_by_name, _added_ids(tokenizer)
    special_tokens = {}
    for word in [*single, *pair]:
        if word.text is None:
            of_word = list(ids[word.name]) if word.name in ids else [added[word.name]]
            special_tokens[word.name] = {
                "id": word.name,
                "ids": of_word,
                "tokens": [_name_of(tokenizer, i) for i in of_word],
            }
    return {
        "type": "TemplateProcessing",
        "single": [_write_word(word) for word in single],
        "pair": [_write_word(word) for word in pair],
        "special_tokens": special_tokens,
    }


def _write_word(word: Word) -> Json:
    if word.text is None:
        return {"SpecialToken": {"id": word.name, "type_id": word.type_id}}
    return {"Sequence": {"id": "AB"[word.text], "type_id": word.type_id}}


def _added_ids(tokenizer: Tokenizer) -> dict[str, int]:
    return {token.text: i for token, i in tokenizer.added_tokens.items()}


def _name_of(tokenizer: Tokenizer, i: int) -> str:
    """Return the text of an id in the vocabulary of `tokenizers`."""
    piece = tokenizer.id_to_piece(i)
    has_bytes = isinstance(getattr(tokenizer.model, "alphabet", None), Bytes)
    if has_bytes and i not in tokenizer.added_tokens.values():
        return write_bytes(piece)
    return piece.decode(errors="replace")


def read_settings(fields: Json) -> Settings:
    """Return the padding and the truncation of a file, as arguments of `Tokenizer`.

    Parameters
    ----------
    fields : dict
        The file in the shape of `to_canonical`.

    Examples
    --------
    >>> truncation = {"direction": "Left", "max_length": 8, "strategy": "OnlyFirst", "stride": 0}
    >>> read_settings({"padding": None, "truncation": truncation})["truncation"]
    Truncation(max_length=8, overlap=0, strategy='only_first', side='left')
    """
    padding, truncation = fields["padding"], fields["truncation"]
    settings: Settings = {"padding": None, "truncation": None}
    if padding is not None:
        strategy = padding["strategy"]
        settings["padding"] = Padding(
            width=None if strategy == "BatchLongest" else strategy["Fixed"],
            side=_SIDES[padding["direction"]],
            pad_id=padding["pad_id"],
            pad_type_id=padding["pad_type_id"],
            pad_token=padding["pad_token"],
            multiple_of=padding["pad_to_multiple_of"] or None,
        )
    if truncation is not None:
        settings["truncation"] = Truncation(
            truncation["max_length"],
            truncation["stride"],
            _STRATEGIES[truncation["strategy"]],
            _SIDES[truncation["direction"]],
        )
    return settings


def write_settings(tokenizer: Tokenizer) -> Json:
    """Return the fields "truncation" and "padding" of the file of a tokenizer.

    Raises
    ------
    ModelExportError
        If the tokenizer has a padding, but no padding token, or an id or type id that is not from 0 to
        2^32 - 1.

    Examples
    --------
    >>> import fasttok as ft
    >>> tok = ft.train(ft.Corpus.from_texts(["low"]), vocab_size=256)
    >>> write_settings(tok.with_settings(truncation=ft.Truncation(512)))["truncation"]["max_length"]
    512
    """
    padding, truncation = tokenizer.padding, tokenizer.truncation
    fields: Json = {"truncation": None, "padding": None}
    if truncation is not None:
        fields["truncation"] = {
            "direction": _key_of(_SIDES, truncation.side),
            "max_length": truncation.max_length,
            "strategy": _key_of(_STRATEGIES, truncation.strategy),
            "stride": truncation.overlap,
        }
    if padding is not None:
        try:
            pad_id = find_pad_id(padding, _added_ids(tokenizer), tokenizer.special_tokens, tokenizer.role_ids)
        except ValueError as error:
            raise ModelExportError(f"cannot write the padding: {error}") from None
        if not 0 <= pad_id <= LARGEST_ID:
            raise ModelExportError(
                f"cannot write the padding: pad_id must be from 0 to 2^32 - 1, not {pad_id}"
            )
        if padding.pad_type_id > LARGEST_ID:
            raise ModelExportError(
                f"cannot write the padding: pad_type_id must be from 0 to 2^32 - 1, not {padding.pad_type_id}"
            )
        pad_token = padding.pad_token
        if pad_token is None:
            is_known = 0 <= pad_id < tokenizer.vocab_size and len(tokenizer.pieces[pad_id])
            pad_token = _name_of(tokenizer, pad_id) if is_known else "[PAD]"
        fields["padding"] = {
            "strategy": "BatchLongest" if padding.width is None else {"Fixed": padding.width},
            "direction": _key_of(_SIDES, padding.side),
            "pad_to_multiple_of": padding.multiple_of,
            "pad_id": pad_id,
            "pad_type_id": padding.pad_type_id,
            "pad_token": pad_token,
        }
    return fields


def _key_of(names: Mapping[str, Any], value: str) -> str:
    return next(name for name, other in names.items() if other == value)
