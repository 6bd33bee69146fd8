"""Order submissions: what became of an order, which side it was on, and what was never sent."""

import asyncio
import contextlib
import enum
import functools
import gc
import weakref
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from instrumented import BLOCKED, ORDERS, Hostile, broker_calls, counted, faults, named, orders, trips

from gpt_trader_telemetry import Failed, Rejected, UsageError, order_submission
from gpt_trader_telemetry.instrument.innermost import open_scope
from gpt_trader_telemetry.reasons import BLOCKED_REASONS, FAILED_REASONS, REJECTED_REASONS
from support.scraping import scrape

MISSING = "gpt_trader_order_missing_decision_id_total"


class Side(enum.Enum):
    """As many bots spell it."""

    BUY = "BUY"
    SELL = "SELL"


class WordSide(enum.StrEnum):
    """As others do."""

    BUY = "buy"
    SELL = "sell"


class Named:
    """A side of somebody's own."""

    __hash__ = None

    def __str__(self) -> str:
        return " Buy "


class Stop(BaseException):
    """What a bot may stop its work with."""


class BotError(Exception):
    """With a reason of its own, as the reasons' room documents."""

    def __init__(self, reason: str) -> None:
        super().__init__("no")
        self.reason = reason


def sides(telemetry) -> dict[tuple[str, ...], float]:
    """Return the orders submitted, by side."""
    return counted(telemetry, ORDERS, "side")


def blocked(telemetry) -> float:
    """Return the trades blocked."""
    return scrape(telemetry).value(BLOCKED)


SPELLED = [
    ("buy", "buy"),
    ("SELL", "sell"),
    (" Buy\n", "buy"),
    (Side.BUY, "buy"),
    (WordSide.SELL, "sell"),
    (Named(), "buy"),
    (None, "unknown"),
    ("", "unknown"),
    ("long", "unknown"),
    (1, "unknown"),
    (Decimal(-1), "unknown"),
    (["buy"], "unknown"),
    ({}, "unknown"),
    (b"buy", "unknown"),
    (float("nan"), "unknown"),
    ("b" * 100_000, "unknown"),
]


@pytest.mark.parametrize(("side", "label"), SPELLED, ids=lambda value: f"{value!s:.20}")
def test_any_side_is_buy_sell_or_unknown(telemetry, side, label) -> None:
    """Case-folded, enums by value; from an argument, from a callable, in a ``with`` statement."""
    submit = telemetry.order_submission(side="side")(lambda side: side)
    assert submit(side) is side
    telemetry.order_submission(side_of=lambda order: order)(lambda order: None)(side)
    with telemetry.order_submission(side=side):
        pass
    assert sides(telemetry) == {(label,): 3}
    assert faults(telemetry) == 0


def test_a_side_whose_text_cannot_be_had_is_unknown(telemetry, caplog) -> None:
    """The order counts; the fault is counted and logged once."""
    submit = telemetry.order_submission(side="side")(lambda side: "ok")
    assert [submit(Hostile()) for _ in range(3)] == ["ok"] * 3
    with telemetry.order_submission(side=Hostile()):
        pass
    assert sides(telemetry) == {("unknown",): 4}
    assert faults(telemetry, "instrument") == 4
    assert len(caplog.records) == 1


def test_a_side_callable_that_raises_leaves_the_side_unknown(telemetry, caplog) -> None:
    """Also one that does not take the arguments."""

    def side_of(order: dict) -> str:
        return order["side"]

    submit = telemetry.order_submission(side_of=side_of)(lambda *args, **kwargs: "ok")
    assert [submit({"side": "sell"}), submit({}), submit(), submit(1, 2, a=3)] == ["ok"] * 4
    assert sides(telemetry) == {("sell",): 1, ("unknown",): 3}
    assert faults(telemetry, "instrument") == 3
    assert 1 <= len(caplog.records) <= 2


@pytest.mark.parametrize("stop", [asyncio.CancelledError, GeneratorExit, Stop])
def test_nothing_that_a_side_or_id_raises_reaches_the_bot(telemetry, stop) -> None:
    """Also what is no Exception; the order goes its way."""

    class Wild:
        def __str__(self) -> str:
            raise stop

    def side_of(side, decision_id) -> str:
        raise stop

    class Given(dict):
        def get(self, *_: object) -> str:
            raise stop

    submit = telemetry.order_submission(side_of=side_of, decision_id="decision_id")(lambda side, decision_id: 7)
    assert submit("buy", "d") == 7
    assert telemetry.order_submission()(lambda side: 7)(Wild()) == 7
    with telemetry.order_submission(side=Wild()):
        pass
    assert sides(telemetry) == {("unknown",): 3}
    assert faults(telemetry, "instrument") == 3


