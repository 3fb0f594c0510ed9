"""Real InfluxDB servers, each with its data in a directory of the test's own."""
import base64
import csv
import functools
import http.client
import io
import json
import os
import pathlib
import signal
import subprocess
import urllib.parse

from .ports import LOOPBACK, free_port
from .process import Process
from .times import from_rfc3339, to_rfc3339

BUILD_INFLUXD = pathlib.Path(__file__).parents[2] / "integration" / "build-influxd"
INFLUXD_1 = pathlib.Path("/usr/bin/influxd")
START_DEADLINE_S = 60


class HttpError(Exception):
    def __init__(self, status, body):
        super().__init__(f"HTTP {status}: {body}")
        self.status = status
        self.body = body


class InfluxServer(Process):
    """What both generations share: HTTP, start, stop, restart on the same port with the data kept."""

    def __init__(self, name):
        super().__init__(name)
        self.port, self.rpc_port = free_port(), free_port()
        self.url = f"http://{LOOPBACK}:{self.port}"
        self.headers = {}

    def request(self, method, path, params=None, body=None, headers=None, timeout_s=60):
        """The answer's body; HttpError when it is not a success."""
        conn = http.client.HTTPConnection(LOOPBACK, self.port, timeout=timeout_s)
        try:
            if params:
                path += "?" + urllib.parse.urlencode(params)
            conn.request(method, path, body, {**self.headers, **(headers or {})})
            answer = conn.getresponse()
            text = answer.read().decode()
        finally:
            conn.close()
        if answer.status >= 300:
            raise HttpError(answer.status, text)
        return text

    def answers(self, path, status):
        try:
            self.request("GET", path, timeout_s=5)
            return True
        except HttpError as err:
            return err.status == status
        except OSError:
            return False

    def stop(self):
        self.end(signal.SIGTERM)

    def restart(self):
        self.stop()
        self.start()


@functools.cache
def influx2_binary():
    """The path of InfluxDB 2.7, built when it has to be; None where it cannot be built."""
    built = subprocess.run([BUILD_INFLUXD], stdout=subprocess.PIPE, text=True)
    if built.returncode == 77:
        return None
    built.check_returncode()
    return built.stdout.splitlines()[-1]


class Influx2(InfluxServer):
    """InfluxDB 2.7; setup() makes org, bucket and token."""

    absent = "InfluxDB 2.7 cannot be built here"
    org = "o"
    bucket = "b"
    user = "admin"
    password = "password-of-tests"

    def __init__(self):
        super().__init__("influx2")
        self.token = None

    @staticmethod
    def available():
        return influx2_binary() is not None

    def start(self):
        self.spawn([
            influx2_binary(), "--http-bind-address", f"{LOOPBACK}:{self.port}", "--reporting-disabled",
            "--log-level", "warn", "--bolt-path", self.dir / "influxd.bolt",
            "--sqlite-path", self.dir / "influxd.sqlite", "--engine-path", self.dir / "engine",
        ], env={**os.environ, "HOME": str(self.dir)})
        self.wait_ready(lambda: self.answers("/ready", 200), START_DEADLINE_S)
        return self

    def call(self, method, path, params=None, obj=None):
        """A request of the JSON API."""
        text = self.request(method, path, params, None if obj is None else json.dumps(obj),
                            {"Content-Type": "application/json"})
        return json.loads(text) if text else None

    def setup(self):
        made = self.call("POST", "/api/v2/setup", obj={
            "username": self.user, "password": self.password, "org": self.org, "bucket": self.bucket})
        self.token = made["auth"]["token"]
        self.headers["Authorization"] = f"Token {self.token}"
        return self

    def create_bucket(self, name):
        org_id = self.call("GET", "/api/v2/orgs", {"org": self.org})["orgs"][0]["id"]
        return self.call("POST", "/api/v2/buckets", obj={"orgID": org_id, "name": name})

    def delete_bucket(self, name):
        found = self.call("GET", "/api/v2/buckets", {"org": self.org, "name": name})["buckets"]
        self.request("DELETE", f"/api/v2/buckets/{found[0]['id']}")

    def delete_points(self, bucket, start_ns, stop_ns):
        self.call("POST", "/api/v2/delete", {"org": self.org, "bucket": bucket},
                  {"start": to_rfc3339(start_ns), "stop": to_rfc3339(stop_ns)})

    def write(self, lines, bucket=None, precision="ns"):
        self.request("POST", "/api/v2/write",
                     {"org": self.org, "bucket": bucket or self.bucket, "precision": precision},
                     lines.encode(), {"Content-Type": "text/plain; charset=utf-8"})

    def query(self, flux):
        """The rows of a Flux script as dicts of typed values; times are integers in nanoseconds."""
        text = self.request("POST", "/api/v2/query", {"org": self.org}, json.dumps({
            "query": flux, "type": "flux", "dialect": {"annotations": ["datatype", "group", "default"]}}),
            {"Content-Type": "application/json"})
        return read_annotated_csv(text)


