"""Slow routes: in threads, with a limit of time and of number, and never in the way of the fast ones."""

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from gpt_trader_telemetry.http.workers import Workers


def test_a_hung_route_does_not_delay_live_and_is_a_503(serve, ask, site):
    """/live answers while the other waits out its time, and the overrun is reported."""
    server = serve(answer_seconds=0.5)
    with ThreadPoolExecutor(1) as pool:
        hung = pool.submit(ask, server, "/hang")
        slowest = 0.0
        while not hung.done():
            started = time.monotonic()
            assert ask(server)[0] == 200
            slowest = max(slowest, time.monotonic() - started)
        status, headers, body = hung.result()
    assert (status, headers["content-type"]) == (503, "application/json")
    assert json.loads(body) == {"error": "Service unavailable", "hint": "No answer within 0.5 s"}
    assert slowest < 0.3
    assert [str(error) for error in site.errors] == ["/hang took longer than 0.5 s"]


def test_a_full_queue_is_a_503_at_once(serve, ask, connect, site, until):
    """Nobody waits for a place in it."""
    server = serve(threads_per_route=1, queued_per_route=1)
    connect(server, b"GET /hang HTTP/1.1\r\nHost: x\r\n\r\n" * 1)
    connect(server, b"GET /hang HTTP/1.1\r\nHost: x\r\n\r\n")
    until(lambda: site.hangs == 1 and server.connections == 2)
    time.sleep(0.05)
    started = time.monotonic()
    status, _, body = ask(server, "/hang")
    assert (status, json.loads(body)["hint"]) == (503, "Too many requests are waiting; try again later")
    assert time.monotonic() - started < 0.3


def test_a_hung_route_holds_up_no_other(serve, ask, connect, site, until):
    """Each slow route has threads of its own."""
    server = serve()
    for _ in range(30):
        connect(server, b"GET /hang HTTP/1.1\r\nHost: x\r\n\r\n")
    until(lambda: site.hangs == 2)
    assert ask(server, "/metrics")[0] == 200


def test_a_hung_route_recovers(serve, ask, site):
    """Once its handler returns; requests that nobody waits for any more are not run."""
    server = serve(answer_seconds=0.3)
    with ThreadPoolExecutor(10) as pool:
        assert {answer[0] for answer in pool.map(lambda _: ask(server, "/hang"), range(10))} == {503}
    site.release.set()
    assert ask(server, "/hang")[0] == 200
    assert site.hangs == 3


def test_workers_are_daemons_and_bounded(until):
    """As few threads as the jobs need, never more than allowed, and they end when closed."""
    release, ran = threading.Event(), threading.Event()
    workers = Workers("worker", threads=2, queued=3)

    def threads():
        return [thread for thread in threading.enumerate() if thread.name.startswith("worker-")]

    def hang():
        release.wait(30)
        return ran.set

    assert workers.submit(lambda: ran.set)
    assert ran.wait(5)
    assert len(threads()) == 1
    assert [workers.submit(hang) for _ in range(6)] == [True] * 5 + [False]
    assert [thread.daemon for thread in threads()] == [True, True]
    workers.close()
    workers.close()
    assert not workers.submit(hang)
    release.set()
    until(lambda: not threads())


def test_workers_without_a_thread_to_be_had_say_no(monkeypatch):
    """The process's limit on threads is no exception here."""

    def start(_self):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", start)
    assert not Workers("worker", threads=2, queued=3).submit(lambda: print)
