"""A bank: a ledger in a file, and the activities that post to it.

A posting is named by its reference and done at most once, however often it is asked for. That makes the activities
safe to retry, and lets a test count what really happened.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from pathlib import Path

from temporalio import activity

OPENING_CENTS = 100_000
ACCOUNTS = ("alice", "bob", "carol", "dave")


@dataclass
class Order:
    """One transfer. `settle_ms` is how long the money rests between withdrawal and deposit."""

    reference: str
    payer: str
    payee: str
    cents: int
    settle_ms: int = 0
    needs_approval: bool = False


class NoSuchAccount(Exception):
    pass


class NotEnoughMoney(Exception):
    pass


class Ledger:
    """Accounts and postings in one SQLite file, shared by the processes that open it."""

    def __init__(self, path: Path) -> None:
        self._rows = sqlite3.connect(path, timeout=30, isolation_level=None, check_same_thread=False)
        self._rows.execute("PRAGMA journal_mode=WAL")
        self._rows.execute("CREATE TABLE IF NOT EXISTS account (owner TEXT PRIMARY KEY, opening INTEGER NOT NULL)")
        self._rows.execute(
            "CREATE TABLE IF NOT EXISTS posting"
            " (reference TEXT PRIMARY KEY, owner TEXT NOT NULL REFERENCES account, cents INTEGER NOT NULL)"
        )
        for owner in ACCOUNTS:
            self._rows.execute("INSERT OR IGNORE INTO account VALUES (?, ?)", (owner, OPENING_CENTS))

    def close(self) -> None:
        self._rows.close()

    def post(self, reference: str, owner: str, cents: int) -> str:
        """Adds to the owner's balance (takes from it when negative) and returns a receipt; again, only the receipt."""
        self._rows.execute("BEGIN IMMEDIATE")
        try:
            known = self._rows.execute("SELECT 1 FROM posting WHERE reference = ?", (reference,)).fetchone()
            if not known:
                if self.balance(owner) + cents < 0:
                    raise NotEnoughMoney(f"account '{owner}' holds less than {-cents} cents")
                self._rows.execute("INSERT INTO posting VALUES (?, ?, ?)", (reference, owner, cents))
        finally:
            self._rows.execute("COMMIT")
        return f"receipt:{reference}"

    def balance(self, owner: str) -> int:
        opening = self._rows.execute("SELECT opening FROM account WHERE owner = ?", (owner,)).fetchone()
        if not opening:
            raise NoSuchAccount(f"no account '{owner}'")
        posted = self._rows.execute("SELECT COALESCE(SUM(cents), 0) FROM posting WHERE owner = ?", (owner,)).fetchone()
        return opening[0] + posted[0]

    def postings(self) -> dict[str, int]:
        """Every posting's cents, by reference."""
        return dict(self._rows.execute("SELECT reference, cents FROM posting"))


class Teller:
    """The activities."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    @activity.defn
    async def withdraw(self, order: Order) -> str:
        return self._ledger.post(f"{order.reference}/withdraw", order.payer, -order.cents)

    @activity.defn
    async def deposit(self, order: Order) -> str:
        return self._ledger.post(f"{order.reference}/deposit", order.payee, order.cents)

    @activity.defn
    async def refund(self, order: Order) -> str:
        return self._ledger.post(f"{order.reference}/refund", order.payer, order.cents)
