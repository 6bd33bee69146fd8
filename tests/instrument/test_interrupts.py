"""What a signal handler raises while our code runs reaches the bot, and nothing stays open behind it."""

import contextlib
import gc
import random
import signal
import sys
import threading
from collections.abc import Callable, Coroutine, Iterator
from functools import partial
from itertools import product
from time import monotonic
from types import FrameType

import pytest
from instrumented import faults
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import INVALID_SPAN, get_current_span

from gpt_trader_telemetry import Settings, Telemetry
from gpt_trader_telemetry.instrument.innermost import open_scope
from gpt_trader_telemetry.interrupts import interrupts
from gpt_trader_telemetry.recording.recorder import Faults
from support.scraping import scrape

pytestmark = pytest.mark.skipif(
    not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread(),
    reason="needs setitimer and the main thread",
)

INTERRUPTS, SECONDS = 500, 1.0
"""So many for each shape, unless the machine is slower than that."""


class TooSlow(Exception):
    """The bot's own deadline."""


class Alarms:
    """A deadline that strikes at random moments, as many decorators that bound a call set it."""

    def __init__(self, kind: type[BaseException] = TooSlow) -> None:
        self.kind = kind
        self.raised = self.received = 0

    def __call__(self, _signal: int, _frame: FrameType | None) -> None:
        self.raised += 1
        raise self.kind

    def strike(self, call: Callable[[], object], check: Callable[[], object]) -> None:
        """Call until struck, again and again; check what is left each time."""
        until = monotonic() + SECONDS
        while self.received < INTERRUPTS and monotonic() < until:
            before = self.raised
            try:
                signal.setitimer(signal.ITIMER_REAL, random.uniform(5e-6, 2e-4))
                while self.raised == before:
                    call()
            except self.kind:
                self.received += 1
            check()
        assert self.received > 10
        assert self.raised == self.received


@pytest.fixture
def alarms() -> Iterator[Alarms]:
    """Deadlines; what is raised while garbage is collected goes to nobody, so none is."""
    made = Alarms()
    kept = signal.signal(signal.SIGALRM, made)
    gc.disable()
    try:
        yield made
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, kept)
        gc.enable()


@pytest.fixture(params=[False, True], ids=["plain", "traced"])
def watched(request) -> Iterator[Telemetry]:
    """A Telemetry without and with a tracer."""
    provider = TracerProvider() if request.param else None
    with Telemetry(Settings(), tracer_provider=provider) as telemetry:
        yield telemetry


def order(telemetry: Telemetry) -> Callable[[], object]:
    """A decorated order."""
    submit = telemetry.order_submission(side="side")(lambda side: side)
    return lambda: submit("buy")


def order_within(telemetry: Telemetry) -> Callable[[], object]:
    """An order without its decision id in a judged call, and around a submit call."""
    call = telemetry.broker_call("submit")(lambda: 1)
    decorate = telemetry.order_submission(side="side", decision_id="decision", classify=lambda _value: None)
    submit = decorate(lambda side, decision: call())
    return telemetry.broker_call("around", classify=lambda _value: None)(lambda: submit("buy", ""))


def judged(telemetry: Telemetry) -> Callable[[], object]:
    """A judged call to the broker, which is refused."""
    return telemetry.broker_call("place", classify=lambda _value: "INSUFFICIENT_FUND")(lambda: 1)


def failing(telemetry: Telemetry) -> Callable[[], object]:
    """A judged call to the broker that raises."""

    @telemetry.broker_call("place", classify=lambda _value: None)
    def place() -> int:
        raise ConnectionError

    def call() -> None:
        with contextlib.suppress(ConnectionError):
            place()

    return call


def coroutine(telemetry: Telemetry) -> Callable[[], object]:
    """A judged call to the broker that is awaited."""

    @telemetry.broker_call("place", classify=lambda _value: None)
    async def place() -> int:
        return 1

    return lambda: run(place())


def run(awaited: Coroutine[None, None, object]) -> None:
    """Run a coroutine that waits for nothing, in this very context."""
    with contextlib.suppress(StopIteration):
        awaited.send(None)


