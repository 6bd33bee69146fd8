"""One logical call of a broker's client: one broker call, and one submission for each order that it sends.

A client's methods call one another: helpers, aliases, what a subclass overrides. The outermost one counts. Only
orders are found wherever they are: an edit that cancels and orders anew sends an order.
"""

from collections.abc import Callable, Mapping
from time import perf_counter
from typing import Any, Final, Self, TypeVar

from gpt_trader_telemetry.catalog import ORDER_PREVIEW_FAILURES, RATE_LIMIT_USAGE
from gpt_trader_telemetry.instrument.broker import SUBMIT, BrokerCall, BrokerCallSite
from gpt_trader_telemetry.instrument.innermost import open_scope
from gpt_trader_telemetry.instrument.orders import (
    OrderSite,
    OrderSubmission,
    note_submit,
    orders_around,
    spelled_side,
)
from gpt_trader_telemetry.instrument.site import NOTHING, Scope, Site, opened
from gpt_trader_telemetry.instrument.verdicts import Classify, raised, told
from gpt_trader_telemetry.integrations.endings import Answer, ending, first_refused, matched
from gpt_trader_telemetry.reasons import Disposition, Rejected
from gpt_trader_telemetry.recording.current import DEFAULT, Slot
from gpt_trader_telemetry.recording.recorder import INTERRUPTS, Recorder

PREVIEW: Final = "preview"
_OF_ORDERS: Final = frozenset({SUBMIT, PREVIEW})
"""Operations that are found within others: an order within an edit is sent, one within a preview is not."""

Arguments = Callable[[tuple[Any, ...], Mapping[str, Any]], Any]
"""Reads something from a call's args and kwargs."""

Identify = Callable[[Any], Mapping[str, object]]
"""Reads ``order_id`` and ``symbol`` from what a call returned, as far as it tells one order's."""

COMPONENT: Final = "integration"
"""What an inner error here counts as."""
_IDLE: Final = Site()
UNSAID: Final = object()
"""What a classifier here says of a value that does not tell whether all went well."""


class Client:
    """What the calls of one instrumented client are recorded by: a site for each operation, made once."""

    def __init__(self, slot: Slot = DEFAULT) -> None:
        self.slot = slot
        self._broker_calls: dict[str, BrokerCallSite] = {}
        self._orders: OrderSite | None = None
        self.released = False
        self.tells_rate_limit = False
        """Whether an answer told how much of the limit is used: else none corrects what is taken from a refusal."""

    @property
    def recorder(self) -> Recorder | None:
        """The recorder, while there is one and the client is instrumented."""
        return None if self.released else self.slot.recorder

    def release(self) -> None:
        """Record nothing any more: methods that the bot took hold of stay wrapped for ever."""
        self.released = True

    def note_rate_limit(self, usage: float | None) -> None:
        """Record the share of the rate limit that is used, if an answer told it."""
        if usage is not None and self.recorder is not None:
            self.tells_rate_limit = True
            self.recorder.setter(RATE_LIMIT_USAGE, ())(usage)

    def broker_call(self, operation: str) -> BrokerCallSite:
        """Return the site of an operation."""
        site = self._broker_calls.get(operation)
        if site is None:
            site = self._broker_calls[operation] = BrokerCallSite(operation, None, of_client=True)
            self.slot.subscribe(site)
        return site

    def orders(self) -> OrderSite:
        """Return the site of order submissions; from then on they are shown at zero."""
        if self._orders is None:
            self._orders = OrderSite(lambda _args, _kwargs: None, None, None)
            self.slot.subscribe(self._orders)
        return self._orders


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


class ClientSite(Site):
    """A method of a client; there are thousands, so each looks its recorder up when it is called."""

    judges_runs = True

    def __init__(self, client: Client) -> None:
        self.client = client
        super().__init__()

    @property
    def recorder(self) -> Recorder | None:
        """The client's."""
        return self.client.recorder

    @recorder.setter
    def recorder(self, _recorder: Recorder | None) -> None:
        pass


class CallSite(ClientSite):
    """A method that does an operation.

    Args:
        client: what it records by.
        operation: ``submit``, ``cancel``, ``preview`` or another name of a closed set.
        sides: of a submission, reads the side from the arguments, or the list of sides of a batch of orders.
        classify: judges the returned value; a list of verdicts judges each order of a batch.
        previews: of a submission, tells from the arguments whether it only previews.
        identify: reads the order's id and symbol from the returned value, for spans.
    """

    judges_values = True

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
        super().__init__(client)
        self.operation = operation
        self.sides = sides
        self.classify = classify
        self.previews = previews
        self.identify = identify
        client.broker_call(operation)
        if operation == SUBMIT:
            client.orders()

    def open(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Scope:
        """Begin a call with these arguments. Never raises."""
        recorder = self.recorder
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
        recorder = self.recorder
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
        recorder = self.recorder
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
        recorder = self.recorder
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

    call: CallSite
    operation: str
    within: Answer = None
    """What became of the last submission within this one, where the returned value says nothing."""
    answered = False
    """Whether the last submission within this call was answered: then what is raised afterwards is no answer."""

    def returned(self, value: Any) -> None:
        """Keep what the call returned."""
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
    scope = open_scope()
    while scope is not None:
        if isinstance(scope, AnyCall) and not scope.closed and scope.call.client.slot is slot:
            return scope
        scope = scope.outer
    return None


def order_around(client: Client) -> OrderSubmission | None:
    """Return the order that this code runs in, of the same Telemetry."""
    recorder = client.recorder
    return next((order for order in orders_around() if order.site.recorder is recorder), None)


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
