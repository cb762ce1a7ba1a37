"""The server of the play page: one page on the loopback interface, for one user."""

from __future__ import annotations

import json
import re
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, HTTPServer
from socketserver import ThreadingMixIn
from typing import Any

from fasttok.core.parallel import resolve_workers
from fasttok.display.play.page import Asset, live_page
from fasttok.display.play.requests import MOST_BYTES, Answerer, RequestError, TokensRequest
from fasttok.tokenizer.tokenizer import Tokenizer

ADDRESS = "127.0.0.1"  # nothing outside this machine can connect
MOST_CONNECTIONS = 32
LONGEST_CONNECTION = 60.0  # seconds
MOST_DISCARDED = 8 * MOST_BYTES  # bytes of a refused request that are read and discarded
_LENGTH = re.compile("[0-9]{1,15}")
_HEADERS = {
    "Cache-Control": "no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
}


class PlayServer(ThreadingMixIn, HTTPServer):
    """Server of the play page on 127.0.0.1.

    A request is answered only if its header Host is the address of the server. So a page of another site
    cannot reach the server by a name that it lets point to this machine (DNS rebinding).

    Parameters
    ----------
    tokenizers : mapping of str to Tokenizer
        Tokenizers by name.
    port : int
        Port; 0 is a free one.

    Raises
    ------
    OSError
        If the port is in use.
    """

    daemon_threads = True
    block_on_close = False
    request_queue_size = MOST_CONNECTIONS

    def __init__(self, tokenizers: Mapping[str, Tokenizer], port: int = 0) -> None:
        self.pool = ThreadPoolExecutor(min(8, resolve_workers(None)))
        self.answerer = Answerer(tokenizers, self.pool)
        super().__init__((ADDRESS, port), _Handler)
        self.assets = live_page([one.describe() for one in self.answerer.tokenizers])
        suffix = "" if self.server_port == 80 else f":{self.server_port}"  # browsers leave out the usual port
        self.hosts = {f"{ADDRESS}{suffix}", f"localhost{suffix}"}
        self._lock = threading.Lock()
        self._deadlines: dict[socket.socket, float] = {}

    @property
    def address(self) -> str:
        """Address of the page."""
        return f"http://{ADDRESS}:{self.server_port}/"

    def server_bind(self) -> None:
        """Bind to the address, without the look-up of a host name in the base class."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = ADDRESS, self.socket.getsockname()[1]

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answer a connection in a thread of its own, or close it if there are too many."""
        with self._lock:
            is_full = len(self._deadlines) >= MOST_CONNECTIONS
            if not is_full:
                self._deadlines[request] = time.monotonic() + LONGEST_CONNECTION
        if is_full:
            self.shutdown_request(request)
        else:
            super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Close a connection."""
        with self._lock:
            self._deadlines.pop(request, None)
        super().shutdown_request(request)

    def service_actions(self) -> None:
        """End connections that are open for too long; the base class calls this twice a second."""
        now = time.monotonic()
        with self._lock:
            late = [one for one, deadline in self._deadlines.items() if deadline < now]
        for one in late:
            with suppress(OSError):  # its thread has closed it
                one.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore errors of connections, such as one that the browser has closed."""

    def server_close(self) -> None:
        """Close the server; requests in progress are not answered."""
        super().server_close()
        self.pool.shutdown(wait=False, cancel_futures=True)


