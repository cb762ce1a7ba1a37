"""A headless Chromium for tests, driven by chromedriver over the WebDriver protocol (W3C)."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

ARGUMENTS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage"),
    *("--window-size=1280,800", "--hide-scrollbars"),
)
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"  # key of elements in the protocol


class Browser:
    """A session of a browser."""

    def __init__(self, driver: str, chromium: str, profile: Path) -> None:
        self.driver = driver
        options = {"binary": chromium, "args": [*ARGUMENTS, f"--user-data-dir={profile}"]}
        wanted = {
            "browserName": "chrome",
            "goog:chromeOptions": options,
            "goog:loggingPrefs": {"browser": "ALL"},
        }
        self.session = ""
        answer = self.call("POST", "/session", {"capabilities": {"alwaysMatch": wanted}})
        self.session = f"/session/{answer['sessionId']}"

    def call(self, method: str, path: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        request = Request(f"{self.driver}{self.session}{path}", data, headers, method=method)  # noqa: S310
        try:
            with urlopen(request, timeout=60) as response:  # noqa: S310
                return json.load(response)["value"]
        except HTTPError as error:
            raise AssertionError(json.load(error)["value"]["message"]) from error

    def open(self, address: str) -> None:
        self.call("POST", "/url", {"url": address})

    def run(self, script: str, *arguments: Any) -> Any:
        """Run the body of an async function; its parameters are ``arguments[0]`` and so on."""
        wrapped = (
            "const done = arguments[arguments.length - 1];"
            f"(async (...given) => {{ {script} }})(...Array.from(arguments).slice(0, -1))"
            ".then((value) => done({value}), (error) => done({error: String(error)}));"
        )
        found = self.call("POST", "/execute/async", {"script": wrapped, "args": list(arguments)})
        assert "error" not in found, found["error"]
        return found.get("value")

    def type(self, selector: str, text: str) -> None:
        found = self.call("POST", "/element", {"using": "css selector", "value": selector})
        self.call("POST", f"/element/{found[ELEMENT]}/value", {"text": text})

    def command(self, name: str, **parameters: Any) -> Any:
        """Send a command of the DevTools protocol."""
        return self.call("POST", "/goog/cdp/execute", {"cmd": name, "params": parameters})

    def resize(self, width: int, height: int, dark: bool = False) -> None:
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.command("Emulation.setDeviceMetricsOverride", **metrics)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.command("Emulation.setEmulatedMedia", features=[scheme])

    def screenshot(self, path: Path) -> None:
        path.write_bytes(base64.b64decode(self.call("GET", "/screenshot")))

    def console(self) -> list[str]:
        """Return the messages of the console since the last call."""
        return [one["message"] for one in self.call("POST", "/se/log", {"type": "browser"})]


@contextmanager
def open_browser(profile: Path) -> Iterator[Browser]:
    """Start Chromium; skip the test if it is not installed, except in continuous integration."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    chromedriver = shutil.which("chromedriver")
    if chromium is None or chromedriver is None:
        assert not os.environ.get("CI"), "CI must have chromium and chromedriver"
        pytest.skip("no chromium and chromedriver; on Debian: apt-get install chromium chromium-driver")
    command = [chromedriver, "--port=0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            line = next(line for line in process.stdout if "successfully on port" in line)
            port = int("".join(filter(str.isdigit, line.rpartition("on port")[2])))
            browser = Browser(f"http://127.0.0.1:{port}", chromium, profile)
            try:
                yield browser
            finally:
                browser.call("DELETE", "")  # ends Chromium
        finally:
            process.terminate()
