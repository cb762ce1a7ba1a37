"""The server of the play page: answers, hostile requests, and nothing but the loopback interface."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner

import fasttok as ft
from fasttok.cli.main import main
from fasttok.display.play import server as server_module
from fasttok.display.play.requests import MOST_BYTES, MOST_SHOWN, Answerer, RequestError, TokensRequest
from fasttok.display.play.server import PlayServer, serving
from tests.conftest import ROOT

N_HOSTILE = 300 if "FASTTOK_FUZZ" not in os.environ else 10_000
TEXT = "the cat, naïve 東京 <b>&\0\n" * 3
HOSTILE_NAME = "</script><script>alert(1)</script>"


@pytest.fixture(scope="module")
def words():
    model = ft.WordPieceModel(["", "the", "##e", "cat", ","], unk_id=0)
    return ft.Tokenizer(model, "bert", {"[UNK]": 0})


@pytest.fixture(scope="module")
def server(tok, words):
    strict = ft.train(ft.Corpus.from_texts(["abc "]), "character")
    with serving({"bpe": tok, HOSTILE_NAME: words, "strict": strict}) as server:
        yield server


def send(server: PlayServer, data: bytes) -> tuple[int, dict[str, str], bytes]:
    """Send bytes; return the status, the headers and the body of the response."""
    with closing(socket.create_connection(("127.0.0.1", server.server_port), timeout=30)) as connection:
        try:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
        except (BrokenPipeError, ConnectionResetError):
            pass  # the server has answered before it read all
        received = b""
        try:
            while part := connection.recv(1 << 16):
                received += part
        except ConnectionResetError:
            pass
    head, _, body = received.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    return int(first.split()[1]), dict(line.split(": ", 1) for line in lines), body


def post(server: PlayServer, body: bytes, **headers: str) -> tuple[int, dict[str, object]]:
    given = {
        "Host": f"127.0.0.1:{server.server_port}",
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
    }
    given |= {name.replace("_", "-"): value for name, value in headers.items()}
    lines = "".join(f"{name}: {value}\r\n" for name, value in given.items() if value is not None)
    status, _, content = send(server, f"POST /tokens HTTP/1.1\r\n{lines}\r\n".encode() + body)
    return status, json.loads(content)


def get(server: PlayServer, path: str, host: str | None = None) -> tuple[int, dict[str, str], bytes]:
    host = f"127.0.0.1:{server.server_port}" if host is None else host
    return send(server, f"GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())


def ask(server: PlayServer, text: str, special: bool = False) -> dict[str, object]:
    status, answer = post(server, json.dumps({"text": text, "special": special}).encode())
    assert status == 200, answer
    return answer


# Answers


@pytest.mark.parametrize("special", [False, True])
def test_the_ids_are_those_of_the_tokenizers(server, tok, words, special):
    text = f"<|end|>{TEXT}"
    answer = ask(server, text, special)
    assert (answer["bytes"], answer["characters"]) == (len(text.encode()), len(text))
    for found, one in zip(answer["tokenizers"], (tok, words), strict=False):
        ids = one.encode(text, special="all" if special else "none", as_list=True)
        assert (found["n"], found["ids"]) == (len(ids), ids)
        assert found["pieces"].keys() == set(map(str, ids))


def test_pieces_are_readable_and_have_their_bytes(server, tok, words):
    bpe, word_piece, _ = ask(server, "é<|end|>the dog", True)["tokenizers"]
    kinds = {label: (data, kind) for label, data, kind in bpe["pieces"].values()}
    assert kinds["<0xC3>"] == ("c3", "")
    assert kinds["<|end|>"] == (b"<|end|>".hex(), "special")
    assert word_piece["ids"][-2:] == [1, 0]
    assert word_piece["unknown"][str(len(word_piece["ids"]) - 1)] == ["dog", b"dog".hex()]


def test_an_error_of_one_tokenizer_does_not_hide_the_others(server):
    bpe, _, strict = ask(server, "abd")["tokenizers"]
    assert bpe["n"] > 0
    assert strict["error"]["type"] == "UnknownCharacterError"
    assert "cannot encode 'd'" in strict["error"]["message"]


def test_lone_surrogates_are_replaced(server, tok):
    status, answer = post(server, rb'{"text": "a\ud800b\ud83d\ude00"}')
    assert status == 200
    assert answer["tokenizers"][0]["ids"] == tok.encode("a\ufffdb😀", as_list=True)


def test_a_long_text_is_counted_whole_and_shown_in_part(server, tok):
    text = TEXT * 10_000
    bpe = ask(server, text)["tokenizers"][0]
    assert bpe["n"] == tok.count(text) > MOST_SHOWN == len(bpe["ids"])
    assert ask(server, "")["tokenizers"][0] == {"n": 0, "ids": [], "pieces": {}, "unknown": {}}


def test_tokenizers_that_take_too_long(words):
    class Slow:
        def submit(self, *_: object):
            return ThreadPoolExecutor(1).submit(time.sleep, 0.5)

    with pytest.raises(RequestError, match=r"took longer than 0\.01 seconds") as caught:
        Answerer({"a": words}, Slow(), 0.01).answer(TokensRequest(b"", False))
    assert caught.value.status == 503


# Wrong and hostile requests


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "must be JSON in UTF-8"),
        (b"{", "must be JSON in UTF-8"),
        (b'{"text": "\xff"}', "must be JSON in UTF-8"),
        (b"[" * 100_000, "must be JSON in UTF-8"),
        (b'{"text": ' + b"9" * 10_000 + b"}", "must be JSON in UTF-8"),
        (b"[]", "must be an object of JSON, not list"),
        (b"{}", "text must be a string of JSON, not None"),
        (b'{"text": 1}', "text must be a string of JSON, not 1"),
        (b'{"text": "a", "special": 1}', "special must be true or false, not 1"),
        (b'{"text": "a", "spezial": true}', "no field is named 'spezial'; the fields are text, special"),
    ],
)
def test_wrong_bodies(server, body, message):
    status, answer = post(server, body)
    assert (status, answer["error"]["type"]) == (400, "RequestError")
    assert message in answer["error"]["message"]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "evil.example"}, 403),
        ({"Host": "127.0.0.1"}, 403),
        ({"Host": None}, 403),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Content_Type": "text/plain"}, 415),
        ({"Content_Type": None}, 415),
        ({"Content_Length": None}, 411),
        ({"Content_Length": "-1"}, 411),
        ({"Content_Length": "1e3"}, 411),
        ({"Content_Length": "9999"}, 400),
        ({"Transfer_Encoding": "chunked"}, 411),
    ],
)
def test_wrong_headers(server, headers, status):
    found, answer = post(server, b'{"text": "a"}', **headers)
    assert (found, answer["error"]["type"]) == (status, "RequestError")


def test_the_page_may_be_opened_by_both_names_of_the_machine(server):
    for host in (f"127.0.0.1:{server.server_port}", f"localhost:{server.server_port}"):
        assert get(server, "/", host)[0] == 200
        assert post(server, b'{"text": ""}', Host=host, Origin=f"http://{host}")[0] == 200
    assert get(server, "/", "evil.example")[0] == 403


def test_a_request_that_is_too_large(server):
    body = json.dumps({"text": "a" * MOST_BYTES}).encode()
    status, answer = post(server, body)
    assert (status, answer["error"]["type"]) == (413, "RequestError")
    assert f"at most {MOST_BYTES:,} are allowed" in answer["error"]["message"]
    largest = "a" * (MOST_BYTES - len('{"text": ""}'))
    assert post(server, json.dumps({"text": largest}).encode())[0] == 200


@pytest.mark.parametrize(
    ("line", "status"),
    [
        (b"", 400),
        (b"\0", 400),
        (b"GET", 400),
        (b"GET /", 400),
        (b"GET / HTTP/9.9", 505),
        (b"GET / HTTP/x", 400),
        (b"PUT / HTTP/1.1", 405),
        (b"GET /../../etc/passwd HTTP/1.1", 404),
        (b"GET /page.html HTTP/1.1", 404),
        (b"POST / HTTP/1.1", 404),
        (b"GET /" + b"a" * 70_000 + b" HTTP/1.1", 414),
    ],
)
def test_wrong_first_lines(server, line, status):
    host = f"Host: 127.0.0.1:{server.server_port}\r\n\r\n".encode()
    found, headers, body = send(server, line + b"\r\n" + host)
    assert (found, headers["Content-Type"]) == (status, "application/json")
    assert json.loads(body)["error"]["type"] == "RequestError"


def hostile_request(rng: random.Random, port: int) -> bytes:
    """Return a request that is wrong somewhere, or right."""
    text = "".join(
        chr(rng.choice((rng.randrange(128), rng.randrange(0xD800), rng.randrange(0x110000))))
        for _ in range(9)
    )
    value = rng.choice([text, None, 1, -1.5, True, [text], {"a": text}, float("inf"), 10**50])
    fields = {rng.choice(["text", "text", "special", text]): value for _ in range(rng.randrange(4))}
    body = json.dumps({"text": text, **fields}, ensure_ascii=rng.random() < 0.5).encode(
        errors="surrogatepass"
    )
    lines = [
        rng.choice(
            ["POST /tokens HTTP/1.1"] * 6
            + ["GET / HTTP/1.1", "POST / HTTP/1.0", f"GET {text}", f"{text} / HTTP/1.1"]
        ),
        f"Host: {rng.choice([f'127.0.0.1:{port}'] * 6 + [text, 'a.example', ''])}",
        f"Content-Type: {rng.choice(['application/json'] * 6 + [text, 'text/html'])}",
        f"Content-Length: {rng.choice([len(body)] * 6 + [text, -1, 0, 10**14, len(body) + 1])}",
    ]
    if rng.random() < 0.2:
        lines.insert(rng.randrange(5), f"{text}: {text}")
    data = bytearray("\r\n".join([*lines, "", ""]).encode(errors="surrogatepass") + body)
    for _ in range(rng.choice([0, 0, 1, 5])):
        data[rng.randrange(len(data))] = rng.randrange(256)
    return bytes(data)


def test_random_hostile_requests_get_json_or_the_page(server):
    rng = random.Random(7)
    statuses = set()
    for _ in range(N_HOSTILE):
        data = hostile_request(rng, server.server_port)
        status, headers, body = send(server, data)
        statuses.add(status)
        if headers["Content-Type"] == "application/json" and body:
            answer = json.loads(body)
            assert ("error" in answer) == (status != 200), data
            if status != 200:
                assert answer["error"]["type"] == "RequestError", data
                assert "a fault of fasttok" not in answer["error"]["message"], (data, answer)
        else:
            assert status in (200, 405), data  # the page, or HEAD
    assert {200, 400, 403, 404, 411, 415} <= statuses
    assert ask(server, "the cat")["tokenizers"][0]["n"] > 0  # it still answers


def test_many_silent_connections_do_not_stop_the_server(tok, monkeypatch):
    monkeypatch.setattr(server_module, "LONGEST_CONNECTION", 0.2)
    with serving({"bpe": tok}) as server:
        address = ("127.0.0.1", server.server_port)
        silent = [
            socket.create_connection(address, timeout=30) for _ in range(server_module.MOST_CONNECTIONS)
        ]
        for one in silent:
            assert one.recv(1) == b""  # ended by the server
            one.close()
        assert ask(server, "the")["tokenizers"][0]["n"] > 0


# The page


def test_the_page_makes_no_outside_requests_and_has_no_html_of_data(server):
    status, headers, body = get(server, "/")
    page = body.decode()
    assert (status, headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    policy = headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self';")
    assert "unsafe" not in policy
    assert HOSTILE_NAME not in page
    [data] = re.findall(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    assert [one["name"] for one in json.loads(data)["tokenizers"]] == ["bpe", HOSTILE_NAME, "strict"]
    files = [(path, get(server, path)) for path in ("/page.css", "/page.js")]
    for path, (status, _, body) in files:
        assert status == 200
        assert not re.search(
            r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|@import|https?://", body.decode()
        ), path
    assert set(re.findall(r'(?:src|href)="([^"#]+)"', page)) - {"page.css", "page.js"} == set(
        re.findall(r'href="(data:[^"]+)"', page)
    )


def listening_addresses(pid: int) -> set[str]:
    """Return the addresses on which a process listens, as Linux lists them."""
    inodes = set()
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        inodes |= set(re.findall(r"socket:\[(\d+)\]", os.readlink(descriptor)))
    found = set()
    for table in ("tcp", "tcp6", "udp", "udp6"):
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            (
                _,
                local,
                _,
                state,
                *_,
            ) = line.split()[:4]
            if line.split()[9] in inodes and (state == "0A" or table.startswith("udp")):
                found.add(f"{table} {local.partition(':')[0]}")
    return found


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="needs Linux")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_command_listens_on_loopback_only_and_a_signal_ends_it(tok, tmp_path, number):
    tok.save(tmp_path / "tok.json")
    command = [sys.executable, "-m", "fasttok", "play", "--with", "tok.json", "--no-browser"]
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        command, cwd=tmp_path, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        address = process.stdout.readline()
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/\n", address)
        assert listening_addresses(process.pid) == {"tcp 0100007F"}
        process.send_signal(number)
        assert process.wait(30) == 128 + number
        stderr = process.stderr.read()
    assert stderr == "Press Ctrl-C to end\n" + "Interrupted\n" * (number == signal.SIGINT)


def test_a_port_that_is_in_use_and_the_choice_of_a_port(tok, tmp_path):
    tok.save(tmp_path / "tok.json")
    with serving({"a": tok}) as server:
        arguments = [
            "play",
            "--with",
            str(tmp_path / "tok.json"),
            "--no-browser",
            "--port",
            str(server.server_port),
        ]
        result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 1
    assert f"port {server.server_port}: Address already in use; choose another --port" in result.output


def test_a_tokenizer_that_is_given_twice_has_two_names(tok, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("a", "a (2)"):
        tok.save(name, format="fasttok")
    names = []
    monkeypatch.setattr(
        PlayServer, "serve_forever", lambda self: names.extend(one.name for one in self.answerer.tokenizers)
    )
    arguments = [part for name in ("a", "a", "a (2)") for part in ("--with", name)]
    result = CliRunner().invoke(main, ["play", "--no-browser", *arguments])
    assert result.exit_code == 0, result.output
    assert names == ["a", "a (2)", "a (2) (2)"]


def test_the_browser_is_opened_and_three_tokenizers_are_trained_by_default(monkeypatch):
    opened = []
    monkeypatch.setattr("webbrowser.open", opened.append)

    def serve(self: PlayServer) -> None:
        names = [one.name for one in self.answerer.tokenizers]
        assert names == ["BPE", "WordPiece", "Unigram"]

    monkeypatch.setattr(PlayServer, "serve_forever", serve)
    result = CliRunner().invoke(main, ["play"])
    assert result.exit_code == 0, result.output
    assert opened == [result.output.splitlines()[1]] == [opened[0]]
