"""Thresholds: the playbook's by default, changeable in code and environment, never meaningless."""

import dataclasses
import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpt_trader_telemetry import ConfigurationError
from gpt_trader_telemetry.thresholds import SIGNALS, UNITS, VARIABLES, Limits, Thresholds

PLAYBOOK = {
    "order_error_rate": (0.05, 0.15),
    "order_retry_rate": (0.10, 0.25),
    "broker_latency_p95_ms": (1000, 3000),
    "ws_staleness_seconds": (30, 60),
    "guard_trip_count": (3, 10),
}
"""The monitoring playbook's table "Key Thresholds"."""


def test_the_defaults_are_the_playbooks() -> None:
    """Every row of its table, and the two signals that it has no row for."""
    thresholds = Thresholds()
    assert {name: thresholds.limits(name) for name in PLAYBOOK} == PLAYBOOK
    assert set(SIGNALS) - set(PLAYBOOK) == {"market_data_staleness_seconds", "missing_decision_ids"}
    assert thresholds.limits("market_data_staleness_seconds") == Limits(60, 120)
    assert thresholds.limits("missing_decision_ids") == Limits(0, 10)
    assert (thresholds.window_seconds, thresholds.minimum_orders, thresholds.minimum_latencies) == (300, 10, 20)


def test_they_are_frozen() -> None:
    """Nobody moves a threshold under a running bot."""
    with pytest.raises(dataclasses.FrozenInstanceError):
        Thresholds().order_error_rate_warn = 0.5


