"""Tasks that come back with the answer to the request that caused them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from google.protobuf.duration_pb2 import Duration
from temporalio.api.command.v1 import Command, ScheduleActivityTaskCommandAttributes
from temporalio.api.common.v1 import ActivityType, WorkflowType
from temporalio.api.enums.v1 import CommandType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import RespondActivityTaskCompletedRequest, StartWorkflowExecutionRequest
from temporalio.client import Client

from history import events_of, names
from raw import RawWorker, complete, new_events, payload


def schedule(task_queue: str, eager: bool) -> Command:
    return Command(
        command_type=CommandType.COMMAND_TYPE_SCHEDULE_ACTIVITY_TASK,
        schedule_activity_task_command_attributes=ScheduleActivityTaskCommandAttributes(
            activity_id="one",
            activity_type=ActivityType(name="Anything"),
            task_queue=TaskQueue(name=task_queue),
            start_to_close_timeout=Duration(seconds=20),
            request_eager_execution=eager,
        ),
    )


@pytest.mark.parametrize("eager", [True, False])
async def test_activity(client: Client, workflow_id: str, task_queue: str, eager: bool) -> None:
    worker = RawWorker(client, task_queue)
    handle = await client.start_workflow("Any", id=workflow_id, task_queue=task_queue)
    answer = await worker.answer(await worker.poll(), schedule(task_queue, eager))
    assert len(answer.activity_tasks) == int(eager)
    if not eager:
        await handle.terminate()
        return
    (activity,) = answer.activity_tasks
    assert (activity.activity_id, activity.activity_type.name, activity.attempt) == ("one", "Anything", 1)
    assert activity.workflow_execution.workflow_id == workflow_id
    completed = RespondActivityTaskCompletedRequest(
        namespace=client.namespace, task_token=activity.task_token, identity="raw"
    )
    completed.result.payloads.append(payload("result"))
    await client.workflow_service.respond_activity_task_completed(completed)
    task = await worker.poll()
    assert names(new_events(task)) == [
        "WorkflowTaskCompleted",
        "ActivityTaskScheduled",
        "ActivityTaskStarted",
        "ActivityTaskCompleted",
        "WorkflowTaskScheduled",
        "WorkflowTaskStarted",
    ]
    await worker.answer(task, complete("done"))
    assert await handle.result() == "done"


async def test_workflow_task(client: Client, workflow_id: str, task_queue: str) -> None:
    """A worker that asks for it gets its next task with the answer, without a poll."""
    worker = RawWorker(client, task_queue)
    handle = await client.start_workflow(
        "Any", id=workflow_id, task_queue=task_queue, task_timeout=timedelta(seconds=20)
    )
    first = await worker.poll()
    answer = await worker.answer(first, new_task=True)
    second = answer.workflow_task
    assert second.task_token
    assert second.previous_started_event_id == first.started_event_id
    assert names(new_events(second)) == ["WorkflowTaskCompleted", "WorkflowTaskScheduled", "WorkflowTaskStarted"]
    await worker.answer(second, complete("done"))
    assert await handle.result() == "done"
    assert len(await events_of(handle)) == 8


async def test_start(client: Client, workflow_id: str, task_queue: str) -> None:
    """The first task comes with the start, and once more to a client that asks again because it heard no answer."""
    worker = RawWorker(client, task_queue)
    request = StartWorkflowExecutionRequest(
        namespace=client.namespace,
        workflow_id=workflow_id,
        workflow_type=WorkflowType(name="Any"),
        task_queue=TaskQueue(name=task_queue),
        request_id="the very same",
        request_eager_execution=True,
    )
    unheard = await client.workflow_service.start_workflow_execution(request)
    assert unheard.eager_workflow_task.task_token
    again = await client.workflow_service.start_workflow_execution(request)
    assert (again.run_id, again.started) == (unheard.run_id, True)
    task = again.eager_workflow_task
    assert (task.attempt, task.previous_started_event_id, task.started_event_id) == (1, 0, 3)
    assert names(task.history.events) == ["WorkflowExecutionStarted", "WorkflowTaskScheduled", "WorkflowTaskStarted"]
    request.request_eager_execution = False
    patient = await client.workflow_service.start_workflow_execution(request)
    assert (patient.run_id, patient.eager_workflow_task.task_token) == (unheard.run_id, b"")
    request.request_eager_execution = True
    await worker.answer(task, complete("done"))
    assert await client.get_workflow_handle(workflow_id).result() == "done"
    late = await client.workflow_service.start_workflow_execution(request)
    assert (late.run_id, late.eager_workflow_task.task_token) == (unheard.run_id, b"")