@contextmanager
def serving(tokenizers: Mapping[str, Tokenizer], port: int = 0) -> Iterator[PlayServer]:
    """Serve the play page from another thread within the block."""
    with PlayServer(tokenizers, port) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    """One request: the page, its files, or ``POST /tokens``. Every error is JSON."""

    server: PlayServer
    raw_requestline: bytes
    timeout = 10  # seconds to wait for bytes
    error_content_type = "application/json"

    def parse_request(self) -> bool:
        """Read the line and the headers of a request; False if they are wrong and that has been answered."""
        if not self.raw_requestline.strip():
            self.requestline = self.command = ""
            self.request_version, self.close_connection = "HTTP/0.9", True
            self.send_error(HTTPStatus.BAD_REQUEST, "the request has no first line")
            return False
        if not super().parse_request():
            return False
        self.close_connection = True
        if self.request_version == "HTTP/0.9":
            self.send_error(HTTPStatus.BAD_REQUEST, "the first line of the request has no version of HTTP")
            return False
        if self.command not in ("GET", "POST"):
            self.send_error(HTTPStatus.METHOD_NOT_ALLOWED, "the methods are GET and POST")
            return False
        return True

    def do_GET(self) -> None:
        """Send the page or one of its files."""
        try:
            self._check_host()
            asset = self.server.assets.get(self.path)
            if asset is None:
                raise RequestError("there is no such page; the page is at /", HTTPStatus.NOT_FOUND)
        except RequestError as error:
            self._send_json(error.status, error.to_json())
        else:
            self._send(HTTPStatus.OK, asset)

    def do_POST(self) -> None:
        """Send the tokens of the text in the request."""
        try:
            self._check_host()
            if self.path != "/tokens":
                raise RequestError("there is no such page; texts are sent to /tokens", HTTPStatus.NOT_FOUND)
            answer = self.server.answerer.answer(TokensRequest.read(self._read_body()))
        except RequestError as error:
            self._send_json(error.status, error.to_json())
        except OSError:
            raise  # of the connection
        except Exception as error:
            message = f"a fault of fasttok: {type(error).__name__}: {error}"
            self.send_error(HTTPStatus.INTERNAL_SERVER_ERROR, message)
        else:
            self._send_json(HTTPStatus.OK, answer)

    def _check_host(self) -> None:
        hosts, origins = self.headers.get_all("Host", []), self.headers.get_all("Origin", [])
        if len(hosts) != 1 or hosts[0].lower() not in self.server.hosts:
            raise RequestError(f"the header Host must be {min(self.server.hosts)}", HTTPStatus.FORBIDDEN)
        if any(origin.lower() != f"http://{hosts[0].lower()}" for origin in origins):
            raise RequestError("requests of other sites are not answered", HTTPStatus.FORBIDDEN)

    def _read_body(self) -> bytes:
        """Return the body of the request, if it is JSON and not too large."""
        lengths = self.headers.get_all("Content-Length", [])
        if "Transfer-Encoding" in self.headers or len(lengths) != 1 or not _LENGTH.fullmatch(lengths[0]):
            raise RequestError(
                "the request must have one header Content-Length, with a number", HTTPStatus.LENGTH_REQUIRED
            )
        length = int(lengths[0])
        if self.headers.get_content_type() != "application/json":
            raise RequestError(
                "the header Content-Type must be application/json", HTTPStatus.UNSUPPORTED_MEDIA_TYPE
            )
        if length > MOST_BYTES:
            raise RequestError(
                f"the request has {length:,} bytes, but at most {MOST_BYTES:,} are allowed; shorten the text",
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            )
        body = self.rfile.read(length)
        if len(body) < length:
            raise RequestError(f"the request has {len(body):,} of {length:,} bytes")
        return body

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Send an error of the base class, such as a wrong first line, as JSON."""
        if self.request_version == "HTTP/0.9":  # the base class would send no status and no headers
            self.request_version = self.protocol_version
        error = RequestError(message or HTTPStatus(code).phrase)
        self._send_json(HTTPStatus(code), error.to_json())

    def _send_json(self, status: HTTPStatus, value: dict[str, Any]) -> None:
        self._send(status, Asset("application/json", json.dumps(value).encode()))

    def _send(self, status: HTTPStatus, asset: Asset) -> None:
        self.send_response(status)
        self.send_header("Content-Type", asset.content_type)
        self.send_header("Content-Length", str(len(asset.content)))
        for name, value in _HEADERS.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(asset.content)

    def finish(self) -> None:
        """End the response, and read the rest of a refused request, which browsers send before they read."""
        super().finish()
        left = MOST_DISCARDED
        try:
            self.connection.settimeout(1)
            self.connection.shutdown(socket.SHUT_WR)
            while left > 0 and (part := self.connection.recv(1 << 16)):
                left -= len(part)
        except OSError:
            pass  # the browser has closed the connection, or sends no more

    def version_string(self) -> str:
        """Return the name of the server in responses."""
        return "fasttok"

    def log_message(self, format: str, *args: Any) -> None:
        """Print no log."""