@pytest.mark.parametrize(
    ("fields", "named", "value"),
    [
        ({"order_error_rate_warn": 5}, "order_error_rate_warn", "5"),
        ({"order_error_rate_crit": 15.0}, "order_error_rate_crit", "15.0"),
        ({"order_error_rate_warn": 0.2}, "order_error_rate_warn", "0.2"),
        ({"broker_latency_p95_ms_crit": 500}, "broker_latency_p95_ms_warn", "1000.0"),
        ({"guard_trip_count_warn": -1}, "guard_trip_count_warn", "-1"),
        ({"ws_staleness_seconds_warn": math.nan}, "ws_staleness_seconds_warn", "nan"),
        ({"ws_staleness_seconds_crit": math.inf}, "ws_staleness_seconds_crit", "inf"),
        ({"order_retry_rate_warn": "0.1"}, "order_retry_rate_warn", "'0.1'"),
        ({"order_retry_rate_warn": True}, "order_retry_rate_warn", "True"),
        ({"order_retry_rate_warn": None}, "order_retry_rate_warn", "None"),
        ({"window_seconds": 0}, "window_seconds", "0"),
        ({"window_seconds": 1e9}, "window_seconds", "1000000000.0"),
        ({"minimum_orders": -1}, "minimum_orders", "-1"),
        ({"minimum_latencies": 2.5}, "minimum_latencies", "2.5"),
        ({"required": ("order_errors",)}, "required", "'order_errors'"),
        ({"required": "order_error_rate"}, "required", "'order_error_rate'"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_name_and_value(fields, named, value) -> None:
    """A share above 1, a warning beyond the critical, no number, no window: said where it is set."""
    with pytest.raises(ConfigurationError, match=f"{re.escape(named)} cannot be {re.escape(value)}"):
        Thresholds(**fields)


def test_a_warning_may_equal_the_critical() -> None:
    """Then there is no warning between."""
    assert Thresholds(guard_trip_count_warn=10).limits("guard_trip_count") == (10, 10)


def test_whole_numbers_of_any_size_are_numbers() -> None:
    """A threshold that no float holds does not blow up."""
    assert Thresholds(guard_trip_count_crit=10**400).guard_trip_count_crit == 10**400


def test_the_variables_are_these() -> None:
    """Names that people put into deployments; each sets one field, and every field has one."""
    assert set(VARIABLES.values()) == {item.name for item in dataclasses.fields(Thresholds)}
    assert set(VARIABLES) == {
        "GPT_TRADER_ORDER_ERROR_RATE_WARN", "GPT_TRADER_ORDER_ERROR_RATE_CRIT",
        "GPT_TRADER_ORDER_RETRY_RATE_WARN", "GPT_TRADER_ORDER_RETRY_RATE_CRIT",
        "GPT_TRADER_BROKER_LATENCY_P95_MS_WARN", "GPT_TRADER_BROKER_LATENCY_P95_MS_CRIT",
        "GPT_TRADER_WS_STALENESS_SECONDS_WARN", "GPT_TRADER_WS_STALENESS_SECONDS_CRIT",
        "GPT_TRADER_GUARD_TRIP_COUNT_WARN", "GPT_TRADER_GUARD_TRIP_COUNT_CRIT",
        "GPT_TRADER_MARKET_DATA_STALENESS_SECONDS_WARN", "GPT_TRADER_MARKET_DATA_STALENESS_SECONDS_CRIT",
        "GPT_TRADER_MISSING_DECISION_IDS_WARN", "GPT_TRADER_MISSING_DECISION_IDS_CRIT",
        "GPT_TRADER_SIGNAL_WINDOW_SECONDS", "GPT_TRADER_SIGNAL_MINIMUM_ORDERS",
        "GPT_TRADER_SIGNAL_MINIMUM_LATENCIES", "GPT_TRADER_SIGNALS_REQUIRED",
    }  # fmt: skip


@given(
    st.fixed_dictionaries(
        {},
        optional={
            **{
                name: st.tuples(st.floats(0, 1), st.floats(0, 1)).map(lambda pair: tuple(sorted(pair)))
                for name in SIGNALS
            },
            "window_seconds": st.floats(1, 86_400),
            "minimum_orders": st.integers(0, 10**6),
            "minimum_latencies": st.integers(0, 10**6),
            "required": st.lists(st.sampled_from(SIGNALS), unique=True, min_size=1).map(tuple),
        },
    )
)
def test_code_and_environment_say_the_same(chosen) -> None:
    """What is written as variables reads back as the object made in code."""
    fields = {}
    for name, value in chosen.items():
        if name in SIGNALS:
            fields[f"{name}_warn"], fields[f"{name}_crit"] = value
            fields[f"{name}_crit"] = max(fields[f"{name}_crit"], fields[f"{name}_warn"])
        else:
            fields[name] = value
    environ = {
        variable: ", ".join(fields[name]) if name == "required" else f" {fields[name]!r} "
        for variable, name in VARIABLES.items()
        if name in fields
    }
    assert Thresholds.from_mapping(environ) == Thresholds(**fields)


@pytest.mark.parametrize(
    ("variable", "text", "said"),
    [
        ("GPT_TRADER_ORDER_ERROR_RATE_WARN", "5%", "GPT_TRADER_ORDER_ERROR_RATE_WARN: '5%' is no number"),
        ("GPT_TRADER_SIGNAL_MINIMUM_ORDERS", "2.5", "GPT_TRADER_SIGNAL_MINIMUM_ORDERS: '2.5' is no whole number"),
        ("GPT_TRADER_ORDER_ERROR_RATE_WARN", "0.5", "order_error_rate_warn cannot be 0.5"),
        ("GPT_TRADER_WS_STALENESS_SECONDS_CRIT", "nan", "ws_staleness_seconds_crit cannot be nan"),
        ("GPT_TRADER_SIGNALS_REQUIRED", "latency", "required cannot be 'latency'"),
    ],
)
def test_a_variable_that_cannot_be_meant_is_refused(variable, text, said) -> None:
    """By its name where it cannot be read, else by the field that it sets."""
    with pytest.raises(ConfigurationError, match=re.escape(said)):
        Thresholds.from_mapping({variable: text})


def test_an_empty_variable_is_not_set_and_others_are_no_concern() -> None:
    """As OpenTelemetry's specification has it; defaults given in code stand then."""
    environ = {"GPT_TRADER_GUARD_TRIP_COUNT_WARN": "  ", "GPT_TRADER_HEALTH_PORT": "x"}
    assert Thresholds.from_mapping(environ, guard_trip_count_warn=5).guard_trip_count_warn == 5
    with pytest.raises(ConfigurationError, match="no field 'guards'"):
        Thresholds.from_mapping({}, guards=1)


def test_every_signal_has_a_unit() -> None:
    """Of a closed set, that the page and the explanation know."""
    assert set(UNITS.values()) == {"ratio", "ms", "s", "count"}
