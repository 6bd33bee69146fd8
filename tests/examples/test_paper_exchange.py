"""The paper exchange keeps its stated rates, over real HTTP, and does the same for the same seed."""

import contextlib
import http.client
import json
import socket
import threading
import time
from argparse import ArgumentTypeError
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paper_cli import read_faults
from paper_client import BrokerError, Client
from paper_exchange import REFUSALS, Faults, PaperExchange

ORDER = {"side": "buy", "size": 10, "limit_price": 1.25}
NEVER = Faults(late=0, reject=0, rate_limit=0, unavailable=0, drop=0, hang=0)
FATES = ("late", "reject", "rate_limit", "unavailable", "drop", "hang")


def always(**fault: float) -> Faults:
    """Return faults of which one always happens."""
    return Faults(**{**vars(NEVER), **fault})


def order(exchange: PaperExchange, **changes: object) -> dict:
    """Send an order over HTTP and return the answer."""
    return Client(exchange.host).request("POST", "/orders", **{**ORDER, **changes})


def test_an_exchange_without_faults_takes_orders_and_cancels_those_that_rest():
    """A resting order can be cancelled once; a filled or unknown one cannot."""
    with PaperExchange(NEVER, fills=0) as exchange:
        client, resting = Client(exchange.host), order(exchange)
        assert (resting["success"], resting["status"]) == (True, "open")
        assert client.request("DELETE", f"/orders/{resting['order_id']}") == {"success": True}
        with pytest.raises(BrokerError, match="404 UNKNOWN_CANCEL_ORDER"):
            client.request("DELETE", f"/orders/{resting['order_id']}")
        assert client.request("GET", "/time")["epoch"] == pytest.approx(time.time(), abs=5)
    with PaperExchange(NEVER, fills=1) as exchange:
        filled = order(exchange)
        assert filled["status"] == "filled"
        with pytest.raises(BrokerError) as caught:
            Client(exchange.host).request("DELETE", f"/orders/{filled['order_id']}")
        assert (caught.value.status_code, caught.value.error_code) == (404, "UNKNOWN_CANCEL_ORDER")


def test_a_refusal_has_an_error_code_in_an_answer_of_200_or_400():
    """Every kind of refusal comes, each with its own status."""
    with PaperExchange(always(reject=1), seed=1) as exchange:
        seen = set()
        for _ in range(40):
            try:
                answer = order(exchange)
                assert answer["success"] is False
                seen.add((200, answer["error"]))
            except BrokerError as error:
                seen.add((error.status_code, error.error_code))
        assert seen == set(REFUSALS)


@pytest.mark.parametrize(("fault", "status"), [("rate_limit", 429), ("unavailable", 503)])
def test_an_exchange_that_is_busy_says_so_with_a_status(fault: str, status: int):
    """Rate limits and maintenance are HTTP errors with a code."""
    with PaperExchange(always(**{fault: 1})) as exchange:
        with pytest.raises(BrokerError) as caught:
            order(exchange)
        assert caught.value.status_code == status


def test_a_dropped_connection_is_closed_without_an_answer():
    """The client sees an end where a status line should be."""
    with PaperExchange(always(drop=1)) as exchange, pytest.raises(http.client.RemoteDisconnected):
        order(exchange)


def test_a_hanging_connection_stays_open_without_an_answer():
    """The client's own time-out is what ends the wait."""
    with PaperExchange(always(hang=1)) as exchange:
        begun = time.monotonic()
        with pytest.raises(TimeoutError):
            order(exchange)
        assert time.monotonic() - begun >= 0.5


def test_a_late_answer_is_late_and_otherwise_right():
    """A late order is taken all the same."""
    with PaperExchange(always(late=1, late_seconds=0.1)) as exchange:
        begun = time.monotonic()
        assert order(exchange)["success"]
        assert time.monotonic() - begun >= 0.1


@pytest.mark.parametrize("rates", [Faults(), Faults(late=0.3, reject=0.25, drop=0.2, hang=0.05)])
def test_faults_come_at_the_rates_that_are_stated(rates: Faults):
    """Over 10,000 requests each share is within five standard deviations of its rate."""
    exchange, requests = PaperExchange(rates, seed=3), 10_000
    exchange._server.server_close()
    seen = Counter(exchange.handle("POST", "/orders", b"{}").fault for _ in range(requests))
    for name, rate in rates.rates.items():
        assert abs(seen[name] - requests * rate) <= 5 * (requests * rate * (1 - rate)) ** 0.5


