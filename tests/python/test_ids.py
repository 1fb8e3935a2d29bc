"""Who may use a workflow id again, and when."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
from temporalio import workflow
from temporalio.api.common.v1 import Link, WorkflowExecution, WorkflowType
from temporalio.api.enums.v1 import EventType
from temporalio.api.enums.v1 import WorkflowIdConflictPolicy as ConflictPolicy
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflow.v1 import OnConflictOptions
from temporalio.api.workflowservice.v1 import (
    DescribeWorkflowExecutionRequest,
    RequestCancelWorkflowExecutionRequest,
    StartWorkflowExecutionRequest,
    TerminateWorkflowExecutionRequest,
)
from temporalio.client import Client, WorkflowExecutionStatus, WorkflowHandle
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import ApplicationError, WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from conftest import Working
from history import counted, events_of, name, names, only
from raw import RawWorker, continue_as_new

Start = Callable[..., Awaitable[WorkflowHandle]]


@workflow.defn
class End:
    @workflow.run
    async def run(self, well: bool) -> None:
        if not well:
            raise ApplicationError("badly", non_retryable=True)


@pytest.fixture
def start(client: Client, workflow_id: str, task_queue: str) -> Start:
    """Starts the same id again, with other policies each time; nobody works on it."""

    async def run(**policies: object) -> WorkflowHandle:
        return await client.start_workflow("End", True, id=workflow_id, task_queue=task_queue, **policies)

    return run


async def status_of(handle: WorkflowHandle) -> WorkflowExecutionStatus | None:
    return (await handle.describe()).status


@pytest.mark.parametrize(
    ("policy", "after_success", "after_failure"),
    [
        (WorkflowIDReusePolicy.ALLOW_DUPLICATE, True, True),
        (WorkflowIDReusePolicy.ALLOW_DUPLICATE_FAILED_ONLY, False, True),
        (WorkflowIDReusePolicy.REJECT_DUPLICATE, False, False),
    ],
)
async def test_after_the_end(
    client: Client,
    working: Working,
    unique: Callable[[], str],
    policy: WorkflowIDReusePolicy,
    after_success: bool,
    after_failure: bool,
) -> None:
    async with working(End) as queue:
        for well, allowed in ((True, after_success), (False, after_failure)):
            workflow_id = unique()
            first = await client.start_workflow(End.run, well, id=workflow_id, task_queue=queue)
            try:
                await first.result()
            except Exception:
                assert not well
            again = client.start_workflow(End.run, True, id=workflow_id, task_queue=queue, id_reuse_policy=policy)
            if allowed:
                second = await again
                assert second.first_execution_run_id != first.first_execution_run_id
                await second.result()
                continue
            with pytest.raises(WorkflowAlreadyStartedError) as taken:
                await again
            assert taken.value.run_id == first.first_execution_run_id
            assert (taken.value.workflow_id, taken.value.workflow_type) == (workflow_id, "End")


@pytest.mark.parametrize(
    "policies",
    [
        {},
        {"id_conflict_policy": WorkflowIDConflictPolicy.FAIL},
        {"id_reuse_policy": WorkflowIDReusePolicy.REJECT_DUPLICATE},
    ],
    ids=["default", "conflict-fail", "reject-duplicate"],
)
async def test_refused_while_running(start: Start, policies: dict[str, object]) -> None:
    first = await start()
    with pytest.raises(WorkflowAlreadyStartedError) as taken:
        await start(**policies)
    assert taken.value.run_id == first.first_execution_run_id
    assert await status_of(first) == WorkflowExecutionStatus.RUNNING


async def test_use_existing(start: Start, client: Client, workflow_id: str) -> None:
    first = await start()
    same = await start(id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING)
    assert same.first_execution_run_id == first.first_execution_run_id
    assert same.result_run_id == first.result_run_id
    await first.terminate()
    other = await start(id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING)
    assert other.first_execution_run_id != first.first_execution_run_id
    await counted(client, f"WorkflowId = '{workflow_id}'", 2)


@pytest.mark.parametrize(
    "policies",
    [
        {"id_conflict_policy": WorkflowIDConflictPolicy.TERMINATE_EXISTING},
        {"id_reuse_policy": WorkflowIDReusePolicy.TERMINATE_IF_RUNNING},
    ],
    ids=["conflict-policy", "reuse-policy"],
)
async def test_replace_the_running_one(
    start: Start, client: Client, workflow_id: str, policies: dict[str, object]
) -> None:
    first = await start()
    second = await start(**policies)
    old = client.get_workflow_handle(workflow_id, run_id=first.first_execution_run_id)
    assert second.first_execution_run_id != first.first_execution_run_id
    assert await status_of(old) == WorkflowExecutionStatus.TERMINATED
    assert name((await events_of(old))[-1]) == "WorkflowExecutionTerminated"
    assert await status_of(client.get_workflow_handle(workflow_id)) == WorkflowExecutionStatus.RUNNING


async def test_policies_that_exclude_each_other(start: Start) -> None:
    with pytest.raises(RPCError) as refused:
        await start(
            id_reuse_policy=WorkflowIDReusePolicy.TERMINATE_IF_RUNNING,
            id_conflict_policy=WorkflowIDConflictPolicy.FAIL,
        )
    assert refused.value.status == RPCStatusCode.INVALID_ARGUMENT


async def test_same_request_starts_once(client: Client, workflow_id: str, task_queue: str) -> None:
    """As a client repeats what got no answer: the same run comes back, even when it has closed meanwhile."""
    request = StartWorkflowExecutionRequest(
        namespace=client.namespace,
        workflow_id=workflow_id,
        workflow_type=WorkflowType(name="End"),
        task_queue=TaskQueue(name=task_queue),
        request_id="the very same",
    )
    first = await client.workflow_service.start_workflow_execution(request)
    second = await client.workflow_service.start_workflow_execution(request)
    assert (first.started, second.started) == (True, True)
    await client.get_workflow_handle(workflow_id).terminate()
    third = await client.workflow_service.start_workflow_execution(request)
    assert first.run_id == second.run_id == third.run_id
    await counted(client, f"WorkflowId = '{workflow_id}'", 1)


def start_request(client: Client, workflow_id: str, task_queue: str, request_id: str) -> StartWorkflowExecutionRequest:
    return StartWorkflowExecutionRequest(
        namespace=client.namespace,
        workflow_id=workflow_id,
        workflow_type=WorkflowType(name="Any"),
        task_queue=TaskQueue(name=task_queue),
        request_id=request_id,
    )


async def test_attach_to_the_running_one(client: Client, workflow_id: str, task_queue: str) -> None:
    """The run that stands in for the one asked for notes the request and its links, and knows the request again."""
    service = client.workflow_service
    first = await service.start_workflow_execution(start_request(client, workflow_id, task_queue, "first"))
    request = start_request(client, workflow_id, task_queue, "second")
    request.workflow_id_conflict_policy = ConflictPolicy.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING
    request.on_conflict_options.CopyFrom(OnConflictOptions(attach_request_id=True, attach_links=True))
    link = Link(workflow_event=Link.WorkflowEvent(namespace=client.namespace, workflow_id="caller", run_id=first.run_id))
    link.workflow_event.event_ref.event_id = 1
    link.workflow_event.event_ref.event_type = EventType.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED
    request.links.append(link)
    second = await service.start_workflow_execution(request)
    assert (second.run_id, second.started) == (first.run_id, False)
    assert second.link.workflow_event.request_id_ref.request_id == "second"
    repeated = await service.start_workflow_execution(request)
    assert repeated.run_id == first.run_id
    noted = only(await events_of(client.get_workflow_handle(workflow_id)), "WorkflowExecutionOptionsUpdated")
    assert noted.workflow_execution_options_updated_event_attributes.attached_request_id == "second"
    assert list(noted.links) == [link]
    described = await service.describe_workflow_execution(
        DescribeWorkflowExecutionRequest(
            namespace=client.namespace, execution=WorkflowExecution(workflow_id=workflow_id)
        )
    )
    known = described.workflow_extended_info.request_id_infos
    assert {request_id: info.event_id for request_id, info in known.items()} == {"first": 1, "second": noted.event_id}


async def test_attach_nothing(client: Client, workflow_id: str, task_queue: str) -> None:
    """A request that asks for no note leaves none."""
    service = client.workflow_service
    first = await service.start_workflow_execution(start_request(client, workflow_id, task_queue, "first"))
    request = start_request(client, workflow_id, task_queue, "second")
    request.workflow_id_conflict_policy = ConflictPolicy.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING
    second = await service.start_workflow_execution(request)
    assert (second.run_id, second.started) == (first.run_id, False)
    events = await events_of(client.get_workflow_handle(workflow_id))
    assert names(events) == ["WorkflowExecutionStarted", "WorkflowTaskScheduled"]


async def test_the_first_run_stands_for_its_chain(client: Client, workflow_id: str, task_queue: str) -> None:
    """Who names the first run of a chain means its newest one, even beside the id of a run that is closed."""
    worker = RawWorker(client, task_queue)
    service = client.workflow_service
    first = await service.start_workflow_execution(start_request(client, workflow_id, task_queue, "first"))
    await worker.answer(await worker.poll(), continue_as_new("Any"))
    stale = WorkflowExecution(workflow_id=workflow_id, run_id=first.run_id)
    newest = client.get_workflow_handle(workflow_id, run_id=(await worker.poll()).workflow_execution.run_id)
    assert newest.run_id != first.run_id
    await service.request_cancel_workflow_execution(
        RequestCancelWorkflowExecutionRequest(
            namespace=client.namespace, workflow_execution=stale, first_execution_run_id=first.run_id
        )
    )
    described = await service.describe_workflow_execution(
        DescribeWorkflowExecutionRequest(
            namespace=client.namespace, execution=WorkflowExecution(workflow_id=workflow_id, run_id=newest.run_id)
        )
    )
    assert described.workflow_extended_info.cancel_requested
    await service.terminate_workflow_execution(
        TerminateWorkflowExecutionRequest(
            namespace=client.namespace, workflow_execution=stale, first_execution_run_id=first.run_id
        )
    )
    assert await status_of(newest) == WorkflowExecutionStatus.TERMINATED


async def test_only_the_chain_meant_is_ended(start: Start, client: Client, workflow_id: str) -> None:
    """A handle from a start speaks of its own chain of runs, and leaves a later one alone."""
    first = await start()
    second = await start(id_conflict_policy=WorkflowIDConflictPolicy.TERMINATE_EXISTING)
    stale = client.get_workflow_handle(workflow_id, first_execution_run_id=first.first_execution_run_id)
    for attempt in (stale.cancel(), stale.terminate()):
        with pytest.raises(RPCError) as refused:
            await attempt
        assert refused.value.status == RPCStatusCode.NOT_FOUND
    assert await status_of(second) == WorkflowExecutionStatus.RUNNING
    await second.terminate(reason="enough")
    ended = only(await events_of(second), "WorkflowExecutionTerminated")
    assert ended.workflow_execution_terminated_event_attributes.reason == "enough"
