"""What is replaced while clients are there: the server's certificate, the key that API keys are signed with."""

from __future__ import annotations

import asyncio
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest
from temporalio.client import Client

from secured import DOMAIN, Authority, SecuredServer, perdure, running

RELOAD_SECONDS = 10


def count(server: SecuredServer, namespace: str, key: str, ca: Path | None = None) -> int:
    connection = ["--address", server.data_address, "--namespace", namespace, "--api-key", key]
    return perdure("workflow", "count", *connection, "--tls-ca-path", ca or server.ca).code


async def test_the_servers_certificate_is_replaced_without_dropping_anybody(tmp_path: Path) -> None:
    server = SecuredServer(tmp_path / "it")
    newer = Authority(tmp_path / "newer", "Newer")
    names = ["--san", "127.0.0.1", "--san", f"*.a2dd6.{DOMAIN}", "--san", f"saas-api.{DOMAIN}"]
    fresh = newer.leaf("server", "--server", *names)
    with running(server):
        namespace = server.create_namespace("kept", "--api-key-auth")
        before = await Client.connect(
            server.data_address, namespace=namespace, api_key=server.api_key, tls=server.tls()
        )
        handle = await before.start_workflow("Nobody", id="waited-for", task_queue="nobody")
        waiting = asyncio.create_task(handle.result())
        server.show(fresh)
        server.signal(signal.SIGHUP)
        deadline = time.monotonic() + RELOAD_SECONDS
        while count(server, namespace, server.api_key, newer.certificate) != 0:
            assert time.monotonic() < deadline, "new connections still get the old certificate"
            await asyncio.sleep(0.05)
        assert count(server, namespace, server.api_key) == 1, "the old certificate is still shown"
        # The long poll that was open all the time is answered on its own connection.
        assert not waiting.done()
        await before.get_workflow_handle("waited-for").terminate()
        with pytest.raises(Exception, match="Workflow execution failed"):
            await waiting
        # A file that is none leaves the certificate as it is.
        (server.directory / "tls" / "server.pem").write_text("nothing")
        server.signal(signal.SIGHUP)
        assert count(server, namespace, server.api_key, newer.certificate) == 0


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl")
def test_keys_stay_good_when_they_are_signed_with_another_key(tmp_path: Path) -> None:
    server = SecuredServer(tmp_path / "it")
    with running(server):
        namespace = server.create_namespace("kept", "--api-key-auth")
        _, before = server.create_key(namespace, "write")
    generate = ["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"]
    signing = server.directory / "keys" / "signing.pem"
    signing.write_bytes(subprocess.run(generate, check=True, capture_output=True).stdout)
    with running(server):
        _, after = server.create_key(namespace, "write")
        assert [count(server, namespace, key) for key in (before, after, server.api_key)] == [0, 0, 0]
    signing.write_text("nothing")
    refused = perdure("server", "start", "--config", server.config)
    assert refused.code == 1 and str(signing) in refused.stderr, refused.said
