"""A worker for transfers as a process of its own: `python bank_worker.py ADDRESS TASK_QUEUE LEDGER`.

It prints one line when it is connected and then works until it is told to stop, whatever the server goes through.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

from temporalio.client import Client
from temporalio.worker import Worker

from bank import Ledger, Teller
from transfer import Transfer


async def main(address: str, task_queue: str, ledger: Path) -> None:
    teller = Teller(Ledger(ledger))
    worker = Worker(
        await Client.connect(address),
        task_queue=task_queue,
        workflows=[Transfer],
        activities=[teller.withdraw, teller.deposit, teller.refund],
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
    asyncio.run(main(sys.argv[1], sys.argv[2], Path(sys.argv[3])))
