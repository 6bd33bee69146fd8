"""What a person and a program read: the report, its one word, the explanation, the history."""

import itertools
import json
import threading
from pathlib import Path

import pytest
from signal_model import call, order, trip

from gpt_trader_telemetry import UsageError
from gpt_trader_telemetry.catalog import (
    BROKER_CALL_LATENCY,
    GUARD_TRIPS,
    ORDER_MISSING_DECISION_ID,
    ORDER_RETRIES,
    ORDER_SUBMISSION,
)
from gpt_trader_telemetry.health.explain import RUNBOOKS
from gpt_trader_telemetry.health.measures import Measure
from gpt_trader_telemetry.health.signal_report import STATUS_NUMBERS, Signal, SignalsReport
from gpt_trader_telemetry.health.signals import HISTORY_POINTS, Signals
from gpt_trader_telemetry.thresholds import SIGNALS, Limits, Thresholds
from support.timing import Clock

RANKS = {"OK": 0.0, "WARN": 2.0, "CRIT": 4.0, "UNKNOWN": None}


def busy(clock: Clock, **sources) -> Signals:
    """Signals of a bot in some trouble."""
    signals = Signals(clock=clock, **sources)
    for metric, labels, values in (
        (ORDER_SUBMISSION, order(), [1.0] * 37),
        (ORDER_SUBMISSION, order("failed", "timeout"), [1.0] * 2),
        (ORDER_SUBMISSION, order("rejected", "insufficient_funds", "sell"), [1.0]),
        (ORDER_RETRIES, (), [1.0] * 12),
        (BROKER_CALL_LATENCY, call("cancel"), [0.01] * 500),
        (BROKER_CALL_LATENCY, call(), [0.5] * 30),
        (BROKER_CALL_LATENCY, call(outcome="failure", reason="timeout"), [8.0] * 4),
        (GUARD_TRIPS, trip(), [1.0] * 3),
        (GUARD_TRIPS, trip("leverage", "data"), [1.0]),
        (ORDER_MISSING_DECISION_ID, (), [1.0] * 2),
    ):
        signals.tap(metric, labels)(values)
    return signals


def one(status: str, *, name: str = "guard_trip_count", known_before: bool = False, required: bool = False) -> Signal:
    return Signal(
        name=name,
        limits=Limits(1.0, 3.0),
        measure=Measure(value=RANKS[status]),
        known_before=known_before,
        required=required,
    )


def test_the_json_is_exactly_the_contracts() -> None:
    """Status, message and signals; seven keys each; plain JSON without NaN."""
    shown = busy(Clock(), ws_staleness=lambda: 12.5).evaluate().as_json()
    assert json.loads(json.dumps(shown, allow_nan=False)) == shown
    assert list(shown) == ["status", "message", "signals"]
    assert [signal["name"] for signal in shown["signals"]] == list(SIGNALS)
    for signal in shown["signals"]:
        assert list(signal) == ["name", "status", "value", "threshold_warn", "threshold_crit", "unit", "details"]
    by_name = {signal["name"]: signal for signal in shown["signals"]}
    assert by_name["order_error_rate"] == {
        "name": "order_error_rate",
        "status": "WARN",
        "value": 0.075,
        "threshold_warn": 0.05,
        "threshold_crit": 0.15,
        "unit": "ratio",
        "details": {"orders": 40, "success": 37, "rejected": 1, "failed": 2},
    }
    assert by_name["ws_staleness_seconds"]["value"] == 12.5
    assert by_name["market_data_staleness_seconds"]["details"] == {"unknown": "no_source"}
    assert by_name["broker_latency_p95_ms"]["details"]["operations"]["cancel"] == {"p95_ms": 10.0, "samples": 500}
    assert shown["status"] == "CRIT"
    assert shown["message"] == (
        "order_retry_rate CRIT: 0.3 ratio; broker_latency_p95_ms CRIT: 8000 ms; order_error_rate WARN: 0.075 ratio; "
        "guard_trip_count WARN: 4 count; missing_decision_ids WARN: 2 count; "
        "not known: market_data_staleness_seconds"
    )


