"""A daemon with one listener of a transport, and what a test of transports asks it."""
import socket

from . import lineproto, load
from .daemon import Tsaggd
from .ports import LOOPBACK, free_port
from .wait import until


class Streams(Tsaggd):
    """A daemon with a listener of this scheme; options are the listener's."""

    def __init__(self, scheme="tcp", **options):
        super().__init__(
            rollups=[{"name": "r", "every": "10s", "lateness": "2s", "aggregates": ["count", "sum"], "to": ["file"]}],
            **load.ONLY_BY_WATERMARK)
        self.config["sinks"] = {"file": {"type": "file", "path": str(self.dir / "out.lp")}}
        self.scheme = scheme
        self.port = free_port()
        self.path = self.dir / "in.sock"
        self.url = f"{scheme}://{LOOPBACK}:{self.port}" if scheme in ("tcp", "udp") else f"{scheme}://{self.path}"
        self.config["listen"] = [{"url": self.url, **options}]

    def connect(self):
        if self.scheme == "tcp":
            return socket.create_connection((LOOPBACK, self.port))
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM if self.scheme == "unixgram" else socket.SOCK_STREAM)
        sock.connect(str(self.path))
        return sock

    def say(self, *pieces):
        """Send these bytes on a connection of their own."""
        with self.connect() as sock:
            for piece in pieces:
                sock.sendall(piece)

    def listener(self):
        return next(lis for lis in self.status()["listeners"] if lis["url"] == self.url)

    def reasons(self, name):
        return {dict(labels)["reason"]: int(value) for (metric, labels), value in self.metrics().items()
                if metric == f"tsagg_{name}_total" and value}

    def wait_open(self, connections):
        def now_open():
            lis = self.listener()
            return lis["connections_accepted"] - lis["connections_closed"] == connections
        until(now_open, 30, f"{connections} connections open")

    def written(self):
        """{measurement: sum of the sums written}, after the end of the daemon."""
        if self.running():
            self.assert_balanced()
            self.stop()
        found = {}
        for (measurement, _, _), fields in lineproto.read_points((self.dir / "out.lp").read_text()).items():
            found[measurement] = found.get(measurement, 0) + sum(v for k, v in fields.items() if k.endswith("sum"))
        return found
