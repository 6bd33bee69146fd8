"""What decorating keeps: signature, names, kind, pickling, copying; and what it refuses."""

import asyncio
import collections.abc
import copy
import functools
import gc
import inspect
import pickle
import types
import warnings
import weakref
from typing import Self
from unittest import mock

import pytest
from instrumented import Hostile, broker_calls, checks, faults, named, orders, seconds, trips

import gpt_trader_telemetry
from gpt_trader_telemetry import UsageError, broker_call, cycle, guard, order_submission, phase
from support.scraping import scrape


class Client:
    """A broker client."""

    fee = 3

    def submit(self, symbol: str, side: str = "buy", *, quantity: int = 1) -> tuple:
        """Send an order."""
        return (self, symbol, side, quantity)

    async def cancel(self, order_id: str) -> str:
        """Cancel an order."""
        return order_id


class CallableClient:
    """An object that is called."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, symbol: str) -> str:
        """Answer."""
        self.calls += 1
        return symbol


def submit(symbol: str, side: str = "buy", *, quantity: "int" = 1) -> str:
    """Send an order."""
    return f"{symbol} {side} {quantity}"


async def fetch(symbol: str) -> str:
    """Fetch."""
    return symbol


def ticks(count: int):
    """Tick."""
    yield from range(count)


async def async_ticks(count: int):
    """Tick."""
    for number in range(count):
        yield number


@broker_call("submit")
def module_level(symbol: str) -> str:
    """Send an order."""
    return symbol


@broker_call("fetch")
@functools.lru_cache
def module_level_cached(symbol: str) -> str:
    """Fetch."""
    return symbol


module_level_object = broker_call("call")(CallableClient())

INSTRUMENTS = {
    "broker_call": broker_call("x"),
    "classify": broker_call("x", classify=lambda value: None),
    "order_submission": order_submission("sell"),
    "guard": guard("x"),
    "cycle": cycle(),
    "phase": phase("x"),
}


@pytest.mark.parametrize("decorate", INSTRUMENTS.values(), ids=INSTRUMENTS.keys())
@pytest.mark.parametrize("function", [submit, fetch, ticks, async_ticks, Client.submit, Client.cancel])
def test_a_function_keeps_everything_that_can_be_asked_of_it(decorate, function) -> None:
    """Names, documentation, module, annotations, signature and kind; ``__wrapped__`` is the bare one."""
    decorated = decorate(function)
    assert type(decorated) is types.FunctionType
    assert decorated.__wrapped__ is function
    for name in ("__name__", "__qualname__", "__doc__", "__module__", "__annotations__"):
        assert getattr(decorated, name) == getattr(function, name)
    assert inspect.signature(decorated) == inspect.signature(function)
    assert inspect.unwrap(decorated) is function
    for ask in (
        inspect.iscoroutinefunction,
        inspect.isgeneratorfunction,
        inspect.isasyncgenfunction,
        inspect.isfunction,
        inspect.ismethod,
        inspect.isroutine,
    ):
        assert ask(decorated) == ask(function)


def _awaiting(symbol: str) -> str:
    return symbol


OBJECTS = {
    "bound method": Client().submit,
    "bound coroutine method": Client().cancel,
    "partial": functools.partial(submit, "BTC"),
    "partial of a coroutine function": functools.partial(fetch, "BTC"),
    "callable object": CallableClient(),
    "cached function": functools.lru_cache(submit),
    "builtin": len,
    "mock": mock.Mock(),
    "asynchronous mock": mock.AsyncMock(spec=fetch),
    "magic mock": mock.MagicMock(),
}


@pytest.mark.parametrize("bare", OBJECTS.values(), ids=OBJECTS.keys())
def test_any_other_callable_keeps_its_attributes_and_its_type(bare) -> None:
    """What is no function is proxied: attributes, ``isinstance``, signature and kind are its own."""
    decorated = broker_call("x")(bare)
    assert decorated.__wrapped__ is bare
    assert isinstance(decorated, bare.__class__)
    assert decorated == bare
    assert hash(decorated) == hash(bare)
    for name in ("__name__", "__qualname__", "__doc__", "__module__"):
        assert getattr(decorated, name, None) == getattr(bare, name, None)
    assert inspect.signature(decorated) == inspect.signature(bare)
    for ask in (
        inspect.iscoroutinefunction,
        inspect.isgeneratorfunction,
        inspect.isasyncgenfunction,
        inspect.isfunction,
        inspect.ismethod,
        callable,
    ):
        assert ask(decorated) == ask(bare), ask
    assert inspect.iscoroutinefunction(decorated.__call__) == inspect.iscoroutinefunction(bare.__call__) or (
        inspect.iscoroutinefunction(bare)
    )


def test_an_object_that_is_called_stays_alive_behind_its_proxy(telemetry) -> None:
    """Its attributes are read and set through the decorated one; a mock still knows how it was called."""
    client = CallableClient()
    decorated = telemetry.broker_call("x")(client)
    decorated("a")
    decorated.calls += 5
    assert (client.calls, decorated.calls) == (6, 6)
    called = mock.Mock(return_value="ok")
    assert telemetry.broker_call("x")(called)(1, a=2) == "ok"
    called.assert_called_once_with(1, a=2)
    decorated_mock = telemetry.broker_call("x")(called)
    decorated_mock(3)
    decorated_mock.assert_called_with(3)
    assert broker_calls(telemetry) == {("success", "none"): 3}


def test_an_asynchronous_mock_is_awaited_and_timed(telemetry) -> None:
    """What users' tests put in a broker's place."""
    called = mock.AsyncMock(return_value="ok")
    decorated = telemetry.broker_call("x")(called)
    assert asyncio.run(decorated(1)) == "ok"
    decorated.assert_awaited_once_with(1)
    assert broker_calls(telemetry) == {("success", "none"): 1}


def test_cache_controls_of_a_cached_function_are_kept(telemetry) -> None:
    """``cache_info`` and ``cache_clear`` of ``lru_cache``, as function and as method."""

    class Market:
        @telemetry.broker_call("fetch")
        @functools.lru_cache  # noqa: B019 - the market is not kept for long
        def price(self, symbol: str) -> str:
            return symbol

    market = Market()
    assert market.price("BTC") == market.price("BTC") == "BTC"
    assert Market.price.cache_info().hits == 1
    Market.price.cache_clear()
    assert Market.price.cache_info().currsize == 0


def test_registering_with_a_single_dispatch_function_goes_on(telemetry) -> None:
    """``register`` of ``singledispatch`` is an attribute like any."""

    @telemetry.broker_call("x")
    @functools.singledispatch
    def send(order: object) -> str:
        return "object"

    @send.register
    def _(order: int) -> str:
        return "int"

    assert (send("a"), send(1)) == ("object", "int")
    assert broker_calls(telemetry) == {("success", "none"): 2}


def test_static_and_class_methods_stay_descriptors() -> None:
    """In the class's dictionary stands what stood there."""

    class Bot:
        @broker_call("x")
        @staticmethod
        def static() -> str:
            return "static"

        @broker_call("x")
        @classmethod
        def of_class(cls) -> type:
            return cls

        @broker_call("x")
        def method(self) -> object:
            return self

        part = broker_call("x")(functools.partialmethod(method))

    class Sub(Bot):
        def method(self) -> object:
            return super().method()

    assert isinstance(vars(Bot)["static"], staticmethod)
    assert isinstance(vars(Bot)["of_class"], classmethod)
    assert isinstance(vars(Bot)["part"], functools.partialmethod)
    assert Sub.of_class() is Sub
    assert Sub().of_class() is Sub
    bot = Sub()
    assert bot.method() is bot
    assert bot.part() is bot
    assert bot.method.__self__ is bot
    assert Bot.method(bot) is bot


