"""The server over real sockets: where it listens, what it answers, and how it ends."""

import gzip
import json
import logging
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from gpt_trader_telemetry.errors import ConfigurationError
from gpt_trader_telemetry.http.app import App, json_response
from gpt_trader_telemetry.http.server import start


def test_get_head_query_and_refusals_over_a_socket(serve, ask):
    """What the app says is what the client gets."""
    server = serve()
    status, headers, body = ask(server, "/live?x=1&y=%20")
    assert (status, json.loads(body)) == (200, {"live": True})
    assert headers["content-type"] == "application/json"
    assert {"date", "cache-control", "x-content-type-options"} <= set(headers)
    assert "server" not in headers
    assert json.loads(ask(server, "/echo?a=b")[2])["query"] == "a=b"

    got, head = ask(server, "/metrics"), ask(server, "/metrics", "HEAD")
    assert (head[0], head[2], head[1]["content-length"]) == (200, b"", got[1]["content-length"])
    assert (ask(server, "/nope")[0], ask(server, "/live", "DELETE")[0]) == (404, 405)
    assert ask(server, f"{server.url}/live")[0] == 200  # the absolute form, as a proxy is sent it


def test_gzip_over_a_socket(serve, ask):
    """A scraper that takes gzip is sent it."""
    status, headers, body = ask(serve(), "/metrics", Accept_Encoding="deflate, gzip")
    assert (status, headers["content-encoding"]) == (200, "gzip")
    assert gzip.decompress(body) == b"orders_total 1\n" * 400


def test_repeated_headers_are_joined(serve, connect, ended):
    """As HTTP says of lists."""
    sock = connect(serve(), b"GET /echo HTTP/1.1\r\nHost: x\r\nAccept: a\r\nACCEPT: b\r\nConnection: close\r\n\r\n")
    assert b'"accept": "a, b"' in b"".join(iter(lambda: sock.recv(65536), b""))
    assert ended(sock)


def test_one_connection_serves_many_requests(serve, connect):
    """Kept alive, as a scraper does it."""
    sock = connect(serve())
    for _ in range(3):
        sock.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
        answer = b""
        while len(answer) < 6000:
            answer += sock.recv(65536)
        assert answer.startswith(b"HTTP/1.1 200")


def test_who_does_not_wait_for_the_answer_gets_one_and_the_end(serve, connect, site):
    """Requests are not queued: a client that pipelines must be prepared to ask again."""
    sock = connect(serve(), b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n" + b"GET /live HTTP/1.1\r\nHost: x\r\n\r\n" * 1000)
    answers = b"".join(iter(lambda: sock.recv(65536), b""))
    assert answers.count(b"HTTP/1.1 200") == 1
    assert answers.endswith(b'{"slow": true}')


def test_a_client_that_has_said_all_still_gets_its_answer(serve, connect):
    """Half-closed, as netcat leaves a connection at the end of its input."""
    sock = connect(serve(), b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
    sock.shutdown(socket.SHUT_WR)
    assert b'{"slow": true}' in b"".join(iter(lambda: sock.recv(65536), b""))


def test_concurrent_scrapes_all_get_whole_answers(serve, ask):
    """Sixteen at a time, a few rounds of them."""
    server = serve()
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: ask(server, "/metrics"), range(160)))
    assert {(status, len(body)) for status, _, body in answers} == {(200, 6000)}


def test_a_broken_route_is_a_500_and_is_reported(serve, ask, site):
    """SystemExit included: a handler does not end the listener."""
    server = serve()
    assert (ask(server, "/broken")[0], ask(server, "/exit")[0], ask(server)[0]) == (500, 500, 200)
    assert [type(error) for error in site.errors] == [ZeroDivisionError, SystemExit]


def test_a_taken_port_fails_at_once_and_says_what_to_do(serve, site):
    """In the calling thread, with nothing left behind."""
    server = serve()
    threads = threading.active_count()
    with pytest.raises(ConfigurationError) as caught:
        start(site.app(), host="127.0.0.1", port=server.port)
    assert (
        f"port {server.port} on 127.0.0.1 is taken; set GPT_TRADER_HEALTH_PORT to another, 0 takes a free one"
        in str(caught.value)
    )
    assert threading.active_count() == threads


@pytest.mark.parametrize(
    ("host", "port", "words"),
    [
        ("no-such-host.invalid", 8080, r"no-such-host\.invalid:8080: .* cannot be resolved"),
        (
            "192.0.2.1",
            8080,
            r"192\.0\.2\.1:8080: 192\.0\.2\.1 is no address of this machine; set GPT_TRADER_HEALTH_HOST",
        ),
        ("", 8080, "no host is given"),
        ("a" * 80, 8080, "cannot be resolved"),
        ("nul\0", 8080, "cannot be resolved"),
        ("127.0.0.1", 99999, "127.0.0.1:99999"),
        ("127.0.0.1", -1, "127.0.0.1:-1"),
    ],
)
def test_a_place_where_nobody_can_listen_is_named(host, port, words, site):
    """With the variable that sets it."""
    with pytest.raises(ConfigurationError, match=words):
        start(site.app(), host=host, port=port)


def test_port_0_takes_a_free_one_and_the_url_shows_it(serve, ask):
    """Two servers, two ports."""
    one, other = serve(), serve()
    assert one.port != other.port
    assert one.port > 0
    assert one.url == f"http://127.0.0.1:{one.port}"
    assert (ask(one)[0], ask(other)[0]) == (200, 200)


