"""What every test gets: one server in memory, a client, and workers on queues of their own."""

from __future__ import annotations

import asyncio
import functools
import inspect
import signal
import sys
import uuid
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio
from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest
from temporalio.client import Client
from temporalio.common import SearchAttributeIndexedValueType
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

import attributes
from server import BINARY, Server

pytest.register_assert_rewrite("history")

# Reached only when something is stuck: the slowest ordinary test takes a few seconds.
TEST_SECONDS = 30

Working = Callable[..., AbstractAsyncContextManager[str]]


def pytest_configure(config: pytest.Config) -> None:
    """Refuses to run without a binary; lets fixtures end their processes when the run is told to stop."""
    if not BINARY.is_file():
        pytest.exit(f"no server binary at '{BINARY}': build it, or name another one in PERDURE_BIN", returncode=2)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Gives every test an end: what a server never answers fails that test, and the others still run."""
    for item in items:
        if isinstance(item, pytest.Function) and inspect.iscoroutinefunction(item.obj):
            marker = item.get_closest_marker("ends_within")
            item.obj = _ending(item.obj, seconds=marker.args[0] if marker else TEST_SECONDS)


def _ending(test: Callable[..., Any], seconds: float) -> Callable[..., Any]:
    @functools.wraps(test)
    async def run(*args: Any, **kwargs: Any) -> None:
        async with asyncio.timeout(seconds):
            await test(*args, **kwargs)

    return run


def pytest_report_header() -> str:
    return f"server: {BINARY}"


@pytest_asyncio.fixture(scope="session")
async def server() -> AsyncIterator[Server]:
    """The server in memory that the tests share. Tests that end their server start one of their own."""
    server = Server()
    await server.start()
    try:
        await _register_search_attributes(await Client.connect(server.address))
        yield server
    finally:
        server.stop()


async def _register_search_attributes(client: Client) -> None:
    types: dict[str, IndexedValueType.ValueType] = {}
    for key in attributes.ALL:
        types[key.name] = _indexed_value_type(key.indexed_value_type)
    await client.operator_service.add_search_attributes(
        AddSearchAttributesRequest(namespace=client.namespace, search_attributes=types)
    )


def _indexed_value_type(kind: SearchAttributeIndexedValueType) -> IndexedValueType.ValueType:
    return IndexedValueType.Value(f"INDEXED_VALUE_TYPE_{kind.name}")


@pytest_asyncio.fixture(scope="session")
async def client(server: Server) -> Client:
    return await Client.connect(server.address)


@pytest.fixture
def unique(request: pytest.FixtureRequest) -> Callable[[], str]:
    """New ids that carry the test's name."""
    return lambda: f"{request.node.name}-{uuid.uuid4().hex[:8]}"


@pytest.fixture
def workflow_id(unique: Callable[[], str]) -> str:
    return unique()


@pytest.fixture
def task_queue(unique: Callable[[], str]) -> str:
    """The queue that `working` serves unless told otherwise."""
    return unique()


@pytest.fixture
def working(client: Client, task_queue: str) -> Working:
    """`async with working(SomeWorkflow, activities=[…]):` serves the test's task queue meanwhile.

    Workflows run outside the SDK's sandbox, which has no part in what crosses the wire; `test_transfer.py` runs them
    inside.
    """

    @asynccontextmanager
    async def run(
        *workflows: type, activities: Sequence[Callable[..., Any]] = (), **options: Any
    ) -> AsyncIterator[str]:
        options.setdefault("task_queue", task_queue)
        options.setdefault("workflow_runner", UnsandboxedWorkflowRunner())
        # An activity hears of its cancellation by the answer to a heartbeat; the SDK's default holds most of them back.
        options.setdefault("max_heartbeat_throttle_interval", timedelta(milliseconds=100))
        async with Worker(options.pop("client", client), workflows=workflows, activities=activities, **options):
            yield options["task_queue"]

    return run
