"""The server under test, as a child process.

It knows how to start, kill and stop a binary, and nothing of what the tests do with it.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import socket
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from temporalio.client import Client
from temporalio.service import RPCError

REPOSITORY = Path(__file__).resolve().parents[2]
BINARY = Path(os.environ.get("PERDURE_BIN") or REPOSITORY / "target" / "release" / "perdure")

# A server of ours shows an acknowledged write in lists and counts at once. Any other one that the suite is pointed
# at, to check the suite itself, only has to get there in the end.
LISTS_MAY_LAG = BINARY.name != "perdure"

START_SECONDS = 30
STOP_SECONDS = 20


def free_port() -> int:
    """A loopback port nobody listens on, below the range from which the system picks ports for outgoing connections.

    Inside that range a worker that keeps redialling a killed server can be handed the server's own port, and then
    connects to itself.
    """
    while True:
        port = random.SystemRandom().randrange(20_000, 32_000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


class Server:
    """One server process, which can be killed and started again on the same port and file."""

    def __init__(
        self, db_filename: Path | None = None, settings: Sequence[str] = (), ui_port: int | None = None
    ) -> None:
        """`settings` are values of the dynamic configuration, as `key=value`; without `ui_port` there are no pages."""
        self.port = free_port()
        self._pages = ["--headless"] if ui_port is None else ["--ui-port", str(ui_port)]
        self.settings = settings
        self.db_filename = db_filename
        self._process: subprocess.Popen[bytes] | None = None
        self._log = tempfile.TemporaryFile()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        """What the server has written so far, over all its lives; the last 4 KiB."""
        self._log.seek(0, os.SEEK_END)
        self._log.seek(max(0, self._log.tell() - 4096))
        return self._log.read().decode(errors="replace")

    async def start(self) -> None:
        """Starts the process and returns when it answers. Fails when it exits or stays silent for START_SECONDS."""
        command = [str(BINARY), "server", "start-dev", *self._pages, "--ip", "127.0.0.1", "--port", str(self.port)]
        if self.db_filename:
            command += ["--db-filename", str(self.db_filename)]
        # Runs and queues at several lanes, whatever the machine is.
        for setting in ["server.lanes=2", *self.settings]:
            command += ["--dynamic-config-value", setting]
        self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=self._log, stderr=self._log)
        deadline = asyncio.get_running_loop().time() + START_SECONDS
        while not await self._answers():
            if self._process.poll() is not None:
                raise RuntimeError(f"server exited with code {self._process.returncode}:\n{self.log}")
            if asyncio.get_running_loop().time() > deadline:
                self.kill()
                raise RuntimeError(f"server did not answer within {START_SECONDS} s:\n{self.log}")
            await asyncio.sleep(0.02)

    async def _answers(self) -> bool:
        """Whether the namespace that every dev server has can be described."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1):
                pass
            async with asyncio.timeout(5):
                client = await Client.connect(self.address)
                await client.count_workflows("")
        except (OSError, RuntimeError, RPCError):
            return False
        return True

    def kill(self) -> None:
        """SIGKILL: the process gets no chance to finish anything."""
        self._end(signal.SIGKILL)

    def stop(self) -> int | None:
        """SIGTERM, as an operator would; SIGKILL when that is not heeded. Returns the exit code."""
        return self._end(signal.SIGTERM)

    def _end(self, how: signal.Signals) -> int | None:
        process, self._process = self._process, None
        if process is None:
            return None
        process.send_signal(how)
        try:
            return process.wait(timeout=STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()
