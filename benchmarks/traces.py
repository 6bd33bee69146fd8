"""What a span adds to a decorated call, beside one that is opened by hand. No processor takes the spans of either."""

from time import perf_counter
from typing import Any

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import SpanKind

from benchmarks.hands import OPERATION, bare
from benchmarks.harness import Row, compared, less, loop_of, must_equal, rounds_of, sample
from benchmarks.peers import CALLS, Sdk
from benchmarks.series import pipeline_of, stop_folding
from gpt_trader_telemetry import Settings, Telemetry

CALL = 'call("BTC-USD", "buy", 1)'
SUCCESS = {"operation": OPERATION, "outcome": "success", "reason": "none"}


def run(*, quick: bool) -> list[Row]:
    """Measure a traced call beside a span by hand, and beside a span and a measurement."""
    rounds, most = (4, 500) if quick else (31, 5_000)
    provider = TracerProvider(shutdown_on_exit=False)
    tracer, calls = provider.get_tracer("benchmarks"), Sdk().histogram(CALLS)

    def by_hand(symbol: str, side: str, quantity: int) -> Any:
        with tracer.start_as_current_span("broker_call", kind=SpanKind.CLIENT, attributes={"operation": OPERATION}):
            return bare(symbol, side, quantity)

    def measured_by_hand(symbol: str, side: str, quantity: int) -> Any:
        with tracer.start_as_current_span("broker_call", kind=SpanKind.CLIENT, attributes={"operation": OPERATION}):
            start = perf_counter()
            answer = bare(symbol, side, quantity)
            calls.record(perf_counter() - start, SUCCESS)
            return answer

    with Telemetry(Settings(), tracer_provider=provider) as telemetry:
        stop_folding(telemetry)
        traced = telemetry.broker_call(OPERATION)(bare)
        fold = pipeline_of(telemetry).recorder.fold
        loops = {
            "bare": loop_of(CALL, bare, calls=most),
            "traced": loop_of(CALL, traced, settle=fold, calls=most),
            "by hand": loop_of(CALL, by_hand, calls=most),
            "measured": loop_of(CALL, measured_by_hand, calls=most),
        }
        taken = rounds_of(loops, rounds)
        must_equal(
            "ours, traced", [sample(telemetry.metrics_text(), f"{CALLS}_count", SUCCESS)], [loops["traced"].calls]
        )
    ours, hand, measured = (less(taken[name], taken["bare"]) for name in ("traced", "by hand", "measured"))
    group = "@broker_call with a span and an exemplar, added to a call"
    return [
        compared("traced-span", group, "a span by hand, with nothing measured", ours, hand),
        compared("traced-measured", group, "a span and a measurement by hand on the SDK", ours, measured, goal=1.0),
    ]