@pytest.mark.parametrize("interrupt", [KeyboardInterrupt, SystemExit])
def test_a_signal_while_a_side_is_read_stops_the_bot_before_it_orders(telemetry, interrupt) -> None:
    """The handler's exception comes through, as it would in any code; nothing was submitted."""
    called = []

    def side_of(symbol) -> str:
        raise interrupt

    submit = telemetry.order_submission(side_of=side_of)(called.append)
    with pytest.raises(interrupt):
        submit("BTC")
    assert called == []
    assert orders(telemetry) == {}
    assert faults(telemetry) == 0


def positional(symbol, side, quantity=1): ...
def defaulted(symbol, side="sell", quantity=1): ...
def keyword_only(symbol, *, side="sell"): ...
def positional_only(symbol, side="sell", /, **others): ...
def any_keywords(symbol, **order): ...
def after_any(symbol, *symbols, side): ...


@pytest.mark.parametrize(
    ("function", "call", "label"),
    [
        (positional, lambda submit: submit("BTC", "buy"), "buy"),
        (positional, lambda submit: submit("BTC", side="buy"), "buy"),
        (positional, lambda submit: submit(side="buy", symbol="BTC"), "buy"),
        (defaulted, lambda submit: submit("BTC"), "sell"),
        (defaulted, lambda submit: submit("BTC", "buy", 2), "buy"),
        (keyword_only, lambda submit: submit("BTC", side="buy"), "buy"),
        (keyword_only, lambda submit: submit("BTC"), "sell"),
        (positional_only, lambda submit: submit("BTC", "buy"), "buy"),
        (positional_only, lambda submit: submit("BTC", side="buy"), "sell"),
        (any_keywords, lambda submit: submit("BTC", side="buy"), "buy"),
        (any_keywords, lambda submit: submit("BTC"), "unknown"),
        (after_any, lambda submit: submit("BTC", "ETH", "SOL", side="buy"), "buy"),
        (functools.partial(positional, "BTC"), lambda submit: submit("buy"), "buy"),
        (functools.partial(positional, "BTC", "buy"), lambda submit: submit(), "buy"),
        (functools.partial(positional, side="sell"), lambda submit: submit("BTC"), "sell"),
        (functools.partial(positional, side="sell"), lambda submit: submit("BTC", side="buy"), "buy"),
        (functools.partial(any_keywords, side="sell"), lambda submit: submit("BTC"), "sell"),
        (functools.partial(any_keywords, side="sell"), lambda submit: submit("BTC", side="buy"), "buy"),
    ],
)
def test_the_side_is_found_however_it_is_passed(telemetry, function, call, label) -> None:
    """By position, by keyword, by default, bound by a partial, or among ``**kwargs``."""
    call(telemetry.order_submission(side="side")(function))
    call(telemetry.order_submission()(function))
    assert sides(telemetry) == {(label,): 2}
    assert faults(telemetry) == 0


def test_the_side_of_a_method_is_found_past_self(telemetry) -> None:
    """Methods, class methods, static methods, bound ones and partial ones."""

    class Bot:
        @telemetry.order_submission()
        def method(self, symbol, side): ...

        @telemetry.order_submission()
        @classmethod
        def of_class(cls, symbol, side): ...

        @telemetry.order_submission()
        @staticmethod
        def static(symbol, side): ...

        def bare(self, symbol, side): ...

        partly = telemetry.order_submission()(functools.partialmethod(bare, "BTC"))

    Bot().method("BTC", "buy")
    Bot.of_class("BTC", "buy")
    Bot.static("BTC", "buy")
    telemetry.order_submission()(Bot().bare)("BTC", "buy")
    Bot().partly("buy")
    assert sides(telemetry) == {("buy",): 5}


def test_side_of_gets_the_arguments_of_the_call(telemetry) -> None:
    """With ``self`` for a method in its class, without for one that is bound."""
    seen = []

    class Bot:
        @telemetry.order_submission(side_of=lambda self, order, **how: seen.append((self, order, how)))
        def submit(self, order, **how): ...

        def send(self, order): ...

    bot = Bot()
    bot.submit(1, fast=True)
    telemetry.order_submission(side_of=lambda *args: seen.append(args))(bot.send)(2)
    assert seen == [(bot, 1, {"fast": True}), (2,)]


