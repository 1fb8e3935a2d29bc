"""The money transfer: what a newcomer runs first, with the SDK's defaults throughout."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from temporalio.client import Client, WorkflowExecutionStatus, WorkflowFailureError
from temporalio.exceptions import ActivityError, ApplicationError, RetryState
from temporalio.worker import Worker

from bank import OPENING_CENTS, Ledger, Order, Teller
from history import events_of, names
from server import Server
from transfer import Transfer

STARTED = ["WorkflowExecutionStarted", "WorkflowTaskScheduled", "WorkflowTaskStarted", "WorkflowTaskCompleted"]
POSTED = ["ActivityTaskScheduled", "ActivityTaskStarted", "ActivityTaskCompleted"]
REFUSED = ["ActivityTaskScheduled", "ActivityTaskStarted", "ActivityTaskFailed"]
TURN = ["WorkflowTaskScheduled", "WorkflowTaskStarted", "WorkflowTaskCompleted"]


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    ledger = Ledger(tmp_path / "ledger")
    yield ledger
    ledger.close()


def worker(client: Client, task_queue: str, ledger: Ledger) -> Worker:
    teller = Teller(ledger)
    return Worker(
        client,
        task_queue=task_queue,
        workflows=[Transfer],
        activities=[teller.withdraw, teller.deposit, teller.refund],
    )


async def test_waits_for_its_worker(client: Client, ledger: Ledger, workflow_id: str, task_queue: str) -> None:
    order = Order(reference="rent", payer="alice", payee="bob", cents=25_000)
    handle = await client.start_workflow(Transfer.run, order, id=workflow_id, task_queue=task_queue)
    assert names(await events_of(handle)) == STARTED[:2]
    assert (await handle.describe()).status == WorkflowExecutionStatus.RUNNING

    async with worker(client, task_queue, ledger):
        assert await handle.result() == ["receipt:rent/withdraw", "receipt:rent/deposit"]

    assert (await handle.describe()).status == WorkflowExecutionStatus.COMPLETED
    assert names(await events_of(handle)) == STARTED + (POSTED + TURN) * 2 + ["WorkflowExecutionCompleted"]
    assert (ledger.balance("alice"), ledger.balance("bob")) == (OPENING_CENTS - 25_000, OPENING_CENTS + 25_000)


@pytest.mark.parametrize(
    ("order", "reason", "tail"),
    [
        pytest.param(
            Order(reference="yacht", payer="alice", payee="bob", cents=OPENING_CENTS + 1),
            "NotEnoughMoney",
            REFUSED + TURN,
            id="insufficient-funds",
        ),
        pytest.param(
            Order(reference="lost", payer="nobody", payee="bob", cents=1),
            "NoSuchAccount",
            REFUSED + TURN,
            id="unknown-payer",
        ),
        pytest.param(
            Order(reference="typo", payer="alice", payee="bbo", cents=500),
            "NoSuchAccount",
            POSTED + TURN + REFUSED + TURN + POSTED + TURN,
            id="unknown-payee-refunded",
        ),
    ],
)
async def test_refusal(
    client: Client, ledger: Ledger, workflow_id: str, task_queue: str, order: Order, reason: str, tail: list[str]
) -> None:
    async with worker(client, task_queue, ledger):
        handle = await client.start_workflow(Transfer.run, order, id=workflow_id, task_queue=task_queue)
        with pytest.raises(WorkflowFailureError) as failure:
            await handle.result()

    activity_error = failure.value.cause
    assert isinstance(activity_error, ActivityError)
    assert activity_error.retry_state == RetryState.NON_RETRYABLE_FAILURE
    cause = activity_error.cause
    assert isinstance(cause, ApplicationError)
    assert cause.type == reason
    assert names(await events_of(handle)) == STARTED + tail + ["WorkflowExecutionFailed"]
    assert (ledger.balance("alice"), ledger.balance("bob")) == (OPENING_CENTS, OPENING_CENTS)


async def test_survives_an_orderly_restart(tmp_path: Path, ledger: Ledger, unique: Callable[[], str]) -> None:
    """Approved before the stop and carried out after it: the file holds all that the second process needs."""
    server = Server(tmp_path / "server.db")
    await server.start()
    try:
        client = await Client.connect(server.address)
        order = Order(reference="later", payer="carol", payee="dave", cents=1, needs_approval=True)
        handle = await client.start_workflow(Transfer.run, order, id=unique(), task_queue="transfers")
        await handle.signal(Transfer.approve, "carol")
        before = names(await events_of(handle))
        assert server.stop() == 0

        await server.start()
        assert names(await events_of(handle)) == before
        async with worker(client, "transfers", ledger):
            assert await handle.result() == ["receipt:later/withdraw", "receipt:later/deposit"]
    finally:
        server.kill()
