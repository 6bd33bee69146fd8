"""TLS: the same answers, and the same bounds from before the handshake."""

import socket
import ssl
import time

import pytest

from gpt_trader_telemetry.errors import ConfigurationError
from gpt_trader_telemetry.http.server import start


def test_tls_serves_https(serve, ask, tls):
    """With the certificate that was given."""
    server = serve(ssl_context=tls[0])
    assert server.url == f"https://127.0.0.1:{server.port}"
    assert ask(server, tls=tls[1])[0] == 200
    assert len(ask(server, "/metrics", tls=tls[1])[2]) == 6000
    assert len(ask(server, "/big", tls=tls[1])[2]) == 16 << 20


def test_handshakes_count_against_the_cap_and_have_the_heads_time(*, serve, connect, ask, tls, ended, until, site):
    """100 that never finish theirs stop no probe, and are cut off."""
    server = serve(ssl_context=tls[0], connections=16, head_seconds=0.7)
    hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"
    socks = [connect(server, hello[: number % 12]) for number in range(100)]
    assert server.connections <= 16 + 24
    started = time.monotonic()
    assert ask(server, tls=tls[1])[0] == 200
    assert time.monotonic() - started < 1.0
    assert all(ended(sock, timeout=2.5) for sock in socks)
    until(lambda: server.connections == 0)
    assert server.counts.timed_out >= 10
    assert site.errors == []


def test_a_dripping_head_over_tls_has_the_heads_time(serve, connect, tls, ended):
    """Counted from the connection's start, the handshake included."""
    server = serve(ssl_context=tls[0], head_seconds=0.6)
    with tls[1].wrap_socket(connect(server), server_hostname="127.0.0.1") as sock:
        sock.sendall(b"GET /live HTTP/1.1\r\nHost: x\r\n")
        started = time.monotonic()
        assert ended(sock)
        assert time.monotonic() - started < 1.5
    assert server.counts.timed_out == 1


@pytest.mark.parametrize("pipelined", [1, 20])
def test_tls_clients_that_do_not_read_are_bounded(*, serve, connect, ask, tls, until, pipelined):
    """They give way to a probe, and end at the deadline."""
    server = serve(ssl_context=tls[0], connections=4, request_seconds=0.6, idle_seconds=0.2)
    socks = []
    for _ in range(6):
        sock = tls[1].wrap_socket(connect(server), server_hostname="127.0.0.1")
        sock.sendall(b"GET /big HTTP/1.1\r\nHost: x\r\n\r\n" * pipelined)
        socks.append(sock)
    for _ in range(3):
        assert ask(server, tls=tls[1])[0] == 200
    until(lambda: server.connections == 0, timeout=4)
    for sock in socks:
        sock.close()


def test_what_is_not_tls_is_counted_and_logs_nothing(*, serve, connect, ask, tls, ended, site, caplog, capfd):
    """Plain HTTP and junk on the TLS port."""
    server = serve(ssl_context=tls[0])
    caplog.clear()
    for junk in (b"GET /live HTTP/1.1\r\nHost: x\r\n\r\n", b"\x00" * 100, b"\x16\x03\x01\x00\x05junk!"):
        assert ended(connect(server, junk))
    connect(server, b"\x16\x03").close()
    assert ask(server, tls=tls[1])[0] == 200
    assert server.counts.malformed >= 3
    assert (caplog.records, capfd.readouterr(), site.errors) == ([], ("", ""), [])


def test_stop_is_bounded_during_handshakes(serve, connect, tls, until):
    """And while connections over TLS are idle."""
    server = serve(ssl_context=tls[0])
    for _ in range(5):
        connect(server, b"\x16")
    idle = tls[1].wrap_socket(connect(server), server_hostname="127.0.0.1")
    until(lambda: server.connections == 6)
    started = time.monotonic()
    assert server.stop()
    assert time.monotonic() - started < 1.5
    idle.close()


def test_a_clients_context_is_refused(site):
    """At once, not at every handshake."""
    with pytest.raises(ConfigurationError, match="PROTOCOL_TLS_SERVER"):
        start(site.app(), host="127.0.0.1", port=0, ssl_context=ssl.create_default_context())


def test_no_descriptor_is_left_after_handshakes_were_cut_off(serve, connect, tls, descriptors):
    """Stopped in the middle of everything."""
    serve(ssl_context=tls[0]).stop()
    before = descriptors()
    server = serve(ssl_context=tls[0])
    for _ in range(10):
        socket.create_connection((server.host, server.port)).close()
    connect(server, b"\x16")
    assert server.stop()
    assert descriptors() == before + 1  # the client's own
