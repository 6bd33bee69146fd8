"""What recording adds to one call of a function that does nothing, on the calling thread.

Ours is decorated, the peers' are measured by hand. All that was recorded is read back at the end.
"""

from collections.abc import Callable
from typing import Any

from benchmarks.hands import (
    OPERATION,
    PASSED,
    SUCCESS,
    TIMEOUT,
    ClientHands,
    SdkHands,
    bare,
    floor,
    items,
    raising,
)
from benchmarks.harness import Loop, Row, compared, less, loop_of, must_equal, rounds_of, sample
from benchmarks.peers import CALLS, CHECKS, ORDER_TIMES, ORDERS, Sdk
from benchmarks.series import pipeline_of, stop_folding
from gpt_trader_telemetry import Settings, Telemetry

CALL = 'call("BTC-USD", "buy", 1)'
BOTH_SIDES = 'call("BTC-USD", "buy", 1); call("BTC-USD", "sell", 1)'
RAISING = """
try:
    call("BTC-USD", "buy", 1)
except TimeoutError:
    pass
"""
ENTERED = """
with call():
    pass
"""
EXHAUSTED = """
for _ in call():
    pass
"""


def run(*, quick: bool) -> list[Row]:
    """Measure every form of a call beside its peers."""
    rounds, most = (4, 500) if quick else (41, 20_000)
    with Telemetry(Settings()) as telemetry, Telemetry(Settings(), meter_provider=(plain := Sdk()).provider) as other:
        # Folding is timed by itself, after each loop.
        stop_folding(telemetry)
        loops = _bare_loops(most) | _our_loops(telemetry, most)
        loops |= _loops({"both, plain": _both(other), "floor": floor(bare)}, CALL, most)
        sdk, client = SdkHands(), ClientHands()
        loops |= _loops(
            {"both, sdk": sdk.both, "both, labels()": client.both, "both, bound": client.both_bound}, CALL, most
        )
        loops |= _loops({"order, sdk": sdk.order, "order, labels()": client.order}, BOTH_SIDES, most)
        loops |= _loops({"raising, sdk": sdk.failing}, RAISING, most)
        loops |= _loops({"entered, labels()": client.entered}, ENTERED, most)
        loops |= _loops({"exhausted, sdk": sdk.exhausting}, EXHAUSTED, most)
        taken = rounds_of(loops, rounds)
        _check_ours(telemetry, loops)
        _check_peers(sdk, client, plain, loops)
    return _rows(taken, loops)


def _both(telemetry: Telemetry) -> Callable[..., Any]:
    return telemetry.guard("daily_loss")(telemetry.broker_call(OPERATION)(bare))


def _bare_loops(most: int) -> dict[str, Loop]:
    return {
        "bare": loop_of(CALL, bare, calls=most),
        "bare order": loop_of(BOTH_SIDES, bare, calls=most),
        "bare raising": loop_of(RAISING, raising, calls=most),
        "bare entered": loop_of("call", bare, calls=most),
        "bare exhausted": loop_of(EXHAUSTED, items, calls=most),
    }


def _our_loops(telemetry: Telemetry, most: int) -> dict[str, Loop]:
    fold = pipeline_of(telemetry).recorder.fold
    unconfigured = Telemetry(Settings())
    idle = unconfigured.broker_call(OPERATION)(bare)
    unconfigured.shutdown()
    order = telemetry.order_submission(side="side")(bare)
    # Names of their own, so that what each form recorded can be told at the end.
    forms: dict[str, tuple[str, Callable[..., Any]]] = {
        "both": (CALL, _both(telemetry)),
        "call": (CALL, telemetry.broker_call("preview")(bare)),
        "submit": (CALL, telemetry.broker_call("submit")(bare)),
        "order": (BOTH_SIDES, order),
        "raising": (RAISING, telemetry.broker_call("raising")(raising)),
        "entered": (ENTERED, lambda: telemetry.broker_call("entered")),
        "exhausted": (EXHAUSTED, telemetry.broker_call("exhausted")(items)),
        "idle": (CALL, idle),
    }
    return {name: loop_of(text, function, settle=fold, calls=most) for name, (text, function) in forms.items()}


def _loops(functions: dict[str, Callable[..., Any]], statement: str, most: int) -> dict[str, Loop]:
    return {name: loop_of(statement, function, calls=most) for name, function in functions.items()}


