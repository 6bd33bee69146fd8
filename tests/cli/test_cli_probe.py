"""The container probe: one line on stdout and a code that says which."""

import contextlib
import socket
import subprocess
import sys
import threading
import time

import pytest

from gpt_trader_telemetry.cli.main import main
from gpt_trader_telemetry.http.app import Response, json_response
from gpt_trader_telemetry.http.health_server import Access, start_health_server
from support.certificates import make_certificate

PASSING = {
    "/live": lambda _: json_response(200, {"status": "pass", "live": True}),
    "/ready": lambda _: json_response(200, {"status": "pass", "ready": True, "reason": "application_ready"}),
    "/health": lambda _: json_response(200, {"status": "degraded", "reason": "signals: WARN"}),
}
FAILING = {
    "/live": lambda _: json_response(503, {"status": "fail", "live": False}),
    "/ready": lambda _: json_response(503, {"status": "fail", "ready": False, "reason": "warming_up"}),
    "/health": lambda _: json_response(503, {"status": "unhealthy", "reason": "critical checks failing: broker"}),
}


@pytest.fixture
def serve():
    """Start servers; they are stopped at the end."""
    with contextlib.ExitStack() as stack:

        def serve(routes, **access):
            server = start_health_server(routes, host="127.0.0.1", port=0, access=Access(**access))
            stack.callback(server.stop)
            return server

        yield serve


@pytest.fixture
def probe(capsys):
    """Run the command: (code, what it wrote to stdout)."""

    def probe(what, url, *more):
        try:
            code = main(["probe", what, "--url", url, *map(str, more)])
        except SystemExit as error:
            code = error.code
        out = capsys.readouterr().out
        assert out.count("\n") <= 1
        return code, out.rstrip("\n")

    return probe


@pytest.mark.parametrize(
    ("routes", "what", "expected"),
    [
        (PASSING, "live", (0, "live: pass")),
        (PASSING, "ready", (0, "ready: pass (application_ready)")),
        (PASSING, "health", (0, "health: degraded (signals: WARN)")),
        (FAILING, "live", (1, "live: fail")),
        (FAILING, "ready", (1, "ready: fail (warming_up)")),
        (FAILING, "health", (1, "health: unhealthy (critical checks failing: broker)")),
    ],
)
def test_the_code_and_the_line_say_what_the_bot_says(serve, probe, routes, what, expected):
    """0 for pass, 1 for failing, with the reason."""
    url = serve(routes).url
    assert probe(what, url) == expected
    assert probe(what, url + "/") == expected


def test_under_a_prefix(serve, probe):
    """As where the app is mounted in another service."""
    url = serve({"/live": PASSING["/live"], "/ops/bot/ready": PASSING["/ready"]}).url
    assert probe("ready", url + "/ops/bot")[0] == probe("ready", url + "/ops/bot/")[0] == 0
    assert probe("ready", url) == (2, "ready: HTTP status 404: nothing is served under that path: is the URL right?")


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (Response(200, {"content-type": "text/html"}, b"<h1>It works!</h1>"), 2),
        (json_response(200, {"status": "ok"}), 2),
        (json_response(200, ["pass"]), 2),
        (json_response(200, {"status": ["pass"]}), 2),
        (Response(307, {"location": "http://127.0.0.1:1/"}), 2),
        (Response(503, {"content-type": "text/plain"}, b"busy"), 1),
        (json_response(503, {"error": "Service unavailable", "hint": "No answer within 10 s"}), 1),
        (json_response(500, {"error": "Internal server error"}), 1),
        (json_response(503, {"status": "pass"}), 1),
    ],
)
def test_what_is_not_a_bots_answer_never_passes(serve, probe, answer, code):
    """Somebody else on the port is a mistake of ours; an answer that the bot cannot give is its failure."""
    assert probe("ready", serve({"/ready": lambda _: answer, "/live": lambda _: answer}).url)[0] == code


def test_a_token_is_sent_and_never_shown(serve, probe, tmp_path):
    """From its file; without it, or with another, the line says what is missing."""
    token = tmp_path / "token"
    token.write_text("correct-horse-battery-staple\n")
    token.chmod(0o600)
    url = serve(PASSING, token_file=token).url
    assert probe("health", url, "--token-file", token)[0] == 0
    assert probe("health", url) == (2, "health: HTTP status 401: it needs the bearer token: --token-file")
    assert probe("ready", url)[0] == 0
    token.write_text("another-horse-battery-staple\n")
    code, line = probe("health", url, "--token-file", token)
    assert (code, "horse" in line) == (2, False)
    for content in (b"", b"a\nb", b"\xff"):
        token.write_bytes(content)
        assert probe("health", url, "--token-file", token)[0] == 2
    assert "No such file" in probe("health", url, "--token-file", tmp_path / "missing")[1]


