"""What the command line says beside its results, against a development server."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta

import pytest
from temporalio import workflow
from temporalio.client import Client

from conftest import Working
from secured import perdure
from server import LISTS_MAY_LAG, Server

pytestmark = pytest.mark.skipif(LISTS_MAY_LAG, reason="the command line is this server's own")


@workflow.defn
class Delegate:
    @workflow.run
    async def run(self, task_queue: str) -> None:
        timeout = timedelta(minutes=5)
        await workflow.execute_activity("charge", task_queue=task_queue, start_to_close_timeout=timeout)


async def test_describe_says_that_no_worker_takes_an_activity(
    server: Server, client: Client, working: Working, workflow_id: str, unique: Callable[[], str]
) -> None:
    elsewhere = unique()
    async with working(Delegate) as task_queue:
        handle = await client.start_workflow(Delegate.run, elsewhere, id=workflow_id, task_queue=task_queue)
        while not (await handle.describe()).raw_description.pending_activities:
            await asyncio.sleep(0.02)
        words = ["workflow", "describe", "--address", server.address, "--workflow-id", workflow_id]
        described = await asyncio.to_thread(perdure, *words)
        await handle.terminate()
    opening = f'No worker polls the Task Queue "{elsewhere}" for activities'
    assert described.code == 0 and described.stderr.startswith(opening), described.said
