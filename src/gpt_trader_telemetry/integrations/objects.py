"""Any object that talks to a broker, recorded without a decorator."""

import difflib
import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from gpt_trader_telemetry.errors import UsageError
from gpt_trader_telemetry.instrument.arguments import argument_reader, side_reader
from gpt_trader_telemetry.instrument.broker import SUBMIT
from gpt_trader_telemetry.instrument.verdicts import Classify, misuse_of_classifier, shown
from gpt_trader_telemetry.instrument.wrap import wrap
from gpt_trader_telemetry.integrations.calls import CallSite, counts_orders
from gpt_trader_telemetry.integrations.client import Client
from gpt_trader_telemetry.integrations.method import Arguments
from gpt_trader_telemetry.recording.current import DEFAULT, Slot

ObjectT = TypeVar("ObjectT")

_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,60}")
_SIDE_IN_NAME: Final = re.compile(r"(?:^|_)(buy|sell)(?:_|$)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Operation:
    """What a method of a broker's client does, and how it is read.

    Args:
        name: ``submit``, ``cancel``, ``preview``, or a snake_case name of your own.
        side: of ``submit``, the parameter that holds the side, else ``"buy"`` or ``"sell"`` itself; left out, the
            parameter ``side``, else the word in the method's name, else unknown.
        side_of: called with the arguments, returns the side; for a method that sends several orders, the list of
            their sides.
        classify: judges the returned value: None, a reason, ``Rejected(reason)`` or ``Failed(reason)``; for several
            orders, a list with one for each.

    >>> Operation("submit", side="direction").name
    'submit'
    """

    name: str
    side: str | None = None
    side_of: Callable[..., object] | None = None
    classify: Classify | None = None

    def __post_init__(self) -> None:
        name: object = self.name
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise UsageError(f"an operation is a snake_case name such as 'submit', not {shown(self.name)}")
        misuse = misuse_of_classifier(self.classify)
        if misuse is not None:
            raise misuse
        if self.side_of is not None and (self.side is not None or not callable(self.side_of)):
            raise UsageError(f"side_of must be callable, and stands instead of side; it is {shown(self.side_of)}")


def instrument_broker(broker: ObjectT, operations: Mapping[str, str | Operation], *, slot: Slot = DEFAULT) -> ObjectT:
    """Record the calls of an object of your own that talks to a broker; return the same object.

    Its methods go on as they are, on this object alone (of a class or a module: for all who use it). Each call is a
    broker call of its operation; each ``submit`` is one order submission besides, unless an ``@order_submission`` of
    yours is around it. A method that calls another one counts once.

    Args:
        broker: an object, class or module.
        operations: by the method's name, what it does: ``"submit"``, ``"cancel"``, any snake_case name, or an
            ``Operation`` that says how side and answer are read.
        slot: where the recorder is found; the process default unless given.

    Raises:
        UsageError: a method that there is not, a name that is none, a side that cannot be found, a method that
            is decorated with ``@order_submission``, or an object that takes no attributes.

    >>> class Broker:
    ...     def place(self, symbol, side, quantity):
    ...         return "accepted"
    >>> broker = instrument_broker(Broker(), {"place": "submit"})
    >>> broker.place("BTC-USD", "buy", 1)
    'accepted'
    """
    client = Client(slot)
    made = {}
    for name, operation in operations.items():
        method = inspect.getattr_static(broker, name, None) if _is_shared(broker) else getattr(broker, name, None)
        if method is None:
            close = difflib.get_close_matches(name, dir(broker), n=1)
            raise UsageError(f"{shown(broker)} has no method {name!r}" + (f"; is {close[0]!r} meant?" if close else ""))
        if counts_orders(method):
            raise UsageError(f"{name!r} is decorated with @order_submission already; leave one of the two out")
        made[name] = _recorded(method, name, operation, client)
    for name, method in made.items():
        try:
            setattr(broker, name, method)
        except (AttributeError, TypeError) as error:
            raise UsageError(f"{shown(broker)} takes no attributes; instrument its class instead") from error
    return broker


def _is_shared(broker: object) -> bool:
    return isinstance(broker, type) or inspect.ismodule(broker)


def _recorded(method: Any, name: str, operation: str | Operation, client: Client) -> Any:
    does = operation if isinstance(operation, Operation) else Operation(operation)

    def site(function: Callable[..., Any]) -> CallSite:
        sides, symbol = _sides(function, name, does), argument_reader(function, "symbol")
        return CallSite(client, does.name, sides=sides, symbol=symbol, classify=does.classify)

    return wrap(method, site)


def _sides(function: Callable[..., Any], name: str, operation: Operation) -> Arguments:
    named = _SIDE_IN_NAME.search(name)
    unsaid = operation.side is None and operation.side_of is None
    if operation.name != SUBMIT or (unsaid and argument_reader(function, "side") is None):
        side = named[1] if named else "unknown"
        return lambda _args, _kwargs: side
    return side_reader(function, operation.side, operation.side_of)
