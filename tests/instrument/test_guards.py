"""Guards: every run a check, every exception a trip of its category."""

import asyncio
import concurrent.futures
import enum
from decimal import Decimal

import numpy as np
import pytest
from instrumented import CHECKS, TRIPS, Hostile, checks, faults, trips

from gpt_trader_telemetry import Tripped
from support.scraping import scrape

CATEGORIES = ("limit", "action", "computation", "data", "telemetry", "generic")


class Category(enum.Enum):
    """A bot's own categories."""

    LIMIT = "LIMIT"
    OTHER = 7


class GuardError(Exception):
    """As GPT-Trader's: with a category and whether the bot may go on."""

    def __init__(self, **attributes: object) -> None:
        super().__init__("tripped")
        vars(self).update(attributes)


class Evasive(Exception):
    """Whose attributes raise."""

    @property
    def category(self) -> str:
        raise OSError

    @property
    def recoverable(self) -> bool:
        raise AttributeError


@pytest.mark.parametrize(
    ("attributes", "category", "recoverable"),
    [
        *[({"category": category, "recoverable": True}, category, "true") for category in CATEGORIES],
        ({}, "generic", "false"),
        ({"category": "Limit "}, "limit", "false"),
        ({"category": Category.LIMIT, "recoverable": "True"}, "limit", "true"),
        ({"category": Category.OTHER}, "generic", "false"),
        ({"category": "margin", "recoverable": 1}, "generic", "false"),
        ({"category": None, "recoverable": None}, "generic", "false"),
        ({"category": ["limit"], "recoverable": np.True_}, "generic", "true"),
        ({"category": Hostile(), "recoverable": Hostile()}, "generic", "false"),
        ({"category": "limit" * 10_000, "recoverable": Decimal(1)}, "generic", "false"),
        ({"category": lambda: "limit", "recoverable": lambda: True}, "generic", "false"),
    ],
)
def test_an_exceptions_attributes_become_labels_where_they_are_of_the_closed_sets(
    telemetry, attributes, category, recoverable
) -> None:
    """Else ``generic`` and ``false``; what cannot be spelled included, and that is counted each time."""
    error = GuardError(**attributes)

    @telemetry.guard("daily_loss")
    def check() -> None:
        raise error

    with pytest.raises(GuardError) as raised:
        check()
    assert raised.value is error
    with pytest.raises(GuardError), telemetry.guard("daily_loss"):
        raise error
    assert trips(telemetry) == {(category, recoverable): 2}
    assert checks(telemetry) == {("failure",): 2}
    assert faults(telemetry, "instrument") == 2 * sum(isinstance(value, Hostile) for value in attributes.values())


def test_attributes_that_raise_say_nothing_and_are_counted(telemetry, caplog) -> None:
    """A property of the bot's own exception: the trip counts, and the log says once which one it was."""
    with pytest.raises(Evasive), telemetry.guard("daily_loss"):
        raise Evasive
    assert trips(telemetry) == {("generic", "false"): 1}
    assert faults(telemetry, "instrument") == 1
    assert caplog.text.count("the category of a guard's exception could not be read") == 1


@pytest.mark.parametrize(
    ("verdict", "expected"),
    [
        (None, {}),
        ("limit", {("limit", "false"): 1}),
        (Category.LIMIT, {("limit", "false"): 1}),
        (Tripped(), {("generic", "false"): 1}),
        (Tripped("data", recoverable=True), {("data", "true"): 1}),
        (Tripped(Hostile(), Hostile()), {("generic", "false"): 1}),
        (Tripped("margin", recoverable=None), {("generic", "false"): 1}),
        ("margin", {("generic", "false"): 1}),
        (True, {("generic", "false"): 1}),
        (Hostile(), {("generic", "false"): 1}),
    ],
    ids=["none", "category", "enum", "tripped", "recoverable", "hostile", "unknown", "word", "true", "hostile value"],
)
def test_a_classifier_says_whether_a_value_is_a_trip(telemetry, verdict, expected) -> None:
    """None is a pass; nonsense is a trip that is ``generic``."""
    assert telemetry.guard("daily_loss", classify=lambda value: verdict)(lambda: 3)() == 3
    assert trips(telemetry) == expected
    assert checks(telemetry) == {("failure" if expected else "success",): 1}
    said = (verdict.category, verdict.recoverable) if isinstance(verdict, Tripped) else (verdict,)
    assert faults(telemetry) == sum(isinstance(word, Hostile) for word in said)


