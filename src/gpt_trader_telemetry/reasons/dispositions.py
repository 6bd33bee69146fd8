"""What a reason says about an order, and what a classifier may answer.

>>> disposition_of("insufficient_funds").value
'rejected'
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from gpt_trader_telemetry.catalog import REASONS, text_of
from gpt_trader_telemetry.interrupts import interrupts


class Disposition(StrEnum):
    """What a reason says about an order that did not succeed."""

    REJECTED = "rejected"
    """The broker answered no to this order."""
    FAILED = "failed"
    """No answer, or one that is not about the order."""
    BLOCKED = "blocked"
    """Refused on our side, before the broker was asked."""


REJECTED_REASONS: Final[tuple[str, ...]] = (
    "not_found", "insufficient_funds", "invalid_size", "invalid_price", "invalid_order", "post_only",
    "market_closed", "broker_rejected",
)  # fmt: skip
BLOCKED_REASONS: Final[tuple[str, ...]] = (
    "reduce_only", "slippage_guard", "mark_staleness", "order_preview", "missing_decision_id",
    "quantity_zero", "paused", "guard",
)  # fmt: skip
FAILED_REASONS: Final[tuple[str, ...]] = tuple(
    reason for reason in REASONS if reason not in {"none", *REJECTED_REASONS, *BLOCKED_REASONS}
)
_DISPOSITIONS = dict.fromkeys(REJECTED_REASONS, Disposition.REJECTED)
_DISPOSITIONS |= dict.fromkeys(BLOCKED_REASONS, Disposition.BLOCKED)


def disposition_of(reason: str) -> Disposition:
    """Return what ``reason`` says about an order; what is neither rejected nor blocked has failed."""
    return _DISPOSITIONS.get(reason, Disposition.FAILED)


@dataclass(frozen=True, slots=True)
class Rejected:
    """A classifier's answer: the broker said no to this order."""

    reason: str = "broker_rejected"


@dataclass(frozen=True, slots=True)
class Failed:
    """A classifier's answer: there was no answer, or none about this order."""

    reason: str = "error"


MAX_WORD: Final = 200
"""Characters of a word or code beyond which it is none."""
MEMBERS: Final = {reason: reason for reason in REASONS}
"""Every reason, to get a plain str whatever subclass was asked for."""


def normal_reason(value: object) -> str:
    """Return the reason that ``value`` spells, or ``error``; never raises.

    >>> normal_reason("Insufficient-Funds"), normal_reason("no idea"), normal_reason(None)
    ('insufficient_funds', 'error', 'error')
    """
    try:
        if value is None or (isinstance(value, str) and len(value) > MAX_WORD):
            return "error"
        folded = text_of(value).strip().casefold()
        return MEMBERS.get(folded.replace("-", "_").replace(" ", "_"), "error")
    except Exception as fault:
        if interrupts(fault):
            raise
        return "error"
