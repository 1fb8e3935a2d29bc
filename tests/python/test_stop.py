"""A server that is asked to stop: what it leaves behind."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from temporalio.client import Client

from server import LISTS_MAY_LAG, Server

ROUNDS = 4
STARTS = 30


@pytest.mark.skipif(LISTS_MAY_LAG, reason="the reference leaves its log beside its file")
async def test_a_stopped_server_leaves_one_file(tmp_path: Path) -> None:
    server = Server(tmp_path / "data.db")
    for round in range(ROUNDS):
        await server.start()
        client = await Client.connect(server.address)
        starts = [
            client.start_workflow("nobody", id=f"waits-{round}-{number}", task_queue=f"nobody-{number}")
            for number in range(STARTS)
        ]
        await asyncio.gather(*starts)
        reads = [asyncio.create_task(client.get_workflow_handle(f"waits-{round}-0").describe()) for _ in range(STARTS)]
        await asyncio.sleep(0)
        await asyncio.get_running_loop().run_in_executor(None, server.stop)
        await asyncio.gather(*reads, return_exceptions=True)
        assert [file.name for file in tmp_path.iterdir()] == ["data.db"]
