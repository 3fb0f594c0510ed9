#!/usr/bin/env python3
"""InfluxDB 2's client libraries, unchanged: what they make of tsaggd's answers to Flux is what they make of InfluxDB's."""
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
from tsagg_test import runner
from tsagg_test.clients import Go, Node, Python
from tsagg_test.flux_http import FluxDaemon
from tsagg_test.influx import Influx2
from tsagg_test.ports import LOOPBACK

TEXT = r'"a, \"%d\" \\"'
LINES = "".join(
    f"cpu,host=h{h},zone=z\\ {h % 2} usage={i * 1.25 + h},n={i * h}i,u={i}u,ok={'ft'[i % 2]},s={TEXT % i} 16000000{i:02}000000000\n"
    for h in range(3) for i in range(30))
FROM = 'from(bucket: "b") |> range(start: 2020-09-13T12:26:40Z, stop: 2020-09-13T12:27:10Z)'
ARRAY = 'import "array" array.from(rows: [{_time: 2020-01-01T00:00:00Z, _value: 1.5, h: "a"}, {_time: 2020-01-01T00:00:01Z, _value: 2.5, h: "b"}])'
DIVIDES = ' |> map(fn: (r) => ({r with x: 1 / int(v: r._value - r._value)}))'
SCRIPTS = [
    FROM,
    FROM + ' |> filter(fn: (r) => r._field == "usage") |> aggregateWindow(every: 7s, fn: mean) |> fill(value: -1.0)',
    FROM + ' |> filter(fn: (r) => r._field == "n") |> group(columns: ["zone"]) |> sum()',
    FROM + ' |> filter(fn: (r) => r._field == "usage" or r._field == "n") |> toFloat() |> pivot(rowKey: ["_time"], columnKey: ["_field"], valueColumn: "_value")',
    FROM + ' |> filter(fn: (r) => r._field == "nothing")',
    FROM + ' |> filter(fn: (r) => r._field == "ok") |> last() |> yield(name: "one")',
    FROM + ' |> filter(fn: (r) => r._field == "u") |> max()',
    'import "array" array.from(rows: [{a: "x", b: 1.0}, {a: "y", b: 1e300}]) |> map(fn: (r) => ({r with c: if r.a == "x" then r.b else 0.1, d: -0.0, e: 1.0 / 0.0}))',
    'import "influxdata/influxdb/schema" schema.tagValues(bucket: "b", tag: "zone", start: 2020-01-01T00:00:00Z)',
    "from(",
    "nothing",
    'from(bucket: "nowhere") |> range(start: 2020-01-01T00:00:00Z)',
    ARRAY + ' |> yield(name: "a") ' + ARRAY.removeprefix('import "array"') + DIVIDES + ' |> yield(name: "b")',
]


def both(ask):
    """What ask(url, token) prints of tsaggd, which must be what it prints of InfluxDB."""
    influx = Influx2().start().setup()
    influx.write(LINES)
    theirs = ask(influx.url, influx.token)
    influx.stop()
    with FluxDaemon(token="sesame") as tsaggd:
        status, _, said = tsaggd.request("POST", "/api/v2/write?org=o&bucket=b", LINES, {"Authorization": "Token sesame"})
        assert status == 204, said
        ours = ask(f"http://{LOOPBACK}:{tsaggd.http_port}", "sesame")
    ours, theirs = json.loads(ours), json.loads(theirs)
    assert len(ours) == len(theirs)
    for i, (mine, other) in enumerate(zip(ours, theirs)):
        # Of two results InfluxDB takes either first, so that the error comes before the rows or behind them.
        assert mine == other or i == len(SCRIPTS) - 1, (i, SCRIPTS[i] if i < len(SCRIPTS) else "", f"tsaggd {mine}"[:1500], f"InfluxDB {other}"[:1500])
    return ours


class PythonAndInfluxDB:
    absent = "Python's client library or InfluxDB 2.7 is missing"

    @staticmethod
    def available():
        return Python.available() and Influx2.available()


class NodeAndInfluxDB:
    absent = "npm's client library or InfluxDB 2.7 is missing"

    @staticmethod
    def available():
        return Node.available() and Influx2.available()


class GoAndInfluxDB:
    absent = "Go's client library or InfluxDB 2.7 is missing"

    @staticmethod
    def available():
        return Go.available() and Influx2.available()


