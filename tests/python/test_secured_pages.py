"""A run of a secured namespace, seen in the browser by whoever opens the login link."""

from __future__ import annotations

import http.cookiejar
import re
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, urlencode

import pytest
from temporalio.client import Client

from secured import SecuredServer, perdure, running


class Browser:
    """Follows links and keeps cookies."""

    def __init__(self) -> None:
        jar = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), jar)

    def open(self, url: str, data: bytes | None = None) -> tuple[int, str, str]:
        """Status, address at the end of all redirects, and text of a page."""
        try:
            with self._opener.open(url, data=data, timeout=10) as page:
                return page.status, page.url, page.read().decode()
        except urllib.error.HTTPError as page:
            return page.code, page.url, page.read().decode()

    def log_in(self, link: str) -> tuple[int, str, str]:
        """Opens a login link and presses the button that it shows."""
        status, url, page = self.open(link)
        assert status == 200
        fields = dict(re.findall(r'name="(code|check)" value="([^"]*)"', page))
        return self.open(url.split("?")[0], data=urlencode(fields).encode())


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecuredServer]:
    folder: Path = tmp_path_factory.mktemp("pages") / "account"
    with running(SecuredServer(folder)) as server:
        yield server


async def test_a_run_is_seen_in_list_description_and_history(server: SecuredServer) -> None:
    namespace = server.create_namespace("payments", "--api-key-auth")
    client = await Client.connect(
        server.data_address, namespace=namespace, api_key=server.api_key, tls=server.tls(namespace)
    )
    handle = await client.start_workflow("Pay", "<b>one</b>", id="pay/1 <i>", task_queue="nobody")
    browser, stranger = Browser(), Browser()
    home = f"http://localhost:{server.web_port}"
    assert stranger.open(f"{home}/namespaces/{namespace}/workflows")[1] == f"{home}/login"

    assert stranger.open(server.made["loginLink"])[0] == 200
    status, url, page = browser.log_in(server.made["loginLink"])
    assert (status, url) == (200, f"{home}/namespaces") and namespace in page
    assert stranger.log_in(server.made["loginLink"])[0] == 401

    run = f"/namespaces/{namespace}/workflows/{quote(handle.id, safe='')}/{handle.result_run_id}"
    _, _, workflows = browser.open(f"{home}/namespaces/{namespace}/workflows")
    assert f'href="{run}"' in workflows and "pay/1 &lt;i&gt;" in workflows and "<i>" not in workflows
    _, _, described = browser.open(home + run)
    assert f'href="{run}/history"' in described and "Running" in described
    _, _, history = browser.open(f"{home}{run}/history")
    assert "WorkflowExecutionStarted" in history and "&lt;b&gt;one&lt;/b&gt;" in history

    assert browser.open(f"{home}/logout", data=b"")[1] == f"{home}/login"
    assert browser.open(home + run)[1] == f"{home}/login"


def test_a_session_outlives_the_server_and_an_owner_comes_back_without_key_and_link(tmp_path: Path) -> None:
    server = SecuredServer(tmp_path / "account")
    home = f"http://localhost:{server.web_port}"
    browser = Browser()
    with running(server):
        assert browser.log_in(server.made["loginLink"])[0] == 200
        busy = perdure("cloud", "recover", "--config", server.config)
        assert busy.code == 1 and "in use by process" in busy.stderr, busy.said
    recovered = perdure("cloud", "recover", "--config", server.config, "-o", "json").data()
    with running(server):
        status, url, page = browser.open(f"{home}/namespaces")
        assert (status, url) == (200, f"{home}/namespaces") and "owner@localhost.test" in page
        assert Browser().log_in(recovered["loginLink"])[0] == 200
        assert server.cloud("whoami", key=recovered["apiKey"]).data()["user"]["spec"]["email"] == "owner@localhost.test"
        assert server.cloud("whoami").code == 0, "the key that is there stays good"
        log = server.cloud("audit-log", "list").data()
        [record] = [record for record in log if record["operation"] == "RecoverOwner"]
        assert record["principal"]["type"] == "operator" and record["status"] == "OK"
        assert recovered["apiKey"] not in str(log)
    assert perdure("cloud", "audit", "verify", "--config", server.config).code == 0
