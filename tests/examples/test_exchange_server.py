"""The paper exchanges' server does wrong what it is told to, and nothing else."""

import threading
import time

import pytest
import requests

from exchanges.faults import CUT, DROP, HANG, WELL, FaultScript, late, reject, status
from exchanges.server import Face, PaperServer
from paper_exchange import Faults

NEVER = {"late": 0, "reject": 0, "rate_limit": 0, "unavailable": 0, "drop": 0, "hang": 0}


class Echo(Face):
    """Answers with what it was asked, and why it is to refuse it."""

    def routes(self):
        yield "GET", "/echo/{id}", lambda asked: (200, {"id": asked.at["id"], "refusal": asked.refusal})
        yield "POST", "/broken", lambda asked: (200, asked.json["missing"])


def test_scripted_faults_come_in_their_order_to_the_requests_they_are_for():
    """A request for something else does not take them away."""
    with PaperServer(Echo()) as server, requests.Session() as session:
        server.faults.script(WELL, reject("post_only"), status(429, retry_after=3), on="/echo/1")
        seen = [session.get(f"{server.url}/echo/{number}") for number in (2, 1, 2, 1, 1, 1)]
        assert [answer.status_code for answer in seen] == [200, 200, 200, 200, 429, 200]
        assert [answer.json().get("refusal") for answer in seen] == [None, None, None, "post_only", None, None]
        assert seen[4].headers["Retry-After"] == "3"
        assert [handled.fault for handled in server.requests("/echo/1")] == ["well", "reject", "status", None]


def test_what_breaks_the_connection_breaks_it():
    """Before an answer, in the middle of one, and by saying nothing."""
    with PaperServer(Echo()) as server:
        server.faults.script(DROP, CUT, HANG, late(0.1))
        with pytest.raises(requests.ConnectionError, match="without response"):
            requests.get(f"{server.url}/echo/1")
        with pytest.raises(requests.exceptions.ChunkedEncodingError):
            requests.get(f"{server.url}/echo/1")
        with pytest.raises(requests.Timeout):
            requests.get(f"{server.url}/echo/1", timeout=0.1)
        begun = time.monotonic()
        assert requests.get(f"{server.url}/echo/1").json()["id"] == "1"
        assert time.monotonic() - begun >= 0.1


def test_a_standing_fault_lasts_as_long_as_its_block():
    """And the script comes first."""
    script = FaultScript()
    with script.always(DROP, on="/orders"):
        script.script(CUT, on="POST")
        assert [script.next(method, "/orders") for method in ("GET", "POST", "POST")] == [DROP, CUT, DROP]
        assert script.next("GET", "/time") is None
    assert script.next("GET", "/orders") is None


def test_seeded_faults_depend_only_on_the_seed_and_on_how_many_requests_came_before():
    """What is asked, and a script in between, do not move them."""
    rates = Faults(**{**NEVER, "late": 0.2, "reject": 0.2, "drop": 0.2})
    drawn = [[FaultScript(rates, seed=seed).next("GET", "/") for _ in range(1)] for seed in (1, 1)]
    assert drawn[0] == drawn[1]
    first, again, other = (FaultScript(rates, seed=seed) for seed in (1, 1, 2))
    fates = [first.next("GET", "/x") for _ in range(200)]
    assert fates == [again.next("POST", "/orders") for _ in range(200)]
    assert fates != [other.next("GET", "/x") for _ in range(200)]
    kinds = [fate.kind for fate in fates if fate is not None]
    assert set(kinds) == {"late", "reject", "drop"}
    assert 80 < len(kinds) < 160


def test_a_server_that_refuses_connections_takes_them_again():
    """On the same port; a connection that was kept open is gone too."""
    with PaperServer(Echo()) as server, requests.Session() as session:
        session.get(f"{server.url}/echo/1")
        with server.refusing(), pytest.raises(requests.ConnectionError):
            session.get(f"{server.url}/echo/1")
        assert session.get(f"{server.url}/echo/1").status_code == 200


def test_what_makes_no_sense_is_a_bad_request_and_the_server_lives_on():
    """As with an exchange."""
    with PaperServer(Echo()) as server:
        assert requests.post(f"{server.url}/broken").status_code == 400
        assert requests.get(f"{server.url}/nothing").status_code == 404
        assert requests.get(f"{server.url}/echo/1").status_code == 200


def test_many_clients_at_once_are_all_answered():
    """And the ledger has every request."""
    with PaperServer(Echo()) as server:

        def ask(number: int) -> None:
            with requests.Session() as session:
                for each in range(20):
                    assert session.get(f"{server.url}/echo/{number}-{each}").json()["id"] == f"{number}-{each}"

        threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(server.ledger) == 160


def test_stopping_ends_at_once_whoever_still_waits():
    """A client that hangs does not hold up the end; a second stop does nothing."""
    server = PaperServer(Echo()).start()
    server.faults.script(HANG)
    failed = []

    def ask() -> None:
        try:
            requests.get(f"{server.url}/echo/1")
        except requests.ConnectionError as error:
            failed.append(error)

    asking = threading.Thread(target=ask)
    asking.start()
    while not server.ledger:
        time.sleep(0.005)
    begun = time.monotonic()
    server.stop()
    server.stop()
    asking.join(5)
    assert time.monotonic() - begun < 1
    assert len(failed) == 1
