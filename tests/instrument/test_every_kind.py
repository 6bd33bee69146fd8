"""Whatever is decorated, with whatever: what comes out is what came out before, and it is counted once."""

import asyncio
import contextlib
import functools
import gc

import pytest
from hypothesis import given
from hypothesis import strategies as st
from instrumented import broker_calls, checks, counted, described, faults, orders, seconds, trips
from kinds import KINDS, bare

import gpt_trader_telemetry

DECORATORS = {
    "broker_call": lambda face: face.broker_call("cancel"),
    "broker_call with classify": lambda face: face.broker_call("cancel", classify=lambda value: None),
    "order_submission": lambda face: face.order_submission(side="buy"),
    "guard": lambda face: face.guard("daily_loss"),
    "guard with classify": lambda face: face.guard("daily_loss", classify=lambda value: None),
    "cycle": lambda face: face.cycle(),
    "phase": lambda face: face.phase("decision"),
    "all of them": lambda face: (
        lambda function: functools.reduce(
            lambda inner, outer: outer(inner),
            (
                face.guard("a"),
                face.broker_call("submit"),
                face.order_submission(side="buy"),
                face.phase("p"),
                face.cycle(),
            ),
            function,
        )
    ),
}


class BotError(Exception):
    """The bot's own."""


def _plain(error: BotError) -> None:
    raise error


def _from_cause(error: BotError) -> None:
    raise error from KeyError("cause")


def _from_none(error: BotError) -> None:
    try:
        raise KeyError("hidden")
    except KeyError:
        raise error from None


def _while_handling(error: BotError) -> None:
    try:
        raise KeyError("context")
    except KeyError:
        raise error  # noqa: B904 - the context is the point


def _with_notes(error: BotError) -> None:
    error.add_note("a note")
    raise error


RUNNING = [kind for kind in KINDS if "done" not in kind.__name__]
"""The kinds whose body runs while they do."""

WAYS = [_plain, _from_cause, _from_none, _while_handling, _with_notes]


def _raised_by(kind, decorate, way, error) -> BotError:
    """Return what comes out of a kind whose body raises, called while another exception is handled."""
    try:
        raise LookupError("the caller's")
    except LookupError:
        try:
            kind(decorate, lambda: way(error))
        except BotError as raised:
            return raised
    raise AssertionError("nothing was raised")


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_result_and_exception_are_the_bare_callables_own(telemetry, kind) -> None:
    """The same objects; cause, context, suppression and notes as they were; with a Telemetry and without one."""
    result = object()
    expected = {way: described(_raised_by(kind, bare, way, BotError("no", 1))) for way in WAYS}
    for name, decorator in DECORATORS.items():
        for face in (telemetry, gpt_trader_telemetry):
            assert kind(decorator(face), lambda: result) is result, name
            for way in WAYS:
                error = BotError("no", 1)
                raised = _raised_by(kind, decorator(face), way, error)
                assert raised is error, (name, way)
                assert described(raised) == expected[way], (name, way)
    assert faults(telemetry) == 0


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_run_is_counted_once_and_timed_to_its_end(telemetry, clock, kind) -> None:
    """Two seconds of work are two seconds, however the callable gives way or returns before it is done."""

    def works() -> str:
        clock.sleep(2)
        return "filled"

    def fails() -> None:
        clock.sleep(3)
        raise TimeoutError

    kind(telemetry.broker_call("a"), works)
    kind(telemetry.broker_call("b", classify=lambda value: "paused" if value == "filled" else None), works)
    for decorate in (telemetry.broker_call("c"), telemetry.broker_call("d", classify=lambda value: None)):
        with pytest.raises(TimeoutError):
            kind(decorate, fails)
    judged = "asynchronous" not in kind.__name__ or "gener" not in kind.__name__  # those return nothing to judge
    expected = {("success", "none"): 1, ("failure", "paused"): 1} if judged else {("success", "none"): 2}
    assert broker_calls(telemetry) == expected | {("failure", "timeout"): 2}
    done = "done" in kind.__name__  # the work was over before the call
    assert [seconds(telemetry, operation=each) for each in "abcd"] == ([0, 0, 0, 0] if done else [2, 2, 3, 3])


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_decorators_stack_on_every_kind(telemetry, kind) -> None:
    """An order, its broker call and a guard around one callable each count it once."""

    def stacked(function):
        return telemetry.order_submission(side="sell")(
            telemetry.broker_call("submit")(telemetry.guard("limit")(function))
        )

    kind(stacked, lambda: 1)
    with pytest.raises(BotError):
        kind(stacked, functools.partial(_plain, BotError("insufficient funds")))
    # The broker call began before the guard tripped: the order failed, by the guard.
    assert orders(telemetry) == {("success", "none", "sell"): 1, ("failed", "guard", "sell"): 1}
    assert broker_calls(telemetry) == {("success", "none"): 1, ("failure", "insufficient_funds"): 1}
    assert checks(telemetry) == {("success",): 1, ("failure",): 1}
    assert trips(telemetry) == {("generic", "false"): 1}


