#!/usr/bin/env python3
"""tsaggd into a real InfluxDB 2.7, read back with tsagg-query and held against the oracle."""
import csv
import io
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
from tsagg_test import load, runner, udp
from tsagg_test.daemon import Tsaggd, tool
from tsagg_test.influx import Influx2
from tsagg_test.times import NS, from_rfc3339, to_rfc3339
from tsagg_test.wait import scaled, until

NO_TAGS = ("", "result", "table", "_time", "_measurement", "_field", "_value")
FULL = {"lines": 200_000, "series": 1000, "windows": 20}


def sink(db, **changes):
    return {"influx": {"type": "influxdb", "url": db.url, "org": db.org, "bucket": db.bucket, "token": db.token,
                       "flush_interval": "1s", **changes}}


def daemon(sinks, **config):
    return Tsaggd(rollups=[{**load.ROLLUP, "to": ["influx"]}], sinks=sinks, **{**load.ONLY_BY_WATERMARK, **config})


def query(db, flux):
    done = tool("tsagg-query", "--host", db.url, "--org", db.org, "--token", db.token, "--format", "csv", flux)
    assert done.returncode == 0, done
    return list(csv.DictReader(io.StringIO(done.stdout.decode(), newline="")))


def points(db, sent):
    """What the bucket holds of the load's time, through tsagg-query."""
    found = {}
    rows = query(db, f"""from(bucket: "{db.bucket}")
        |> range(start: {to_rfc3339(sent.start_ns)}, stop: {to_rfc3339(sent.stop_ns)})
        |> drop(columns: ["_start", "_stop"])
        |> group()""")
    for row in rows:
        tags = tuple(sorted((k, v) for k, v in row.items() if k not in NO_TAGS and v))
        key = row["_measurement"], tags, from_rfc3339(row["_time"])
        found.setdefault(key, {})[row["_field"]] = float(row["_value"])
    return found


def roll_up_everything(sent, workers):
    db = Influx2().start().setup()
    with daemon(sink(db), workers=workers) as tsaggd:
        sent.send(tsaggd)
        sent.advance(tsaggd)
        tsaggd.wait_delivered("influx", len(sent.rollups))
        status = tsaggd.status()
        assert status["lines"]["accepted"] == len(sent.lines) + 1, status
        assert status["rollups"]["sealed"] == len(sent.rollups), status
        sent.assert_rolled_up(points(db, sent))


@runner.needs(Influx2)
def test_events_alike_stay_apart():
    at_s, number = 1_700_000_000, 100
    db = Influx2().start().setup()
    with daemon(sink(db)) as tsaggd:
        lines = [f"_e{{5,9}}:t \"1\"|two\\nline|d:{at_s}|h:web 1"] * number + [f"_sc|up|2|d:{at_s}|m:a, b=c"]
        udp.send_datagrams(tsaggd.udp_port, ["\n".join(lines[i:i + 20]).encode() for i in range(0, len(lines), 20)])
        tsaggd.wait_delivered("influx", number + 1)
        rows = query(db, f"""from(bucket: "{db.bucket}")
            |> range(start: {to_rfc3339(at_s * NS)}, stop: {to_rfc3339((at_s + 1) * NS)})
            |> drop(columns: ["_start", "_stop"])
            |> toString()
            |> group()""")
    seen = {}
    for row in rows:
        seen.setdefault((row["_measurement"], row["_field"], row["_value"], row["hostname"]), set()).add(row["_time"])
    assert {key: len(times) for key, times in seen.items()} == {
        ("events", "title", 't "1"', "web 1"): number,
        ("events", "text", "two\nline", "web 1"): number,
        ("service_checks", "status", "2", ""): 1,
        ("service_checks", "message", "a, b=c", ""): 1}, seen


@runner.needs(Influx2)
def test_ordered_1_worker():
    roll_up_everything(load.ordered(**FULL), 1)


@runner.needs(Influx2)
def test_ordered_2_workers():
    roll_up_everything(load.ordered(**FULL), 2)


@runner.needs(Influx2)
def test_ordered_4_workers():
    roll_up_everything(load.ordered(**FULL), 4)


@runner.needs(Influx2)
def test_random_order_1_worker():
    roll_up_everything(load.shuffled(**FULL), 1)


@runner.needs(Influx2)
def test_random_order_2_workers():
    roll_up_everything(load.shuffled(**FULL), 2)


@runner.needs(Influx2)
def test_random_order_4_workers():
    roll_up_everything(load.shuffled(**FULL), 4)


@runner.needs(Influx2)
def test_outage_loses_nothing():
    db = Influx2().start().setup()
    sent = load.ordered()
    third = len(sent.lines) // 3
    outage_s = scaled(20.0, least=2.0)
    with daemon(sink(db)) as tsaggd:
        sent.send(tsaggd, slice(0, third))
        tsaggd.wait_delivered("influx", 1)
        db.stop()
        sent.send(tsaggd, slice(third, 2 * third), lines_per_s=third / outage_s)
        assert tsaggd.sink("influx")["pending"] > 0
        db.start()
        sent.send(tsaggd, slice(2 * third, None))
        sent.advance(tsaggd)
        tsaggd.wait_delivered("influx", len(sent.rollups))
        assert tsaggd.sink("influx")["dropped"] == 0
        sent.assert_rolled_up(points(db, sent))


