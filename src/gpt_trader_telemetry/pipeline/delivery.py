"""What became of an export."""

import time
from collections.abc import Callable
from enum import Enum


class Delivery(Enum):
    """The answer of ``flush`` and ``shutdown``; only DELIVERED is true.

    >>> bool(Delivery.DELIVERED), bool(Delivery.TIMED_OUT)
    (True, False)
    """

    DELIVERED = "delivered"
    """Everything recorded before the call has been acknowledged, or there is nowhere to send it."""
    FAILED = "failed"
    """The receiver refused, or could not be reached."""
    TIMED_OUT = "timed_out"
    """No answer within the time given; the export may still go on behind it."""

    def __bool__(self) -> bool:
        return self is Delivery.DELIVERED


def in_turn(timeout: float, first: Callable[[float], Delivery], second: Callable[[float], Delivery]) -> Delivery:
    """Deliver twice within ``timeout`` seconds: the first has half of them, the second what is left, a tenth at least.

    >>> in_turn(2.0, lambda seconds: Delivery.DELIVERED, lambda seconds: Delivery.FAILED)
    <Delivery.FAILED: 'failed'>
    """
    began = time.monotonic()
    delivery = first(timeout / 2)
    other = second(max(timeout - (time.monotonic() - began), timeout / 10))
    return other if delivery else delivery
