"""Every order method of the client, whatever becomes of the call: counted once, rightly, and never changed."""

from collections import Counter
from collections.abc import Iterator

import pytest
from coinbase_counts import Counts
from coinbase_playing import METHODS, SCENARIOS, Scenario, client_of, operation, orders_at, play, side

from exchanges.coinbase import CoinbaseServer, coinbase_exchange
from gpt_trader_telemetry.integrations.coinbase.instrumentor import CoinbaseInstrumentor

ONE_OF_EACH = {"create_order", "close_position", "preview_order", "edit_order", "preview_edit_order", "cancel_orders",
               "get_order"}  # fmt: skip
"""Methods that send to different addresses: these meet every scenario, their helpers those that differ."""
CANCELLED = {"not_found": "not_found", "invalid_order": "invalid_order"}
EDITED = {"invalid_order": "invalid_size", "broker_rejected": "invalid_size"}


@pytest.fixture(scope="module")
def played() -> Iterator[CoinbaseServer]:
    """One exchange for the whole matrix, begun anew before each call."""
    with coinbase_exchange(every=3600) as exchange:
        exchange.face.moves = False
        yield exchange


def expected(method: str, scenario: Scenario) -> Counter:
    """Return what one call is to record."""
    does, reason = operation(method), scenario.reason
    if scenario.name.startswith("rejected"):
        if does in {"get_order", "list_orders", "get_fills"}:
            reason = "none"
        elif does == "cancel":
            reason = CANCELLED.get(reason, "broker_rejected")
        elif does in {"edit", "preview_edit"}:
            reason = EDITED.get(reason, reason)
    answered = reason == "none" or scenario.result == "rejected"
    attempt = ("orders", "success" if answered else "error")
    records = Counter({
        ("call", does, "success" if reason == "none" else "failure", reason): 1,
        ("attempt", *attempt): 1,
        ("attempt timed", *attempt): 1,
    })  # fmt: skip
    if does == "submit":
        buys_or_sells = side(method, accepted=reason == "none")
        records["order", scenario.result, reason, buys_or_sells] = 1
        records["order timed", scenario.result, buys_or_sells] = 1
    if does == "preview" and scenario.result == "rejected":
        records["preview refused",] = 1
    return records


def test_the_matrix_has_every_kind_of_method():
    """Reflection has found the helpers, and each operation has at least one method."""
    assert len(METHODS) >= 60
    assert {operation(method) for method in METHODS} == {
        "submit", "preview", "edit", "preview_edit", "cancel", "get_order", "list_orders", "get_fills",
    }  # fmt: skip
    assert set(METHODS) >= ONE_OF_EACH


@pytest.mark.parametrize("method", METHODS)
def test_a_call_is_counted_once_and_rightly_whatever_becomes_of_it(method: str, played: CoinbaseServer, telemetry):
    """And gives the bot the same value or exception, and the exchange the same orders, as without instrumentation."""
    scenarios = [scenario for scenario in SCENARIOS if method in ONE_OF_EACH or not scenario.rare]
    with client_of(played) as client:
        plain = [(play(played, client, method, scenario).seen, orders_at(played)) for scenario in scenarios]
        CoinbaseInstrumentor().instrument(telemetry=telemetry)
        try:
            counts = Counts(telemetry)
            for scenario, (seen, orders) in zip(scenarios, plain, strict=True):
                ending = play(played, client, method, scenario)
                assert counts.since() == expected(method, scenario), scenario.name
                assert ending.seen == seen, scenario.name
                assert orders_at(played) == orders, scenario.name
        finally:
            CoinbaseInstrumentor().uninstrument()
