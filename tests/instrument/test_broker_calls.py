"""Broker calls: outcome and reason, from exceptions, classifiers and the caller's word."""

import asyncio
import enum
import logging
from decimal import Decimal

import pytest
from instrumented import LATENCY, Clock, Hostile, broker_calls, checks, counted, faults, orders, seconds, trips

from gpt_trader_telemetry import Failed, Rejected, Tripped
from gpt_trader_telemetry.catalog import REASONS
from support.scraping import scrape


class Reason(enum.Enum):
    """A bot's own reasons."""

    FUNDS = "insufficient_funds"


class Words(enum.StrEnum):
    """The same as text."""

    PRICE = "invalid_price"


@pytest.mark.parametrize(
    ("verdict", "reason"),
    [
        (None, None),
        ("timeout", "timeout"),
        ("Insufficient-Funds", "insufficient_funds"),
        (Reason.FUNDS, "insufficient_funds"),
        (Words.PRICE, "invalid_price"),
        (Rejected(), "broker_rejected"),
        (Rejected("post_only"), "post_only"),
        (Failed(), "error"),
        (Failed("rate_limit"), "rate_limit"),
        (Failed(None), "error"),
        (Rejected("none"), "error"),
        ("none", "error"),
        ("no such reason", "error"),
        ("x" * 10_000, "error"),
        (Tripped("limit"), "error"),
        (True, "error"),
        (False, "error"),
        (0, "error"),
        (Decimal(1), "error"),
        ([], "error"),
        (Hostile(), "error"),
        (Rejected(Hostile()), "error"),
    ],
)
def test_a_classifiers_answer_is_a_reason_of_the_closed_set_or_error(telemetry, verdict, reason) -> None:
    """None is success; everything else is a failure, and nonsense is ``error``; nothing reaches the bot."""
    submit = telemetry.broker_call("x", classify=lambda value: value)(lambda: verdict)
    assert submit() is verdict
    expected = ("success", "none") if reason is None else ("failure", reason)
    assert broker_calls(telemetry) == {expected: 1}
    assert faults(telemetry) == 0


def test_a_classifier_sees_the_value_that_the_bot_gets(telemetry) -> None:
    """The object itself, also None, awaited where there is something to await, and not where it raised."""
    seen = []

    async def fetch() -> list:
        return answer

    async def stream():
        yield 1

    def generate():
        yield 1
        return answer

    def fail() -> None:
        raise KeyError

    answer: list = []
    decorate = telemetry.broker_call("x", classify=seen.append)
    decorate(lambda: None)()
    asyncio.run(decorate(fetch)())
    asyncio.run(_await(decorate(lambda: fetch())))  # noqa: PLW0108 - no coroutine function
    list(decorate(generate)())
    with pytest.raises(KeyError):
        decorate(fail)()
    assert seen == [None, answer, answer, answer]
    assert all(each is answer for each in seen[1:])
    asyncio.run(_drain(decorate(stream)()))
    assert len(seen) == 4


async def _await(function) -> object:
    return await function()


async def _drain(items) -> None:
    async for _ in items:
        pass


def test_a_classifier_that_raises_is_counted_logged_once_and_overheard(telemetry, caplog) -> None:
    """The call counts as what it was without it."""

    def classify(value: object) -> None:
        raise ZeroDivisionError

    submit = telemetry.broker_call("x", classify=classify)(lambda: 5)
    assert [submit() for _ in range(100)] == [5] * 100
    assert broker_calls(telemetry) == {("success", "none"): 100}
    assert faults(telemetry, "instrument") == 100
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert "a classifier raised" in caplog.text
    assert "ZeroDivisionError" in caplog.text


class Stop(BaseException):
    """What a bot may stop its work with."""


CLASSIFIED = {
    "broker_call": lambda telemetry, classify: telemetry.broker_call("x", classify=classify),
    "guard": lambda telemetry, classify: telemetry.guard("limit", classify=classify),
    "order_submission": lambda telemetry, classify: telemetry.order_submission("buy", classify=classify),
}


