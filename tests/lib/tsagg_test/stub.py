"""A server that takes writes like InfluxDB and answers what the test tells it to."""
import gzip
import http.server
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
    """answer(write, n) gives (status, headers) for the n-th write, counted from 0, or None to hang up."""

    def __init__(self, answer=lambda write, n: (204, {})):
        self.answer = answer
        self.writes = []
        self.accepted = []  # lines
        self.lock = threading.Lock()
        self.server = http.server.ThreadingHTTPServer((LOOPBACK, 0), handler_of(self))
        self.server.daemon_threads = True
        self.url = f"http://{LOOPBACK}:{self.server.server_port}"

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
            if answer and answer[0] == 204:
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
            status, headers = answer
            text = b"" if status == 204 else b'{"code":"test","message":"as the test wants it"}'
            self.send_response(status)
            for name, value in {"Content-Length": str(len(text)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_):
            pass

    return Handler