def test_a_fixed_side_is_taken_as_it_stands(telemetry) -> None:
    """Where no parameter has that name; a parameter of that name wins."""
    telemetry.order_submission("buy")(lambda: None)()
    telemetry.order_submission(Side.SELL)(lambda: None)()
    telemetry.order_submission("SELL")(lambda: None)()
    telemetry.order_submission("buy")(lambda buy: None)("sell")
    assert sides(telemetry) == {("buy",): 1, ("sell",): 3}


def test_the_side_is_read_before_the_call_changes_it(telemetry) -> None:
    """An order object that the bot mutates while it submits."""

    @telemetry.order_submission(side_of=lambda order: order["side"])
    def submit(order: dict) -> None:
        order["side"] = None

    submit({"side": "buy"})
    assert sides(telemetry) == {("buy",): 1}


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"side": "sdie"}, "'sdie'"),
        ({"side": ""}, "''"),
        ({"side": "*"}, "'*'"),
        ({"side": 5}, "5"),
        ({}, "'side'"),
        ({"side": "symbol", "decision_id": "id"}, "'id'"),
        ({"side": "symbol", "decision_id": 7}, "7"),
        ({"side": "symbols"}, "'symbols'"),
        ({"side_of": "side"}, "'side'"),
        ({"side": "symbol", "side_of": str}, "side_of"),
    ],
)
def test_wrong_use_raises_at_decoration_and_names_the_value(telemetry, arguments, named) -> None:
    """Not when an order is submitted."""
    for face in (order_submission, telemetry.order_submission):
        with pytest.raises(UsageError) as raised:
            face(**arguments)(lambda symbol, *symbols: None)
        assert named in str(raised.value)


def test_forgotten_parentheses_raise_at_decoration() -> None:
    """Else the order would be taken for what is to be decorated, when it is submitted."""
    with pytest.raises(UsageError, match="submit"):

        @order_submission
        def submit(symbol, side): ...


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        *[(BotError(reason), ("rejected", reason, "buy")) for reason in REJECTED_REASONS],
        *[(BotError(reason), ("failed", reason, "buy")) for reason in FAILED_REASONS],
        (TimeoutError(), ("failed", "timeout", "buy")),
        (ConnectionResetError(), ("failed", "network", "buy")),
        (ValueError("insufficient funds"), ("rejected", "insufficient_funds", "buy")),
        (ZeroDivisionError(), ("failed", "error", "buy")),
        (asyncio.CancelledError(), ("failed", "cancelled", "buy")),
        (KeyboardInterrupt(), ("failed", "cancelled", "buy")),
    ],
    ids=lambda value: str(getattr(value, "reason", value)),
)
def test_an_exception_tells_a_refusal_from_a_failure(telemetry, error, expected) -> None:
    """``rejected`` is the broker's no to this order; anything else that comes out of it ``failed``."""

    @telemetry.order_submission("buy")
    def submit() -> None:
        raise error

    with pytest.raises(type(error)):
        submit()
    assert orders(telemetry) == {expected: 1}
    assert counted(telemetry, "gpt_trader_order_submission_latency_seconds_count", "result", "side") == {
        (expected[0], "buy"): 1
    }
    assert blocked(telemetry) == 0


@pytest.mark.parametrize("reason", BLOCKED_REASONS)
def test_a_refusal_of_ours_before_the_broker_was_asked_is_a_blocked_trade(telemetry, reason) -> None:
    """By exception or by value: no submission; once the broker was asked, a submission that failed."""
    judge = telemetry.order_submission("buy", classify=lambda value: reason)

    def refuse() -> None:
        raise BotError(reason)

    def ask(then) -> None:
        with telemetry.broker_call("submit"):
            pass
        then()

    with pytest.raises(BotError):
        telemetry.order_submission("buy")(refuse)()
    judge(lambda: None)()
    assert blocked(telemetry) == 2
    assert orders(telemetry) == {}
    with pytest.raises(BotError):
        telemetry.order_submission("buy")(lambda: ask(refuse))()
    judge(lambda: ask(lambda: None))()
    assert blocked(telemetry) == 2
    assert orders(telemetry) == {("failed", reason, "buy"): 2}


