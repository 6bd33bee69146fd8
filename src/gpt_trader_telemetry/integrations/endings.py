"""What became of the orders of one call."""

from itertools import zip_longest
from typing import Final, NamedTuple

from gpt_trader_telemetry.reasons import Failed, Rejected

Answer = Rejected | Failed | None
"""What became of one order: None if the broker took it."""

_UNMENTIONED: Final = Failed("error")
"""What became of an order that the answer to its batch does not mention."""


class OfSide(NamedTuple):
    """What became of one order of a batch whose answer says its side: answers come in any order."""

    side: str
    answer: Answer


Answers = Answer | list[OfSide]
"""What became of the orders of one call: one answer about all of them, or one for each that was answered."""


def first_refused(answers: Answers) -> Answer:
    """Return what became of the first order that was not taken."""
    if not isinstance(answers, list):
        return answers
    return next((each.answer for each in answers if each.answer is not None), None)


def matched(sides: list[str], answers: Answers) -> list[tuple[str, Answer]]:
    """Pair the orders that were sent, by their sides, with what became of each.

    In the order in which they were sent, unless the sides that the answers say are others there. Then answers that say
    a side are about orders of that side, and the others about those that are left.

    >>> matched(["buy", "sell"], [OfSide("sell", None), OfSide("buy", Rejected("post_only"))])
    [('sell', None), ('buy', Rejected(reason='post_only'))]
    >>> matched(["buy", "sell"], [OfSide("unknown", None)])
    [('buy', None), ('sell', Failed(reason='error'))]
    """
    if not isinstance(answers, list):
        return [(side, answers) for side in sides]
    # What says one side only, or none, of a batch, means each of its orders.
    left = sides * max(1, len(answers)) if len(sides) == 1 else sides.copy()
    others = answers
    pairs: list[tuple[str, Answer]] = []
    if not all(each.side in {"unknown", side} for side, each in zip(left, answers, strict=False)):
        others = []
        for each in answers:
            if each.side in left:
                left.remove(each.side)
                pairs.append((each.side, each.answer))
            else:
                others.append(each)
    for sent, other in zip_longest(left, others):
        side = sent if sent not in {None, "unknown"} or other is None else other.side
        pairs.append((side, _UNMENTIONED if other is None else other.answer))
    return pairs


def ending(answer: Answer) -> tuple[str, str]:
    """Return the result and the reason that an order is counted by."""
    if answer is None:
        return "success", "none"
    return "rejected" if isinstance(answer, Rejected) else "failed", answer.reason
