"""What a report says about each figure: its name, which way is better, what is divided by what."""

from __future__ import annotations

from typing import NamedTuple


class Definition(NamedTuple):
    """A figure as a reader is told of it.

    Attributes
    ----------
    label : str
        The head of its column.
    more_is_better : bool or None
        None where neither way is better as such.
    text : str
        Numerator, denominator and weighting, in a sentence or two.
    """

    label: str
    more_is_better: bool | None
    text: str


WORDS = {
    "whitespace": "what stands between white space, with the punctuation at it",
    "dzongkha": "what stands between tshegs, shads and white space, a syllable",
    "unicode": "what lies between the word boundaries of Unicode (UAX #29) and holds a letter or a digit",
}
DEFINITIONS = {
    "bytes_per_token": Definition(
        "Bytes per token",
        True,
        "Bytes of text in UTF-8, divided by tokens, both over the whole corpus, so that a long document "
        "counts for more.",
    ),
    "characters_per_token": Definition(
        "Characters per token", True, "Code points of text, divided by tokens, both over the whole corpus."
    ),
    "n_tokens": Definition(
        "Tokens", False, "All tokens of the corpus, without the special tokens of a template."
    ),
    "nsl": Definition(
        "NSL",
        False,
        "Normalized sequence length: tokens, divided by those of the baseline tokenizer for the same text "
        "(Dagan et al. 2024, arXiv 2402.01035).",
    ),
    "fertility": Definition(
        "Fertility",
        False,
        "All tokens of the running text, divided by its words (Rust et al. 2021).",
    ),
    "pcw": Definition(
        "Continued words",
        False,
        "Words that are cut into two or more tokens, divided by all words (Rust et al. 2021).",
    ),
    "strr": Definition("Whole words", True, "Words that are one token (STRR), divided by all words."),
    "premium": Definition(
        "Premium",
        False,
        "Tokens of a language, divided by those of the baseline language for the same sentences (Petrov et "
        "al. 2023).",
    ),
    "max_min": Definition(
        "Max / min",
        False,
        "Tokens of the dearest language, divided by those of the cheapest, for the same sentences.",
    ),
    "gini": Definition(
        "Gini",
        False,
        "Differences in tokens between all ordered pairs of languages, divided by twice the squared number "
        "of languages "
        "times their mean, for the same sentences; every language weighs the same. 0 is equal treatment.",
    ),
    "renyi_efficiency": Definition(
        "Rényi efficiency",
        True,
        "Rényi entropy of order 2.5 of the distribution of ids, divided by the logarithm of the number of "
        "ids that "
        "occur (Zouhar et al. 2023, arXiv 2306.16842). It can be raised by tokenizers that are no better "
        "(Cognetta et al. 2024, arXiv 2402.14614).",
    ),
    "renyi_efficiency_nominal": Definition(
        "Rényi, nominal", True, "The same, divided by the logarithm of the size of the vocabulary."
    ),
    "segmentality": Definition(
        "Segmentality",
        False,
        "Cuts between tokens of a document, divided by the places between its characters, both over the "
        "whole corpus; above 1 where characters are cut into bytes.",
    ),
    "percentile_frequency": Definition(
        "Percentile frequency",
        None,
        "Occurrences of the ids that rank between the 3rd and the 83rd percentile by frequency, divided by "
        "all.",
    ),
    "type_token_ratio": Definition("Type–token ratio", None, "Different ids that occur, divided by tokens."),
    "mattr": Definition(
        "MATTR", None, "Different ids in a window of 2,000 tokens, divided by its tokens, over all windows."
    ),
    "vocabulary_use": Definition(
        "Vocabulary used", True, "Ordinary pieces that occur, divided by all ordinary pieces."
    ),
    "vocabulary_use_10": Definition(
        "Used ≥ 10 times",
        True,
        "Ordinary pieces that occur ten times or more, divided by all ordinary pieces.",
    ),
    "unreached_pieces": Definition(
        "Unreached pieces",
        False,
        "Ordinary pieces that the corpus does not have, and that encoding does not give for their own text, "
        "alone or beside a letter.",
    ),
    "mean_piece_length": Definition(
        "Piece length",
        None,
        "Bytes of all ordinary pieces, divided by their number; not weighted by use. The pieces of byte "
        "fallback are a byte each.",
    ),
    "unk_rate": Definition("Unknown", False, "Unknown tokens, divided by all tokens."),
    "lossless_rate": Definition(
        "Lossless", True, "Documents that come back from their ids byte for byte, divided by all documents."
    ),
    "boundary_precision": Definition(
        "Boundary precision",
        True,
        "Cuts inside words that are boundaries of morphemes, divided by all cuts inside words.",
    ),
    "boundary_recall": Definition(
        "Boundary recall",
        True,
        "Boundaries of morphemes inside words that are cuts, divided by all such boundaries.",
    ),
    "boundary_f1": Definition("Boundary F1", True, "The harmonic mean of boundary precision and recall."),
    "morph_score": Definition(
        "MorphScore",
        True,
        "Words with a cut at a boundary of morphemes, divided by the words of two or more tokens that have "
        "such a "
        "boundary.",
    ),
    "morpheme_coverage": Definition(
        "Words scored",
        None,
        "Words whose morphemes join to the word as written, divided by all words of the list.",
    ),
}