@pytest.mark.parametrize(
    ("verdict", "expected"),
    [
        (None, ("success", "none", "buy")),
        ("post_only", ("rejected", "post_only", "buy")),
        ("timeout", ("failed", "timeout", "buy")),
        (Rejected("timeout"), ("rejected", "timeout", "buy")),
        (Failed("post_only"), ("failed", "post_only", "buy")),
        (Rejected(), ("rejected", "broker_rejected", "buy")),
        (Rejected("nonsense"), ("rejected", "error", "buy")),
        (Rejected("paused"), ("rejected", "paused", "buy")),
        (Failed(), ("failed", "error", "buy")),
        ("nonsense", ("failed", "error", "buy")),
        ("none", ("failed", "error", "buy")),
        (object(), ("failed", "error", "buy")),
        (False, ("failed", "error", "buy")),
    ],
    ids=named,
)
def test_a_classifier_says_what_became_of_the_order(telemetry, verdict, expected) -> None:
    """A reason decides by its kind; ``Rejected`` and ``Failed`` decide by themselves."""
    assert telemetry.order_submission("buy", classify=lambda value: verdict)(lambda: 7)() == 7
    assert orders(telemetry) == {expected: 1}
    assert faults(telemetry) == 0


@pytest.mark.parametrize(
    ("code", "result", "reason"),
    [
        ("INSUFFICIENT_FUND", "rejected", "insufficient_funds"),
        ("PREVIEW_INVALID_LIMIT_PRICE_POST_ONLY", "rejected", "post_only"),
        ("OrderNotFound", "rejected", "not_found"),
        ("rate limit exceeded", "failed", "rate_limit"),
        (enum.Enum("Code", {"SHORT": "INSUFFICIENT_FUND"}).SHORT, "rejected", "insufficient_funds"),
        ("UNKNOWN_FAILURE_REASON", "failed", "error"),
        (17, "failed", "error"),
    ],
)
def test_a_brokers_own_code_is_understood(telemetry, code, result, reason) -> None:
    """As a classifier's verdict, bare or within ``Rejected`` and ``Failed``, and as the caller's word."""
    telemetry.order_submission("buy", classify=lambda value: code)(lambda: 7)()
    telemetry.order_submission("buy", classify=lambda value: Rejected(code))(lambda: 7)()
    telemetry.order_submission("buy", classify=lambda value: Failed(code))(lambda: 7)()
    with telemetry.order_submission(side="buy") as order:
        order.reject(code)
    with telemetry.order_submission(side="buy") as order:
        order.fail(code)
    telemetry.broker_call("submit", classify=lambda value: code)(lambda: 7)()
    with telemetry.broker_call("submit") as call:
        call.fail(code)
    counts = {("rejected", reason, "buy"): 2, ("failed", reason, "buy"): 2}
    counts[result, reason, "buy"] += 1
    assert orders(telemetry) == counts
    assert broker_calls(telemetry) == {("failure", reason): 2}


def test_the_callers_word_wins_over_everything(telemetry) -> None:
    """Over an exception and a tripped guard; the last word counts."""
    for act in ("reject", "fail", "block"):
        with pytest.raises(ValueError, match="no"), telemetry.order_submission(side="sell") as order:
            getattr(order, act)()
            with telemetry.guard("limit"):
                raise ValueError("no")
    assert orders(telemetry) == {("rejected", "broker_rejected", "sell"): 1, ("failed", "error", "sell"): 1}
    assert blocked(telemetry) == 1
    with telemetry.order_submission(side="sell") as order:
        order.block()
        order.fail("timeout")
        order.reject("Post-Only")
    assert orders(telemetry)["rejected", "post_only", "sell"] == 1
    assert blocked(telemetry) == 1


def test_an_order_of_which_nothing_is_said_went_well(telemetry) -> None:
    """With a broker call or without."""
    with telemetry.order_submission(side="buy"):
        pass
    with telemetry.order_submission() as order, telemetry.broker_call("submit"):
        assert order.side == "unknown"
    assert orders(telemetry) == {("success", "none", "buy"): 1, ("success", "none", "unknown"): 1}


def trip() -> None:
    """Do what a guard does."""
    raise ValueError("daily loss")


GUARDED = {
    "a guard before": lambda telemetry, check, send: (check(), send()),
    "a guard after": lambda telemetry, check, send: (send(), check()),
    "a guard after another call": lambda telemetry, check, send: (telemetry.broker_call("preview")(send)(), check()),
}


