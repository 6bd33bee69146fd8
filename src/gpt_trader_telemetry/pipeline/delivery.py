"""What became of an export."""

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
