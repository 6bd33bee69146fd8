"""What answers of the API mean, judged without a client."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpt_trader_telemetry.catalog import REASONS
from gpt_trader_telemetry.integrations.coinbase.answers import operation_of, side_of, verdict_of

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["success", "error_response", "errors", "errs", "results", "error", "message", "failure_reason"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


def refused(**error: str) -> dict:
    """Return an answer that refuses an order."""
    return {"success": False, "failure_reason": "UNKNOWN_FAILURE_REASON", "order_id": "", "error_response": error}


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        ({"error": "INSUFFICIENT_FUND"}, "insufficient_funds"),
        (
            {"error": "UNKNOWN_FAILURE_REASON", "preview_failure_reason": "PREVIEW_INSUFFICIENT_FUND"},
            "insufficient_funds",
        ),
        ({"error": "INVALID_ORDER_CONFIG", "preview_failure_reason": "PREVIEW_INVALID_SIZE_PRECISION"}, "invalid_size"),
        ({"error": "INVALID_ORDER_CONFIG", "message": "insufficient balance in account"}, "insufficient_funds"),
        ({"new_order_failure_reason": "INVALID_LIMIT_PRICE_POST_ONLY", "error": "INVALID_REQUEST"}, "post_only"),
        ({"error": "UNTRADABLE_PRODUCT"}, "market_closed"),
        ({"error": "INVALID_FCM_TRADING_SESSION"}, "market_closed"),
        ({"error": "INVALID_PRICE_PRECISION"}, "invalid_price"),
        ({"error": "DUPLICATE_CLIENT_ORDER_ID"}, "invalid_order"),
        ({"error": "COMMANDER_REJECTED_NEW_ORDER"}, "broker_rejected"),
        ({"error": "UNKNOWN_FAILURE_REASON", "message": ""}, "broker_rejected"),
        ({"error": "UNKNOWN_FAILURE_REASON", "message": "invalid token pair; request timed out"}, "broker_rejected"),
        ({}, "broker_rejected"),
    ],
)
def test_a_refused_order_has_the_most_exact_of_its_reasons(error: dict, reason: str):
    """Codes before messages; and what a message says of anything but the order is not believed."""
    assert verdict_of("submit", refused(**error)) == reason


@pytest.mark.parametrize(
    ("does", "body", "reason"),
    [
        ("submit", {"success": True, "failure_reason": "UNKNOWN_FAILURE_REASON"}, None),
        ("submit", {"success": True, "error_response": {"error": "INSUFFICIENT_FUND"}}, None),
        ("cancel", {"results": [{"success": True, "failure_reason": "UNKNOWN_CANCEL_FAILURE_REASON"}]}, None),
        (
            "cancel",
            {"results": [{"success": True}, {"success": False, "failure_reason": "UNKNOWN_CANCEL_ORDER"}]},
            "not_found",
        ),
        (
            "cancel",
            {"results": [{"success": False, "failure_reason": "UNKNOWN_CANCEL_FAILURE_REASON"}]},
            "broker_rejected",
        ),
        ("edit", {"success": False, "errors": [{"edit_failure_reason": "ORDER_NOT_FOUND"}]}, "not_found"),
        ("edit", {"success": True, "errors": []}, None),
        ("preview", {"errs": ["PREVIEW_INSUFFICIENT_FUND"]}, "insufficient_funds"),
        ("preview", {"errs": [], "warning": ["BIG_ORDER"]}, None),
        ("preview_edit", {"errors": [{"edit_failure_reason": "INVALID_EDITED_PRICE"}]}, "invalid_price"),
        ("get_order", {"success": False, "errors": ["x"]}, None),
        ("get_order", None, None),
        *(("submit", nonsense, "error") for nonsense in (None, [], "x", {}, {"success": "true"}, {"success": None})),
        ("submit", {"error_response": {"error": "INSUFFICIENT_FUND"}}, "insufficient_funds"),
        ("submit", {"error": "unauthorized"}, "auth"),
        ("submit", {"success_response": {"order_id": "1"}}, None),
        ("submit", {"success": False, "success_response": {"order_id": "1"}}, "broker_rejected"),
        ("edit", {}, "error"),
    ],
)
def test_every_operation_has_its_own_way_to_say_no(does: str, body: dict, reason: str | None):
    """And an answer that only warns is a yes; an order that an answer does not tell of is not taken for accepted."""
    assert verdict_of(does, body) == reason


@given(st.sampled_from(["submit", "cancel", "edit", "preview", "preview_edit", "get_order"]), JSON)
def test_whatever_is_answered_is_judged(does: str, body: object):
    """Never an exception, never a word that is no reason, and the answer stays as it was."""
    before = repr(body)
    assert verdict_of(does, body) in {None, *REASONS}
    side_of(body, body)
    assert repr(body) == before


@given(
    st.sampled_from(["GET", "POST", "PUT", "DELETE", "?"]),
    st.sampled_from(
        ["{}", "orders/{}", "orders/historical/{}", "products/{}/candles", "market/products/{}", "x/{}/y/{}"]
    ),
    st.text(max_size=20),
)
def test_no_id_in_an_address_gets_through_to_a_label(method: str, path: str, text: str):
    """An operation is one of a fixed set, whatever stands in the address."""
    operation = operation_of(method, "/api/v3/brokerage/" + path.replace("{}", f"canary{text}"))
    assert operation.isidentifier()
    assert "canary" not in operation
