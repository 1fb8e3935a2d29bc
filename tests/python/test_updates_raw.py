"""Updates as their worker sees them: a task that only brings updates is not in the history until something comes of it."""

from __future__ import annotations

import asyncio

import pytest
from temporalio.api.update.v1 import Request
from temporalio.client import Client, WorkflowHandle
from temporalio.service import RPCError, RPCStatusCode

from history import events_of, names
from raw import RawWorker, complete, continue_as_new
from updates import ACCEPTED, COMPLETED, IDLE, TASK, accept, admitted, reject, stage, unpack, update


async def begun(client: Client, workflow_id: str, task_queue: str) -> tuple[RawWorker, WorkflowHandle]:
    """A run whose first task waits, and its worker."""
    handle = await client.start_workflow("Raw", id=workflow_id, task_queue=task_queue)
    return RawWorker(client, task_queue), handle


async def idle(client: Client, workflow_id: str, task_queue: str) -> tuple[RawWorker, WorkflowHandle]:
    """A run that has had its first task, and its worker."""
    worker, handle = await begun(client, workflow_id, task_queue)
    await worker.answer(await worker.poll())
    return worker, handle


async def test_an_update_goes_on_in_the_next_run(client: Client, workflow_id: str, task_queue: str) -> None:
    """Admitted while a worker continues as new: the next run has it, at the latest when the client asks again."""
    worker, handle = await begun(client, workflow_id, task_queue)
    task = await worker.poll()
    waiting = asyncio.create_task(update(handle, "u", "add", 1, retry=True))
    await admitted(handle, "u")
    await worker.answer(task, continue_as_new("Raw"))
    task = await worker.poll()
    assert task.workflow_execution.run_id != handle.first_execution_run_id
    if not task.messages:
        # Where the update comes a moment after the first task, it has one of its own.
        await worker.answer(task)
        task = await worker.poll()
    assert [message.id for message in task.messages] == ["u/request"]
    await worker.answer(task, messages=accept(task, "u", done="1"))
    answer = await waiting
    assert answer.update_ref.workflow_execution.run_id == task.workflow_execution.run_id
    assert answer.outcome.success.payloads[0].data == b'"1"'


async def test_a_close_ends_what_was_not_accepted(client: Client, workflow_id: str, task_queue: str) -> None:
    worker, handle = await begun(client, workflow_id, task_queue)
    task = await worker.poll()
    waiting = asyncio.create_task(update(handle, "u", "add", 1))
    await admitted(handle, "u")
    await worker.answer(task, complete("done"))
    with pytest.raises(RPCError) as refusal:
        await waiting
    assert refusal.value.status == RPCStatusCode.NOT_FOUND
    assert refusal.value.message == "workflow update was aborted by closing workflow"


async def test_what_a_worker_is_sent(client: Client, workflow_id: str, task_queue: str) -> None:
    """A task that only brings updates is not in the history until something comes of it."""
    worker, handle = await idle(client, workflow_id, task_queue)
    first, second = (asyncio.create_task(update(handle, one, "add", 1)) for one in ("a", "b"))
    await admitted(handle, "a")
    await admitted(handle, "b")
    task = await worker.poll()
    assert names(task.history.events) == [*IDLE, "WorkflowTaskScheduled", "WorkflowTaskStarted"]
    assert {message.protocol_instance_id for message in task.messages} == {"a", "b"}
    assert {message.event_id for message in task.messages} == {task.started_event_id - 1}
    bodies = {message.protocol_instance_id: unpack(message, Request()) for message in task.messages}
    assert bodies["a"].input.name == "add" and bodies["a"].meta.update_id == "a"
    response = await worker.answer(task, messages=[reject(task, "a"), reject(task, "b")])
    assert response.reset_history_event_id == 3
    for answer in (await first, await second):
        assert answer.outcome.failure.message == "no"
        assert answer.link.workflow.reason == "Update rejected"
    assert names(await events_of(handle)) == IDLE


