"""The play page in a headless Chromium: tokens, keyboard, hostile text, and the page in one file."""

from __future__ import annotations

import json
import random
import time
from pathlib import Path

import pytest

import fasttok as ft
from fasttok.core.errors import ModelExportError
from fasttok.display.play.page import static_page
from fasttok.display.play.server import serving
from tests.browser import open_browser
from tests.conftest import FUZZ

N_TEXTS = 30 * FUZZ
LANGUAGES = ("eng", "deu", "rus", "jpn")
HOSTILE = "<img src=x onerror=alert(1)></textarea><script>alert(1)</script>"
PARTS = [
    *(
        " ",
        "  ",
        "\n",
        "\r\n",
        "\t",
        "a",
        "'s",
        "'S",
        "'ſ",
        "'LL",
        "1",
        "123456",
        "١",
        "²",
        "▁",
        "<|e",
        "nd|>",
        "<|end|>",
    ),
    *(
        "é",
        "e\u0301",
        "ß",
        "ǅ",
        "ʰ",
        "東",
        "。",
        "/",
        "//",
        "!",
        "\u00a0",
        "\ufeff",
        "\x1c",
        "\x85",
        "❤️",
        "👨‍👩‍👧",
        "مرحبا",
    ),
    *("</script>", "\u302e", "_", "##a", "\0", "\ud800", "The", "the new"),
]


def sample(*languages: str) -> ft.Corpus:
    paths = ft.parallel_sample()
    return ft.Corpus.from_texts([paths[language].read_text("utf-8") for language in languages])


@pytest.fixture(scope="module")
def tokenizers():
    """Return a tokenizer of every family, with every kind of pretokenizer that the page in one file has."""
    texts, latin = sample(*LANGUAGES), sample("eng", "deu")
    names = (
        "gpt2",
        "cl100k",
        "o200k",
        "llama3",
        "qwen2",
        "whitespace",
        "punctuation",
        "digits_threes_right",
        "script",
        "none",
    )
    found = {}
    for name in (*names, "bert", "whitespace_split"):
        found[name] = ft.train(texts, vocab_size=300, pretokenizer=name, special_tokens=["<|end|>", "<|e"])
    classes = [ft.SplitDigits(individual=True), ft.SplitPunctuation("merged_with_previous")]
    for name, steps in {
        "classes": classes,
        "words": [ft.WordsAndSymbols()],
        "runs": [ft.MarkRuns(" ")],
    }.items():
        found[name] = ft.train(texts, vocab_size=300, pretokenizer=steps)
    unigram = {"model": "unigram", "vocab_size": 500}
    found["unigram"] = ft.train(latin, **unigram, byte_fallback=True).add_tokens(["the new"])
    found["unigram, unk"] = ft.train(latin, **unigram, unk="<unk>", pretokenizer="sentencepiece")
    found["unigram, spaces"] = ft.train(
        latin, **unigram, unk="<unk>", pretokenizer=ft.Metaspace(remove_extra_whitespaces=False)
    )
    found["wordpiece"] = ft.train(latin, "wordpiece", vocab_size=500, unk="[UNK]", pretokenizer="bert")
    for name, normalizer in {
        "bert": "bert",
        "cased": ft.BertNormalizer(lowercase=False),
        "lower": "lowercase",
    }.items():
        found[name] = ft.train(
            latin, "wordpiece", vocab_size=500, unk="[UNK]", pretokenizer="bert", normalizer=normalizer
        ).add_tokens([ft.AddedToken("The NEW", normalized=True)])
    options = {"units": "character", "vocab_size": 400, "special_tokens": ["<unk>"], "unk": "<unk>"}
    found["characters"] = ft.train(
        latin, "bpe", **options, end_of_word_suffix="</w>", pretokenizer="whitespace_split"
    )
    found["character"] = ft.train(latin, "character", unk="[UNK]")
    found["character, bytes"] = ft.train(latin, "character", byte_fallback=True)
    found["strict"] = ft.train(latin, "character")
    found["word"] = ft.train(latin, "word", unk="[UNK]", pretokenizer="gpt2")
    found["byte"] = ft.train(latin, "byte")
    return found