def test_every_address_is_shown_as_one_that_can_be_opened(serve):
    """0.0.0.0 is where to listen, not where to go."""
    server = serve(host="0.0.0.0")
    assert (server.host, server.url) == ("0.0.0.0", f"http://127.0.0.1:{server.port}")


def test_localhost_is_the_address_that_scrape_configurations_spell_out(serve):
    """Of its two addresses the IPv4 one."""
    assert serve(host="localhost").host == "127.0.0.1"


def test_ipv6_is_served_and_bracketed(serve, ask):
    """Also by :: which means IPv4 as well."""
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError as error:
        pytest.skip(f"no IPv6 here: {error}")
    server = serve(host="::1")
    assert server.url == f"http://[::1]:{server.port}"
    assert ask(server)[0] == 200
    both = serve(host="::")
    assert both.url == f"http://[::1]:{both.port}"
    with socket.create_connection(("127.0.0.1", both.port), timeout=5) as sock:
        sock.sendall(b"GET /live HTTP/1.0\r\n\r\n")
        assert sock.recv(100).startswith(b"HTTP/1.1 200")


def test_stop_frees_the_port_and_may_be_called_again(serve, ask, site):
    """The same port serves the next server at once, though connections to the last one were open."""
    server = serve()
    assert ask(server)[0] == 200
    assert server.running
    assert server.stop()
    assert server.stop()
    assert not server.running
    assert ask(serve(port=server.port))[0] == 200


def test_stop_lets_answers_under_way_finish(serve, ask):
    """For half of its time."""
    server = serve()
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(ask, server, "/slow")
        time.sleep(0.1)
        assert server.stop()
        assert answer.result()[0] == 200


def test_stop_is_bounded_whatever_hangs(serve, connect, site, until):
    """Hung handlers, dripping heads, clients that do not read."""
    server = serve()
    for _ in range(4):
        connect(server, b"GET /hang HTTP/1.1\r\nHost: x\r\n\r\n")
        connect(server, b"GET /hang HTTP/1.1\r\nHo")
        connect(server, b"GET /big HTTP/1.1\r\nHost: x\r\n\r\n" * 3)
    until(lambda: site.hangs == 2 and server.connections == 12)
    started = time.monotonic()
    assert server.stop(timeout=1.0)
    assert time.monotonic() - started < 1.5
    assert server.connections == 0


def test_stop_from_many_threads_at_once(serve):
    """All of them are told that it has ended."""
    server = serve()
    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(lambda _: server.stop(), range(8)))


def test_stop_from_a_fast_route_does_not_wait_for_itself(serve, ask, until):
    """It asks for the end, and the answer still arrives."""
    stopped = []

    def route(_request):
        stopped.append(server.stop())
        return json_response(200, {})

    server = serve(App({"/live": route}, fast=["/live"]))
    assert ask(server)[0] == 200
    assert stopped == [False]
    until(lambda: not server.running)


def test_twenty_servers_leave_no_thread_and_no_descriptor(serve, ask, descriptors, until):
    """Each with a fast, a slow and an unfinished request."""

    def ours():
        return [thread for thread in threading.enumerate() if thread.name.startswith("gpt-trader-telemetry")]

    before = None
    for _ in range(20):
        server = serve()
        ask(server)
        ask(server, "/metrics")
        with socket.create_connection((server.host, server.port)) as sock:
            sock.sendall(b"GET /live HT")
            assert server.stop()
        if before is None:  # what is made once per process has been made
            until(lambda: not ours())
            before = descriptors()
    until(lambda: not ours())
    assert descriptors() == before


def test_the_users_own_uvicorn_keeps_its_loggers(serve, ask, caplog):
    """Neither handlers nor levels nor propagation change, and nothing is said in uvicorn's name."""
    names = ["uvicorn", "uvicorn.error", "uvicorn.access", "uvicorn.asgi"]
    handler = logging.NullHandler()
    logging.getLogger("uvicorn.access").addHandler(handler)

    def state():
        loggers = [logging.getLogger(name) for name in names]
        return [(logger.level, logger.propagate, list(logger.handlers), logger.disabled) for logger in loggers]

    before = state()
    caplog.set_level(1)  # below uvicorn's TRACE, at which it logs each message
    try:
        server = serve()
        assert ask(server)[0] == 200
        server.stop()
        assert state() == before
        assert [record for record in caplog.records if record.name != "asyncio"] == []
    finally:
        logging.getLogger("uvicorn.access").removeHandler(handler)


def test_an_idle_server_does_not_wake_the_bot(serve):
    """The listener's thread sleeps until somebody connects."""
    server = serve()
    time.sleep(0.1)
    before = time.clock_gettime(time.CLOCK_PROCESS_CPUTIME_ID)
    time.sleep(0.5)
    assert time.clock_gettime(time.CLOCK_PROCESS_CPUTIME_ID) - before < 0.01
    assert server.running


@pytest.mark.parametrize("ending", ["pass", "server.stop(0.2)"])
def test_the_interpreter_ends_though_a_handler_hangs(ending):
    """Its threads are daemons: with or without stop, exit is quick and silent."""
    code = f"""
import time, socket
from gpt_trader_telemetry.http.app import App
from gpt_trader_telemetry.http.server import start
server = start(App({{"/hang": lambda request: time.sleep(60)}}), host="127.0.0.1", port=0)
sock = socket.create_connection((server.host, server.port))
sock.sendall(b"GET /hang HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n")
time.sleep(0.2)
sock.close()
{ending}
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=20, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