PYTHON = """
import json, sys, warnings
from datetime import datetime, timedelta, timezone
from influxdb_client import InfluxDBClient
from influxdb_client.client.flux_csv_parser import FluxQueryException
from influxdb_client.rest import ApiException
try:
    import pandas
except ImportError:
    pandas = None
url, token, scripts = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
said = []
def told(fn):
    try:
        return fn()
    except ApiException as error:
        return ["refused", error.status, json.loads(error.body)["code"]]
    except FluxQueryException as error:
        return ["table", "divide by zero" in str(error)]
def columns(table):
    return [[c.label, c.data_type, c.group, c.default_value] for c in table.columns]
def values(record):
    return [record.table, [[k, type(v).__name__, str(v)] for k, v in record.values.items()]]
with InfluxDBClient(url=url, token=token, org="o") as client:
    api = client.query_api()
    for script in scripts:
        tables = told(lambda: [[columns(t), [values(r) for r in t.records]] for t in api.query(script)])
        said.append([tables, told(lambda: [values(r) for r in api.query_stream(script)]), told(lambda: list(api.query_csv(script))),
                     told(lambda: api.query_raw(script).read().decode())])
    said[-1][3] = None  # the message is each server's own
    said[-1][2] = said[-1][2][:-1]
    if pandas:
        warnings.simplefilter("ignore")
        said.append(api.query_data_frame(scripts[3]).to_csv())
    given = {"name": "x", "n": -5, "f": 2.5, "yes": True, "at": datetime(2020, 1, 2, tzinfo=timezone.utc), "ago": timedelta(hours=1), "list": ["a", "b"]}
    script = 'import "array" import "date" array.from(rows: [{name: name, n: n, f: f, yes: yes, at: date.add(d: ago, to: at), second: list[1]}])'
    said.append(told(lambda: [values(r) for r in api.query_stream(script, params=given)]))
with InfluxDBClient(url=url, token="wrong", org="o") as client:
    said.append(told(lambda: client.query_api().query(scripts[0])))
print(json.dumps(said))
"""


@runner.needs(PythonAndInfluxDB)
def test_python():
    ours = both(lambda url, token: Python.run(PYTHON, url, token, json.dumps(SCRIPTS)))
    assert ours[-1] == ["refused", 401, "unauthorized"], ours[-1]
    assert ours[SCRIPTS.index("nothing")][0] == ["refused", 400, "invalid"] and ours[len(SCRIPTS) - 1][0] == ["table", True]
    assert len(ours[0][0]) == 15 and all(len(rows) == 30 for _, rows in ours[0][0]), "15 series of 30 points"


NODE = """
const {InfluxDB, flux, fluxDateTime, HttpError} = require('@influxdata/influxdb-client')
const [url, token, text] = process.argv.slice(-3), scripts = JSON.parse(text)
function told(error) {
    return error instanceof HttpError ? ['refused', error.statusCode, error.code] : ['failed', error.constructor.name]
}
function rows(api, script) {
    return new Promise(done => {
        const found = []
        api.queryRows(script, {
            next: (row, meta) => found.push(meta.columns.map(c => [c.label, c.dataType, c.group, String(meta.get(row, c.label))])),
            error: error => done([found, told(error)]), complete: () => done(found)})
    })
}
async function main() {
    const api = new InfluxDB({url, token}).getQueryApi('o'), said = []
    for (const script of scripts)
        said.push([await rows(api, script), await api.collectRows(script).catch(told), await api.queryRaw(script).catch(told)])
    const last = said[said.length - 1]  // the message is each server's own
    last[0].pop(), last[1].pop(), last[2] = null
    const at = fluxDateTime('2020-09-13T12:26:45Z'), text = 'usage'
    said.push(await api.collectRows(flux`from(bucket: "b") |> range(start: ${at}, stop: 2020-09-13T12:26:50Z) |> filter(fn: (r) => r._field == ${text})`))
    said.push(await new InfluxDB({url, token: 'wrong'}).getQueryApi('o').collectRows(scripts[0]).catch(told))
    console.log(JSON.stringify(said))
}
main().catch(e => { console.error(e); process.exit(1) })
"""


@runner.needs(NodeAndInfluxDB)
def test_javascript():
    ours = both(lambda url, token: Node.run(NODE, url, token, json.dumps(SCRIPTS)))
    assert ours[-1] == ["refused", 401, "unauthorized"], ours[-1]
    assert len(ours[-2]) == 15


@runner.needs(GoAndInfluxDB)
def test_go():
    ours = both(lambda url, token: Go.run(url, token, "query", stdin=json.dumps(SCRIPTS)))
    assert ours[SCRIPTS.index("nothing")] == ["refused", 400, "invalid"], ours[9]
    assert ours[len(SCRIPTS) - 1][-1].endswith("true"), ours[len(SCRIPTS) - 1]


if __name__ == "__main__":
    runner.main()