READ_CELL = {
    "boolean": lambda cell: cell == "true",
    "long": int,
    "unsignedLong": int,
    "double": float,
    "string": str,
    "dateTime:RFC3339": from_rfc3339,
}


def read_annotated_csv(text):
    rows, annotations, header = [], {}, None
    for cells in csv.reader(io.StringIO(text, newline="")):
        if not cells:
            continue
        if cells[0].startswith("#"):
            annotations[cells[0]] = cells
            header = None
        elif header is None:
            header = cells
        elif header[1:3] == ["error", "reference"]:
            raise HttpError(200, cells[1])
        else:
            rows.append(read_row(header, annotations, cells))
    return rows


def read_row(header, annotations, cells):
    row = {}
    columns = zip(header, annotations["#datatype"], annotations["#default"], cells)
    for name, datatype, default, cell in list(columns)[1:]:
        cell = cell or default
        row[name] = READ_CELL[datatype](cell) if cell else None
    return row


INFLUX1_CONFIG = """\
reporting-disabled = true
bind-address = "{loopback}:{rpc_port}"
[meta]
dir = "{dir}/meta"
[data]
dir = "{dir}/data"
wal-dir = "{dir}/wal"
query-log-enabled = false
[http]
bind-address = "{loopback}:{port}"
log-enabled = false
auth-enabled = {auth}
[monitor]
store-enabled = false
[subscriber]
enabled = false
[continuous_queries]
enabled = false
"""


class Influx1(InfluxServer):
    """InfluxDB 1.6 from Debian's package; with auth=True there is one administrator."""

    absent = "Debian's influxdb is not installed"
    user = "admin"
    password = "password-of-tests"

    def __init__(self, auth=False):
        super().__init__("influx1")
        self.auth = auth

    @staticmethod
    def available():
        return INFLUXD_1.exists()

    def start(self):
        config = self.dir / "influxdb.conf"
        config.write_text(INFLUX1_CONFIG.format(
            loopback=LOOPBACK, port=self.port, rpc_port=self.rpc_port, dir=self.dir, auth=str(self.auth).lower()))
        self.spawn([INFLUXD_1, "-config", config], env={**os.environ, "HOME": str(self.dir)})
        self.wait_ready(lambda: self.answers("/ping", 204), START_DEADLINE_S)
        if self.auth and not self.headers:
            self.query(f"CREATE USER {self.user} WITH PASSWORD '{self.password}' WITH ALL PRIVILEGES")
            login = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
            self.headers["Authorization"] = f"Basic {login}"
        return self

    def create_database(self, name):
        self.query(f'CREATE DATABASE "{name}"')

    def create_retention_policy(self, name, database):
        self.query(f'CREATE RETENTION POLICY "{name}" ON "{database}" DURATION INF REPLICATION 1')

    def write(self, lines, database, precision="ns"):
        self.request("POST", "/write", {"db": database, "precision": precision}, lines.encode())

    def query(self, influxql, database=None):
        """The rows of an InfluxQL statement as dicts with `name` and the tags; times are integers in nanoseconds."""
        params = {"q": influxql, "epoch": "ns"}
        if database:
            params["db"] = database
        result = json.loads(self.request("POST", "/query", params))["results"][0]
        if "error" in result:
            raise HttpError(200, result["error"])
        return [{"name": series.get("name"), **series.get("tags", {}), **dict(zip(series["columns"], values))}
                for series in result.get("series", []) for values in series["values"]]