@pytest.mark.parametrize("statuses", list(itertools.product(RANKS, repeat=3)))
def test_the_summary_is_the_worst_and_never_ok_for_nothing(statuses) -> None:
    """CRIT before WARN before what is known; UNKNOWN only where nothing is known."""
    report = SignalsReport(tuple(one(status) for status in statuses))
    expected = next((status for status in ("CRIT", "WARN", "OK") if status in statuses), "UNKNOWN")
    assert report.status == report.health_status == expected


@pytest.mark.parametrize("statuses", list(itertools.product(RANKS, repeat=2)))
@pytest.mark.parametrize("how", ["known_before", "required"])
def test_a_missed_signal_degrades(statuses, how) -> None:
    """Unknown though known before, or required: shown as UNKNOWN over OK, and for /health as bad as a warning."""
    missed = one("UNKNOWN", **{how: True})
    report = SignalsReport((*map(one, statuses), missed))
    worst = next((status for status in ("CRIT", "WARN") if status in statuses), None)
    assert report.status == (worst or "UNKNOWN")
    assert report.health_status == (worst or "WARN")
    assert "missed: guard_trip_count" in report.message


def test_a_known_signal_that_is_required_is_judged_like_any_other() -> None:
    """Required says that it must be known, nothing more."""
    assert SignalsReport((one("OK", required=True),)).health_status == "OK"


def test_required_signals_come_from_the_thresholds() -> None:
    """Declared in code or environment; missing from the first evaluation on."""
    signals = Signals(Thresholds.from_mapping({"GPT_TRADER_SIGNALS_REQUIRED": "ws_staleness_seconds"}))
    report = signals.evaluate()
    assert (report.status, report.health_status) == ("UNKNOWN", "WARN")
    assert report.message == "no signal is known; missed: ws_staleness_seconds"


def test_statuses_as_numbers_are_the_catalogues() -> None:
    """0 OK, 1 WARN, 2 CRIT, -1 UNKNOWN."""
    assert {str(status): number for status, number in STATUS_NUMBERS.items()} == {
        "OK": 0, "WARN": 1, "CRIT": 2, "UNKNOWN": -1,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("source", "value", "details"),
    [
        (lambda: 31.0, 31.0, {}),
        (lambda: -0.5, 0.0, {}),
        (lambda: None, None, {"unknown": "no_value"}),
        (lambda: float("nan"), None, {"unknown": "no_value"}),
        (lambda: float("inf"), None, {"unknown": "no_value"}),
        (lambda: 1 / 0, None, {"unknown": "source_failed", "error": "ZeroDivisionError"}),
        (lambda: "api_key=abc", None, {"unknown": "source_failed", "error": "ValueError"}),
    ],
)
def test_a_source_of_any_kind_harms_nobody(source, value, details) -> None:
    """What raises or gives no number is unknown; the error is told to whoever asked, its text to nobody."""
    errors = []
    signals = Signals(market_data_staleness=source, on_error=errors.append)
    signal = signals.evaluate()["market_data_staleness_seconds"]
    assert (signal.value, signal.as_json()["details"]) == (value, details)
    assert len(errors) == ("error" in details)


@pytest.mark.parametrize(("age", "status"), [(30.0, "OK"), (30.1, "WARN"), (60.0, "WARN"), (60.1, "CRIT")])
def test_a_stale_feed_warns_and_is_critical(age, status) -> None:
    """The playbook's 30 and 60 s."""
    assert Signals(ws_staleness=lambda: age).evaluate()["ws_staleness_seconds"].status == status


def test_only_staleness_has_a_source() -> None:
    """A wrong name is said."""
    with pytest.raises(UsageError, match="ws_staleness_seconds and market_data_staleness_seconds do"):
        Signals().set_source("ws_staleness", lambda: 1.0)


