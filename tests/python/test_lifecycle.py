"""From outside: describe, cancel, terminate, delete, fetch, replay."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from temporalio import activity, workflow
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import (
    DeleteWorkflowExecutionRequest,
    GetWorkflowExecutionHistoryRequest,
    GetWorkflowExecutionHistoryReverseRequest,
)
from temporalio.client import Client, WorkflowExecutionStatus, WorkflowFailureError, WorkflowHistory
from temporalio.common import WorkflowIDReusePolicy
from temporalio.exceptions import CancelledError, TerminatedError
from temporalio.service import RPCError, RPCStatusCode
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner
from temporalio.workflow import NondeterminismError

from conftest import Working
from history import LISTS_MAY_LAG, counted, events_of, eventually, name, names, only, until


@activity.defn
async def greet(whom: str) -> str:
    return f"hello {whom}"


@workflow.defn
class Tour:
    """A bit of everything that leaves events."""

    def __init__(self) -> None:
        self._done = False

    @workflow.signal
    def done(self) -> None:
        self._done = True

    @workflow.run
    async def run(self, whom: str) -> str:
        greeting = await workflow.execute_activity(greet, whom, start_to_close_timeout=timedelta(seconds=20))
        await asyncio.sleep(0.01)
        if workflow.patched("second-greeting"):
            greeting = await workflow.execute_local_activity(
                greet, greeting, start_to_close_timeout=timedelta(seconds=20)
            )
        await workflow.wait_condition(lambda: self._done)
        return greeting


@workflow.defn(name="Tour")
class OtherTour:
    """The same name, and not the same steps."""

    @workflow.run
    async def run(self, whom: str) -> str:
        await asyncio.sleep(1)
        return whom


@workflow.defn
class Holdout:
    """Can be cancelled; cleans up first."""

    @workflow.run
    async def run(self, accept: bool) -> str:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await asyncio.sleep(0.01)
            if accept:
                raise
        return "rather not"


async def test_describe(client: Client, working: Working, workflow_id: str) -> None:
    async with working(Tour, activities=[greet]) as queue:
        handle = await client.start_workflow(
            Tour.run,
            "you",
            id=workflow_id,
            task_queue=queue,
            execution_timeout=timedelta(hours=3),
            run_timeout=timedelta(hours=2),
            task_timeout=timedelta(seconds=7),
            static_summary="a tour",
            static_details="with *details*",
        )
        await handle.signal(Tour.done)
        await handle.result()
    described = await handle.describe()
    events = await events_of(handle)
    assert (described.id, described.run_id) == (workflow_id, handle.first_execution_run_id)
    assert (described.workflow_type, described.task_queue) == ("Tour", queue)
    assert described.status == WorkflowExecutionStatus.COMPLETED
    assert described.history_length == len(events)
    assert described.start_time <= described.execution_time <= described.close_time
    assert await described.static_summary() == "a tour"
    assert await described.static_details() == "with *details*"
    config = described.raw_description.execution_config
    assert config.workflow_execution_timeout.ToTimedelta() == timedelta(hours=3)
    assert config.workflow_run_timeout.ToTimedelta() == timedelta(hours=2)
    assert config.default_workflow_task_timeout.ToTimedelta() == timedelta(seconds=7)
    info = described.raw_description.workflow_execution_info
    assert info.state_transition_count > 0
    assert info.history_size_bytes > 0
    assert info.first_run_id == described.run_id


async def test_nothing_to_describe(client: Client, workflow_id: str) -> None:
    handle = client.get_workflow_handle(workflow_id)
    for attempt in (handle.describe(), handle.cancel(), handle.terminate(), handle.fetch_history()):
        with pytest.raises(RPCError) as missing:
            await attempt
        assert missing.value.status == RPCStatusCode.NOT_FOUND


async def test_unanswered_task_is_described(client: Client, workflow_id: str, task_queue: str) -> None:
    handle = await client.start_workflow("Any", id=workflow_id, task_queue=task_queue)
    task = (await handle.describe()).raw_description.pending_workflow_task
    assert (task.attempt, task.state) == (1, 1)


@pytest.mark.parametrize("accept", [True, False])
async def test_cancel(client: Client, working: Working, workflow_id: str, accept: bool) -> None:
    async with working(Holdout) as queue:
        handle = await client.start_workflow(Holdout.run, accept, id=workflow_id, task_queue=queue)
        await until(handle, "WorkflowTaskCompleted")
        await handle.cancel()
        if accept:
            with pytest.raises(WorkflowFailureError) as failure:
                await handle.result()
            assert isinstance(failure.value.cause, CancelledError)
            assert (await handle.describe()).status == WorkflowExecutionStatus.CANCELED
        else:
            assert await handle.result() == "rather not"
            assert (await handle.describe()).status == WorkflowExecutionStatus.COMPLETED
        with pytest.raises(RPCError) as closed:
            await handle.terminate()
        assert closed.value.status == RPCStatusCode.NOT_FOUND
    only(await events_of(handle), "WorkflowExecutionCancelRequested")


async def test_terminate(client: Client, working: Working, workflow_id: str) -> None:
    async with working(Holdout) as queue:
        handle = await client.start_workflow(Holdout.run, True, id=workflow_id, task_queue=queue)
        await handle.terminate("with", {"two": "details"}, reason="enough")
        with pytest.raises(WorkflowFailureError) as failure:
            await handle.result()
    cause = failure.value.cause
    assert isinstance(cause, TerminatedError)
    assert (cause.message, list(cause.details)) == ("enough", ["with", {"two": "details"}])
    assert (await handle.describe()).status == WorkflowExecutionStatus.TERMINATED


BEHIND = pytest.mark.skipif(LISTS_MAY_LAG, reason="elsewhere, what deletes closed runs is half a minute behind")


@pytest.mark.parametrize("running", [True, pytest.param(False, marks=BEHIND)])
async def test_delete(client: Client, workflow_id: str, task_queue: str, running: bool) -> None:
    handle = await client.start_workflow("Any", id=workflow_id, task_queue=task_queue)
    if not running:
        await handle.terminate()
    status = "Running" if running else "Terminated"
    await counted(client, f"WorkflowId = '{workflow_id}' AND ExecutionStatus = '{status}'", 1)
    await client.workflow_service.delete_workflow_execution(
        DeleteWorkflowExecutionRequest(
            namespace=client.namespace, workflow_execution=WorkflowExecution(workflow_id=workflow_id)
        )
    )

    async def gone() -> bool:
        try:
            await handle.describe()
        except RPCError as missing:
            return missing.status == RPCStatusCode.NOT_FOUND
        return False

    await eventually(gone)

    async def rows() -> int:
        return (await client.count_workflows(f"WorkflowId = '{workflow_id}'")).count

    await eventually(rows, lambda found: found == 0)
    # Nothing remembers the id.
    await client.start_workflow(
        "Any", id=workflow_id, task_queue=task_queue, id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE
    )


async def toured(client: Client, working: Working, workflow_id: str) -> WorkflowHistory:
    async with working(Tour, activities=[greet]) as queue:
        handle = await client.start_workflow(Tour.run, "you", id=workflow_id, task_queue=queue)
        await handle.signal(Tour.done)
        assert await handle.result() == "hello hello you"
    return await handle.fetch_history()


async def test_replay(client: Client, working: Working, workflow_id: str) -> None:
    """Histories as fetched, and as written to a file and read again."""
    history = await toured(client, working, workflow_id)
    replayer = Replayer(workflows=[Tour], workflow_runner=UnsandboxedWorkflowRunner())
    await replayer.replay_workflow(history)
    await replayer.replay_workflow(WorkflowHistory.from_json(workflow_id, history.to_json()))
    changed = Replayer(workflows=[OtherTour], workflow_runner=UnsandboxedWorkflowRunner())
    with pytest.raises(NondeterminismError):
        await changed.replay_workflow(history)


async def test_replay_of_all_that_a_list_finds(client: Client, working: Working, workflow_id: str) -> None:
    for n in range(3):
        await toured(client, working, f"{workflow_id}/{n}")
    query = f"WorkflowId STARTS_WITH '{workflow_id}'"
    await counted(client, query, 3)
    replayer = Replayer(workflows=[Tour], workflow_runner=UnsandboxedWorkflowRunner())
    results = await replayer.replay_workflows(client.list_workflows(query).map_histories())
    assert not results.replay_failures


async def test_history_in_pages_and_in_reverse(client: Client, working: Working, workflow_id: str) -> None:
    events = list((await toured(client, working, workflow_id)).events)
    execution = WorkflowExecution(workflow_id=workflow_id)
    forward = await pages(
        client.workflow_service.get_workflow_execution_history,
        GetWorkflowExecutionHistoryRequest(namespace=client.namespace, execution=execution, maximum_page_size=3),
    )
    assert forward == events
    backward = await pages(
        client.workflow_service.get_workflow_execution_history_reverse,
        GetWorkflowExecutionHistoryReverseRequest(namespace=client.namespace, execution=execution, maximum_page_size=3),
    )
    assert backward == list(reversed(events))


async def pages(fetch, request) -> list:
    events = []
    while True:
        answer = await fetch(request)
        events += answer.history.events
        if not answer.next_page_token:
            return events
        request.next_page_token = answer.next_page_token


async def test_close_event_alone(client: Client, working: Working, workflow_id: str) -> None:
    await toured(client, working, workflow_id)
    answer = await client.workflow_service.get_workflow_execution_history(
        GetWorkflowExecutionHistoryRequest(
            namespace=client.namespace,
            execution=WorkflowExecution(workflow_id=workflow_id),
            history_event_filter_type=2,
        )
    )
    assert names(answer.history.events) == ["WorkflowExecutionCompleted"]


async def test_user_metadata_of_steps(client: Client, working: Working, workflow_id: str) -> None:
    """Summaries of activities and timers are part of their events."""
    async with working(Annotated, activities=[greet]) as queue:
        handle = await client.start_workflow(Annotated.run, id=workflow_id, task_queue=queue)
        await handle.result()
    summaries = {
        name(event): event.user_metadata.summary.data.decode()
        for event in await events_of(handle)
        if event.HasField("user_metadata")
    }
    assert summaries == {"ActivityTaskScheduled": '"say hello"', "TimerStarted": '"rest"'}


@workflow.defn
class Annotated:
    @workflow.run
    async def run(self) -> None:
        await workflow.execute_activity(greet, "you", start_to_close_timeout=timedelta(seconds=20), summary="say hello")
        await workflow.sleep(0.01, summary="rest")
