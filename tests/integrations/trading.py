"""Every method of an exchange that has to do with orders, found by looking, and arguments to call it with."""

import asyncio
import inspect
import re
from decimal import Decimal
from typing import Any

from exchanges.market import Order

SYMBOL = "BTC/USD"
OPTIONS: dict[str, Any] = {"timeout": 3_000, "timeout_on_exit": 0}


def order_methods(kind: type) -> list[str]:
    """Return the public methods that order, edit, cancel and close, under their snake_case names."""
    return [
        name
        for name, method in inspect.getmembers(kind, inspect.isfunction)
        if method.__name__ == name
        and re.match(r"(create|edit|cancel)_\w*order|close_\w*position", name)
        and not re.search(r"_request|_appendix|_nonce|_from_parts|_settlement_data", name)
    ]


def sends(name: str) -> int:
    """Return how many orders a method sends, by its name."""
    if re.match(r"create_\w*orders", name):
        return 2
    return int(name.startswith("create_") or name == "close_position")


def side_of(name: str) -> str:
    """Return the side that a method is called with here."""
    return "buy" if re.search(r"_buy_", name) else "sell"


def arguments(method: Any, market: Any) -> dict[str, Any]:
    """Return arguments for a method, by the names of its parameters, for orders that rest."""
    side = side_of(method.__name__)
    price = 50_000.0 if side == "buy" else 70_000.0

    def resting(client_id: str = "") -> str:
        order = Order("XXBTZUSD", "sell", Decimal("0.001"), "limit", Decimal(80_000), client_id=client_id)
        return market.submit(order).id

    def named() -> str:
        name = f"mine-{len(market.orders)}"
        resting(name)
        return name

    known: dict[str, Any] = {
        "symbol": lambda: SYMBOL, "type": lambda: "limit", "side": lambda: side, "amount": lambda: 0.001,
        "price": lambda: price, "cost": lambda: 100.0, "triggerPrice": lambda: price, "stopLossPrice": lambda: price,
        "takeProfitPrice": lambda: price, "trailingAmount": lambda: 100.0, "trailingPercent": lambda: 1.0,
        "takeProfit": lambda: price + 1_000, "stopLoss": lambda: price - 1_000, "duration": lambda: 1.0,
        "trailingTriggerPrice": lambda: price, "timeout": lambda: 60_000,
        "id": resting, "clientOrderId": named, "clientOrderIds": lambda: [named()],
        "ids": lambda: [resting(), resting()],
        "order": lambda: {"id": resting(), "symbol": SYMBOL},
        "orders": lambda: [
            {"symbol": SYMBOL, "id": resting(), "type": "limit", "side": each, "amount": 0.001, "price": at}
            for each, at in (("buy", 50_000.0), ("sell", 70_000.0))
        ],
    }  # fmt: skip
    wanted = inspect.signature(method).parameters
    return {name: known[name]() for name in wanted if name in known}


Outcome = tuple[str, BaseException | None]


def normal(value: object) -> str:
    """Spell a value without what differs from one call to the next."""
    return re.sub(r"(?:paper|mine)-\d+|'(?:reqid|req_id|count|lastTradeTimestamp)': \d+", "x", repr(value))


def called(method: Any, market: Any) -> Outcome:
    """Call a method; return what came of it, spelled so that two such calls can be compared, and its exception."""
    try:
        value = method(**arguments(method, market))
    except Exception as error:
        return normal((type(error), error.args, type(error.__cause__))), error
    return normal(value), None


async def awaited(method: Any, market: Any) -> Outcome:
    """Do so with a coroutine function."""
    try:
        value = await asyncio.wait_for(method(**arguments(method, market)), 5)
    except Exception as error:
        return normal((type(error), error.args, type(error.__cause__))), error
    return normal(value), None
