"""One logical call of a broker's client: one broker call, and one submission for each order that it sends.

A client's methods call one another: helpers, aliases, what a subclass overrides. The outermost one counts. Only
orders are found wherever they are: an edit that cancels and orders anew sends an order.
"""

from collections.abc import Callable, Mapping
from time import perf_counter
from typing import Any, Final, Self, TypeVar

from gpt_trader_telemetry.catalog import ORDER_PREVIEW_FAILURES
from gpt_trader_telemetry.instrument.broker import SUBMIT, BrokerCall, BrokerCallSite
from gpt_trader_telemetry.instrument.innermost import (
    finalizing,
    first_open,
    innermost,
    open_scope,
    set_innermost,
    step_out_of,
)
from gpt_trader_telemetry.instrument.orders import (
    OrderSite,
    OrderSubmission,
    note_submit,
    orders_around,
    spelled_side,
)
from gpt_trader_telemetry.instrument.site import NOTHING, Place, Scope, Site, opened
from gpt_trader_telemetry.instrument.verdicts import Classify, raised, told
from gpt_trader_telemetry.integrations.client import COMPONENT, Client
from gpt_trader_telemetry.integrations.endings import Answer, ending, first_refused, matched
from gpt_trader_telemetry.reasons import Disposition, Rejected
from gpt_trader_telemetry.recording.current import Slot
from gpt_trader_telemetry.recording.recorder import INTERRUPTS

PREVIEW: Final = "preview"
_OF_ORDERS: Final = frozenset({SUBMIT, PREVIEW})
"""Operations that are found within others: an order within an edit is sent, one within a preview is not."""

Arguments = Callable[[tuple[Any, ...], Mapping[str, Any]], Any]
"""Reads something from a call's args and kwargs."""

Identify = Callable[[Any], Mapping[str, object]]
"""Reads ``order_id`` and ``symbol`` from what a call returned, as far as it tells one order's."""

_IDLE: Final = Site()
UNSAID: Final = object()
"""What a classifier here says of a value that does not tell whether all went well."""


def counts_orders(function: object) -> bool:
    """Tell whether a function is decorated with ``@order_submission``: then its calls are orders already."""
    while function is not None:
        if isinstance(getattr(function, "__gpt_trader_site__", None), OrderSite):
            return True
        function = getattr(function, "__wrapped__", None)
    return False


def no_side(_args: tuple[Any, ...], _kwargs: Mapping[str, Any]) -> str:
    """Read no side."""
    return "unknown"


