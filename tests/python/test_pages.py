"""The pages of a development server in a browser as wide as a phone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta

import pytest
import pytest_asyncio
from temporalio import workflow
from temporalio.client import Client, WorkflowFailureError
from temporalio.exceptions import ApplicationError
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from browser import DRIVER, Chromium, phone
from server import LISTS_MAY_LAG, Server, free_port

pytestmark = [
    pytest.mark.skipif(DRIVER is None, reason="needs chromium and chromedriver (Debian: chromium-driver)"),
    pytest.mark.skipif(LISTS_MAY_LAG, reason="the pages are this server's own"),
]

WIDTH = 390
ZONE = "Asia/Kolkata"
LONG = "order-" + "0123456789" * 12


@workflow.defn
class Refuse:
    @workflow.run
    async def run(self, text: str) -> None:
        raise ApplicationError("no money on account " + text, type="NotEnoughMoney")


@pytest_asyncio.fixture(scope="module")
async def home() -> AsyncIterator[str]:
    """A server with pages, and one failed run of a long name in it."""
    ui = free_port()
    server = Server(ui_port=ui)
    await server.start()
    try:
        client = await Client.connect(server.address)
        runner = UnsandboxedWorkflowRunner()
        async with Worker(client, task_queue="q", workflows=[Refuse], workflow_runner=runner):
            with pytest.raises(WorkflowFailureError):
                await client.execute_workflow(Refuse.run, "x" * 400, id=LONG, task_queue="q")
        yield f"http://localhost:{ui}"
    finally:
        server.stop()


def check_fits(window: Chromium, url: str) -> None:
    """Nothing of the page stands beside the screen, and what one taps is large enough."""
    window.open(url)
    wide = "return [...document.querySelectorAll('body *')].filter(e => e.getBoundingClientRect().right > innerWidth + 1)"
    assert window.evaluate(wide + ".map(e => e.outerHTML.slice(0, 200))") == [], url
    assert window.evaluate("return [innerWidth, document.documentElement.scrollWidth]") == [WIDTH, WIDTH], url
    small = "return [...document.querySelectorAll('main input, main button')].filter(e => e.offsetHeight < 40).length"
    assert window.evaluate(small) == 0, url
    assert window.logs() == [], url


@pytest.mark.ends_within(120)
async def test_pages_fit_a_phone_and_tell_times_in_its_zone(home: str) -> None:
    def look() -> None:
        with phone(WIDTH, ZONE) as window:
            check_fits(window, f"{home}/namespaces")
            check_fits(window, f"{home}/namespaces/default/workflows?query=Nope%3D1")
            assert window.evaluate("return document.querySelector('input[name=query]').value") == "Nope=1"
            check_fits(window, f"{home}/namespaces/default/schedules")
            check_fits(window, f"{home}/namespaces/default/workflows")
            run = window.evaluate("return document.querySelector('tbody a').href")
            shown, exact, zone = window.evaluate(
                "const time = document.querySelector('time');"
                "return [time.textContent, time.title, document.getElementById('zone').textContent]"
            )
            assert zone == "Asia/Calcutta" or zone == ZONE
            check_times(shown, exact)
            check_fits(window, run)
            trouble = window.evaluate("return document.querySelector('.trouble').innerText")
            assert trouble.startswith("Workflow Execution failed\nNotEnoughMoney: no money on account x"), trouble
            check_fits(window, run + "/timeline")
            assert window.evaluate("return location.pathname").endswith("/history")

    await asyncio.to_thread(look)


def check_times(shown: str, exact: str) -> None:
    """The zone is five and a half hours ahead of UTC, in which the title is."""
    utc = datetime.fromisoformat(exact[:19])
    assert datetime.fromisoformat(shown) - utc == timedelta(hours=5, minutes=30), (shown, exact)
