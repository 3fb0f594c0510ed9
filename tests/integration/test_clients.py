#!/usr/bin/env python3
"""Clients as their users have them, unchanged: libraries from PyPI, Telegraf, nc and bash."""
import json
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
from tsagg_test import lineproto, load, oracle, runner
from tsagg_test.clients import Netcat, Python, Telegraf
from tsagg_test.daemon import Tsaggd
from tsagg_test.ports import LOOPBACK
from tsagg_test.wait import scaled, until

T0 = oracle.EPOCH_NS
TOKEN = "sesame"
# What is placed by arrival shall not be cut by the end of a window.
LONG_WINDOW = "24h"


class Rollups(Tsaggd):
    def __init__(self, every="10s", token="", **config):
        rollup = {"name": "r", "every": every, "lateness": "2s", "aggregates": ["count", "sum", "min", "max"],
                  "to": ["file"]}
        super().__init__(rollups=[rollup], **{**load.ONLY_BY_WATERMARK, **config})
        self.out = self.dir / "out.lp"
        self.config["sinks"] = {"file": {"type": "file", "path": str(self.out)}}
        self.config["http"]["token"] = token
        self.url = f"http://{LOOPBACK}:{self.http_port}"

    def written(self):
        self.assert_balanced()
        self.stop()
        return lineproto.read_points(self.out.read_text())

    def by_name(self):
        """{(measurement, tags without metric_type): fields}, of one window."""
        points = self.written()
        found = {(name, tuple(tag for tag in tags if tag[0] != "metric_type")): fields
                 for (name, tags, _), fields in points.items()}
        assert len(found) == len(points), points
        return found


INFLUXDB_CLIENT = """
import json, sys
from influxdb_client import InfluxDBClient, Point, WriteOptions, WritePrecision
from influxdb_client.client.write_api import SYNCHRONOUS
from influxdb_client.rest import ApiException
url, token, lines, t0, gzip = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), sys.argv[5] == "gzip"
said = {"batches": 0, "errors": []}
def taken(conf, data):
    said["batches"] += 1
def failed(conf, data, error):
    said["errors"].append(str(error))
with InfluxDBClient(url=url, token=token, org="o", enable_gzip=gzip) as client:
    said["ping"], said["version"] = client.ping(), client.version()
    with client.write_api(WriteOptions(batch_size=1000, flush_interval=500), success_callback=taken,
                          error_callback=failed) as api:
        for i in range(lines):
            api.write("b", "o", Point("m").tag("host", f"h {i % 10}").field("f", i / 2).field("n", i)
                      .time(t0 + i, WritePrecision.NS))
    api = client.write_api(write_options=SYNCHRONOUS)
    api.write("b", "o", [f"prec f=1 {t0 // 10**9}"], WritePrecision.S)
    try:
        api.write("b", "o", "m f=1\\nbad")
    except ApiException as error:
        said["status"], said["message"] = error.status, json.loads(error.body)["message"]
with InfluxDBClient(url=url, token="wrong", org="o") as client:
    try:
        client.write_api(write_options=SYNCHRONOUS).write("b", "o", "m f=1")
    except ApiException as error:
        said["unauthorized"] = error.status
print(json.dumps(said))
"""


