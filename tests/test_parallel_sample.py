"""Parallel sample: sixty aligned sentences per language, in the expected scripts."""

from __future__ import annotations

import re
import unicodedata

import pytest

import fasttok as ft
from tests.conftest import ROOT

FOLDER = ROOT / "fasttok/data/parallel"
ADDRESS = "anna@example.com"

# Scripts of each language: first words of the Unicode names of its letters. The mark ー belongs to both kana.
SCRIPTS = {
    "arb": {"ARABIC"},
    "ben": {"BENGALI"},
    "deu": {"LATIN"},
    "ell": {"GREEK"},
    "eng": {"LATIN"},
    "fin": {"LATIN"},
    "fra": {"LATIN"},
    "heb": {"HEBREW"},
    "hin": {"DEVANAGARI"},
    "jpn": {"CJK", "HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA"},
    "kat": {"GEORGIAN"},
    "kor": {"HANGUL"},
    "pol": {"LATIN"},
    "rus": {"CYRILLIC"},
    "spa": {"LATIN"},
    "tam": {"TAMIL"},
    "tha": {"THAI"},
    "tur": {"LATIN"},
    "vie": {"LATIN"},
    "zho": {"CJK"},
}
LANGUAGES = sorted(SCRIPTS)
NUMBERED_MONTHS = {"jpn", "kor", "vie", "zho"}


def lines(language: str) -> list[str]:
    return (FOLDER / f"{language}.txt").read_text("utf-8").splitlines()


def numbers(line: str) -> list[int]:
    """Return the numbers in a line that are written in digits of any script, sorted."""
    return sorted(map(int, re.findall(r"\d+", line)))


def find_lines(language: str, pattern: str) -> list[int]:
    """Return the numbers of the lines in which a regular expression matches."""
    return [n for n, line in enumerate(lines(language), 1) if re.search(pattern, line)]


def test_parallel_sample_returns_every_file():
    sample = ft.parallel_sample()
    assert list(sample) == LANGUAGES
    assert set(sample.values()) == set(FOLDER.iterdir()) - {FOLDER / "README.md"}


def test_twenty_languages_in_fourteen_scripts():
    assert len(SCRIPTS) == 20
    assert len(set().union(*SCRIPTS.values()) - {"KATAKANA-HIRAGANA"}) == 14


@pytest.mark.parametrize("language", LANGUAGES)
def test_sixty_clean_lines(language):
    content = (FOLDER / f"{language}.txt").read_bytes()
    text = content.decode("utf-8")
    assert text.endswith("\n")
    rows = text[:-1].split("\n")
    assert len(rows) == len(set(rows)) == 60
    assert unicodedata.is_normalized("NFC", text)
    for row in rows:
        assert row
        assert row == row.strip()
        assert "  " not in row
        assert not {unicodedata.category(character) for character in row} & {"Cc", "Cf", "Cn", "Co", "Cs"}


@pytest.mark.parametrize("language", LANGUAGES)
def test_letters_belong_to_the_expected_scripts(language):
    text = "".join(lines(language)).replace(ADDRESS, "")
    letters = [character for character in text if character.isalpha()]
    assert {unicodedata.name(letter).split()[0] for letter in letters} == SCRIPTS[language]


@pytest.mark.parametrize("language", LANGUAGES)
def test_lines_are_aligned(language):
    """Compare numbers, question marks and the address, which need no knowledge of the language."""
    for n, (line, english) in enumerate(zip(lines(language), lines("eng"), strict=True), 1):
        month = [3] if n == 10 and language in NUMBERED_MONTHS else []
        assert numbers(line) == sorted(numbers(english) + month), (n, line)
    assert find_lines(language, re.escape(ADDRESS)) == find_lines("eng", re.escape(ADDRESS))
    question = ";" if language == "ell" else "[?？؟]"
    assert find_lines(language, question) == find_lines("eng", r"\?") == [2, 7, 15, 23, 35, 49, 55]


def test_the_readme_lists_every_language():
    rows = re.findall(r"^\| `(\w+)\.txt` \|", (FOLDER / "README.md").read_text("utf-8"), re.M)
    assert rows == LANGUAGES
