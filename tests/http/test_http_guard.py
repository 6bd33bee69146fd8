"""Hostile and broken clients: what they take is bounded, and probes are answered beside them."""

import contextlib
import gc
import logging
import os
import select
import socket
import time
from pathlib import Path

import pytest

from gpt_trader_telemetry.http.guard import Seat
from support.malformed import HEAD, corpus

BIG = b"GET /big HTTP/1.1\r\nHost: x\r\n\r\n"


def quick(probe, *args, within=1.0):
    """Ask, and insist on a quick answer."""
    started = time.monotonic()
    status = probe(*args)[0]
    assert time.monotonic() - started < within
    return status


def test_200_dripping_connections_do_not_stop_a_probe(*, serve, connect, ask, descriptors, ended, until):
    """/live answers all the while, descriptors stay bounded, and the drips end at the deadline of the head."""
    server = serve(connections=32, head_seconds=0.6)
    before = descriptors()
    drips = [connect(server, HEAD + b"X-Drip: ") for _ in range(200)]
    opened = time.monotonic()
    while time.monotonic() - opened < 1.1:
        for sock in drips:
            try:
                sock.send(b"x")
            except OSError:
                continue
        assert quick(ask, server) == 200
        assert descriptors() - before - len(drips) <= 32 + 24
        time.sleep(0.1)
    assert all(ended(sock, timeout=0.5) for sock in drips)
    until(lambda: server.connections == 0)
    counts = server.counts
    assert counts.evicted >= 168
    assert counts.timed_out > 0
    assert counts.refused == 0


def test_a_head_has_its_time_however_it_drips(serve, connect, ended):
    """From the connection's start, whether bytes come or not."""
    server = serve(head_seconds=0.4)
    silent, dripping = connect(server), connect(server, HEAD)
    started = time.monotonic()
    while not select.select([dripping], [], [], 0.05)[0]:
        dripping.send(b"a")
        assert time.monotonic() - started < 2
    assert 0.3 < time.monotonic() - started < 1.0
    assert ended(dripping)
    assert ended(silent)
    assert server.counts.timed_out == 2


def test_a_later_request_has_the_same_time_from_its_first_byte(serve, connect, ended):
    """A connection that behaved once is trusted no more than another."""
    server = serve(head_seconds=0.2, idle_seconds=5)
    sock = connect(server, HEAD + b"\r\n")
    assert sock.recv(1000).startswith(b"HTTP/1.1 200")
    time.sleep(0.3)  # idle for longer than a head may take
    sock.sendall(b"G")
    started = time.monotonic()
    assert ended(sock)
    assert 0.1 < time.monotonic() - started < 1.0
    assert server.counts.timed_out == 1


def test_an_idle_connection_is_closed(serve, connect, ended):
    """Politely, and after a while."""
    server = serve(idle_seconds=0.3)
    sock = connect(server, HEAD + b"\r\n")
    assert ended(sock, timeout=2)
    assert server.counts.timed_out == 0


@pytest.mark.parametrize("method", [b"POST", b"GET"])
def test_a_body_is_never_waited_for(serve, connect, ended, method):
    """The answer comes at once and the connection ends, whatever the body would have been."""
    server = serve()
    sock = connect(server, method + b" /live HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\nabc")
    started = time.monotonic()
    answer = sock.recv(1000)
    assert answer.startswith(b"HTTP/1.1 405" if method == b"POST" else b"HTTP/1.1 200")
    assert b"connection: close" in answer.lower()
    assert ended(sock)
    assert time.monotonic() - started < 1


def test_slow_bodies_do_not_stop_a_probe(serve, connect, ask, site, until):
    """Not even beside a route that hangs on them."""
    server = serve(connections=32)
    slow = b"GET /hang HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n"
    socks = [connect(server, slow) for _ in range(100)]
    until(lambda: site.hangs == 2)
    for _ in range(5):
        for sock in socks:
            try:
                sock.send(b"x")
            except OSError:
                continue
        assert quick(ask, server) == 200


@pytest.mark.parametrize("pipelined", [1, 20])
def test_clients_that_do_not_read_are_bounded(serve, connect, ask, until, pipelined):
    """They give way to a probe at the cap, and end at the deadline of the request."""
    server = serve(connections=8, request_seconds=0.6, idle_seconds=0.2)
    for _ in range(12):
        connect(server, BIG * pipelined)
    for _ in range(5):
        assert quick(ask, server, within=2.0) == 200
    until(lambda: server.connections == 0, timeout=4)
    assert server.counts.timed_out > 0


def test_at_the_cap_who_waits_for_us_stays(serve, connect, ask, site, until):
    """Requests that hang on our side keep their seats, at most half of all, so that a probe finds one."""
    server = serve(connections=4)
    hang = b"GET /hang HTTP/1.1\r\nHost: x\r\n\r\n"
    waiting = [connect(server, hang), connect(server, hang)]
    until(lambda: site.hangs == 2)
    for _ in range(20):
        connect(server, hang)
    assert quick(ask, server) == 200
    assert quick(ask, server, "/metrics") == 503
    site.release.set()
    for sock in waiting:
        assert sock.recv(100).startswith(b"HTTP/1.1 200")
    assert quick(ask, server, "/metrics") == 200
    assert server.counts.refused == 0


