"""What is told of a task queue: who polls it, how fast, and what waits there."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta

from google.protobuf.wrappers_pb2 import DoubleValue
from temporalio.api.enums.v1 import DescribeTaskQueueMode, RateLimitSource, TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue, TaskQueueMetadata
from temporalio.api.workflowservice.v1 import (
    DescribeTaskQueueRequest,
    DescribeTaskQueueResponse,
    PollActivityTaskQueueRequest,
)
from temporalio.client import Client

from history import eventually
from raw import RawWorker, complete
from server import BINARY, Server

USUAL_PRIORITY = 3


async def describe(client: Client, task_queue: str, **wanted: object) -> DescribeTaskQueueResponse:
    return await client.workflow_service.describe_task_queue(
        DescribeTaskQueueRequest(namespace=client.namespace, task_queue=TaskQueue(name=task_queue), **wanted)
    )


async def test_backlog_without_a_worker(client: Client, server: Server, workflow_id: str, task_queue: str) -> None:
    """What waits is told in each of the ways to ask, and is gone when it has been taken."""
    for n in range(3):
        await client.start_workflow("Any", id=f"{workflow_id}-{n}", task_queue=task_queue)

    async def waiting() -> DescribeTaskQueueResponse:
        return await describe(client, task_queue, report_stats=True, include_task_queue_status=True)

    told = await eventually(waiting, lambda told: told.stats.approximate_backlog_count == 3)
    assert list(told.pollers) == []
    assert told.stats.approximate_backlog_age.ToNanoseconds() > 0
    assert told.stats.tasks_add_rate > 0
    assert told.stats_by_priority_key[USUAL_PRIORITY].approximate_backlog_count == 3

    mode = DescribeTaskQueueMode.DESCRIBE_TASK_QUEUE_MODE_ENHANCED
    both = (await describe(client, task_queue, api_mode=mode, report_stats=True)).versions_info[""].types_info
    assert both[TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW].stats.approximate_backlog_count == 3
    assert both[TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY].stats.approximate_backlog_count == 0

    command = await asyncio.create_subprocess_exec(
        BINARY, "task-queue", "describe", "--address", server.address, "--task-queue", task_queue, "--output", "json",
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    shown = json.loads((await command.communicate())[0])
    (row,) = [row for row in shown["stats"] if row["taskQueueType"] == "workflow"]
    assert row["approximateBacklogCount"] == 3

    worker = RawWorker(client, task_queue)
    for _ in range(3):
        await worker.answer(await worker.poll(), complete("done"))
    told = await eventually(waiting, lambda told: told.stats.approximate_backlog_count == 0)
    assert told.stats.tasks_dispatch_rate > 0
    assert [poller.identity for poller in told.pollers] == ["raw"]


async def test_limit_of_the_workers(client: Client, task_queue: str) -> None:
    """The limit that came with the last poll is the queue's, and is told with its source."""
    poll = PollActivityTaskQueueRequest(
        namespace=client.namespace,
        task_queue=TaskQueue(name=task_queue),
        identity="raw",
        task_queue_metadata=TaskQueueMetadata(max_tasks_per_second=DoubleValue(value=2.5)),
    )
    waiting = asyncio.create_task(
        client.workflow_service.poll_activity_task_queue(poll, timeout=timedelta(seconds=10))
    )

    async def described() -> DescribeTaskQueueResponse:
        kind = TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY
        return await describe(client, task_queue, task_queue_type=kind, report_config=True)

    told = await eventually(described, lambda told: len(told.pollers) == 1)
    waiting.cancel()
    assert told.pollers[0].rate_per_second == 2.5
    assert told.effective_rate_limit.requests_per_second == 2.5
    assert told.effective_rate_limit.rate_limit_source == RateLimitSource.RATE_LIMIT_SOURCE_WORKER
