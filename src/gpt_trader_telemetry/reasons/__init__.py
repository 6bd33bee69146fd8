"""Any exception, code or word -> a reason of the closed set, and what that reason says about an order."""

from gpt_trader_telemetry.reasons.dispositions import (
    BLOCKED_REASONS,
    FAILED_REASONS,
    REJECTED_REASONS,
    Disposition,
    Failed,
    Rejected,
    disposition_of,
    normal_reason,
)
from gpt_trader_telemetry.reasons.exceptions import reason_of
from gpt_trader_telemetry.reasons.words import reason_of_body, reason_of_code

__all__ = [
    "BLOCKED_REASONS",
    "FAILED_REASONS",
    "REJECTED_REASONS",
    "Disposition",
    "Failed",
    "Rejected",
    "disposition_of",
    "normal_reason",
    "reason_of",
    "reason_of_body",
    "reason_of_code",
]
