"""One call of a broker's client on its way, and how what became of it is recorded."""

from collections.abc import Mapping
from time import perf_counter
from typing import Any, Final, Self

from gpt_trader_telemetry.catalog import ORDER_PREVIEW_FAILURES
from gpt_trader_telemetry.instrument.binding import spelled
from gpt_trader_telemetry.instrument.broker import SUBMIT, BrokerCall, BrokerCallSite
from gpt_trader_telemetry.instrument.innermost import first_open, open_scope, step_out_of
from gpt_trader_telemetry.instrument.order import OrderSubmission, note_submit, orders_around
from gpt_trader_telemetry.instrument.site import NOTHING, Scope, Site, opened
from gpt_trader_telemetry.instrument.verdicts import raised, told
from gpt_trader_telemetry.integrations.client import Client
from gpt_trader_telemetry.integrations.endings import Answer, Answers, Sent, ending, first_refused, matched, orders_of
from gpt_trader_telemetry.integrations.method import PREVIEW, Method
from gpt_trader_telemetry.reasons import Disposition, Rejected
from gpt_trader_telemetry.recording.current import Slot
from gpt_trader_telemetry.recording.recorder import SpanOfRun

_IDLE: Final = Site()


class Uncounted(Scope):
    """A call within one that counts, or where there is no Telemetry."""

    def __enter__(self) -> Self:
        return self

    def leave(self) -> None:
        """Do nothing: it was not stepped into."""

    def finish(self, error: BaseException | None) -> None:
        """Record nothing."""
        self.closed = True


def uncounted() -> Uncounted:
    """Return a scope of which nothing is recorded."""
    return opened(Uncounted(), _IDLE)


class ClientCall(BrokerCall):
    """A call that sends no order, or one in an order that the bot counts itself."""

    __slots__ = ("call", "operation")

    call: Method
    operation: str
    symbol: str | None = None
    """What is traded, where that has to be known."""
    within: Answer = None
    """What became of the last submission within this one, where the returned value says nothing."""
    answered = False
    """Whether the last submission within this call was answered: then what is raised afterwards is no answer."""

    def returned(self, value: Any) -> None:
        """Keep what the call returned, where that is judged."""
        if self.call.judges_values:
            self.value = value

    def span_attributes(self) -> Mapping[str, Any]:
        """Return what this call's span carries beside what all of its operation carry."""
        return spelled(self.site.recorder, {"symbol": self.symbol})

    def answer(self, error: BaseException | None) -> Answer:
        """Judge the call; of a batch, by the first order that was not taken."""
        if error is not None and not self.answered:
            return raised(error)
        return first_refused(self.call.answers(self.value, self.within))

    def record(self, error: BaseException | None, seconds: float) -> None:
        """Record the call, unless a guard kept its order back."""
        if self._kept_back(error):
            return
        if self.span is not None:
            order = order_around(self.call.client) if self.operation == SUBMIT else None
            self.call.name_order(self.value, self, order)
        answer = self._said or self.answer(error)
        _count_broker_call(self.site, answer, seconds)
        if answer is not None:
            self.tell(answer.reason, reason=answer.reason)
        if self.operation == PREVIEW:
            self._record_preview(answer, error)

    def _record_preview(self, answer: Answer, error: BaseException | None) -> None:
        if isinstance(answer, Rejected) and self.site.recorder is not None:
            self.site.recorder.events((ORDER_PREVIEW_FAILURES, ()))(1)
        order = order_around(self.call.client) if error is not None else None
        if order is not None and error is not None:
            order.trip(error)  # if it ends by that, it was kept back

    def _kept_back(self, error: BaseException | None) -> bool:
        order = order_around(self.call.client) if error is not None and self.operation == SUBMIT else None
        return error is not None and order is not None and order.keeps_back(error)


class PlainCall(ClientCall):
    """A call that went well if it returns."""

    __slots__ = ()

    call: Any

    @property
    def value(self) -> object:
        """Nothing: what it returned is of no use here."""
        return NOTHING

    @value.setter
    def value(self, _value: object) -> None:
        pass

    def finish(self, error: BaseException | None) -> None:
        """End the call and record it, once. Raises only what a signal handler raises meanwhile."""
        if error is not None or self.closed or self._said is not None:
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

    sides: list[str]

    def __enter__(self) -> Self:
        """Enter it, with no span of its own: only a run that begins by being entered has one."""
        self.start = self.start or perf_counter()
        return super().__enter__()

    def record(self, error: BaseException | None, seconds: float) -> None:
        """Tell what became of it, unless a guard kept it back."""
        if self._kept_back(error):
            return
        answers: Answers = raised(error) if error is not None and not self.answered else None
        if answers is None:
            answers = self.call.answers(self.value, self.within)
        answer = first_refused(answers)
        around = call_around(self.call.client.slot)
        self.call.name_order(self.value, around, order_around(self.call.client))
        if around is None:
            return
        around.answered = error is None
        if around.operation == SUBMIT:
            _sent_within(around).extend(self._sent(answers, self.start + seconds))
        if isinstance(around, ClientCall):
            around.within = answer
        else:
            note_submit(answer, of_client=True)

    def _sent(self, answers: Answers, ended: float) -> list[Sent]:
        """Return what was sent: this, unless it is several orders that were sent within."""
        within = _sent_within(self)
        if len(self.sides) > 1 or len(orders_of(within, len(self.sides))) > 1:
            if within:
                return within
        elif self.sides == ["unknown"]:
            self.sides = [within[-1].side] if within else self.call.sides_answered(self.value)
        return [Sent(self.start, ended, side, self.symbol, answer) for side, answer in matched(self.sides, answers)]


