"""A secured server that is killed in the middle of the account's operations: whatever was acknowledged ends.

    PERDURE_CRASH_ROUNDS=100 tests/python/run test_secured_crash.py

PERDURE_CRASH_SEED repeats the orders and kill points of an earlier run, as far as two processes can repeat anything.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from temporalio.api.cloud.cloudservice.v1 import (
    CreateNamespaceRequest,
    DeleteNamespaceRequest,
    GetAsyncOperationRequest,
    GetNamespaceRequest,
    UpdateNamespaceRequest,
)
from temporalio.api.cloud.namespace.v1 import ApiKeyAuthSpec, NamespaceSpec
from temporalio.api.cloud.operation.v1 import AsyncOperation
from temporalio.api.cloud.resource.v1 import ResourceState
from temporalio.client import Client, CloudOperationsClient
from temporalio.service import CloudService, RPCError, RPCStatusCode

from secured import ACCOUNT, SecuredServer, running

ROUNDS = int(os.environ.get("PERDURE_CRASH_ROUNDS") or 8)
SEED = int(os.environ.get("PERDURE_CRASH_SEED") or random.SystemRandom().randrange(1_000_000))
# With one deletion and two updates as many as may run at a time.
CREATIONS_PER_ROUND = 7
# Beyond it a round deletes and hardly creates: an account can have 100.
MOST_NAMESPACES = 60
SETTLE_SECONDS = 30
RUNNING = {AsyncOperation.STATE_PENDING, AsyncOperation.STATE_IN_PROGRESS}


@dataclass
class Order:
    """A change that is asked for, under an operation id of our own."""

    id: str
    namespace: str
    request: CreateNamespaceRequest | UpdateNamespaceRequest | DeleteNamespaceRequest
    acknowledged: bool = False

    async def place(self, service: CloudService) -> AsyncOperation:
        match self.request:
            case CreateNamespaceRequest():
                operation = (await service.create_namespace(self.request)).async_operation
            case UpdateNamespaceRequest():
                operation = (await service.update_namespace(self.request)).async_operation
            case DeleteNamespaceRequest():
                operation = (await service.delete_namespace(self.request)).async_operation
        assert operation.id == self.id
        self.acknowledged = True
        return operation


class Account:
    """The changes of an account under kills, and the namespaces that there should be with their retention."""

    def __init__(self, server: SecuredServer, dice: random.Random) -> None:
        self._server = server
        self._dice = dice
        self._number = 0
        self.wanted: dict[str, int] = {}
        self.caught = 0

    async def service(self) -> CloudService:
        server = self._server
        client = await CloudOperationsClient.connect(
            api_key=server.api_key, target_host=server.control_address, tls=server.tls()
        )
        return client.cloud_service

    def _create(self) -> Order:
        self._number += 1
        name = f"bank{self._number:03}"
        spec = NamespaceSpec(
            name=name, regions=["local"], retention_days=7, api_key_auth=ApiKeyAuthSpec(enabled=True)
        )
        id = f"create-{name}"
        return Order(id, f"{name}.{ACCOUNT}", CreateNamespaceRequest(spec=spec, async_operation_id=id))

    async def _change(self, service: CloudService, namespace: str, delete: bool) -> Order:
        found = (await service.get_namespace(GetNamespaceRequest(namespace=namespace))).namespace
        self._number += 1
        id, version = f"change-{self._number}", found.resource_version
        if delete:
            request = DeleteNamespaceRequest(namespace=namespace, resource_version=version, async_operation_id=id)
            return Order(id, namespace, request)
        found.spec.retention_days = found.spec.retention_days % 90 + 1
        update = UpdateNamespaceRequest(
            namespace=namespace, spec=found.spec, resource_version=version, async_operation_id=id
        )
        return Order(id, namespace, update)

    async def round(self) -> None:
        """Asks for changes, kills the server when some of them are acknowledged, and sees all of them to their end."""
        service = await self.service()
        crowded = len(self.wanted) > MOST_NAMESPACES
        old = self._dice.sample(sorted(self.wanted), min(9 if crowded else 3, len(self.wanted)))
        orders = [await self._change(service, namespace, crowded or at == 0) for at, namespace in enumerate(old)]
        orders += [self._create() for _ in range(1 if crowded else CREATIONS_PER_ROUND)]
        self._dice.shuffle(orders)
        enough = self._dice.randint(1, len(orders))
        placing = [asyncio.ensure_future(order.place(service)) for order in orders]
        for count, placed in enumerate(asyncio.as_completed(placing), 1):
            await placed
            if count == enough:
                break
        await asyncio.sleep(self._dice.choice([0, 0, 0.005, 0.02]))
        self._server.signal(signal.SIGKILL)
        self._server.stop()
        killed = time.time()
        await asyncio.gather(*placing, return_exceptions=True)
        self._server.start()
        service = await self.service()
        for order in orders:
            if order.acknowledged:
                operation = await self._found(service, order.id)
            else:
                operation = await order.place(service)
            await self._ends(service, operation, order, killed)

    async def _found(self, service: CloudService, id: str) -> AsyncOperation:
        found = (await service.get_async_operation(GetAsyncOperationRequest(async_operation_id=id))).async_operation
        assert found.id == id
        return found

    async def _ends(self, service: CloudService, operation: AsyncOperation, order: Order, killed: float) -> None:
        deadline = time.monotonic() + SETTLE_SECONDS
        while operation.state in RUNNING:
            assert time.monotonic() < deadline, operation
            await asyncio.sleep(0.1)
            operation = await self._found(service, order.id)
        assert operation.state == AsyncOperation.STATE_FULFILLED, operation
        if operation.started_time.ToNanoseconds() < killed * 1e9 < operation.finished_time.ToNanoseconds():
            self.caught += 1
        match order.request:
            case CreateNamespaceRequest() | UpdateNamespaceRequest():
                self.wanted[order.namespace] = order.request.spec.retention_days
            case DeleteNamespaceRequest():
                del self.wanted[order.namespace]
                await self._is_gone(service, order.namespace)

    async def _is_gone(self, service: CloudService, namespace: str) -> None:
        with pytest.raises(RPCError) as gone:
            await service.get_namespace(GetNamespaceRequest(namespace=namespace))
        assert gone.value.status == RPCStatusCode.NOT_FOUND

    async def check(self) -> None:
        """Every namespace is as it was last asked for, on both planes, and takes a workflow."""
        service = await self.service()
        for namespace, days in self.wanted.items():
            found = (await service.get_namespace(GetNamespaceRequest(namespace=namespace))).namespace
            assert found.state == ResourceState.RESOURCE_STATE_ACTIVE, found
            assert (found.spec.retention_days, found.async_operation_id) == (days, "")
            client = await Client.connect(
                self._server.data_address,
                namespace=namespace,
                api_key=self._server.api_key,
                tls=self._server.tls(namespace),
            )
            handle = await client.start_workflow("Pay", id="pay", task_queue="nobody")
            assert (await handle.describe()).id == "pay"
            await asyncio.sleep(0.03)  # Keeps to the rate that an owner may call at.


@pytest.fixture
def server(tmp_path: Path) -> Iterator[SecuredServer]:
    with running(SecuredServer(tmp_path / "account")) as server:
        yield server


@pytest.mark.ends_within(60 + 10 * ROUNDS)
async def test_acknowledged_operations_end_whenever_the_server_is_killed(server: SecuredServer) -> None:
    print(f"PERDURE_CRASH_SEED={SEED}")
    account = Account(server, random.Random(SEED))
    for _ in range(ROUNDS):
        await account.round()
    assert account.caught > 0, "no kill came between an operation's beginning and its end"
    print(f"{account.caught} operations were caught on their way")
    await account.check()
