"""Child workflows, and signals and cancellations between workflows."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from temporalio import workflow
from temporalio.client import Client, WorkflowExecutionStatus, WorkflowFailureError
from temporalio.common import RetryPolicy, SearchAttributePair, TypedSearchAttributes, WorkflowIDReusePolicy
from temporalio.exceptions import (
    ApplicationError,
    CancelledError,
    ChildWorkflowError,
    RetryState,
    TerminatedError,
    TimeoutError,
    WorkflowAlreadyStartedError,
)
from temporalio.service import RPCError
from temporalio.workflow import ChildWorkflowCancellationType, ParentClosePolicy

import attributes
from conftest import Working
from history import counts, events_of, eventually, names, only, until


@workflow.defn
class Child:
    """Does as its one argument says."""

    def __init__(self) -> None:
        self._released = False
        self._let_go = False

    @workflow.signal
    def release(self) -> None:
        self._released = True

    @workflow.signal
    def let_go(self) -> None:
        """Ends the wait of a child that has been cancelled and is slow to go."""
        self._let_go = True

    @workflow.run
    async def run(self, how: str) -> str:
        match how:
            case "fail":
                raise ApplicationError("child says no", "detail", type="Naughty", non_retryable=True)
            case "succeed at 3":
                if workflow.info().attempt < 3:
                    raise ApplicationError("not yet")
                return f"attempt {workflow.info().attempt}"
            case "again":
                workflow.continue_as_new("twice")
            case "slow to go":
                try:
                    await workflow.wait_condition(lambda: self._released)
                except asyncio.CancelledError:
                    await workflow.wait_condition(lambda: self._let_go)
                    raise
            case "wait":
                await workflow.wait_condition(lambda: self._released)
        return f"{how} by {workflow.info().workflow_id}"


@workflow.defn
class Parent:
    @workflow.run
    async def run(self, how: str) -> str:
        return await workflow.execute_child_workflow(
            Child.run,
            how,
            id=f"{workflow.info().workflow_id}/child",
            retry_policy=RetryPolicy(initial_interval=timedelta(milliseconds=10)),
            memo={"note": "from parent"},
            search_attributes=TypedSearchAttributes([SearchAttributePair(attributes.WORD, "offspring")]),
        )


@pytest.mark.parametrize(
    ("how", "result"), [("plain", "plain by {child}"), ("again", "twice by {child}"), ("succeed at 3", "attempt 3")]
)
async def test_result(client: Client, working: Working, workflow_id: str, how: str, result: str) -> None:
    """A child's later runs, by continue-as-new or retry, are still the child its parent waits for."""
    child_id = f"{workflow_id}/child"
    async with working(Parent, Child) as queue:
        handle = await client.start_workflow(Parent.run, how, id=workflow_id, task_queue=queue)
        assert await handle.result() == result.format(child=child_id)
    assert names(await events_of(handle)) == [
        "WorkflowExecutionStarted",
        "WorkflowTaskScheduled",
        "WorkflowTaskStarted",
        "WorkflowTaskCompleted",
        "StartChildWorkflowExecutionInitiated",
        "ChildWorkflowExecutionStarted",
        "WorkflowTaskScheduled",
        "WorkflowTaskStarted",
        "WorkflowTaskCompleted",
        "ChildWorkflowExecutionCompleted",
        "WorkflowTaskScheduled",
        "WorkflowTaskStarted",
        "WorkflowTaskCompleted",
        "WorkflowExecutionCompleted",
    ]
    described = await client.get_workflow_handle(child_id).describe()
    assert (described.parent_id, described.parent_run_id) == (workflow_id, handle.result_run_id)
    assert (described.root_id, described.root_run_id) == (workflow_id, handle.result_run_id)
    assert await described.memo_value("note") == "from parent"
    assert described.typed_search_attributes[attributes.WORD] == "offspring"


async def test_failure(client: Client, working: Working, workflow_id: str) -> None:
    async with working(Parent, Child) as queue:
        handle = await client.start_workflow(Parent.run, "fail", id=workflow_id, task_queue=queue)
        with pytest.raises(WorkflowFailureError) as failure:
            await handle.result()
    error = failure.value.cause
    assert isinstance(error, ChildWorkflowError)
    assert (error.workflow_id, error.workflow_type) == (f"{workflow_id}/child", "Child")
    assert error.retry_state == RetryState.NON_RETRYABLE_FAILURE
    cause = error.cause
    assert isinstance(cause, ApplicationError)
    assert (cause.message, cause.type, list(cause.details)) == ("child says no", "Naughty", ["detail"])


@workflow.defn
class ParentOfStuckChild:
    @workflow.run
    async def run(self) -> str:
        return await workflow.execute_child_workflow(
            Child.run, "wait", id=f"{workflow.info().workflow_id}/child", run_timeout=timedelta(seconds=1)
        )


