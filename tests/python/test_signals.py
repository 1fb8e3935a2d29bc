"""Signals: order, buffering, and who may be signalled."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import pytest
from temporalio import workflow
from temporalio.api.common.v1 import WorkflowExecution, WorkflowType
from temporalio.api.enums.v1 import WorkflowIdConflictPolicy
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import SignalWithStartWorkflowExecutionRequest, SignalWorkflowExecutionRequest
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.common import RawValue, WorkflowIDConflictPolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from conftest import Working
from history import counts, events_of, names
from raw import RawWorker, complete


@workflow.defn
class Notebook:
    """Writes down what it is told until it is told to stop."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._closed = False

    @workflow.signal
    def write(self, line: str) -> None:
        self._lines.append(line)

    @workflow.signal(dynamic=True)
    def anything(self, signal_name: str, args: Sequence[RawValue]) -> None:
        self._lines.append(f"?{signal_name}")

    @workflow.signal
    def close(self) -> None:
        self._closed = True

    @workflow.run
    async def run(self, first: str = "") -> list[str]:
        if first:
            self._lines.insert(0, first)
        await workflow.wait_condition(lambda: self._closed)
        return self._lines


async def test_in_order_of_arrival(client: Client, working: Working, workflow_id: str, task_queue: str) -> None:
    """Half of them wait for the worker, half come while it works."""
    lines = [f"line {n}" for n in range(40)]
    handle = await client.start_workflow(Notebook.run, id=workflow_id, task_queue=task_queue)
    for line in lines[:20]:
        await handle.signal(Notebook.write, line)
    async with working(Notebook):
        for line in lines[20:]:
            await handle.signal(Notebook.write, line)
        await handle.signal(Notebook.close)
        assert await handle.result() == lines
    assert counts(await events_of(handle))["WorkflowExecutionSignaled"] == 41


async def test_many_at_once_are_all_heard(client: Client, working: Working, workflow_id: str) -> None:
    lines = {f"line {n}" for n in range(50)}
    async with working(Notebook) as queue:
        handle = await client.start_workflow(Notebook.run, id=workflow_id, task_queue=queue)
        await asyncio.gather(*(handle.signal(Notebook.write, line) for line in lines))
        await handle.signal(Notebook.close)
        heard = await handle.result()
    assert (set(heard), len(heard)) == (lines, 50)


async def test_unknown_name_is_only_a_matter_of_the_worker(client: Client, working: Working, workflow_id: str) -> None:
    async with working(Notebook) as queue:
        handle = await client.start_workflow(Notebook.run, id=workflow_id, task_queue=queue)
        await handle.signal("gossip", {"about": ["you"]})
        await handle.signal(Notebook.close)
        assert await handle.result() == ["?gossip"]


async def test_buffered_while_a_task_is_open(client: Client, workflow_id: str, task_queue: str) -> None:
    """What arrives during a task comes behind it in history, and is the next task."""
    worker = RawWorker(client, task_queue)
    handle = await client.start_workflow("Any", id=workflow_id, task_queue=task_queue)
    task = await worker.poll()
    for n in range(3):
        await handle.signal("note", n)
    await worker.answer(task)
    second = await worker.poll()
    assert names(second.history.events) == [
        "WorkflowExecutionStarted",
        "WorkflowTaskScheduled",
        "WorkflowTaskStarted",
        "WorkflowTaskCompleted",
        "WorkflowExecutionSignaled",
        "WorkflowExecutionSignaled",
        "WorkflowExecutionSignaled",
        "WorkflowTaskScheduled",
        "WorkflowTaskStarted",
    ]
    signals = [event.workflow_execution_signaled_event_attributes for event in second.history.events[4:7]]
    assert [signal.input.payloads[0].data for signal in signals] == [b"0", b"1", b"2"]
    await worker.answer(second, complete("done"))
    assert await handle.result() == "done"


async def test_a_task_cannot_close_over_an_unseen_signal(client: Client, workflow_id: str, task_queue: str) -> None:
    """The closing command is thrown out with a failed task, and the worker gets another one that has the signal."""
    worker = RawWorker(client, task_queue)
    handle = await client.start_workflow("Any", id=workflow_id, task_queue=task_queue)
    task = await worker.poll()
    await handle.signal("wait")
    with pytest.raises(RPCError) as refused:
        await worker.answer(task, complete("too early"))
    assert (refused.value.status, refused.value.message) == (RPCStatusCode.INVALID_ARGUMENT, "UnhandledCommand")
    second = await worker.poll()
    assert names(second.history.events)[3:5] == ["WorkflowTaskFailed", "WorkflowExecutionSignaled"]
    await worker.answer(second, complete("in time"))
    assert await handle.result() == "in time"


async def test_same_request_counts_once(client: Client, working: Working, workflow_id: str) -> None:
    async with working(Notebook) as queue:
        handle = await client.start_workflow(Notebook.run, id=workflow_id, task_queue=queue)
        request = SignalWorkflowExecutionRequest(
            namespace=client.namespace,
            workflow_execution=WorkflowExecution(workflow_id=workflow_id),
            signal_name="echo",
            request_id="the very same",
        )
        for _ in range(3):
            await client.workflow_service.signal_workflow_execution(request)
        await handle.signal(Notebook.close)
        assert await handle.result() == ["?echo"]


