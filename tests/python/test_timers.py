"""Timers: order, cancellation, and that they need no worker to run down."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from temporalio import workflow
from temporalio.client import Client

from conftest import Working
from history import counts, events_of, name, until


@workflow.defn
class Race:
    """Starts timers in the order given and says in which order they fired."""

    @workflow.run
    async def run(self, delays_ms: list[int]) -> list[int]:
        fired: list[int] = []

        async def wait(delay_ms: int) -> None:
            await asyncio.sleep(delay_ms / 1000)
            fired.append(delay_ms)

        await asyncio.gather(*(wait(delay_ms) for delay_ms in delays_ms))
        return fired


async def test_fire_in_order_of_time(client: Client, working: Working, workflow_id: str) -> None:
    async with working(Race) as queue:
        handle = await client.start_workflow(Race.run, [900, 300, 600], id=workflow_id, task_queue=queue)
        assert await handle.result() == [300, 600, 900]
    events = await events_of(handle)
    started = {
        event.event_id: event.timer_started_event_attributes.start_to_fire_timeout.ToTimedelta()
        for event in events
        if name(event) == "TimerStarted"
    }
    fired = [
        started[event.timer_fired_event_attributes.started_event_id] for event in events if name(event) == "TimerFired"
    ]
    assert fired == [timedelta(milliseconds=delay_ms) for delay_ms in (300, 600, 900)]


async def test_many_at_the_same_moment(client: Client, working: Working, workflow_id: str) -> None:
    async with working(Race) as queue:
        handle = await client.start_workflow(Race.run, [200] * 100, id=workflow_id, task_queue=queue)
        assert await handle.result() == [200] * 100
    found = counts(await events_of(handle))
    assert (found["TimerStarted"], found["TimerFired"]) == (100, 100)


@workflow.defn
class Impatient:
    """Drops its timer when it is told to, or is late when it is not."""

    def __init__(self) -> None:
        self._told = False

    @workflow.signal
    def go_on(self) -> None:
        self._told = True

    @workflow.run
    async def run(self, seconds: float) -> str:
        try:
            await workflow.wait_condition(lambda: self._told, timeout=seconds)
        except TimeoutError:
            return "late"
        # A step behind the cancellation, so that it is a command that the server has to carry out.
        await asyncio.sleep(0.01)
        return "told"


async def test_cancelled(client: Client, working: Working, workflow_id: str) -> None:
    async with working(Impatient) as queue:
        handle = await client.start_workflow(Impatient.run, 3600, id=workflow_id, task_queue=queue)
        await until(handle, "TimerStarted")
        await handle.signal(Impatient.go_on)
        assert await handle.result() == "told"
    found = counts(await events_of(handle))
    assert (found["TimerStarted"], found["TimerCanceled"], found["TimerFired"]) == (2, 1, 1)


async def test_runs_down_without_a_worker(client: Client, working: Working, workflow_id: str) -> None:
    async with working(Impatient) as queue:
        handle = await client.start_workflow(Impatient.run, 0.5, id=workflow_id, task_queue=queue)
        await until(handle, "TimerStarted")
    await until(handle, "TimerFired")
    async with working(Impatient):
        assert await handle.result() == "late"
