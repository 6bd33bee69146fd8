"""One logical call of a client: counted once, whatever it is made of."""

import asyncio
import contextlib
import contextvars
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from reading import broker_calls, faults, orders, value

import gpt_trader_telemetry
from gpt_trader_telemetry import Failed, Operation, Rejected, Settings, Telemetry, UsageError, instrument_broker
from gpt_trader_telemetry.recording.current import DEFAULT


class InsufficientFundsError(Exception):
    """A broker's no."""


class Broker:
    """Submits what it is told to, with helpers that call one another as those of real clients do."""

    def __init__(self, *answers: object) -> None:
        self.answers = list(answers)
        self.sent = 0

    def submit(self, symbol, side, quantity=1):
        self.sent += 1
        answer = self.answers.pop(0) if self.answers else "accepted"
        if isinstance(answer, BaseException):
            raise answer
        return answer

    def buy(self, symbol, quantity=1):
        return self.submit(symbol, "buy", quantity)

    def retrying(self, symbol, side):
        for _ in range(3):
            try:
                return self.submit(symbol, side)
            except TimeoutError:
                pass
        return None

    def cancel(self, order_id):
        return order_id

    def replace(self, order_id, side):
        self.cancel(order_id)
        return self.submit("BTC-USD", side)

    def place_all(self, sides):
        return [self.submit("BTC-USD", side) for side in sides]

    async def submit_later(self, symbol, side):
        await asyncio.sleep(0)
        return self.submit(symbol, side)


OPERATIONS = {
    "submit": "submit",
    "buy": "submit",
    "retrying": "submit",
    "cancel": "cancel",
    "replace": "edit",
    "place_all": Operation("submit", side_of=list),
    "submit_later": "submit",
}


@pytest.fixture
def broker(telemetry) -> Broker:
    return telemetry.instrument_broker(Broker(), OPERATIONS)


def test_a_helper_and_what_it_calls_are_one_order(telemetry, broker) -> None:
    """The side is the outermost call's: from its argument, or the word in its name."""
    assert broker.buy("BTC-USD") == "accepted"
    assert broker.submit("BTC-USD", side="SELL") == "accepted"
    assert orders(telemetry) == {("success", "none", "buy"): 1, ("success", "none", "sell"): 1}
    assert broker_calls(telemetry) == {("submit", "success", "none"): 2}


def test_an_order_within_another_operation_is_an_order(telemetry, broker) -> None:
    """An edit that cancels and orders anew: one call to edit, one order, and the cancellation is part of the edit."""
    broker.replace("1", "sell")
    assert orders(telemetry) == {("success", "none", "sell"): 1}
    assert broker_calls(telemetry) == {("edit", "success", "none"): 1, ("submit", "success", "none"): 1}


def test_a_helper_that_keeps_a_failure_to_itself_did_not_succeed(telemetry) -> None:
    """It returns None, and the last order within it tells what became of it; those before it were retries."""
    failing = telemetry.instrument_broker(Broker(*[TimeoutError()] * 3), OPERATIONS)
    assert failing.retrying("BTC-USD", "buy") is None
    assert orders(telemetry) == {("failed", "timeout", "buy"): 1}
    recovering = telemetry.instrument_broker(Broker(TimeoutError()), OPERATIONS)
    assert recovering.retrying("BTC-USD", "buy") == "accepted"
    assert orders(telemetry) == {("failed", "timeout", "buy"): 1, ("success", "none", "buy"): 1}


def test_a_batch_is_one_call_and_an_order_for_each(telemetry) -> None:
    """Each with its own side and verdict; what the answer does not mention failed."""
    verdicts = {"accepted": None, "no": Rejected("INSUFFICIENT_FUND"), "late": Failed("timeout")}
    batch = Operation("submit", side_of=list, classify=lambda found: [verdicts[x] for x in found])
    broker = telemetry.instrument_broker(Broker("accepted", "no", "late"), {"place_all": batch})
    assert broker.place_all(["buy", "sell", "buy"]) == ["accepted", "no", "late"]
    assert orders(telemetry) == {
        ("success", "none", "buy"): 1,
        ("rejected", "insufficient_funds", "sell"): 1,
        ("failed", "timeout", "buy"): 1,
    }
    assert broker_calls(telemetry) == {("submit", "failure", "insufficient_funds"): 1}
    short = Operation("submit", side_of=list, classify=lambda found: [None] * (len(found) - 1))
    telemetry.instrument_broker(broker := Broker(), {"place_all": short})
    broker.place_all(["sell"] * 3)
    assert orders(telemetry)["failed", "error", "sell"] == 1


