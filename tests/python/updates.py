"""Updates as bare RPCs: what a client sends, and what a worker says of them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.message import Message as ProtoMessage
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import UpdateWorkflowExecutionLifecycleStage as Stage
from temporalio.api.failure.v1 import Failure
from temporalio.api.protocol.v1 import Message
from temporalio.api.update.v1 import (
    Acceptance,
    Input,
    Meta,
    Outcome,
    Rejection,
    Request,
    Response,
    UpdateRef,
    WaitPolicy,
)
from temporalio.api.workflowservice.v1 import (
    PollWorkflowExecutionUpdateRequest,
    PollWorkflowExecutionUpdateResponse,
    PollWorkflowTaskQueueResponse,
    UpdateWorkflowExecutionRequest,
    UpdateWorkflowExecutionResponse,
)
from temporalio.client import WorkflowHandle
from temporalio.service import RPCError, RPCStatusCode

from raw import payload

IDLE = ["WorkflowExecutionStarted", "WorkflowTaskScheduled", "WorkflowTaskStarted", "WorkflowTaskCompleted"]
TASK = ["WorkflowTaskScheduled", "WorkflowTaskStarted", "WorkflowTaskCompleted"]
ACCEPTED = "WorkflowExecutionUpdateAccepted"
COMPLETED = "WorkflowExecutionUpdateCompleted"


def stage(name: str) -> Stage.ValueType:
    return Stage.Value(f"UPDATE_WORKFLOW_EXECUTION_LIFECYCLE_STAGE_{name}")


async def poll(
    handle: WorkflowHandle, update_id: str, wait: str = "UNSPECIFIED"
) -> PollWorkflowExecutionUpdateResponse:
    client = handle._client
    return await client.workflow_service.poll_workflow_execution_update(
        PollWorkflowExecutionUpdateRequest(
            namespace=client.namespace,
            update_ref=UpdateRef(
                workflow_execution=WorkflowExecution(workflow_id=handle.id, run_id=handle.first_execution_run_id or ""),
                update_id=update_id,
            ),
            wait_policy=WaitPolicy(lifecycle_stage=stage(wait)),
        ),
        retry=True,
    )


async def admitted(handle: WorkflowHandle, update_id: str) -> None:
    """Returns when the server knows the update."""
    while True:
        try:
            await poll(handle, update_id)
        except RPCError as error:
            if error.status != RPCStatusCode.NOT_FOUND:
                raise
            await asyncio.sleep(0.01)
            continue
        return


async def update(
    handle: WorkflowHandle,
    update_id: str,
    name: str,
    number: int,
    timeout: float | None = None,
    retry: bool = False,
) -> UpdateWorkflowExecutionResponse:
    request = Request(meta=Meta(update_id=update_id), input=Input(name=name))
    request.input.args.payloads.add(metadata={"encoding": b"json/plain"}, data=str(number).encode())
    return await send(handle, request, stage("COMPLETED"), timeout, retry)


async def send(
    handle: WorkflowHandle,
    request: Request,
    wait: Stage.ValueType,
    timeout: float | None = None,
    retry: bool = False,
) -> UpdateWorkflowExecutionResponse:
    client = handle._client
    return await client.workflow_service.update_workflow_execution(
        UpdateWorkflowExecutionRequest(
            namespace=client.namespace,
            workflow_execution=WorkflowExecution(workflow_id=handle.id),
            request=request,
            wait_policy=WaitPolicy(lifecycle_stage=wait),
        ),
        timeout=timeout and timedelta(seconds=timeout),
        retry=retry,
    )


def message(update_id: str, kind: str, body: ProtoMessage) -> Message:
    packed = AnyMessage()
    packed.Pack(body)
    return Message(id=f"{update_id}/{kind}", protocol_instance_id=update_id, body=packed)


def unpack(message: Message, body: Any) -> Any:
    assert message.body.Unpack(body)
    return body


def accept(task: PollWorkflowTaskQueueResponse, update_id: str, done: str) -> Sequence[Message]:
    """The worker accepts the update and has done it."""
    acceptance = Acceptance(
        accepted_request_message_id=f"{update_id}/request",
        accepted_request_sequencing_event_id=task.started_event_id - 1,
    )
    response = Response(meta=Meta(update_id=update_id), outcome=Outcome())
    response.outcome.success.payloads.append(payload(done))
    return [message(update_id, "acceptance", acceptance), message(update_id, "response", response)]


def reject(task: PollWorkflowTaskQueueResponse, update_id: str) -> Message:
    rejection = Rejection(
        rejected_request_message_id=f"{update_id}/request",
        rejected_request_sequencing_event_id=task.started_event_id - 1,
        failure=Failure(message="no"),
    )
    return message(update_id, "rejection", rejection)
