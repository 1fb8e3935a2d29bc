"""Reading histories: short names of events, and what holds for every history."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import Client, WorkflowHandle

from server import LISTS_MAY_LAG

T = TypeVar("T")

CLOSING = {
    "WorkflowExecutionCompleted",
    "WorkflowExecutionFailed",
    "WorkflowExecutionTimedOut",
    "WorkflowExecutionCanceled",
    "WorkflowExecutionTerminated",
    "WorkflowExecutionContinuedAsNew",
}

# Longer than anything the suite waits for takes on a loaded machine; reached only when something is stuck.
PATIENCE_SECONDS = 20


def name(event: HistoryEvent) -> str:
    """`ActivityTaskScheduled` for `EVENT_TYPE_ACTIVITY_TASK_SCHEDULED`."""
    return EventType.Name(event.event_type).removeprefix("EVENT_TYPE_").title().replace("_", "")


def names(events: Sequence[HistoryEvent]) -> list[str]:
    return [name(event) for event in events]


def counts(events: Sequence[HistoryEvent]) -> Counter[str]:
    return Counter(names(events))


def only(events: Sequence[HistoryEvent], wanted: str) -> HistoryEvent:
    """The single event of that name."""
    found = [event for event in events if name(event) == wanted]
    assert len(found) == 1, f"{len(found)} × {wanted} in {names(events)}"
    return found[0]


async def events_of(handle: WorkflowHandle) -> list[HistoryEvent]:
    """The history of the handle's run, after checking what holds for every history."""
    events = list((await handle.fetch_history()).events)
    check_shape(events)
    return events


async def until(handle: WorkflowHandle, wanted: str) -> HistoryEvent:
    """Follows the run's history to the first event of that name."""
    async for event in handle.fetch_history_events(wait_new_event=True):
        if name(event) == wanted:
            return event
    raise AssertionError(f"the run of '{handle.id}' closed without {wanted}")


def check_shape(events: Sequence[HistoryEvent]) -> None:
    """Dense ids from 1, a start at the head, at most one closing event and nothing after it."""
    assert [event.event_id for event in events] == list(range(1, len(events) + 1))
    assert name(events[0]) == "WorkflowExecutionStarted"
    closing = [event.event_id for event in events if name(event) in CLOSING]
    assert closing in ([], [len(events)]), names(events)


async def eventually(check: Callable[[], Awaitable[T]], wanted: Callable[[T], bool] = bool) -> T:
    """Asks until the answer is the wanted one; fails with the last answer after PATIENCE_SECONDS."""
    deadline = asyncio.get_running_loop().time() + PATIENCE_SECONDS
    while True:
        answer = await check()
        if wanted(answer):
            return answer
        assert asyncio.get_running_loop().time() < deadline, f"still {answer!r}"
        await asyncio.sleep(0.05)


async def listed(client: Client, query: str, wanted: Callable[[list[str]], bool]) -> list[str]:
    """The workflow ids that a list returns; asked once, or until they are as wanted where lists may lag."""

    async def ask() -> list[str]:
        return [execution.id async for execution in client.list_workflows(query)]

    if LISTS_MAY_LAG:
        return await eventually(ask, wanted)
    found = await ask()
    assert wanted(found), found
    return found


async def counted(client: Client, query: str, wanted: int) -> None:
    """Asserts a count, likewise."""

    async def ask() -> int:
        return (await client.count_workflows(query)).count

    if LISTS_MAY_LAG:
        await eventually(ask, lambda found: found == wanted)
    else:
        assert await ask() == wanted
