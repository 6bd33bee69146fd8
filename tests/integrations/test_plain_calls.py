"""Calls of which only an exception says that they did not go well: nearly all of a client's, and the cheapest."""

import asyncio
import contextvars
import gc
import subprocess
import sys
import threading
import weakref

import pytest
from hypothesis import given
from hypothesis import strategies as st
from reading import broker_calls, faults

from gpt_trader_telemetry import Settings, Telemetry
from gpt_trader_telemetry.instrument.innermost import open_scope

NAMES = ("ticker", "book", "both", "later", "nested_later")


class Exchange:
    """Answers, or raises what it is told to; one method calls two others."""

    def __init__(self) -> None:
        self.raises: BaseException | None = None

    def ticker(self, note=None):
        if self.raises is not None:
            raise self.raises
        return note

    def book(self, note=None):
        return self.ticker(note)

    def both(self):
        return [self.ticker(), self.book()]

    async def later(self, note=None):
        await asyncio.sleep(0)
        return self.ticker(note)

    def nested_later(self, note=None):
        return self.later(note)


@pytest.fixture
def exchange(telemetry) -> Exchange:
    return telemetry.instrument_broker(Exchange(), {name: name for name in NAMES})


def test_the_outermost_counts_once(telemetry, exchange) -> None:
    """Whatever it calls, whether or not it is awaited, and whether or not something else is around it."""
    exchange.both()
    with telemetry.cycle(), telemetry.order_submission("buy"):
        exchange.both()
    asyncio.run(exchange.later())
    asyncio.run(exchange.nested_later())
    assert broker_calls(telemetry) == {
        ("both", "success", "none"): 2,
        ("later", "success", "none"): 1,
        ("nested_later", "success", "none"): 1,
    }
    assert faults(telemetry) == 0
    assert open_scope() is None


def test_what_raises_has_failed(telemetry, exchange) -> None:
    """And goes through as it was; the next call stands alone again."""
    exchange.raises = TimeoutError("no answer")
    for call in (exchange.ticker, exchange.both, lambda: asyncio.run(exchange.later())):
        with pytest.raises(TimeoutError) as raised:
            call()
        assert raised.value is exchange.raises
    exchange.raises = None
    exchange.ticker()
    assert broker_calls(telemetry) == {
        ("ticker", "failure", "timeout"): 1,
        ("both", "failure", "timeout"): 1,
        ("later", "failure", "timeout"): 1,
        ("ticker", "success", "none"): 1,
    }


@given(st.lists(st.sampled_from(NAMES), max_size=30), st.booleans())
def test_every_call_counts_by_itself_in_tasks_threads_and_copied_contexts(names: list[str], around: bool) -> None:
    """Also where the context that they run in was copied while another call was on its way."""
    with Telemetry(Settings()) as telemetry:
        exchange = telemetry.instrument_broker(Exchange(), {name: name for name in NAMES})
        methods = [getattr(exchange, name) for name in names]

        async def run() -> None:
            tasks = [asyncio.create_task(_awaited(method)) for method in methods]
            if around:
                await exchange.later()
            await asyncio.gather(*tasks)

        exchange.ticker()
        asyncio.run(run())
        context = contextvars.copy_context()
        thread = threading.Thread(
            target=lambda: context.run(lambda: [method() for method in methods if not _is_async(method)])
        )
        thread.start()
        thread.join()
        counted = sum(broker_calls(telemetry).values())
    plain = [method for method in methods if not _is_async(method)]
    assert counted == 1 + len(methods) + around + len(plain)


def _is_async(method) -> bool:
    return method.__name__.endswith("later")


async def _awaited(method) -> None:
    value = method()
    if _is_async(method):
        await value


class Note:
    """Something of the bot's that must not be held."""


@pytest.mark.parametrize("name", ["ticker", "later", "nested_later"])
def test_a_call_that_is_over_holds_nothing_of_the_bots(telemetry, exchange, name) -> None:
    """Not what it took and returned, though the context may remember that it was."""

    async def main() -> None:
        note = Note()
        held = weakref.ref(note)
        value = getattr(exchange, name)(note)
        assert (value if name == "ticker" else await value) is note
        del note, value
        assert held() is None

    gc.collect()
    gc.disable()
    try:
        asyncio.run(main())
    finally:
        gc.enable()


def test_calls_go_on_where_telemetry_begins_and_ends_in_their_midst() -> None:
    """A call that was on its way is counted where it began, or nowhere."""
    telemetry = Telemetry(Settings())
    exchange = telemetry.instrument_broker(Exchange(), {name: name for name in NAMES})
    coroutine = exchange.later()
    coroutine.send(None)
    telemetry.shutdown()
    with pytest.raises(StopIteration):
        coroutine.send(None)
    assert exchange.both() == [None, None]
    assert open_scope() is None


_COLLECTED_WHILE_CALLING = """
from gpt_trader_telemetry import Settings, Telemetry

class Exchange:
    def ticker(self):
        return 1

with Telemetry(Settings()) as telemetry:
    exchange = telemetry.instrument_broker(Exchange(), {"ticker": "ticker"})

    class Position:
        def __init__(self):
            self.myself = self

        def __del__(self):
            exchange.ticker()

    for _ in range(20_000):
        Position()
        exchange.ticker()
    import gc
    gc.collect()
    counted = [line for line in telemetry.metrics_text().splitlines() if "latency_seconds_count{operation=" in line]
print(*(line.rpartition(" ")[2] for line in counted))
"""


def test_calls_of_finalizers_leave_the_process_alive() -> None:
    """The collector may run inside any call's ``ContextVar.set``, on Python 3.11; every call counts, once."""
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", "-c", _COLLECTED_WHILE_CALLING],
        check=False, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert list(map(float, done.stdout.split())) == [40_000]
