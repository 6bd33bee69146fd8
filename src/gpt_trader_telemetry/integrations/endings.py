"""What became of the orders of one call, by what it returned and by what was sent within it."""

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


class Sent(NamedTuple):
    """One submission within a call: when it began and ended, what it was about and what became of it."""

    began: float
    ended: float
    side: str
    symbol: str | None
    answer: Answer


def orders_of(sent: list[Sent], expected: int) -> list[list[Sent]]:
    """Return the orders that these submissions were, each with its tries, by when they began.

    Another try of an order follows one that failed, and is about the same. Of a call that says how many orders it sends
    each submission is an order, as long as there are no more.

    >>> first, again = Sent(0, 1, "buy", "X", Failed("timeout")), Sent(2, 3, "buy", "X", None)
    >>> len(orders_of([first, again], 1)), len(orders_of([first, again], 2))
    (1, 2)
    >>> len(orders_of([again, Sent(4, 5, "buy", "X", None)], 1))
    2
    """
    ordered = sorted(sent, key=lambda each: each.began)
    if expected > 1 and len(ordered) <= expected:
        return [[each] for each in ordered]
    orders: list[list[Sent]] = []
    for each in ordered:
        tried = next((order for order in reversed(orders) if _is_another_try(each, order[-1])), None)
        if tried is None:
            orders.append([each])
        else:
            tried.append(each)
    return orders


def _is_another_try(later: Sent, earlier: Sent) -> bool:
    same = (later.side, later.symbol) == (earlier.side, earlier.symbol)
    return same and earlier.answer is not None and earlier.ended <= later.began


def ending(answer: Answer) -> tuple[str, str]:
    """Return the result and the reason that an order is counted by."""
    if answer is None:
        return "success", "none"
    return "rejected" if isinstance(answer, Rejected) else "failed", answer.reason
