"""Hostile clients, each in a process of its own, so that their sockets are not counted as the server's.

python -m support.attackers slow|flood|steady|junk HOST PORT [AMOUNT] [SECONDS]; prints what it saw as JSON.
"""

import collections
import contextlib
import itertools
import json
import select
import socket
import sys
import threading
import time

from support.malformed import HEAD, corpus

PATHS = ("/live", "/ready", "/health", "/metrics", "/status.json", "/", "/nope")


def slow(host: str, port: int, amount: int, seconds: float) -> dict:
    """Keep connections open that drip a byte of a head now and then; what is cut off comes again."""
    end, opened = time.monotonic() + seconds, 0
    socks: dict[socket.socket, float] = {}
    while time.monotonic() < end:
        for sock in select.select(list(socks), [], [], 0)[0] if socks else []:
            del socks[sock]
            sock.close()
        while len(socks) < amount:
            with contextlib.suppress(OSError):
                sock = socket.create_connection((host, port), timeout=2)
                sock.sendall(HEAD + b"X-Drip: ")
                socks[sock] = time.monotonic()
                opened += 1
        for sock in socks:
            with contextlib.suppress(OSError):
                sock.send(b"a")
        time.sleep(0.25)
    for sock in socks:
        sock.close()
    return {"opened": opened}


def flood(host: str, port: int, amount: int, seconds: float) -> dict:
    """Send heads without end: one header of any length, and headers by the thousand; as fast as they are taken."""
    end, sent = time.monotonic() + seconds, 0
    bulks = itertools.cycle(
        (HEAD + b"X-Long: " + b"a" * 200_000, HEAD + b"".join(b"X-%d: y\r\n" % number for number in range(20_000)))
    )
    while time.monotonic() < end:
        with contextlib.suppress(OSError), socket.create_connection((host, port), timeout=2) as sock:
            sock.sendall(next(bulks))
            sock.recv(1000)
        sent += 1
        time.sleep(1 / amount)
    return {"sent": sent}


def steady(host: str, port: int, amount: int, seconds: float) -> dict:
    """Ask so many times a second, each request on its own connection; tell how often and how late the answers came."""
    statuses: collections.Counter = collections.Counter()
    late: dict[str, float] = collections.defaultdict(float)
    paths = itertools.cycle(PATHS)
    lock = threading.Lock()
    start = time.monotonic()
    turns = iter(range(int(amount * seconds)))

    def work() -> None:
        while True:
            with lock:
                turn, path = next(turns, None), next(paths)
            if turn is None:
                return
            time.sleep(max(0.0, start + turn / amount - time.monotonic()))
            asked = time.monotonic()
            status = _status(host, port, path)
            with lock:
                statuses[f"{path} {status}"] += 1
                if status:
                    late[path] = max(late[path], time.monotonic() - asked)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return {"statuses": statuses, "late": late, "seconds": time.monotonic() - start}


def _status(host: str, port: int, path: str) -> int:
    try:
        with socket.create_connection((host, port), timeout=5) as sock:
            sock.sendall(f"GET {path}?a=b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
            answer = b"".join(iter(lambda: sock.recv(1 << 16), b""))
        return int(answer.split(b" ", 2)[1])
    except (OSError, IndexError, ValueError):
        return 0


def junk(host: str, port: int, amount: int, seconds: float) -> dict:
    """Send a corpus of malformed requests, each on its own connection, which ends in one of four ways."""
    sent, left_open = 0, collections.deque(maxlen=40)
    for number, request in enumerate(corpus(3, amount)):
        try:
            sock = socket.create_connection((host, port), timeout=2)
            sock.sendall(request)
            sent += 1
            if number % 4 == 0:
                sock.shutdown(socket.SHUT_WR)
                sock.settimeout(0.2)
                sock.recv(1000)
                sock.close()
            elif number % 4 == 1:
                # A reset in the middle of things.
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                sock.close()
            elif number % 4 == 2:
                sock.close()
            else:
                if len(left_open) == left_open.maxlen:
                    left_open[0].close()
                left_open.append(sock)
        except OSError:
            continue
    for sock in left_open:
        sock.close()
    return {"sent": sent}


if __name__ == "__main__":
    kind, to_host, to_port, how_many, how_long = sys.argv[1:]
    seen = {"slow": slow, "flood": flood, "steady": steady, "junk": junk}[kind](
        to_host, int(to_port), int(how_many), float(how_long)
    )
    json.dump(seen, sys.stdout)