def test_a_classifier_that_raises_leaves_the_guard_passed(telemetry) -> None:
    """And is counted as a fault of ours."""
    assert telemetry.guard("daily_loss", classify=lambda value: 1 / 0)(lambda: 3)() == 3
    assert checks(telemetry) == {("success",): 1}
    assert faults(telemetry, "instrument") == 1


def test_the_callers_word_is_a_trip(telemetry) -> None:
    """``run.trip``, also where an exception of another category comes after."""
    with telemetry.guard("daily_loss") as run:
        run.trip("limit", recoverable=True)
    with pytest.raises(GuardError), telemetry.guard("daily_loss") as run:
        run.trip("data")
        raise GuardError(category="action")
    with telemetry.guard("daily_loss") as run:
        run.trip(Hostile())
    assert trips(telemetry) == {("limit", "true"): 1, ("data", "false"): 1, ("generic", "false"): 1}
    assert checks(telemetry) == {("failure",): 3}
    assert faults(telemetry, "instrument") == 1  # the last category has no text


@pytest.mark.parametrize(
    "stop",
    [
        asyncio.CancelledError,
        concurrent.futures.CancelledError,
        KeyboardInterrupt,
        SystemExit,
        GeneratorExit,
    ],
)
def test_being_stopped_is_a_failed_check_and_no_trip(telemetry, stop) -> None:
    """Nothing was found wrong; the check was not finished."""
    with pytest.raises(stop), telemetry.guard("daily_loss"):
        raise stop
    with pytest.raises(stop):
        telemetry.guard("daily_loss", classify=lambda value: "limit")(lambda: (_ for _ in ()).throw(stop()))()
    assert checks(telemetry) == {("failure",): 2}
    assert trips(telemetry) == {}


def test_counters_start_at_zero_when_something_is_decorated(telemetry) -> None:
    """Both results and every trip that can come; before that, the guard has no series."""
    assert scrape(telemetry).label_sets(TRIPS) == scrape(telemetry).label_sets(CHECKS) == []
    telemetry.guard("daily_loss")(print)
    scraped = scrape(telemetry)
    assert scraped.label_sets(CHECKS) == [{"guard": "daily_loss", "result": each} for each in ("success", "failure")]
    assert {(labels["category"], labels["recoverable"]) for labels in scraped.label_sets(TRIPS)} == {
        (category, able) for category in CATEGORIES for able in ("true", "false")
    }
    assert scraped.total(TRIPS) == scraped.total(CHECKS) == 0


def test_guards_of_one_name_count_together_and_of_two_apart(telemetry) -> None:
    """Wherever they are decorated or entered."""
    for name in ("a", "a", "b"):
        telemetry.guard(name)(lambda: None)()
        with telemetry.guard(name):
            pass
    scraped = scrape(telemetry)
    assert scraped.value(CHECKS, guard="a", result="success") == 4
    assert scraped.value(CHECKS, guard="b", result="success") == 2


def test_nested_guards_each_count_the_exception_that_passes_them(telemetry) -> None:
    """A stack of guards around one another: each that it passes through has tripped."""

    @telemetry.guard("outer")
    @telemetry.guard("inner")
    def check() -> None:
        raise GuardError(category="limit")

    with pytest.raises(GuardError):
        check()
    scraped = scrape(telemetry)
    for name in ("outer", "inner"):
        assert scraped.value(TRIPS, guard=name, category="limit", recoverable="false") == 1
        assert scraped.value(CHECKS, guard=name, result="failure") == 1


def test_a_group_of_cancellations_is_one(telemetry) -> None:
    """What a task group raises when the program is being stopped is no trip; a group of errors is."""
    with pytest.raises(BaseExceptionGroup), telemetry.guard("g"):
        raise BaseExceptionGroup("stopped", [KeyboardInterrupt()])
    assert trips(telemetry) == {}
    with pytest.raises(ExceptionGroup), telemetry.guard("g"):
        raise ExceptionGroup("wrong", [ValueError()])
    assert trips(telemetry) == {("generic", "false"): 1}
