"""Builds of workers: what a workflow is told of them stays the same when it is replayed without a cache."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from temporalio import workflow
from temporalio.client import Client
from temporalio.common import WorkerDeploymentVersion
from temporalio.worker import WorkerDeploymentConfig

from conftest import Working
from history import events_of, name

COMPLETED = "WorkflowTaskCompleted"


@workflow.defn
class Builds:
    """Notes the build that it finds itself on, at its start and after each signal."""

    def __init__(self) -> None:
        self._seen: list[str] = []
        self._signals = 0

    @workflow.signal
    def look(self) -> None:
        self._signals += 1

    @workflow.query
    def seen(self) -> list[str]:
        return self._seen

    @workflow.run
    async def run(self) -> list[str]:
        for wanted in range(1, 4):
            self._seen.append(workflow.info().get_current_build_id())
            await workflow.wait_condition(lambda wanted=wanted: self._signals >= wanted)
        return self._seen


def _plain(build: str) -> dict[str, Any]:
    return {"build_id": build}


def _deployed(build: str) -> dict[str, Any]:
    version = WorkerDeploymentVersion("shop", build)
    return {"deployment_config": WorkerDeploymentConfig(version=version, use_worker_versioning=False)}


@pytest.mark.parametrize("says", [_plain, _deployed])
async def test_replayed_on_another_build(client: Client, working: Working, workflow_id: str, says: Any) -> None:
    async with working(Builds, max_cached_workflows=0, **says("v1")) as queue:
        handle = await client.start_workflow(Builds.run, id=workflow_id, task_queue=queue)
        while await handle.query(Builds.seen) != ["v1"]:
            await asyncio.sleep(0.05)
    async with working(Builds, max_cached_workflows=0, **says("v2")):
        await handle.signal(Builds.look)
        while await handle.query(Builds.seen) != ["v1", "v2"]:
            await asyncio.sleep(0.05)
    async with working(Builds, max_cached_workflows=0, **says("v3")):
        await handle.signal(Builds.look)
        await handle.signal(Builds.look)
        assert (await handle.result())[:2] == ["v1", "v2"]
    events = await events_of(handle)
    completed = [event.workflow_task_completed_event_attributes for event in events if name(event) == COMPLETED]
    assert [event.worker_version.build_id for event in completed][:2] == ["v1", "v2"]
    assert {event.binary_checksum for event in completed} == {""}
    info = (await handle.describe()).raw_description.workflow_execution_info
    assert info.most_recent_worker_version_stamp.build_id == "v3"
    assert info.worker_deployment_name == ("shop" if says is _deployed else "")
    assert [point.build_id for point in info.auto_reset_points.points] == ["v1", "v2", "v3"]
