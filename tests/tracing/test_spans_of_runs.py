"""What a run's span is called, what it carries, whose child it is, and when it is current."""

import asyncio
import contextvars
import threading
from contextlib import suppress

import pytest
from opentelemetry.trace import get_current_span

import gpt_trader_telemetry
from gpt_trader_telemetry import Failed, Rejected, Tripped, bind, identify
from gpt_trader_telemetry.testing.spans import RecordedSpans


def tree(spans: RecordedSpans) -> list[str]:
    """Return the tree as lines, without the heading."""
    return str(spans).splitlines()[1:]


class Loss(Exception):
    category = "limit"
    recoverable = True


def trade(face) -> None:
    """Go once through every instrument, in one another."""

    @face.guard("daily_loss")
    def check() -> None:
        pass

    @face.order_submission(side="side")
    @face.broker_call("submit")
    def submit(symbol: str, side: str) -> str:
        return "accepted"

    @face.cycle()
    def tick() -> None:
        with face.phase("decision"):
            check()
        submit("BTC-USD", "buy")

    tick()


def test_an_order_is_followed_from_the_cycle_to_the_broker(traced, store) -> None:
    """Names are of the catalogue's words, the broker's side of a call is a client's, the rest is internal."""
    trade(traced)
    assert tree(store.read()) == [
        "  cycle",
        "    phase decision  phase=decision",
        "      guard daily_loss  guard=daily_loss",
        "    order_submission  side=buy",
        "      broker_call submit  operation=submit",
    ]
    assert {span.name: span.kind for span in store.read() if span.kind != "internal"} == {
        "broker_call submit": "client"
    }
    assert not any(span.failed for span in store.read())


def test_the_process_default_is_traced_too(store) -> None:
    """Places that were decorated before ``configure`` are traced from then on, and no more after its shutdown."""
    decorated = gpt_trader_telemetry.cycle()(lambda: None)
    decorated()
    telemetry = gpt_trader_telemetry.configure(settings=gpt_trader_telemetry.Settings(), tracer_provider=store.provider)
    decorated()
    telemetry.shutdown()
    decorated()
    assert [span.name for span in store.read()] == ["cycle"]


@pytest.mark.parametrize(
    ("decorate", "raised", "line"),
    [
        (lambda t: t.broker_call("x"), TimeoutError("key=hunter2"), "broker_call x  operation=x  reason=timeout"),
        (lambda t: t.order_submission("buy"), OSError("hunter2"), "order_submission  side=buy  result=failed  reason=error"),
        (lambda t: t.guard("g"), Loss("hunter2"), "guard g  guard=g  category=limit  recoverable=True"),
        (lambda t: t.guard("g"), asyncio.CancelledError("hunter2"), "guard g  guard=g"),
        (lambda t: t.cycle(), KeyError("hunter2"), "cycle"),
        (lambda t: t.phase("p"), KeyboardInterrupt("hunter2"), "phase p  phase=p"),
    ],
)  # fmt: skip
def test_an_exception_is_told_by_its_type_and_never_by_its_words(traced, store, decorate, raised, line) -> None:
    """Status, ``error.type`` and an event with the type; no message, no stack."""

    @decorate(traced)
    def fails() -> None:
        raise raised

    with pytest.raises(type(raised)):
        fails()
    kind = type(raised)
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    assert tree(store.read()) == [f"  {line}  failed: {name}"]
    (span,) = store._exporter.get_finished_spans()
    assert [(event.name, dict(event.attributes)) for event in span.events] == [("exception", {"exception.type": name})]
    assert span.status.description is None
    assert "hunter2" not in span.to_json()


@pytest.mark.parametrize(
    ("decorate", "line"),
    [
        (lambda t: t.broker_call("x", classify=lambda _: Failed("auth")), "broker_call x  operation=x  reason=auth  failed: auth"),
        (lambda t: t.order_submission("buy", classify=lambda _: Rejected("post_only")),
         "order_submission  side=buy  result=rejected  reason=post_only  failed: post_only"),
        (lambda t: t.order_submission("buy", classify=lambda _: "paused"),
         "order_submission  side=buy  result=blocked  reason=paused"),
        (lambda t: t.guard("g", classify=lambda _: Tripped("action", recoverable=True)),
         "guard g  guard=g  category=action  recoverable=True  failed: action"),
        (lambda t: t.guard("g", classify=lambda _: None), "guard g  guard=g"),
    ],
)  # fmt: skip
def test_a_judged_value_fails_by_its_reason(traced, store, decorate, line) -> None:
    """What was refused without an exception is a failure by its reason; what we kept back ourselves is none."""
    decorate(traced)(lambda: "hunter2")()
    assert tree(store.read()) == [f"  {line}"]