@pytest.mark.parametrize(
    "kind", [kind for kind in KINDS if "done" not in kind.__name__], ids=lambda kind: kind.__name__
)
def test_being_stopped_is_cancelled_and_no_trip(telemetry, kind) -> None:
    """Cancellation, interruption and exit are failures with a reason of their own."""
    follows_a_future = "future" in kind.__name__ or "task" in kind.__name__
    # What stops the program goes through the event loop, past any future.
    stops = [asyncio.CancelledError] if follows_a_future else [asyncio.CancelledError, KeyboardInterrupt, SystemExit]
    for stop in stops:

        def stopped(stop: type[BaseException] = stop) -> None:
            raise stop

        for decorate in (telemetry.broker_call("x"), telemetry.guard("y"), telemetry.order_submission(side="buy")):
            with pytest.raises(stop):
                kind(decorate, stopped)
    assert broker_calls(telemetry) == {("failure", "cancelled"): len(stops)}
    assert orders(telemetry) == {("failed", "cancelled", "buy"): len(stops)}
    assert checks(telemetry) == {("failure",): len(stops)}
    assert trips(telemetry) == {}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_an_exception_leaves_no_circle_of_references(telemetry, kind) -> None:
    """With the garbage collector off, an exception and its frames go when the bot lets go of them, as bare ones do."""

    class Witness:
        alive = 0

        def __init__(self) -> None:
            Witness.alive += 1

        def __del__(self) -> None:
            Witness.alive -= 1

    def fails() -> None:
        witness = Witness()  # in a frame that the exception's traceback holds
        raise BotError(witness)

    def alive_after(decorate) -> int:
        Witness.alive = 0
        with pytest.raises(BotError):
            kind(decorate, fails)
        return Witness.alive

    gc.collect()
    gc.disable()
    try:
        bare_alive = alive_after(bare)
        for decorator in (DECORATORS["broker_call"], DECORATORS["order_submission"]):
            assert alive_after(decorator(telemetry)) <= bare_alive
    finally:
        gc.enable()
        gc.collect()


@given(st.lists(st.sampled_from(["return", "raise"]), min_size=1, max_size=30), st.sampled_from(KINDS[:3]))
def test_counts_follow_any_sequence_of_runs(telemetry, script, kind) -> None:
    """As many successes and failures as there were."""
    before = counted(telemetry, "gpt_trader_cycle_duration_seconds_count", "result")

    def act(step: str) -> None:
        if step == "raise":
            raise BotError

    for step in script:
        with contextlib.suppress(BotError):
            kind(telemetry.cycle(), functools.partial(act, step))
    after = counted(telemetry, "gpt_trader_cycle_duration_seconds_count", "result")
    assert after.get(("ok",), 0) - before.get(("ok",), 0) == script.count("return")
    assert after.get(("error",), 0) - before.get(("error",), 0) == script.count("raise")
