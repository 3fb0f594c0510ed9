#!/usr/bin/env python3
"""tsaggd into a real InfluxDB 2.7, read back with tsagg-query and held against the oracle."""
import csv
import io
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
from tsagg_test import lineproto, load, oracle, runner, udp
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
def test_bucket_deleted_and_made_again():
    """Under load. What was delivered before is gone with the bucket; what comes after the new one is there is whole, and so is what was held."""
    db = Influx2().start().setup()
    sent = load.ordered()
    half = len(sent.lines) // 2
    with daemon(sink(db)) as tsaggd:
        sent.send(tsaggd, slice(0, half))
        before = until(lambda: (now := tsaggd.sink("influx"))["delivered"] and not now["pending"] and now["delivered"], 30, "delivered")
        db.delete_bucket(db.bucket)
        sent.send(tsaggd, slice(half, None))
        sent.advance(tsaggd)
        until(lambda: "held" in tsaggd.sink("influx")["state"], 30, "it is told")
        db.create_bucket(db.bucket)
        now = tsaggd.wait_delivered("influx", len(sent.rollups))
        assert now["dropped"] == 0, now
        times = sorted(key[3] for key in sent.rollups)
        later = {key: value for key, value in sent.rollups.items() if key[3] >= times[before]}  # delivered in the order of windows
        oracle.assert_equal(oracle.from_points(points(db, sent)), later, load.AGGREGATES)


@runner.needs(Influx2)
def test_field_type_conflict():
    """Points whose field is a string in the bucket already go to the dead letters with InfluxDB's reason, all others are there."""
    db = Influx2().start().setup()
    sent = load.ordered(lines=4000, series=40, windows=8)
    db.write(f'm2,host=other f_sum="text" {sent.start_ns - 60 * NS}')  # in the same shard, where a field has one type
    bad = {key for key in sent.rollups if key[0] == "m2" and key[2] == "f"}
    assert 0 < len(bad) < len(sent.rollups)
    with daemon(sink(db)) as tsaggd:
        sent.send(tsaggd)
        sent.advance(tsaggd)
        now = tsaggd.wait_delivered("influx", len(sent.rollups) - len(bad), deadline_s=150)
        assert now["dropped"] == now["dead_letters"] == len(bad), now
        letters = (tsaggd.dir / "state" / "dead-letter" / "influx.lp").read_text().splitlines()
        assert len(letters) == 2 * len(bad) and all("field type conflict" in line for line in letters[::2]), letters[:2]
        refused = oracle.from_points(lineproto.read_points("\n".join(letters[1::2])))
        oracle.assert_equal(refused, {key: sent.rollups[key] for key in bad}, load.AGGREGATES)
    good = {key: value for key, value in sent.rollups.items() if key not in bad}
    oracle.assert_equal(oracle.from_points(points(db, sent)), good, load.AGGREGATES)


@runner.needs(Influx2)
def test_retention_shorter_than_the_data():
    """What the bucket does not keep is refused by InfluxDB: it is in the dead letters with its reason, and what is young enough is there."""
    db = Influx2().start().setup()
    org_id = db.call("GET", "/api/v2/orgs", {"org": db.org})["orgs"][0]["id"]
    db.call("POST", "/api/v2/buckets", obj={"orgID": org_id, "name": "hour", "retentionRules": [{"type": "expire", "everySeconds": 3600}]})
    now_s = int(time.time()) // 10 * 10
    old, young = ([(f"m,host=h{i} f={i}.5 {(at + i * 10) * NS}").encode() for i in range(20)] for at in (now_s - 7200, now_s - 1200))
    with daemon(sink(db, bucket="hour")) as tsaggd:
        udp.send(tsaggd.udp_port, old + young + [f"advance x=1 {now_s * NS}".encode()], read=tsaggd.lines_read)
        now = tsaggd.wait_delivered("influx", 20)
        assert now["rolled_up"] == 40 and now["delivered"] == 20 and now["dropped"] == now["dead_letters"] == 20, now
        letters = (tsaggd.dir / "state" / "dead-letter" / "influx.lp").read_text().splitlines()
        assert all("retention policy" in line for line in letters[::2]), letters[:2]
        found = {(name, tags, time_ns) for name, tags, time_ns in lineproto.read_points("\n".join(letters[1::2]))}
        assert found == {("m", (("host", f"h{i}"),), (now_s - 7200 + i * 10) * NS) for i in range(20)}
    rows = query(db, """from(bucket: "hour") |> range(start: -3h) |> filter(fn: (r) => r._field == "f_last") |> group()""")
    assert {(row["host"], float(row["_value"])) for row in rows} == {(f"h{i}", i + 0.5) for i in range(20)}, rows


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
