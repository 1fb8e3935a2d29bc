"""Updates: a worker accepts or rejects them, and they have an outcome; what was rejected leaves no trace."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.message import Message as ProtoMessage
from temporalio import workflow
from temporalio.api.common.v1 import WorkflowExecution, WorkflowType
from temporalio.api.enums.v1 import EventType
from temporalio.api.enums.v1 import UpdateWorkflowExecutionLifecycleStage as Stage
from temporalio.api.failure.v1 import Failure
from temporalio.api.protocol.v1 import Message
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.update.v1 import (
    Acceptance,
    Input,
    Meta,
    Outcome,
    Rejection,
    Request,
    Response,
    UpdateRef,
    WaitPolicy,
)
from temporalio.api.workflowservice.v1 import (
    PollWorkflowExecutionUpdateRequest,
    PollWorkflowExecutionUpdateResponse,
    PollWorkflowTaskQueueResponse,
    StartWorkflowExecutionRequest,
    UpdateWorkflowExecutionRequest,
    UpdateWorkflowExecutionResponse,
)
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
from raw import RawWorker, complete, continue_as_new, payload
from server import Server

IDLE = ["WorkflowExecutionStarted", "WorkflowTaskScheduled", "WorkflowTaskStarted", "WorkflowTaskCompleted"]
TASK = ["WorkflowTaskScheduled", "WorkflowTaskStarted", "WorkflowTaskCompleted"]
ACCEPTED = "WorkflowExecutionUpdateAccepted"
COMPLETED = "WorkflowExecutionUpdateCompleted"


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


async def test_an_update_goes_on_in_the_next_run(client: Client, workflow_id: str, task_queue: str) -> None:
    """Admitted while a worker continues as new: the next run has it, at the latest when the client asks again."""
    worker = RawWorker(client, task_queue)
    handle = await client.start_workflow("Raw", id=workflow_id, task_queue=task_queue)
    task = await worker.poll()
    waiting = asyncio.create_task(update(handle, "u", "add", 1, retry=True))
    await admitted(handle, "u")
    await worker.answer(task, continue_as_new("Raw"))
    task = await worker.poll()
    assert task.workflow_execution.run_id != handle.first_execution_run_id
    if not task.messages:
        # Where the update comes a moment after the first task, it has one of its own.
        await worker.answer(task)
        task = await worker.poll()
    assert [message.id for message in task.messages] == ["u/request"]
    await worker.answer(task, messages=accept(task, "u", done="1"))
    answer = await waiting
    assert answer.update_ref.workflow_execution.run_id == task.workflow_execution.run_id
    assert answer.outcome.success.payloads[0].data == b'"1"'


async def test_a_close_ends_what_was_not_accepted(client: Client, workflow_id: str, task_queue: str) -> None:
    worker = RawWorker(client, task_queue)
    handle = await client.start_workflow("Raw", id=workflow_id, task_queue=task_queue)
    task = await worker.poll()
    waiting = asyncio.create_task(update(handle, "u", "add", 1))
    await admitted(handle, "u")
    await worker.answer(task, complete("done"))
    with pytest.raises(RPCError) as refusal:
        await waiting
    assert refusal.value.status == RPCStatusCode.NOT_FOUND
    assert refusal.value.message == "workflow update was aborted by closing workflow"


async def test_what_a_worker_is_sent(client: Client, workflow_id: str, task_queue: str) -> None:
    """A task that only brings updates is not in the history until something comes of it."""
    worker = RawWorker(client, task_queue)
    handle = await client.start_workflow("Raw", id=workflow_id, task_queue=task_queue)
    await worker.answer(await worker.poll())
    first, second = (asyncio.create_task(update(handle, one, "add", 1)) for one in ("a", "b"))
    await admitted(handle, "a")
    await admitted(handle, "b")
    task = await worker.poll()
    assert names(task.history.events) == [*IDLE, "WorkflowTaskScheduled", "WorkflowTaskStarted"]
    assert {message.protocol_instance_id for message in task.messages} == {"a", "b"}
    assert {message.event_id for message in task.messages} == {task.started_event_id - 1}
    bodies = {message.protocol_instance_id: unpack(message, Request()) for message in task.messages}
    assert bodies["a"].input.name == "add" and bodies["a"].meta.update_id == "a"
    response = await worker.answer(task, messages=[reject(task, "a"), reject(task, "b")])
    assert response.reset_history_event_id == 3
    for answer in (await first, await second):
        assert answer.outcome.failure.message == "no"
        assert answer.link.workflow.reason == "Update rejected"
    assert names(await events_of(handle)) == IDLE


async def test_a_signal_makes_it_an_ordinary_task(client: Client, workflow_id: str, task_queue: str) -> None:
    worker = RawWorker(client, task_queue)
    handle = await client.start_workflow("Raw", id=workflow_id, task_queue=task_queue)
    await worker.answer(await worker.poll())
    waiting = asyncio.create_task(update(handle, "u", "add", 1))
    await admitted(handle, "u")
    await handle.signal("go")
    task = await worker.poll()
    signaled = [*IDLE, "WorkflowTaskScheduled", "WorkflowExecutionSignaled", "WorkflowTaskStarted"]
    assert names(task.history.events) == signaled
    await worker.answer(task, messages=[reject(task, "u")])
    assert (await waiting).outcome.failure.message == "no"
    assert names(await events_of(handle)) == [*signaled, "WorkflowTaskCompleted"]


async def test_a_signal_while_the_worker_decides(client: Client, workflow_id: str, task_queue: str) -> None:
    worker = RawWorker(client, task_queue)
    handle = await client.start_workflow("Raw", id=workflow_id, task_queue=task_queue)
    await worker.answer(await worker.poll())
    waiting = asyncio.create_task(update(handle, "u", "add", 1))
    task = await worker.poll()
    await handle.signal("go")
    await worker.answer(task, messages=[reject(task, "u")])
    assert (await waiting).outcome.failure.message == "no"
    assert names(await events_of(handle)) == [*IDLE, *TASK, "WorkflowExecutionSignaled", "WorkflowTaskScheduled"]


async def test_an_update_that_nobody_takes_is_kept(client: Client, workflow_id: str, task_queue: str) -> None:
    """For five seconds its task is in memory alone; then it stands in the history."""
    worker = RawWorker(client, task_queue)
    handle = await client.start_workflow("Raw", id=workflow_id, task_queue=task_queue)
    await worker.answer(await worker.poll())
    waiting = asyncio.create_task(update(handle, "u", "add", 1))
    await admitted(handle, "u")
    await asyncio.sleep(6)
    task = await worker.poll()
    await worker.answer(task, messages=accept(task, "u", done="1"))
    assert (await waiting).outcome.success.payloads[0].data == b'"1"'
    timed_out = ["WorkflowTaskScheduled", "WorkflowTaskTimedOut"]
    assert names(await events_of(handle)) == [*IDLE, *timed_out, *TASK, ACCEPTED, COMPLETED]


async def test_an_update_that_comes_while_a_worker_decides(client: Client, workflow_id: str, task_queue: str) -> None:
    worker = RawWorker(client, task_queue)
    handle = await client.start_workflow("Raw", id=workflow_id, task_queue=task_queue)
    task = await worker.poll()
    waiting = asyncio.create_task(update(handle, "u", "add", 1))
    await admitted(handle, "u")
    response = await worker.answer(task, return_new=True)
    task = response.workflow_task
    assert [message.id for message in task.messages] == ["u/request"]
    assert names(await events_of(handle))[:4] == IDLE
    await worker.answer(task, messages=accept(task, "u", done="1"))
    assert (await waiting).stage == stage("COMPLETED")
    assert names(await events_of(handle)) == [*IDLE, *TASK, ACCEPTED, COMPLETED]


async def test_a_worker_that_knows_no_updates(client: Client, workflow_id: str, task_queue: str) -> None:
    worker = RawWorker(client, task_queue)
    handle = await client.start_workflow("Raw", id=workflow_id, task_queue=task_queue)
    await worker.answer(await worker.poll())
    waiting = asyncio.create_task(update(handle, "u", "add", 1))
    task = await worker.poll()
    assert task.messages
    await worker.answer(task)
    failure = (await waiting).outcome.failure
    assert failure.application_failure_info.type == "UnprocessedUpdate"
    assert names(await events_of(handle)) == IDLE


async def test_bad_messages_fail_the_task(client: Client, workflow_id: str, task_queue: str) -> None:
    worker = RawWorker(client, task_queue)
    handle = await client.start_workflow("Raw", id=workflow_id, task_queue=task_queue)
    await worker.answer(await worker.poll())
    waiting = asyncio.create_task(update(handle, "u", "add", 1))
    task = await worker.poll()
    with pytest.raises(RPCError) as bad:
        await worker.answer(task, messages=accept(task, "u", done="1")[1:])
    text = (
        "BadUpdateWorkflowExecutionMessage: invalid state transition attempted for Update u: "
        "received *update.Response message while in state Sent"
    )
    assert (bad.value.status, bad.value.message) == (RPCStatusCode.INVALID_ARGUMENT, text)
    with pytest.raises(RPCError) as refusal:
        await waiting
    assert refusal.value.status == RPCStatusCode.FAILED_PRECONDITION
    assert refusal.value.message == (
        "Unable to perform workflow execution update due to unexpected workflow task failure."
    )
    events = await events_of(handle)
    assert names(events)[:7] == [*IDLE, "WorkflowTaskScheduled", "WorkflowTaskStarted", "WorkflowTaskFailed"]
    assert events[6].workflow_task_failed_event_attributes.failure.message == text


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


def stage(name: str) -> Stage.ValueType:
    return Stage.Value(f"UPDATE_WORKFLOW_EXECUTION_LIFECYCLE_STAGE_{name}")


async def poll(
    handle: WorkflowHandle, update_id: str, wait: str = "UNSPECIFIED"
) -> PollWorkflowExecutionUpdateResponse:
    client = handle._client
    return await client.workflow_service.poll_workflow_execution_update(
        PollWorkflowExecutionUpdateRequest(
            namespace=client.namespace,
            update_ref=UpdateRef(
                workflow_execution=WorkflowExecution(workflow_id=handle.id, run_id=handle.first_execution_run_id or ""),
                update_id=update_id,
            ),
            wait_policy=WaitPolicy(lifecycle_stage=stage(wait)),
        ),
        retry=True,
    )


async def admitted(handle: WorkflowHandle, update_id: str) -> None:
    """Returns when the server knows the update."""
    while True:
        try:
            await poll(handle, update_id)
        except RPCError as error:
            if error.status != RPCStatusCode.NOT_FOUND:
                raise
            await asyncio.sleep(0.01)
            continue
        return


async def update(
    handle: WorkflowHandle,
    update_id: str,
    name: str,
    number: int,
    timeout: float | None = None,
    retry: bool = False,
) -> UpdateWorkflowExecutionResponse:
    request = Request(meta=Meta(update_id=update_id), input=Input(name=name))
    request.input.args.payloads.add(metadata={"encoding": b"json/plain"}, data=str(number).encode())
    return await send(handle, request, stage("COMPLETED"), timeout, retry)


async def send(
    handle: WorkflowHandle,
    request: Request,
    wait: Stage.ValueType,
    timeout: float | None = None,
    retry: bool = False,
) -> UpdateWorkflowExecutionResponse:
    client = handle._client
    return await client.workflow_service.update_workflow_execution(
        UpdateWorkflowExecutionRequest(
            namespace=client.namespace,
            workflow_execution=WorkflowExecution(workflow_id=handle.id),
            request=request,
            wait_policy=WaitPolicy(lifecycle_stage=wait),
        ),
        timeout=timeout and timedelta(seconds=timeout),
        retry=retry,
    )


def message(update_id: str, kind: str, body: ProtoMessage) -> Message:
    packed = AnyMessage()
    packed.Pack(body)
    return Message(id=f"{update_id}/{kind}", protocol_instance_id=update_id, body=packed)


def unpack(message: Message, body: Any) -> Any:
    assert message.body.Unpack(body)
    return body


def accept(task: PollWorkflowTaskQueueResponse, update_id: str, done: str) -> Sequence[Message]:
    """The worker accepts the update and has done it."""
    acceptance = Acceptance(
        accepted_request_message_id=f"{update_id}/request",
        accepted_request_sequencing_event_id=task.started_event_id - 1,
    )
    response = Response(meta=Meta(update_id=update_id), outcome=Outcome())
    response.outcome.success.payloads.append(payload(done))
    return [message(update_id, "acceptance", acceptance), message(update_id, "response", response)]


def reject(task: PollWorkflowTaskQueueResponse, update_id: str) -> Message:
    rejection = Rejection(
        rejected_request_message_id=f"{update_id}/request",
        rejected_request_sequencing_event_id=task.started_event_id - 1,
        failure=Failure(message="no"),
    )
    return message(update_id, "rejection", rejection)