def test_an_abstract_method_stays_abstract() -> None:
    """``__isabstractmethod__`` is carried over, above and below."""
    import abc

    class Broker(abc.ABC):
        @broker_call("x")
        @abc.abstractmethod
        def submit(self) -> None: ...

        @abc.abstractmethod
        @broker_call("x")
        def cancel(self) -> None: ...

    assert Broker.__abstractmethods__ == {"submit", "cancel"}


def test_typing_tools_see_the_bare_functions_hints() -> None:
    """``get_type_hints`` resolves names where the bare function stands."""
    import typing

    assert typing.get_type_hints(broker_call("x")(submit)) == typing.get_type_hints(submit)


@pytest.mark.parametrize("decorated", [module_level, module_level_cached])
def test_module_level_functions_are_pickled_by_name(decorated) -> None:
    """As a process pool does."""
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        assert pickle.loads(pickle.dumps(decorated, protocol)) is decorated


def test_objects_are_pickled_and_copied_as_what_they_are() -> None:
    """Another process gets the bare object; a copy here is decorated like the original."""
    loaded = pickle.loads(pickle.dumps(module_level_object))
    assert type(loaded) is CallableClient
    method = broker_call("x")(Client().submit)
    assert pickle.loads(pickle.dumps(method))("BTC")[1:] == ("BTC", "buy", 1)
    for again in (copy.copy(module_level_object), copy.deepcopy(module_level_object)):
        assert type(again) is type(module_level_object)
        assert again.__wrapped__ is not module_level_object.__wrapped__
        assert again("a") == "a"
    assert copy.deepcopy(module_level) is module_level