def test_what_is_said_in_a_with_statement_is_on_the_span(traced, store) -> None:
    """Reject, fail, trip; ids by ``identify``; a declared decision id by itself."""
    with traced.order_submission(side="sell", decision_id="d-1") as order:
        order.identify(order_id=42, symbol="BTC-USD")
        order.reject("insufficient_funds")
    with traced.broker_call("cancel") as call:
        call.identify(order_id="42")
        call.fail("not_found")
    with traced.guard("g") as run:
        run.trip("data")
    ids = "side=sell  decision_id=d-1  order_id=42  symbol=BTC-USD"
    assert tree(store.read()) == [
        f"  order_submission  {ids}  result=rejected  reason=insufficient_funds  failed: insufficient_funds",
        "  broker_call cancel  operation=cancel  order_id=42  reason=not_found  failed: not_found",
        "  guard g  guard=g  category=data  recoverable=False  failed: data",
    ]


def test_retries_are_told(traced, store) -> None:
    """Submit calls beyond the first, of an order that went well in the end."""
    send = traced.broker_call("submit")(lambda: None)
    with traced.order_submission(side="buy"):
        send()
        send()
    assert store.read().one("order_submission").attributes["gpt_trader.retries"] == 1


def test_a_decision_is_carried_to_the_order_and_its_calls(traced, store) -> None:
    """``bind`` is on every span inside; ``identify`` finds the order from within its call; a fill joins by its ids."""

    @traced.order_submission(side="side", decision_id="decision")
    @traced.broker_call("submit")
    def submit(side: str, decision: str) -> None:
        traced.identify(order_id="42", symbol="ETH-USD")

    with bind(cycle=7, symbol="BTC-USD"), traced.cycle():
        submit("buy", "d-1")
        with traced.bind(decision_id="d-2"), traced.phase("p"):
            pass
    with bind(order_id="42", decision_id="d-1"), traced.phase("fill"):
        pass
    assert tree(store.read()) == [
        "  cycle  cycle=7  symbol=BTC-USD",
        "    order_submission  cycle=7  side=buy  decision_id=d-1  order_id=42  symbol=ETH-USD",
        "      broker_call submit  operation=submit  cycle=7  symbol=BTC-USD",
        "    phase p  phase=p  cycle=7  symbol=BTC-USD  decision_id=d-2",
        "  phase fill  phase=fill  decision_id=d-1  order_id=42",
    ]


def test_ids_are_in_no_metric(traced) -> None:
    """Bound or identified, an id stays on the span."""
    with bind(decision_id="canary-1", symbol="canary-2"), traced.order_submission(side="buy") as order:
        order.identify(order_id="canary-3")
        identify(order_id="canary-4")
    assert "canary" not in traced.metrics_text()


def test_a_span_is_current_inside_and_only_there(traced, store) -> None:
    """What an HTTP client opens inside is a child of the broker call; generators step out while they wait."""
    tracer = store.provider.get_tracer("client")

    @traced.broker_call("get")
    def get() -> None:
        with tracer.start_as_current_span("GET"):
            pass

    @traced.broker_call("pages")
    def pages():
        for number in range(2):
            with tracer.start_as_current_span(f"GET {number}"):
                pass
            yield number

    get()
    with traced.cycle():
        for number in pages():
            with tracer.start_as_current_span(f"use {number}"):
                pass
    assert tree(store.read()) == [
        "  broker_call get  operation=get",
        "    GET",
        "  cycle",
        "    broker_call pages  operation=pages",
        "      GET 0",
        "      GET 1",
        "    use 0",
        "    use 1",
    ]


def test_a_span_that_is_open_across_a_yield_stays_inside(traced, store) -> None:
    """A generator's own spans are not those of the code that iterates, which bare OpenTelemetry would make them."""
    tracer = store.provider.get_tracer("bot")

    @traced.phase("stream")
    def stream():
        with tracer.start_as_current_span("batch"):
            yield 1
            with tracer.start_as_current_span("row"):
                pass

    with traced.cycle():
        for _ in stream():
            with traced.phase("use"):
                pass
    assert tree(store.read()) == [
        "  cycle", "    phase stream  phase=stream", "      batch", "        row", "    phase use  phase=use",
    ]  # fmt: skip


