"""The market behind the paper exchanges: money is neither made nor lost, and what cannot be is refused."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchanges.market import FEE, Balance, Market, Order, Product, RefusedError

NAME = "BTC-USD"


def market(price: int = 100, usd: int = 10_000, btc: int = 10) -> Market:
    """Return a market with one product and some money."""
    products = {NAME: Product("BTC", "USD", Decimal(price), lot=Decimal("0.01"), smallest=Decimal("0.01"))}
    return Market(products, {"USD": Balance(Decimal(usd)), "BTC": Balance(Decimal(btc))}, clock=lambda: 1.0)


def order(**changes: object) -> Order:
    """Return an order to buy one at 99, which rests."""
    given = {"product": NAME, "side": "buy", "size": 1, "kind": "limit", "price": 99, **changes}
    numbers = {"size", "price", "stop"}
    return Order(**{name: Decimal(str(value)) if name in numbers and value else value for name, value in given.items()})


def total(traded: Market, currency: str) -> Decimal:
    """Return what there is of a currency, held or not."""
    return traded.balances[currency].available + traded.balances[currency].hold


def refusal(traded: Market, **changes: object) -> str:
    """Return why an order is refused."""
    before = str(traded.balances)
    with pytest.raises(RefusedError) as caught:
        traded.submit(order(**changes))
    assert str(traded.balances) == before, "what is refused moves no money"
    return caught.value.reason


def test_an_order_that_can_be_carried_out_is_filled_at_the_best_price_and_pays_a_fee():
    """A buyer pays the ask and the fee, a seller gets the bid less the fee."""
    traded = market()
    bought = traded.submit(order(kind="market", price=None))
    assert (bought.status, bought.filled_at) == ("filled", Decimal("100.01"))
    assert total(traded, "USD") == 10_000 - Decimal("100.01") * (1 + FEE)
    sold = traded.submit(order(side="sell", price=98))
    assert (sold.status, sold.filled_at) == ("filled", Decimal("99.99")), "better than it asked for"
    assert total(traded, "BTC") == 10


def test_an_order_rests_until_the_price_comes_and_holds_money_meanwhile():
    """What is held cannot be spent a second time."""
    traded = market(usd=100)
    resting = traded.submit(order())
    assert resting.status == "open"
    assert traded.balances["USD"].hold == 99 * (1 + FEE)
    assert refusal(traded) == "insufficient_funds"
    traded.move(NAME, Decimal(98))
    assert (resting.status, traded.balances["USD"].hold) == ("filled", 0)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"size": 1_000}, "insufficient_funds"),
        ({"side": "sell", "price": 200, "size": 11}, "insufficient_funds"),
        ({"size": "0.001"}, "invalid_size"),
        ({"size": "0.015"}, "invalid_size"),
        ({"size": -1}, "invalid_size"),
        ({"price": "99.001"}, "invalid_price"),
        ({"price": -1}, "invalid_price"),
        ({"price": None}, "invalid_price"),
        ({"price": 101, "post_only": True}, "post_only"),
        ({"product": "DOGE-USD"}, "invalid_order"),
        ({"side": "hold"}, "invalid_order"),
    ],
)
def test_what_cannot_be_is_refused(changes: dict, reason: str):
    """Each for the reason that it is refused for."""
    assert refusal(market(), **changes) == reason


def test_a_closed_market_takes_no_orders():
    """Neither those that rest nor those that do not."""
    traded = market()
    traded.products[NAME].is_open = False
    assert {refusal(traded), refusal(traded, kind="market", price=None)} == {"market_closed"}


def test_only_what_rests_can_be_cancelled_or_edited():
    """A filled, a cancelled and an unknown order are not found."""
    traded = market()
    resting, done = traded.submit(order()), traded.submit(order(price=101))
    traded.edit(resting.id, Decimal(2), Decimal(50))
    assert traded.balances["USD"].hold == 100 * (1 + FEE)
    traded.cancel(resting.id)
    assert traded.balances["USD"].hold == 0
    for order_id in (resting.id, done.id, "no such order"):
        for change in (traded.cancel, lambda it: traded.edit(it, Decimal(1), None)):
            with pytest.raises(RefusedError, match="not_found"):
                change(order_id)


def test_an_order_that_must_be_carried_out_at_once_is_cancelled_where_it_cannot():
    """Immediate-or-cancel and fill-or-kill never rest."""
    traded = market()
    assert [traded.submit(order(lifetime=lifetime)).status for lifetime in ("ioc", "fok")] == ["cancelled"] * 2
    assert traded.balances["USD"] == Balance(Decimal(10_000))


def test_a_stop_becomes_a_limit_and_a_bracket_ends_at_either_price():
    """A stop to sell waits for the price to fall; a bracket takes its profit or its loss."""
    traded = market()
    stop = traded.submit(order(side="sell", kind="stop_limit", stop=95, price=90))
    profit, loss = (traded.submit(order(side="sell", kind="bracket", price=110, stop=stop_at)) for stop_at in (50, 97))
    traded.move(NAME, Decimal(96))
    assert [each.status for each in (stop, profit, loss)] == ["open", "open", "filled"]
    traded.move(NAME, Decimal(94))
    assert [each.status for each in (stop, profit)] == ["filled", "open"]
    traded.move(NAME, Decimal(111))
    assert profit.status == "filled"


def test_a_client_id_names_one_order():
    """Who asks a second time, not knowing what became of the first, gets the first."""
    traded = market()
    first, second = (traded.submit(order(client_id="a")) for _ in range(2))
    assert first is second
    assert len(traded.orders) == 1


actions = st.one_of(
    st.tuples(
        st.just("submit"),
        st.sampled_from(["buy", "sell"]),
        st.sampled_from(["market", "limit", "stop_limit", "bracket"]),
        st.integers(1, 500),
        st.integers(80, 120),
        st.integers(80, 120),
    ),
    st.tuples(st.just("cancel"), st.integers(1, 20)),
    st.tuples(st.just("edit"), st.integers(1, 20), st.integers(1, 500), st.integers(80, 120)),
    st.tuples(st.just("move"), st.integers(80, 120)),
)


@given(st.lists(actions, max_size=25))
def test_money_is_neither_made_nor_lost(done: list[tuple]):
    """Whatever is done: every coin and cent is accounted for, and what is held is what open orders hold."""
    traded = market()
    for name, *values in done:
        try:
            if name == "submit":
                side, kind, size, price, stop = values
                traded.submit(order(side=side, kind=kind, size=size / 100, price=price, stop=stop))
            elif name == "cancel":
                traded.cancel(f"paper-{values[0]}")
            elif name == "edit":
                traded.edit(f"paper-{values[0]}", Decimal(values[1]) / 100, Decimal(values[2]))
            else:
                traded.move(NAME, Decimal(values[0]))
        except RefusedError:
            continue
    filled = [each for each in traded.orders.values() if each.status == "filled"]
    signs = {"buy": 1, "sell": -1}
    assert total(traded, "BTC") == 10 + sum(signs[each.side] * each.size for each in filled)
    assert total(traded, "USD") == 10_000 - sum(
        signs[each.side] * each.size * each.filled_at + each.fee for each in filled
    )
    held = {"USD": Decimal(0), "BTC": Decimal(0)}
    for each in traded.orders.values():
        held["USD" if each.side == "buy" else "BTC"] += each.held
        assert each.held == 0 or each.status == "open"
    assert {currency: balance.hold for currency, balance in traded.balances.items()} == held


def test_prices_move_the_same_way_for_the_same_seed():
    """By at most a thousandth a step, and never to nothing."""
    walks = []
    for seed in (1, 1, 2):
        walked = Market(market().products, {}, clock=lambda: 1.0, seed=seed)
        walk = []
        for _ in range(50):
            before = walked.products[NAME].price
            walked.step()
            walk.append(walked.products[NAME].price)
            assert abs(walk[-1] / before - 1) <= Decimal("0.0012")
        walks.append(walk)
    assert walks[0] == walks[1] != walks[2]
