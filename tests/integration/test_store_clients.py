#!/usr/bin/env python3
"""InfluxDB 2's client libraries and Telegraf, unchanged, with the embedded store behind them."""
import json
import pathlib
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
from tsagg_test import lineproto, runner
from tsagg_test.clients import Go, Node, Python, Telegraf
from tsagg_test.daemon import Tsaggd, tool
from tsagg_test.ports import LOOPBACK
from tsagg_test.stub import StubInflux
from tsagg_test.wait import scaled

TOKEN = "sesame"
T0 = 1577836800 * 10**9


class Store(Tsaggd):
    def __init__(self):
        super().__init__(rollups=[{"name": "r", "every": "10s", "to": ["st"]}], sinks={"st": {"type": "store", "bucket": "b"}})
        self.config["http"].update(write="store", token=TOKEN)
        self.url = f"http://{LOOPBACK}:{self.http_port}"

    def points(self, bucket):
        done = tool("tsagg-ctl", "store", "export", "--bucket", bucket, "--dir", self.dir / "state/store")
        assert done.returncode == 0, done
        return lineproto.read_points(done.stdout.decode())


def forward(tsaggd, write):
    """A write as the stub has read it, to the daemon: its status."""
    request = urllib.request.Request(f"{tsaggd.url}{write.path}?{urllib.parse.urlencode(write.params)}",
                                     "\n".join(write.lines).encode(), {"Authorization": write.headers["Authorization"]})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status
    except urllib.error.HTTPError as err:
        return err.code


BATCHES = """
import sys
from influxdb_client import InfluxDBClient, Point, WriteOptions, WritePrecision
url, token, points, t0 = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
errors = []
with InfluxDBClient(url=url, token=token, org="o", enable_gzip=True) as client:
    options = WriteOptions(batch_size=5000, flush_interval=500, jitter_interval=0, retry_interval=100, max_retries=5)
    with client.write_api(options, error_callback=lambda conf, data, error: errors.append(str(error))) as api:
        for i in range(points):
            api.write("b", "o", Point("m").tag("host", f"h{i % 100}").field("f", i / 8).time(t0 + i, WritePrecision.NS))
print(errors)
"""


@runner.needs(Python)
def test_python_batches_and_retries():
    """100,000 points, while every third request is answered with 429 or 503."""
    points = scaled(100_000, least=20_000)
    refused = []

    def answer(write, n):
        if n % 3 == 1:
            refused.append(len(write.lines))
            return (429, {"Retry-After": "1"}) if n % 2 else (503, {})
        return forward(tsaggd, write), {}

    with Store() as tsaggd, StubInflux(answer) as stub:
        assert Python.run(BATCHES, stub.url, TOKEN, points, T0) == "[]\n"
        found = tsaggd.points("b")
        taken = tsaggd.metrics()["tsagg_http_points_total", (("result", "stored"),)]
    assert len(refused) >= 2 and taken >= points  # what was answered too late for the client comes twice
    assert found == {("m", (("host", f"h{i % 100}"),), T0 + i): {"f": i / 8} for i in range(points)}