def generator(telemetry: Telemetry) -> Callable[[], object]:
    """A judged guard that yields."""

    @telemetry.guard("daily_loss", classify=lambda _value: None)
    def check() -> Iterator[int]:
        yield 1
        yield 2

    return lambda: list(check())


class Broker:
    """A broker of the bot's own."""

    def balance(self) -> int:
        return 1

    def place(self, side: str) -> str:
        return side


def client(telemetry: Telemetry) -> Callable[[], object]:
    """A call of a client that is recorded from outside."""
    return telemetry.instrument_broker(Broker(), {"balance": "get_balance"}).balance


def client_order(telemetry: Telemetry) -> Callable[[], object]:
    """An order of such a client."""
    broker = telemetry.instrument_broker(Broker(), {"place": "submit"})
    return lambda: broker.place("buy")


SHAPES = [order, order_within, judged, failing, coroutine, generator, client, client_order]


@pytest.mark.skipif(
    sys.version_info >= (3, 13),
    reason="CPython 3.13 lets what strikes at a loop's jump past the `except` around the loop",
)
@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited")
@pytest.mark.parametrize(
    ("shape", "kind"), list(product(SHAPES, (TooSlow, KeyboardInterrupt))), ids=lambda given: given.__name__
)
def test_what_a_handler_raises_leaves_nothing_open_and_reaches_the_bot(watched, alarms, shape, kind) -> None:
    """Wherever it strikes: the bot receives each, none counts as a fault, and what follows counts and is outside."""
    call = shape(watched)
    alarms.kind = kind

    def nothing_is_open() -> None:
        assert open_scope() is None
        assert get_current_span() is INVALID_SPAN

    alarms.strike(call, nothing_is_open)
    assert faults(watched) == 0
    before = counted(watched)
    call()
    assert counted(watched) > before


def counted(telemetry: Telemetry) -> float:
    """Return how many runs of any kind were recorded."""
    names = (
        "gpt_trader_order_submission_total",
        "gpt_trader_broker_call_latency_seconds_count",
        "gpt_trader_guard_checks_total",
    )
    scraped = scrape(telemetry)
    return sum(scraped.total(name) for name in names)


class Handlers:
    """Handlers that are methods."""

    def method(self, *_: object) -> None:
        """Raise."""
        raise TooSlow

    @classmethod
    def of_class(cls, *_: object) -> None:
        """Raise."""
        raise TooSlow


def raise_it(*_: object) -> None:
    """Raise, from below the handler."""
    Handlers().method()


HANDLERS = {
    "function": raise_it,
    "method": Handlers().method,
    "class method": Handlers.of_class,
    "partial": partial(partial(Handlers().method, 1), 2),
    "object": Alarms(),
}


@pytest.mark.parametrize("handler", HANDLERS.values(), ids=HANDLERS)
def test_what_a_handler_raises_is_told_from_a_fault(handler) -> None:
    """Whatever kind of callable it is; the same exception raised by other code is a fault."""
    kept = signal.signal(signal.SIGALRM, handler)
    noted = Faults()
    told: list[object] = []
    noted.listener = lambda _component, _what, error: told.append(error)
    try:
        with pytest.raises(TooSlow), noted.shield("instrument", "struck"):
            signal.raise_signal(signal.SIGALRM)
        with pytest.raises(TooSlow):
            try:
                signal.raise_signal(signal.SIGALRM)
            except TooSlow as error:
                noted.note("instrument", "struck", error)
        assert not told
        with noted.shield("instrument", "a fault"):
            raise TooSlow
        assert len(told) == 1
    finally:
        signal.signal(signal.SIGALRM, kept)


def test_only_the_main_thread_is_struck() -> None:
    """Elsewhere nothing is a handler's, though it came through the same code."""
    kept = signal.signal(signal.SIGALRM, raise_it)
    told: list[bool] = []

    def call() -> None:
        try:
            raise_it()
        except TooSlow as error:
            told.append(interrupts(error))

    try:
        thread = threading.Thread(target=call)
        thread.start()
        thread.join()
        call()
    finally:
        signal.signal(signal.SIGALRM, kept)
    assert told == [False, True]