@pytest.fixture(scope="module")
def one_file(tokenizers, tmp_path_factory):
    """Return the address of the page in one file."""
    path = tmp_path_factory.mktemp("one_file") / "page.html"
    path.write_text(static_page(tokenizers), "utf-8")
    return path.as_uri()


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with open_browser(tmp_path_factory.mktemp("profile")) as browser:
        yield browser


@pytest.fixture(scope="module")
def server(tokenizers):
    chat = ft.train(sample("eng"), vocab_size=300, special_tokens=["<|im_start|>", "<|im_end|>", HOSTILE])
    with serving(
        {HOSTILE: chat, "wordpiece": tokenizers["wordpiece"], "strict": tokenizers["strict"]}
    ) as server:
        yield server


@pytest.fixture
def page(browser, server):
    """Return the browser with the page; it must write nothing to the console, and make no outside request."""
    browser.open(server.address)
    wait_for(browser, "document.body.dataset.answered === '1'")
    yield browser
    addresses = browser.run("return performance.getEntriesByType('resource').map((one) => one.name)")
    assert addresses
    assert all(address.startswith(server.address) for address in addresses)
    assert browser.console() == []


def wait_for(browser, condition: str) -> None:
    for _ in range(600):
        if browser.run(f"return Boolean({condition})"):
            return
        time.sleep(0.05)
    pytest.fail(f"never true: {condition}")


def put(browser, text: str, special: bool = False) -> None:
    """Put a text into the page, and wait for its tokens."""
    before = browser.run(
        """
        const before = document.body.dataset.answered;
        document.getElementById("special").checked = given[1];
        const field = document.getElementById("text");
        field.value = given[0];
        field.dispatchEvent(new Event("input"));
        return before;
        """,
        text,
        special,
    )
    wait_for(browser, f"document.body.dataset.answered !== '{before}'")


def shown(browser) -> list[str]:
    """Return the tokens of the first tokenizer."""
    return texts_of(browser, "article:first-child .tokens span")


def texts_of(browser, selector: str) -> list[str]:
    return browser.run(
        "return [...document.querySelectorAll(given[0])].map((one) => one.textContent)", selector
    )


PRESS = """
    const tokens = document.querySelector(".tokens");
    tokens.focus();
    for (const key of given) tokens.dispatchEvent(new KeyboardEvent("keydown", { key }));
    return document.querySelector(".detail").textContent;
"""


def test_typing_shows_tokens_with_counts_and_costs(page, server):
    page.type("#text", "the new cats")
    for selector, value in {"#price": "2.5", "#context": "100"}.items():
        page.type(selector, value)
    tok = server.answerer.tokenizers[0].tokenizer
    expected = list(tok.show("the new cats").tokens)
    joined = json.dumps("".join(expected))
    wait_for(page, f"document.querySelector('.tokens').textContent === {joined}")
    assert shown(page) == expected
    n = len(expected)
    figures = texts_of(page, "article:first-child dd")
    assert figures == [str(n), f"{12 / n:.2f}", f"{n * 2.5 / 1e6:.6f}", f"{n:.2f}%"]
    page.run("document.querySelectorAll('input[name=show]')[1].click()")
    assert shown(page) == list(map(str, tok.encode("the new cats", as_list=True)))


def test_hostile_text_and_names_stay_text(page):
    text = f"{HOSTILE} é\0 \u202eabc مرحبا 👨‍👩‍👧"
    for special in (False, True):
        put(page, text, special)
        assert page.run("return document.querySelectorAll('article img, article script').length") == 0
    assert HOSTILE.replace(" ", "·") in shown(page)
    assert page.run("return document.querySelector('h2').textContent") == HOSTILE
    error = page.run("return document.querySelectorAll('.error')[2].textContent")
    assert "cannot encode" in error