MANAGE = """
import json, sys
from influxdb_client import BucketRetentionRules, InfluxDBClient
from influxdb_client.client.write_api import SYNCHRONOUS
from influxdb_client.rest import ApiException
url, token = sys.argv[1:]
said = {}
with InfluxDBClient(url=url, token=token, org="o") as client:
    said["ready"], said["health"] = client.ready().status, client.health().status
    orgs = client.organizations_api()
    said["orgs"] = [org.name for org in orgs.find_organizations(org="o")]
    said["org"] = orgs.find_organization(orgs.find_organizations()[0].id).id == orgs.find_organizations()[0].id
    buckets = client.buckets_api()
    made = buckets.create_bucket(bucket_name="py", retention_rules=BucketRetentionRules(type="expire", every_seconds=86400 * 36500),
                                 description="of Python", org="o")
    said["made"] = [made.name, made.description, made.retention_rules[0].every_seconds]
    try:
        buckets.create_bucket(bucket_name="py", org="o")
    except ApiException as error:
        said["again"] = [error.status, json.loads(error.body)["message"]]
    made.retention_rules[0].every_seconds = 0
    said["changed"] = buckets.update_bucket(bucket=made).retention_rules[0].every_seconds
    said["found"] = [bucket.name for bucket in buckets.find_buckets(limit=1, offset=1).buckets]
    said["all"] = [bucket.name for bucket in buckets.find_buckets_iter(limit=1)]
    said["none"] = buckets.find_bucket_by_name("nowhere")
    client.write_api(write_options=SYNCHRONOUS).write("py", "o", [f"m,host={h} f={i} {i}" for h in "ab" for i in range(5)])
    client.delete_api().delete("1970-01-01T00:00:00Z", "1970-01-01T00:00:00.000000002Z", 'host="a"', bucket="py", org="o")
    try:
        client.delete_api().delete("1970-01-01T00:00:00Z", "1970-01-02T00:00:00Z", 'host="a" OR host="b"', bucket="py", org="o")
    except ApiException as error:
        said["or"] = error.status
    other = buckets.create_bucket(bucket_name="other", org="o")
    buckets.delete_bucket(other)
    said["left"] = [bucket.name for bucket in buckets.find_buckets().buckets]
print(json.dumps(said))
"""


@runner.needs(Python)
def test_python_manages():
    with Store() as tsaggd:
        said = json.loads(Python.run(MANAGE, tsaggd.url, TOKEN))
        found = tsaggd.points("py")
    assert said == {
        "ready": "ready", "health": "pass", "orgs": ["o"], "org": True, "made": ["py", "of Python", 86400 * 36500],
        "again": [422, "bucket with name py already exists"], "changed": 0, "found": ["py"], "all": ["b", "py"], "none": None,
        "or": 400, "left": ["b", "py"]}, said
    assert found == {("m", (("host", h),), i): {"f": float(i)} for h in "ab" for i in range(5) if h == "b" or i > 2}


NODE = """
const {InfluxDB, Point} = require('@influxdata/influxdb-client')
const {BucketsAPI, DeleteAPI, HealthAPI, OrgsAPI, PingAPI, ReadyAPI} = require('@influxdata/influxdb-client-apis')
const [url, token, points] = process.argv.slice(-3)
async function main() {
    const influx = new InfluxDB({url, token}), said = {}
    said.health = (await new HealthAPI(influx).getHealth()).status
    said.ready = (await new ReadyAPI(influx).getReady()).status
    await new PingAPI(influx).getPing()
    const org = (await new OrgsAPI(influx).getOrgs({org: 'o'})).orgs[0]
    const buckets = new BucketsAPI(influx)
    const made = await buckets.postBuckets({body: {orgID: org.id, name: 'js', description: 'of JavaScript', retentionRules: []}})
    said.made = [org.name, made.name, made.description]
    await buckets.postBuckets({body: {orgID: org.id, name: 'js'}}).catch(e => { said.again = [e.statusCode, e.code, e.message] })
    const changed = await buckets.patchBucketsID({bucketID: made.id, body: {retentionRules: [{type: 'expire', everySeconds: 0}]}})
    said.changed = changed.retentionRules[0].everySeconds
    said.found = (await buckets.getBuckets({org: 'o', name: 'js'})).buckets.map(b => b.id === made.id)
    const api = influx.getWriteApi('o', 'js', 'ms', {batchSize: 1000, gzipThreshold: 100, maxRetries: 0})
    for (let i = 0; i < +points; i++)
        api.writePoint(new Point('m').tag('host', 'h ' + i % 10).floatField('f', i / 2).intField('n', i).timestamp(1577836800000 + i))
    await api.close()
    const gone = influx.getWriteApi('o', 'js', 'ns')
    gone.writeRecords(['gone,k=v f=1 5', 'gone,k=w f=2 5'])
    await gone.close()
    const bad = influx.getWriteApi('o', 'js', 'ns', {maxRetries: 0, writeFailed: e => { said.bad = [e.statusCode, e.code]; return Promise.resolve() }})
    bad.writeRecord('m f=')
    await bad.close()
    await new DeleteAPI(influx).postDelete({org: 'o', bucket: 'js',
        body: {start: '1970-01-01T00:00:00Z', stop: '1970-01-01T00:01:00Z', predicate: '_measurement="gone" AND k="v"'}})
    const other = await buckets.postBuckets({body: {orgID: org.id, name: 'other'}})
    await buckets.deleteBucketsID({bucketID: other.id})
    said.left = (await buckets.getBuckets()).buckets.map(b => b.name)
    console.log(JSON.stringify(said))
}
main().catch(e => { console.error(e); process.exit(1) })
"""


