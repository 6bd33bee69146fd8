"""Requests as hostile and broken clients send them."""

import random
from collections.abc import Iterator

HEAD = b"GET /live HTTP/1.1\r\nHost: x\r\n"


def corpus(seed: int, size: int) -> Iterator[bytes]:
    """Yield requests that are none: known tricks, then mutations of a good request."""
    yield from (
        b"\r\n\r\n\r\n", b"\x00" * 50, b"GET\r\n\r\n", b"GET /\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n",
        b" GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n", b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"GET /\x80 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x5a" * 200,
        HEAD + b"Bad Name: x\r\n\r\n", HEAD + b": x\r\n\r\n", HEAD + b"X: a\x00b\r\n\r\n", HEAD + b" folded\r\n\r\n",
        HEAD + b"Content-Length: -1\r\n\r\n", HEAD + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n",
        HEAD + b"Content-Length: 99999999999999999999999999\r\n\r\n", HEAD + b"Content-Length: 1e3\r\n\r\n",
        HEAD + b"Transfer-Encoding: gzip\r\n\r\n", HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + b"f" * 40 + b"\r\n",
        HEAD + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /x HTTP/1.1\r\n\r\n",
        HEAD + b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: a\r\n\r\n",
        HEAD + b"Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: a\r\n\r\n",
        HEAD + b"Expect: 100-continue\r\nContent-Length: 3\r\n\r\n", b"CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\nrest",
        HEAD + b"A: b\r\n" * 900 + b"\r\n", (HEAD + b"\r\n") * 40 + b"junk",
        b"GET /slow HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"GET /%ff%00%0d%0a?%ff\xc2 HTTP/1.1\r\nHost: x\r\n\r\n", b"GET http:// HTTP/1.1\r\nHost: x\r\n\r\n",
        b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", b"GET /%2e%2e/%2e%2e/etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n",
    )  # fmt: skip
    dice = random.Random(seed)  # the same corpus in every run
    good = b"GET /metrics?a=b HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc"
    for _ in range(size):
        broken = bytearray(good)
        for _ in range(dice.randint(1, 6)):
            place = dice.randrange(len(broken))
            broken[place : place + dice.randint(0, 3)] = dice.randbytes(dice.randint(0, 3))
        yield bytes(broken)
