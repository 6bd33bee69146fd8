"""Which order of a batch an answer is about."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from gpt_trader_telemetry.integrations.endings import OfSide, matched
from gpt_trader_telemetry.reasons import Failed, Rejected

SIDES = st.sampled_from(["buy", "sell"])
ANSWERS = st.sampled_from([None, Rejected("post_only"), Failed("timeout")])
ORDERS = st.lists(st.tuples(SIDES, ANSWERS), min_size=1, max_size=8)


@given(ORDERS, st.data())
def test_answers_in_the_order_of_the_orders_are_each_about_its_own(orders, data) -> None:
    """Whether or not they say a side."""
    answers = [OfSide(data.draw(st.sampled_from([side, "unknown"])), answer) for side, answer in orders]
    assert matched([side for side, _ in orders], answers) == orders


@given(ORDERS, st.data())
def test_answers_that_say_their_sides_are_matched_in_any_order(orders, data) -> None:
    """As many of each side end so as were answered so."""
    answers = data.draw(st.permutations([OfSide(*order) for order in orders]))
    assert Counter(matched([side for side, _ in orders], answers)) == Counter(orders)


@given(
    st.lists(SIDES, min_size=1, max_size=8),
    st.lists(st.tuples(st.sampled_from(["buy", "sell", "unknown"]), ANSWERS), max_size=8),
)
def test_no_order_that_was_sent_is_lost(sides, answers) -> None:
    """Each is counted once, under its own side; where more is answered than was sent, that is counted too."""
    pairs = matched(sides, [OfSide(*answer) for answer in answers])
    assert len(pairs) == max(len(sides), len(answers))
    if len(answers) <= len(sides):
        assert Counter(side for side, _ in pairs) == Counter(sides)
    assert Counter(answer for _, answer in pairs) >= Counter(answer for _, answer in answers)


@given(st.lists(SIDES, max_size=8), ANSWERS)
def test_one_answer_is_about_all_of_them(sides, answer) -> None:
    """And what became of each is what it says."""
    assert matched(sides, answer) == [(side, answer) for side in sides]
