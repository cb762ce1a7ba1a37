"""`parallel_sample`: the small parallel text that comes with the library."""

from __future__ import annotations

from pathlib import Path

_FOLDER = Path(__file__).parent.parent / "data" / "parallel"


def parallel_sample() -> dict[str, Path]:
    """The files of the parallel sample: the same sixty sentences in twenty languages and fourteen scripts.

    The project wrote and translated it for demonstrations and tests: it is small enough to be read, and shows
    what a tokenizer costs one language beside another. Its README says how it was made. For figures that are
    to be published it is too small; take NTREX-128 or FLORES.

    Returns
    -------
    dict of str to Path
        The file of each language under its code of ISO 639-3, in the order of these. A file is UTF-8 in NFC;
        its lines end in LF, and line *n* is the same sentence in every file. In time proportional to the
        number of files, which are not read.

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
