"""`parallel_sample`: the small parallel corpus included in the library."""

from __future__ import annotations

from pathlib import Path

_FOLDER = Path(__file__).parent.parent / "data" / "parallel"


def parallel_sample() -> dict[str, Path]:
    """Return the paths of a small parallel corpus: sixty sentences in twenty languages and fourteen scripts.

    The project wrote and translated the sentences for demonstrations and tests; the README next to the files
    describes how. The sample shows how many tokens a tokenizer needs for one language compared with another.
    It is too small for published results; use NTREX-128 or FLORES for such results.

    Returns
    -------
    dict of str to Path
        File for each ISO 639-3 language code, sorted by code. Files are UTF-8 in NFC with LF line ends, and
        line *n* is the same sentence in every file. The files are not read.

    Examples
    --------
    >>> import fasttok as ft
    >>> sample = ft.parallel_sample()
    >>> len(sample)
    20
    >>> for language in ("eng", "fin", "jpn"):
    ...     print(sample[language].read_text("utf-8").splitlines()[7])
    “They are on the kitchen table,” his sister answered, “right next to your phone.”
    ”Ne ovat keittiön pöydällä”, hänen siskonsa vastasi, ”aivan puhelimesi vieressä.”
    「台所のテーブルの上よ」と姉が答えた。「あなたの電話のすぐ隣」
    """
    return {path.stem: path for path in sorted(_FOLDER.glob("*.txt"))}