async def test_timeout_and_termination(client: Client, working: Working, workflow_id: str) -> None:
    async with working(Parent, ParentOfStuckChild, Child) as queue:
        late = await client.start_workflow(ParentOfStuckChild.run, id=f"{workflow_id}/late", task_queue=queue)
        ended = await client.start_workflow(Parent.run, "wait", id=f"{workflow_id}/ended", task_queue=queue)
        await until(ended, "ChildWorkflowExecutionStarted")
        await client.get_workflow_handle(f"{workflow_id}/ended/child").terminate(reason="by test")
        for handle, kind in ((ended, TerminatedError), (late, TimeoutError)):
            with pytest.raises(WorkflowFailureError) as failure:
                await handle.result()
            assert isinstance(failure.value.cause, ChildWorkflowError)
            assert isinstance(failure.value.cause.cause, kind)


@workflow.defn
class ParentOfTwin:
    """Wants a child by an id that is taken."""

    @workflow.run
    async def run(self, child_id: str, reject: bool) -> str:
        policy = WorkflowIDReusePolicy.REJECT_DUPLICATE if reject else WorkflowIDReusePolicy.ALLOW_DUPLICATE
        try:
            await workflow.execute_child_workflow(Child.run, "plain", id=child_id, id_reuse_policy=policy)
        except WorkflowAlreadyStartedError as error:
            return f"taken: {error.workflow_id}"
        return "free"


async def test_id_is_taken(client: Client, working: Working, workflow_id: str) -> None:
    taken = f"{workflow_id}/taken"
    async with working(ParentOfTwin, Child) as queue:
        holder = await client.start_workflow(Child.run, "wait", id=taken, task_queue=queue)

        async def run(reject: bool) -> str:
            return await client.execute_workflow(
                ParentOfTwin.run, args=[taken, reject], id=workflow_id, task_queue=queue
            )

        assert await run(False) == f"taken: {taken}"
        await holder.signal(Child.release)
        await holder.result()
        assert await run(True) == f"taken: {taken}"
        assert await run(False) == "free"
    assert counts(await events_of(client.get_workflow_handle(workflow_id)))["ChildWorkflowExecutionCompleted"] == 1


@workflow.defn
class Leaving:
    """Ends while its child runs."""

    @workflow.run
    async def run(self, policy: int) -> None:
        await workflow.start_child_workflow(
            Child.run,
            "wait",
            id=f"{workflow.info().workflow_id}/child",
            parent_close_policy=ParentClosePolicy(policy),
        )


@pytest.mark.parametrize(
    ("policy", "status"),
    [
        (ParentClosePolicy.TERMINATE, WorkflowExecutionStatus.TERMINATED),
        (ParentClosePolicy.REQUEST_CANCEL, WorkflowExecutionStatus.CANCELED),
        (ParentClosePolicy.ABANDON, WorkflowExecutionStatus.COMPLETED),
    ],
)
async def test_parent_closes_first(
    client: Client, working: Working, workflow_id: str, policy: ParentClosePolicy, status: WorkflowExecutionStatus
) -> None:
    async with working(Leaving, Child) as queue:
        await client.execute_workflow(Leaving.run, int(policy), id=workflow_id, task_queue=queue)
        child = client.get_workflow_handle(f"{workflow_id}/child")
        if policy == ParentClosePolicy.ABANDON:
            await child.signal(Child.release)

        async def now() -> WorkflowExecutionStatus | None:
            return (await child.describe()).status

        assert await eventually(now, lambda found: found != WorkflowExecutionStatus.RUNNING) == status


@workflow.defn
class Recalling:
    """Cancels its child when told to, and says how that ended when it may finish."""

    def __init__(self) -> None:
        self._told = False
        self._finish = False

    @workflow.signal
    def recall(self) -> None:
        self._told = True

    @workflow.signal
    def finish(self) -> None:
        self._finish = True

    @workflow.run
    async def run(self, kind: int) -> str:
        child = await workflow.start_child_workflow(
            Child.run,
            "slow to go",
            id=f"{workflow.info().workflow_id}/child",
            cancellation_type=ChildWorkflowCancellationType(kind),
            parent_close_policy=ParentClosePolicy.ABANDON,
        )
        await workflow.wait_condition(lambda: self._told)
        child.cancel()
        try:
            outcome = await child
        except ChildWorkflowError as error:
            outcome = type(error.cause).__name__
        await workflow.wait_condition(lambda: self._finish)
        return outcome


