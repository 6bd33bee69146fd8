"""What a run is about: a decision, a cycle, a symbol, an order. Told to spans and log records, never to metrics."""

from collections.abc import Mapping
from contextvars import ContextVar
from enum import Enum
from types import TracebackType
from typing import Any, Final, Self

from gpt_trader_telemetry.instrument.innermost import is_finalizing
from gpt_trader_telemetry.interrupts import interrupts
from gpt_trader_telemetry.recording.current import DEFAULT, Slot
from gpt_trader_telemetry.recording.recorder import Recorder

PREFIX: Final = "gpt_trader."
"""What the names of our own span attributes begin with."""

MAX_TEXT: Final = 128
"""Characters of one value."""

_SAFE_INTEGER: Final = 2**63


class Bound:
    """What ``bind`` blocks around this code have said, the inner ones before the outer ones."""

    __slots__ = ("attributes", "fields", "outer", "owner")

    def __init__(self, owner: object, fields: Mapping[str, Any], outer: "Bound | None") -> None:
        self.owner = owner
        self.outer = outer
        self.fields: Mapping[str, Any] = {**outer.fields, **fields} if outer is not None else fields
        self.attributes = attributes_of(self.fields)


_bound: Final[ContextVar[Bound | None]] = ContextVar("gpt_trader_telemetry_bound", default=None)


def bound_fields() -> Mapping[str, Any]:
    """Return what was bound around this code, by name."""
    bound = _bound.get()
    return {} if bound is None else bound.fields


def bound_attributes() -> Mapping[str, Any]:
    """Return the same as attributes of a span."""
    bound = _bound.get()
    return {} if bound is None else bound.attributes


def attributes_of(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return fields as attributes of a span."""
    return {PREFIX + name: value for name, value in fields.items()}


def spelled(recorder: Recorder | None, fields: Mapping[str, object]) -> dict[str, Any]:
    """Return the fields that were given, each a whole number or a short text. Raises what signal handlers do alone."""
    found: dict[str, Any] = {}
    for name, value in fields.items():
        if value is not None:
            try:
                found[name] = _spelled(value)
            except BaseException as fault:  # a value whose text cannot be had
                if interrupts(fault):
                    raise
                if recorder is not None:
                    recorder.faults.note("instrument", f"the {name} of a run has no text", fault)
    return found


def _spelled(value: object) -> int | str:
    if isinstance(value, Enum):
        value = value.value
    if type(value) is int and abs(value) < _SAFE_INTEGER:
        return value
    # A subclass's own __str__ is foreign code, and a text needs none.
    text = str.__str__(value) if isinstance(value, str) else str(value)
    text = text[:MAX_TEXT].encode("utf-8", "replace").decode("utf-8")
    return text if text.isprintable() else "".join(it if it.isprintable() else " " for it in text)


class bind:  # noqa: N801 - used as the decorators are
    """Say what the code in this block is about.

    Every span that opens in it carries what was said (``gpt_trader.decision_id`` ...), and so do log records where
    ``gpt_trader_telemetry.logs`` adds it. It holds across ``await``, in tasks that begin inside, and in threads that
    run in a copy of the context. What is given here must identify, not describe: it leaves the process as it is.

    Args:
        decision_id: what the bot calls the decision that leads to an order.
        cycle: the number or name of the trading cycle.
        symbol: what is traded.
        order_id: the order, where it is known beforehand: in what handles a fill.
        slot: where a value that has no text is counted; the process default unless given.

    One object may be entered many times. Blocks within add to what is bound outside.

    >>> with bind(decision_id="d-1", symbol="BTC-USD"), bind(cycle=7):
    ...     dict(bound_fields())
    {'decision_id': 'd-1', 'symbol': 'BTC-USD', 'cycle': 7}
    """

    __slots__ = ("_fields",)

    def __init__(
        self,
        *,
        decision_id: object = None,
        cycle: object = None,
        symbol: object = None,
        order_id: object = None,
        slot: Slot = DEFAULT,
    ) -> None:
        given = {"decision_id": decision_id, "cycle": cycle, "symbol": symbol, "order_id": order_id}
        self._fields = spelled(slot.recorder, given)

    def __enter__(self) -> Self:
        if not is_finalizing():
            _bound.set(Bound(self, self._fields, _bound.get()))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # In another context than it was entered in, there is nothing of it to undo.
        if is_finalizing():
            return
        bound = _bound.get()
        while bound is not None and bound.owner is not self:
            bound = bound.outer
        if bound is not None:
            _bound.set(bound.outer)
