"""A worker made of bare RPCs, for what the SDK's own worker never lets one hold in one's hand: an open task."""

from __future__ import annotations

from collections.abc import Sequence

from google.protobuf.duration_pb2 import Duration
from temporalio.api.command.v1 import (
    Command,
    CompleteWorkflowExecutionCommandAttributes,
    ContinueAsNewWorkflowExecutionCommandAttributes,
)
from temporalio.api.common.v1 import Payload, WorkflowType
from temporalio.api.enums.v1 import CommandType, TaskQueueKind
from temporalio.api.protocol.v1 import Message
from temporalio.api.taskqueue.v1 import StickyExecutionAttributes, TaskQueue
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


def continue_as_new(workflow_type: str) -> Command:
    return Command(
        command_type=CommandType.COMMAND_TYPE_CONTINUE_AS_NEW_WORKFLOW_EXECUTION,
        continue_as_new_workflow_execution_command_attributes=ContinueAsNewWorkflowExecutionCommandAttributes(
            workflow_type=WorkflowType(name=workflow_type)
        ),
    )


class RawWorker:
    """Takes workflow tasks of one queue and answers them with the commands it is given."""

    def __init__(self, client: Client, task_queue: str, normal: str | None = None) -> None:
        """With `normal`, the queue is a worker's own, and that is the common one beside it."""
        self._client = client
        self._task_queue = TaskQueue(name=task_queue)
        if normal:
            self._task_queue = TaskQueue(name=task_queue, kind=TaskQueueKind.TASK_QUEUE_KIND_STICKY, normal_name=normal)

    async def poll(self) -> PollWorkflowTaskQueueResponse:
        """The next workflow task, however many long polls that takes."""
        while True:
            task = await self._client.workflow_service.poll_workflow_task_queue(
                PollWorkflowTaskQueueRequest(
                    namespace=self._client.namespace, task_queue=self._task_queue, identity="raw"
                )
            )
            if task.task_token:
                return task

    async def answer(
        self,
        task: PollWorkflowTaskQueueResponse,
        *commands: Command,
        new_task: bool = False,
        sticky: str | None = None,
        messages: Sequence[Message] = (),
        return_new: bool = False,
    ) -> RespondWorkflowTaskCompletedResponse:
        """With `sticky`, later tasks are to go to the worker's own queue of that name, for 600 ms each."""
        return await self._client.workflow_service.respond_workflow_task_completed(
            RespondWorkflowTaskCompletedRequest(
                namespace=self._client.namespace,
                task_token=task.task_token,
                identity="raw",
                commands=commands,
                messages=messages,
                return_new_workflow_task=new_task or return_new,
                force_create_new_workflow_task=new_task,
                sticky_attributes=sticky
                and StickyExecutionAttributes(
                    worker_task_queue=TaskQueue(name=sticky),
                    schedule_to_start_timeout=Duration(nanos=600_000_000),
                ),
            )
        )


def new_events(task: PollWorkflowTaskQueueResponse) -> Sequence:
    """The events of a task's history behind those that the previous task had."""
    return [event for event in task.history.events if event.event_id > task.previous_started_event_id]