def test_parents_are_right_across_await_tasks_and_threads(traced, store) -> None:
    """Concurrent orders each have their own calls; a thread with a copied context is inside, another is not."""

    @traced.broker_call("submit")
    async def send() -> None:
        await asyncio.sleep(0)

    @traced.order_submission("buy")
    async def submit(number: int) -> None:
        with bind(order_id=number):
            await send()
            await asyncio.create_task(send())

    async def main() -> None:
        with traced.cycle():
            await asyncio.gather(*map(submit, range(20)))

    asyncio.run(main())
    spans = store.read()
    orders = spans.all("order_submission")
    assert len(orders) == 20
    assert all(order.parent is spans.one("cycle") for order in orders)
    sent = [call.parent for call in spans.all("broker_call submit")]
    assert sorted(map(id, sent)) == sorted(2 * [id(order) for order in orders])
    for call in spans.all("broker_call submit"):
        ids = {other.attributes["gpt_trader.order_id"] for other in spans if other.parent is call.parent}
        assert len(ids) == 1

    with traced.phase("threads"):
        run = contextvars.copy_context().run
        for target in (lambda: run(traced.guard("copied")(lambda: None)), traced.guard("bare")(lambda: None)):
            thread = threading.Thread(target=target)
            thread.start()
            thread.join()
    assert store.read().one("guard copied").parent.name == "phase threads"
    assert store.read().one("guard bare").parent is None


def test_what_a_future_ends_is_ended_by_it(traced, store) -> None:
    """Not by the call that returned it, and with its exception."""

    async def main() -> None:
        future = asyncio.get_running_loop().create_future()
        assert traced.broker_call("x")(lambda: future)() is future
        assert not store.read()
        assert not get_current_span().get_span_context().is_valid
        future.set_exception(TimeoutError())
        with suppress(TimeoutError):
            await future

    asyncio.run(main())
    assert tree(store.read()) == ["  broker_call x  operation=x  reason=timeout  failed: TimeoutError"]


def test_a_block_that_is_left_in_another_task_ends_its_span(traced, store) -> None:
    """Exit stacks and fixtures do so: the context of the task that leaves is as it was."""

    async def main() -> None:
        cycle = traced.cycle()

        async def enter() -> None:
            cycle.__enter__()

        async def leave() -> None:
            before = get_current_span()
            cycle.__exit__(None, None, None)
            assert get_current_span() is before

        await asyncio.create_task(enter())
        await asyncio.create_task(leave())

    asyncio.run(main())
    assert [span.name for span in store.read()] == ["cycle"]


def test_a_bot_that_schedules_itself_holds_nothing_of_what_was(traced) -> None:
    """Each tick begins in the context of the last one: runs that are over hold no contexts."""
    from gpt_trader_telemetry.instrument.spans import _RUN

    seen = []

    async def main() -> None:
        loop, done = asyncio.get_running_loop(), asyncio.Event()

        @traced.cycle()
        def tick(left: int) -> None:
            from opentelemetry.context import get_current

            seen.append(get_current()[_RUN])
            loop.call_soon(tick, left - 1) if left else loop.call_soon(done.set)

        tick(50)
        await done.wait()

    asyncio.run(main())
    assert len(seen) == 51
    assert all(run._outer is None and run._inside is None and run._around is None for run in seen)


@pytest.mark.parametrize("value", ["x" * 500, "a\nb", "\ud800", 2**70, True, b"raw", type("Text", (str,), {})("own")])
def test_what_is_bound_is_short_and_printable(value, traced, store) -> None:
    """Whatever is given, what arrives can be exported."""
    with bind(decision_id=value), traced.cycle():
        pass
    arrived = store.read().one("cycle").attributes["gpt_trader.decision_id"]
    assert isinstance(arrived, str)
    assert len(arrived) <= 128
    assert arrived.isprintable()
    arrived.encode()


def test_a_value_without_a_text_is_counted_and_left_out(traced, store) -> None:
    """The bot goes on, the rest is bound."""

    class Hostile:
        def __str__(self) -> str:
            raise OSError

    with traced.bind(decision_id=Hostile(), cycle=1), traced.cycle():
        pass
    assert store.read().one("cycle").attributes == {"gpt_trader.cycle": 1}
    assert 'gpt_trader_telemetry_errors_total{component="instrument"} 1' in traced.metrics_text()


def test_one_binding_is_entered_by_many_at_once(traced, store) -> None:
    """Tasks that overlap, and blocks within themselves: each leaves what was around it."""
    binding = bind(decision_id="d")

    async def run(number: int) -> None:
        with bind(cycle=number), binding, binding:
            await asyncio.sleep(0)
            with traced.cycle():
                await asyncio.sleep(0)
        with traced.phase("after"):
            pass

    async def main() -> None:
        await asyncio.gather(*map(run, range(5)))

    asyncio.run(main())
    spans = store.read()
    assert sorted(span.attributes["gpt_trader.cycle"] for span in spans.all("cycle", decision_id="d")) == [*range(5)]
    assert all("gpt_trader.decision_id" not in span.attributes for span in spans.all("phase after"))