@pytest.mark.parametrize("instrument", CLASSIFIED)
@pytest.mark.parametrize("stop", [asyncio.CancelledError, GeneratorExit, Stop])
def test_nothing_that_a_classifier_raises_reaches_the_bot(telemetry, instrument, stop) -> None:
    """Also what is no Exception; the run went well as far as is known."""

    def classify(_value: object) -> str:
        raise stop

    async def answer() -> int:
        return 7

    decorate = CLASSIFIED[instrument](telemetry, classify)
    assert decorate(lambda: 7)() == 7
    assert asyncio.run(decorate(answer)()) == 7
    assert broker_calls(telemetry) == ({("success", "none"): 2} if instrument == "broker_call" else {})
    assert checks(telemetry) == ({("success",): 2} if instrument == "guard" else {})
    assert orders(telemetry) == ({("success", "none", "buy"): 2} if instrument == "order_submission" else {})
    assert faults(telemetry, "instrument") == 2


@pytest.mark.parametrize("instrument", CLASSIFIED)
@pytest.mark.parametrize("interrupt", [KeyboardInterrupt, SystemExit])
def test_a_signal_while_a_classifier_runs_stops_the_bot(telemetry, instrument, interrupt) -> None:
    """The handler's exception comes instead of the value, and the run is counted once, as cancelled."""

    def classify(_value: object) -> str:
        raise interrupt

    with pytest.raises(interrupt):
        CLASSIFIED[instrument](telemetry, classify)(lambda: 7)()
    assert broker_calls(telemetry) == ({("failure", "cancelled"): 1} if instrument == "broker_call" else {})
    assert checks(telemetry) == ({("failure",): 1} if instrument == "guard" else {})
    assert trips(telemetry) == {}
    assert orders(telemetry) == ({("failed", "cancelled", "buy"): 1} if instrument == "order_submission" else {})
    assert faults(telemetry) == 0


@pytest.mark.parametrize("reason", [*REASONS, "Rate-Limit", None, 5, Hostile(), "x" * 9_999])
def test_the_callers_word_is_the_reason(telemetry, reason) -> None:
    """``call.fail`` takes what is of the closed set; anything else, and ``none``, is ``error``."""
    with telemetry.broker_call("x") as call:
        call.fail(reason)
    expected = {"none": "error", "Rate-Limit": "rate_limit"}.get(str(reason) if isinstance(reason, str) else "", reason)
    assert broker_calls(telemetry) == {("failure", expected if expected in REASONS else "error"): 1}
    assert faults(telemetry) == 0


def test_the_callers_word_comes_before_an_exception(telemetry) -> None:
    """And the exception comes out as it was."""
    error = TimeoutError()
    with pytest.raises(TimeoutError) as raised, telemetry.broker_call("x") as call:
        call.fail("auth")
        raise error
    assert raised.value is error
    assert broker_calls(telemetry) == {("failure", "auth"): 1}


def test_any_operation_a_user_names_is_a_series_of_its_own(telemetry) -> None:
    """Exactly as it is spelled."""
    for operation in ("submit", "Cancel", 'with "quotes"', "naïve\n\\", " padded "):
        with telemetry.broker_call(operation):
            pass
    assert {labels["operation"] for labels in scrape(telemetry).label_sets(LATENCY + "_count")} == {
        "submit", "Cancel", 'with "quotes"', "naïve\n\\", " padded ",
    }  # fmt: skip


def test_latency_lands_in_the_bucket_of_its_seconds(telemetry, clock: Clock) -> None:
    """A value on a bound belongs to it; sum and count agree."""
    send = telemetry.broker_call("submit")(clock.sleep)
    for duration in (0.0, 0.25, 0.26, 10, 11):
        send(duration)
    scraped = scrape(telemetry)
    labels = {"operation": "submit", "outcome": "success", "reason": "none"}
    assert [scraped.value(LATENCY + "_bucket", le=le, **labels) for le in ("0.1", "0.25", "0.5", "10.0", "+Inf")] == [
        1, 2, 3, 4, 5,
    ]  # fmt: skip
    assert scraped.value(LATENCY + "_count", **labels) == 5
    assert seconds(telemetry) == pytest.approx(21.51)


def test_a_histogram_does_not_appear_before_its_first_value(telemetry) -> None:
    """Decorating alone shows nothing of a latency, and a bare type line neither."""
    telemetry.broker_call("submit")(print)
    assert LATENCY not in telemetry.metrics_text()
    with telemetry.broker_call("submit"):
        assert LATENCY not in telemetry.metrics_text()
    assert broker_calls(telemetry) == {("success", "none"): 1}
    assert counted(telemetry, LATENCY + "_count", "operation") == {("submit",): 1}