class ClientOrder(OrderSubmission):
    """A call that sends one order, or a batch of them: the order has a span, and in it the broker call."""

    call: Method
    operation: str
    sides: list[str]
    symbol: str | None = None
    """What is traded, where there is a span to say it on."""
    answered = False
    """Whether the last submission within this call was answered: then what is raised afterwards is no answer."""
    call_span: SpanOfRun | None = None

    def __enter__(self) -> Self:
        begins = not self.start
        super().__enter__()
        if self.call_span is not None:
            self.call_span.enter()
        elif begins and self.span is not None:
            open_span = self.call.site.open_span
            self.call_span = None if open_span is None else open_span({})
            self.start = perf_counter()  # what is measured does not contain what the spans cost
        return self

    def leave(self) -> None:
        """Step out of this context; the run goes on and is finished elsewhere."""
        if self.call_span is not None:
            self.call_span.leave()
        super().leave()

    def span_attributes(self) -> Mapping[str, Any]:
        """Return what this order's span carries beside what all of its place carry."""
        return {**super().span_attributes(), **spelled(self.site.recorder, {"symbol": self.symbol})}

    def _end_span(self, error: BaseException | None) -> None:
        call_span, self.call_span = self.call_span, None
        if call_span is not None:
            call_span.end(error)
        super()._end_span(error)

    def returned(self, value: Any) -> None:
        """Keep what the call returned."""
        self.value = value

    def record(self, error: BaseException | None, seconds: float) -> None:
        """Record the broker call and each order in it."""
        if self.span is not None:
            self.call.name_order(self.value, self)
        within = vars(self).get("sent")
        if within and self._record_within(within, error, seconds):
            return
        if self.sides == ["unknown"]:
            self.sides = self.call.sides_answered(self.value)
        if error is not None and not (self.answered and len(self.sides) == 1):
            self._record_failure(error, seconds)
        else:
            answers = self.call.answers(self.value, self._answer)
            if answers is None:
                self._record_success(seconds)
            else:
                self._record_answers(answers, seconds)
        if self.submits > 1:
            self.site.count_retries(self.submits - 1)

    def _record_within(self, sent: list[Sent], error: BaseException | None, seconds: float) -> bool:
        """Record the orders that were sent within, if they are several; else tell that this is one order itself."""
        orders = orders_of(sent, len(self.sides))
        if len(orders) == 1 and len(self.sides) == 1:
            if self.sides == ["unknown"]:
                self.sides = [sent[-1].side]
            return False
        refused = next((order[-1].answer for order in orders if order[-1].answer is not None), None)
        self._count_call(refused, seconds)
        for order in orders:
            self.site.count(*ending(order[-1].answer), order[-1].side, order[-1].ended - order[0].began)
        if error is not None and self._is_of_the_guard(error):
            self.site.count(Disposition.BLOCKED.value, "guard", "unknown", seconds)
        self._tell(*ending(refused))
        if len(sent) > len(orders):
            self.site.count_retries(len(sent) - len(orders))
        return True

    def _record_success(self, seconds: float) -> None:
        self.call.site.succeeded(seconds)
        for side in self.sides:
            self.site.succeeded_by_side[side](seconds)
        if self.span is not None:
            self._tell("success", "none")

    def _record_failure(self, error: BaseException, seconds: float) -> None:
        result, reason = self._judge(error)
        if result != Disposition.BLOCKED.value:
            self._count_call(told(reason), seconds)
        for side in self.sides:
            self.site.count(result, reason, side, seconds)
        self._tell(result, reason)

    def _record_answers(self, answers: Answers, seconds: float) -> None:
        refused = first_refused(answers)
        self._count_call(refused, seconds)
        for side, answer in matched(self.sides, answers):
            self.site.count(*ending(answer), side, seconds)
        self._tell(*ending(refused))

    def _count_call(self, answer: Answer, seconds: float) -> None:
        _count_broker_call(self.call.site, answer, seconds)
        if answer is not None and self.call_span is not None:
            self.call_span.tell(answer.reason, {"reason": answer.reason})


AnyCall = ClientCall | ClientOrder


def call_around(slot: Slot) -> AnyCall | None:
    """Return the innermost call that this code runs in, if any, of a client that records into ``slot``."""
    return call_among(open_scope(), slot)


def call_among(scope: Scope | None, slot: Slot) -> AnyCall | None:
    """Return the first such call among this scope and those around it."""
    while scope is not None:
        if isinstance(scope, AnyCall):
            # Read once: another thread, with a copy of the context, may end it meanwhile.
            call: Any = scope.call
            if not scope.closed and call is not None and call.client.slot is slot:
                return scope
        scope = scope.outer
    return None


def _sent_within(call: AnyCall) -> list[Sent]:
    """Return the list of what was sent within a call; several threads may ask at once."""
    sent: list[Sent] = vars(call).setdefault("sent", [])
    return sent


def order_around(client: Client) -> OrderSubmission | None:
    """Return the order that this code runs in, of the same Telemetry."""
    recorder = client.recorder
    return next((order for order in orders_around() if getattr(order.site, "recorder", None) is recorder), None)


def _count_broker_call(site: BrokerCallSite, answer: Answer, seconds: float) -> None:
    if answer is None:
        site.succeeded(seconds)
    else:
        site.failed(answer, seconds)
