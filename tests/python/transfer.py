"""The transfer of money as a workflow: withdraw, deposit, and refund when the deposit cannot be made."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    from bank import Order, Teller

# The bank's own refusals are answers and not accidents: asking again would not change them.
RETRY = RetryPolicy(
    initial_interval=timedelta(milliseconds=100),
    maximum_interval=timedelta(seconds=1),
    non_retryable_error_types=["NoSuchAccount", "NotEnoughMoney"],
)
ATTEMPT = timedelta(seconds=3)


@workflow.defn
class Transfer:
    def __init__(self) -> None:
        self._stage = "ordered"
        self._approved_by: str | None = None

    @workflow.signal
    def approve(self, who: str) -> None:
        self._approved_by = who

    @workflow.query
    def stage(self) -> str:
        return self._stage

    @workflow.run
    async def run(self, order: Order) -> list[str]:
        """Returns the receipts."""
        if order.needs_approval:
            await workflow.wait_condition(lambda: self._approved_by is not None)
        receipts = [await self._post(Teller.withdraw, order)]
        self._stage = "withdrawn"
        if order.settle_ms:
            await asyncio.sleep(order.settle_ms / 1000)
        try:
            receipts.append(await self._post(Teller.deposit, order))
        except ActivityError:
            await self._post(Teller.refund, order)
            self._stage = "refunded"
            raise
        self._stage = "deposited"
        return receipts

    async def _post(self, step, order: Order) -> str:
        return await workflow.execute_activity_method(step, order, start_to_close_timeout=ATTEMPT, retry_policy=RETRY)
