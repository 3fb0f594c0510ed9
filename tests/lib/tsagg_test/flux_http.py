"""A daemon that keeps what is written over HTTP, and Flux asked of it as clients of InfluxDB do."""
import datetime
import http.client
import json

from .daemon import Tsaggd
from .ports import LOOPBACK

FLUX = "application/vnd.flux"
T0 = 1_600_000_000


class FluxDaemon(Tsaggd):
    """Bucket b; what POST /api/v2/write brings goes into it."""

    def __init__(self, token="", limits=None, **http_config):
        super().__init__(rollups=[{"name": "r", "every": "10s", "to": ["st"]}], sinks={"st": {"type": "store", "bucket": "b"}},
                         limits=limits or {})
        self.config["http"].update(write="store", token=token, **http_config)

    def connect(self, timeout_s=60):
        return http.client.HTTPConnection(LOOPBACK, self.http_port, timeout=timeout_s)

    def request(self, method, path, body=None, headers=None):
        """(status, headers, bytes)"""
        conn = self.connect()
        try:
            conn.request(method, path, body, headers or {})
            answer = conn.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            conn.close()

    def ask(self, script, **headers):
        return self.request("POST", "/api/v2/query?org=o", script, {"Content-Type": FLUX, **headers})

    def ask_json(self, **body):
        return self.request("POST", "/api/v2/query?org=o", json.dumps(body), {"Content-Type": "application/json"})

    def write(self, lines):
        status, _, said = self.request("POST", "/api/v2/write?org=o&bucket=b", lines)
        assert status == 204, (status, said)

    def fill(self, series, points, step_s=10):
        """m,s=<i> v=<n>, points of each series every step_s from T0. The beginning of a script that reads them."""
        for i in range(series):
            for begin in range(0, points, 50_000):
                self.write("".join(f"m,s={i:03} v={n} {T0 + n * step_s}000000000\n" for n in range(begin, min(points, begin + 50_000))))
        return f'from(bucket: "b") |> range(start: {rfc3339(T0)}, stop: {rfc3339(T0 + points * step_s)})'

    def queries(self):
        return self.status()["queries"]


def rfc3339(seconds):
    return datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
