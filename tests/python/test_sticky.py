"""Sticky queues: a worker that remembers gets only what is new, for as long as it is there."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

import pytest
from temporalio.api.command.v1 import Command
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import TaskQueueKind, TimeoutType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import (
    DescribeTaskQueueRequest,
    PollWorkflowTaskQueueResponse,
    ResetStickyTaskQueueRequest,
)
from temporalio.client import Client, WorkflowHandle

from history import events_of, eventually, names, only
from raw import RawWorker, complete, new_events

NEWS = ["WorkflowExecutionSignaled", "WorkflowTaskScheduled", "WorkflowTaskStarted"]


@pytest.fixture
async def remembered(client: Client, workflow_id: str, task_queue: str) -> WorkflowHandle:
    """A workflow whose first task was answered by a worker that will remember it for 600 ms."""
    handle = await client.start_workflow("Any", id=workflow_id, task_queue=task_queue)
    worker = RawWorker(client, task_queue)
    await worker.answer(await worker.poll(), sticky=f"{task_queue}-sticky")
    return handle


class Rememberer:
    """The worker that remembers, on its own queue."""

    def __init__(self, client: Client, task_queue: str) -> None:
        self.queue = TaskQueue(
            name=f"{task_queue}-sticky", kind=TaskQueueKind.TASK_QUEUE_KIND_STICKY, normal_name=task_queue
        )
        self._client = client
        self._worker = RawWorker(client, self.queue.name, normal=task_queue)

    async def task_after(self, signal: Awaitable[None]) -> PollWorkflowTaskQueueResponse:
        """What comes of a signal that is sent when this worker is known to wait."""
        waiting = asyncio.create_task(self._worker.poll())
        request = DescribeTaskQueueRequest(namespace=self._client.namespace, task_queue=self.queue)

        async def known() -> int:
            return len((await self._client.workflow_service.describe_task_queue(request)).pollers)

        await eventually(known)
        await signal
        return await waiting

    async def answer(self, task: PollWorkflowTaskQueueResponse, *commands: Command) -> None:
        await self._worker.answer(task, *commands, sticky=self.queue.name)


async def test_only_what_is_new(client: Client, remembered: WorkflowHandle, task_queue: str) -> None:
    worker = Rememberer(client, task_queue)
    task = await worker.task_after(remembered.signal("news"))
    assert task.previous_started_event_id == 3
    assert names(task.history.events) == ["WorkflowTaskCompleted", *NEWS]
    await worker.answer(task, complete("done"))
    assert await remembered.result() == "done"


async def test_gone_unnoticed(client: Client, remembered: WorkflowHandle, task_queue: str) -> None:
    """The task waits in vain for a worker that was just there, and then goes to the common queue, with all history."""
    first = Rememberer(client, task_queue)
    await first.answer(await first.task_after(remembered.signal("news")))
    await remembered.signal("more news")
    second = RawWorker(client, task_queue)
    task = await second.poll()
    assert task.history.events[0].event_id == 1
    assert names(new_events(task)) == [
        "WorkflowTaskCompleted",
        "WorkflowExecutionSignaled",
        "WorkflowTaskScheduled",
        "WorkflowTaskTimedOut",
        "WorkflowTaskScheduled",
        "WorkflowTaskStarted",
    ]
    await second.answer(task, complete("done"))
    timed_out = only(await events_of(remembered), "WorkflowTaskTimedOut").workflow_task_timed_out_event_attributes
    assert timed_out.timeout_type == TimeoutType.TIMEOUT_TYPE_SCHEDULE_TO_START


async def test_known_to_be_gone(client: Client, remembered: WorkflowHandle, task_queue: str) -> None:
    """Nobody has asked for tasks of that queue lately, so nothing waits for somebody who might."""
    await remembered.signal("news")
    worker = RawWorker(client, task_queue)
    task = await worker.poll()
    assert task.history.events[0].event_id == 1
    assert names(new_events(task)) == ["WorkflowTaskCompleted", *NEWS]
    await worker.answer(task, complete("done"))


async def test_reset(client: Client, remembered: WorkflowHandle, task_queue: str) -> None:
    """Nothing is sent to a worker that is known to have forgotten."""
    await client.workflow_service.reset_sticky_task_queue(
        ResetStickyTaskQueueRequest(namespace=client.namespace, execution=WorkflowExecution(workflow_id=remembered.id))
    )
    await remembered.signal("news")
    worker = RawWorker(client, task_queue)
    task = await worker.poll()
    assert names(new_events(task)) == ["WorkflowTaskCompleted", *NEWS]
    await worker.answer(task, complete("done"))
    assert await remembered.result() == "done"
