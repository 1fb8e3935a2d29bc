"""A server that is killed again and again, under workers that never stop: what it acknowledged happens, once.

    PERDURE_CRASH_ROUNDS=100 tests/python/run test_crash.py

PERDURE_CRASH_SEED repeats the orders and kill points of an earlier run, as far as two processes can repeat anything.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import Client, WorkflowExecutionStatus, WorkflowHandle
from temporalio.service import RPCError, RPCStatusCode

from bank import ACCOUNTS, Ledger, Order
from history import check_shape, counted, counts, events_of, listed, name, names
from server import Server
from transfer import Transfer
from worker_process import WorkerProcess

ROUNDS = int(os.environ.get("PERDURE_CRASH_ROUNDS") or 20)
SEED = int(os.environ.get("PERDURE_CRASH_SEED") or random.SystemRandom().randrange(1_000_000))
WORKERS = 2
ORDERS_PER_ROUND = 6
# Long enough that some rounds are killed when all is done and some in the middle of every step before that.
LONGEST_LIFE_SECONDS = 0.6
TASK_QUEUE = "transfers"
# Enough for tasks that were handed out in vain to run out several times over, and for a backlog that grew meanwhile.
SETTLE_SECONDS = 60 + 3 * ROUNDS

PENDING_TASK = {"WorkflowTaskScheduled", "WorkflowTaskStarted"}


class Storm:
    """The orders placed so far, and what the server has said about them."""

    def __init__(self, server: Server, client: Client, dice: random.Random) -> None:
        self.server = server
        self.client = client
        self.orders: dict[str, Order] = {}
        self.acknowledged: dict[str, WorkflowHandle] = {}
        self.seen: dict[str, list[HistoryEvent]] = {}
        self._dice = dice

    async def round(self) -> None:
        """Places orders while the server is killed and started again, and looks whether it kept what it had shown."""
        placing = [asyncio.create_task(self._place(self._order())) for _ in range(ORDERS_PER_ROUND)]
        looking = asyncio.create_task(self._look())
        await asyncio.sleep(self._dice.uniform(0, LONGEST_LIFE_SECONDS))
        self.server.kill()
        looking.cancel()
        await asyncio.gather(looking, return_exceptions=True)
        await self.server.start()
        await asyncio.gather(*placing)
        await self.check_kept()

    def _order(self) -> Order:
        payer, payee = self._dice.sample(ACCOUNTS, 2)
        order = Order(
            reference=f"order-{len(self.orders):04}",
            payer=payer,
            payee=payee,
            cents=self._dice.randint(1, 100),
            settle_ms=self._dice.choice([0, 100, 400]),
            needs_approval=self._dice.random() < 0.5,
        )
        self.orders[order.reference] = order
        return order

    async def _place(self, order: Order) -> None:
        """Starts the transfer and approves it where that is needed. The SDK repeats what got no answer."""
        try:
            handle = await self.client.start_workflow(Transfer.run, order, id=order.reference, task_queue=TASK_QUEUE)
        except RPCError as lost:
            assert lost.status != RPCStatusCode.ALREADY_EXISTS, f"'{order.reference}' is another start's"
            return
        self.acknowledged[order.reference] = handle
        if order.needs_approval:
            await self._approve(handle)

    async def _approve(self, handle: WorkflowHandle) -> None:
        """Asks until the approval is acknowledged, or the transfer is past it, because it was though unanswered."""
        while True:
            try:
                await handle.signal(Transfer.approve, "auditor")
                return
            except RPCError as refusal:
                if refusal.status == RPCStatusCode.NOT_FOUND:
                    assert "already completed" in refusal.message, refusal.message
                    return

    async def _look(self) -> None:
        """Reads histories for as long as there is a server to read from."""
        while True:
            if not self.acknowledged:
                await asyncio.sleep(0.01)
                continue
            reference = self._dice.choice(list(self.acknowledged))
            history = await self.acknowledged[reference].fetch_history()
            self.seen[reference] = list(history.events)

    async def check_kept(self) -> None:
        """Every history read before is still the beginning of that history."""
        for reference, before in self.seen.items():
            now = (await self.acknowledged[reference].fetch_history()).events
            check_shape(now)
            kept = durable(before)
            assert durable(list(now)[: len(kept)]) == kept, reference
        self.seen.clear()

    async def settle(self) -> list[WorkflowHandle]:
        """Waits for all transfers, those too whose start was never answered but took place."""
        handles = []
        for reference in self.orders:
            handle = self.client.get_workflow_handle(reference)
            if reference not in self.acknowledged and not await exists(handle):
                continue
            handles.append(handle)
            if self.orders[reference].needs_approval and reference not in self.acknowledged:
                await self._approve(handle)
        results = [asyncio.create_task(handle.result(), name=handle.id) for handle in handles]
        done, stuck = await asyncio.wait(results, timeout=SETTLE_SECONDS)
        for result in stuck:
            result.cancel()
        assert not stuck, "\n".join([await self._what_is_with(result.get_name()) for result in stuck])
        for result in done:
            result.result()
        return handles

    async def _what_is_with(self, reference: str) -> str:
        handle = self.client.get_workflow_handle(reference)
        described = (await handle.describe()).raw_description
        waits = [described.pending_workflow_task, *described.pending_activities]
        return f"{self.orders[reference]} is at {names((await handle.fetch_history()).events)}, waiting for {waits}"


def durable(events: list[HistoryEvent]) -> list[tuple[int, str]]:
    """Ids and names, less a task at the end that is not answered yet: it may come anew, behind newer events."""
    shown = [(event.event_id, name(event)) for event in events]
    while shown and shown[-1][1] in PENDING_TASK:
        shown.pop()
    return shown


async def exists(handle: WorkflowHandle) -> bool:
    try:
        await handle.describe()
    except RPCError as missing:
        assert missing.status == RPCStatusCode.NOT_FOUND
        return False
    return True


async def check_transfer(handle: WorkflowHandle, order: Order) -> None:
    """The history says once each what the order asked for, and describe says the same as the history."""
    events = await events_of(handle)
    found = counts(events)
    wanted = {
        "WorkflowExecutionStarted": 1,
        "WorkflowExecutionSignaled": int(order.needs_approval),
        "ActivityTaskScheduled": 2,
        "ActivityTaskStarted": 2,
        "ActivityTaskCompleted": 2,
        "TimerStarted": int(order.settle_ms > 0),
        "TimerFired": int(order.settle_ms > 0),
        "WorkflowExecutionCompleted": 1,
    }
    assert {event: found[event] for event in wanted} == wanted, order.reference
    completed = {
        event.activity_task_completed_event_attributes.scheduled_event_id
        for event in events
        if name(event) == "ActivityTaskCompleted"
    }
    assert len(completed) == 2
    described = await handle.describe()
    assert described.status == WorkflowExecutionStatus.COMPLETED
    assert described.history_length == len(events)


@contextmanager
def workers(address: str, folder: Path) -> Iterator[list[WorkerProcess]]:
    running = [
        WorkerProcess(address, TASK_QUEUE, folder / "ledger", folder / f"worker-{number}.log")
        for number in range(WORKERS)
    ]
    try:
        for worker in running:
            worker.wait_connected()
        yield running
    finally:
        for worker in running:
            worker.kill()


@pytest.mark.ends_within(SETTLE_SECONDS + 60 + 10 * ROUNDS)
async def test_killed_again_and_again(tmp_path: Path) -> None:
    print(f"PERDURE_CRASH_ROUNDS={ROUNDS} PERDURE_CRASH_SEED={SEED}")
    ledger = Ledger(tmp_path / "ledger")
    server = Server(tmp_path / "server.db")
    await server.start()
    try:
        client = await Client.connect(server.address)
        storm = Storm(server, client, random.Random(SEED))
        with workers(server.address, tmp_path) as running:
            for _ in range(ROUNDS):
                await storm.round()
            handles = await storm.settle()
            for worker in running:
                assert worker.running, worker.log
        # The last results are acknowledged: they, too, must outlive a kill.
        server.kill()
        await server.start()
        await check_outcome(storm, handles, ledger)
    finally:
        server.kill()
        ledger.close()


async def check_outcome(storm: Storm, handles: list[WorkflowHandle], ledger: Ledger) -> None:
    """Histories, lists, counts and the bank's books tell one story."""
    print(f"{len(storm.acknowledged)} of {len(storm.orders)} orders acknowledged, {len(handles)} carried out")
    for handle in handles:
        await check_transfer(handle, storm.orders[handle.id])
    references = sorted(handle.id for handle in handles)
    assert set(storm.acknowledged) <= set(references)
    completed = "WorkflowType = 'Transfer' AND ExecutionStatus = 'Completed'"
    await listed(storm.client, completed, lambda found: sorted(found) == references)
    await listed(storm.client, "WorkflowType = 'Transfer'", lambda found: sorted(found) == references)
    await counted(storm.client, "WorkflowType = 'Transfer'", len(references))
    await counted(storm.client, "ExecutionStatus = 'Running'", 0)

    postings: dict[str, int] = {}
    for reference in references:
        postings[f"{reference}/withdraw"] = -storm.orders[reference].cents
        postings[f"{reference}/deposit"] = storm.orders[reference].cents
    assert ledger.postings() == postings
