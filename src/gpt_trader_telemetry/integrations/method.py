"""What a method of a broker's client does, and how its calls are read."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from gpt_trader_telemetry.instrument.broker import SUBMIT
from gpt_trader_telemetry.instrument.orders import spelled_side
from gpt_trader_telemetry.instrument.site import NOTHING, Scope
from gpt_trader_telemetry.instrument.verdicts import Classify, told
from gpt_trader_telemetry.integrations.client import COMPONENT, Client
from gpt_trader_telemetry.integrations.endings import Answer, Answers, OfSide
from gpt_trader_telemetry.interrupts import INTERRUPTS

PREVIEW: Final = "preview"
OF_ORDERS: Final = frozenset({SUBMIT, PREVIEW})
"""Operations that are found within others: an order within an edit is sent, one within a preview is not."""

UNSAID: Final = object()
"""What a classifier here says of a value that does not tell whether all went well."""

Arguments = Callable[[tuple[Any, ...], Mapping[str, Any]], Any]
"""Reads something from a call's args and kwargs."""

Identify = Callable[[Any], Mapping[str, object]]
"""Reads ``order_id`` and ``symbol`` from what a call returned, as far as it tells one order's."""


def no_side(_args: tuple[Any, ...], _kwargs: Mapping[str, Any]) -> str:
    """Read no side."""
    return "unknown"


class Method:
    """A method that does an operation.

    Args:
        client: what it records by.
        operation: ``submit``, ``cancel``, ``preview`` or another name of a closed set.
        sides: of a submission, reads the side from the arguments, or the list of sides of a batch of orders.
        symbol: reads what is traded from the arguments, for spans.
        classify: judges the returned value; a list of verdicts judges each order of a batch.
        previews: of a submission, tells from the arguments whether it only previews.
        identify: reads the order's id and symbol from the returned value, for spans.
        answered_side: reads the side from the returned value, where the arguments do not say it.
    """

    def __init__(
        self,
        client: Client,
        operation: str,
        *,
        sides: Arguments = no_side,
        symbol: Arguments | None = None,
        classify: Classify | None = None,
        previews: Arguments | None = None,
        identify: Identify | None = None,
        answered_side: Callable[[Any], object] | None = None,
    ) -> None:
        self.client = client
        self.operation = operation
        self.site = client.broker_call(operation)
        if operation == SUBMIT:
            client.orders()
        self.judges_values = classify is not None or identify is not None or operation in OF_ORDERS
        """Whether more than an exception tells how a call went."""
        self._sides = sides
        self._symbol = symbol
        self._classify = classify
        self._previews = previews
        self._identify = identify
        self._answered_side = answered_side

    def operation_of(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> str:
        """Return what a call with these arguments does: a submission may only preview."""
        if self.operation == SUBMIT and self._previews is not None and self._previews(args, kwargs):
            return PREVIEW
        return self.operation

    def sides_of(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> list[str]:
        """Return the side of each order that a call with these arguments sends."""
        sides: Any = None
        try:
            sides = self._sides(args, kwargs)
        except INTERRUPTS:
            raise
        except BaseException as fault:
            self.client.note_fault("the side of an order could not be read", fault)
        if isinstance(sides, list | tuple):
            return [spelled_side(side, self.client.slot) for side in sides]
        return [spelled_side(sides, self.client.slot)]

    def sides_answered(self, value: object) -> list[str]:
        """Return the side of an order as the returned value says it, where the arguments did not."""
        if self._answered_side is None or value is NOTHING:
            return ["unknown"]
        try:
            return [spelled_side(self._answered_side(value), self.client.slot)]
        except INTERRUPTS:
            raise
        except BaseException as fault:
            self.client.note_fault("the side of an order could not be read", fault)
            return ["unknown"]

    def symbol_of(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> str | None:
        """Return what a call with these arguments trades, where they say it."""
        recorder = self.client.recorder
        if self._symbol is not None and recorder is not None:
            with recorder.faults.shield(COMPONENT, "the symbol of an order could not be read"):
                symbol = self._symbol(args, kwargs)
                return symbol if type(symbol) is str else None
        return None

    def answers(self, value: object, within: Answer) -> Answers:
        """Judge what a call returned; where that says nothing, ``within`` does, what the last order in it came to.

        A classifier that fails says that all went well, and that is counted.
        """
        if self._classify is None or value is NOTHING:
            return within
        try:
            verdict = self._classify(value)
            if verdict is None:
                return None
            if verdict is UNSAID:
                return within
            return told(verdict) if not _is_of_batch(verdict) else [self._told(each) for each in verdict]
        except INTERRUPTS:
            raise
        except BaseException as fault:
            self.client.note_fault("what a call returned could not be judged", fault)
            return None

    def _told(self, verdict: Any) -> OfSide:
        side, answer = verdict if isinstance(verdict, OfSide) else ("unknown", verdict)
        return OfSide(spelled_side(side, self.client.slot), told(answer))

    def name_order(self, value: object, *scopes: Scope | None) -> None:
        """Tell the spans of these runs which order the returned value is about; no others have to be told."""
        traced = [scope for scope in scopes if scope is not None and scope.span is not None]
        recorder = self.client.recorder
        if not traced or self._identify is None or value is NOTHING or recorder is None:
            return
        with recorder.faults.shield(COMPONENT, "which order a call was about could not be read"):
            told_of = {name: said for name, said in self._identify(value).items() if type(said) in {str, int}}
            for scope in traced:
                scope.identify(**told_of)


def _is_of_batch(verdict: object) -> bool:
    return isinstance(verdict, list) or type(verdict) is tuple
