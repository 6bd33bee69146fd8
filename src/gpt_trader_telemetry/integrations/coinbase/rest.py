"""The REST client: every call goes through one method, and every HTTP attempt through another below it.

Helpers such as ``market_order_buy`` call a function of their module, and what that makes of the answer may fail after
the order was accepted: so an order is followed from that function on, and judged by the answer below it.
"""

import sys
from collections.abc import Callable, Mapping
from functools import partial
from types import ModuleType
from typing import Any, Final

from gpt_trader_telemetry.instrument.arguments import argument_reader
from gpt_trader_telemetry.instrument.broker import SUBMIT
from gpt_trader_telemetry.instrument.site import Place, Scope
from gpt_trader_telemetry.instrument.wrap import wrap
from gpt_trader_telemetry.integrations.attempts import Attempts, telling_retries
from gpt_trader_telemetry.integrations.calls import CallSite
from gpt_trader_telemetry.integrations.client import Client
from gpt_trader_telemetry.integrations.coinbase.answers import JUDGED, operation_of, order_in, side_of, verdict_of
from gpt_trader_telemetry.integrations.coinbase.responses import Responses
from gpt_trader_telemetry.integrations.method import no_side
from gpt_trader_telemetry.integrations.patching import Patches
from gpt_trader_telemetry.integrations.scopes import call_around, uncounted

_ORDERS: Final = ("create_order", "close_position")
"""Functions that send an order; every helper calls the first."""


def patch_rest(client: Client, patches: Patches, rest: ModuleType) -> None:
    """Record what ``RESTClient`` does."""
    base, orders = (sys.modules[f"{rest.__name__}.{name}"] for name in ("rest_base", "orders"))

    def patch(owner: Any, name: str, site_of: Callable[[Any], Place]) -> None:
        patches.replace(owner, name, lambda function: wrap(function, site_of))

    for name in _ORDERS:
        for owner in (orders, rest.RESTClient):
            patch(owner, name, partial(_order_site, client))
    patches.replace(base.RESTBase, "send_request", Attempts(client, 2, "url_path").recording)
    patch(base.RESTBase, "send_request", lambda _bare: BareCallSite(client))
    patch(base.RESTBase, "prepare_and_send_request", lambda _bare: AnyCallSite(client))
    patches.replace(base.RESTBase, "prepare_and_send_request", telling_retries)
    if hasattr(base, "handle_exception"):
        patches.replace(base, "handle_exception", Responses(client).watching)


def _order_site(client: Client, function: Callable[..., Any]) -> CallSite:
    sides = argument_reader(function, "side") or no_side
    return CallSite(client, SUBMIT, sides=sides, symbol=argument_reader(function, "product_id"))


class AnyCallSite(Place):
    """The method that every call goes through: its arguments tell what the call is for."""

    judges_runs = judges_values = True

    def __init__(self, client: Client) -> None:
        self.client = client
        self._sites: dict[str, CallSite] = {}

    def begin(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Scope:
        """Begin the call that these arguments are for, and enter it. Never raises."""
        return self._site_of(args, kwargs).begin(args, kwargs)

    def open(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Scope:
        """Begin the call that these arguments are for. Never raises."""
        return self._site_of(args, kwargs).open(args, kwargs)

    def _site_of(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> CallSite:
        operation = operation_of(_text(args, kwargs, 1, "http_method"), _path(args, kwargs))
        site = self._sites.get(operation)
        if site is None:
            site = self._sites[operation] = self._made(operation)
        return site

    def _made(self, operation: str) -> CallSite:
        if operation not in JUDGED:
            return CallSite(self.client, operation)
        return CallSite(
            self.client,
            operation,
            sides=_side_sent,
            symbol=_product_sent,
            classify=lambda body: verdict_of(operation, body),
            identify=order_in,
            answered_side=partial(side_of, None),  # to close a position has the side that it has
        )


class BareCallSite(AnyCallSite):
    """The method below it, which few bots call themselves: mostly it is part of a call that is followed already."""

    def begin(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Scope:
        """Begin the call that these arguments are for, unless it is part of one. Never raises."""
        return uncounted() if call_around(self.client.slot) is not None else super().begin(args, kwargs)


def _text(args: tuple[Any, ...], kwargs: Mapping[str, Any], position: int, name: str) -> str:
    found = args[position] if len(args) > position else kwargs.get(name)
    return found if isinstance(found, str) else ""


def _path(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> str:
    return _text(args, kwargs, 2, "url_path")


def _side_sent(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> object:
    """Read the side from the body of a request."""
    return next(filter(None, map(side_of, _bodies(args, kwargs))), None)


def _product_sent(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> object:
    """Read what is traded from the body of a request."""
    bodies = (body for body in _bodies(args, kwargs) if isinstance(body, Mapping))
    return next(filter(None, (body.get("product_id") for body in bodies)), None)


def _bodies(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> tuple[object, ...]:
    """Return where the body of a request may be: ``data`` stands third or fourth."""
    return (*args[3:], kwargs.get("data"))
