"""Saying which order it is that the code around this call submits."""

from gpt_trader_telemetry.instrument.innermost import open_scope
from gpt_trader_telemetry.instrument.order import orders_around
from gpt_trader_telemetry.recording.current import DEFAULT, Slot


def identify(*, order_id: object = None, symbol: object = None, slot: Slot = DEFAULT) -> None:
    """Give the span of the order that this code runs in its id and symbol, for decorated functions.

    Outside of an order it is the innermost run that is told. Where nothing is traced it does nothing; it never raises.
    In a ``with`` statement, ``order.identify(...)`` does the same.

    >>> from gpt_trader_telemetry import order_submission
    >>> @order_submission(side="side")
    ... def submit(symbol, side, quantity):
    ...     answer = {"id": "42"}
    ...     identify(order_id=answer["id"], symbol=symbol)
    ...     return answer
    >>> submit("BTC-USD", "buy", 1)
    {'id': '42'}
    """
    recorder = slot.recorder
    scope = next((it for it in orders_around() if it.site.recorder is recorder), None) or open_scope()
    if scope is not None:
        scope.identify(order_id=order_id, symbol=symbol)