def test_a_batch_that_raises_is_as_many_orders_as_were_sent(telemetry) -> None:
    """One after the other, those after the one that raised were not; all at once, none of them was answered."""
    broker = telemetry.instrument_broker(Broker("accepted", TimeoutError()), OPERATIONS)
    with pytest.raises(TimeoutError):
        broker.place_all(["buy", "sell", "buy"])
    assert orders(telemetry) == {("success", "none", "buy"): 1, ("failed", "timeout", "sell"): 1}

    class AtOnce:
        def place_all(self, sides):
            raise TimeoutError

    at_once = telemetry.instrument_broker(AtOnce(), {"place_all": Operation("submit", side_of=list)})
    with pytest.raises(TimeoutError):
        at_once.place_all(["buy", "sell"])
    assert orders(telemetry)["failed", "timeout", "buy"] == 1
    assert orders(telemetry)["failed", "timeout", "sell"] == 2


def test_the_bots_own_order_takes_the_answer_of_the_call_within(telemetry) -> None:
    """No second submission, and an answer of no without an exception is no success."""
    refusing = Operation("submit", classify=lambda found: Rejected("post_only") if found == "no" else None)
    broker = telemetry.instrument_broker(Broker("no", "accepted"), {"submit": refusing})
    place = telemetry.order_submission("side")(lambda side: broker.submit("BTC-USD", side))
    assert [place("buy"), place("sell")] == ["no", "accepted"]
    assert orders(telemetry) == {("rejected", "post_only", "buy"): 1, ("success", "none", "sell"): 1}
    assert broker_calls(telemetry) == {("submit", "failure", "post_only"): 1, ("submit", "success", "none"): 1}


def test_what_the_bot_says_or_judges_itself_stands(telemetry) -> None:
    """Found by its id after a time-out, say."""
    broker = telemetry.instrument_broker(Broker(*[TimeoutError()] * 2), {"submit": "submit"})
    with telemetry.order_submission(side="buy") as order:
        with pytest.raises(TimeoutError):
            broker.submit("BTC-USD", "buy")
        order.accept()

    @telemetry.order_submission("sell", classify=lambda found: None if found else "error")
    def place() -> bool:
        with pytest.raises(TimeoutError):
            broker.submit("BTC-USD", "sell")
        return True

    place()
    assert orders(telemetry) == {("success", "none", "buy"): 1, ("success", "none", "sell"): 1}


def test_the_bots_own_broker_call_around_is_no_retry(telemetry, broker) -> None:
    """Decorators that were there before go on counting; they do not make one order look like two."""

    @telemetry.order_submission("side")
    @telemetry.broker_call("submit")
    def place(side):
        return broker.submit("BTC-USD", side)

    for _ in range(20):
        place("buy")
    assert orders(telemetry) == {("success", "none", "buy"): 20}
    assert telemetry.signals.evaluate()["order_retry_rate"].value == 0


def test_a_guard_within_a_call_keeps_its_order_back(telemetry) -> None:
    """Before anything is sent it is a blocked trade, not a submission, nor a call."""

    class Gateway(Broker):
        def submit(self, symbol, side, quantity=1):
            with telemetry.guard("daily_loss"):
                raise ValueError("too much")

    broker = telemetry.instrument_broker(Gateway(), OPERATIONS)
    own = telemetry.order_submission("buy")(lambda: broker.buy("BTC-USD"))
    for send in (lambda: broker.submit("BTC-USD", "buy"), lambda: broker.buy("BTC-USD"), own):
        with pytest.raises(ValueError, match="too much"):
            send()
    assert value(telemetry, "gpt_trader_trades_blocked_total") == 3
    assert orders(telemetry) == {}
    assert broker_calls(telemetry) == {}