@pytest.mark.parametrize("sequence", GUARDED.values(), ids=GUARDED.keys())
def test_a_tripped_guard_blocks_an_order_that_was_not_sent_yet(telemetry, sequence) -> None:
    """Once a submit call was made, the order failed, by the guard."""
    send = telemetry.broker_call("submit")(lambda: None)
    quiet = telemetry.broker_call("preview")(lambda: None)
    check = telemetry.guard("limit")(trip)
    sent = sequence is GUARDED["a guard after"]
    submit = telemetry.order_submission("buy")(lambda: sequence(telemetry, check, send if sent else quiet))
    with pytest.raises(ValueError, match="daily loss"):
        submit()
    assert blocked(telemetry) == (not sent)
    assert orders(telemetry) == ({("failed", "guard", "buy"): 1} if sent else {})
    assert trips(telemetry) == {("generic", "false"): 1}


def test_a_submit_call_that_failed_was_sent_all_the_same(telemetry) -> None:
    """The broker may have it: what a guard says then is no block."""

    def submit() -> None:
        with pytest.raises(TimeoutError), telemetry.broker_call("submit"):
            raise TimeoutError
        telemetry.guard("limit")(trip)()

    with pytest.raises(ValueError, match="daily loss"):
        telemetry.order_submission("sell")(submit)()
    assert orders(telemetry) == {("failed", "guard", "sell"): 1}
    assert blocked(telemetry) == 0


@pytest.mark.parametrize("overheard", [False, True])
@pytest.mark.parametrize("shape", ["decorated", "asynchronous", "entered"])
def test_a_trip_within_an_order_leaves_no_circle_of_references(telemetry, shape, overheard) -> None:
    """With the garbage collector off, the exception and its frames go when the bot lets go of them."""

    class Witness:
        """In a frame that the exception's traceback holds."""

    seen = []

    @telemetry.guard("limit")
    def check() -> None:
        witness = Witness()
        seen.append(weakref.ref(witness))
        trip()

    def submit() -> None:
        try:
            check()
        except ValueError:
            if not overheard:
                raise

    async def async_submit() -> None:
        submit()

    def entered() -> None:
        with telemetry.order_submission("buy"):
            submit()

    decorate = telemetry.order_submission("buy")
    run = {
        "decorated": decorate(submit),
        "asynchronous": lambda: decorate(async_submit)().send(None),
        "entered": entered,
    }[shape]
    gc.collect()
    gc.disable()
    try:
        with contextlib.suppress(ValueError, StopIteration):
            run()
        assert [witness() for witness in seen] == [None]
    finally:
        gc.enable()
    assert blocked(telemetry) == (not overheard)


def test_a_guard_that_was_overheard_blocks_nothing(telemetry) -> None:
    """The order went on, and another exception is that exception."""

    def submit(then=None) -> None:
        with pytest.raises(ValueError, match="daily loss"):
            telemetry.guard("limit")(trip)()
        if then is not None:
            raise then

    telemetry.order_submission("buy")(submit)()
    with pytest.raises(TimeoutError):
        telemetry.order_submission("buy")(submit)(TimeoutError())
    assert orders(telemetry) == {("success", "none", "buy"): 1, ("failed", "timeout", "buy"): 1}
    assert blocked(telemetry) == 0


def test_a_guards_exception_that_is_translated_blocks_too(telemetry) -> None:
    """``raise OrderRefused from error`` says so; it is the guard that kept the order back."""

    def submit() -> None:
        try:
            telemetry.guard("limit")(trip)()
        except ValueError as error:
            raise RuntimeError("refused") from error

    with pytest.raises(RuntimeError, match="refused"):
        telemetry.order_submission("buy")(submit)()
    assert blocked(telemetry) == 1
    assert orders(telemetry) == {}


def test_a_guard_elsewhere_is_none_of_the_orders_business(telemetry) -> None:
    """One that tripped before the order began, or in another thread's order."""
    error = ValueError("daily loss")
    with pytest.raises(ValueError, match="daily"), telemetry.guard("limit"):
        raise error
    with pytest.raises(ValueError, match="daily"), telemetry.order_submission(side="buy"):
        raise error
    assert orders(telemetry) == {("failed", "error", "buy"): 1}
    assert blocked(telemetry) == 0


