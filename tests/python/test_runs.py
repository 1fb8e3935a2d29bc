"""One workflow in many runs: continue-as-new, retry, cron; and runs that take too long or start later."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta

import pytest
from temporalio import workflow
from temporalio.client import Client, WorkflowContinuedAsNewError, WorkflowExecutionStatus, WorkflowFailureError
from temporalio.common import RetryPolicy
from temporalio.exceptions import ApplicationError, TimeoutError

from conftest import Working
from history import counts, events_of, eventually, names, only, until
from raw import RawWorker, complete


@workflow.defn
class CountDown:
    def __init__(self) -> None:
        self._kept: list[str] = []

    @workflow.signal
    def keep(self, what: str) -> None:
        self._kept.append(what)

    @workflow.run
    async def run(self, left: int, seen: list[str]) -> list[str]:
        info = workflow.info()
        seen = [*seen, info.run_id]
        if info.continued_run_id:
            assert info.continued_run_id == seen[-2]
            assert workflow.memo_value("note") == "kept"
        if left:
            workflow.continue_as_new(args=[left - 1, seen])
        return seen


async def test_continue_as_new(client: Client, working: Working, workflow_id: str) -> None:
    async with working(CountDown) as queue:
        first = await client.start_workflow(
            CountDown.run, args=[3, []], id=workflow_id, task_queue=queue, memo={"note": "kept"}
        )
        runs = await first.result()
    assert (len(runs), len(set(runs))) == (4, 4)
    assert runs[0] == first.first_execution_run_id
    for run, following in zip(runs, runs[1:], strict=False):
        handle = client.get_workflow_handle(workflow_id, run_id=run)
        assert (await handle.describe()).status == WorkflowExecutionStatus.CONTINUED_AS_NEW
        end = only(await events_of(handle), "WorkflowExecutionContinuedAsNew")
        assert end.workflow_execution_continued_as_new_event_attributes.new_execution_run_id == following
        with pytest.raises(WorkflowContinuedAsNewError) as moved:
            await handle.result(follow_runs=False)
        assert moved.value.new_execution_run_id == following
    start = (await events_of(client.get_workflow_handle(workflow_id, run_id=runs[-1])))[0]
    started = start.workflow_execution_started_event_attributes
    assert started.first_execution_run_id == runs[0]
    assert started.continued_execution_run_id == runs[-2]
    assert started.original_execution_run_id == runs[-1]


@workflow.defn
class Relay:
    """Continues as new whenever it has heard three signals; the last one ends it."""

    def __init__(self) -> None:
        self._heard: list[str] = []

    @workflow.signal
    def hear(self, what: str) -> None:
        self._heard.append(what)

    @workflow.run
    async def run(self, before: list[str]) -> list[str]:
        await workflow.wait_condition(lambda: len(self._heard) >= 3 or "end" in self._heard)
        heard = before + self._heard
        if "end" in heard:
            return heard
        workflow.continue_as_new(heard)


async def test_no_signal_falls_between_two_runs(client: Client, working: Working, workflow_id: str) -> None:
    async with working(Relay) as queue:
        await client.start_workflow(Relay.run, [], id=workflow_id, task_queue=queue)
        latest = client.get_workflow_handle(workflow_id)
        for n in range(30):
            await latest.signal(Relay.hear, str(n))
        await latest.signal(Relay.hear, "end")
        heard = await latest.result()
    assert heard == [*(str(n) for n in range(30)), "end"]


@workflow.defn
class ThirdTime:
    @workflow.run
    async def run(self, hopeless: bool) -> int:
        attempt = workflow.info().attempt
        if hopeless:
            raise ApplicationError("hopeless", type="Hopeless")
        if attempt < 3:
            raise ApplicationError(f"attempt {attempt}")
        return attempt


async def test_retry(client: Client, working: Working, workflow_id: str) -> None:
    async with working(ThirdTime) as queue:
        handle = await client.start_workflow(
            ThirdTime.run,
            False,
            id=workflow_id,
            task_queue=queue,
            retry_policy=RetryPolicy(initial_interval=timedelta(milliseconds=50)),
        )
        assert await handle.result() == 3
    first = client.get_workflow_handle(workflow_id, run_id=handle.first_execution_run_id)
    failed = only(await events_of(first), "WorkflowExecutionFailed").workflow_execution_failed_event_attributes
    assert failed.failure.message == "attempt 1"
    second = (await events_of(client.get_workflow_handle(workflow_id, run_id=failed.new_execution_run_id)))[0]
    started = second.workflow_execution_started_event_attributes
    assert (started.attempt, started.continued_failure.message) == (2, "attempt 1")
    assert started.first_execution_run_id == handle.first_execution_run_id


@pytest.mark.parametrize(
    "policy",
    [
        RetryPolicy(initial_interval=timedelta(hours=1), non_retryable_error_types=["Hopeless"]),
        RetryPolicy(initial_interval=timedelta(hours=1), maximum_attempts=1),
    ],
    ids=["by-type", "by-attempts"],
)
async def test_retry_ends(client: Client, working: Working, workflow_id: str, policy: RetryPolicy) -> None:
    async with working(ThirdTime) as queue:
        with pytest.raises(WorkflowFailureError) as failure:
            await client.execute_workflow(ThirdTime.run, True, id=workflow_id, task_queue=queue, retry_policy=policy)
    assert isinstance(failure.value.cause, ApplicationError)
    assert failure.value.cause.message == "hopeless"


@workflow.defn
class Tick:
    """Counts how often it has run; fails every second time, which loses nothing."""

    @workflow.run
    async def run(self) -> int:
        before = workflow.get_last_completion_result(int) if workflow.has_last_completion_result() else 0
        if before and workflow.get_last_failure() is None:
            raise ApplicationError(f"after {before}")
        return before + 1


async def test_cron(client: Client, working: Working, workflow_id: str) -> None:
    async with working(Tick) as queue:
        handle = await client.start_workflow(Tick.run, id=workflow_id, task_queue=queue, cron_schedule="@every 1s")
        latest = client.get_workflow_handle(workflow_id)

        async def following(run_id: str) -> str:
            events = await events_of(client.get_workflow_handle(workflow_id, run_id=run_id))
            last = events[-1]
            ended = (
                last.workflow_execution_completed_event_attributes
                if names([last]) == ["WorkflowExecutionCompleted"]
                else last.workflow_execution_failed_event_attributes
            )
            return ended.new_execution_run_id

        runs = [handle.first_execution_run_id]
        for _ in range(3):
            runs.append(await eventually(lambda: following(runs[-1])))
        await latest.terminate()
    endings = [names(await events_of(client.get_workflow_handle(workflow_id, run_id=run)))[-1] for run in runs[:3]]
    assert endings == ["WorkflowExecutionCompleted", "WorkflowExecutionFailed", "WorkflowExecutionCompleted"]
    third = (await events_of(client.get_workflow_handle(workflow_id, run_id=runs[2])))[0]
    started = third.workflow_execution_started_event_attributes
    assert started.cron_schedule == "@every 1s"
    assert started.last_completion_result.payloads[0].data == b"1"
    assert started.continued_failure.message == "after 1"
    assert started.first_workflow_task_backoff.ToTimedelta() <= timedelta(seconds=1)


@workflow.defn
class Forever:
    @workflow.run
    async def run(self) -> None:
        await asyncio.Event().wait()


@pytest.mark.parametrize("which", ["execution_timeout", "run_timeout"])
async def test_timeout(client: Client, working: Working, workflow_id: str, which: str) -> None:
    async with working(Forever) as queue:
        handle = await client.start_workflow(
            Forever.run, id=workflow_id, task_queue=queue, **{which: timedelta(seconds=1)}
        )
        with pytest.raises(WorkflowFailureError) as failure:
            await handle.result()
    assert isinstance(failure.value.cause, TimeoutError)
    assert (await handle.describe()).status == WorkflowExecutionStatus.TIMED_OUT
    assert names(await events_of(handle))[-1] == "WorkflowExecutionTimedOut"


async def test_timeout_without_any_worker(client: Client, workflow_id: str, task_queue: str) -> None:
    handle = await client.start_workflow(
        "Any", id=workflow_id, task_queue=task_queue, execution_timeout=timedelta(seconds=1)
    )
    with pytest.raises(WorkflowFailureError):
        await handle.result()
    assert names(await events_of(handle)) == [
        "WorkflowExecutionStarted",
        "WorkflowTaskScheduled",
        "WorkflowExecutionTimedOut",
    ]


async def test_unanswered_task_is_given_out_again(client: Client, workflow_id: str, task_queue: str) -> None:
    worker = RawWorker(client, task_queue)
    handle = await client.start_workflow(
        "Any", id=workflow_id, task_queue=task_queue, task_timeout=timedelta(seconds=1)
    )
    first = await worker.poll()
    second = await worker.poll()
    assert (first.attempt, second.attempt) == (1, 2)
    assert second.started_event_id > first.started_event_id
    await worker.answer(second, complete("on the second try"))
    assert await handle.result() == "on the second try"
    timed_out = only(await events_of(handle), "WorkflowTaskTimedOut").workflow_task_timed_out_event_attributes
    assert timed_out.started_event_id == first.started_event_id


async def test_start_delay(client: Client, working: Working, workflow_id: str) -> None:
    """The run exists at once, and its first task waits."""
    async with working(CountDown) as queue:
        handle = await client.start_workflow(
            CountDown.run, args=[0, []], id=workflow_id, task_queue=queue, start_delay=timedelta(seconds=1)
        )
        assert names(await events_of(handle)) == ["WorkflowExecutionStarted"]
        assert (await handle.describe()).status == WorkflowExecutionStatus.RUNNING
        await handle.result()
    events = await events_of(handle)
    backoff = events[0].workflow_execution_started_event_attributes.first_workflow_task_backoff
    assert backoff.ToTimedelta() == timedelta(seconds=1)
    waited = events[1].event_time.ToDatetime() - events[0].event_time.ToDatetime()
    assert waited >= timedelta(seconds=1)


@workflow.defn
class Quick:
    @workflow.run
    async def run(self) -> str:
        return "quick"


async def test_eager_start(client: Client, working: Working, unique: Callable[[], str]) -> None:
    """The starter is a worker of that queue, so the first task comes with the reply; its history is as always."""
    async with working(Quick) as queue:

        async def start() -> bool:
            handle = await client.start_workflow(Quick.run, id=unique(), task_queue=queue, request_eager_start=True)
            assert await handle.result() == "quick"
            assert names(await events_of(handle)) == [
                "WorkflowExecutionStarted",
                "WorkflowTaskScheduled",
                "WorkflowTaskStarted",
                "WorkflowTaskCompleted",
                "WorkflowExecutionCompleted",
            ]
            return getattr(handle, "__temporal_eagerly_started")

        # Until the worker is known to the client, the SDK itself does not ask for the task.
        assert await eventually(start)


async def test_history_can_be_followed(client: Client, working: Working, workflow_id: str) -> None:
    """Long polls that began before there was anything to see."""
    handle = await client.start_workflow(Quick.run, id=workflow_id, task_queue=f"{workflow_id}-queue")
    following = asyncio.create_task(until(handle, "WorkflowExecutionCompleted"))
    waiting = asyncio.create_task(handle.result())
    async with working(Quick, task_queue=f"{workflow_id}-queue"):
        event = await following
        assert await waiting == "quick"
    assert event.event_id == 5
    assert counts(await events_of(handle))["WorkflowTaskCompleted"] == 1
