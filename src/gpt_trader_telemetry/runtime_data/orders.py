"""Orders that were not filled in time, from ``orders.db``."""

import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gpt_trader_telemetry.runtime_data.database import opened
from gpt_trader_telemetry.runtime_data.skipped import Skipped, Why
from gpt_trader_telemetry.runtime_data.values import text, unix_time

__all__ = ["ORDERS_DB", "Order", "unfilled_orders"]

ORDERS_DB: Final = "orders_db"
"""What this source is called."""
ALERT_AFTER: Final = 300.0
"""Seconds after which an order counts as unfilled; ``RISK_UNFILLED_ORDER_ALERT_SECONDS`` is its setting in the bot."""

_OVER: Final = ("filled", "cancelled", "canceled", "rejected", "expired", "failed")


@dataclass(frozen=True, slots=True)
class Order:
    """An order that waits."""

    order_id: str
    symbol: str | None
    side: str | None
    status: str | None
    created_at: float | None
    """Seconds since 1970; None where it cannot be read."""


def unfilled_orders(path: Path, *, as_of: float, skipped: Skipped, alert_after: float = ALERT_AFTER) -> list[Order]:
    """Return the orders that are neither over nor younger than ``alert_after`` seconds, oldest first.

    One whose creation time cannot be read is among them; with ``alert_after`` of 0 or less none is.

    Raises:
        UnreadableError: the database cannot be read.
    """
    if alert_after <= 0:
        return []
    with opened(path) as connection:
        rows = _waiting(connection)
    orders = []
    for raw in rows:
        order_id, symbol, side, status, created = (_shown(value) for value in raw)
        if order_id is None:
            skipped.add(ORDERS_DB, Why.SHAPE)
            continue
        order = Order(order_id, symbol, side, status, unix_time(created))
        if order.created_at is None or order.created_at <= as_of - alert_after:
            orders.append(order)
    return sorted(orders, key=lambda order: (order.created_at or 0.0, order.order_id))


def _waiting(connection: sqlite3.Connection) -> list[tuple[object, ...]]:
    return connection.execute(
        f"SELECT order_id, symbol, side, status, created_at FROM orders"  # noqa: S608 - only our own marks are put in
        f" WHERE status IS NULL OR lower(trim(status)) NOT IN ({', '.join('?' * len(_OVER))})",
        _OVER,
    ).fetchall()


def _shown(value: object) -> str | None:
    return text(value.decode("utf-8", "replace") if isinstance(value, bytes) else value)
