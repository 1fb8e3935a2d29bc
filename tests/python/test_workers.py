"""Workers that err, vanish, or leave in good order."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from temporalio import activity, workflow
from temporalio.api.enums.v1 import TaskQueueType, WorkflowTaskFailedCause
from temporalio.api.history.v1 import WorkflowTaskFailedEventAttributes
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client, WorkflowHandle
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError

from bank import Order
from conftest import Working
from history import counts, events_of, eventually, only, until
from server import Server
from transfer import Transfer
from worker_process import WorkerProcess

# A worker reports the first failure of a task and lets later attempts of it run out, so that is how long each takes.
TASK = timedelta(seconds=1)


@workflow.defn(name="Plan")
class FirstPlan:
    """Waits, and then ends."""

    def __init__(self) -> None:
        self._go = False

    @workflow.signal
    def go(self) -> None:
        self._go = True

    @workflow.run
    async def run(self) -> str:
        await asyncio.sleep(0.01)
        await workflow.wait_condition(lambda: self._go)
        return "as planned"


@workflow.defn(name="Plan")
class OtherPlan(FirstPlan):
    """Asks for an activity where the first plan asked for a timer."""

    @workflow.signal
    def go(self) -> None:
        self._go = True

    @workflow.run
    async def run(self) -> str:
        await workflow.execute_activity("nothing", start_to_close_timeout=timedelta(seconds=1))
        return "otherwise"


@workflow.defn(name="Plan")
class BrokenPlan(FirstPlan):
    @workflow.signal
    def go(self) -> None:
        self._go = True

    @workflow.run
    async def run(self) -> str:
        raise RuntimeError("a bug")


async def failed_task(handle: WorkflowHandle) -> WorkflowTaskFailedEventAttributes:
    return (await until(handle, "WorkflowTaskFailed")).workflow_task_failed_event_attributes


async def test_changed_code_is_found_out_and_can_be_changed_back(
    client: Client, working: Working, workflow_id: str
) -> None:
    async with working(FirstPlan) as queue:
        handle = await client.start_workflow("Plan", id=workflow_id, task_queue=queue, task_timeout=TASK)
        await until(handle, "TimerFired")
    async with working(OtherPlan):
        await handle.signal("go")
        failed = await failed_task(handle)
        assert failed.cause == WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_NON_DETERMINISTIC_ERROR
    async with working(FirstPlan):
        assert await handle.result() == "as planned"


async def test_bug_costs_a_task_and_not_the_workflow(client: Client, working: Working, workflow_id: str) -> None:
    async with working(BrokenPlan) as queue:
        handle = await client.start_workflow("Plan", id=workflow_id, task_queue=queue, task_timeout=TASK)
        failed = await failed_task(handle)
        assert failed.failure.message == "a bug"
        cause = WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_WORKFLOW_WORKER_UNHANDLED_FAILURE
        assert failed.cause == cause

        async def attempts() -> int:
            return (await handle.describe()).raw_description.pending_workflow_task.attempt

        await eventually(attempts, lambda found: found > 2)
        # Later attempts are not history until one of them succeeds.
        assert counts(await events_of(handle))["WorkflowTaskFailed"] == 1
    await handle.signal("go")
    async with working(FirstPlan):
        assert await handle.result() == "as planned"


async def test_unknown_workflow_type(client: Client, working: Working, workflow_id: str) -> None:
    async with working(FirstPlan) as queue:
        handle = await client.start_workflow("Stranger", id=workflow_id, task_queue=queue, task_timeout=TASK)
        failed = await failed_task(handle)
        assert "Workflow class Stranger is not registered on this worker" in failed.failure.message
    async with working(Stranger):
        assert await handle.result() == "known now"


@workflow.defn
class Stranger:
    @workflow.run
    async def run(self) -> str:
        return "known now"


@workflow.defn
class TooMuch:
    """Returns more than a payload may hold, until the worker thinks better of it."""

    size = 3 * 1024 * 1024

    @workflow.run
    async def run(self) -> str:
        return "x" * self.size


@pytest.fixture
def modest() -> None:
    """For the test's end, whichever that is: the class attribute is shared."""
    yield
    TooMuch.size = 3 * 1024 * 1024


