"""Namespaces: made, described, changed, kept apart, deleted; and the custom search attributes of one."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from google.protobuf.duration_pb2 import Duration
from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.namespace.v1 import NamespaceConfig, UpdateNamespaceInfo
from temporalio.api.operatorservice.v1 import (
    AddSearchAttributesRequest,
    DeleteNamespaceRequest,
    ListSearchAttributesRequest,
    RemoveSearchAttributesRequest,
)
from temporalio.api.workflowservice.v1 import (
    DescribeNamespaceRequest,
    DescribeNamespaceResponse,
    ListNamespacesRequest,
    RegisterNamespaceRequest,
    UpdateNamespaceRequest,
)
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from history import eventually
from server import Server

DAY = 24 * 60 * 60


@pytest.fixture
async def namespace(client: Client, unique: Callable[[], str]) -> str:
    name = unique().replace("_", "-")
    await client.workflow_service.register_namespace(
        RegisterNamespaceRequest(
            namespace=name,
            description="for a test",
            owner_email="owner@example.com",
            workflow_execution_retention_period=Duration(seconds=3 * DAY),
            data={"team": "blue"},
        )
    )

    async def known() -> bool:
        try:
            await Client.connect(client.service_client.config.target_host, namespace=name)
            await describe(client, name)
        except RPCError as missing:
            assert missing.status == RPCStatusCode.NOT_FOUND
            return False
        return True

    await eventually(known)
    return name


async def describe(client: Client, namespace: str) -> DescribeNamespaceResponse:
    return await client.workflow_service.describe_namespace(DescribeNamespaceRequest(namespace=namespace))


async def test_described_as_registered(client: Client, namespace: str) -> None:
    described = await describe(client, namespace)
    info = described.namespace_info
    assert (info.name, info.description, info.owner_email) == (namespace, "for a test", "owner@example.com")
    assert dict(info.data) == {"team": "blue"}
    assert described.config.workflow_execution_retention_ttl.seconds == 3 * DAY
    by_id = await client.workflow_service.describe_namespace(DescribeNamespaceRequest(id=info.id))
    assert by_id.namespace_info == info


async def test_updated(client: Client, namespace: str) -> None:
    await client.workflow_service.update_namespace(
        UpdateNamespaceRequest(
            namespace=namespace,
            update_info=UpdateNamespaceInfo(description="for another", data={"shift": "night"}),
            config=NamespaceConfig(workflow_execution_retention_ttl=Duration(seconds=5 * DAY)),
        )
    )
    described = await describe(client, namespace)
    assert described.namespace_info.description == "for another"
    assert dict(described.namespace_info.data) == {"team": "blue", "shift": "night"}
    assert described.config.workflow_execution_retention_ttl.seconds == 5 * DAY


async def test_listed_once(client: Client, namespace: str) -> None:
    found: list[str] = []
    request = ListNamespacesRequest(page_size=2)
    while True:
        answer = await client.workflow_service.list_namespaces(request)
        found += [listed.namespace_info.name for listed in answer.namespaces]
        if not answer.next_page_token:
            break
        request.next_page_token = answer.next_page_token
    assert (found.count(namespace), found.count("default")) == (1, 1)


async def test_taken_and_unknown(client: Client, namespace: str) -> None:
    again = RegisterNamespaceRequest(namespace=namespace, workflow_execution_retention_period=Duration(seconds=DAY))
    with pytest.raises(RPCError) as taken:
        await client.workflow_service.register_namespace(again)
    assert taken.value.status == RPCStatusCode.ALREADY_EXISTS
    with pytest.raises(RPCError) as unknown:
        await describe(client, "nowhere")
    assert (unknown.value.status, unknown.value.message) == (
        RPCStatusCode.NOT_FOUND,
        "Namespace nowhere is not found.",
    )


async def test_kept_apart(server: Server, client: Client, namespace: str, workflow_id: str) -> None:
    """One id in two namespaces is two workflows."""
    other = await Client.connect(server.address, namespace=namespace)
    here = await client.start_workflow("Here", id=workflow_id, task_queue="nobody-listens")
    there = await other.start_workflow("There", id=workflow_id, task_queue="nobody-listens")
    assert here.first_execution_run_id != there.first_execution_run_id
    assert (await here.describe()).workflow_type == "Here"
    assert (await there.describe()).workflow_type == "There"
    await there.terminate()
    with pytest.raises(RPCError):
        await there.terminate()
    await here.terminate()


async def test_search_attributes_of_its_own(client: Client, namespace: str) -> None:
    operator = client.operator_service
    added = AddSearchAttributesRequest(
        namespace=namespace, search_attributes={"Colour": IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD}
    )
    await operator.add_search_attributes(added)
    listing = ListSearchAttributesRequest(namespace=namespace)
    listed = await operator.list_search_attributes(listing)
    assert dict(listed.custom_attributes) == {"Colour": IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD}
    assert listed.system_attributes["WorkflowId"] == IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD
    await operator.remove_search_attributes(
        RemoveSearchAttributesRequest(namespace=namespace, search_attributes=["Colour"])
    )
    assert not dict((await operator.list_search_attributes(listing)).custom_attributes)


async def test_deleted(client: Client, namespace: str) -> None:
    answer = await client.operator_service.delete_namespace(DeleteNamespaceRequest(namespace=namespace))
    assert answer.deleted_namespace.startswith(namespace)

    async def gone() -> bool:
        try:
            await describe(client, namespace)
        except RPCError as missing:
            return missing.status == RPCStatusCode.NOT_FOUND
        return False

    await eventually(gone)
