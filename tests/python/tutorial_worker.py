"""The tutorial's worker as a process of its own: where to connect and as whom, it takes from four variables.

Its Task Queue and the argument of its workflow are those of the tutorial's template. It prints one line when it is
connected, and works until it is killed.
"""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from temporalio import activity, workflow
from temporalio.client import Client, TLSConfig
from temporalio.worker import Worker

TASK_QUEUE = "TRANSFER_MONEY_TASK_QUEUE"


@dataclass
class PaymentDetails:
    source_account: str
    target_account: str
    amount: int
    reference_id: str


@activity.defn
async def withdraw(details: PaymentDetails) -> str:
    return f"withdrew {details.amount}"


@activity.defn
async def deposit(details: PaymentDetails) -> str:
    return f"deposited {details.amount}"


@workflow.defn
class MoneyTransfer:
    @workflow.run
    async def run(self, details: PaymentDetails) -> list[str]:
        timeout = timedelta(seconds=5)
        withdrawn = await workflow.execute_activity(withdraw, details, start_to_close_timeout=timeout)
        deposited = await workflow.execute_activity(deposit, details, start_to_close_timeout=timeout)
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