@pytest.mark.parametrize(
    "arguments",
    [
        ["probe"],
        ["probe", "metrics"],
        ["probe", "ready", "--timeout", "0"],
        ["probe", "ready", "--timeout", "nan"],
        ["probe", "ready", "--url", "localhost:8080"],
        ["probe", "ready", "--url", "ftp://localhost"],
        ["probe", "ready", "--url", "http://"],
        ["probe", "ready", "--url", "http://["],
        ["probe", "ready", "--url", "http://x:y"],
        ["probe", "ready", "--url", "http://x/a b\r\nX: y"],
        ["probe", "ready", "--url", "https://x", "--ca-file", "/missing.pem"],
    ],
)
def test_wrong_use_is_2(arguments, capsys):
    """Said at once, without a word to anybody."""
    try:
        code = main(arguments)
    except SystemExit as error:
        code = error.code
    told = capsys.readouterr()
    assert code == 2
    assert told.out.count("\n") + told.err.count("error:") == 1


def test_nobody_there_is_3(probe):
    """And the line says where, without the password of the URL."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    code, line = probe("live", f"http://bob:hunter2@127.0.0.1:{port}")
    assert (code, line) == (3, f"live: unreachable: http://127.0.0.1:{port}: Connection refused")


@pytest.mark.parametrize("drip", [b"", b"H", b"HTTP/1.1 200 OK\r\nX: "])
def test_the_timeout_is_for_all_of_it(probe, drip):
    """However slowly the answer comes, byte by byte."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        done = threading.Event()

        def answer():
            sock, _ = listening.accept()
            with sock, contextlib.suppress(OSError):
                sock.sendall(drip)
                while not done.wait(0.05):
                    if drip:
                        sock.sendall(b"a")

        thread = threading.Thread(target=answer)
        thread.start()
        started = time.monotonic()
        code, line = probe("live", f"http://127.0.0.1:{listening.getsockname()[1]}", "--timeout", "0.4")
        assert time.monotonic() - started < 1.5
        assert code == 3
        assert "no answer" in line
        done.set()
        thread.join()


@pytest.mark.parametrize("junk", [b"", b"SSH-2.0-OpenSSH\r\n", b"\x00\xff" * 50])
def test_what_is_no_http_is_3(probe, junk):
    """An answer that breaks off, or another protocol."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def answer():
            sock, _ = listening.accept()
            with sock:
                sock.recv(1000)
                sock.sendall(junk)

        thread = threading.Thread(target=answer)
        thread.start()
        assert probe("live", f"http://127.0.0.1:{listening.getsockname()[1]}")[0] == 3
        thread.join()


def test_what_a_server_sends_cannot_steer_the_terminal(serve, probe):
    """One printable line of a bounded length."""
    reason = "\x1b[2J\r\nready: pass\u202e" + "x" * 5000
    server = serve({"/ready": lambda _: json_response(503, {"status": "fail", "reason": reason}), "/live": None})
    code, line = probe("ready", server.url)
    assert code == 1
    assert line.isprintable()
    assert len(line) < 250


def test_over_tls_with_the_certificates_that_are_trusted(serve, probe, tmp_path):
    """And not with any other."""
    cert, key = make_certificate(tmp_path)
    server = serve(PASSING, tls_certificate=cert, tls_key=key)
    assert probe("ready", server.url, "--ca-file", cert) == (0, "ready: pass (application_ready)")
    code, line = probe("ready", server.url)
    assert code == 3
    assert "certificate" in line


def test_help_shows_examples(capsys):
    """With the codes."""
    with pytest.raises(SystemExit) as ended:
        main(["probe", "--help"])
    told = capsys.readouterr().out
    assert ended.value.code == 0
    assert "HEALTHCHECK" in told
    assert "unreachable" in told


def test_as_a_program():
    """Exit codes reach the shell."""
    server = start_health_server(FAILING, host="127.0.0.1", port=0)
    command = [sys.executable, "-m", "gpt_trader_telemetry.cli", "probe", "ready", "--url", server.url]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    server.stop()
    assert (done.returncode, done.stdout, done.stderr) == (1, "ready: fail (warming_up)\n", "")
