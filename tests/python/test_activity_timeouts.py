"""Activities that take too long, and those that say that they are alive."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from temporalio import activity, workflow
from temporalio.client import Client, WorkflowFailureError, WorkflowHandle
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError, RetryState, TimeoutError, TimeoutType

from conftest import Working
from history import counts, events_of, eventually, names

ONCE = RetryPolicy(maximum_attempts=1)
SOON = RetryPolicy(initial_interval=timedelta(milliseconds=10))
HOUR = timedelta(hours=1)
MOMENT = timedelta(milliseconds=400)


@activity.defn
async def hang() -> None:
    await asyncio.Event().wait()


@activity.defn
async def fail() -> None:
    raise ApplicationError("again")


@activity.defn
async def hang_after_a_sign_of_life() -> None:
    activity.heartbeat("page", 7)
    await asyncio.Event().wait()


@activity.defn
async def resume() -> list[int]:
    """Goes silent after page 3; the next attempt tells what it has been handed."""
    if activity.info().attempt == 1:
        for page in (1, 2, 3):
            activity.heartbeat(page)
            await asyncio.sleep(0.1)
        await asyncio.Event().wait()
    return list(activity.info().heartbeat_details)


@activity.defn
async def progress_then_fail() -> list[int]:
    """Fails right after a heartbeat, before the SDK has had a reason to send it on its own."""
    if activity.info().attempt == 1:
        activity.heartbeat(5)
        raise ApplicationError("after page 5")
    return list(activity.info().heartbeat_details)


@activity.defn
async def keep_beating() -> str:
    for _ in range(12):
        activity.heartbeat()
        await asyncio.sleep(0.1)
    return "alive"


@workflow.defn
class StartToClose:
    @workflow.run
    async def run(self) -> None:
        await workflow.execute_activity(hang, start_to_close_timeout=MOMENT, retry_policy=ONCE)


@workflow.defn
class ScheduleToStart:
    @workflow.run
    async def run(self) -> None:
        await workflow.execute_activity(
            hang, task_queue="nobody-listens", schedule_to_start_timeout=MOMENT, start_to_close_timeout=HOUR
        )


@workflow.defn
class ScheduleToCloseWhileRunning:
    @workflow.run
    async def run(self) -> None:
        await workflow.execute_activity(hang, schedule_to_close_timeout=MOMENT)


@workflow.defn
class ScheduleToCloseWhileWaiting:
    """The first attempt fails at once, and the next one would come too late."""

    @workflow.run
    async def run(self) -> None:
        await workflow.execute_activity(
            fail, schedule_to_close_timeout=timedelta(seconds=2), retry_policy=RetryPolicy(initial_interval=HOUR)
        )


@workflow.defn
class HeartbeatTimeout:
    @workflow.run
    async def run(self) -> None:
        await workflow.execute_activity(
            hang_after_a_sign_of_life, start_to_close_timeout=HOUR, heartbeat_timeout=MOMENT, retry_policy=ONCE
        )


async def timeout_of(handle: WorkflowHandle) -> tuple[ActivityError, BaseException | None]:
    with pytest.raises(WorkflowFailureError) as failure:
        await handle.result()
    error = failure.value.cause
    assert isinstance(error, ActivityError)
    return error, error.cause


@pytest.mark.parametrize(
    ("kind", "timeout_type", "retry_state"),
    [
        (StartToClose, TimeoutType.START_TO_CLOSE, RetryState.MAXIMUM_ATTEMPTS_REACHED),
        (ScheduleToStart, TimeoutType.SCHEDULE_TO_START, RetryState.TIMEOUT),
        (ScheduleToCloseWhileRunning, TimeoutType.SCHEDULE_TO_CLOSE, RetryState.TIMEOUT),
        (HeartbeatTimeout, TimeoutType.HEARTBEAT, RetryState.MAXIMUM_ATTEMPTS_REACHED),
    ],
)
async def test_too_late(
    client: Client,
    working: Working,
    workflow_id: str,
    kind: type,
    timeout_type: TimeoutType,
    retry_state: RetryState,
) -> None:
    async with working(kind, activities=[hang, fail, hang_after_a_sign_of_life]) as queue:
        handle = await client.start_workflow(kind.__name__, id=workflow_id, task_queue=queue)
        error, cause = await timeout_of(handle)
    assert isinstance(cause, TimeoutError)
    assert (cause.type, error.retry_state) == (timeout_type, retry_state)
    if timeout_type == TimeoutType.HEARTBEAT:
        assert list(cause.last_heartbeat_details) == ["page", 7]
    assert counts(await events_of(handle))["ActivityTaskTimedOut"] == 1


async def test_no_attempt_fits_before_schedule_to_close(client: Client, working: Working, workflow_id: str) -> None:
    """The activity fails at once, with its own failure, and not when the time is up."""
    async with working(ScheduleToCloseWhileWaiting, activities=[fail]) as queue:
        handle = await client.start_workflow("ScheduleToCloseWhileWaiting", id=workflow_id, task_queue=queue)
        error, cause = await timeout_of(handle)
    assert error.retry_state == RetryState.TIMEOUT
    assert isinstance(cause, ApplicationError) and cause.message == "again"
    assert counts(await events_of(handle))["ActivityTaskFailed"] == 1


@workflow.defn
class Resume:
    @workflow.run
    async def run(self, activity_type: str) -> list[int]:
        return await workflow.execute_activity(
            activity_type,
            start_to_close_timeout=HOUR,
            heartbeat_timeout=timedelta(seconds=1),
            retry_policy=SOON,
            result_type=list[int],
        )


@pytest.mark.parametrize(("function", "details"), [(resume, [3]), (progress_then_fail, [5])])
async def test_next_attempt_gets_the_last_details(
    client: Client, working: Working, workflow_id: str, function, details: list[int]
) -> None:
    async with working(Resume, activities=[function]) as queue:
        handle = await client.start_workflow(Resume.run, function.__name__, id=workflow_id, task_queue=queue)
        assert await handle.result() == details


async def test_details_are_described(client: Client, working: Working, workflow_id: str) -> None:
    async with working(Resume, activities=[resume]) as queue:
        handle = await client.start_workflow(Resume.run, "resume", id=workflow_id, task_queue=queue)

        async def details() -> list:
            pending = (await handle.describe()).raw_description.pending_activities
            return [payload for waiting in pending for payload in waiting.heartbeat_details.payloads]

        (payload,) = await eventually(details)
        assert int(payload.data) in (1, 2, 3)
        await handle.terminate()


@workflow.defn
class KeepBeating:
    @workflow.run
    async def run(self) -> str:
        return await workflow.execute_activity(
            keep_beating, start_to_close_timeout=HOUR, heartbeat_timeout=MOMENT, retry_policy=ONCE
        )


async def test_heartbeats_keep_it_alive(client: Client, working: Working, workflow_id: str) -> None:
    """Three heartbeat timeouts long, and none fires."""
    async with working(KeepBeating, activities=[keep_beating]) as queue:
        handle = await client.start_workflow(KeepBeating.run, id=workflow_id, task_queue=queue)
        assert await handle.result() == "alive"
    assert names(await events_of(handle))[4:7] == [
        "ActivityTaskScheduled",
        "ActivityTaskStarted",
        "ActivityTaskCompleted",
    ]