def test_the_explanation_says_what_each_signal_was_computed_from() -> None:
    """Numerator, denominator, window, samples, thresholds, the worst series, the runbook."""
    explained = busy(Clock()).explain()
    assert json.loads(json.dumps(explained, allow_nan=False)) == explained
    by_name = {signal["name"]: signal for signal in explained["signals"]}
    assert list(by_name) == list(SIGNALS)
    assert by_name["order_error_rate"] == {
        "name": "order_error_rate",
        "status": "WARN",
        "value": 0.075,
        "unit": "ratio",
        "threshold_warn": 0.05,
        "threshold_crit": 0.15,
        "numerator": 3,
        "denominator": 40,
        "window_seconds": 300.0,
        "samples": 40,
        "minimum_samples": 10,
        "worst_series": {"labels": {"result": "failed", "reason": "timeout", "side": "buy"}, "value": 2},
        "unknown": None,
        "known_before": False,
        "required": False,
        "runbook": "docs/runbooks.md#order-error-rate-high",
        "explanation": (
            "3 of 40 orders in the last 300 s were rejected or failed (7.5 %), the largest part (2) with "
            "result=failed, reason=timeout, side=buy: above the warning threshold of 5 %, "
            "not above the critical one of 15 %."
        ),
    }
    latency = by_name["broker_latency_p95_ms"]
    assert (latency["numerator"], latency["denominator"], latency["samples"]) == (4, 34, 34)
    assert latency["worst_series"] == {
        "labels": {"operation": "submit", "outcome": "failure", "reason": "timeout"}, "value": 4,
    }  # fmt: skip
    assert by_name["guard_trip_count"]["worst_series"]["labels"]["guard"] == "daily_loss"
    assert by_name["ws_staleness_seconds"]["window_seconds"] is None


def test_the_sentences_are_ones_that_a_person_reads() -> None:
    """For a bot in trouble, for one that is well, and for one that has done nothing yet."""
    clock = Clock()
    said = {one["name"]: one["explanation"] for one in busy(clock, ws_staleness=lambda: 12.5).explain()["signals"]}
    assert said["order_retry_rate"] == (
        "40 orders in the last 300 s took 12 submit calls beyond their first (30 %): "
        "above the critical threshold of 25 %."
    )
    assert said["broker_latency_p95_ms"] == (
        "95 % of the 34 calls of 'submit', the slowest operation, ended within 8,000 ms in the last 300 s, the slowest "
        "mostly with operation=submit, outcome=failure, reason=timeout: above the critical threshold of 3,000 ms."
    )
    assert said["ws_staleness_seconds"] == (
        "The last WebSocket message is 12.5 s old: not above the warning threshold of 30 s."
    )
    assert said["guard_trip_count"] == (
        "Guards tripped 4 times in the last 300 s, most often 'daily_loss': above the warning threshold of 3, "
        "not above the critical one of 10."
    )
    assert said["missing_decision_ids"] == (
        "2 of 40 orders in the last 300 s had no decision id: above the warning threshold of 0, "
        "not above the critical one of 10."
    )
    assert said["market_data_staleness_seconds"] == "No source was given that could tell."
    said = {one["name"]: one["explanation"] for one in Signals().explain()["signals"]}
    assert said["order_error_rate"] == "Orders sent in the last 300 s: 0; it takes 10 to judge."
    assert said["broker_latency_p95_ms"] == (
        "Calls of one operation that ended in the last 300 s: 0; it takes 20 to judge."
    )
    assert said["guard_trip_count"] == "Nothing that could tell is decorated yet."


def test_what_is_missed_is_said() -> None:
    """Why an unknown signal degrades."""
    clock = Clock()
    signals = busy(clock)
    signals.evaluate()
    clock.sleep(600)
    said = {one["name"]: one["explanation"] for one in signals.explain()["signals"]}
    assert said["order_error_rate"].endswith("it takes 10 to judge. It was known before.")
    signals = Signals(Thresholds(required=("ws_staleness_seconds",)), ws_staleness=lambda: None)
    said = {one["name"]: one["explanation"] for one in signals.explain()["signals"]}
    assert said["ws_staleness_seconds"] == "The source has seen nothing yet. It is required."


def test_details_stay_short_however_many_series_there_are() -> None:
    """The ten worst operations and guards are named; all are judged."""
    signals = Signals(clock=Clock())
    for number in range(300):
        signals.tap(BROKER_CALL_LATENCY, call(f"operation {number:03}"))([0.001 * (number + 1)] * 20)
        signals.tap(GUARD_TRIPS, trip(f"guard {number:03}"))([1.0] * (number + 1))
    report = signals.evaluate()
    operations = report["broker_latency_p95_ms"].measure.details["operations"]
    guards = report["guard_trip_count"].measure.details["guards"]
    assert list(operations) == [f"operation {number:03}" for number in range(299, 289, -1)]
    assert list(guards) == [f"guard {number:03}" for number in range(299, 289, -1)]
    assert report["broker_latency_p95_ms"].value == pytest.approx(300)
    assert report["guard_trip_count"].value == 300 * 301 / 2


