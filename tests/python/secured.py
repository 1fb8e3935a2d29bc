"""A secured server under test: an account in a folder, its server, and the commands that manage it.

Names under the account's domain lead to loopback only for commands that run inside `Names`: it gives them an
`/etc/hosts` of their own, so that nothing outside the test changes.
"""

from __future__ import annotations

import atexit
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from temporalio.client import TLSConfig

from server import BINARY, START_SECONDS, STOP_SECONDS, free_port

ACCOUNT = "a2dd6"
DOMAIN = "localhost.test"
COMMAND_SECONDS = 20

# What a developer's shell may have set must not reach the commands under test, and what they write must not reach the
# developer's own folders.
CLEAN = {name: value for name, value in os.environ.items() if not name.startswith(("TEMPORAL_", "SSL_CERT"))}
CLEAN["XDG_CONFIG_HOME"] = tempfile.mkdtemp(prefix="perdure-config-")
atexit.register(shutil.rmtree, CLEAN["XDG_CONFIG_HOME"], ignore_errors=True)


def official() -> Path | None:
    """Temporal's own command line, if it is installed beside the interpreter or on the path."""
    beside = Path(sys.executable).parent / "temporal"
    found = beside if beside.is_file() else shutil.which("temporal")
    return Path(found) if found else None


@dataclass(frozen=True)
class Outcome:
    """How a command ended."""

    code: int
    stdout: str
    stderr: str

    @property
    def said(self) -> str:
        return self.stdout + self.stderr

    def data(self) -> Any:
        """The JSON that a successful command has printed."""
        assert self.code == 0, self.said
        return json.loads(self.stdout)


