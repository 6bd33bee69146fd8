"""What ccxt's unified orders say of themselves: most refusals are exceptions, some come back as orders.

An answer that ccxt cannot read, such as a page of HTML with status 200 (or, to the asynchronous client, with 524), also
comes back as an order, of which nothing is known.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from gpt_trader_telemetry.integrations.calls import UNSAID
from gpt_trader_telemetry.reasons import Failed, Rejected, reason_of_body

_UNREADABLE: Final = Failed("exchange_unavailable")


def verdict_on(value: Any) -> object:
    """Judge an order that was changed or cancelled, or each of a list of them; what is neither says nothing.

    >>> verdict_on({"status": "rejected", "info": {"code": -2011, "msg": "Unknown order sent."}})
    Rejected(reason='not_found')
    >>> verdict_on([{"id": "1", "status": None}])
    [None]
    """
    return _each(value, _verdict_on_order)


def verdict_on_sent(value: Any) -> object:
    """Judge an order that was sent, or each of a batch: one that has no id, and of which nothing came back, failed.

    >>> verdict_on_sent({"id": None, "clientOrderId": None, "status": None, "info": {}})
    Failed(reason='exchange_unavailable')
    """
    return _each(value, _verdict_on_sent)


def _each(value: Any, verdict: Callable[[Any], object]) -> object:
    if isinstance(value, list):
        return [verdict(order) for order in value]
    return verdict(value) if isinstance(value, Mapping) else UNSAID


def _verdict_on_order(order: Any) -> Rejected | Failed | None:
    if not isinstance(order, Mapping):
        return None
    info = order.get("info")
    if isinstance(info, str) and info.lstrip()[:1] == "<":
        return _UNREADABLE
    if order.get("status") == "rejected":
        return Rejected(reason_of_body(info) or "broker_rejected")
    return None


def _verdict_on_sent(order: Any) -> Rejected | Failed | None:
    return _verdict_on_order(order) or (_UNREADABLE if _says_nothing(order) else None)


def _says_nothing(order: Any) -> bool:
    if not isinstance(order, Mapping) or "id" not in order or "info" not in order:
        return False
    return not any(order.get(name) for name in ("id", "clientOrderId", "status", "info"))


def order_in(value: Any) -> Mapping[str, object]:
    """Return the id and the symbol of an order; of what is none, or several, nothing.

    >>> order_in({"id": "42", "symbol": "BTC/USD", "info": {}})
    {'order_id': '42', 'symbol': 'BTC/USD'}
    """
    return {"order_id": value.get("id"), "symbol": value.get("symbol")} if isinstance(value, Mapping) else {}