async def test_result_too_large(client: Client, working: Working, workflow_id: str, modest: None) -> None:
    async with working(TooMuch) as queue:
        handle = await client.start_workflow(TooMuch.run, id=workflow_id, task_queue=queue)
        await until(handle, "WorkflowTaskFailed")
        TooMuch.size = 10
        assert await handle.result() == "x" * 10


async def test_another_worker_takes_over_from_a_killed_one(
    server: Server, client: Client, workflow_id: str, task_queue: str, tmp_path: Path
) -> None:
    """The first worker holds the workflow in its cache, and dies; the sticky queue dies with it."""
    running: list[WorkerProcess] = []

    def hire() -> WorkerProcess:
        log = tmp_path / f"worker-{len(running)}.log"
        worker = WorkerProcess(server.address, task_queue, tmp_path / "ledger", log, sticky_seconds=1)
        running.append(worker)
        worker.wait_connected()
        return worker

    try:
        first = hire()
        order = Order(reference="heir", payer="alice", payee="bob", cents=1, needs_approval=True)
        handle = await client.start_workflow(
            Transfer.run, order, id=workflow_id, task_queue=task_queue, task_timeout=timedelta(seconds=2)
        )
        assert await handle.query(Transfer.stage) == "ordered"
        first.kill()
        await handle.signal(Transfer.approve, "heir")
        hire()
        assert await handle.result() == ["receipt:heir/withdraw", "receipt:heir/deposit"]
    finally:
        for worker in running:
            worker.kill()
    assert counts(await events_of(handle))["WorkflowExecutionCompleted"] == 1


class Slow:
    def __init__(self) -> None:
        self.started = asyncio.Event()
        self.release = asyncio.Event()

    @activity.defn(name="slow")
    async def run(self) -> str:
        self.started.set()
        await self.release.wait()
        return "finished in time"


@workflow.defn
class WaitForSlow:
    @workflow.run
    async def run(self) -> str:
        try:
            return await workflow.execute_activity(
                "slow",
                start_to_close_timeout=timedelta(seconds=20),
                retry_policy=RetryPolicy(maximum_attempts=1),
                result_type=str,
            )
        except ActivityError as error:
            return str(error.cause)


async def test_leaving_worker_finishes_what_it_has_begun(client: Client, working: Working, workflow_id: str) -> None:
    slow = Slow()
    async with working(WaitForSlow, activities=[slow.run], graceful_shutdown_timeout=timedelta(seconds=20)) as queue:
        handle = await client.start_workflow(WaitForSlow.run, id=workflow_id, task_queue=queue)
        await slow.started.wait()
        asyncio.get_running_loop().call_later(0.3, slow.release.set)
    # The worker is gone, and has reported before it went.
    only(await events_of(handle), "ActivityTaskCompleted")
    async with working(WaitForSlow):
        assert await handle.result() == "finished in time"


async def test_leaving_worker_gives_up_what_takes_too_long(client: Client, working: Working, workflow_id: str) -> None:
    slow = Slow()
    async with working(WaitForSlow, activities=[slow.run]) as queue:
        handle = await client.start_workflow(WaitForSlow.run, id=workflow_id, task_queue=queue)
        await slow.started.wait()
    async with working(WaitForSlow):
        assert "worker" in (await handle.result()).lower()


async def test_queue_knows_its_workers(client: Client, working: Working, task_queue: str) -> None:
    async with working(FirstPlan, activities=[Slow().run], identity="somebody"):
        for kind in (TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW, TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY):

            async def identities(kind: TaskQueueType.ValueType = kind) -> set[str]:
                answer = await client.workflow_service.describe_task_queue(
                    DescribeTaskQueueRequest(
                        namespace=client.namespace, task_queue=TaskQueue(name=task_queue), task_queue_type=kind
                    )
                )
                return {poller.identity for poller in answer.pollers}

            await eventually(identities, lambda found: found == {"somebody"})


async def test_two_workers_share(server: Server, client: Client, working: Working, unique: Callable[[], str]) -> None:
    other = await Client.connect(server.address)
    async with working(Stranger), working(Stranger, client=other) as queue:
        results = await asyncio.gather(
            *(client.execute_workflow(Stranger.run, id=unique(), task_queue=queue) for _ in range(40))
        )
    assert results == ["known now"] * 40
