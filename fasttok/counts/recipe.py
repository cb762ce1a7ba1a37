"""`Recipe`: record of how text was split into the pretokens of counts."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

from fasttok.core.checks import checked_mapping, checked_text, checked_texts


@dataclass(frozen=True)
class Recipe:
    """Record of how text was split into pretokens. Counts can be added only if their recipes are equal.

    Attributes
    ----------
    pretokenizer : dict
        Configuration of the pretokenizer.
    normalizer : dict or None
        Configuration of the normalizer, if any.
    document : str
        Rule that splits the corpus into documents; see ``Corpus.document_rule``.
    split_special : tuple of str
        Special tokens at which documents were split and which were not counted, longest first.

    Examples
    --------
    >>> import fasttok as ft
    >>> corpus = ft.Corpus.from_texts(["to be\\nor not"], document="line")
    >>> ft.count_pretokens(corpus, "bert", split_special=["<s>"]).recipe
    Recipe(pretokenizer={'name': 'bert'}, normalizer=None, document='line', split_special=('<s>',))
    """

    pretokenizer: dict[str, Any]
    normalizer: dict[str, Any] | None = None
    document: str = "whole"
    split_special: tuple[str, ...] = ()

    def to_json(self) -> str:
        """Return the recipe as one line of JSON with sorted keys."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Recipe:
        """Make a recipe from the result of `to_json`.

        Raises
        ------
        ValueError
            If `text` is not the JSON of a recipe.
        """
        try:
            return cls(**json.loads(checked_text("text", text)))
        except (TypeError, ValueError, RecursionError) as error:
            raise ValueError(f"text must be the JSON of a recipe: {error}") from None

    def __post_init__(self) -> None:
        checked_mapping("pretokenizer", self.pretokenizer, "options, as Pretokenizer.config() returns")
        if self.normalizer is not None:
            checked_mapping("normalizer", self.normalizer, "options, as Normalizer.config() returns")
        checked_text("document", self.document)
        object.__setattr__(self, "split_special", checked_texts("split_special", self.split_special))


def short_name(pretokenizer: dict[str, Any]) -> Any:
    """Return the short form of a configuration, for people: a name, a pattern or a list of them."""
    if "steps" in pretokenizer:
        return [short_name(step) for step in pretokenizer["steps"]]
    return pretokenizer.get("pattern") or pretokenizer["name"]
