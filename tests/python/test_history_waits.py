"""Waiting for events: where a page ends that waited in vain."""

from __future__ import annotations

from datetime import timedelta

from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import (
    GetWorkflowExecutionHistoryRequest,
    GetWorkflowExecutionHistoryResponse,
    RespondWorkflowTaskFailedRequest,
)
from temporalio.client import Client

from history import names
from raw import RawWorker, complete

# Waits end a second before their caller's patience does.
PATIENCE = timedelta(milliseconds=1500)
FAILED = ["WorkflowExecutionStarted", "WorkflowTaskScheduled", "WorkflowTaskStarted", "WorkflowTaskFailed"]
ATTEMPT = ["WorkflowTaskScheduled", "WorkflowTaskStarted"]


async def test_while_another_attempt_runs(client: Client, workflow_id: str, task_queue: str) -> None:
    """An attempt after a failure is shown where somebody looks, but it is no news to wait for: it may leave no trace."""

    async def page(token: bytes, waits: bool) -> GetWorkflowExecutionHistoryResponse:
        request = GetWorkflowExecutionHistoryRequest(
            namespace=client.namespace,
            execution=WorkflowExecution(workflow_id=workflow_id),
            wait_new_event=waits,
            next_page_token=token,
        )
        return await client.workflow_service.get_workflow_execution_history(request, timeout=PATIENCE)

    worker = RawWorker(client, task_queue)
    handle = await client.start_workflow("Any", id=workflow_id, task_queue=task_queue)
    failed = RespondWorkflowTaskFailedRequest(namespace=client.namespace, task_token=(await worker.poll()).task_token)
    await client.workflow_service.respond_workflow_task_failed(failed)
    attempt = await worker.poll()
    assert attempt.attempt == 2
    looked = await page(b"", waits=False)
    assert names(looked.history.events) == [*FAILED, *ATTEMPT]
    first = await page(b"", waits=True)
    assert names(first.history.events)[:4] == FAILED
    waited = await page(first.next_page_token, waits=True)
    assert names(waited.history.events) == []
    assert waited.next_page_token
    await worker.answer(attempt, complete("done"))
    last = await page(waited.next_page_token, waits=True)
    assert names(last.history.events) == [*ATTEMPT, "WorkflowTaskCompleted", "WorkflowExecutionCompleted"]
    assert last.next_page_token == b""
    assert await handle.result() == "done"
