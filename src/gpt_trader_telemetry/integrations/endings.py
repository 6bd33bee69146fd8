"""What became of the orders of one call."""

from collections.abc import Iterable
from itertools import zip_longest
from typing import Any, Final, cast

from gpt_trader_telemetry.instrument.site import NOTHING
from gpt_trader_telemetry.reasons import Failed, Rejected

Answer = Rejected | Failed | None
"""What became of one order: None if the broker took it."""

_UNMENTIONED: Final = Failed("error")
"""What became of an order that the answer to its batch does not mention."""


def first_refused(answers: list[Answer]) -> Answer:
    """Return what became of the first order that was not taken."""
    return next((answer for answer in answers if answer is not None), None)


def matched(sides: list[str], answers: list[Answer]) -> Iterable[tuple[str, Answer]]:
    """Pair the orders that were sent with what became of each; one answer is about all of them."""
    if len(answers) == 1:
        return [(side, answers[0]) for side in sides]
    if len(sides) == 1:
        return [(sides[0], answer) for answer in answers]
    pairs = zip_longest(sides, answers, fillvalue=NOTHING)
    return [
        ("unknown" if side is NOTHING else side, _UNMENTIONED if answer is NOTHING else answer)
        for side, answer in cast("Iterable[tuple[Any, Any]]", pairs)
    ]


def ending(answer: Answer) -> tuple[str, str]:
    """Return the result and the reason that an order is counted by."""
    if answer is None:
        return "success", "none"
    return "rejected" if isinstance(answer, Rejected) else "failed", answer.reason