def influxdb_client(gzip):
    lines = scaled(20_000, least=2000)
    with Rollups(token=TOKEN) as tsaggd:
        said = json.loads(Python.run(INFLUXDB_CLIENT, tsaggd.url, TOKEN, lines, T0, gzip))
        assert said["errors"] == [] and said["batches"] >= -(-lines // 1000), said
        assert said["ping"] is True and said["version"], said
        assert said["status"] == 400 and said["message"].startswith("unable to parse 'bad': line 2"), said
        assert said["unauthorized"] == 401, said
        points = tsaggd.written()
    assert points.pop(("prec", (), T0))["f_count"] == 1
    assert len(points) == 10, points.keys()
    for i in range(10):
        fields = points["m", (("host", f"h {i}"),), T0]
        own = range(i, lines, 10)
        assert fields == {"f_count": len(own), "f_sum": sum(own) / 2, "f_min": i / 2, "f_max": own[-1] / 2,
                          "n_count": len(own), "n_sum": sum(own), "n_min": i, "n_max": own[-1]}, (i, fields)


@runner.needs(Python)
def test_influxdb_client():
    influxdb_client("plain")


@runner.needs(Python)
def test_influxdb_client_gzip():
    influxdb_client("gzip")


DATADOG = """
import sys
from datadog.dogstatsd.base import DogStatsd
client = DogStatsd(host=sys.argv[1], port=int(sys.argv[2]), constant_tags=["env:test"])
for i in range(100):
    client.increment("dd.count", tags=["zone:a"])
    client.histogram("dd.hist", i)
    client.distribution("dd.dist", i)
    client.timing("dd.time", i)
    client.set("dd.set", i % 7)
client.decrement("dd.count", 10, tags=["zone:a"])
client.gauge("dd.gauge", 3)
client.gauge("dd.gauge", -4)
client.event("title", "text", tags=["a:b"])
client.service_check("check", client.OK)
client.flush()
"""


@runner.needs(Python)
def test_datadog():
    tsaggd = Rollups(every=LONG_WINDOW)
    tsaggd.config["listen"][0]["signed_gauges"] = "absolute"
    with tsaggd:
        Python.run(DATADOG, LOOPBACK, tsaggd.udp_port)
        tsaggd.wait_read(505)
        assert tsaggd.status()["lines"]["rejected"] == 0
        assert tsaggd.status()["samples"]["passed"] == 2
        found = tsaggd.by_name()
    env = (("env", "test"),)
    count = found["dd.count", (*env, ("zone", "a"))]
    assert (count["count"], count["sum"]) == (101, 90), count
    for name in ("dd.hist", "dd.dist", "dd.time"):
        assert found[name, env] == {"count": 100, "sum": 4950, "min": 0, "max": 99}, found[name, env]
    assert found["dd.set", env] == {"distinct": 7}
    event = found["events", (("a", "b"), ("alert_type", "info"), *env, ("priority", "normal"))]
    assert event == {"title": "title", "text": "text"}, event
    assert found["service_checks", (*env, ("name", "check"))] == {"status": 0}
    gauge = found["dd.gauge", env]
    assert (gauge["last"], gauge["min"], gauge["max"]) == (-4, -4, 3), gauge


STATSD = """
import sys
from statsd import StatsClient
client = StatsClient(sys.argv[1], int(sys.argv[2]), prefix="app")
for i in range(100):
    client.incr("hits", 2)
    client.timing("time", i)
client.decr("hits")
client.gauge("load", 10)
client.gauge("load", -3, delta=True)
client.set("users", "a b")
with client.pipeline() as pipe:
    pipe.incr("piped")
    pipe.incr("piped")
    pipe.gauge("under", -7)
"""


@runner.needs(Python)
def test_statsd():
    with Rollups(every=LONG_WINDOW) as tsaggd:
        Python.run(STATSD, LOOPBACK, tsaggd.udp_port)
        # A negative gauge is sent as 0 and a change.
        tsaggd.wait_read(201 + 3 + 4)
        assert tsaggd.status()["lines"]["rejected"] == 0
        found = tsaggd.by_name()
    assert found["app.hits", ()]["sum"] == 199
    assert found["app.time", ()] == {"count": 100, "sum": 4950, "min": 0, "max": 99}
    assert found["app.load", ()]["last"] == 7
    assert found["app.users", ()] == {"distinct": 1}
    assert found["app.piped", ()]["count"] == 2
    assert found["app.under", ()]["last"] == -7


def test_bash():
    with Rollups(every=LONG_WINDOW) as tsaggd:
        script = f'for i in 1 2 3; do echo "bash.hits:$i|c|#host:a" >/dev/udp/{LOOPBACK}/{tsaggd.udp_port}; done'
        subprocess.run(["bash", "-c", script], check=True, timeout=30)
        tsaggd.wait_read(3)
        assert tsaggd.by_name()["bash.hits", (("host", "a"),)]["sum"] == 6


@runner.needs(Netcat)
def test_netcat():
    with Rollups(every=LONG_WINDOW) as tsaggd:
        subprocess.run(["nc", "-u", "-w", "1", LOOPBACK, str(tsaggd.udp_port)], input=b"nc.hits:1|c\nnc.hits:2|c\n",
                       check=True, timeout=30)
        tsaggd.wait_read(2)
        assert tsaggd.by_name()["nc.hits", ()]["sum"] == 3


TELEGRAF_CONFIG = """
[agent]
interval = "1s"
flush_interval = "1s"
metric_batch_size = 1000
omit_hostname = true
[[inputs.exec]]
commands = ["cat {lines}"]
data_format = "influx"
[[outputs.influxdb_v2]]
urls = ["{url}"]
token = "{token}"
organization = "o"
bucket = "b"
content_encoding = "{coding}"
"""


def telegraf(coding):
    lines = scaled(5000, least=1500)
    with Rollups(token=TOKEN) as tsaggd:
        text, config = tsaggd.dir / "lines.lp", tsaggd.dir / "telegraf.conf"
        text.write_text("".join(f"cpu,cpu=cpu{i % 4},host=a\\ b usage={i},n={i}i {T0 + i}\n" for i in range(lines)))
        config.write_text(TELEGRAF_CONFIG.format(lines=text, url=tsaggd.url, token=TOKEN, coding=coding))
        done = subprocess.run([Telegraf.binary(), "--config", config, "--once"], capture_output=True, text=True, timeout=60)
        assert done.returncode == 0 and " E! " not in done.stderr, done
        until(lambda: tsaggd.lines_read() >= lines, 30, "all lines read")
        assert tsaggd.metrics()["tsagg_http_writes_total", (("result", "taken"),)] == -(-lines // 1000)
        points = tsaggd.written()
    assert len(points) == 4, points.keys()
    for i in range(4):
        fields = points["cpu", (("cpu", f"cpu{i}"), ("host", "a b")), T0]
        own = range(i, lines, 4)
        assert (fields["usage_count"], fields["usage_sum"], fields["n_max"]) == (len(own), sum(own), own[-1]), fields


@runner.needs(Telegraf)
def test_telegraf():
    telegraf("gzip")


@runner.needs(Telegraf)
def test_telegraf_identity():
    telegraf("identity")


if __name__ == "__main__":
    runner.main()