@runner.needs(Influx2)
def test_kill9_keeps_what_was_sealed():
    db = Influx2().start().setup()
    sent = load.ordered()
    with daemon(sink(db)) as tsaggd:
        db.stop()
        sent.send(tsaggd)
        sent.advance(tsaggd)
        until(lambda: tsaggd.sink("influx")["pending"] == len(sent.rollups), 30, "everything sealed in the journal")
        tsaggd.kill9()
        db.start()
        tsaggd.restart()
        tsaggd.wait_delivered("influx", len(sent.rollups))
        sent.assert_rolled_up(points(db, sent))


@runner.needs(Influx2)
def test_kill9_while_delivering():
    db = Influx2().start().setup()
    sent = load.ordered()
    with daemon(sink(db, batch=50)) as tsaggd:
        sent.send(tsaggd)
        sent.advance(tsaggd)
        until(lambda: tsaggd.sink("influx")["rolled_up"] == len(sent.rollups), 30, "everything sealed in the journal")
        tsaggd.kill9()
        tsaggd.restart()
        tsaggd.wait_delivered("influx", 0)
        sent.assert_rolled_up(points(db, sent))


@runner.needs(Influx2)
def test_sigterm_drains():
    db = Influx2().start().setup()
    sent = load.shuffled()
    with daemon(sink(db), workers=2) as tsaggd:
        sent.send(tsaggd)
        tsaggd.stop()
    sent.assert_rolled_up(points(db, sent))


def refused_then_right(db, wrong, status, make_right):
    """Refused with this status, the data stays; it goes out as soon as what was wrong is right."""
    sent = load.ordered()
    with daemon(sink(db, **wrong)) as tsaggd:
        sent.send(tsaggd)
        sent.advance(tsaggd)
        complaint = until(lambda: [line for line in tsaggd.log().splitlines() if str(status) in line],
                          30, f"a log line about {status}")
        assert "sink=influx" in complaint[0] and "event=" in complaint[0], complaint
        assert len(complaint) == 1, complaint
        kept = tsaggd.sink("influx")
        assert kept["pending"] == len(sent.rollups) and kept["dropped"] == 0, kept
        make_right(tsaggd)
        tsaggd.wait_delivered("influx", len(sent.rollups))
        sent.assert_rolled_up(points(db, sent))


@runner.needs(Influx2)
def test_wrong_token_keeps_the_data():
    db = Influx2().start().setup()
    refused_then_right(db, {"token": "wrong"}, 401, lambda tsaggd: tsaggd.restart(sinks=sink(db)))


@runner.needs(Influx2)
def test_missing_bucket_keeps_the_data():
    db = Influx2().start().setup()
    db.delete_bucket(db.bucket)
    refused_then_right(db, {}, 404, lambda tsaggd: db.create_bucket(db.bucket))


@runner.needs(Influx2)
def test_a_bucket_for_each_rollup():
    """The same names and tags in two buckets; a third that is missing holds back its own points alone, until it is there."""
    db, t = Influx2().start().setup(), 1_767_225_600
    db.create_bucket("ten, s")
    rules = [{"name": "a", "every": "1s"}, {"name": "b", "every": "10s", "bucket": "ten, s"},
             {"name": "c", "every": "20s", "bucket": "later", "group_by": []}]
    daemon = Tsaggd(rollups=[{**rule, "aggregates": ["sum"], "to": ["influx"]} for rule in rules], sinks=sink(db, flush_interval="50ms"),
                    **load.ONLY_BY_WATERMARK)
    with daemon as tsaggd:
        lines = [f"m,h={i} f={i} {(t + i) * NS}" for i in range(4)] + [f"m,h=0 f=0 {(t + 60) * NS}"]
        udp.send(tsaggd.udp_port, [line.encode() for line in lines], read=tsaggd.lines_read)
        tsaggd.wait_delivered("influx", 4)
        tsaggd.wait_delivered("influx.ten%2C%20s", 4)
        until(lambda: "held" in tsaggd.sink("influx.later")["state"], 30, "the missing bucket is told")
        db.create_bucket("later")
        tsaggd.wait_delivered("influx.later", 1)
    got = {}
    for bucket in (db.bucket, "ten, s", "later"):
        rows = query(db, f"""from(bucket: "{bucket}") |> range(start: {to_rfc3339(t * NS)}, stop: {to_rfc3339((t + 30) * NS)}) |> group()""")
        got[bucket] = {(row.get("h", ""), from_rfc3339(row["_time"]) // NS - t, float(row["_value"])) for row in rows}
    assert got == {db.bucket: {(str(i), i, float(i)) for i in range(4)}, "ten, s": {(str(i), 0, float(i)) for i in range(4)},
                   "later": {("", 0, 6.0)}}, got


@runner.needs(Influx2)
def test_query_errors_have_exit_codes():
    db = Influx2().start().setup()
    db.write("cpu,host=a usage=1.5 1000000000")
    login = ["--host", db.url, "--org", db.org]
    empty = 'from(bucket: "b") |> range(start: 2000-01-01T00:00:00Z)'
    cases = [
        (0, ["--token", db.token, empty]),
        (1, ["--token", db.token, "--fail-empty", empty]),
        (2, ["--no-such-option"]),
        (3, ["--token", db.token, 'from(bucket: "b") |> rang(start: 0)']),
        (3, ["--token", db.token, 'from(bucket: "nowhere") |> range(start: 0)']),
        (5, ["--token", "wrong", empty]),
    ]
    for code, args in cases:
        done = tool("tsagg-query", *login, *args)
        assert done.returncode == code, (args, done)
        assert bool(done.stderr) == (code > 1), (args, done)
    db.stop()
    done = tool("tsagg-query", *login, "--token", db.token, empty)
    assert done.returncode == 4 and done.stderr, done


if __name__ == "__main__":
    runner.main()
