"""Every order method of the client, found by reflection, and every way in which a call of it can end."""

import inspect
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from decimal import Decimal
from itertools import count
from typing import Any

from coinbase.rest import RESTClient, orders

from exchanges.coinbase import CoinbaseServer
from exchanges.faults import CUT, DROP, HANG, Fault, reject, status
from exchanges.loopback import over_loopback
from exchanges.market import Balance, Order

METHODS = [
    name
    for name, function in inspect.getmembers(RESTClient, inspect.isfunction)
    if inspect.unwrap(function).__module__ == orders.__name__ and not name.startswith("_")
]
"""Every public order method."""

ARGUMENTS = {
    "client_order_id": "",
    "product_id": "BTC-USD",
    "side": "SELL",
    "order_configuration": {"limit_limit_gtc": {"base_size": "0.01", "limit_price": "61000"}},
    "base_size": "0.01",
    "limit_price": "60500",
    "stop_price": "60400",
    "stop_trigger_price": "59000",
    "end_time": "2030-01-01T00:00:00Z",
    "stop_direction": "STOP_DIRECTION_STOP_UP",
    "size": "0.01",
    "price": "62000",
    "order_id": "resting",
    "order_ids": ["resting"],
}
"""What is given for a parameter of this name."""


def operation(method: str) -> str:
    """Return which operation a method is, judged by its name."""
    known = {
        "edit_order": "edit", "cancel_orders": "cancel", "preview_edit_order": "preview_edit",
        "get_order": "get_order", "list_orders": "list_orders", "get_fills": "get_fills",
    }  # fmt: skip
    return known.get(method) or ("preview" if method.startswith("preview_") else "submit")


def arguments(method: str) -> dict[str, Any]:
    """Return arguments that the exchange accepts."""
    parameters = inspect.signature(getattr(RESTClient, method)).parameters
    needed = {
        name
        for name, parameter in parameters.items()
        if name != "self" and parameter.default is parameter.empty and parameter.kind is not parameter.VAR_KEYWORD
    }
    if "market_order" in method:
        needed.add("base_size")
    if "edit_order" in method:
        needed.add("price")
    return {name: ARGUMENTS[name] for name in parameters if name in needed}


def side(method: str, *, accepted: bool) -> str:
    """Return the side of the order that a method sends."""
    named = re.search("_(buy|sell)$", method)
    if named:
        return named[1]
    # To close a position has the side that the answer names.
    return "sell" if method != "close_position" or accepted else "unknown"


@dataclass(frozen=True)
class Scenario:
    """What happens to one call."""

    name: str
    fault: Fault | None = None
    reason: str = "none"
    refuses: bool = False
    rare: bool = False
    """Met by one method of each kind, and not by all its helpers."""

    @property
    def result(self) -> str:
        """What becomes of an order."""
        rejections = {"invalid_order", "not_found", "broker_rejected"}
        if self.reason == "none":
            return "success"
        rejected = self.name.startswith("rejected") or self.reason in rejections
        return "rejected" if rejected else "failed"


REJECTED = (
    "insufficient_funds", "invalid_size", "invalid_price", "post_only", "market_closed", "invalid_order",
    "broker_rejected",
)  # fmt: skip
COMMON = {401, 429, 500}
STATUSES = {
    400: "invalid_order", 401: "auth", 403: "auth", 404: "not_found", 408: "timeout", 418: "rate_limit",
    422: "invalid_order", 429: "rate_limit", 500: "exchange_unavailable", 503: "exchange_unavailable", 504: "timeout",
}  # fmt: skip
SCENARIOS = [
    Scenario("accepted"),
    *(Scenario(f"rejected: {reason}", reject(reason), reason) for reason in REJECTED),
    *(Scenario(f"status {code}", status(code), reason, rare=code not in COMMON) for code, reason in STATUSES.items()),
    Scenario("timeout", HANG, "timeout"),
    Scenario("dropped", DROP, "network"),
    Scenario("dropped in mid-answer", CUT, "network"),
    Scenario("connection refused", None, "network", refuses=True),
]


@dataclass
class Ending:
    """What a call gave to the bot."""

    value: Any = None
    error: BaseException | None = field(default=None, repr=False)

    @property
    def seen(self) -> str:
        """All that the bot can see of it but what is drawn or counted anew: addresses, ports, ids."""
        shown = f"{type(self.value).__name__} {self.value.to_dict()}" if self.error is None else repr(self.error)
        return re.sub(
            r"0x[0-9a-f]+|(?<=port=)\d+|[0-9a-f]{8}-[0-9a-f-]{27}|[0-9a-f]{32}|\d{4}-\d\d-\d\dT[^']*", "#", shown
        )


@contextmanager
def client_of(exchange: CoinbaseServer, kind: type[RESTClient] = RESTClient, **options: Any) -> Iterator[RESTClient]:
    """A client of the real kind that trades on this exchange."""
    options = {"api_key": exchange.key.name, "api_secret": exchange.key.secret, "timeout": 5, **options}
    client = kind(base_url=exchange.host, **options)
    over_loopback(client.session)
    with client.session:
        yield client


def call(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Ending:
    """Call, and keep what comes of it."""
    try:
        return Ending(value=function(*args, **kwargs))
    except Exception as error:
        return Ending(error=error)


def begin_anew(exchange: CoinbaseServer) -> None:
    """Forget every order, and have money enough."""
    market = exchange.market
    market.orders.clear()
    market._ids.clear()
    market._numbers = count(1)
    market.balances = {currency: Balance(Decimal(1_000_000)) for currency in ("USD", "BTC")}


def orders_at(exchange: CoinbaseServer) -> str:
    """Return what the exchange knows of orders, but for when they came and what ids were drawn for them."""
    return str([replace(order, created=0.0, client_id="") for order in exchange.market.orders.values()])


def play(exchange: CoinbaseServer, client: RESTClient, method: str, scenario: Scenario) -> Ending:
    """Call a method as a scenario has it, at an exchange begun anew, on an order that rests where it is about one."""
    begin_anew(exchange)
    given = arguments(method)
    if {"order_id", "order_ids"} & set(given):
        order = exchange.market.submit(
            Order("BTC-USD", "sell", Decimal("0.01"), "limit", Decimal(61_000), id="resting")
        ).id
        given |= {"order_id": order} if "order_id" in given else {"order_ids": [order]}
    client.timeout = (5, 0.02) if scenario.name == "timeout" else 5
    if scenario.refuses:
        with exchange.refusing():
            return call(getattr(client, method), **given)
    handled = len(exchange.ledger)
    if scenario.fault is not None:
        exchange.faults.script(scenario.fault)
    ending = call(getattr(client, method), **given)
    while len(exchange.ledger) == handled:  # a client that did not wait is ahead of the exchange
        time.sleep(0.001)
    return ending
