"""What a ``trade`` event says: whether anything was traded.

The bot writes one when it has sent an order, with the order's status at that moment, and no other word follows. A
status by which the order came to nothing tells of no trade. Any other one, and none at all, counts as a trade, as it
always has: what became of an order that was still open cannot be known from here.
"""

from collections.abc import Mapping
from typing import Any, Final

from gpt_trader_telemetry.runtime_data.values import text

__all__ = ["EXECUTED", "TRADE", "is_executed"]

TRADE: Final = "trade"
EXECUTED: Final = ("filled", "partially_filled", "open", "pending")
"""Statuses of which it is known that they count; the others are for ``is_executed``."""
_CAME_TO_NOTHING: Final = frozenset({"rejected", "failed", "cancelled", "canceled", "expired"})


def is_executed(payload: Mapping[str, Any]) -> bool:
    """Tell whether a ``trade`` event counts as a trade.

    >>> is_executed({"status": "FILLED"}), is_executed({}), is_executed({"status": "Rejected"})
    (True, True, False)
    """
    return (text(payload.get("status")) or "").casefold() not in _CAME_TO_NOTHING