def test_copies_of_a_decorated_object_record_too(telemetry) -> None:
    """Into the series of the original."""
    decorated = telemetry.broker_call("x")(CallableClient())
    copy.copy(decorated)("a")
    copy.deepcopy(decorated)("a")
    assert broker_calls(telemetry) == {("success", "none"): 2}


class _Proxied(mock.NonCallableMock):
    """Says that it is a class method, and is none."""

    __class__ = classmethod

    def __call__(self) -> None: ...


@pytest.mark.parametrize(
    ("misused", "words"),
    [
        (property(lambda self: 1), "getter"),
        (functools.cached_property(lambda self: 1), "getter"),
        (Client, "decorate its methods"),
        (None, "not None"),
        (3.5, "not 3.5"),
        ("submit", "not 'submit'"),
        (Client(), "Client object"),
        (staticmethod(property(lambda: 1)), "property"),
        (classmethod(Client), "Client"),
        (functools.partialmethod(property(lambda self: 1)), "property"),
        (_Proxied(), "below"),
    ],
)
@pytest.mark.parametrize("decorate", INSTRUMENTS.values(), ids=INSTRUMENTS.keys())
def test_what_cannot_be_decorated_is_refused_at_decoration(decorate, misused, words) -> None:
    """A property, a class, a value: one clear error that says what it was given and what to do."""
    with pytest.raises(UsageError, match="only functions and methods can be decorated") as raised:
        decorate(misused)
    assert words in str(raised.value)


@pytest.mark.parametrize("name", ["", "  ", None, 5, b"submit", submit, ["a"]])
@pytest.mark.parametrize("instrument", [broker_call, guard, phase])
def test_a_name_that_is_none_is_refused(instrument, name) -> None:
    """Also where the parentheses were forgotten: the message shows what stands in the name's place."""
    with pytest.raises(UsageError) as raised:
        instrument(name)(fetch)
    assert repr(name) in str(raised.value)


@pytest.mark.parametrize("instrument", [broker_call, guard])
def test_a_classifier_that_cannot_be_called_is_refused(instrument) -> None:
    """At decoration, by its value."""
    with pytest.raises(UsageError, match="not 'paused'"):
        instrument("x", classify="paused")(submit)
    with pytest.raises(UsageError, match="not 'paused'"):
        order_submission("buy", classify="paused")(submit)


@pytest.mark.parametrize("instrument", [broker_call, guard, phase, order_submission])
def test_forgotten_parentheses_raise_before_anything_is_called(instrument) -> None:
    """A function or class stands where the name should, also one that is bound or partial."""
    for given in (submit, Client, Client().submit, staticmethod(submit), len):
        if instrument is order_submission and given is Client:
            continue  # its text may be a side's
        with pytest.raises(UsageError):
            instrument(given)