async def test_signal_with_start(client: Client, working: Working, workflow_id: str) -> None:
    """Starts what is not there, signals what is, and starts anew what is closed."""

    async def signal(line: str):
        return await client.start_workflow(
            Notebook.run,
            "started",
            id=workflow_id,
            task_queue=queue,
            start_signal="write",
            start_signal_args=[line],
        )

    async with working(Notebook) as queue:
        first = await signal("one")
        await signal("two")
        await first.signal(Notebook.close)
        assert await first.result() == ["started", "one", "two"]
        other = await signal("three")
        assert other.first_execution_run_id != first.first_execution_run_id
        await other.signal(Notebook.close)
        assert await other.result() == ["started", "three"]
    run = client.get_workflow_handle(workflow_id, run_id=first.first_execution_run_id)
    assert names(await events_of(run))[:3] == [
        "WorkflowExecutionStarted",
        "WorkflowExecutionSignaled",
        "WorkflowTaskScheduled",
    ]


async def test_signal_with_start_says_whether_it_started(client: Client, unique: Callable[[], str]) -> None:
    request = SignalWithStartWorkflowExecutionRequest(
        namespace=client.namespace,
        workflow_id=unique(),
        workflow_type=WorkflowType(name="Any"),
        task_queue=TaskQueue(name=unique()),
        signal_name="knock",
        request_id="one",
    )
    first = await client.workflow_service.signal_with_start_workflow_execution(request)
    request.request_id = "two"
    second = await client.workflow_service.signal_with_start_workflow_execution(request)
    assert (first.started, second.started) == (True, False)
    assert first.run_id == second.run_id


async def test_same_signal_with_start_counts_once(client: Client, workflow_id: str, task_queue: str) -> None:
    """While the run is open: the run remembers the signal, and is not started or signalled again."""
    request = SignalWithStartWorkflowExecutionRequest(
        namespace=client.namespace,
        workflow_id=workflow_id,
        workflow_type=WorkflowType(name="Any"),
        task_queue=TaskQueue(name=task_queue),
        signal_name="knock",
        request_id="the very same",
    )
    first = await client.workflow_service.signal_with_start_workflow_execution(request)
    second = await client.workflow_service.signal_with_start_workflow_execution(request)
    assert (second.run_id, first.started, second.started) == (first.run_id, True, False)
    handle = client.get_workflow_handle(workflow_id)
    assert counts(await events_of(handle))["WorkflowExecutionSignaled"] == 1


async def test_another_signal_with_start_after_the_end(client: Client, workflow_id: str, task_queue: str) -> None:
    """Once the run is closed, or made to give way, another signal starts another run."""
    request = SignalWithStartWorkflowExecutionRequest(
        namespace=client.namespace,
        workflow_id=workflow_id,
        workflow_type=WorkflowType(name="Any"),
        task_queue=TaskQueue(name=task_queue),
        signal_name="knock",
        request_id="one",
    )
    signal = client.workflow_service.signal_with_start_workflow_execution
    first = await signal(request)
    await client.get_workflow_handle(workflow_id, run_id=first.run_id).terminate()
    request.request_id = "two"
    second = await signal(request)
    request.request_id = "three"
    request.workflow_id_conflict_policy = WorkflowIdConflictPolicy.WORKFLOW_ID_CONFLICT_POLICY_TERMINATE_EXISTING
    third = await signal(request)
    assert len({first.run_id, second.run_id, third.run_id}) == 3
    assert (second.started, third.started) == (True, True)
    ended = client.get_workflow_handle(workflow_id, run_id=second.run_id)
    assert (await ended.describe()).status == WorkflowExecutionStatus.TERMINATED
    newest = client.get_workflow_handle(workflow_id, run_id=third.run_id)
    assert counts(await events_of(newest))["WorkflowExecutionSignaled"] == 1


async def test_signal_with_start_tolerates_a_running_one(client: Client, workflow_id: str, task_queue: str) -> None:
    """The policy that would refuse is itself refused: the call exists to tolerate a running one."""
    with pytest.raises((RPCError, WorkflowAlreadyStartedError)) as refused:
        await client.start_workflow(
            "Any",
            id=workflow_id,
            task_queue=task_queue,
            start_signal="write",
            id_conflict_policy=WorkflowIDConflictPolicy.FAIL,
        )
    assert isinstance(refused.value, RPCError)
    assert refused.value.status == RPCStatusCode.INVALID_ARGUMENT


async def test_nobody_to_signal(client: Client, working: Working, workflow_id: str) -> None:
    handle = client.get_workflow_handle(workflow_id)
    with pytest.raises(RPCError) as missing:
        await handle.signal(Notebook.close)
    assert missing.value.status == RPCStatusCode.NOT_FOUND

    async with working(Notebook) as queue:
        handle = await client.start_workflow(Notebook.run, id=workflow_id, task_queue=queue)
        await handle.signal(Notebook.close)
        await handle.result()
        with pytest.raises(RPCError) as closed:
            await handle.signal(Notebook.close)
    assert closed.value.status == RPCStatusCode.NOT_FOUND
    assert closed.value.message == "workflow execution already completed"
