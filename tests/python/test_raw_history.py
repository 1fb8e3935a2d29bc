"""Histories in their raw form, for clients that decode them themselves."""

from __future__ import annotations

from temporalio.api.common.v1 import DataBlob, WorkflowExecution
from temporalio.api.enums.v1 import EncodingType, HistoryEventFilterType
from temporalio.api.history.v1 import History
from temporalio.api.workflowservice.v1 import GetWorkflowExecutionHistoryRequest
from temporalio.client import Client

from history import names
from server import Server


def events(blobs: list[DataBlob]) -> list[list[str]]:
    """The events of each batch."""
    assert all(blob.encoding_type == EncodingType.ENCODING_TYPE_PROTO3 for blob in blobs)
    return [names(History.FromString(blob.data).events) for blob in blobs]


async def test_where_the_setting_asks_for_them(workflow_id: str, task_queue: str) -> None:
    server = Server(settings=["frontend.sendRawWorkflowHistory=true"])
    await server.start()
    try:
        client = await Client.connect(server.address)
        handle = await client.start_workflow("Any", id=workflow_id, task_queue=task_queue)
        await handle.terminate("over")
        request = GetWorkflowExecutionHistoryRequest(
            namespace="default", execution=WorkflowExecution(workflow_id=workflow_id)
        )
        whole = await client.workflow_service.get_workflow_execution_history(request)
        assert not whole.history.events
        assert events(list(whole.raw_history)) == [
            ["WorkflowExecutionStarted", "WorkflowTaskScheduled"],
            ["WorkflowExecutionTerminated"],
        ]
        request.history_event_filter_type = HistoryEventFilterType.HISTORY_EVENT_FILTER_TYPE_CLOSE_EVENT
        end = await client.workflow_service.get_workflow_execution_history(request)
        assert events(list(end.raw_history)) == [["WorkflowExecutionTerminated"]]
    finally:
        server.stop()