def test_results_and_exceptions_are_the_very_same(telemetry) -> None:
    """The object that the broker returned or raised, with its traceback below ours."""
    answer, error = object(), InsufficientFundsError("no")
    broker = telemetry.instrument_broker(Broker(answer, error), OPERATIONS)
    assert broker.buy("BTC-USD") is answer
    with pytest.raises(InsufficientFundsError) as caught:
        broker.buy("BTC-USD")
    assert caught.value is error
    ours = Path(gpt_trader_telemetry.__file__).parent
    frames = [entry.name for entry in caught.traceback if ours not in Path(entry.path).parents]
    assert frames[1:] == ["buy", "submit"]
    assert orders(telemetry)["rejected", "insufficient_funds", "buy"] == 1


def test_an_inner_error_is_counted_and_kept_from_the_bot(telemetry, caplog) -> None:
    """A classifier or a reader of sides that breaks: the order is counted all the same, and it is said once."""

    def broken(*_: object) -> object:
        raise LookupError("a bug")

    operation = Operation("submit", side_of=broken, classify=broken)
    broker = telemetry.instrument_broker(Broker(), {"submit": operation})
    for _ in range(3):
        assert broker.submit("BTC-USD", "buy") == "accepted"
    assert orders(telemetry) == {("success", "none", "unknown"): 3}
    assert faults(telemetry, "integration") == 6
    assert len([record for record in caplog.records if "integration" in record.message]) == 2


def test_a_coroutine_is_one_call_from_its_beginning_to_its_end(telemetry, broker) -> None:
    """Hundreds at once are each their own, and one that is cancelled is one that failed."""

    async def main() -> None:
        await asyncio.gather(*(broker.submit_later("BTC-USD", side) for side in ("buy", "sell") * 100))
        task = asyncio.create_task(broker.submit_later("BTC-USD", "buy"))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await broker.submit_later("BTC-USD", "sell") == "accepted"

    asyncio.run(main())
    assert orders(telemetry) == {
        ("success", "none", "buy"): 100,
        ("success", "none", "sell"): 101,
        ("failed", "cancelled", "buy"): 1,
    }


def test_a_task_that_outlives_the_call_it_was_spawned_in_is_no_part_of_it(telemetry) -> None:
    """What clients start in the background (receiving, pinging) inherits the context of the first call."""
    background: list[asyncio.Task] = []

    class Streaming(Broker):
        async def connect_and_submit(self, side):
            background.append(asyncio.create_task(self.trade_on()))
            return self.submit("BTC-USD", side)

        async def trade_on(self):
            await asyncio.sleep(0.01)
            return self.submit("BTC-USD", "sell")

    async def main() -> None:
        broker = telemetry.instrument_broker(Streaming(), {"connect_and_submit": "submit", "submit": "submit"})
        await broker.connect_and_submit("buy")
        await background[0]

    asyncio.run(main())
    assert orders(telemetry) == {("success", "none", "buy"): 1, ("success", "none", "sell"): 1}


def test_threads_do_not_mix(telemetry, broker) -> None:
    """Eight at once, each with helpers within helpers."""
    together = threading.Barrier(8)

    def trade(number: int) -> None:
        together.wait()
        for _ in range(100):
            broker.buy("BTC-USD") if number % 2 else broker.submit("BTC-USD", "sell")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(trade, range(8)))
    assert orders(telemetry) == {("success", "none", "buy"): 400, ("success", "none", "sell"): 400}
    assert value(telemetry, "gpt_trader_broker_call_latency_seconds_count") == 800


def test_two_telemetries_each_count_what_is_theirs() -> None:
    """One instruments the object within, the other the one around it."""
    with Telemetry(Settings()) as mine, Telemetry(Settings()) as theirs:
        inner = theirs.instrument_broker(Broker(), {"submit": "submit"})

        class Gateway:
            def place(self, side):
                return inner.submit("BTC-USD", side)

        mine.instrument_broker(Gateway(), {"place": "submit"}).place("buy")
        assert orders(mine) == orders(theirs) == {("success", "none", "buy"): 1}