async def test_a_signal_makes_it_an_ordinary_task(client: Client, workflow_id: str, task_queue: str) -> None:
    worker, handle = await idle(client, workflow_id, task_queue)
    waiting = asyncio.create_task(update(handle, "u", "add", 1))
    await admitted(handle, "u")
    await handle.signal("go")
    task = await worker.poll()
    signaled = [*IDLE, "WorkflowTaskScheduled", "WorkflowExecutionSignaled", "WorkflowTaskStarted"]
    assert names(task.history.events) == signaled
    await worker.answer(task, messages=[reject(task, "u")])
    assert (await waiting).outcome.failure.message == "no"
    assert names(await events_of(handle)) == [*signaled, "WorkflowTaskCompleted"]


async def test_a_signal_while_the_worker_decides(client: Client, workflow_id: str, task_queue: str) -> None:
    worker, handle = await idle(client, workflow_id, task_queue)
    waiting = asyncio.create_task(update(handle, "u", "add", 1))
    task = await worker.poll()
    await handle.signal("go")
    await worker.answer(task, messages=[reject(task, "u")])
    assert (await waiting).outcome.failure.message == "no"
    assert names(await events_of(handle)) == [*IDLE, *TASK, "WorkflowExecutionSignaled", "WorkflowTaskScheduled"]


async def test_an_update_that_nobody_takes_is_kept(client: Client, workflow_id: str, task_queue: str) -> None:
    """For five seconds its task is in memory alone; then it stands in the history."""
    worker, handle = await idle(client, workflow_id, task_queue)
    waiting = asyncio.create_task(update(handle, "u", "add", 1))
    await admitted(handle, "u")
    await asyncio.sleep(6)
    task = await worker.poll()
    await worker.answer(task, messages=accept(task, "u", done="1"))
    assert (await waiting).outcome.success.payloads[0].data == b'"1"'
    timed_out = ["WorkflowTaskScheduled", "WorkflowTaskTimedOut"]
    assert names(await events_of(handle)) == [*IDLE, *timed_out, *TASK, ACCEPTED, COMPLETED]


async def test_an_update_that_comes_while_a_worker_decides(client: Client, workflow_id: str, task_queue: str) -> None:
    worker, handle = await begun(client, workflow_id, task_queue)
    task = await worker.poll()
    waiting = asyncio.create_task(update(handle, "u", "add", 1))
    await admitted(handle, "u")
    response = await worker.answer(task, return_new=True)
    task = response.workflow_task
    assert [message.id for message in task.messages] == ["u/request"]
    assert names(await events_of(handle))[:4] == IDLE
    await worker.answer(task, messages=accept(task, "u", done="1"))
    assert (await waiting).stage == stage("COMPLETED")
    assert names(await events_of(handle)) == [*IDLE, *TASK, ACCEPTED, COMPLETED]


async def test_a_worker_that_knows_no_updates(client: Client, workflow_id: str, task_queue: str) -> None:
    worker, handle = await idle(client, workflow_id, task_queue)
    waiting = asyncio.create_task(update(handle, "u", "add", 1))
    task = await worker.poll()
    assert task.messages
    await worker.answer(task)
    failure = (await waiting).outcome.failure
    assert failure.application_failure_info.type == "UnprocessedUpdate"
    assert names(await events_of(handle)) == IDLE


async def test_bad_messages_fail_the_task(client: Client, workflow_id: str, task_queue: str) -> None:
    worker, handle = await idle(client, workflow_id, task_queue)
    waiting = asyncio.create_task(update(handle, "u", "add", 1))
    task = await worker.poll()
    with pytest.raises(RPCError) as bad:
        await worker.answer(task, messages=accept(task, "u", done="1")[1:])
    text = (
        "BadUpdateWorkflowExecutionMessage: invalid state transition attempted for Update u: "
        "received *update.Response message while in state Sent"
    )
    assert (bad.value.status, bad.value.message) == (RPCStatusCode.INVALID_ARGUMENT, text)
    with pytest.raises(RPCError) as refusal:
        await waiting
    assert refusal.value.status == RPCStatusCode.FAILED_PRECONDITION
    assert refusal.value.message == (
        "Unable to perform workflow execution update due to unexpected workflow task failure."
    )
    events = await events_of(handle)
    assert names(events)[:7] == [*IDLE, "WorkflowTaskScheduled", "WorkflowTaskStarted", "WorkflowTaskFailed"]
    assert events[6].workflow_task_failed_event_attributes.failure.message == text