def test_the_oldest_waiting_connection_gives_way(serve, connect, ask, ended, until):
    """Not the one that has just come."""
    server = serve(connections=3)
    socks = []
    for number in range(3):
        socks.append(connect(server, HEAD))
        until(lambda: server.connections == number + 1)  # noqa: B023
    assert ask(server)[0] == 200
    assert ended(socks[0])
    assert not ended(socks[2], timeout=0.1)


def test_who_floods_sends_away_his_own(serve, connect, ask, ended, until):
    """An honest head from another address is not among those that give way, however old."""
    server = serve(connections=8)
    other = socket.socket()
    with other:
        try:
            other.bind(("127.0.0.2", 0))
        except OSError as error:
            pytest.skip(f"there is no second address here: {error}")
        other.settimeout(5)
        other.connect((server.host, server.port))
        other.sendall(HEAD)
        until(lambda: server.connections == 1)
        for _ in range(50):
            connect(server, HEAD)
        until(lambda: server.counts.evicted >= 43)
        other.sendall(b"\r\n")
        assert other.recv(100).startswith(b"HTTP/1.1 200")


def test_endless_bodies_of_tiny_chunks_do_not_stop_a_probe(serve, connect, ask):
    """They are not taken apart, and not even read."""
    server = serve()
    chunks = b"1\r\na\r\n" * 200_000
    for _ in range(5):
        sock = connect(server, b"GET /slow HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        sock.settimeout(0)
        with contextlib.suppress(OSError):
            sock.send(chunks)
        assert quick(ask, server, within=0.3) == 200


@pytest.mark.parametrize("size", [20_000, 60_000, 2_000_000])
def test_a_head_is_limited_in_size(serve, connect, size):
    """However fast it is sent."""
    server = serve(head_bytes=8192)
    sock = connect(server)
    try:
        sock.sendall(HEAD + b"X-Long: " + b"a" * size)
        sock.settimeout(3)
        assert sock.recv(1000).startswith(b"HTTP/1.1 400")
    except ConnectionError:
        pass  # cut off while still sending
    assert server.counts.malformed == 1


def attack(server, requests, connect):
    """Send each on its own connection, half of them cut short, and wait until the server has let go of all."""
    for number, request in enumerate(requests):
        sock = connect(server)
        try:
            sock.sendall(request)
            if number % 4 == 0:
                sock.shutdown(socket.SHUT_WR)
            elif number % 4 == 1:
                # A reset in the middle of things.
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                sock.close()
        except OSError:
            continue


def test_malformed_requests_log_nothing(*, serve, connect, ask, site, until, caplog, capfd):
    """Not a line, not a report, and the next probe is answered; they are only counted."""
    caplog.set_level(logging.INFO)
    server = serve(head_seconds=0.4, idle_seconds=0.3, request_seconds=1.0)
    caplog.clear()
    attack(server, corpus(1, 300), connect)
    assert quick(ask, server) == 200
    until(lambda: server.connections == 0)
    assert caplog.records == []
    assert capfd.readouterr() == ("", "")
    assert site.errors == []
    assert server.counts.malformed > 50


def test_without_descriptors_it_waits_and_recovers(serve, ask, until, site, caplog):
    """The process's shortage is reported once, costs no processor time, and ends when it ends."""
    resource = pytest.importorskip("resource", reason="descriptor limits are a matter of POSIX")
    server = serve()
    assert ask(server)[0] == 200
    until(lambda: server.connections == 0)
    gc.collect()  # nobody's descriptor is closed later, which would make room
    time.sleep(0.05)
    caplog.clear()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.ExitStack() as stack:
        client = stack.enter_context(socket.socket())
        client.settimeout(5)
        last = stack.enter_context(Path(os.devnull).open("rb"))
        stack.callback(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        resource.setrlimit(resource.RLIMIT_NOFILE, (last.fileno() + 1, hard))
        with contextlib.suppress(OSError):  # no gap stays below the limit
            while True:
                stack.enter_context(Path(os.devnull).open("rb"))
        client.connect((server.host, server.port))
        client.sendall(HEAD + b"\r\n")
        before = time.process_time()
        time.sleep(0.7)
        assert time.process_time() - before < 0.1
        assert server.counts.starved >= 1
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        assert client.recv(100).startswith(b"HTTP/1.1 200")
    assert [type(error) for error in site.errors] == [OSError]
    assert caplog.records == []


@pytest.mark.parametrize("on_error", [list.append, lambda _told, _error: 1 / 0], ids=["told", "deaf"])
def test_a_connection_that_cannot_be_ended_in_order_is_cut_off_and_told(on_error):
    """Whoever is told may raise itself: the connections behind it are closed all the same."""
    ours, theirs = socket.socketpair()

    class Stuck:
        def shutdown(self):
            raise RuntimeError("not now")

    told = []
    with ours, theirs:
        seat = Seat(ours, "127.0.0.1", 0.0, 1.0)
        seat.protocol = Stuck()
        seat.finish(lambda error: on_error(told, error))
        assert theirs.recv(1) == b""
    assert [str(error) for error in told] == (["not now"] if on_error is list.append else [])