MISUSED = {
    "broker_call": lambda face, name: face.broker_call(name),
    "guard": lambda face, name: face.guard(name),
    "phase": lambda face, name: face.phase(name),
    "broker_call's classifier": lambda face, name: face.broker_call("unknown", classify=5),
    "guard's classifier": lambda face, name: face.guard("unknown", classify=5),
    "order_submission's classifier": lambda face, name: face.order_submission(classify=5),
    "order_submission's side_of": lambda face, name: face.order_submission(side_of=5),
}
SERIES = {
    "broker_call": ("gpt_trader_broker_call_latency_seconds_count", {"operation": "unknown"}),
    "guard": ("gpt_trader_guard_checks_total", {"guard": "unknown"}),
    "phase": ("gpt_trader_profile_duration_seconds_count", {"phase": "unknown"}),
    "order_submission": ("gpt_trader_order_submission_total", {"side": "unknown"}),
}


@pytest.mark.parametrize("misused", MISUSED.values(), ids=MISUSED.keys())
@pytest.mark.parametrize("name", [None, Hostile()], ids=named)
def test_wrong_use_of_a_with_statement_is_counted_and_never_raised(telemetry, caplog, misused, name) -> None:
    """Its name may come from anywhere while the bot trades; what ran is recorded, and the misuse logged once."""
    for _ in range(3):
        with pytest.raises(TimeoutError), misused(telemetry, name):
            raise TimeoutError
    with misused(gpt_trader_telemetry, name):  # without a Telemetry
        pass
    kind = next(known for known, misuse in MISUSED.items() if misuse is misused).partition("'")[0]
    metric, labels = SERIES[kind]
    assert scrape(telemetry).total(metric, **labels) == 3
    assert faults(telemetry, "instrument") == 3
    assert len(caplog.records) == 1
    with pytest.raises(UsageError):
        misused(telemetry, name)(fetch)


def test_a_guard_without_a_name_keeps_its_order_back_all_the_same(telemetry) -> None:
    """The trip counts, and the order is blocked."""
    with pytest.raises(ValueError, match="limit"), telemetry.order_submission(side="buy"), telemetry.guard(None):
        raise ValueError("limit")
    assert trips(telemetry) == {("generic", "false"): 1}
    assert orders(telemetry) == {}
    assert scrape(telemetry).value("gpt_trader_trades_blocked_total") == 1


def test_wrong_arguments_raise_the_bare_functions_own_error() -> None:
    """A TypeError that names the function; for what runs later, when it first runs."""
    with pytest.raises(TypeError, match=r"submit\(\) missing 1 required positional argument: 'symbol'"):
        broker_call("x")(submit)()
    with pytest.raises(TypeError, match=r"fetch\(\) takes 1 positional argument"):
        asyncio.run(broker_call("x")(fetch)(1, 2))
    with pytest.raises(TypeError, match=r"ticks\(\) missing"):
        next(broker_call("x")(ticks)())


def test_recursive_calls_are_each_counted(telemetry, clock) -> None:
    """Each depth is a run of its own; the outer ones take longer."""

    @telemetry.broker_call("x")
    def factorial(number: int) -> int:
        clock.sleep(1)
        return number * factorial(number - 1) if number else 1

    @telemetry.order_submission(side="buy")
    def descend(depth: int) -> int:
        return descend(depth - 1) + 1 if depth else 0

    @telemetry.cycle()
    def walk(depth: int):
        yield depth
        if depth:
            yield from walk(depth - 1)

    assert factorial(4) == 24
    assert descend(50) == 50
    assert list(walk(4)) == [4, 3, 2, 1, 0]
    assert broker_calls(telemetry) == {("success", "none"): 5}
    assert seconds(telemetry) == 1 + 2 + 3 + 4 + 5
    assert orders(telemetry) == {("success", "none", "buy"): 51}
    assert scrape(telemetry).value("gpt_trader_cycle_duration_seconds_count", result="ok") == 5


def test_a_generator_is_timed_while_it_waits_too(telemetry, clock) -> None:
    """To exhaustion, from its first item: what the consumer does between counts, creation does not."""

    @telemetry.broker_call("x")
    def stream():
        for number in range(3):
            clock.sleep(1)
            yield number

    made = stream()
    clock.sleep(100)
    for _ in made:
        clock.sleep(10)
    assert seconds(telemetry) == 3 + 30


