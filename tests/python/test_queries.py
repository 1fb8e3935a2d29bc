"""Queries: an answer as of now, from whichever worker is there."""

from __future__ import annotations

from datetime import timedelta

import pytest
from temporalio import workflow
from temporalio.api.common.v1 import WorkflowType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import StartWorkflowExecutionRequest
from temporalio.client import (
    Client,
    WorkflowExecutionStatus,
    WorkflowQueryFailedError,
    WorkflowQueryRejectedError,
)
from temporalio.common import QueryRejectCondition
from temporalio.service import RPCError, RPCStatusCode

from conftest import Working
from history import events_of, names
from raw import RawWorker


@workflow.defn
class Counter:
    def __init__(self) -> None:
        self._count = 0
        self._closed = False

    @workflow.signal
    def add(self, many: int) -> None:
        self._count += many

    @workflow.signal
    def close(self) -> None:
        self._closed = True

    @workflow.query
    def count(self) -> int:
        return self._count

    @workflow.query
    def plus(self, many: int) -> int:
        return self._count + many

    @workflow.query
    def broken(self) -> None:
        raise ValueError("no answer")

    @workflow.run
    async def run(self) -> int:
        await workflow.wait_condition(lambda: self._closed)
        return self._count


async def test_sees_what_was_acknowledged(client: Client, working: Working, workflow_id: str) -> None:
    async with working(Counter) as queue:
        handle = await client.start_workflow(Counter.run, id=workflow_id, task_queue=queue)
        assert await handle.query(Counter.count) == 0
        for total in range(1, 11):
            await handle.signal(Counter.add, 1)
            assert await handle.query(Counter.count) == total
        assert await handle.query(Counter.plus, 5) == 15


async def test_leaves_no_trace(client: Client, working: Working, workflow_id: str) -> None:
    async with working(Counter) as queue:
        handle = await client.start_workflow(Counter.run, id=workflow_id, task_queue=queue)
        assert await handle.query(Counter.count) == 0
        before = names(await events_of(handle))
        for _ in range(5):
            await handle.query(Counter.count)
        assert names(await events_of(handle)) == before


@pytest.mark.parametrize("cached", [0, 100])
async def test_after_the_end(client: Client, working: Working, workflow_id: str, cached: int) -> None:
    async with working(Counter, max_cached_workflows=cached) as queue:
        handle = await client.start_workflow(Counter.run, id=workflow_id, task_queue=queue)
        await handle.signal(Counter.add, 3)
        await handle.signal(Counter.close)
        assert await handle.result() == 3
        assert await handle.query(Counter.count) == 3


async def test_without_a_cache(client: Client, working: Working, workflow_id: str) -> None:
    """Every query is a replay."""
    async with working(Counter, max_cached_workflows=0) as queue:
        handle = await client.start_workflow(Counter.run, id=workflow_id, task_queue=queue)
        for total in (1, 2, 3):
            await handle.signal(Counter.add, 1)
            assert await handle.query(Counter.count) == total


async def test_after_eviction(client: Client, working: Working, workflow_id: str) -> None:
    """A cache of one: the other workflow throws the first one out, whose sticky queue the server still knows."""
    async with working(Counter, max_cached_workflows=1) as queue:
        first = await client.start_workflow(Counter.run, id=workflow_id, task_queue=queue)
        await first.signal(Counter.add, 1)
        assert await first.query(Counter.count) == 1
        second = await client.start_workflow(Counter.run, id=f"{workflow_id}-second", task_queue=queue)
        assert await second.query(Counter.count) == 0
        assert await first.query(Counter.count) == 1
        await second.signal(Counter.add, 2)
        assert await second.query(Counter.count) == 2


async def test_by_the_next_worker(client: Client, working: Working, workflow_id: str) -> None:
    async with working(Counter) as queue:
        handle = await client.start_workflow(Counter.run, id=workflow_id, task_queue=queue)
        await handle.signal(Counter.add, 4)
        assert await handle.query(Counter.count) == 4
    async with working(Counter):
        assert await handle.query(Counter.count) == 4


async def test_refusals_of_the_worker(client: Client, working: Working, workflow_id: str) -> None:
    async with working(Counter) as queue:
        handle = await client.start_workflow(Counter.run, id=workflow_id, task_queue=queue)
        with pytest.raises(WorkflowQueryFailedError) as unknown:
            await handle.query("nosuch")
        assert "Query handler for 'nosuch' expected but not found" in unknown.value.message
        assert "broken count plus" in unknown.value.message
        with pytest.raises(WorkflowQueryFailedError) as broken:
            await handle.query(Counter.broken)
        assert broken.value.message == "no answer"
        await handle.signal(Counter.close)
        await handle.result()
        with pytest.raises(WorkflowQueryFailedError) as unknown:
            await handle.query("nosuch")
        assert "Query handler for 'nosuch' expected but not found" in unknown.value.message


async def test_rejected_by_condition(client: Client, working: Working, workflow_id: str) -> None:
    async with working(Counter) as queue:
        handle = await client.start_workflow(Counter.run, id=workflow_id, task_queue=queue)
        assert await handle.query(Counter.count, reject_condition=QueryRejectCondition.NOT_OPEN) == 0
        await handle.signal(Counter.close)
        await handle.result()
        clean = QueryRejectCondition.NOT_COMPLETED_CLEANLY
        assert await handle.query(Counter.count, reject_condition=clean) == 0
        with pytest.raises(WorkflowQueryRejectedError) as rejected:
            await handle.query(Counter.count, reject_condition=QueryRejectCondition.NOT_OPEN)
    assert rejected.value.status == WorkflowExecutionStatus.COMPLETED


async def test_terminated_one_still_answers(client: Client, working: Working, workflow_id: str) -> None:
    async with working(Counter) as queue:
        handle = await client.start_workflow(Counter.run, id=workflow_id, task_queue=queue)
        await handle.signal(Counter.add, 2)
        assert await handle.query(Counter.count) == 2
        await handle.terminate()
        assert await handle.query(Counter.count) == 2
        with pytest.raises(WorkflowQueryRejectedError) as rejected:
            await handle.query(Counter.count, reject_condition=QueryRejectCondition.NOT_COMPLETED_CLEANLY)
    assert rejected.value.status == WorkflowExecutionStatus.TERMINATED


async def test_nobody_to_answer(client: Client, workflow_id: str, task_queue: str) -> None:
    """Shortly before the caller gives up it hears why: of this queue no worker was ever seen, though a task is done."""
    start = StartWorkflowExecutionRequest(
        namespace=client.namespace,
        workflow_id=workflow_id,
        workflow_type=WorkflowType(name="Any"),
        task_queue=TaskQueue(name=task_queue),
        request_eager_execution=True,
    )
    started = await client.workflow_service.start_workflow_execution(start)
    await RawWorker(client, task_queue).answer(started.eager_workflow_task)
    with pytest.raises(RPCError) as unanswered:
        await client.get_workflow_handle(workflow_id).query("count", rpc_timeout=timedelta(seconds=3))
    assert unanswered.value.status == RPCStatusCode.FAILED_PRECONDITION
    assert unanswered.value.message == "no poller seen for task queue recently, worker may be down"


async def test_nothing_to_ask(client: Client, workflow_id: str) -> None:
    with pytest.raises(RPCError) as missing:
        await client.get_workflow_handle(workflow_id).query(Counter.count)
    assert missing.value.status == RPCStatusCode.NOT_FOUND
