"""Lists, counts, memos and search attributes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from temporalio import workflow
from temporalio.client import Client, WorkflowExecutionStatus, WorkflowHandle
from temporalio.common import SearchAttributeKey, SearchAttributePair, TypedSearchAttributes
from temporalio.service import RPCError, RPCStatusCode

import attributes
from conftest import Working
from history import LISTS_MAY_LAG, counted, counts, events_of, eventually, listed

MOMENT = datetime(2031, 5, 6, 7, 8, 9, tzinfo=UTC)
EVERY_TYPE = TypedSearchAttributes(
    [
        SearchAttributePair(attributes.WORD, "it's one word"),
        SearchAttributePair(attributes.PROSE, "the quick brown fox"),
        SearchAttributePair(attributes.WHOLE, -42),
        SearchAttributePair(attributes.REAL, 2.5),
        SearchAttributePair(attributes.FLAG, True),
        SearchAttributePair(attributes.MOMENT, MOMENT),
        SearchAttributePair(attributes.WORDS, ["red", "green"]),
    ]
)


@workflow.defn
class Upsert:
    """Changes its own attributes and memo on the way."""

    @workflow.run
    async def run(self) -> None:
        workflow.upsert_search_attributes([attributes.WHOLE.value_set(2), attributes.WORD.value_unset()])
        workflow.upsert_memo({"kept": "changed", "dropped": None, "new": [1, 2]})


async def test_every_type_is_kept(client: Client, workflow_id: str, task_queue: str) -> None:
    handle = await client.start_workflow(
        "Any", id=workflow_id, task_queue=task_queue, search_attributes=EVERY_TYPE, memo={"a": {"b": 1}}
    )
    described = await handle.describe()
    found = {pair.key.name: pair.value for pair in described.typed_search_attributes}
    wanted = {pair.key.name: pair.value for pair in EVERY_TYPE}
    assert {key: found[key] for key in wanted} == wanted
    assert await described.memo() == {"a": {"b": 1}}

    async def executions() -> list:
        return [execution async for execution in client.list_workflows(f"WorkflowId = '{workflow_id}'")]

    (execution,) = await eventually(executions)
    found = {pair.key.name: pair.value for pair in execution.typed_search_attributes}
    assert {key: found[key] for key in wanted} == wanted
    assert await execution.memo() == {"a": {"b": 1}}
    assert execution.workflow_type == "Any"
    assert execution.task_queue == task_queue
    assert execution.status == WorkflowExecutionStatus.RUNNING
    assert execution.start_time == described.start_time


@pytest.mark.parametrize(
    ("condition", "matches"),
    [
        ("CustomWord = 'it''s one word'", True),
        ("CustomWord != 'it''s one word'", False),
        ("CustomWord IN ('x', 'it''s one word')", True),
        ("CustomWord STARTS_WITH 'it'", True),
        ("CustomWord > 'a' AND CustomWord < 'z'", True),
        ("CustomProse = 'brown'", True),
        ("CustomProse = 'cat'", False),
        ("CustomWhole = -42", True),
        ("CustomWhole BETWEEN -50 AND -40", True),
        ("CustomWhole > 0", False),
        ("CustomReal >= 2.5", True),
        ("CustomFlag = true", True),
        ("CustomFlag = false", False),
        ("CustomMoment BETWEEN '2031-05-06T07:08:08Z' AND '2031-05-06T07:08:10Z'", True),
        ("CustomMoment < '2031-01-01T00:00:00Z'", False),
        ("CustomWords = 'green'", True),
        ("CustomWords IN ('blue', 'red')", True),
        ("CustomWords = 'blue'", False),
        ("CustomWord IS NOT NULL", True),
        ("CustomWord IS NULL", False),
        ("ExecutionStatus = 'Running'", True),
        ("ExecutionStatus = 'Completed'", False),
        ("ExecutionStatus = 'Running' AND (CustomWhole = 1 OR CustomFlag = true)", True),
        ("NOT CustomWhole = 1", True),
        ("CloseTime IS NULL", True),
        ("StartTime > '2020-01-01T00:00:00Z'", True),
    ],
)
async def test_condition(client: Client, described_by_all: str, condition: str, matches: bool) -> None:
    await counted(client, f"WorkflowId = '{described_by_all}' AND ({condition})", int(matches))


@pytest.fixture(scope="module")
def shared() -> dict[str, str]:
    return {}


@pytest.fixture
async def described_by_all(client: Client, shared: dict[str, str], unique: Callable[[], str]) -> str:
    """The id of one running workflow that has every attribute, started once for all conditions."""
    if "id" not in shared:
        shared["id"] = f"all-{unique()[-8:]}"
        await client.start_workflow("Any", id=shared["id"], task_queue="nobody-listens", search_attributes=EVERY_TYPE)
        await listed(client, f"WorkflowId = '{shared['id']}'", lambda found: len(found) == 1)
    return shared["id"]


async def test_upsert(client: Client, working: Working, workflow_id: str) -> None:
    async with working(Upsert) as queue:
        handle = await client.start_workflow(
            Upsert.run,
            id=workflow_id,
            task_queue=queue,
            memo={"kept": "as it was", "dropped": 1, "untouched": True},
            search_attributes=TypedSearchAttributes(
                [
                    SearchAttributePair(attributes.WORD, "goes"),
                    SearchAttributePair(attributes.WHOLE, 1),
                    SearchAttributePair(attributes.REAL, 0.5),
                ]
            ),
        )
        await handle.result()
    described = await handle.describe()
    assert attributes.WORD not in described.typed_search_attributes
    assert described.typed_search_attributes[attributes.WHOLE] == 2
    assert described.typed_search_attributes[attributes.REAL] == 0.5
    assert await described.memo() == {"kept": "changed", "new": [1, 2], "untouched": True}
    found = counts(await events_of(handle))
    assert (found["UpsertWorkflowSearchAttributes"], found["WorkflowPropertiesModified"]) == (1, 1)
    await counted(client, f"WorkflowId = '{workflow_id}' AND CustomWhole = 2 AND CustomWord IS NULL", 1)


async def test_lists_follow_the_status(client: Client, unique: Callable[[], str], task_queue: str) -> None:
    """What has been acknowledged is in the next list and count."""
    prefix = unique()
    mine = f"WorkflowId STARTS_WITH '{prefix}'"
    handles: list[WorkflowHandle] = []
    for n in range(5):
        handles.append(await client.start_workflow("Any", id=f"{prefix}/{n}", task_queue=task_queue))
        await counted(client, f"{mine} AND ExecutionStatus = 'Running'", n + 1)
    for n, handle in enumerate(handles[:3]):
        await handle.terminate()
        await counted(client, f"{mine} AND ExecutionStatus = 'Terminated'", n + 1)
    still = [handle.id for handle in handles[3:]]
    await listed(client, f"{mine} AND ExecutionStatus = 'Running'", lambda found: sorted(found) == still)
    await counted(client, mine, 5)


async def test_newest_first_over_many_pages(client: Client, unique: Callable[[], str], task_queue: str) -> None:
    prefix = unique()
    query = f"WorkflowId STARTS_WITH '{prefix}'"
    ids = [f"{prefix}/{n}" for n in range(7)]
    for workflow_id in ids:
        await client.start_workflow("Any", id=workflow_id, task_queue=task_queue)
    await counted(client, query, 7)
    found = [execution.id async for execution in client.list_workflows(query, page_size=2)]
    assert found == list(reversed(ids))
    assert len([execution async for execution in client.list_workflows(query, page_size=2, limit=3)]) == 3


async def test_count_by_status(client: Client, unique: Callable[[], str], task_queue: str) -> None:
    prefix = unique()
    for n in range(3):
        handle = await client.start_workflow("Any", id=f"{prefix}/{n}", task_queue=task_queue)
    await handle.terminate()

    async def groups() -> tuple[int, dict[str, int]]:
        answer = await client.count_workflows(f"WorkflowId STARTS_WITH '{prefix}' GROUP BY ExecutionStatus")
        return answer.count, {group.group_values[0]: group.count for group in answer.groups}

    wanted = (3, {"Running": 2, "Terminated": 1})
    if LISTS_MAY_LAG:
        await eventually(groups, lambda found: found == wanted)
    else:
        assert await groups() == wanted


async def test_custom_attributes_order_nothing(client: Client) -> None:
    with pytest.raises(RPCError) as refused:
        await client.list_workflows("WorkflowType = 'x' ORDER BY CustomWhole").fetch_next_page()
    assert refused.value.status == RPCStatusCode.INVALID_ARGUMENT


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("Nonsense = 1", "invalid query: invalid search attribute: Nonsense"),
        ("WorkflowId = ", "invalid query: malformed SQL query: syntax error at position 40"),
        ("CustomWhole = 'text'", "invalid"),
        ("ExecutionStatus = 'Asleep'", "invalid"),
    ],
)
async def test_bad_query(client: Client, query: str, text: str) -> None:
    with pytest.raises(RPCError) as refused:
        await client.count_workflows(query)
    assert refused.value.status == RPCStatusCode.INVALID_ARGUMENT
    assert refused.value.message.startswith(text)


async def test_unknown_attribute_is_refused_at_start(client: Client, workflow_id: str, task_queue: str) -> None:
    unknown = TypedSearchAttributes([SearchAttributePair(SearchAttributeKey.for_keyword("Nowhere"), "x")])
    with pytest.raises(RPCError) as refused:
        await client.start_workflow("Any", id=workflow_id, task_queue=task_queue, search_attributes=unknown)
    assert refused.value.status == RPCStatusCode.INVALID_ARGUMENT
    assert "Nowhere" in refused.value.message