def expected_points(n, text=False):
    more = {"s": 'a "b"'} if text else {}
    points = {("m", (("host", f"h {i % 10}"),), T0 + i * 10**6): {"f": i / 2, "n": i, **more} for i in range(n)}
    points["gone", (("k", "w"),), T0 if text else 5] = {"f": 2.0}
    return points


@runner.needs(Node)
def test_node():
    points = scaled(20_000, least=2500)
    with Store() as tsaggd:
        said = json.loads(Node.run(NODE, tsaggd.url, TOKEN, points))
        found = tsaggd.points("js")
    assert said == {"health": "pass", "ready": "ready", "made": ["o", "js", "of JavaScript"],
                    "again": [422, "conflict", "bucket with name js already exists"], "changed": 0, "found": [True],
                    "bad": [400, "invalid"], "left": ["b", "js"]}, said
    assert found == expected_points(points)


@runner.needs(Go)
def test_go():
    points = scaled(20_000, least=2500)
    with Store() as tsaggd:
        said = json.loads(Go.run(tsaggd.url, TOKEN, points))
        found = tsaggd.points("go")
    assert said.pop("again") == "conflict: bucket with name go already exists", said
    assert said.pop("missing") == "bucket 'nowhere' not found"
    assert "unable to parse 'm f='" in said.pop("bad")
    assert said.pop("nowhere") == 'not found: bucket "nowhere" not found'
    assert said == {"ping": True, "health": "pass", "ready": "ready", "org": "o", "made": "go", "description": "of Go",
                    "buckets": ["b", "go"], "failures": []}, said
    assert found == expected_points(points, text=True)


TELEGRAF = """
[agent]
interval = "1s"
flush_interval = "1s"
omit_hostname = true
precision = "1ns"
[[inputs.exec]]
commands = ["cat {lines}"]
data_format = "influx"
[[outputs.influxdb_v2]]
urls = ["{url}"]
token = "{token}"
organization = "o"
bucket = "b"
"""


@runner.needs(Telegraf)
def test_telegraf():
    lines = scaled(5000, least=1500)
    with Store() as tsaggd:
        text, config = tsaggd.dir / "lines.lp", tsaggd.dir / "telegraf.conf"
        text.write_text("".join(f"cpu,cpu=cpu{i % 4},host=a\\ b usage={i / 4},n={i}i,ok=true {T0 + i}\n" for i in range(lines)))
        config.write_text(TELEGRAF.format(lines=text, url=tsaggd.url, token=TOKEN))
        done = subprocess.run([Telegraf.binary(), "--config", config, "--once"], capture_output=True, text=True, timeout=60)
        assert done.returncode == 0 and " E! " not in done.stderr, done
        found = tsaggd.points("b")
    sent = {("cpu", (("cpu", f"cpu{i % 4}"), ("host", "a b")), T0 + i): {"usage": i / 4, "n": i, "ok": True} for i in range(lines)}
    assert found == sent, (len(found), len(sent), next(item for item in sent.items() if found.get(item[0]) != item[1]))


if __name__ == "__main__":
    runner.main()