def test_the_keyboard_goes_through_the_tokens(page):
    put(page, "the new cats")
    n = len(shown(page))
    assert page.run(PRESS, "Home").startswith(f"Token 1 of {n}: ")
    assert page.run(PRESS, "ArrowRight", "ArrowRight", "ArrowLeft").startswith(f"Token 2 of {n}: ")
    assert page.run(PRESS, "End", "ArrowRight").startswith(f"Token {n} of {n}: ")
    assert page.run("return document.querySelectorAll('.current').length") == 1


def test_every_control_has_a_label_for_screen_readers(page):
    unnamed = page.run(
        """
        return [...document.querySelectorAll("input, textarea, button, [tabindex]")]
            .filter((one) => !one.labels?.length && !one.getAttribute("aria-label"))
            .map((one) => one.outerHTML);
        """
    )
    assert unnamed == []


def test_roles_of_a_chat(page):
    messages = [("system", "Be brief."), ("user", "the new cats"), ("assistant", "Cats.")]
    put(page, "".join(f"<|im_start|>{role}\n{text}<|im_end|>\n" for role, text in messages), True)
    begins = page.run("return [...document.querySelectorAll('.begins')].map((one) => one.dataset.role)")
    assert begins == [role for role, _ in messages]
    assert page.run("return document.getElementById('legend').textContent") == "systemuserassistant"
    put(page, "<|im_start|>user\nHi", False)
    assert page.run("return document.getElementById('legend').hidden")


# Chats as templates write them, with special tokens in < > or [ ], and the roles of all tokens.
CHATS = {
    "<|im_start|> user \\n Hi <|im_end|> \\n <|im_start|> assist ant \\n": "uuuuu-aaaa",
    "<s> [INST] Hi [/INST] Yes </s> [INST] user": "-uuu--uu",
    "<|start_header_id|> user <|end_header_id|> \\n Hi <|eot_id|> Hi": "uuuuuu-",
    "<start_of_turn> model \\n Hi <end_of_turn> \\n": "aaaaa-",
    "<|start|> assistant <|channel|> analysis <|message|> Hi <|end|> Hi": "aaaaaaa-",
    "<|user|> Hi <|assistant|> Hi <|end_of_text|> Hi <|system|> Hi": "uuaaa-ss",
    "<｜User｜> Hi <｜Assistant｜> Hi <｜end▁of▁sentence｜> user": "uuaaa-",
    "<|im_start|> ipython \\n 4 <|im_end|> <|other|> user Hi": "ttttt---",
    "user Hi <|endoftext|> user": "----",
}


@pytest.mark.parametrize("chat", CHATS)
def test_roles_in_chats_of_several_models(page, chat):
    tokens = [{"label": one, "special": len(one) > 2 and one[0] in "<["} for one in chat.split(" ")]
    roles = page.run("return findRoles(given[0]).map((found) => found.role)", tokens)
    assert "".join("-" if role is None else role[0] for role in roles) == CHATS[chat]


def test_a_megabyte_is_counted_and_shown_in_part(page, server):
    text = "the new cats of 東京\n" * 45_000
    assert len(text.encode()) > 1_000_000
    put(page, text)
    n = server.answerer.tokenizers[0].tokenizer.count(text)
    assert page.run("return document.querySelector('dd').textContent") == f"{n:,}"
    assert page.run("return document.querySelector('.rest').textContent") == (
        "The first 4,000 tokens are shown; the figures are of all."
    )
    put(page, f"{'a' * 99}\n" * 22_000)
    assert "Make it shorter" in page.run("return document.getElementById('message').textContent")
    put(page, "the")
    assert page.run("return document.getElementById('message').hidden")


@pytest.mark.parametrize("dark", [False, True])
def test_the_page_fits_a_telephone(page, dark):
    page.resize(390, 800, dark)
    put(page, f"the new cats {'long' * 200}\n" * 3)
    assert page.run("return document.documentElement.scrollWidth") <= 390
    colour = page.run("return getComputedStyle(document.body).backgroundColor")
    assert (colour == "rgb(23, 24, 26)") == dark
    page.resize(1280, 800)


# The page in one file


