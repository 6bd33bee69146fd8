"""Spans read back: found by name and attributes, shown as a tree where they are not what they should be."""

import pytest

from gpt_trader_telemetry import Settings, bind, broker_call, configure, cycle, order_submission
from gpt_trader_telemetry.testing import Recording, recorded
from gpt_trader_telemetry.testing.spans import SpanStore


def trade() -> None:
    with cycle(), bind(decision_id="d-1"), order_submission(side="buy") as order:
        broker_call("submit")(lambda: None)()
        order.reject("post_only")


def test_one_span_is_found_by_its_name_and_attributes(telemetry: Recording) -> None:
    """With its parent; two readings of it are equal."""
    assert not telemetry.spans
    assert str(telemetry.spans) == "no span was recorded"
    trade()
    order = telemetry.spans.one("order_submission", side="buy", decision_id="d-1")
    assert (order.failed, order.error_type, order.kind) == (True, "post_only", "internal")
    assert order.attributes["gpt_trader.result"] == "rejected"
    assert order.parent == telemetry.spans.one("cycle")
    assert telemetry.spans.one("broker_call submit").parent == order
    assert len(telemetry.spans) == len({*telemetry.spans, *telemetry.spans}) == 3


@pytest.mark.parametrize(
    ("name", "attributes", "told"),
    [
        ("order", {}, "one span was expected, 0 were recorded: order"),
        ("order_submission", {"side": "sell"}, "0 were recorded: order_submission  side=sell"),
        ("cycle", {}, "2 were recorded: cycle"),
    ],
)
def test_a_failure_shows_every_span(telemetry: Recording, name, attributes, told) -> None:
    """As a tree, with what each carries and how it failed."""
    trade()
    with cycle():
        pass
    with pytest.raises(AssertionError) as caught:
        telemetry.spans.one(name, **attributes)
    assert told in str(caught.value)
    assert str(caught.value).splitlines()[1:] == [
        "spans recorded:",
        "  cycle",
        "    order_submission  decision_id=d-1  side=buy  result=rejected  reason=post_only  failed: post_only",
        "      broker_call submit  operation=submit  decision_id=d-1",
        "  cycle",
    ]


def test_the_bots_own_spans_are_among_them(telemetry: Recording) -> None:
    """Those of the provider that the Telemetry has; one that the bot brings is passed by, as its metrics' is."""
    with cycle(), telemetry.instance.tracer_provider.get_tracer("bot").start_as_current_span("own"):
        pass
    assert telemetry.spans.one("own").parent == telemetry.spans.one("cycle")
    configure(tracer_provider=SpanStore().provider, settings=Settings(cardinality_limit=7))
    trade()
    assert telemetry.spans.one("order_submission")


def test_the_environment_has_no_say(monkeypatch) -> None:
    """Sampling and a disabled SDK are for what leaves the process."""
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "always_off")
    with recorded() as telemetry:
        trade()
    assert len(telemetry.spans) == 3