@pytest.mark.parametrize("leave", ["close", "drop", "break"])
def test_an_iteration_left_unfinished_is_cancelled(telemetry, leave) -> None:
    """By ``close``, by the garbage collector or by leaving the loop; never begun, it is not counted."""
    cleaned = []

    @telemetry.guard("stream")
    @telemetry.broker_call("x")
    def stream():
        try:
            yield from range(10)
        finally:
            cleaned.append(1)

    stream()
    generator = stream()
    if leave == "break":
        for _ in generator:
            break
        del generator
    else:
        assert next(generator) == 0
        if leave == "close":
            generator.close()
        del generator
    gc.collect()
    assert cleaned == [1]
    assert broker_calls(telemetry) == {("failure", "cancelled"): 1}
    assert checks(telemetry) == {("failure",): 1}
    assert trips(telemetry) == {}


def test_a_generator_that_returns_when_closed_is_cancelled_all_the_same(telemetry) -> None:
    """It was not iterated to its end."""

    @telemetry.broker_call("x")
    def stream():
        try:
            yield 1
        except GeneratorExit:
            return

    generator = stream()
    next(generator)
    generator.close()
    assert broker_calls(telemetry) == {("failure", "cancelled"): 1}


def test_a_loop_closes_half_consumed_asynchronous_generators(telemetry) -> None:
    """``shutdown_asyncgens`` reaches the generator inside, where it may still await; nothing is reported."""
    cleaned = []

    @telemetry.broker_call("x")
    async def stream():
        try:
            for number in range(10):
                yield number
        finally:
            await asyncio.sleep(0)
            cleaned.append(1)

    kept = []

    async def main() -> None:
        for _ in range(3):
            generator = stream()
            kept.append(generator)
            assert await anext(generator) == 0
            assert await generator.asend(None) == 1

    asyncio.run(main())
    assert cleaned == [1, 1, 1]
    assert broker_calls(telemetry) == {("failure", "cancelled"): 3}


def test_a_dropped_asynchronous_generator_is_closed_by_its_loop(telemetry) -> None:
    """The loop's finalizer awaits what the generator inside still has to do."""
    cleaned = []

    @telemetry.broker_call("x")
    async def stream():
        try:
            yield 1
        finally:
            await asyncio.sleep(0)
            cleaned.append(1)

    async def main() -> None:
        async for _ in stream():
            break
        gc.collect()
        for _ in range(5):
            await asyncio.sleep(0)
        assert cleaned == [1]

    asyncio.run(main())
    assert broker_calls(telemetry) == {("failure", "cancelled"): 1}


def test_asynchronous_generators_work_in_closing_and_comprehensions(telemetry) -> None:
    """``aclosing``, ``async for`` with ``else``, comprehensions and ``anext`` with a default."""
    from contextlib import aclosing

    stream = telemetry.broker_call("x")(async_ticks)

    async def main() -> None:
        async with aclosing(stream(3)) as items:
            async for item in items:
                assert item == 0
                break
        assert [item async for item in stream(2)] == [0, 1]
        empty = stream(0)
        assert await anext(empty, "none") == "none"

    asyncio.run(main())
    assert broker_calls(telemetry) == {("failure", "cancelled"): 1, ("success", "none"): 2}


def test_context_managers_made_of_generators_work_decorated(telemetry, clock) -> None:
    """``@contextmanager`` above a decorated generator: timed while the block runs, and failing with it."""
    from contextlib import asynccontextmanager, contextmanager

    @contextmanager
    @telemetry.broker_call("x")
    def session():
        yield "session"

    @asynccontextmanager
    @telemetry.broker_call("y")
    async def async_session():
        yield "session"

    with session() as opened:
        clock.sleep(2)
    assert opened == "session"
    with pytest.raises(TimeoutError), session():
        raise TimeoutError

    async def main() -> None:
        async with async_session() as opened:
            assert opened == "session"
        with pytest.raises(TimeoutError):
            async with async_session():
                raise TimeoutError

    asyncio.run(main())
    assert broker_calls(telemetry) == {("success", "none"): 2, ("failure", "timeout"): 2}
    assert seconds(telemetry, operation="x") == 2


