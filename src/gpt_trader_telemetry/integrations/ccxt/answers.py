"""What ccxt's unified orders say of themselves: most refusals are exceptions, some come back as orders.

An answer that ccxt cannot read, such as a page of HTML with status 200 (or, to the asynchronous client, with 524), also
comes back as an order, of which nothing is known.
"""

from collections.abc import Mapping
from typing import Any

from gpt_trader_telemetry.integrations.endings import OfSide
from gpt_trader_telemetry.integrations.method import UNSAID
from gpt_trader_telemetry.reasons import Failed, Rejected, reason_of_body


def verdict_on(value: Any, *, sent: bool = False) -> object:
    """Judge an order, or each of a list of them; what is neither says nothing.

    One that was sent, has no id, and of which nothing came back, failed. A cancellation may be answered with nothing.

    >>> verdict_on({"status": "rejected", "info": {"code": -2010, "msg": "Account has insufficient balance"}})
    Rejected(reason='insufficient_funds')
    >>> verdict_on([{"id": "1", "status": None, "side": "buy"}])
    [OfSide(side='buy', answer=None)]
    >>> verdict_on({"id": None, "clientOrderId": None, "status": None, "info": {}}, sent=True)
    Failed(reason='exchange_unavailable')
    """
    if isinstance(value, list):
        return [OfSide(_side_of(order), _verdict_on_order(order, sent=sent)) for order in value]
    return _verdict_on_order(value, sent=sent) if isinstance(value, Mapping) else UNSAID


def _verdict_on_order(order: Any, *, sent: bool) -> Rejected | Failed | None:
    if not isinstance(order, Mapping):
        return None
    info = order.get("info")
    if _is_page(info) or (sent and _says_nothing(order)):
        return Failed("exchange_unavailable")
    if order.get("status") == "rejected":
        return Rejected(reason_of_body(info) or "broker_rejected")
    return None


def _side_of(order: Any) -> str:
    side = order.get("side") if isinstance(order, Mapping) else None
    return side if isinstance(side, str) else "unknown"


def _is_page(info: Any) -> bool:
    return isinstance(info, str) and info.lstrip()[:1] == "<"


def _says_nothing(order: Mapping[Any, Any]) -> bool:
    if "id" not in order or "info" not in order:
        return False
    return not any(order.get(name) for name in ("id", "clientOrderId", "status", "info"))


def order_in(value: Any) -> Mapping[str, object]:
    """Return the id and the symbol of an order; of what is none, or several, nothing.

    >>> order_in({"id": "42", "symbol": "BTC/USD", "info": {}})
    {'order_id': '42', 'symbol': 'BTC/USD'}
    """
    return {"order_id": value.get("id"), "symbol": value.get("symbol")} if isinstance(value, Mapping) else {}
