"""The bank's worker as a child process, with what it writes in a file."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

SCRIPT = Path(__file__).with_name("bank_worker.py")
CONNECT_SECONDS = 30


class WorkerProcess:
    """Killed by its own `kill` only; a server that goes away is none of its business."""

    def __init__(self, address: str, task_queue: str, ledger: Path, log: Path, sticky_seconds: float = 10) -> None:
        self._log = log
        command = [sys.executable, str(SCRIPT), address, task_queue, str(ledger), str(sticky_seconds)]
        # Not a pipe: the SDK reports every outage on the standard output, and a pipe that nobody reads fills up.
        with log.open("wb") as output:
            self._process = subprocess.Popen(command, stdout=output, stderr=output)

    def wait_connected(self) -> None:
        deadline = time.monotonic() + CONNECT_SECONDS
        while "connected\n" not in self.log:
            assert self.running and time.monotonic() < deadline, f"worker did not connect:\n{self.log}"
            time.sleep(0.02)

    @property
    def running(self) -> bool:
        return self._process.poll() is None

    @property
    def log(self) -> str:
        return self._log.read_text(errors="replace")

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()