def test_guards_find_their_order_in_tasks_and_threads_that_carry_its_context(telemetry) -> None:
    """``gather``, ``TaskGroup`` and ``to_thread`` copy the context; each order finds its own trip."""
    check = telemetry.guard("limit")(trip)

    async def async_check() -> None:
        await asyncio.sleep(0)
        check()

    @telemetry.order_submission()
    async def submit(side: str, how: str) -> None:
        await asyncio.sleep(0)
        if how == "thread":
            await asyncio.to_thread(check)
        elif how == "task":
            await asyncio.create_task(async_check())
        elif how == "gather":
            await asyncio.gather(async_check())

    async def main() -> None:
        hows = ["thread", "task", "gather", "none"] * 10
        await asyncio.gather(*(submit("buy", how) for how in hows), return_exceptions=True)

    asyncio.run(main())
    assert blocked(telemetry) == 30
    assert orders(telemetry) == {("success", "none", "buy"): 10}


def test_an_order_within_an_order_is_kept_back_with_it(telemetry) -> None:
    """A guard that trips in a leg keeps back the leg and the bracket around it, unless a leg was sent before."""
    check = telemetry.guard("limit")(trip)

    @telemetry.order_submission()
    def leg(side: str, *, fails: bool) -> None:
        if fails:
            check()
        with telemetry.broker_call("submit"):
            pass

    @telemetry.order_submission("buy")
    def bracket(*legs: bool) -> None:
        for fails in legs:
            leg("sell", fails=fails)

    with pytest.raises(ValueError, match="daily loss"):
        bracket(True)
    assert blocked(telemetry) == 2
    assert orders(telemetry) == {}
    with pytest.raises(ValueError, match="daily loss"):
        bracket(False, True)
    assert blocked(telemetry) == 3
    assert orders(telemetry) == {("success", "none", "sell"): 1, ("failed", "guard", "buy"): 1}


def test_an_order_gives_its_place_back_to_what_is_around_it(telemetry) -> None:
    """Decorated, within a cycle and another order: what comes after belongs to these again, how often it may run."""
    send = telemetry.broker_call("submit")(lambda: None)
    leg = telemetry.order_submission("sell")(send)
    with telemetry.order_submission("buy") as bracket, telemetry.cycle() as cycle:
        for _ in range(3):
            leg()
            assert open_scope() is cycle
        assert bracket.submits == 0
        assert bracket.asked_within
        send()
        assert bracket.submits == 1
    assert open_scope() is None
    assert orders(telemetry) == {("success", "none", "sell"): 3, ("success", "none", "buy"): 1}


class Id:
    """An id that is no text."""

    def __bool__(self) -> bool:
        raise OSError


@pytest.mark.parametrize(
    ("decision_id", "missing"),
    [("d-1", 0), (0, 0), (Id(), 0), (b"", 0), (None, 1), ("", 1), (" \t", 1)],
    ids=named,
)
def test_an_empty_decision_id_counts_where_one_was_declared(telemetry, decision_id, missing) -> None:
    """None and blank text are empty; the number 0 is an id."""

    @telemetry.order_submission(decision_id="decision_id")
    def submit(side, decision_id=None): ...

    submit("buy", decision_id)
    submit("buy", decision_id=decision_id)
    with telemetry.order_submission(side="buy", decision_id=decision_id):
        pass
    assert scrape(telemetry).value(MISSING) == 3 * missing
    assert faults(telemetry) == 0


def test_a_decision_id_is_missed_only_where_it_was_declared_and_sent(telemetry) -> None:
    """Left out of the call it is missing; undeclared or blocked it is not."""

    @telemetry.order_submission(decision_id="decision_id")
    def submit(side, decision_id=None): ...

    @telemetry.order_submission()
    def undeclared(side, decision_id=None): ...

    @telemetry.order_submission(decision_id="decision_id")
    def keywords(side, **order): ...

    undeclared("buy")
    with telemetry.order_submission(side="buy"):
        pass
    with telemetry.order_submission(side="buy", decision_id=None) as order:
        order.block()
    keywords("buy", decision_id="d")
    assert scrape(telemetry).value(MISSING) == 0
    submit("buy")
    keywords("buy")
    assert scrape(telemetry).value(MISSING) == 2


