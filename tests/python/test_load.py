"""Many at once, and long ones: nothing is lost and nothing is done twice."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta

from temporalio import activity, workflow
from temporalio.client import Client

from conftest import Working
from history import counted, counts, events_of, until

SHORT = timedelta(seconds=20)


@activity.defn
async def double(number: int) -> int:
    return number * 2


@workflow.defn
class Chain:
    @workflow.run
    async def run(self, number: int, steps: int) -> int:
        for _ in range(steps):
            number = await workflow.execute_activity(double, number, start_to_close_timeout=SHORT)
        return number


async def test_many_workflows(client: Client, working: Working, unique: Callable[[], str]) -> None:
    prefix, many = unique(), 100
    async with working(Chain, activities=[double]) as queue:
        results = await asyncio.gather(
            *(
                client.execute_workflow(Chain.run, args=[n, 3], id=f"{prefix}/{n}", task_queue=queue)
                for n in range(many)
            )
        )
    assert results == [n * 8 for n in range(many)]
    await counted(client, f"WorkflowId STARTS_WITH '{prefix}' AND ExecutionStatus = 'Completed'", many)


async def test_many_without_a_cache(client: Client, working: Working, unique: Callable[[], str]) -> None:
    """Every task brings the whole history."""
    prefix, many = unique(), 30
    async with working(Chain, activities=[double], max_cached_workflows=0) as queue:
        results = await asyncio.gather(
            *(
                client.execute_workflow(Chain.run, args=[n, 3], id=f"{prefix}/{n}", task_queue=queue)
                for n in range(many)
            )
        )
    assert results == [n * 8 for n in range(many)]


async def test_backlog(client: Client, working: Working, unique: Callable[[], str], task_queue: str) -> None:
    prefix, many = unique(), 100
    handles = await asyncio.gather(
        *(client.start_workflow(Chain.run, args=[n, 1], id=f"{prefix}/{n}", task_queue=task_queue) for n in range(many))
    )
    async with working(Chain, activities=[double]):
        assert await asyncio.gather(*(handle.result() for handle in handles)) == [n * 2 for n in range(many)]


@workflow.defn
class Wide:
    @workflow.run
    async def run(self, many: int) -> int:
        doubled = await asyncio.gather(
            *(workflow.execute_activity(double, n, start_to_close_timeout=SHORT) for n in range(many))
        )
        return sum(doubled)


async def test_many_activities_of_one(client: Client, working: Working, workflow_id: str) -> None:
    many = 200
    async with working(Wide, activities=[double]) as queue:
        handle = await client.start_workflow(Wide.run, many, id=workflow_id, task_queue=queue)
        assert await handle.result() == many * (many - 1)
    assert counts(await events_of(handle))["ActivityTaskCompleted"] == many


@workflow.defn
class Long:
    """Grows a history of several pages."""

    def __init__(self) -> None:
        self._heard = 0

    @workflow.signal
    def hear(self, noise: str) -> None:
        self._heard += 1

    @workflow.run
    async def run(self, wanted: int) -> int:
        await workflow.wait_condition(lambda: self._heard >= wanted)
        return self._heard


async def test_long_history(client: Client, working: Working, workflow_id: str, task_queue: str) -> None:
    """More events than one page carries, some of them large, read by a worker that starts from nothing."""
    many = 1200
    handle = await client.start_workflow(Long.run, many, id=workflow_id, task_queue=task_queue)
    for hundred in range(many // 100):
        noise = "x" * (50_000 if hundred % 4 == 0 else 10)
        await asyncio.gather(*(handle.signal(Long.hear, noise) for _ in range(100)))
    async with working(Long):
        assert await handle.result() == many
    assert counts(await events_of(handle))["WorkflowExecutionSignaled"] == many


@workflow.defn
class Heavy:
    """Continues as new on the server's hint that the history has grown too long, and then says whether it still has."""

    def __init__(self) -> None:
        self._ended = False

    @workflow.signal
    def load(self, weight: str) -> None:
        pass

    @workflow.signal
    def end(self) -> None:
        self._ended = True

    @workflow.run
    async def run(self) -> bool:
        if not workflow.info().continued_run_id:
            await workflow.wait_condition(lambda: workflow.info().is_continue_as_new_suggested())
            workflow.continue_as_new()
        await workflow.wait_condition(lambda: self._ended)
        return workflow.info().is_continue_as_new_suggested()


async def test_continue_as_new_is_suggested(client: Client, working: Working, workflow_id: str) -> None:
    """At 4 MiB, by default."""
    async with working(Heavy) as queue:
        first = await client.start_workflow(Heavy.run, id=workflow_id, task_queue=queue)
        latest = client.get_workflow_handle(workflow_id)
        for _ in range(30):
            await latest.signal(Heavy.load, "x" * 200_000)
        run = client.get_workflow_handle(workflow_id, run_id=first.first_execution_run_id)
        await until(run, "WorkflowExecutionContinuedAsNew")
        await latest.signal(Heavy.end)
        assert await latest.result() is False
