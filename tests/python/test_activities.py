"""Activities: what their failures, retries and results look like to a workflow."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from temporalio import activity, workflow
from temporalio.client import Client, WorkflowFailureError
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError, RetryState
from temporalio.worker import Worker

from conftest import Working
from history import counts, events_of, eventually, name, names, only


@dataclass
class Retry:
    """A retry policy in a form that can be an argument of a workflow."""

    initial_ms: int
    maximum_attempts: int = 0
    final_types: list[str] = field(default_factory=list)

    def policy(self) -> RetryPolicy:
        return RetryPolicy(
            initial_interval=timedelta(milliseconds=self.initial_ms),
            maximum_attempts=self.maximum_attempts,
            non_retryable_error_types=self.final_types,
        )


SOON = Retry(initial_ms=10)
MUCH_LATER = Retry(initial_ms=3_600_000)


@activity.defn
async def succeed_at(attempt: int) -> int:
    """Fails until that attempt."""
    now = activity.info().attempt
    if now < attempt:
        raise ApplicationError(f"attempt {now} is too early", now, type="TooEarly")
    return now


@activity.defn
async def fail_for_good() -> None:
    try:
        raise ValueError("underneath")
    except ValueError as cause:
        raise ApplicationError("no use", {"why": "because"}, type="Hopeless", non_retryable=True) from cause


@activity.defn
async def come_back_in_a_moment() -> int:
    if activity.info().attempt == 1:
        raise ApplicationError("not yet", next_retry_delay=timedelta(milliseconds=10))
    return activity.info().attempt


@activity.defn
async def describe_self() -> dict[str, Any]:
    info = activity.info()
    return {
        "activity_id": info.activity_id,
        "activity_type": info.activity_type,
        "attempt": info.attempt,
        "workflow_id": info.workflow_id,
        "workflow_run_id": info.workflow_run_id,
        "workflow_type": info.workflow_type,
        "namespace": info.workflow_namespace,
        "task_queue": info.task_queue,
        "start_to_close_seconds": info.start_to_close_timeout.total_seconds(),
        "is_local": info.is_local,
    }


@workflow.defn
class RunActivity:
    """Runs the named activity once and returns what it returns."""

    @workflow.run
    async def run(self, activity_type: str, arguments: list[Any], retry: Retry) -> Any:
        return await workflow.execute_activity(
            activity_type, args=arguments, start_to_close_timeout=timedelta(seconds=20), retry_policy=retry.policy()
        )


async def failure_of(
    client: Client, working: Working, workflow_id: str, function: Callable, arguments: list[Any], retry: Retry
) -> tuple[ActivityError, ApplicationError]:
    """Runs an activity that fails for good; returns the error the client sees, and its cause."""
    async with working(RunActivity, activities=[function]) as queue:
        with pytest.raises(WorkflowFailureError) as failure:
            await client.execute_workflow(
                RunActivity.run, args=[function.__name__, arguments, retry], id=workflow_id, task_queue=queue
            )
    error = failure.value.cause
    assert isinstance(error, ActivityError)
    assert error.activity_type == function.__name__
    assert isinstance(error.cause, ApplicationError)
    return error, error.cause


async def test_retried_until_it_succeeds(client: Client, working: Working, workflow_id: str) -> None:
    async with working(RunActivity, activities=[succeed_at]) as queue:
        handle = await client.start_workflow(
            RunActivity.run, args=["succeed_at", [3], SOON], id=workflow_id, task_queue=queue
        )
        assert await handle.result() == 3
    events = await events_of(handle)
    started = only(events, "ActivityTaskStarted").activity_task_started_event_attributes
    assert started.attempt == 3
    assert started.last_failure.message == "attempt 2 is too early"
    assert started.last_failure.application_failure_info.type == "TooEarly"
    assert names(events)[4:7] == ["ActivityTaskScheduled", "ActivityTaskStarted", "ActivityTaskCompleted"]


async def test_attempts_run_out(client: Client, working: Working, workflow_id: str) -> None:
    retry = Retry(initial_ms=10, maximum_attempts=2)
    error, cause = await failure_of(client, working, workflow_id, succeed_at, [9], retry)
    assert error.retry_state == RetryState.MAXIMUM_ATTEMPTS_REACHED
    assert (cause.message, cause.type, list(cause.details)) == ("attempt 2 is too early", "TooEarly", [2])


async def test_failure_says_not_to_retry(client: Client, working: Working, workflow_id: str) -> None:
    error, cause = await failure_of(client, working, workflow_id, fail_for_good, [], MUCH_LATER)
    assert error.retry_state == RetryState.NON_RETRYABLE_FAILURE
    assert (cause.message, cause.type, cause.non_retryable) == ("no use", "Hopeless", True)
    assert list(cause.details) == [{"why": "because"}]
    underneath = cause.cause
    assert isinstance(underneath, ApplicationError)
    assert (underneath.message, underneath.type) == ("underneath", "ValueError")


async def test_policy_says_not_to_retry(client: Client, working: Working, workflow_id: str) -> None:
    retry = Retry(initial_ms=3_600_000, final_types=["TooEarly"])
    error, cause = await failure_of(client, working, workflow_id, succeed_at, [2], retry)
    assert error.retry_state == RetryState.NON_RETRYABLE_FAILURE
    assert cause.type == "TooEarly"


async def test_failure_names_the_next_delay(client: Client, working: Working, workflow_id: str) -> None:
    """The policy alone would have waited for an hour."""
    async with working(RunActivity, activities=[come_back_in_a_moment]) as queue:
        result = await client.execute_workflow(
            RunActivity.run, args=["come_back_in_a_moment", [], MUCH_LATER], id=workflow_id, task_queue=queue
        )
    assert result == 2


async def test_waiting_for_a_retry_is_described(client: Client, working: Working, workflow_id: str) -> None:
    async with working(RunActivity, activities=[succeed_at]) as queue:
        handle = await client.start_workflow(
            RunActivity.run, args=["succeed_at", [2], MUCH_LATER], id=workflow_id, task_queue=queue
        )

        async def pending() -> list:
            return [
                waiting
                for waiting in (await handle.describe()).raw_description.pending_activities
                if waiting.HasField("last_failure")
            ]

        (waiting,) = await eventually(pending)
    assert waiting.activity_type.name == "succeed_at"
    assert waiting.attempt == 2
    assert waiting.last_failure.message == "attempt 1 is too early"
    assert waiting.current_retry_interval.seconds == 3600
    assert waiting.maximum_attempts == 0
    await handle.terminate()


async def test_unknown_type_waits_for_a_worker_that_knows_it(
    client: Client, working: Working, workflow_id: str
) -> None:
    async with working(RunActivity, activities=[fail_for_good]) as queue:
        handle = await client.start_workflow(
            RunActivity.run, args=["succeed_at", [1], SOON], id=workflow_id, task_queue=queue
        )

        async def refused() -> bool:
            pending = (await handle.describe()).raw_description.pending_activities
            return any("succeed_at" in waiting.last_failure.message for waiting in pending)

        await eventually(refused)
    async with working(RunActivity, activities=[succeed_at]):
        assert await handle.result() > 1


async def test_context(client: Client, working: Working, workflow_id: str) -> None:
    async with working(RunActivity, activities=[describe_self]) as queue:
        handle = await client.start_workflow(
            RunActivity.run, args=["describe_self", [], SOON], id=workflow_id, task_queue=queue
        )
        context = await handle.result()
    assert context == {
        "activity_id": "1",
        "activity_type": "describe_self",
        "attempt": 1,
        "workflow_id": workflow_id,
        "workflow_run_id": handle.result_run_id,
        "workflow_type": "RunActivity",
        "namespace": "default",
        "task_queue": queue,
        "start_to_close_seconds": 20.0,
        "is_local": False,
    }


@workflow.defn
class FanOut:
    """Runs many activities at once, on the queue of another worker."""

    @workflow.run
    async def run(self, queue: str, many: int) -> list[int]:
        running = [
            workflow.start_activity(
                succeed_at, 1, task_queue=queue, activity_id=f"part-{n}", start_to_close_timeout=timedelta(seconds=20)
            )
            for n in range(many)
        ]
        return [await handle for handle in running]


async def test_many_at_once_on_another_queue(client: Client, working: Working, unique: Callable[[], str]) -> None:
    many = 60
    elsewhere = unique()
    async with working(FanOut) as queue, Worker(client, task_queue=elsewhere, activities=[succeed_at]):
        handle = await client.start_workflow(FanOut.run, args=[elsewhere, many], id=unique(), task_queue=queue)
        assert await handle.result() == [1] * many
    events = await events_of(handle)
    assert counts(events)["ActivityTaskCompleted"] == many
    scheduled = {
        event.activity_task_scheduled_event_attributes.activity_id
        for event in events
        if name(event) == "ActivityTaskScheduled"
    }
    assert scheduled == {f"part-{n}" for n in range(many)}


@workflow.defn
class RunLocally:
    @workflow.run
    async def run(self, attempt: int) -> int:
        return await workflow.execute_local_activity(
            succeed_at, attempt, start_to_close_timeout=timedelta(seconds=20), retry_policy=SOON.policy()
        )


@pytest.mark.parametrize("attempt", [1, 3])
async def test_local(client: Client, working: Working, workflow_id: str, attempt: int) -> None:
    async with working(RunLocally, activities=[succeed_at]) as queue:
        handle = await client.start_workflow(RunLocally.run, attempt, id=workflow_id, task_queue=queue)
        assert await handle.result() == attempt
    assert names(await events_of(handle))[4:] == ["MarkerRecorded", "WorkflowExecutionCompleted"]


@workflow.defn
class RunLocallyWithPatience:
    @workflow.run
    async def run(self) -> int:
        return await workflow.execute_local_activity(
            succeed_at,
            2,
            start_to_close_timeout=timedelta(seconds=20),
            local_retry_threshold=timedelta(milliseconds=10),
            retry_policy=RetryPolicy(initial_interval=timedelta(milliseconds=300)),
        )


async def test_local_waits_between_attempts_with_a_timer(client: Client, working: Working, workflow_id: str) -> None:
    """A pause longer than the threshold is the server's business, so that the workflow may leave the worker."""
    async with working(RunLocallyWithPatience, activities=[succeed_at]) as queue:
        handle = await client.start_workflow(RunLocallyWithPatience.run, id=workflow_id, task_queue=queue)
        assert await handle.result() == 2
    found = counts(await events_of(handle))
    assert (found["MarkerRecorded"], found["TimerStarted"], found["TimerFired"]) == (2, 1, 1)


@workflow.defn
class RunLocallyForLong:
    """A local activity that outlasts the workflow task that started it."""

    @workflow.run
    async def run(self) -> str:
        return await workflow.execute_local_activity(linger, start_to_close_timeout=timedelta(seconds=20))


@activity.defn
async def linger() -> str:
    await asyncio.sleep(2.5)
    return "done"


async def test_long_local_keeps_its_task_alive(client: Client, working: Working, workflow_id: str) -> None:
    async with working(RunLocallyForLong, activities=[linger]) as queue:
        handle = await client.start_workflow(
            RunLocallyForLong.run, id=workflow_id, task_queue=queue, task_timeout=timedelta(seconds=1)
        )
        assert await handle.result() == "done"
    found = counts(await events_of(handle))
    assert found["WorkflowTaskCompleted"] > 2
    assert found["WorkflowTaskTimedOut"] == 0
