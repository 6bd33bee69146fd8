"""Order submissions: one measurement for each logical order, whatever it took to send it."""

import inspect
import sys
from collections.abc import Callable, Mapping
from time import perf_counter
from typing import Any, Final

from gpt_trader_telemetry.catalog import (
    ORDER_MISSING_DECISION_ID,
    ORDER_RETRIES,
    ORDER_SUBMISSION,
    ORDER_SUBMISSION_LATENCY,
    TRADES_BLOCKED,
)
from gpt_trader_telemetry.errors import UsageError
from gpt_trader_telemetry.instrument.arguments import ArgumentAt, ReadArgument, id_reader, name_of, side_reader
from gpt_trader_telemetry.instrument.innermost import (
    finalizing,
    first_open,
    innermost,
    set_innermost,
    step_into,
)
from gpt_trader_telemetry.instrument.instrument import Instrument
from gpt_trader_telemetry.instrument.order import SUCCESS, DecoratedOrder, OrderSubmission
from gpt_trader_telemetry.instrument.site import NOTHING, Site, discard, opened
from gpt_trader_telemetry.instrument.verdicts import Classify, misuse_of_classifier, shown
from gpt_trader_telemetry.interrupts import interrupts
from gpt_trader_telemetry.reasons import (
    FAILED_REASONS,
    REJECTED_REASONS,
    Disposition,
)
from gpt_trader_telemetry.recording.current import DEFAULT, Slot
from gpt_trader_telemetry.recording.recorder import LabelSet, Observe, Recorder

_SIDE: Final = ORDER_SUBMISSION.labels[2]
_SIDES: Final = frozenset(_SIDE.values)
_DISCARDING: Final[dict[str, Observe]] = dict.fromkeys(_SIDE.values, discard)
_UNREADABLE: Final = "an order's side or decision id could not be read"
_POSSIBLE: Final = (
    SUCCESS,
    *(("rejected", reason) for reason in REJECTED_REASONS),
    *(("failed", reason) for reason in FAILED_REASONS),
)
"""Results and reasons that go together; others are recorded too where a caller says so."""


