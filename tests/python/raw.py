"""A worker made of bare RPCs, for what the SDK's own worker never lets one hold in one's hand: an open task."""

from __future__ import annotations

from collections.abc import Sequence

from temporalio.api.command.v1 import Command, CompleteWorkflowExecutionCommandAttributes
from temporalio.api.common.v1 import Payload
from temporalio.api.enums.v1 import CommandType
from temporalio.api.query.v1 import WorkflowQueryResult
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import (
    PollWorkflowTaskQueueRequest,
    PollWorkflowTaskQueueResponse,
    RespondWorkflowTaskCompletedRequest,
    RespondWorkflowTaskCompletedResponse,
)
from temporalio.client import Client


def payload(data: str) -> Payload:
    return Payload(metadata={"encoding": b"json/plain"}, data=f'"{data}"'.encode())


def complete(result: str) -> Command:
    command = Command(
        command_type=CommandType.COMMAND_TYPE_COMPLETE_WORKFLOW_EXECUTION,
        complete_workflow_execution_command_attributes=CompleteWorkflowExecutionCommandAttributes(),
    )
    command.complete_workflow_execution_command_attributes.result.payloads.append(payload(result))
    return command


class RawWorker:
    """Takes workflow tasks of one queue and answers them with the commands it is given."""

    def __init__(self, client: Client, task_queue: str) -> None:
        self._client = client
        self._task_queue = task_queue

    async def poll(self) -> PollWorkflowTaskQueueResponse:
        """The next workflow task, however many long polls that takes."""
        while True:
            task = await self._client.workflow_service.poll_workflow_task_queue(
                PollWorkflowTaskQueueRequest(
                    namespace=self._client.namespace, task_queue=TaskQueue(name=self._task_queue), identity="raw"
                )
            )
            if task.task_token:
                return task

    async def answer(
        self,
        task: PollWorkflowTaskQueueResponse,
        *commands: Command,
        new_task: bool = False,
        query_results: dict[str, WorkflowQueryResult] | None = None,
    ) -> RespondWorkflowTaskCompletedResponse:
        return await self._client.workflow_service.respond_workflow_task_completed(
            RespondWorkflowTaskCompletedRequest(
                namespace=self._client.namespace,
                task_token=task.task_token,
                identity="raw",
                commands=commands,
                return_new_workflow_task=new_task,
                force_create_new_workflow_task=new_task,
                query_results=query_results,
            )
        )


def new_events(task: PollWorkflowTaskQueueResponse) -> Sequence:
    """The events of a task's history behind those that the previous task had."""
    return [event for event in task.history.events if event.event_id > task.previous_started_event_id]
