"""One order on its way to the broker: what is said of it, what its submit calls came to, and how it ended."""

from collections.abc import Iterator, Mapping
from time import perf_counter
from typing import Any, Final

from gpt_trader_telemetry.instrument.binding import spelled
from gpt_trader_telemetry.instrument.innermost import first_open, open_scope, step_out_of
from gpt_trader_telemetry.instrument.site import Scope
from gpt_trader_telemetry.instrument.verdicts import failing_reason, judged
from gpt_trader_telemetry.reasons import Disposition, Failed, Rejected, disposition_of, reason_of

SUCCESS: Final = ("success", "none")
"""The result and the reason of an order that the broker took."""
_CAUSES: Final = 8
"""Exceptions looked through from an order's own to the guard's that it may have been raised from."""


class OrderSubmission(Scope):
    """One order on its way to the broker, as ``with order_submission(...) as order`` gives it."""

    __slots__ = ("side", "submits", "unremarkable")

    tripped: BaseException | None = None
    """What the last guard raised that tripped while this order was on its way."""
    asked_within = False
    """Whether an order within this one was sent to the broker."""
    decision_missing = False
    decision_id: object = None
    """Of a decorated order with a span, where the parameter that holds it was named."""
    _said: tuple[str, str] | None = None
    _answer: Rejected | Failed | None = None
    """What became of the last submit call made for this order, unless it succeeded."""
    _of_client = False

    side: str
    submits: int
    """Submit calls made to the broker for this order; beyond the first they are retries."""
    unremarkable: bool
    """Whether nothing was said and nothing has to be judged: if it returns, it succeeded."""

    def accept(self) -> None:
        """Say that the order went well after all, whatever its last submit call came to."""
        self._say(*SUCCESS)

    def reject(self, reason: str = "broker_rejected") -> None:
        """Say that the broker refused this order; ``reason`` is one of the closed set or the broker's code."""
        self._say("rejected", failing_reason(reason))

    def fail(self, reason: str = "error") -> None:
        """Say that the order got no answer, or one that is not about it."""
        self._say("failed", failing_reason(reason))

    def block(self) -> None:
        """Say that the order was refused on our side: a blocked trade, not a submission."""
        self._say(Disposition.BLOCKED.value, "guard")

    def _say(self, result: str, reason: str) -> None:
        self._said = (result, reason)
        self.unremarkable = False

    def miss_decision(self) -> None:
        """Say that the order has no decision id though it should."""
        self.decision_missing = True
        self.unremarkable = False

    def submitted(self, answer: Rejected | Failed | None, *, of_client: bool) -> None:
        """Note a submit call to the broker that ended so, of an instrumented client or of the bot's own code."""
        # The bot's own call after a client's is that one, seen from further out: it has the last word.
        if of_client or not self._of_client:
            self.submits += 1
        self._of_client = of_client
        if self.submits > 1 or answer is not None or self._answer is not None:
            self.unremarkable = False
        self._answer = answer

    def trip(self, error: BaseException) -> None:
        """Note what a guard raised on the way."""
        self.tripped = error
        self.unremarkable = False

    def finish(self, error: BaseException | None) -> None:
        """End the order and record it, once. Raises only what a signal handler raises meanwhile."""
        super().finish(error)
        # What a guard raised refers to the frames that it came through, and one of those to this.
        if self.tripped is not None:
            self.tripped = None

    def record(self, error: BaseException | None, seconds: float) -> None:
        """Record the order; what was said comes before an exception, and that before the value."""
        site = self.site
        if error is None and self.unremarkable:
            site.succeeded_by_side[self.side](seconds)
            return
        result, reason = self._said or self._judge(error)
        site.count(result, reason, self.side, seconds)
        if self.span is not None:
            self._tell(result, reason)
        if self.decision_missing and result != Disposition.BLOCKED.value:
            site.count_missing_decision()
        if self.submits > 1:
            site.count_retries(self.submits - 1)

    def _tell(self, result: str, reason: str) -> None:
        if self.submits > 1:
            self.tell(None, retries=self.submits - 1)
        if result != "success":
            # What was kept back on our side is no failure, unless an exception says so.
            self.tell(None if result == Disposition.BLOCKED.value else reason, result=result, reason=reason)

    def span_attributes(self) -> Mapping[str, Any]:
        """Return what this order's span carries beside what all of its place carry."""
        return {"side": self.side, **spelled(self.site.recorder, {"decision_id": self.decision_id})}

    def _judge(self, error: BaseException | None) -> tuple[str, str]:
        if error is not None:
            return self._result_of("guard" if self._is_of_the_guard(error) else reason_of(error))
        # A classifier knows better than the call within what a returned value means.
        verdict = self._answer if self.site.classify is None else judged(self, self.site.classify)
        if verdict is None:
            return SUCCESS
        if isinstance(verdict, Rejected | Failed):
            result = "rejected" if isinstance(verdict, Rejected) else "failed"
            return result, failing_reason(verdict.reason)
        return self._result_of(failing_reason(verdict))

    def keeps_back(self, error: BaseException) -> bool:
        """Tell whether what was raised on the way means that the broker was not asked."""
        return self._judge(error)[0] == Disposition.BLOCKED.value

    def _is_of_the_guard(self, error: BaseException) -> bool:
        """Tell whether this is what a guard raised, or was raised from it."""
        link: BaseException | None = error
        for _ in range(_CAUSES):
            if link is None:
                return False
            if link is self.tripped:
                return True
            link = link.__cause__
        return False

    def _result_of(self, reason: str) -> tuple[str, str]:
        disposition = disposition_of(reason)
        # Once the broker was asked, a refusal of ours is a submission that failed.
        if disposition is Disposition.BLOCKED and (self.submits or self.asked_within):
            disposition = Disposition.FAILED
        return disposition.value, reason


class DecoratedOrder(OrderSubmission):
    """An order of a decorated function: the bot has no hold of it, so nothing is done to it from outside."""

    __slots__ = ()

    def finish(self, error: BaseException | None) -> None:
        """End the order and record it, once. Raises only what a signal handler raises meanwhile."""
        if error is not None or not self.unremarkable or self.closed:
            super().finish(error)
            return
        # The way of almost every order, in this one frame. Where no scope is around it, it stays the innermost of its
        # context until another one replaces it there; since that happens inside `ContextVar.set`, it must own nothing
        # by then that could run code when it goes: text and numbers are left.
        # A signal may raise at every call: it is closed when nothing else can come between that and its count.
        seconds = perf_counter() - self.start
        if self.outer is not None:
            step_out_of(self)
            self.outer = first_open(self.outer)
        self.closed = True
        self.site.succeeded_by_side[self.side](seconds)
        self.site = None


def orders_around() -> Iterator[OrderSubmission]:
    """Yield the orders that this code runs in, the innermost first."""
    scope = open_scope()
    while scope is not None:
        if isinstance(scope, OrderSubmission) and not scope.closed:
            yield scope
        scope = scope.outer


def note_submit(answer: Rejected | Failed | None, *, of_client: bool = False) -> None:
    """Tell the order that a submit call belongs to how it ended, and those around it that the broker was asked."""
    around = orders_around()
    order = next(around, None)
    if order is not None:
        order.submitted(answer, of_client=of_client)
        for outer in around:
            outer.asked_within = True
