"""A headless Chromium as wide as a phone, driven by chromedriver over WebDriver: HTTP and JSON, so that nothing has to be
installed but the two programs. Source: W3C, WebDriver.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from server import free_port

DRIVER = shutil.which("chromedriver")
START_SECONDS = 30
COMMAND_SECONDS = 60


class Chromium:
    """One window."""

    def __init__(self, port: int, capabilities: dict[str, Any]) -> None:
        self._base = f"http://127.0.0.1:{port}"
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        made = self._call("POST", "/session", {"capabilities": {"alwaysMatch": capabilities}})
        self._base += f"/session/{made['sessionId']}"

    def _call(self, verb: str, path: str, body: dict[str, Any] | None = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self._base + path, data=data, method=verb)
        with self._opener.open(request, timeout=COMMAND_SECONDS) as answer:
            return json.load(answer)["value"]

    def open(self, url: str) -> None:
        """Returns when the page and what it loads are there."""
        self._call("POST", "/url", {"url": url})

    def evaluate(self, script: str) -> Any:
        return self._call("POST", "/execute/sync", {"script": script, "args": []})

    def logs(self) -> list[dict[str, Any]]:
        """What scripts, styles and policies have complained about since they were last asked for."""
        found = self._call("POST", "/se/log", {"type": "browser"})
        return [entry for entry in found if entry["source"] != "network"]

    def quit(self) -> None:
        self._call("DELETE", "")


@contextmanager
def phone(width: int, zone: str) -> Iterator[Chromium]:
    """A window `width` CSS pixels wide, for a person in this time zone."""
    port = free_port()
    assert DRIVER is not None
    process = subprocess.Popen(
        [DRIVER, f"--port={port}"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "TZ": zone},
    )
    try:
        assert process.stdout is not None
        while "started successfully" not in (line := process.stdout.readline()):
            assert line, "chromedriver has ended"
        emulated = {"deviceMetrics": {"width": width, "height": 844, "pixelRatio": 1.0}}
        options = {
            "args": ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
            "mobileEmulation": emulated,
        }
        capabilities = {"goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}
        window = Chromium(port, capabilities)
        try:
            yield window
        finally:
            window.quit()
    finally:
        process.kill()
        process.wait()