def test_what_runs_between_two_items_is_not_inside_the_generators_run(telemetry) -> None:
    """A guard that trips in the consumer's loop is not the trip of the order that streams its fills."""

    @telemetry.order_submission(side="buy")
    def fills():
        yield "partial"
        raise error

    @telemetry.guard("loss")
    def check() -> None:
        raise error

    error = ValueError("too much")
    stream = fills()
    next(stream)
    with pytest.raises(ValueError, match="too much"):
        check()
    with pytest.raises(ValueError, match="too much"):
        next(stream)
    assert orders(telemetry) == {("failed", "error", "buy"): 1}


def test_suspended_generators_leave_no_chain_behind(telemetry) -> None:
    """However many begin in one context and end in another, none keeps the ones before it alive."""
    alive = weakref.WeakSet()

    class Item:
        pass

    @telemetry.order_submission(side="buy")
    async def stream():
        item = Item()
        alive.add(item)
        yield item

    async def main() -> None:
        for _ in range(100):
            generator = stream()
            await anext(generator)
            await asyncio.create_task(generator.aclose())
        del generator
        gc.collect()
        assert len(alive) == 0

    asyncio.run(main())
    assert orders(telemetry) == {("failed", "cancelled", "buy"): 100}


def test_a_task_or_future_stays_the_object_it_is(telemetry, clock) -> None:
    """It is timed until it is done, awaited or not."""

    async def work() -> str:
        await asyncio.sleep(0)
        clock.sleep(2)
        return "ok"

    tasks = []

    @telemetry.broker_call("x")
    def start() -> asyncio.Task:
        tasks.append(asyncio.get_running_loop().create_task(work()))
        return tasks[-1]

    async def main() -> None:
        task = start()
        assert task is tasks[0]
        assert broker_calls(telemetry) == {}
        assert await task == "ok"
        cancelled = start()
        cancelled.cancel()
        with pytest.raises(asyncio.CancelledError):
            await cancelled

    asyncio.run(main())
    assert broker_calls(telemetry) == {("success", "none"): 1, ("failure", "cancelled"): 1}
    assert seconds(telemetry, outcome="success") == 2


def test_a_lost_exception_of_a_task_is_still_reported_by_asyncio(telemetry) -> None:
    """Following a future does not count as having asked for its exception."""
    reports = []

    async def fails() -> None:
        raise TimeoutError

    start = telemetry.broker_call("x")(lambda: asyncio.get_running_loop().create_task(fails()))

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _loop, context: reports.append(context["message"]))
        task = start()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        del task
        gc.collect()

    asyncio.run(main())
    assert reports == ["Task exception was never retrieved"]
    assert broker_calls(telemetry) == {("failure", "timeout"): 1}


def test_a_done_future_of_a_closed_loop_is_returned_and_counted(telemetry) -> None:
    """No callback is needed, and none would be taken any more."""
    loop = asyncio.new_event_loop()
    future = loop.create_future()
    future.set_result("ok")
    loop.close()
    assert telemetry.broker_call("x")(lambda: future)() is future
    assert broker_calls(telemetry) == {("success", "none"): 1}


def test_a_future_that_takes_no_callback_is_returned_and_the_fault_counted(telemetry) -> None:
    """Whatever it raises stays inside."""

    class Odd:
        _asyncio_future_blocking = False

        def __await__(self):
            yield

        def done(self) -> bool:
            raise OSError

    odd = Odd()
    assert telemetry.broker_call("x")(lambda: odd)() is odd
    assert faults(telemetry, "instrument") == 1


def test_a_coroutine_that_is_never_awaited_is_reported_once_and_not_counted(telemetry) -> None:
    """By its own name; and one that is closed, not at all: as with the bare function."""
    start = telemetry.broker_call("x")(lambda: fetch("BTC"))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        start().close()
        assert caught == []
        start()
        gc.collect()
    assert [str(warning.message) for warning in caught] == ["coroutine 'fetch' was never awaited"]
    assert broker_calls(telemetry) == {}


def test_a_returned_coroutine_is_a_coroutine(telemetry) -> None:
    """By type and by name, so that every way to start one takes it."""
    start = telemetry.broker_call("x", classify=lambda value: None)(lambda: fetch("BTC"))
    coroutine = start()
    assert type(coroutine) is types.CoroutineType
    assert coroutine.__qualname__ == "fetch"

    async def main() -> None:
        assert await asyncio.wait_for(coroutine, 5) == "BTC"
        assert await asyncio.gather(start(), start()) == ["BTC", "BTC"]
        async with asyncio.TaskGroup() as group:
            task = group.create_task(start())
        assert task.result() == "BTC"

    asyncio.run(main())
    assert broker_calls(telemetry) == {("success", "none"): 4}