def test_without_a_telemetry_it_is_as_if_nothing_were_there() -> None:
    """The module's own function uses the process default, found when the method is called."""
    broker = instrument_broker(Broker(), OPERATIONS)
    assert DEFAULT.recorder is None
    assert broker.buy("BTC-USD") == "accepted"
    with Telemetry(Settings()) as telemetry:
        DEFAULT.set(telemetry._pipeline.recorder)
        assert broker.buy("BTC-USD") == "accepted"
        assert orders(telemetry) == {("success", "none", "buy"): 1}


def test_a_class_is_instrumented_for_all_its_objects(telemetry) -> None:
    """Static and class methods too, and the class stays the class."""

    class Shared(Broker):
        @staticmethod
        def sell(symbol):
            return symbol

        @classmethod
        def close_all(cls):
            return cls

    assert telemetry.instrument_broker(Shared, {"sell": "submit", "close_all": "close", "submit": "submit"}) is Shared
    assert Shared().sell("BTC-USD") == "BTC-USD"
    assert Shared().close_all() is Shared
    assert Shared().submit("BTC-USD", "buy") == "accepted"
    assert orders(telemetry) == {("success", "none", "sell"): 1, ("success", "none", "buy"): 1}


@pytest.mark.parametrize(
    ("broker", "operations", "told"),
    [
        (Broker(), {"plaice": "submit"}, "no method 'plaice'"),
        (Broker(), {"submit": "Submit!"}, "snake_case"),
        (Broker(), {"submit": Operation("submit", side="direction")}, "direction"),
        (Broker(), {"sent": "submit"}, "only functions and methods"),
        ("text", {"upper": "submit"}, "instrument its class"),
    ],
)
def test_wrong_use_is_told_at_once_and_changes_nothing(telemetry, broker, operations, told) -> None:
    """Before the bot trades; the message names what was given."""
    with pytest.raises(UsageError, match=told):
        telemetry.instrument_broker(broker, operations)
    assert not hasattr(broker, "__dict__") or set(vars(broker)) == {"answers", "sent"}


STEPS = st.recursive(
    st.sampled_from(["accepted", "refused", "late"]),
    lambda inner: st.tuples(st.sampled_from(["submit", "edit", "preview", "cancel"]), st.lists(inner, max_size=3)),
    max_leaves=12,
)


def sent(step) -> list[bool]:
    """Return what a tree of calls within a submission sends, and whether each was taken; none of it by a preview."""
    if isinstance(step, str):
        return [step != "late"]
    kind, inner = step
    within = [taken for each in inner for taken in sent(each)] if kind != "preview" else []
    if kind != "submit":
        return within
    return within if as_orders(within) > 1 else (within[-1:] or [True])


def as_orders(taken: list[bool]) -> int:
    """Return how many orders these submissions of the same thing are: one after one that failed is another try."""
    return sum([True, *taken][: len(taken)])


def expected(step, around: str | None = None) -> int:
    """Return how many orders a tree of calls is: a submission, or as many as are sent in it, unless a preview is around."""
    if around == "preview":
        return 0
    if isinstance(step, str):
        return 1
    kind, inner = step
    if kind == "submit":
        return as_orders(sent(step))
    return sum(expected(each, kind) for each in inner)


@given(STEPS)
def test_however_calls_are_nested_each_order_counts_once(telemetry, step) -> None:
    """A tree of calls that call one another: orders, edits, previews and cancellations."""

    class Tree:
        def run(self, step):
            if isinstance(step, str):
                return self.leaf(step)
            return getattr(self, step[0])(step[1])

        def leaf(self, step):
            if step == "late":
                raise TimeoutError
            return step

        def inside(self, inner):
            for each in inner:
                try:
                    self.run(each)
                except TimeoutError:
                    pass

        submit = edit = preview = cancel = inside

    names = {name: name for name in ("submit", "edit", "preview", "cancel")}
    tree = telemetry.instrument_broker(Tree(), {**names, "leaf": "submit"})
    before = sum(orders(telemetry).values())
    with contextlib.suppress(TimeoutError):
        contextvars.copy_context().run(tree.run, step)
    assert sum(orders(telemetry).values()) - before == expected(step)
