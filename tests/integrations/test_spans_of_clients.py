"""A client that is recorded from outside has the spans of one that is decorated: an order, and in it the broker call."""

import asyncio
from contextlib import suppress

from opentelemetry.trace import get_current_span
from test_calls import OPERATIONS, Broker, InsufficientFundsError

from gpt_trader_telemetry import Failed, Operation, Rejected, Settings, Telemetry, bind
from gpt_trader_telemetry.testing.spans import SpanStore

JUDGED = {
    "submit": Operation("submit", classify=lambda answer: None if answer == "accepted" else Rejected(answer)),
    "cancel": Operation("cancel", classify=lambda answer: None if answer else Failed("not_found")),
}


def lines(store: SpanStore) -> list[str]:
    return str(store.read()).splitlines()[1:]


def test_each_order_and_call_has_its_span_with_how_it_ended() -> None:
    """Helpers within a call have none of their own; what was refused without an exception has failed too."""
    store = SpanStore()
    with Telemetry(Settings(), tracer_provider=store.provider) as telemetry:
        broker = telemetry.instrument_broker(Broker("accepted", InsufficientFundsError()), OPERATIONS)
        with bind(decision_id="d-1"):
            broker.buy("BTC-USD")
        with suppress(InsufficientFundsError):
            broker.buy("BTC-USD")
        broker.replace("42", "sell")
        judged = telemetry.instrument_broker(Broker("post_only"), JUDGED)
        judged.submit("BTC-USD", "sell")
        judged.cancel("")
    error = f"{InsufficientFundsError.__module__}.{InsufficientFundsError.__qualname__}"
    assert lines(store) == [
        "  order_submission  decision_id=d-1  side=buy  symbol=BTC-USD",
        "    broker_call submit  operation=submit  decision_id=d-1",
        f"  order_submission  side=buy  symbol=BTC-USD  result=rejected  reason=insufficient_funds  failed: {error}",
        f"    broker_call submit  operation=submit  reason=insufficient_funds  failed: {error}",
        "  broker_call edit  operation=edit",
        "    order_submission  side=sell  symbol=BTC-USD",
        "      broker_call submit  operation=submit",
        "  order_submission  side=sell  symbol=BTC-USD  result=rejected  reason=post_only  failed: post_only",
        "    broker_call submit  operation=submit  reason=post_only  failed: post_only",
        "  broker_call cancel  operation=cancel  reason=not_found  failed: not_found",
    ]


def test_a_batch_is_told_by_the_first_that_was_refused() -> None:
    """One call has one span of an order, however many it sends."""
    store = SpanStore()
    with Telemetry(Settings(), tracer_provider=store.provider) as telemetry:
        verdicts = [None, Rejected("post_only"), Failed("error")]
        operation = Operation("submit", side_of=list, classify=lambda _: verdicts)
        telemetry.instrument_broker(Broker(), {"place_all": operation}).place_all(["buy", "sell", "buy"])
    assert lines(store) == [
        "  order_submission  side=buy  result=rejected  reason=post_only  failed: post_only",
        "    broker_call submit  operation=submit  reason=post_only  failed: post_only",
    ]


def test_what_runs_within_an_order_is_inside_of_its_broker_call() -> None:
    """The spans of an HTTP library hang below it; awaited, stepped out of or finished elsewhere, all are ended in order."""
    store = SpanStore()
    with Telemetry(Settings(), tracer_provider=store.provider) as telemetry:
        tracer = store.provider.get_tracer("http")

        class Client:
            def submit(self, symbol, side):
                with tracer.start_as_current_span("POST"):
                    return "accepted"

            async def submit_later(self, symbol, side):
                await asyncio.sleep(0)
                return self.submit(symbol, side)

            def submit_and_return_a_coroutine(self, symbol, side):
                return self.submit_later(symbol, side)

        names = ("submit", "submit_later", "submit_and_return_a_coroutine")
        client = telemetry.instrument_broker(Client(), dict.fromkeys(names, "submit"))

        async def trade() -> None:
            client.submit("BTC-USD", "buy")
            await asyncio.gather(client.submit_later("BTC-USD", "buy"), client.submit_later("BTC-USD", "buy"))
            await client.submit_and_return_a_coroutine("BTC-USD", "buy")

        asyncio.run(trade())
        assert not get_current_span().get_span_context().is_valid
    order = [
        "  order_submission  side=buy  symbol=BTC-USD",
        "    broker_call submit  operation=submit",
        "      POST",
    ]
    assert lines(store) == order * 4