def test_counters_start_at_zero_when_something_is_decorated(telemetry) -> None:
    """Every combination that can come, so that ``increase()`` sees the first; none that cannot."""
    assert scrape(telemetry).label_sets(ORDERS) == []
    telemetry.order_submission("buy")(print)
    sets = scrape(telemetry).label_sets(ORDERS)
    assert all(scrape(telemetry).value(ORDERS, **labels) == 0 for labels in sets)
    assert {(labels["result"], labels["reason"]) for labels in sets} == {
        ("success", "none"),
        *(("rejected", reason) for reason in REJECTED_REASONS),
        *(("failed", reason) for reason in FAILED_REASONS),
    }
    assert {labels["side"] for labels in sets} == {"buy", "sell", "unknown"}
    assert "order_submission_latency" not in telemetry.metrics_text()
    assert scrape(telemetry).value(BLOCKED) == scrape(telemetry).value(MISSING) == 0


def test_one_object_may_be_entered_by_all_at_once(telemetry) -> None:
    """Re-entered, nested, by threads and tasks together: each entry is a run of its own."""
    shared = telemetry.order_submission(side="buy")

    def nested(depth: int) -> None:
        with shared as order:
            if depth:
                nested(depth - 1)
            if depth % 2:
                order.reject()

    async def tasks() -> None:
        async def one(number: int) -> None:
            with shared as order:
                await asyncio.sleep(0)
                if number % 2:
                    order.fail("timeout")
                await asyncio.sleep(0)

        await asyncio.gather(*(one(number) for number in range(50)))

    with ThreadPoolExecutor(8) as pool:
        work = [pool.submit(nested, 9) for _ in range(50)] + [pool.submit(asyncio.run, tasks()) for _ in range(4)]
        for each in work:
            each.result()
    assert orders(telemetry) == {
        ("success", "none", "buy"): 50 * 5 + 4 * 25,
        ("rejected", "broker_rejected", "buy"): 50 * 5,
        ("failed", "timeout", "buy"): 4 * 25,
    }


def test_an_object_left_in_another_context_ends_the_run_it_began(telemetry) -> None:
    """An exit stack filled in one task and closed by another; each entry counts, also of one object."""
    shared = telemetry.broker_call("x")

    async def main() -> None:
        stacks = [ExitStack() for _ in range(5)]

        async def enter(stack: ExitStack) -> None:
            stack.enter_context(shared)
            stack.enter_context(telemetry.order_submission(side="sell"))

        async def leave(stack: ExitStack) -> None:
            stack.close()

        for stack in stacks:
            await asyncio.create_task(enter(stack))
        for stack in stacks:
            await asyncio.create_task(leave(stack))

    asyncio.run(main())
    assert orders(telemetry) == {("success", "none", "sell"): 5}
    assert broker_calls(telemetry) == {("success", "none"): 5}


def test_a_run_that_ended_elsewhere_leaves_no_chain_behind(telemetry) -> None:
    """Entered here and left in another task, again and again: what was entered before is let go of."""
    alive: weakref.WeakSet = weakref.WeakSet()

    class Note:
        pass

    async def main() -> None:
        for _ in range(100):
            stack = ExitStack()
            order = stack.enter_context(telemetry.order_submission(side="sell"))
            order.value = note = Note()
            alive.add(note)
            del note, order

            async def leave(stack: ExitStack = stack) -> None:
                stack.close()

            await asyncio.create_task(leave())
        del stack, leave
        gc.collect()
        assert len(alive) <= 1

    asyncio.run(main())


@given(
    st.lists(
        st.sampled_from(["success", "reject", "fail", "block", "raise", "guard", "guard after submit", "nested"]),
        max_size=30,
    )
)
@settings(max_examples=60)
def test_every_order_is_counted_once_whatever_happens(telemetry, script) -> None:
    """Submissions and blocked trades together are as many as there were orders."""

    def run(step: str) -> None:
        with telemetry.order_submission(side="buy") as order:
            if step in {"reject", "fail", "block"}:
                getattr(order, step)()
            elif step == "raise":
                raise TimeoutError
            elif step.startswith("guard"):
                if "submit" in step:
                    with telemetry.broker_call("submit"):
                        pass
                telemetry.guard("limit")(trip)()
            elif step == "nested":
                run("reject")

    def counts() -> tuple[float, float]:
        scraped = scrape(telemetry)
        return scraped.total(ORDERS), scraped.value(BLOCKED)

    before = counts()
    for step in script:
        with contextlib.suppress(TimeoutError, ValueError):
            run(step)
    after = counts()
    kept_back = script.count("block") + script.count("guard")
    assert after[1] - before[1] == kept_back
    assert after[0] - before[0] == len(script) + script.count("nested") - kept_back
