"""A server that takes writes like InfluxDB and answers what the test tells it to."""
import gzip
import http.server
import random
import socket
import struct
import threading
import time
import typing
import urllib.parse

from .ports import LOOPBACK


class Write(typing.NamedTuple):
    path: str
    params: dict
    headers: object
    lines: list
    connection: tuple  # the client's address
    at_s: float


class StubInflux:
    """answer(write, n) gives (status, headers) or (status, headers, body) for the n-th write, counted from 0, None to
    hang up, or a function that is called with the request's handler and writes what it likes."""

    def __init__(self, answer=lambda write, n: (204, {}), tls=None):
        self.answer = answer
        self.writes = []
        self.accepted = []  # lines
        self.lock = threading.Lock()
        self.server = http.server.ThreadingHTTPServer((LOOPBACK, 0), handler_of(self))
        self.server.daemon_threads = True
        self.server.handle_error = lambda *_: None  # clients that hang up, or show no certificate
        if tls:
            self.server.socket = tls.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        self.url = f"{'https' if tls else 'http'}://{LOOPBACK}:{self.server.server_port}"

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    def take(self, write):
        with self.lock:
            self.writes.append(write)
            answer = self.answer(write, len(self.writes) - 1)
            if not callable(answer) and answer and answer[0] == 204:
                self.accepted += write.lines
            return answer


def handler_of(stub):
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            url = urllib.parse.urlsplit(self.path)
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers["Content-Encoding"] == "gzip":
                body = gzip.decompress(body)
            answer = stub.take(Write(url.path, dict(urllib.parse.parse_qsl(url.query)), self.headers,
                                     body.decode().splitlines(), self.client_address, time.monotonic()))
            if answer is None:
                self.close_connection = True
                return
            if callable(answer):
                self.close_connection = True
                answer(self)
                return
            status, headers, *body = answer
            text = b"" if status == 204 else body[0] if body else b'{"code":"test","message":"as the test wants it"}'
            self.send_response(status)
            for name, value in {"Content-Length": str(len(text)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_):
            pass

    return Handler


class MenuInflux(StubInflux):
    """An InfluxDB with moods: each write meets a dish from a seeded menu.

    It stores points as InfluxDB does, a later one over a former one, and refuses those that is_bad(line) says are bad: with
    400 the whole batch, or with 422 those alone. 413 meets batches of more than three lines only: a single point that
    is too big would be a bad one.
    """

    DISHES = (*["good"] * 20, "401", "403", "404", "413", "429", "429_after", "500", "503", "hang", "reset",
              "reset_stored", "reset_mid_body", "slow_loris", "garbage")

    def __init__(self, seed, is_bad=lambda line: False, hang_s=0.5, dishes=DISHES):
        super().__init__(self.serve)
        self.random = random.Random(seed)
        self.is_bad = is_bad
        self.hang_s = hang_s
        self.dishes = dishes
        self.served = {}  # dish: times
        self.stored = {}  # (measurement and tags, time): fields as text
        self.twice = 0  # points stored again with the same fields

    def store(self, lines):
        for line in lines:
            name, fields, time_ns = split_point(line)
            self.twice += self.stored.get((name, time_ns)) == fields
            self.stored[name, time_ns] = fields

    def good(self, write):
        bad = [line for line in write.lines if self.is_bad(line)]
        partial = self.random.random() < 0.5
        if not bad or partial:
            self.store(line for line in write.lines if line not in bad)
        if not bad:
            return 204, {}
        if partial:
            return 422, {}, b'{"code":"unprocessable entity","message":"failure writing points to database: partial write: dropped=%d"}' % len(bad)
        named = self.random.random() < 0.5
        line = b',"line":%d' % (write.lines.index(bad[0]) + 1) if named else b""
        return 400, {}, b'{"code":"invalid","message":"unable to parse"%s}' % line

    def serve(self, write, n):
        dish = self.random.choice(self.dishes)
        self.served[dish] = self.served.get(dish, 0) + 1
        if dish == "413" and len(write.lines) <= 3:
            dish = "good"
        if dish == "good":
            return self.good(write)
        if dish in ("reset_stored", "reset_mid_body") and not any(map(self.is_bad, write.lines)):
            self.store(write.lines)
        return {"429_after": (429, {"Retry-After": "1"}), "hang": self.hang, "reset": reset, "reset_stored": reset,
                "reset_mid_body": reset_mid_body, "slow_loris": self.slow_loris, "garbage": garbage}.get(dish) or (int(dish), {})

    def hang(self, handler):
        time.sleep(self.hang_s)

    def slow_loris(self, handler):
        for byte in b"HTTP/1.1 204 No Content\r\n\r\n":
            try:
                handler.wfile.write(bytes([byte]))
            except OSError:
                return
            time.sleep(self.hang_s / 10)


def reset(handler):
    """Close with RST."""
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.connection.close()


def reset_mid_body(handler):
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf")
    reset(handler)


def garbage(handler):
    handler.wfile.write(bytes(range(256)) * 8)


def split_point(line):
    """(measurement and tags, fields, time) of a line without escapes."""
    return line.rsplit(" ", 2)