class Reusable:
    """An awaitable that can be awaited again and again, as some clients' are."""

    def __await__(self):
        yield from asyncio.sleep(0).__await__()
        return "ready"


def test_an_awaitable_that_is_awaited_again_counts_once(telemetry) -> None:
    """Also by several tasks at once; it is awaited each time."""
    ready = Reusable()

    @telemetry.order_submission(side="buy")
    def connect() -> Reusable:
        return ready

    async def main() -> None:
        awaitable = connect()
        for _ in range(5):
            assert await awaitable == "ready"
        shared = connect()
        assert await asyncio.gather(*(shared for _ in range(3))) == ["ready"] * 3

        async def wait() -> str:
            return await shared

        assert await asyncio.gather(*(wait() for _ in range(5))) == ["ready"] * 5

    asyncio.run(main())
    assert orders(telemetry) == {("success", "none", "buy"): 2}


class Everything(Reusable):
    """An awaitable that is iterated and entered, too."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *raised: object) -> None: ...

    def __aiter__(self) -> "Everything":
        return self

    async def __anext__(self) -> str:
        return "item"


def test_an_awaitable_can_do_what_it_could(telemetry) -> None:
    """Entered, iterated, awaited; and it promises no more than it did."""
    decorated = telemetry.broker_call("x")(lambda kind: kind())

    async def main() -> None:
        async with decorated(Everything) as entered:
            async for item in entered:
                assert item == "item"
                break
        everything = decorated(Everything)
        assert await anext(everything) == "item"
        assert await everything == "ready"
        async for item in everything:
            assert item == "item"
            break
        assert isinstance(everything, collections.abc.Awaitable)
        reusable = decorated(Reusable)
        assert await reusable == "ready"
        assert not isinstance(reusable, collections.abc.AsyncIterator | collections.abc.Coroutine)

    asyncio.run(main())
    assert broker_calls(telemetry) == {("success", "none"): 3}


def test_what_cannot_be_awaited_is_returned_as_it_is(telemetry) -> None:
    """Whatever its type, also where a function returns now this and now that."""
    values = [None, 1, "a", object(), Client, Reusable, [], fetch, None, 2.5, asyncio.sleep]
    give = telemetry.broker_call("x")(lambda value: value)
    judge = telemetry.broker_call("x", classify=lambda value: None)(lambda value: value)
    assert all(give(value) is value and judge(value) is value for value in values * 2)
    assert broker_calls(telemetry) == {("success", "none"): 4 * len(values)}


def test_a_timeout_around_is_a_cancellation_inside(telemetry) -> None:
    """``asyncio.timeout`` around the call cancels it; inside, the call itself times out."""

    @telemetry.guard("slow")
    @telemetry.broker_call("around")
    async def hangs() -> None:
        await asyncio.Event().wait()

    @telemetry.broker_call("inside")
    async def gives_up() -> None:
        async with asyncio.timeout(0):
            await asyncio.Event().wait()

    async def main() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.001):
                await hangs()
        with pytest.raises(TimeoutError):
            await gives_up()

    asyncio.run(main())
    assert broker_calls(telemetry) == {("failure", "cancelled"): 1, ("failure", "timeout"): 1}
    assert checks(telemetry) == {("failure",): 1}
    assert trips(telemetry) == {}


def test_concurrent_tasks_are_timed_each_by_itself(telemetry) -> None:
    """A thousand interleaved calls are a thousand calls, each as long as its own waiting."""

    @telemetry.order_submission(side="side")
    @telemetry.broker_call("submit")
    async def send(side: str, turns: int) -> None:
        for _ in range(turns):
            await asyncio.sleep(0)

    async def main() -> None:
        await asyncio.gather(*(send("buy" if number % 2 else "sell", number % 7) for number in range(1000)))

    asyncio.run(main())
    assert orders(telemetry) == {("success", "none", "buy"): 500, ("success", "none", "sell"): 500}
    assert broker_calls(telemetry) == {("success", "none"): 1000}
