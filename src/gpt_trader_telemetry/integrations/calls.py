"""One logical call of a broker's client: one broker call, and one submission for each order that it sends.

A client's methods call one another: helpers, aliases, what a subclass overrides. The outermost one counts. Only
orders are found wherever they are: an edit that cancels and orders anew sends an order.
"""

from collections.abc import Mapping
from time import perf_counter
from typing import Any, TypeVar

from gpt_trader_telemetry.instrument.broker import SUBMIT
from gpt_trader_telemetry.instrument.innermost import finalizing, first_open, innermost, open_scope, set_innermost
from gpt_trader_telemetry.instrument.orders import OrderSite
from gpt_trader_telemetry.instrument.site import Place, Scope, Site, opened
from gpt_trader_telemetry.integrations.client import COMPONENT
from gpt_trader_telemetry.integrations.method import OF_ORDERS, PREVIEW, Method
from gpt_trader_telemetry.integrations.scopes import (
    ClientCall,
    ClientOrder,
    NestedSubmit,
    PlainCall,
    call_among,
    order_around,
    uncounted,
)
from gpt_trader_telemetry.interrupts import INTERRUPTS

CallT = TypeVar("CallT", ClientCall, ClientOrder, NestedSubmit)


def _is_counted_within(operation: str, around: str) -> bool:
    """Tell whether an operation counts within another: an order within an edit does, a preview within an order too."""
    return operation in OF_ORDERS and (around not in OF_ORDERS or (operation == PREVIEW and around == SUBMIT))


def counts_orders(function: object) -> bool:
    """Tell whether a function is decorated with ``@order_submission``: then its calls are orders already."""
    while function is not None:
        if isinstance(getattr(function, "__gpt_trader_site__", None), OrderSite):
            return True
        function = getattr(function, "__wrapped__", None)
    return False


class CallSite(Method, Place):
    """A method whose calls are recorded. There are thousands: they record by the few sites of their client."""

    judges_runs = True

    def begin(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Scope:
        """Begin a call with these arguments and enter it: one that is plain, in this frame. Never raises."""
        site = self.site
        outer = innermost()
        if outer is not None and outer.closed:
            outer = outer.outer and first_open(outer.outer)
        if self.judges_values or self.client.recorder is None or site.open_span is not None or finalizing:
            return super().begin(args, kwargs)
        if outer is not None and call_among(outer, self.client.slot) is not None:
            return super().begin(args, kwargs)
        call = PlainCall()
        call.site, call.call, call.operation = site, self, self.operation
        call.outer = outer
        call.closed = False
        try:
            set_innermost(call)
            call.start = perf_counter()
        except BaseException:  # by a signal: what is not returned nobody ends
            call.closed = True
            raise
        return call

    def open(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Scope:
        """Begin a call with these arguments. Never raises."""
        recorder = self.client.recorder
        if recorder is None:
            return uncounted()
        try:
            return self._opened(args, kwargs)
        except INTERRUPTS:
            raise
        except BaseException as fault:
            recorder.faults.note(COMPONENT, "a call could not be followed", fault)
            return uncounted()

    def _opened(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Scope:
        operation = self.operation_of(args, kwargs)
        outer = open_scope()
        around = None if outer is None else call_among(outer, self.client.slot)
        if around is not None and not _is_counted_within(operation, around.operation):
            if operation != SUBMIT or around.operation != SUBMIT:
                return uncounted()
            nested = self._begun(NestedSubmit(), self.site, SUBMIT)
            nested.sides, nested.symbol = self.sides_of(args, kwargs), self.symbol_of(args, kwargs)
            return nested
        site = self.client.broker_call(operation)
        call: ClientCall | ClientOrder
        if operation != SUBMIT or (outer is not None and order_around(self.client) is not None):
            call = self._begun(ClientCall(), site, operation)
        else:
            call = self._begun(ClientOrder(), self.client.orders(), SUBMIT)
            call.submits, call.unremarkable = 0, False
            call.sides = self.sides_of(args, kwargs)
            call.side = call.sides[0] if call.sides else "unknown"
        if site.open_span is not None:
            call.symbol = self.symbol_of(args, kwargs)
        return call

    def _begun(self, call: CallT, site: Site, operation: str) -> CallT:
        opened(call, site)
        call.call, call.operation = self, operation
        return call
