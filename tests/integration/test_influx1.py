#!/usr/bin/env python3
"""tsaggd into a real InfluxDB 1.6, read back with InfluxQL and held against the oracle."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
from tsagg_test import load, runner
from tsagg_test.daemon import Tsaggd
from tsagg_test.influx import Influx1
from tsagg_test.wait import until

DATABASE = "db"
TAGS = ("host", "zone")


def sink(db, **changes):
    return {"influx": {"type": "influxdb1", "url": db.url, "database": DATABASE, "flush_interval": "1s", **changes}}


def daemon(sinks):
    return Tsaggd(rollups=[{**load.ROLLUP, "to": ["influx"]}], sinks=sinks, **load.ONLY_BY_WATERMARK)


def server(auth=False):
    db = Influx1(auth).start()
    db.create_database(DATABASE)
    return db


def points(db, retention_policy="autogen"):
    found = {}
    for row in db.query(f'SELECT * FROM "{DATABASE}"."{retention_policy}"./.*/', DATABASE):
        tags = tuple((tag, row[tag]) for tag in TAGS if row.get(tag))
        fields = {k: v for k, v in row.items() if k not in ("name", "time", *TAGS) and v is not None}
        found[row["name"], tags, row["time"]] = fields
    return found


def deliver(sent, tsaggd):
    sent.send(tsaggd)
    sent.advance(tsaggd)
    tsaggd.wait_delivered("influx", len(sent.rollups))


@runner.needs(Influx1)
def test_rollups():
    db, sent = server(), load.shuffled()
    with daemon(sink(db)) as tsaggd:
        deliver(sent, tsaggd)
        sent.assert_rolled_up(points(db))


@runner.needs(Influx1)
def test_retention_policy():
    db, sent = server(), load.ordered()
    db.create_retention_policy("long", DATABASE)
    with daemon(sink(db, retention_policy="long")) as tsaggd:
        deliver(sent, tsaggd)
        sent.assert_rolled_up(points(db, "long"))
        assert points(db) == {}


@runner.needs(Influx1)
def test_outage_loses_nothing():
    db, sent = server(), load.ordered()
    half = len(sent.lines) // 2
    with daemon(sink(db)) as tsaggd:
        sent.send(tsaggd, slice(0, half))
        tsaggd.wait_delivered("influx", 1)
        db.stop()
        sent.send(tsaggd, slice(half, None))
        sent.advance(tsaggd)
        until(lambda: tsaggd.sink("influx")["pending"], 30, "something pending")
        db.start()
        tsaggd.wait_delivered("influx", len(sent.rollups))
        sent.assert_rolled_up(points(db))


@runner.needs(Influx1)
def test_password():
    db, sent = server(auth=True), load.ordered()
    with daemon(sink(db, username=db.user, password="wrong")) as tsaggd:
        sent.send(tsaggd)
        sent.advance(tsaggd)
        until(lambda: "401" in tsaggd.log(), 30, "a log line about 401")
        assert tsaggd.sink("influx")["pending"] == len(sent.rollups)
        tsaggd.restart(sinks=sink(db, username=db.user, password=db.password))
        tsaggd.wait_delivered("influx", len(sent.rollups))
        sent.assert_rolled_up(points(db))


@runner.needs(Influx1)
def test_missing_database_keeps_the_data():
    db, sent = Influx1().start(), load.ordered()
    with daemon(sink(db)) as tsaggd:
        sent.send(tsaggd)
        sent.advance(tsaggd)
        until(lambda: "404" in tsaggd.log(), 30, "a log line about 404")
        assert tsaggd.sink("influx")["dropped"] == 0
        db.create_database(DATABASE)
        tsaggd.wait_delivered("influx", len(sent.rollups))
        sent.assert_rolled_up(points(db))


if __name__ == "__main__":
    runner.main()
