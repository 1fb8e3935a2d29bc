"""The tutorial's worker as a process of its own: where to connect and as whom, it takes from four variables.

It prints one line when it is connected, and works until it is killed.
"""

from __future__ import annotations

import asyncio
import os
from datetime import timedelta
from pathlib import Path

from temporalio import activity, workflow
from temporalio.client import Client, TLSConfig
from temporalio.worker import Worker

TASK_QUEUE = "money-transfer"


@activity.defn
async def withdraw(cents: int) -> str:
    return f"withdrew {cents}"


@activity.defn
async def deposit(cents: int) -> str:
    return f"deposited {cents}"


@workflow.defn
class MoneyTransfer:
    @workflow.run
    async def run(self, cents: int = 25_000) -> list[str]:
        timeout = timedelta(seconds=5)
        withdrawn = await workflow.execute_activity(withdraw, cents, start_to_close_timeout=timeout)
        deposited = await workflow.execute_activity(deposit, cents, start_to_close_timeout=timeout)
        return [withdrawn, deposited]


async def main() -> None:
    client = await Client.connect(
        os.environ["TEMPORAL_HOST_URL"],
        namespace=os.environ["TEMPORAL_NAMESPACE"],
        tls=TLSConfig(
            client_cert=Path(os.environ["TEMPORAL_MTLS_TLS_CERT"]).read_bytes(),
            client_private_key=Path(os.environ["TEMPORAL_MTLS_TLS_KEY"]).read_bytes(),
        ),
    )
    print("connected", flush=True)
    await Worker(client, task_queue=TASK_QUEUE, workflows=[MoneyTransfer], activities=[withdraw, deposit]).run()


if __name__ == "__main__":
    asyncio.run(main())
