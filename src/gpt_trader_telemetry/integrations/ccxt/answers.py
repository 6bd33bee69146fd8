"""What ccxt's unified orders say of themselves: most refusals are exceptions, some come back as orders."""

from collections.abc import Mapping
from typing import Any

from gpt_trader_telemetry.integrations.method import UNSAID
from gpt_trader_telemetry.reasons import Rejected, reason_of_body


def verdict_on(value: Any) -> object:
    """Judge an order, or each of a list of them; what is neither says nothing.

    >>> verdict_on({"status": "rejected", "info": {"code": -2010, "msg": "Account has insufficient balance"}})
    Rejected(reason='insufficient_funds')
    >>> verdict_on([{"id": "1", "status": None}])
    [None]
    """
    if isinstance(value, list):
        return [_verdict_on_order(order) for order in value]
    return _verdict_on_order(value) if isinstance(value, Mapping) else UNSAID


def _verdict_on_order(order: Any) -> Rejected | None:
    if not isinstance(order, Mapping) or order.get("status") != "rejected":
        return None
    return Rejected(reason_of_body(order.get("info")) or "broker_rejected")


def order_in(value: Any) -> Mapping[str, object]:
    """Return the id and the symbol of an order; of what is none, or several, nothing.

    >>> order_in({"id": "42", "symbol": "BTC/USD", "info": {}})
    {'order_id': '42', 'symbol': 'BTC/USD'}
    """
    return {"order_id": value.get("id"), "symbol": value.get("symbol")} if isinstance(value, Mapping) else {}
