"""Updates: a worker accepts or rejects them, and they have an outcome; what was rejected leaves no trace."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from temporalio import workflow
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import EventType
from temporalio.api.update.v1 import Input, Meta, Request
from temporalio.api.workflowservice.v1 import PollWorkflowExecutionUpdateRequest, UpdateWorkflowExecutionRequest
from temporalio.client import (
    Client,
    WithStartWorkflowOperation,
    WorkflowHandle,
    WorkflowUpdateFailedError,
    WorkflowUpdateStage,
)
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.exceptions import ApplicationError, WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from conftest import Working
from history import events_of, name, names, only
from server import Server
from updates import ACCEPTED, COMPLETED, IDLE, TASK, poll, send, stage, update


@workflow.defn
class Account:
    """Counts up by updates."""

    def __init__(self) -> None:
        self._count = 0
        self._closed = False
        self._released = False

    @workflow.update
    def add(self, many: int) -> int:
        self._count += many
        return self._count

    @add.validator
    def check(self, many: int) -> None:
        if many < 0:
            raise ValueError("too small")

    @workflow.update
    async def wait_and_add(self, many: int) -> int:
        await workflow.wait_condition(lambda: self._released)
        self._count += many
        return self._count

    @workflow.update
    async def fails(self) -> None:
        raise ApplicationError("not today")

    @workflow.update
    async def close_now(self) -> str:
        self._closed = True
        return "closed"

    @workflow.query
    def count(self) -> int:
        return self._count

    @workflow.signal
    def release(self) -> None:
        self._released = True

    @workflow.signal
    def close(self) -> None:
        self._closed = True

    @workflow.run
    async def run(self) -> int:
        await workflow.wait_condition(lambda: self._closed)
        return self._count


async def idle(client: Client, workflow_id: str, queue: str) -> WorkflowHandle:
    """An account whose first workflow task is done."""
    handle = await client.start_workflow(Account.run, id=workflow_id, task_queue=queue)
    assert await handle.query(Account.count) == 0
    return handle


async def test_an_update_to_an_idle_workflow_is_one_task(client: Client, working: Working, workflow_id: str) -> None:
    async with working(Account) as queue:
        handle = await idle(client, workflow_id, queue)
        assert await handle.execute_update(Account.add, 2, id="one") == 2
        events = await events_of(handle)
        assert names(events) == [*IDLE, *TASK, ACCEPTED, COMPLETED]
        accepted, completed = only(events, ACCEPTED), only(events, COMPLETED)
        attributes = accepted.workflow_execution_update_accepted_event_attributes
        assert attributes.protocol_instance_id == "one"
        assert attributes.accepted_request_message_id == "one/request"
        assert attributes.accepted_request_sequencing_event_id == 5
        assert attributes.accepted_request.input.name == "add"
        assert completed.workflow_execution_update_completed_event_attributes.accepted_event_id == accepted.event_id
        assert completed.workflow_execution_update_completed_event_attributes.meta.update_id == "one"
        assert await handle.query(Account.count) == 2


async def test_a_rejection_leaves_no_trace(client: Client, working: Working, workflow_id: str) -> None:
    async with working(Account) as queue:
        handle = await idle(client, workflow_id, queue)
        for _ in range(3):
            with pytest.raises(WorkflowUpdateFailedError) as refusal:
                await handle.execute_update(Account.add, -1, id="same")
            assert isinstance(refusal.value.cause, ApplicationError)
            assert refusal.value.cause.message == "too small"
        assert names(await events_of(handle)) == IDLE
        with pytest.raises(RPCError) as missing:
            await poll(handle, "same")
        assert (missing.value.status, missing.value.message) == (RPCStatusCode.NOT_FOUND, 'update "same" not found')
        assert await handle.execute_update(Account.add, 1, id="same") == 1
        await handle.signal(Account.close)
        assert await handle.result() == 1


async def test_a_failed_update_has_a_failure(client: Client, working: Working, workflow_id: str) -> None:
    async with working(Account) as queue:
        handle = await idle(client, workflow_id, queue)
        with pytest.raises(WorkflowUpdateFailedError) as failure:
            await handle.execute_update(Account.fails)
        assert isinstance(failure.value.cause, ApplicationError) and failure.value.cause.message == "not today"
        assert names(await events_of(handle)) == [*IDLE, *TASK, ACCEPTED, COMPLETED]


async def test_waits_for_acceptance_or_completion(client: Client, working: Working, workflow_id: str) -> None:
    async with working(Account) as queue:
        handle = await idle(client, workflow_id, queue)
        update = await handle.start_update(
            Account.wait_and_add, 3, id="slow", wait_for_stage=WorkflowUpdateStage.ACCEPTED
        )
        reached = await poll(handle, "slow")
        assert (reached.stage, reached.HasField("outcome")) == (stage("ACCEPTED"), False)
        assert reached.update_ref.workflow_execution.run_id == handle.first_execution_run_id
        again = await handle.start_update(
            Account.wait_and_add, 7, id="slow", wait_for_stage=WorkflowUpdateStage.ACCEPTED
        )
        waiting = asyncio.create_task(again.result())
        await handle.signal(Account.release)
        assert await update.result() == 3
        assert await waiting == 3
        assert await handle.execute_update(Account.wait_and_add, 9, id="slow") == 3
        reached = await poll(handle, "slow", wait="COMPLETED")
        assert reached.stage == stage("COMPLETED")
        assert reached.outcome.success.payloads[0].data == b"3"
        assert len([event for event in await events_of(handle) if name(event) == ACCEPTED]) == 1


async def test_an_update_without_an_id_gets_one(client: Client, working: Working, workflow_id: str) -> None:
    async with working(Account) as queue:
        handle = await idle(client, workflow_id, queue)
        answers = [await update(handle, "", "add", 1) for _ in range(2)]
        ids = {answer.update_ref.update_id for answer in answers}
        assert len(ids) == 2 and "" not in ids
        assert [answer.outcome.success.payloads[0].data for answer in answers] == [b"1", b"2"]
        link = answers[0].link.workflow_event
        assert (link.workflow_id, link.run_id) == (workflow_id, handle.first_execution_run_id)
        assert link.request_id_ref.event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED


async def test_an_update_before_the_first_task(
    client: Client, working: Working, workflow_id: str, task_queue: str
) -> None:
    handle = await client.start_workflow(Account.run, id=workflow_id, task_queue=task_queue)
    waiting = asyncio.create_task(handle.execute_update(Account.add, 4))
    await asyncio.sleep(0.2)
    async with working(Account):
        assert await waiting == 4
        assert names(await events_of(handle)) == [*IDLE, ACCEPTED, COMPLETED]


async def test_many_updates_at_once(client: Client, working: Working, workflow_id: str) -> None:
    async with working(Account) as queue:
        handle = await idle(client, workflow_id, queue)
        counts = await asyncio.gather(*(handle.execute_update(Account.add, 1) for _ in range(10)))
        assert sorted(counts) == list(range(1, 11))


async def test_queries_and_signals_beside_updates(client: Client, working: Working, workflow_id: str) -> None:
    async with working(Account) as queue:
        handle = await idle(client, workflow_id, queue)
        for turn in range(1, 6):
            added, seen, _ = await asyncio.gather(
                handle.execute_update(Account.add, 1), handle.query(Account.count), handle.signal(Account.release)
            )
            assert added == turn and seen in (turn - 1, turn)
            assert await handle.query(Account.count) == turn


async def test_no_more_than_ten_are_in_flight(client: Client, working: Working, workflow_id: str) -> None:
    async with working(Account) as queue:
        handle = await idle(client, workflow_id, queue)
        for number in range(10):
            await handle.start_update(
                Account.wait_and_add, 1, id=f"slow-{number}", wait_for_stage=WorkflowUpdateStage.ACCEPTED
            )
        with pytest.raises(RPCError) as refusal:
            await update(handle, "one-more", "add", 1, timeout=1)
        assert refusal.value.status == RPCStatusCode.RESOURCE_EXHAUSTED
        assert refusal.value.message == "limit on number of concurrent in-flight updates has been reached (10)"


async def test_a_closed_run_answers_with_what_it_knows(client: Client, working: Working, workflow_id: str) -> None:
    async with working(Account) as queue:
        handle = await idle(client, workflow_id, queue)
        assert await handle.execute_update(Account.add, 5, id="early") == 5
        await handle.start_update(
            Account.wait_and_add, 1, id="unfinished", wait_for_stage=WorkflowUpdateStage.ACCEPTED
        )
        await handle.terminate()
        assert await handle.execute_update(Account.add, 6, id="early") == 5
        with pytest.raises(WorkflowUpdateFailedError) as failure:
            await handle.execute_update(Account.wait_and_add, 1, id="unfinished")
        assert isinstance(failure.value.cause, ApplicationError)
        assert failure.value.cause.type == "AcceptedUpdateCompletedWorkflow"
        with pytest.raises(RPCError) as late:
            await handle.execute_update(Account.add, 1, id="late")
        assert late.value.status == RPCStatusCode.NOT_FOUND
        assert late.value.message == "workflow execution already completed"


async def test_an_update_that_closes_its_workflow(client: Client, working: Working, workflow_id: str) -> None:
    async with working(Account) as queue:
        handle = await idle(client, workflow_id, queue)
        assert await handle.execute_update(Account.close_now) == "closed"
        assert await handle.result() == 0
        assert names(await events_of(handle)) == [*IDLE, *TASK, ACCEPTED, COMPLETED, "WorkflowExecutionCompleted"]


async def test_refuses_what_is_malformed(client: Client, workflow_id: str, task_queue: str) -> None:
    handle = await client.start_workflow("Any", id=workflow_id, task_queue=task_queue)
    good = Request(meta=Meta(update_id="u"), input=Input(name="n"))
    rows = [
        (Request(), stage("COMPLETED"), RPCStatusCode.INVALID_ARGUMENT, "Update meta is not set on request."),
        (
            Request(meta=Meta(update_id="u" * 1001)),
            stage("COMPLETED"),
            RPCStatusCode.INVALID_ARGUMENT,
            "UpdateId length exceeds limit.",
        ),
        (
            Request(meta=Meta()),
            stage("COMPLETED"),
            RPCStatusCode.INVALID_ARGUMENT,
            "Update input is not set on request.",
        ),
        (
            Request(meta=Meta(), input=Input()),
            stage("COMPLETED"),
            RPCStatusCode.INVALID_ARGUMENT,
            "Update name is not set on request.",
        ),
        (
            good,
            stage("ADMITTED"),
            RPCStatusCode.PERMISSION_DENIED,
            "UpdateWorkflowExecution issued asynchronously and waiting on update admitted is not supported.",
        ),
    ]
    for request, wait, status, text in rows:
        with pytest.raises(RPCError) as refusal:
            await send(handle, request, wait)
        assert (refusal.value.status, refusal.value.message) == (status, text)
    with pytest.raises(RPCError) as refusal:
        await client.workflow_service.update_workflow_execution(
            UpdateWorkflowExecutionRequest(
                namespace=client.namespace,
                workflow_execution=WorkflowExecution(workflow_id=workflow_id),
                first_execution_run_id="01a20485-6c98-7b69-b75a-b25c51883b9d",
                request=good,
            )
        )
    assert (refusal.value.status, refusal.value.message) == (
        RPCStatusCode.NOT_FOUND,
        "workflow execution not found",
    )
    with pytest.raises(RPCError) as refusal:
        await client.get_workflow_handle("nobody-" + workflow_id).execute_update("n")
    assert refusal.value.status == RPCStatusCode.NOT_FOUND
    assert refusal.value.message == f"workflow not found for ID: nobody-{workflow_id}"
    with pytest.raises(RPCError) as refusal:
        await client.workflow_service.poll_workflow_execution_update(
            PollWorkflowExecutionUpdateRequest(namespace=client.namespace)
        )
    assert refusal.value.message == "UpdateRef is not set on request."


async def test_update_with_start(client: Client, working: Working, workflow_id: str) -> None:
    async with working(Account) as queue:

        def start(policy: WorkflowIDConflictPolicy) -> WithStartWorkflowOperation:
            return WithStartWorkflowOperation(Account.run, id=workflow_id, task_queue=queue, id_conflict_policy=policy)

        use = WorkflowIDConflictPolicy.USE_EXISTING
        first = start(use)
        assert await client.execute_update_with_start_workflow(Account.add, 1, start_workflow_operation=first) == 1
        handle = await first.workflow_handle()
        assert names(await events_of(handle)) == [*IDLE, ACCEPTED, COMPLETED]
        second = start(use)
        assert await client.execute_update_with_start_workflow(Account.add, 2, start_workflow_operation=second) == 3
        assert (await second.workflow_handle()).first_execution_run_id == handle.first_execution_run_id
        third = start(WorkflowIDConflictPolicy.FAIL)
        with pytest.raises(WorkflowAlreadyStartedError):
            await client.execute_update_with_start_workflow(Account.add, 1, start_workflow_operation=third)
        with pytest.raises(WorkflowAlreadyStartedError):
            await third.workflow_handle()
        with pytest.raises(WorkflowUpdateFailedError):
            await client.execute_update_with_start_workflow(Account.add, -1, start_workflow_operation=start(use))
        await handle.signal(Account.close)
        assert await handle.result() == 3
        again = start(use)
        assert await client.execute_update_with_start_workflow(Account.add, 7, start_workflow_operation=again) == 7
        assert (await again.workflow_handle()).first_execution_run_id != handle.first_execution_run_id


async def test_an_accepted_update_survives_a_crash(tmp_path: Path) -> None:
    """Killed between acceptance and completion: the update is still accepted, and is completed in the end."""
    server = Server(tmp_path / "updates.db")
    await server.start()
    try:
        client = await Client.connect(server.address)
        async with serving(client, "crash"):
            handle = await idle(client, "crash", "crash")
            slow = await handle.start_update(
                Account.wait_and_add, 2, id="slow", wait_for_stage=WorkflowUpdateStage.ACCEPTED
            )
            assert await handle.execute_update(Account.add, 1, id="quick") == 1
            server.kill()
            await server.start()
            assert (await poll(handle, "slow")).stage == stage("ACCEPTED")
            assert (await poll(handle, "quick")).outcome.success.payloads[0].data == b"1"
            await handle.signal(Account.release)
            assert await slow.result() == 3
            assert await handle.execute_update(Account.add, 100, id="quick") == 1
            await handle.signal(Account.close)
            assert await handle.result() == 3
    finally:
        server.stop()


@asynccontextmanager
async def serving(client: Client, queue: str) -> AsyncIterator[None]:
    async with Worker(client, task_queue=queue, workflows=[Account], workflow_runner=UnsandboxedWorkflowRunner()):
        yield
