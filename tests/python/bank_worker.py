"""A worker for transfers as a process of its own: `python bank_worker.py ADDRESS TASK_QUEUE LEDGER [STICKY_SECONDS]`.

It prints one line when it is connected and then works until it is told to stop, whatever the server goes through.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from datetime import timedelta
from pathlib import Path

from temporalio.client import Client
from temporalio.worker import Worker

from bank import Ledger, Teller
from transfer import Transfer


async def main(address: str, task_queue: str, ledger: Path, sticky_seconds: float) -> None:
    teller = Teller(Ledger(ledger))
    worker = Worker(
        await Client.connect(address),
        task_queue=task_queue,
        workflows=[Transfer],
        activities=[teller.withdraw, teller.deposit, teller.refund],
        sticky_queue_schedule_to_start_timeout=timedelta(seconds=sticky_seconds),
    )
    told = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, told.set)
    print("connected", flush=True)
    working = asyncio.create_task(worker.run())
    await asyncio.wait([working, asyncio.create_task(told.wait())], return_when=asyncio.FIRST_COMPLETED)
    if working.done():
        # Only a fault ends a worker that nobody told to stop; the exit code has to say so.
        working.result()
        sys.exit("worker ended by itself")
    await worker.shutdown()


if __name__ == "__main__":
    address, task_queue, ledger, *sticky_seconds = sys.argv[1:]
    asyncio.run(main(address, task_queue, Path(ledger), float(sticky_seconds[0]) if sticky_seconds else 10))
