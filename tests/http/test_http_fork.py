"""A forked child lets go of the parent's listener, and the parent does not notice."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

PRELUDE = """
import os, signal, socket, sys, time, urllib.request
from gpt_trader_telemetry.http.app import App, json_response
from gpt_trader_telemetry.http.server import start

def live(server):
    return urllib.request.urlopen(server.url + "/live", timeout=5).status

def sockets():
    links = []
    for name in os.listdir("/proc/self/fd"):
        try:
            links.append(os.readlink("/proc/self/fd/" + name))
        except OSError:
            pass
    return sum(link.startswith("socket:") for link in links)

def slow(request):
    time.sleep(0.5)
    return json_response(200, {})

app = App({"/live": lambda request: json_response(200, {}), "/slow": slow}, fast=["/live"])
server = start(app, host="127.0.0.1", port=0)
assert live(server) == 200
"""


@pytest.fixture
def script():
    """Run a script in a process of its own, so that no test process is ever forked."""
    if not hasattr(os, "fork") or not Path("/proc/self/fd").exists():
        pytest.skip("there is no fork, or no /proc to look at descriptors in")

    def script(code):
        done = subprocess.run(
            [sys.executable, "-W", "ignore::DeprecationWarning", "-c", PRELUDE + textwrap.dedent(code)],
            capture_output=True, timeout=30, check=False, text=True,
        )  # fmt: skip
        assert done.stderr == ""
        assert done.returncode == 0
        return done.stdout

    return script


def test_the_parent_serves_on_and_its_port_is_free_after_it_stops(script):
    """Though the child lives, and connections were open at the fork."""
    script("""
        idle = socket.create_connection((server.host, server.port))
        idle.sendall(b"GET /li")
        busy = socket.create_connection((server.host, server.port))
        busy.sendall(b"GET /slow HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n")
        time.sleep(0.2)
        readable, writable = os.pipe()
        child = os.fork()
        if child == 0:
            server.close_inherited()
            os.write(writable, b"x")
            signal.pause()
        assert os.read(readable, 1) == b"x"
        try:
            assert busy.recv(1000).startswith(b"HTTP/1.1 200")
            idle.sendall(b"ve HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n")
            assert idle.recv(1000).startswith(b"HTTP/1.1 200")
            for _ in range(5):
                assert live(server) == 200
            assert server.stop()
            for sock in (idle, busy):  # no copy in the child keeps them open
                sock.settimeout(5)
                while sock.recv(1000):
                    pass
            again = start(app, host="127.0.0.1", port=server.port)
            assert live(again) == 200
            assert again.stop()
        finally:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
    """)


def test_the_child_keeps_no_socket_and_may_serve_itself(script):
    """stop() and close_inherited() do the same there, any number of times; a new server has its own port."""
    script("""
        connections = [socket.create_connection((server.host, server.port)) for _ in range(3)]
        time.sleep(0.2)
        before = sockets()
        child = os.fork()
        if child == 0:
            code = 1
            try:
                assert not server.running
                assert server.stop()
                server.close_inherited()
                server.close_inherited()
                assert before - sockets() == 4, sockets()  # three accepted ones and the listener
                own = start(app, host="127.0.0.1", port=0)
                assert live(own) == 200
                assert own.stop()
                code = 0
            finally:
                os._exit(code)
        assert os.waitpid(child, 0)[1] == 0
        assert live(server) == 200
        assert server.stop()
    """)


def test_in_the_parent_close_inherited_does_nothing(script):
    """It is the child's."""
    script("""
        server.close_inherited()
        assert live(server) == 200
        assert server.stop()
        server.close_inherited()
    """)


def test_a_child_that_exits_in_the_ordinary_way_is_silent(script):
    """Its interpreter ends without a word about the parent's event loop."""
    script("""
        child = os.fork()
        if child == 0:
            server.close_inherited()
            sys.exit(0)
        assert os.waitpid(child, 0)[1] == 0
        assert live(server) == 200
        assert server.stop()
    """)


def test_the_probes_port_is_let_go_as_well(script):
    """A child that lives on keeps neither of the parent's two ports from being free."""
    script(
        """
        from gpt_trader_telemetry.http.health_server import Access, start_health_server
        both = start_health_server({"/live": app_live, "/ready": app_live}, host="127.0.0.1", port=0, access=Access(probe_port=0))
        ports = [int(url.rpartition(":")[2]) for url in (both.url, both.probe_url)]
        read, write = os.pipe()
        child = os.fork()
        if not child:
            both.close_inherited()
            server.close_inherited()
            os.write(write, b"x")
            time.sleep(20)
            os._exit(0)
        os.read(read, 1)
        assert both.running and live(both) == 200
        assert both.stop() and server.stop()
        for port in ports:
            socket.create_server(("127.0.0.1", port)).close()
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    """.replace("app_live", "lambda request: json_response(200, {})")
    )