def random_text(rng: random.Random, words: list[str]) -> str:
    kind = rng.randrange(4)
    if kind == 0:
        limits = (0x80, 0x3000, 0x110000)
        return "".join(chr(rng.randrange(rng.choice(limits))) for _ in range(rng.randrange(60)))
    if kind == 1:
        return "".join(rng.choice(PARTS) for _ in range(rng.randrange(40)))
    joined = rng.choice([" ", "", "\n"]).join(rng.choice(words) for _ in range(rng.choice([5, 30, 700])))
    return joined if kind == 2 else f"{joined}<|end|>the new{joined[:100]}"


def test_the_page_in_one_file_has_the_ids_of_the_library(browser, tokenizers, one_file):
    browser.open(one_file)
    wait_for(browser, "document.body.dataset.answered === '1'")
    rng = random.Random(7)
    words = [
        word for language in LANGUAGES for word in ft.parallel_sample()[language].read_text("utf-8").split()
    ]
    texts = [random_text(rng, words) for _ in range(N_TEXTS)]
    texts += ["", "a" * 5000, " " * 5000, "the new cats " * 2000]
    code = """
        const data = { ...DATA, mostShown: 1e9 }, text = JSON.parse(given[0]);
        return [false, true].map((special) => encodeAll(data, text, special));
    """
    n_different = n_ids = 0
    for text in texts:
        clean = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
        for special, answer in zip(("none", "all"), browser.run(code, json.dumps(text)), strict=True):
            assert (answer["bytes"], answer["characters"]) == (len(clean.encode()), len(clean))
            for (name, tok), found in zip(tokenizers.items(), answer["tokenizers"], strict=True):
                if "error" in found:
                    if "this page cannot split" in found["error"]["message"]:
                        assert special == "all"
                        assert name.startswith("unigram, ")
                    elif "this page cannot order the mark" in found["error"]["message"]:
                        assert name == "bert"
                    else:
                        with pytest.raises(ft.UnknownCharacterError):
                            tok.encode(clean, special=special)
                    continue
                ids = tok.encode(clean, special=special, as_list=True)
                n_ids += len(ids)
                n_different += found["ids"] != ids
                assert found["ids"] == ids, (name, special, text[:200])
    assert n_ids > 100 * len(texts)
    assert n_different == 0
    assert browser.run("return performance.getEntriesByType('resource').length") == 0
    assert browser.console() == []


def test_the_labels_of_the_page_in_one_file_are_those_of_the_server(browser, tokenizers, one_file):
    browser.open(one_file)
    text = "the naïve 東京 cats\n<|end|>1"
    answers = browser.run("return encodeAll(DATA, given[0], true)", text)["tokenizers"]
    with serving(tokenizers) as server:
        browser.open(server.address)
        expected = browser.run("return ask(given[0], true)", text)["tokenizers"]
    for name, found, one in zip(tokenizers, answers, expected, strict=True):
        if "error" not in one and not name.startswith("unigram, "):
            assert found == one, name


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"normalizer": "nfc"}, "no encoder for the normalizer"),
        ({"pretokenizer": ft.Regex(r"\d|\D+")}, "no encoder for the pretokenizer Regex"),
        ({"model": "unigram", "vocab_size": 400, "compat": "sentencepiece"}, "no encoder for"),
    ],
)
def test_tokenizers_that_the_page_cannot_reproduce_are_refused(options, message):
    tok = ft.train(sample("eng"), **{"vocab_size": 300} | options)
    with pytest.raises(ModelExportError, match="cannot reproduce the ids of 'a' exactly") as caught:
        static_page({"a": tok})
    assert message in str(caught.value)
    assert "leave out --static" in str(caught.value)


def test_names_and_pieces_cannot_leave_the_data_of_the_page(tmp_path):
    tok = ft.train(sample("eng"), vocab_size=300, special_tokens=[HOSTILE])
    page = static_page({HOSTILE: tok})
    assert HOSTILE not in page
    assert page.count("</script>") == 4
    assert "https://" not in page
    assert Path(ft.__file__).parent.as_posix() not in page
