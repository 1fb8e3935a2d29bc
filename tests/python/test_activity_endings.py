"""Activities that are cancelled, and those that somebody other than their worker completes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
from temporalio import activity, workflow
from temporalio.client import AsyncActivityCancelledError, AsyncActivityHandle, Client, WorkflowFailureError
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError, CancelledError
from temporalio.service import RPCError, RPCStatusCode
from temporalio.workflow import ActivityCancellationType

from conftest import Working
from history import counts, events_of, eventually, names

LONG = timedelta(minutes=10)
ONCE = RetryPolicy(maximum_attempts=1)


class Watched:
    """An activity that runs until it is cancelled, and what it has seen."""

    def __init__(self) -> None:
        self.started = asyncio.Event()
        self.cancelled = asyncio.Event()

    @activity.defn(name="watched")
    async def run(self) -> str:
        self.started.set()
        try:
            while True:
                activity.heartbeat()
                await asyncio.sleep(0.05)
        except asyncio.CancelledError:
            self.cancelled.set()
            raise

    @activity.defn(name="stubborn")
    async def refuse(self) -> str:
        """Is asked to stop, and finishes nevertheless."""
        try:
            return await self.run()
        except asyncio.CancelledError:
            return "finished all the same"


@workflow.defn
class Cancelling:
    """Cancels its activity when told to, and says how that ended."""

    def __init__(self) -> None:
        self._told = False

    @workflow.signal
    def cancel_it(self) -> None:
        self._told = True

    @workflow.run
    async def run(self, activity_type: str, kind: int) -> str:
        handle = workflow.start_activity(
            activity_type,
            schedule_to_close_timeout=LONG,
            heartbeat_timeout=timedelta(seconds=1),
            cancellation_type=ActivityCancellationType(kind),
            retry_policy=ONCE,
            result_type=str,
        )
        await workflow.wait_condition(lambda: self._told)
        handle.cancel()
        try:
            return await handle
        except ActivityError as error:
            assert isinstance(error.cause, CancelledError)
            return "cancelled"


@pytest.mark.parametrize(
    ("activity_type", "kind", "result", "requested", "ending"),
    [
        ("watched", ActivityCancellationType.WAIT_CANCELLATION_COMPLETED, "cancelled", 1, "ActivityTaskCanceled"),
        (
            "stubborn",
            ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
            "finished all the same",
            1,
            "ActivityTaskCompleted",
        ),
        ("watched", ActivityCancellationType.TRY_CANCEL, "cancelled", 1, None),
        ("watched", ActivityCancellationType.ABANDON, "cancelled", 0, None),
    ],
)
async def test_cancelled_by_its_workflow(
    client: Client,
    working: Working,
    workflow_id: str,
    activity_type: str,
    kind: ActivityCancellationType,
    result: str,
    requested: int,
    ending: str | None,
) -> None:
    watched = Watched()
    async with working(Cancelling, activities=[watched.run, watched.refuse]) as queue:
        handle = await client.start_workflow(
            Cancelling.run, args=[activity_type, int(kind)], id=workflow_id, task_queue=queue
        )
        await watched.started.wait()
        await handle.signal(Cancelling.cancel_it)
        assert await handle.result() == result
        if kind == ActivityCancellationType.WAIT_CANCELLATION_COMPLETED:
            assert watched.cancelled.is_set()
        else:
            # The workflow is gone; the next heartbeat learns that, and ends the activity.
            await watched.cancelled.wait()
    found = counts(await events_of(handle))
    assert found["ActivityTaskCancelRequested"] == requested
    if ending:
        assert found[ending] == 1


@workflow.defn
class CancelBeforeStart:
    @workflow.run
    async def run(self) -> str:
        handle = workflow.start_activity("watched", task_queue="nobody-listens", schedule_to_close_timeout=LONG)
        await asyncio.sleep(0.01)
        handle.cancel()
        try:
            await handle
        except ActivityError as error:
            return type(error.cause).__name__
        return "not cancelled"


async def test_cancelled_before_a_worker_took_it(client: Client, working: Working, workflow_id: str) -> None:
    async with working(CancelBeforeStart) as queue:
        handle = await client.start_workflow(CancelBeforeStart.run, id=workflow_id, task_queue=queue)
        assert await handle.result() == "CancelledError"
    found = counts(await events_of(handle))
    assert (found["ActivityTaskCancelRequested"], found["ActivityTaskStarted"]) == (1, 0)


async def test_workflow_cancellation_reaches_the_activity(client: Client, working: Working, workflow_id: str) -> None:
    watched = Watched()
    async with working(RunOutside, activities=[watched.run]) as queue:
        handle = await client.start_workflow(RunOutside.run, "watched", id=workflow_id, task_queue=queue)
        await watched.started.wait()
        await handle.cancel()
        with pytest.raises(WorkflowFailureError) as failure:
            await handle.result()
    assert isinstance(failure.value.cause, CancelledError)
    assert watched.cancelled.is_set()
    assert names(await events_of(handle))[-1] == "WorkflowExecutionCanceled"


class Outside:
    """An activity that hands its completion to somebody else."""

    def __init__(self) -> None:
        self.token: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    @activity.defn(name="outside")
    async def run(self) -> str:
        if not self.token.done():
            self.token.set_result(activity.info().task_token)
        activity.raise_complete_async()


@workflow.defn
class RunOutside:
    @workflow.run
    async def run(self, activity_type: str) -> Any:
        return await workflow.execute_activity(
            activity_type,
            activity_id="errand",
            start_to_close_timeout=LONG,
            heartbeat_timeout=timedelta(seconds=20),
            cancellation_type=ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
            retry_policy=ONCE,
        )


Address = Callable[[Client, str, Outside], Awaitable[AsyncActivityHandle]]


async def by_token(client: Client, workflow_id: str, outside: Outside) -> AsyncActivityHandle:
    return client.get_async_activity_handle(task_token=await outside.token)


async def by_id(client: Client, workflow_id: str, outside: Outside) -> AsyncActivityHandle:
    await outside.token
    return client.get_async_activity_handle(workflow_id=workflow_id, run_id=None, activity_id="errand")


@pytest.fixture(params=[by_token, by_id])
def address(request: pytest.FixtureRequest) -> Address:
    return request.param


async def test_completed_from_outside(client: Client, working: Working, workflow_id: str, address: Address) -> None:
    outside = Outside()
    async with working(RunOutside, activities=[outside.run]) as queue:
        handle = await client.start_workflow(RunOutside.run, "outside", id=workflow_id, task_queue=queue)
        errand = await address(client, workflow_id, outside)
        await errand.heartbeat("half way")
        await errand.complete({"parcels": 2})
        assert await handle.result() == {"parcels": 2}
        with pytest.raises(RPCError) as again:
            await errand.complete("twice")
        assert again.value.status == RPCStatusCode.NOT_FOUND


async def test_failed_from_outside(client: Client, working: Working, workflow_id: str, address: Address) -> None:
    outside = Outside()
    async with working(RunOutside, activities=[outside.run]) as queue:
        handle = await client.start_workflow(RunOutside.run, "outside", id=workflow_id, task_queue=queue)
        errand = await address(client, workflow_id, outside)
        await errand.fail(ApplicationError("lost", "parcel 2", type="Lost"))
        with pytest.raises(WorkflowFailureError) as failure:
            await handle.result()
    cause = failure.value.cause.cause
    assert isinstance(cause, ApplicationError)
    assert (cause.message, cause.type, list(cause.details)) == ("lost", "Lost", ["parcel 2"])


async def test_cancelled_from_outside(client: Client, working: Working, workflow_id: str, address: Address) -> None:
    """A heartbeat from outside is told of the request, and then reports the cancellation."""
    outside = Outside()
    async with working(RunOutside, activities=[outside.run]) as queue:
        handle = await client.start_workflow(RunOutside.run, "outside", id=workflow_id, task_queue=queue)
        errand = await address(client, workflow_id, outside)
        await errand.heartbeat("not cancelled yet")
        await handle.cancel()

        async def told() -> bool:
            try:
                await errand.heartbeat()
            except AsyncActivityCancelledError:
                return True
            return False

        await eventually(told)
        await errand.report_cancellation("too late")
        with pytest.raises(WorkflowFailureError) as failure:
            await handle.result()
    assert isinstance(failure.value.cause, CancelledError)
    assert counts(await events_of(handle))["ActivityTaskCanceled"] == 1


async def test_nobody_knows_such_an_activity(client: Client, workflow_id: str) -> None:
    errand = client.get_async_activity_handle(workflow_id=workflow_id, run_id=None, activity_id="errand")
    for attempt in (errand.complete(1), errand.fail(ApplicationError("x")), errand.heartbeat()):
        with pytest.raises(RPCError) as missing:
            await attempt
        assert missing.value.status == RPCStatusCode.NOT_FOUND
    garbage = client.get_async_activity_handle(task_token=b"not a token")
    with pytest.raises(RPCError) as refused:
        await garbage.complete(1)
    assert refused.value.status == RPCStatusCode.INVALID_ARGUMENT
