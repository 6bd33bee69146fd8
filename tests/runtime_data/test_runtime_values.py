"""Numbers, names and times as bots write them."""

import math
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpt_trader_telemetry.errors import ConfigurationError
from gpt_trader_telemetry.runtime_data.paths import ProfilePaths
from gpt_trader_telemetry.runtime_data.values import finite, text, unix_time

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.decimals(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=4,
)


@given(ANYTHING)
def test_a_number_is_finite_or_none_whatever_was_written(value):
    """NaN, infinity and text never get through, and nothing raises."""
    number = finite(value)
    assert number is None or (type(number) is float and math.isfinite(number))
    moment = unix_time(value)
    assert moment is None or 0 < moment < 1e11
    name = text(value)
    assert name is None or (name.isprintable() and name == name.strip() != "")


@pytest.mark.parametrize(
    ("written", "number"),
    [("12.50", 12.5), (Decimal("0.1"), 0.1), (" 3 ", 3.0), ("1e3", 1000.0), (-4, -4.0), ("-0.5", -0.5)],
)
def test_decimals_and_numeric_text_are_numbers(written, number):
    """The bot writes decimals as text."""
    assert finite(written) == number


@pytest.mark.parametrize("written", [None, "", "abc", "nan", "inf", "1_000", True, [], {}, 10**400, "9" * 200, b"1"])
def test_what_is_no_number_is_none_and_never_zero(written):
    """Missing is not zero."""
    assert finite(written) is None


@given(st.integers(10**8, 4 * 10**9).map(lambda seconds: datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None)))
def test_a_time_reads_the_same_in_every_form(moment):
    """Epoch, numeric text, ISO with and without zone, and the database's own form are one moment."""
    moment = moment.replace(microsecond=0)
    seconds = moment.replace(tzinfo=UTC).timestamp()
    forms = [
        seconds,
        str(seconds),
        moment.isoformat(),
        moment.isoformat() + "Z",
        moment.isoformat() + "+00:00",
        f"{moment:%Y-%m-%d %H:%M:%S}",
        seconds * 1000 if seconds > 1e9 else seconds,
    ]
    assert [unix_time(form) for form in forms] == [seconds] * len(forms)


@pytest.mark.parametrize("profile", ["", ".", "..", "a/b", "..\\x", "/etc", "a\nb"])
def test_a_profile_is_a_folder_name(profile):
    """Nothing outside runtime_data is ever read for a profile."""
    with pytest.raises(ConfigurationError):
        ProfilePaths.of(".", profile)
