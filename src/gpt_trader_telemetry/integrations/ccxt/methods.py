"""What the methods of an exchange of ccxt do, by their names, and how orders are read from their arguments."""

import functools
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from gpt_trader_telemetry.instrument.arguments import argument_reader
from gpt_trader_telemetry.instrument.broker import SUBMIT
from gpt_trader_telemetry.integrations.calls import CallSite
from gpt_trader_telemetry.integrations.ccxt.answers import order_in, verdict_on
from gpt_trader_telemetry.integrations.client import Client
from gpt_trader_telemetry.integrations.method import Arguments

_ORDERS: Final = re.compile(
    r"(?P<verb>create|edit|cancel)_(?:\w+_)?orders?(?:_ws|_after|_for_symbols|_with_\w+)?|close_positions?"
)
"""Methods that order, edit and cancel. Those that only build a request for one end otherwise."""
_OPERATIONS: Final = {"create": SUBMIT, "edit": "edit", "cancel": "cancel"}
_OTHERS: Final = re.compile(
    r"fetch_\w+|withdraw|transfer|close_all_positions|set_(?:leverage|margin|margin_mode|position_mode)"
    r"|(?:borrow|repay)_\w*margin"
)
"""Methods that ask for anything else; each is an operation of its own name."""
_BATCHES: Final = re.compile(r"create_(?:\w+_)?orders(?:_ws)?")
_SIDE_IN_NAME: Final = re.compile(r"_(buy|sell)_")
_PREVIEWS: Final = ("preview", "test", "validate", "validateOnly")


def operation_of(name: str) -> str | None:
    """Return what a method does, if it asks the exchange for something; None for what only helps.

    >>> [operation_of(name) for name in ("create_orders_ws", "create_order_request", "fetch_balance")]
    ['submit', None, 'fetch_balance']
    """
    found = _ORDERS.fullmatch(name)
    if found:
        return _OPERATIONS.get(found["verb"], SUBMIT)
    return name if _OTHERS.fullmatch(name) else None


def call_site(client: Client, name: str, function: Callable[..., Any]) -> CallSite:
    """Return the site of a method whose name tells what it does."""
    operation = operation_of(name) or name
    if operation == name:
        return CallSite(client, operation)
    sides = _sides(function, name)
    return CallSite(
        client,
        operation,
        sides=sides,
        symbol=argument_reader(function, "symbol"),
        classify=functools.partial(verdict_on, sent=True) if operation == SUBMIT else verdict_on,
        previews=_previews,
        identify=order_in,
    )


def _sides(function: Callable[..., Any], name: str) -> Arguments:
    if _BATCHES.fullmatch(name):
        return _sides_of_batch
    named = _SIDE_IN_NAME.search(name)
    if named is not None:
        side = named[1]
        return lambda _args, _kwargs: side
    read = argument_reader(function, "side")

    def side_of(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        side = None if read is None else read(args, kwargs)
        # What overrides a method may take its arguments as they come.
        return side if isinstance(side, str) else next(filter(_is_side, args), "unknown")

    return side_of


def _is_side(value: object) -> bool:
    return isinstance(value, str) and value.lower() in {"buy", "sell"}


def _sides_of_batch(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> object:
    """Read the sides of a list of orders; what else it may be is not touched: an iterator is there once."""
    orders = kwargs.get("orders", args[1] if len(args) > 1 else None)
    if isinstance(orders, list | tuple) and all(isinstance(order, Mapping) for order in orders):
        return [order.get("side") for order in orders]
    return next(filter(_is_side, (*args, kwargs.get("side"))), "unknown")


def _previews(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> bool:
    """Tell whether the parameters, the last argument, ask only what would become of an order."""
    params = kwargs.get("params", args[-1] if args else None)
    return isinstance(params, Mapping) and any(params.get(name) for name in _PREVIEWS)