def test_an_operation_with_too_few_calls_does_not_stand_before_one_with_enough() -> None:
    """It is named with its samples, but what is judged is the slowest that can be."""
    signals = Signals(clock=Clock())
    signals.tap(BROKER_CALL_LATENCY, call("preview"))([9.0] * 19)
    signals.tap(BROKER_CALL_LATENCY, call("submit"))([0.5] * 20)
    latency = signals.evaluate()["broker_latency_p95_ms"]
    assert (latency.value, latency.measure.details["operation"]) == (500, "submit")
    assert latency.measure.details["operations"]["preview"]["samples"] == 19


def test_history_is_a_point_each_5_seconds_for_15_minutes() -> None:
    """Aligned for all signals, oldest first, holes where nothing was sampled, however often that was."""
    clock, age = Clock(), [0.0]
    signals = Signals(clock=clock, ws_staleness=lambda: age[0])
    for second in range(1200):
        age[0] = float(second)
        if not 1000 <= second < 1020:
            signals.sample()
        clock.sleep(1)
    clock.sleep(-1)
    history = signals.history()
    assert (history["step_seconds"], history["points"]) == (5.0, HISTORY_POINTS)
    line = history["signals"]["ws_staleness_seconds"]
    assert len(line["values"]) == len(line["statuses"]) == HISTORY_POINTS
    assert line["values"][-1] == 1199
    assert line["values"][0] == 304
    assert line["statuses"][0] == "CRIT"
    assert line["values"].count(None) == 4
    assert set(history["signals"]["guard_trip_count"]["statuses"]) == {"UNKNOWN", None}
    clock.sleep(86_400)
    assert set(signals.history()["signals"]["ws_staleness_seconds"]["values"]) == {None}
    json.dumps(history, allow_nan=False)


def test_who_asks_at_once_shares_one_evaluation() -> None:
    """For half a second; a younger one is made on demand."""
    clock, calls = Clock(), []
    signals = Signals(clock=clock, ws_staleness=lambda: calls.append(1) or 1.0)
    for _ in range(10):
        signals.current()
    assert len(calls) == 1
    clock.sleep(0.5)
    signals.current()
    assert len(calls) == 2
    signals.current(max_age=0.0)
    assert len(calls) == 3


def test_a_hung_source_holds_up_only_who_called_it() -> None:
    """All gauges of a collection together wait a tenth of a second, once."""
    hang, entered = threading.Event(), threading.Event()
    clock = Clock()

    def source() -> float:
        entered.set()
        hang.wait(10)
        return 1.0

    signals = Signals(clock=clock, ws_staleness=source)
    caller = threading.Thread(target=signals.sample)
    caller.start()
    assert entered.wait(5)
    finished = threading.Event()

    def collect() -> None:
        for _ in range(100):
            assert signals.current()["ws_staleness_seconds"].measure.unknown == "not_evaluated"
        assert "does not return" in signals.explain()["signals"][0]["explanation"]
        finished.set()

    threading.Thread(target=collect, daemon=True).start()
    assert finished.wait(3), "100 readings waited for the hung source one by one"
    hang.set()
    caller.join()


def test_every_signal_has_a_runbook() -> None:
    """A file and an anchor in words."""
    assert set(RUNBOOKS) == set(SIGNALS)
    assert all(link.startswith("docs/runbooks.md#") for link in RUNBOOKS.values())


def test_every_runbook_link_leads_to_a_heading() -> None:
    """Where the runbooks are part of the checkout."""
    runbooks = Path(__file__).parents[2] / "docs" / "runbooks.md"
    if not runbooks.exists():
        pytest.skip("there are no runbooks yet")
    headings = [line.lstrip("# ").strip() for line in runbooks.read_text().splitlines() if line.startswith("#")]
    anchors = {heading.casefold().replace(" ", "-") for heading in headings}
    assert {link.partition("#")[2] for link in RUNBOOKS.values()} <= anchors
