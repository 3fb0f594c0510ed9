#!/usr/bin/env python3
"""The InfluxDB servers of the harness: written points are read back, also after a restart."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
from tsagg_test import runner
from tsagg_test.influx import HttpError, Influx1, Influx2

LINES = 'cpu,host=a usage=1.5,n=3i 1000000000\ncpu,host=b s="x,y" 2000000001'


def assert_refused(status, fn, *args):
    try:
        fn(*args)
    except HttpError as err:
        assert err.status == status, err
    else:
        raise AssertionError(f"not refused with {status}")


@runner.needs(Influx2)
def test_influx2():
    db = Influx2().start().setup()
    query = 'from(bucket: "b") |> range(start: 0, stop: 10) |> keep(columns: ["_time", "_field", "_value", "host"])'

    def cells():
        return [(row["_time"], row["_field"], row["_value"], row["host"]) for row in db.query(query)]

    db.write(LINES)
    written = cells()
    assert sorted(written, key=str) == [
        (1000000000, "n", 3, "a"), (1000000000, "usage", 1.5, "a"), (2000000001, "s", "x,y", "b")], written
    db.restart()
    assert cells() == written
    db.delete_points("b", 0, 1500000000)
    assert [cell[1] for cell in cells()] == ["s"]
    db.delete_bucket("b")
    assert_refused(404, db.write, LINES)
    db.create_bucket("b")
    assert cells() == []
    assert_refused(400, db.query, 'from(bucket: "b") |> rang(start: 0)')


def influx1_keeps_points(auth):
    db = Influx1(auth).start()
    db.create_database("d")
    db.write(LINES, "d")
    rows = db.query("SELECT * FROM cpu GROUP BY host", "d")
    assert rows == [{"name": "cpu", "host": "a", "time": 1000000000, "n": 3, "s": None, "usage": 1.5},
                    {"name": "cpu", "host": "b", "time": 2000000001, "n": None, "s": "x,y", "usage": None}], rows
    db.restart()
    assert db.query("SELECT * FROM cpu GROUP BY host", "d") == rows
    assert_refused(404, db.write, LINES, "nowhere")
    if auth:
        db.headers.clear()
        assert_refused(401, db.query, "SHOW DATABASES")


@runner.needs(Influx1)
def test_influx1():
    influx1_keeps_points(auth=False)


@runner.needs(Influx1)
def test_influx1_with_users():
    influx1_keeps_points(auth=True)


if __name__ == "__main__":
    runner.main()