class OrderSite(Site):
    """A place that submits orders."""

    __slots__ = ("_decision_id", "_position", "_side", "classify", "judges_values", "succeeded_by_side")

    judges_runs = True

    def __init__(self, side: ReadArgument, decision_id: ReadArgument | None, classify: Classify | None) -> None:
        super().__init__()
        self._side = side
        self._position = side.position if isinstance(side, ArgumentAt) else sys.maxsize
        self._decision_id = decision_id
        self.classify = classify
        self.judges_values = classify is not None
        self.succeeded_by_side: dict[str, Observe] = _DISCARDING

    def bind(self, recorder: Recorder) -> None:
        """Show every submission that may come at zero."""
        recorder.zero(
            ORDER_SUBMISSION, [_labels(result, reason, side) for side in _SIDE.values for result, reason in _POSSIBLE]
        )
        self.succeeded_by_side = {side: _observer(recorder, *SUCCESS, side) for side in _SIDE.values}

    def attach(self, recorder: Recorder | None) -> None:
        """Record into ``recorder`` from now on."""
        self.succeeded_by_side = _DISCARDING
        super().attach(recorder)

    def begin(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> OrderSubmission:
        """Begin and enter an order with these arguments: `open` and `step_into` in one frame.

        Raises only what a signal handler raises meanwhile; the order is closed then.
        """
        if self.open_span is not None:
            return self.open(args, kwargs).__enter__()
        order = DecoratedOrder()
        order.site = self
        order.closed = False
        order.submits = 0
        order.unremarkable = not self.judges_values
        given = args[self._position] if len(args) > self._position else None
        order.side = given if given.__class__ is str and given in _SIDES else self._side_of(args, kwargs)
        if self._decision_id is not None and self._misses_decision(args, kwargs):
            order.miss_decision()
        try:
            if finalizing:
                step_into(order)
            else:
                outer = innermost()
                order.outer = outer.outer and first_open(outer.outer) if outer is not None and outer.closed else outer
                set_innermost(order)
            order.start = perf_counter()
        except BaseException:  # a signal: the order was not begun
            order.closed = True
            raise
        return order

    def open(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> OrderSubmission:
        """Begin an order with these arguments; they are read now, since the call may change them."""
        order = opened(OrderSubmission(), self)
        order.submits = 0
        order.unremarkable = not self.judges_values
        order.side = self._side_of(args, kwargs)
        if self._decision_id is not None:
            if self._misses_decision(args, kwargs):
                order.miss_decision()
            elif self.open_span is not None:
                order.decision_id = self._decision_id(args, kwargs)
        return order

    def describe_span(self) -> tuple[str, str, Mapping[str, str]]:
        """Return the name, the kind and the attributes of the spans of this place."""
        return "order_submission", "internal", {}

    def _side_of(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> str:
        if self.recorder is None:
            return "unknown"
        try:
            given = self._side(args, kwargs)
            return given if given.__class__ is str and given in _SIDES else _SIDE.spell(given)
        except BaseException as fault:
            self._keep_back(fault)
            return "unknown"

    def _misses_decision(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> bool:
        try:
            return self._decision_id is not None and _is_empty(self._decision_id(args, kwargs))
        except BaseException as fault:
            self._keep_back(fault)
            return False

    def _keep_back(self, fault: BaseException) -> None:
        if interrupts(fault):
            raise fault
        if self.recorder is not None:
            self.recorder.faults.note("instrument", _UNREADABLE, fault)

    def count(self, result: str, reason: str, side: str, seconds: float) -> None:
        """Count an order that ended so."""
        if self.recorder is None:
            return
        if result == Disposition.BLOCKED.value:
            self.recorder.events((TRADES_BLOCKED, ()))(1)
        else:
            _observer(self.recorder, result, reason, side)(seconds)

    def count_missing_decision(self) -> None:
        """Count an order that was sent without the decision id it should have."""
        if self.recorder is not None:
            self.recorder.events((ORDER_MISSING_DECISION_ID, ()))(1)

    def count_retries(self, retries: int) -> None:
        """Count submit calls beyond the first of an order, for the retry rate."""
        if self.recorder is not None:
            self.recorder.adder(ORDER_RETRIES, ())(retries)


def order_submission(
    side: object = None,
    *,
    side_of: Callable[..., object] | None = None,
    decision_id: object = NOTHING,
    classify: Classify | None = None,
    slot: Slot = DEFAULT,
) -> Instrument[OrderSubmission]:
    """Count orders in ``gpt_trader_order_submission_total`` and time them.

    Args:
        side: decorating, the name of the parameter that holds the side, else ``"buy"`` or ``"sell"`` itself;
            left out, the parameter ``side``. In a ``with`` statement, the side.
        side_of: decorating, called with the arguments, returns the side.
        decision_id: decorating, the name of the parameter that holds the decision id; in a ``with`` statement,
            the id. Where it is given and empty, ``gpt_trader_order_missing_decision_id_total`` counts.
        classify: judges the returned value, for brokers that answer "no" without raising.
        slot: where the recorder is found; the process default unless given.

    Raises:
        UsageError: when decorating, if the side or decision id cannot be found this way, or a callable is none.

    >>> @order_submission(side="side")
    ... def submit(symbol, side, quantity):
    ...     return "accepted"
    >>> submit("BTC-USD", "buy", 1)
    'accepted'
    >>> with order_submission(side="sell") as order:
    ...     order.reject("insufficient_funds")
    """
    misuse = misuse_of_classifier(classify)
    if side_of is not None and (side is not None or not callable(side_of)):
        given = f"{shown(side_of)} with side={shown(side)}"
        misuse = UsageError(f"side_of must be callable and stands instead of side, not {given}")
    if not isinstance(side, str) and inspect.isroutine(side):
        raise UsageError(f"order_submission needs parentheses: @order_submission() above {name_of(side)}")
    side_given = spelled_side(side, slot)
    misses_decision = decision_id is not NOTHING and _is_empty(decision_id)

    def make_site(function: Callable[..., Any] | None) -> OrderSite:
        if function is not None:
            return OrderSite(side_reader(function, side, side_of), id_reader(function, decision_id), classify)
        read_id = (lambda _args, _kwargs: None) if misses_decision else None
        return OrderSite(lambda _args, _kwargs: side_given, read_id, None)

    told = None if decision_id is NOTHING else {"decision_id": decision_id}
    return Instrument(make_site, (OrderSite, side_given, misses_decision), slot, misuse=misuse, told=told)


def spelled_side(side: object, slot: Slot = DEFAULT) -> str:
    """Spell a side; one whose text cannot be had is unknown."""
    try:
        return side if side.__class__ is str and side in _SIDES else _SIDE.spell(side)
    except BaseException as fault:
        if interrupts(fault):
            raise
        if slot.recorder is not None:
            slot.recorder.faults.note("instrument", _UNREADABLE, fault)
        return "unknown"


def _is_empty(decision_id: object) -> bool:
    return decision_id is None or decision_id is NOTHING or (isinstance(decision_id, str) and not decision_id.strip())


def _labels(result: str, reason: str, side: str) -> LabelSet:
    return (("result", result), ("reason", reason), ("side", side))


def _observer(recorder: Recorder, result: str, reason: str, side: str) -> Observe:
    return recorder.events(
        (ORDER_SUBMISSION, _labels(result, reason, side)),
        (ORDER_SUBMISSION_LATENCY, (("result", result), ("side", side))),
    )