@given(seed=st.integers(), requests=st.lists(st.sampled_from(["POST", "DELETE", "GET"]), max_size=30))
def test_the_fate_of_a_request_depends_only_on_the_seed_and_on_how_many_came_before(seed: int, requests: list[str]):
    """What is asked does not move the faults of later requests."""
    asked, plain = PaperExchange(seed=seed), PaperExchange(seed=seed)
    for exchange in (asked, plain):
        exchange._server.server_close()
    paths = {"POST": "/orders", "DELETE": "/orders/order-1", "GET": "/time"}
    fates = [asked.handle(method, paths[method], json.dumps(ORDER).encode()).fault for method in requests]
    assert fates == [plain.handle("GET", "/time", b"").fault for _ in requests]


def test_the_same_seed_gives_the_same_answers_over_http():
    """Two exchanges that are asked the same things answer the same; another seed answers differently."""
    ledgers = []
    for seed in (5, 5, 6):
        with PaperExchange(Faults(late=0, hang=0, reject=0.3, drop=0.2), seed=seed) as exchange:
            for _ in range(40):
                with contextlib.suppress(BrokerError, ConnectionError):
                    order(exchange)
            ledgers.append(exchange.ledger)
    assert ledgers[0] == ledgers[1] != ledgers[2]


def test_the_ledger_has_every_request_of_many_clients_at_once():
    """Eight clients at once lose nothing, and each is told what the ledger says of it."""
    answers: list[dict] = []
    with PaperExchange(NEVER, fills=0.5, seed=9) as exchange:

        def trade() -> None:
            answers.extend(order(exchange) for _ in range(25))

        threads = [threading.Thread(target=trade) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        told = sorted(answers, key=lambda answer: answer["order_id"])
        noted = sorted((handled.answer for handled in exchange.ledger), key=lambda answer: answer["order_id"])
    assert len(told) == 200
    assert told == noted


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b'"buy"', b"{}", b"\xff", b'{"side":"buy","size":"x"}'])
def test_an_order_that_makes_no_sense_is_refused(body: bytes):
    """Nonsense is answered with a 400, as an exchange would."""
    with PaperExchange(NEVER) as exchange:
        connection = http.client.HTTPConnection(exchange.host, timeout=5)
        connection.request("POST", "/orders", body)
        response = connection.getresponse()
        assert (response.status, json.loads(response.read())["error"]) == (400, "INVALID_ORDER_CONFIG")
        connection.close()


@pytest.mark.parametrize("changes", [{"side": "hold"}, {"size": 0}, {"size": -1}, {"limit_price": 0}])
def test_an_order_without_a_side_a_size_or_a_price_is_refused(changes: dict):
    """What an exchange cannot carry out it refuses."""
    with PaperExchange(NEVER) as exchange, pytest.raises(BrokerError, match="400 INVALID_ORDER_CONFIG"):
        order(exchange, **changes)


def test_stop_ends_at_once_whoever_still_waits_and_frees_the_port():
    """A hanging client does not hold up the end."""
    exchange = PaperExchange(always(hang=1)).start()
    address, port = exchange.host.split(":")
    waiting = socket.create_connection((address, int(port)))
    waiting.sendall(b"GET /time HTTP/1.0\r\n\r\n")
    while not exchange.ledger:
        time.sleep(0.005)
    begun = time.monotonic()
    exchange.stop()
    exchange.stop()
    assert time.monotonic() - begun < 1
    waiting.settimeout(5)
    assert waiting.recv(100) == b""
    waiting.close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((address, int(port)))


@pytest.mark.parametrize(
    "make",
    [
        lambda: Faults(reject=-0.1),
        lambda: Faults(reject=1.5),
        lambda: Faults(reject=0.6, drop=0.6),
        lambda: Faults(late=float("nan")),
        lambda: Faults(late_seconds=-1),
    ],
)
def test_faults_that_cannot_be_meant_are_refused(make):
    """A rate that is none says so at once."""
    with pytest.raises(ValueError):
        make()


@pytest.mark.parametrize("text", ["reject", "reject=often", "nonsense=0.1", "reject=2"])
def test_text_that_names_no_fault_is_refused(text: str):
    """The bot's command line says what is wrong instead of guessing."""
    with pytest.raises(ArgumentTypeError):
        read_faults(text)


def test_faults_are_read_from_text_and_the_rest_stays_as_it_is():
    """The bot's --faults names only what is to change."""
    assert read_faults(" reject = 0.2, late_seconds=1 ") == Faults(reject=0.2, late_seconds=1)
    assert read_faults("") == Faults()
    assert set(Faults().rates) == set(FATES)