@pytest.mark.parametrize(
    "kind",
    [
        ChildWorkflowCancellationType.WAIT_CANCELLATION_COMPLETED,
        ChildWorkflowCancellationType.WAIT_CANCELLATION_REQUESTED,
        ChildWorkflowCancellationType.TRY_CANCEL,
        ChildWorkflowCancellationType.ABANDON,
    ],
)
async def test_cancelled_by_parent(
    client: Client, working: Working, workflow_id: str, kind: ChildWorkflowCancellationType
) -> None:
    """The child goes only when it is let go, so a parent that ends before has not waited for it."""
    requested = kind != ChildWorkflowCancellationType.ABANDON
    # The SDK waits for the end of the child in both of its waiting kinds.
    waits = kind not in (ChildWorkflowCancellationType.TRY_CANCEL, ChildWorkflowCancellationType.ABANDON)
    async with working(Recalling, Child) as queue:
        handle = await client.start_workflow(Recalling.run, int(kind), id=workflow_id, task_queue=queue)
        child = client.get_workflow_handle(f"{workflow_id}/child")
        await until(handle, "ChildWorkflowExecutionStarted")
        await handle.signal(Recalling.recall)
        if requested:
            await until(handle, "ExternalWorkflowExecutionCancelRequested")
        if waits:
            await child.signal(Child.let_go)
        await handle.signal(Recalling.finish)
        assert await handle.result() == "CancelledError"
        if not waits:
            await child.signal(Child.let_go if requested else Child.release)
        if requested:
            with pytest.raises(WorkflowFailureError) as failure:
                await child.result()
            assert isinstance(failure.value.cause, CancelledError)
        else:
            assert await child.result() == f"slow to go by {workflow_id}/child"
    found = counts(await events_of(handle))
    assert found["RequestCancelExternalWorkflowExecutionInitiated"] == int(requested)
    assert found["ChildWorkflowExecutionCanceled"] == int(waits)


@workflow.defn
class Meddler:
    """Signals or cancels a workflow that is not its own."""

    @workflow.run
    async def run(self, what: str, target: str) -> str:
        other = workflow.get_external_workflow_handle(target)
        try:
            if what == "signal":
                await other.signal(Child.release)
            else:
                await other.cancel()
        except ApplicationError as error:
            return error.message
        return "done"


async def test_signal_to_another(client: Client, working: Working, workflow_id: str) -> None:
    other_id = f"{workflow_id}/other"
    async with working(Meddler, Child) as queue:
        other = await client.start_workflow(Child.run, "wait", id=other_id, task_queue=queue)
        handle = await client.start_workflow(Meddler.run, args=["signal", other_id], id=workflow_id, task_queue=queue)
        assert await handle.result() == "done"
        assert await other.result() == f"wait by {other_id}"
    found = counts(await events_of(handle))
    assert found["SignalExternalWorkflowExecutionInitiated"] == 1
    assert found["ExternalWorkflowExecutionSignaled"] == 1
    signalled = only(await events_of(other), "WorkflowExecutionSignaled").workflow_execution_signaled_event_attributes
    assert signalled.external_workflow_execution.workflow_id == workflow_id


async def test_cancellation_of_another(client: Client, working: Working, workflow_id: str) -> None:
    other_id = f"{workflow_id}/other"
    async with working(Meddler, Child) as queue:
        other = await client.start_workflow(Child.run, "wait", id=other_id, task_queue=queue)
        handle = await client.start_workflow(Meddler.run, args=["cancel", other_id], id=workflow_id, task_queue=queue)
        assert await handle.result() == "done"
        with pytest.raises(WorkflowFailureError) as failure:
            await other.result()
    assert isinstance(failure.value.cause, CancelledError)
    assert counts(await events_of(handle))["ExternalWorkflowExecutionCancelRequested"] == 1


@pytest.mark.parametrize(
    ("what", "event"),
    [
        ("signal", "SignalExternalWorkflowExecutionFailed"),
        ("cancel", "RequestCancelExternalWorkflowExecutionFailed"),
    ],
)
async def test_nobody_there(client: Client, working: Working, workflow_id: str, what: str, event: str) -> None:
    async with working(Meddler) as queue:
        handle = await client.start_workflow(Meddler.run, args=[what, "nobody"], id=workflow_id, task_queue=queue)
        assert "not found" in (await handle.result()).lower()
    assert counts(await events_of(handle))[event] == 1


@workflow.defn
class Brood:
    @workflow.run
    async def run(self, many: int) -> int:
        results = await asyncio.gather(
            *(
                workflow.execute_child_workflow(Child.run, "plain", id=f"{workflow.info().workflow_id}/{n}")
                for n in range(many)
            )
        )
        return len(set(results))


async def test_many_at_once(client: Client, working: Working, workflow_id: str) -> None:
    async with working(Brood, Child) as queue:
        handle = await client.start_workflow(Brood.run, 25, id=workflow_id, task_queue=queue)
        assert await handle.result() == 25
    found = counts(await events_of(handle))
    assert (found["ChildWorkflowExecutionStarted"], found["ChildWorkflowExecutionCompleted"]) == (25, 25)


async def test_pending_child_is_described(client: Client, working: Working, workflow_id: str) -> None:
    async with working(Parent, Child) as queue:
        handle = await client.start_workflow(Parent.run, "wait", id=workflow_id, task_queue=queue)
        await until(handle, "ChildWorkflowExecutionStarted")
        (pending,) = (await handle.describe()).raw_description.pending_children
        assert (pending.workflow_id, pending.workflow_type_name) == (f"{workflow_id}/child", "Child")
        await client.get_workflow_handle(pending.workflow_id, run_id=pending.run_id).signal(Child.release)
        await handle.result()
        assert not (await handle.describe()).raw_description.pending_children
        with pytest.raises(RPCError):
            await client.get_workflow_handle(pending.workflow_id).signal(Child.release)