def _check_ours(telemetry: Telemetry, loops: dict[str, Loop]) -> None:
    text = telemetry.metrics_text()
    recorded_for = {
        "both": [sample(text, CHECKS, PASSED), sample(text, f"{CALLS}_count", SUCCESS)],
        "raising": [sample(text, f"{CALLS}_count", TIMEOUT | {"operation": "raising"})],
        "order": [
            found
            for side in ("buy", "sell")
            for found in (
                sample(text, ORDERS, {"result": "success", "reason": "none", "side": side}),
                sample(text, f"{ORDER_TIMES}_count", {"result": "success", "side": side}),
            )
        ],
    }
    for form, operation in (
        ("call", "preview"),
        ("submit", "submit"),
        ("entered", "entered"),
        ("exhausted", "exhausted"),
    ):
        recorded_for[form] = [sample(text, f"{CALLS}_count", SUCCESS | {"operation": operation})]
    for form, found in recorded_for.items():
        must_equal(f"ours, {form}", found, [loops[form].calls] * len(found))


def _check_peers(sdk: SdkHands, client: ClientHands, plain: Sdk, loops: dict[str, Loop]) -> None:
    for name, registry, checks, calls in (
        ("sdk", sdk.sdk.registry, loops["both, sdk"].calls, loops["both, sdk"].calls),
        ("plain", plain.registry, loops["both, plain"].calls, loops["both, plain"].calls),
        (
            "prometheus_client",
            client.registry,
            loops["both, labels()"].calls + loops["both, bound"].calls,
            loops["both, labels()"].calls,
        ),
    ):
        must_equal(f"guard checks, {name}", registry.get_sample_value(CHECKS, PASSED), checks)
        must_equal(f"calls, {name}", registry.get_sample_value(f"{CALLS}_count", SUCCESS), calls)
    for name, registry in (("sdk", sdk.sdk.registry), ("labels()", client.registry)):
        for side in ("buy", "sell"):
            found = registry.get_sample_value(f"{ORDER_TIMES}_count", {"result": "success", "side": side})
            must_equal(f"orders, {name}", found, loops[f"order, {name}"].calls)


def _rows(taken: dict[str, list[float]], loops: dict[str, Loop]) -> list[Row]:
    both = less(taken["both"], taken["bare"])
    call, submit, idle = (less(taken[name], taken["bare"]) for name in ("call", "submit", "idle"))
    at_floor = less(taken["floor"], taken["bare"])
    sdk = less(taken["both, sdk"], taken["bare"])
    # An iteration of these is two calls.
    order, order_sdk, order_labels = (
        [value / 2 for value in less(taken[name], taken["bare order"])]
        for name in ("order", "order, sdk", "order, labels()")
    )
    folded = {name: less(loops[name].settled(taken[name]), taken["bare"]) for name in ("both", "call")}

    folding = "our fold in the background counted too"
    one = "@guard and @broker_call on one function, added to a call"
    alone = "@broker_call alone, added to a call"
    orders = "@order_submission, side and outcome found at run time"
    by_sdk, by_labels = "by hand on the OpenTelemetry SDK", "by hand with prometheus_client, labels() each time"
    nothing = "the floor: two clock reads, nothing recorded"
    return [
        compared("both-sdk", one, by_sdk, both, sdk, goal=1 / 20),
        compared("both-labels", one, by_labels, both, less(taken["both, labels()"], taken["bare"]), goal=1 / 3),
        compared(
            "both-bound", one, "by hand with prometheus_client, children bound",
            both, less(taken["both, bound"], taken["bare"]), goal=0.75,
        ),
        compared("both-folded-sdk", one, f"the SDK, {folding}", folded["both"], sdk),
        compared("both-plain-sdk", one, "the SDK, ours recording on it (the plain way)",
                 less(taken["both, plain"], taken["bare"]), sdk),
        compared("call-floor", alone, nothing, call, at_floor, goal=1.8),
        compared("call-folded-floor", alone, f"the floor, {folding}", folded["call"], at_floor),
        compared("submit-floor", alone, 'the floor, the operation being "submit"', submit, at_floor, goal=1.8),
        compared("idle-floor", alone, "the floor, no Telemetry being there", idle, at_floor),
        compared("order-sdk", orders, by_sdk, order, order_sdk, goal=1 / 15),
        compared("order-labels", orders, by_labels, order, order_labels),
        compared(
            "raising-sdk", "@broker_call on a call that raises, its reason found", by_sdk,
            less(taken["raising"], taken["bare raising"]), less(taken["raising, sdk"], taken["bare raising"]),
        ),
        compared(
            "entered-labels", "with broker_call(...):", "with prometheus_client's labels().time():",
            less(taken["entered"], taken["bare entered"]), less(taken["entered, labels()"], taken["bare entered"]),
        ),
        compared(
            "exhausted-sdk", "@broker_call on a generator, exhausting its ten items", by_sdk,
            less(taken["exhausted"], taken["bare exhausted"]), less(taken["exhausted, sdk"], taken["bare exhausted"]),
        ),
    ]  # fmt: skip