class CallSite(Place):
    """A method that does an operation.

    There are thousands: they record by the few sites of their client.

    Args:
        client: what it records by.
        operation: ``submit``, ``cancel``, ``preview`` or another name of a closed set.
        sides: of a submission, reads the side from the arguments, or the list of sides of a batch of orders.
        classify: judges the returned value; a list of verdicts judges each order of a batch.
        previews: of a submission, tells from the arguments whether it only previews.
        identify: reads the order's id and symbol from the returned value, for spans.
    """

    judges_runs = True

    def __init__(
        self,
        client: Client,
        operation: str,
        *,
        sides: Arguments = no_side,
        classify: Classify | None = None,
        previews: Arguments | None = None,
        identify: Identify | None = None,
    ) -> None:
        self.client = client
        self.site = client.broker_call(operation)
        self.operation = operation
        self.sides = sides
        self.classify = classify
        self.previews = previews
        self.identify = identify
        self.is_plain = classify is None and identify is None and operation not in _OF_ORDERS
        """Whether only an exception says that a call did not go well."""
        self.judges_values = not self.is_plain
        if operation == SUBMIT:
            client.orders()

    def begin(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Scope:
        """Begin a call with these arguments and enter it: one that is plain, in this frame. Never raises."""
        site = self.site
        outer = innermost()
        if outer is not None and outer.closed:
            outer = outer.outer and first_open(outer.outer)
        if not self.is_plain or self.client.recorder is None or site.open_span is not None or finalizing:
            return self.open(args, kwargs).__enter__()
        if outer is not None and _call_among(outer, self.client.slot) is not None:
            return self.open(args, kwargs).__enter__()
        call = PlainCall()
        call.site, call.call, call.operation = site, self, self.operation
        call.outer = outer
        call.closed = False
        set_innermost(call)
        call.start = perf_counter()
        return call

    def open(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Scope:
        """Begin a call with these arguments. Never raises."""
        recorder = self.client.recorder
        if recorder is None:
            return uncounted()
        try:
            return self._opened(args, kwargs)
        except INTERRUPTS:
            raise
        except BaseException as fault:
            recorder.faults.note(COMPONENT, "a call could not be followed", fault)
            return uncounted()

    def _opened(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Scope:
        operation = self.operation
        if operation == SUBMIT and self.previews is not None and self.previews(args, kwargs):
            operation = PREVIEW
        around = call_around(self.client.slot)
        if around is not None and (operation not in _OF_ORDERS or around.operation in _OF_ORDERS):
            within = operation == SUBMIT and around.operation == SUBMIT
            return _begun(NestedSubmit(), self, SUBMIT) if within else uncounted()
        if operation != SUBMIT or order_around(self.client) is not None:
            return _begun(ClientCall(), self, operation)
        order = opened(ClientOrder(), self.client.orders())
        order.call, order.operation = self, SUBMIT
        order.submits, order.unremarkable = 0, False
        order.sides = self._sides_of(args, kwargs)
        order.side = order.sides[0] if order.sides else "unknown"
        return order

    def _sides_of(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> list[str]:
        recorder = self.client.recorder
        sides: Any = None
        if recorder is not None:
            with recorder.faults.shield(COMPONENT, "the side of an order could not be read"):
                sides = self.sides(args, kwargs)
        given = sides if isinstance(sides, list | tuple) else [sides]
        return [spelled_side(side, self.client.slot) for side in given]

    def answers(self, value: object, within: Answer) -> list[Answer]:
        """Judge what a call returned; where that says nothing, ``within`` does, what the last order in it came to.

        A classifier that fails says that all went well, and that is counted.
        """
        recorder = self.client.recorder
        if self.classify is None or value is NOTHING or recorder is None:
            return [within]
        with recorder.faults.shield(COMPONENT, "what a call returned could not be judged"):
            verdict = self.classify(value)
            if verdict is UNSAID:
                return [within]
            return [told(each) for each in verdict] if isinstance(verdict, list | tuple) else [told(verdict)]
        return [None]

    def name_order(self, value: object, *scopes: Scope | None) -> None:
        """Tell the spans of these runs which order the returned value is about; no others have to be told."""
        traced = [scope for scope in scopes if scope is not None and scope.span is not None]
        recorder = self.client.recorder
        if not traced or self.identify is None or value is NOTHING or recorder is None:
            return
        with recorder.faults.shield(COMPONENT, "which order a call was about could not be read"):
            told_of = {name: said for name, said in self.identify(value).items() if type(said) in {str, int}}
            for scope in traced:
                scope.identify(**told_of)


class Uncounted(Scope):
    """A call within one that counts, or where there is no Telemetry."""

    def __enter__(self) -> Self:
        return self


def uncounted() -> Uncounted:
    """Return a scope of which nothing is recorded."""
    return opened(Uncounted(), _IDLE)


class ClientCall(BrokerCall):
    """A call that sends no order, or one in an order that the bot counts itself."""

    __slots__ = ("call", "operation")

    call: CallSite
    operation: str
    within: Answer = None
    """What became of the last submission within this one, where the returned value says nothing."""
    answered = False
    """Whether the last submission within this call was answered: then what is raised afterwards is no answer."""

    def returned(self, value: Any) -> None:
        """Keep what the call returned, where that is judged."""
        if self.call.judges_values:
            self.value = value

    def answer(self, error: BaseException | None) -> Answer:
        """Judge the call; of a batch, by the first order that was not taken."""
        if error is not None and not self.answered:
            return raised(error)
        return first_refused(self.call.answers(self.value, self.within))

    def record(self, error: BaseException | None, seconds: float) -> None:
        """Record the call, unless a guard kept its order back."""
        if self._kept_back(error):
            return
        self.call.name_order(self.value, self, order_around(self.call.client) if self.operation == SUBMIT else None)
        answer = self._said or self.answer(error)
        _count_broker_call(self.site, answer, seconds)
        if answer is not None:
            self.tell(answer.reason, reason=answer.reason)
        if self.operation == PREVIEW and isinstance(answer, Rejected) and self.site.recorder is not None:
            self.site.recorder.events((ORDER_PREVIEW_FAILURES, ()))(1)

    def _kept_back(self, error: BaseException | None) -> bool:
        order = order_around(self.call.client) if error is not None and self.operation == SUBMIT else None
        return error is not None and order is not None and order.keeps_back(error)


class PlainCall(ClientCall):
    """A call that went well if it returns."""

    __slots__ = ()

    call: Any

    def finish(self, error: BaseException | None) -> None:
        """End the call and record it, once. Raises only what a signal handler raises meanwhile."""
        if error is not None or self.closed:
            super().finish(error)
            return
        # As with a decorated order: where nothing is around it, it stays in its context and must own nothing there.
        seconds = perf_counter() - self.start
        self.closed = True
        if self.outer is not None:
            step_out_of(self)
            self.outer = first_open(self.outer)
        self.site.succeeded(seconds)
        self.site = self.call = None


class NestedSubmit(ClientCall):
    """A submission that is part of one around it: it tells that one, and is not counted."""

    def __enter__(self) -> Self:
        """Enter it, with no span of its own: only a run that begins by being entered has one."""
        self.start = self.start or perf_counter()
        return super().__enter__()

    def record(self, error: BaseException | None, seconds: float) -> None:
        """Tell what became of it, unless a guard kept it back."""
        if self._kept_back(error):
            return
        answer = self.answer(error)
        around = call_around(self.call.client.slot)
        self.call.name_order(self.value, around, order_around(self.call.client))
        if around is not None:
            around.answered = error is None
        if isinstance(around, ClientCall):
            around.within = answer
        elif around is not None:
            note_submit(answer, of_client=True)


class ClientOrder(OrderSubmission):
    """A call that sends one order, or a batch of them."""

    call: CallSite
    operation: str
    sides: list[str]
    answered = False
    """Whether the last submission within this call was answered: then what is raised afterwards is no answer."""

    def returned(self, value: Any) -> None:
        """Keep what the call returned."""
        self.value = value

    def record(self, error: BaseException | None, seconds: float) -> None:
        """Record the broker call and each order in it."""
        self.call.name_order(self.value, self)
        if error is not None and not (self.answered and len(self.sides) == 1):
            result, reason = self._judge(error)
            if result != Disposition.BLOCKED.value:
                self._count_call(told(reason), seconds)
            for side in self.sides:
                self.site.count(result, reason, side, seconds)
            self._tell(result, reason)
        else:
            answers = self.call.answers(self.value, self._answer)
            self._count_call(first_refused(answers), seconds)
            for side, answer in matched(self.sides, answers):
                self.site.count(*ending(answer), side, seconds)
            self._tell(*ending(first_refused(answers)))
        if self.submits > 1:
            self.site.count_retries(self.submits - 1)

    def _count_call(self, answer: Answer, seconds: float) -> None:
        _count_broker_call(self.call.client.broker_call(SUBMIT), answer, seconds)


AnyCall = ClientCall | ClientOrder


def call_around(slot: Slot) -> AnyCall | None:
    """Return the innermost call that this code runs in, if any, of a client that records into ``slot``."""
    return _call_among(open_scope(), slot)


def _call_among(scope: Scope | None, slot: Slot) -> AnyCall | None:
    while scope is not None:
        if isinstance(scope, AnyCall):
            # Read once: another thread, with a copy of the context, may end it meanwhile.
            call: Any = scope.call
            if not scope.closed and call is not None and call.client.slot is slot:
                return scope
        scope = scope.outer
    return None


def order_around(client: Client) -> OrderSubmission | None:
    """Return the order that this code runs in, of the same Telemetry."""
    recorder = client.recorder
    return next((order for order in orders_around() if getattr(order.site, "recorder", None) is recorder), None)


CallT = TypeVar("CallT", bound=ClientCall)


def _begun(scope: CallT, call: CallSite, operation: str) -> CallT:
    opened(scope, call.client.broker_call(operation))
    scope.call, scope.operation = call, operation
    return scope


def _count_broker_call(site: BrokerCallSite, answer: Answer, seconds: float) -> None:
    if answer is None:
        site.succeeded(seconds)
    else:
        site.failed(answer, seconds)
