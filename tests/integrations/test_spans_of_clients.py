"""A client that is recorded from outside has the spans of one that is decorated, one for each that counts."""

from contextlib import suppress

from test_calls import OPERATIONS, Broker, InsufficientFundsError

from gpt_trader_telemetry import Failed, Operation, Rejected, Settings, Telemetry, bind
from gpt_trader_telemetry.testing.spans import SpanStore

JUDGED = {
    "submit": Operation("submit", classify=lambda answer: None if answer == "accepted" else Rejected(answer)),
    "cancel": Operation("cancel", classify=lambda answer: None if answer else Failed("not_found")),
}


def lines(store: SpanStore) -> list[str]:
    return str(store.read()).splitlines()[1:]


def test_each_order_and_call_has_one_span_with_how_it_ended() -> None:
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
        "  order_submission  decision_id=d-1  side=buy",
        f"  order_submission  side=buy  result=rejected  reason=insufficient_funds  failed: {error}",
        "  broker_call edit  operation=edit",
        "    order_submission  side=sell",
        "  order_submission  side=sell  result=rejected  reason=post_only  failed: post_only",
        "  broker_call cancel  operation=cancel  reason=not_found  failed: not_found",
    ]


def test_a_batch_is_told_by_the_first_that_was_refused() -> None:
    """One call has one span, however many orders it sends."""
    store = SpanStore()
    with Telemetry(Settings(), tracer_provider=store.provider) as telemetry:
        verdicts = [None, Rejected("post_only"), Failed("error")]
        operation = Operation("submit", side_of=list, classify=lambda _: verdicts)
        telemetry.instrument_broker(Broker(), {"place_all": operation}).place_all(["buy", "sell", "buy"])
    assert lines(store) == ["  order_submission  side=buy  result=rejected  reason=post_only  failed: post_only"]