def execute(command: Sequence[str | Path], env: Mapping[str, str] | None = None) -> Outcome:
    """Runs a command to its end, with nothing of Temporal's in its environment but `env`."""
    ended = subprocess.run(
        [str(word) for word in command],
        env={**CLEAN, **(env or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=COMMAND_SECONDS,
    )
    return Outcome(ended.returncode, ended.stdout, ended.stderr)


def perdure(*arguments: str | Path, env: Mapping[str, str] | None = None) -> Outcome:
    return execute([BINARY, *arguments], env)


class Names:
    """Commands for which the names of an account lead to loopback."""

    def __init__(self, hosts: Path) -> None:
        self._hosts = hosts

    @staticmethod
    def available() -> bool:
        """Whether this system lets a process have files of its own in place of the system's."""
        tool = shutil.which("unshare")
        return tool is not None and subprocess.run([tool, "-rm", "true"], capture_output=True).returncode == 0

    def add(self, *names: str) -> None:
        with self._hosts.open("a") as hosts:
            hosts.writelines(f"127.0.0.1 {name}\n" for name in names)

    def within(self, command: Sequence[str | Path]) -> list[str]:
        """The command that runs `command` with these names."""
        script = 'mount --bind "$0" /etc/hosts && exec "$@"'
        return ["unshare", "-rm", "sh", "-c", script, str(self._hosts), *(str(word) for word in command)]


class SecuredServer:
    """An account and its server, which can be stopped and started again."""

    def __init__(self, directory: Path, *flags: str, account: str = ACCOUNT) -> None:
        self.directory = directory
        self.data_port, self.control_port, self.web_port = free_port(), free_port(), free_port()
        ports = ["--data-port", self.data_port, "--control-port", self.control_port, "--web-port", self.web_port]
        words = ["--directory", directory, "--account", account, "--domain", DOMAIN, *ports, *flags, "-o", "json"]
        self.made: dict[str, Any] = perdure("cloud", "init", *map(str, words)).data()
        self.api_key: str = self.made["apiKey"]
        self.ca = directory / "ca" / "server-ca.pem"
        self.config = directory / "perdure.toml"
        with self.config.open("a") as config:
            # All tests call from one address, and many of them show what is wrong on purpose.
            config.write("\n[limits]\nwrong_credentials = 100000\n")
        self.names = Names(directory / "hosts")
        self.names.add("localhost", f"saas-api.{DOMAIN}")
        self._process: subprocess.Popen[bytes] | None = None
        self._log = directory / "server.log"

    @property
    def log(self) -> str:
        return self._log.read_text(errors="replace")

    @property
    def data_address(self) -> str:
        return f"127.0.0.1:{self.data_port}"

    @property
    def control_address(self) -> str:
        return f"127.0.0.1:{self.control_port}"

    def show(self, leaf: Leaf) -> None:
        """Puts another certificate in place of the server's."""
        shutil.copy(leaf.key, self.directory / "tls" / "server.key")
        shutil.copy(leaf.certificate, self.directory / "tls" / "server.pem")

    def start(self) -> None:
        """Starts the process and returns when both planes listen."""
        with self._log.open("ab") as log:
            command = [str(BINARY), "server", "start", "--config", str(self.config)]
            self._process = subprocess.Popen(command, env=CLEAN, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        deadline = time.monotonic() + START_SECONDS
        for port in (self.data_port, self.control_port):
            while not _listens(port):
                assert self._process.poll() is None, f"server exited:\n{self.log}"
                assert time.monotonic() < deadline, f"server did not listen within {START_SECONDS} s:\n{self.log}"
                time.sleep(0.02)

    def signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def stop(self) -> int | None:
        process, self._process = self._process, None
        if process is None:
            return None
        process.send_signal(signal.SIGTERM)
        try:
            return process.wait(timeout=STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()

    def cloud(self, *arguments: str | Path, key: str | None = None) -> Outcome:
        """A command on the control plane, with JSON for its result."""
        env = {
            "TEMPORAL_CLOUD_ENDPOINT": self.control_address,
            "TEMPORAL_CLOUD_API_KEY": key or self.api_key,
            "TEMPORAL_TLS_SERVER_CA_CERT_PATH": str(self.ca),
        }
        return perdure("cloud", *arguments, "-o", "json", env=env)

    def endpoint(self, namespace: str) -> str:
        """The host of a namespace's own address."""
        return f"{namespace}.{DOMAIN}"

    def tls(self, namespace: str | None = None, leaf: Leaf | None = None) -> TLSConfig:
        """What an SDK needs to trust this server; with `namespace`, the name that it asks for by SNI."""
        return TLSConfig(
            server_root_ca_cert=self.ca.read_bytes(),
            domain=self.endpoint(namespace) if namespace else None,
            client_cert=leaf.certificate.read_bytes() if leaf else None,
            client_private_key=leaf.key.read_bytes() if leaf else None,
        )

    def create_namespace(self, name: str, *flags: str | Path) -> str:
        """Makes a namespace and returns its full name."""
        namespace: str = self.cloud("namespace", "create", "--name", name, *flags).data()["namespace"]
        self.names.add(self.endpoint(namespace))
        return namespace

    def create_key(self, namespace: str, permission: str) -> tuple[str, str]:
        """A new service account with one permission, and its API key: id and token."""
        name = f"{namespace.split('.')[0]}-{permission}-{time.monotonic_ns()}"
        account = ["--name", name, "--namespace-permission", f"{namespace}={permission}"]
        made = self.cloud("service-account", "create", *account).data()
        key = self.cloud("apikey", "create", "--name", name, "--service-account-id", made["serviceAccountId"]).data()
        return key["keyId"], key["token"]


@contextmanager
def running(server: SecuredServer) -> Iterator[SecuredServer]:
    try:
        server.start()
        yield server
    finally:
        server.stop()


def _listens(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False


@dataclass(frozen=True)
class Leaf:
    """A client's certificate and key, as files."""

    certificate: Path
    key: Path

    @property
    def flags(self) -> list[str]:
        return ["--tls-cert-path", str(self.certificate), "--tls-key-path", str(self.key)]


class Authority:
    """A certificate authority of the tests' own, made by the command under test."""

    def __init__(self, directory: Path, organization: str = "Acme") -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._directory = directory
        self.certificate, self._key = directory / "ca.pem", directory / "ca.key"
        files = ["--ca-cert", self.certificate, "--ca-key", self._key]
        made = perdure("cloud", "cert", "generate-ca", "--organization", organization, *files)
        assert made.code == 0, made.said

    def leaf(self, common_name: str, *flags: str) -> Leaf:
        """The leaf of this name, made when it is first asked for."""
        leaf = Leaf(self._directory / f"{common_name}.pem", self._directory / f"{common_name}.key")
        if leaf.certificate.exists():
            return leaf
        files = ["--ca-cert", self.certificate, "--ca-key", self._key, "--cert", leaf.certificate, "--key", leaf.key]
        subject = ["--organization", "Acme", "--common-name", common_name]
        made = perdure("cloud", "cert", "generate-leaf", *subject, *files, *flags)
        assert made.code == 0, made.said
        return leaf
