#!/usr/bin/env python3
"""The embedded store: what the daemon keeps in it, through kill -9, and tsagg-ctl store."""
import http.client
import json
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
from tsagg_test import lineproto, load, oracle, runner, udp
from tsagg_test.daemon import BUILD, Tsaggd, tool
from tsagg_test.ports import LOOPBACK
from tsagg_test.times import NS

T = oracle.EPOCH_NS // NS
SINK = {"st": {"type": "store", "bucket": "rollups", "flush_interval": "100ms"}}


def daemon(**config):
    return Tsaggd(rollups=[{**load.ROLLUP, "to": ["st"]}], sinks=SINK, **load.ONLY_BY_WATERMARK, **config)


def ctl(tsaggd, *args, code=0, stdin=None):
    done = subprocess.run([BUILD / "tsagg-ctl", "store", *args, "--dir", tsaggd.dir / "state/store"],
                          input=stdin, capture_output=True, text=True, timeout=120)
    assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
    return done.stdout


def stored(tsaggd):
    return lineproto.read_points(ctl(tsaggd, "export", "--bucket", "rollups"))


def local_query(tsaggd, flux):
    done = tool("tsagg-query", f"--local={tsaggd.dir / 'state'}", "--format", "csv", flux)
    assert done.returncode == 0, done
    return done.stdout.decode().replace("\r", "")


def test_rollups_are_stored():
    sent = load.ordered(lines=2000, series=50, windows=4)
    with daemon() as tsaggd:
        sent.send(tsaggd)
        sent.advance(tsaggd)
        tsaggd.wait_delivered("st", len(sent.rollups))
        sent.assert_rolled_up(stored(tsaggd))  # another process reads while the daemon has it open
        assert "whole" in ctl(tsaggd, "check")
        assert "landing" in ctl(tsaggd, "stats")
        counts = """from(bucket: "rollups") |> range(start: 0, stop: 2100-01-01T00:00:00Z)
            |> filter(fn: (r) => r._field =~ /_max$/) |> group() |> count() |> keep(columns: ["_value"])"""
        assert local_query(tsaggd, counts) == f"_value\n{len(sent.rollups)}\n"


def test_a_bucket_for_each_rollup():
    """The same names and tags in three buckets, one of them written to by two rollups that match apart."""
    rules = [{"name": "a", "every": "1s"}, {"name": "b", "every": "10s", "bucket": "ten seconds", "match": "m*"},
             {"name": "c", "every": "10s", "bucket": "ten seconds", "match": "n*", "group_by": []}]
    daemon = Tsaggd(rollups=[{**rule, "aggregates": ["sum"], "to": ["st"]} for rule in rules], sinks=SINK, **load.ONLY_BY_WATERMARK)
    with daemon as tsaggd:
        lines = [f"{name},h={i} f={i} {(T + i) * NS}" for i in range(4) for name in "mn"] + [f"m,h=0 f=0 {(T + 60) * NS}"]
        udp.send(tsaggd.udp_port, [line.encode() for line in lines], read=tsaggd.lines_read)
        tsaggd.wait_delivered("st", 8)
        tsaggd.wait_delivered("st.ten%20seconds", 5)
        own, ten = stored(tsaggd), lineproto.read_points(ctl(tsaggd, "export", "--bucket", "ten seconds"))
    assert own == {(name, (("h", str(i)),), (T + i) * NS): {"f_sum": i} for i in range(4) for name in "mn"}, own
    assert ten == {**{("m", (("h", str(i)),), T * NS): {"f_sum": i} for i in range(4)}, ("n", (), T * NS): {"f_sum": 6}}, ten


def test_kill9_loses_nothing():
    sent = load.ordered(lines=4000, series=100, windows=8)
    with daemon() as tsaggd:
        sent.send(tsaggd)
        sent.advance(tsaggd)
        tsaggd.wait_delivered("st", len(sent.rollups))
        tsaggd.kill9()
        assert "whole" in ctl(tsaggd, "check")
        sent.assert_rolled_up(stored(tsaggd))
        tsaggd.restart()
        sent.assert_rolled_up(stored(tsaggd))


def test_compact_only_without_the_daemon():
    with daemon() as tsaggd:
        ctl(tsaggd, "compact", code=4)


def test_export_and_import():
    lines = ['m,a=1\\ 2,b=x\\,y f=1.5 1000', 'm,a=1\\ 2,b=x\\,y f=2 2000', 'm,c=1 i=-3i,u=4u,ok=true,s="a \\"b\\" \\\\" 3000',
             'other v=1 5']
    with daemon() as tsaggd:
        tsaggd.stop()
        assert ctl(tsaggd, "import", "--bucket", "new", stdin="\n".join(lines)) == "4 points stored, 0 lines left out\n"
        assert ctl(tsaggd, "export", "--bucket", "new").splitlines() == [
            'm,a=1\\ 2,b=x\\,y f=1.5 1000', 'm,a=1\\ 2,b=x\\,y f=2 2000', 'm,c=1 i=-3i 3000', 'm,c=1 ok=true 3000',
            'm,c=1 s="a \\"b\\" \\\\" 3000', 'm,c=1 u=4u 3000', 'other v=1 5']
        assert ctl(tsaggd, "export", "--bucket", "new", "--start", "1000", "--stop", "2000").splitlines() == [
            'm,a=1\\ 2,b=x\\,y f=1.5 1000']
        # another type for a field, and what is no line protocol: told, the rest is stored
        assert ctl(tsaggd, "import", "--bucket", "new", stdin="m,c=1 i=1.5 9000\nx\nother v=2 6\n", code=1) == \
            "1 points stored, 2 lines left out\n"
        assert "other v=2 6" in ctl(tsaggd, "export", "--bucket", "new").splitlines()
        ctl(tsaggd, "compact")
        assert len(ctl(tsaggd, "export", "--bucket", "new").splitlines()) == 8
        ctl(tsaggd, "export", "--bucket", "nothing", code=4)
        tsaggd.start()


def test_sqlite_can_open_it():
    import sqlite3
    sent = load.ordered(lines=200, series=10, windows=2)
    with daemon() as tsaggd:
        sent.send(tsaggd)
        sent.advance(tsaggd)
        tsaggd.wait_delivered("st", len(sent.rollups))
        db = sqlite3.connect(tsaggd.dir / "state/store/catalog.db")
        assert db.execute("SELECT name FROM bucket").fetchall() == [("rollups",)]
        assert db.execute("SELECT count(*) FROM series").fetchone() == (10,)
        db.close()


def post(tsaggd, path, body):
    conn = http.client.HTTPConnection(LOOPBACK, tsaggd.http_port, timeout=60)
    try:
        conn.request("POST", path, body)
        answer = conn.getresponse()
        return answer.status, answer.read().decode()
    finally:
        conn.close()


def http_daemon(write):
    tsaggd = daemon()
    tsaggd.config["http"]["write"] = write
    return tsaggd


def export(tsaggd, bucket="rollups"):
    return ctl(tsaggd, "export", "--bucket", bucket).splitlines()


V2 = "/api/v2/write?org=o&bucket=rollups"


def test_http_write_into_the_store():
    with http_daemon("store") as tsaggd:
        assert post(tsaggd, V2, "m,h=1 v=1,w=2i 10\nm,h=1 v=3 20\n") == (204, "")
        assert export(tsaggd) == ["m,h=1 v=1 10", "m,h=1 v=3 20", "m,h=1 w=2i 10"]
        assert post(tsaggd, V2 + "&precision=s", "m,h=1 v=7 1") == (204, "")
        assert "m,h=1 v=7 1000000000" in export(tsaggd)
        # a bad line: nothing is written
        status, text = post(tsaggd, V2, "m,h=1 v=100 30\nm,h=1 v= 40\n")
        assert status == 400 and "unable to parse 'm,h=1 v= 40': line 2" in text, text
        # another type: the good points are written
        status, text = post(tsaggd, V2, 'm,h=1 v=4 50\nm,h=2 v="x" 50\nm,h=3 w=1.5 50\nm,h=4 w=5i 50')
        assert status == 422 and "partial write: field type conflict" in text and "dropped=2" in text, text
        assert json.loads(text)["code"] == "unprocessable entity"
        assert post(tsaggd, "/api/v2/write?org=o&bucket=no", "m v=1 1")[0] == 404
        # InfluxDB 1: the good lines are written
        status, text = post(tsaggd, "/write?db=rollups", "m,h=1 v= 60\nm,h=5 v=6 60")
        assert status == 400 and "partial write" in text, text
        assert post(tsaggd, "/write?db=no", "m v=1 1")[0] == 404
        assert sorted(export(tsaggd)) == sorted([
            "m,h=1 v=1 10", "m,h=1 v=3 20", "m,h=1 v=4 50", "m,h=1 v=7 1000000000", "m,h=1 w=2i 10", "m,h=4 w=5i 50",
            "m,h=5 v=6 60"])
        metrics = tsaggd.metrics()
        assert metrics["tsagg_http_points_total", (("result", "stored"),)] == 6, metrics
        assert metrics["tsagg_http_points_total", (("result", "refused"),)] == 2, metrics


def test_http_write_into_both():
    with http_daemon("both") as tsaggd:
        body = "".join(f"m v={i} {10**18 + i * 10**9}\n" for i in range(100))
        assert post(tsaggd, V2, body) == (204, "")
        assert post(tsaggd, V2, f"m v=0 {10**18 + 3600 * 10**9}") == (204, "")
        tsaggd.wait_delivered("st", 10)
        points = stored(tsaggd)
        assert points["m", (), 10**18 + 7 * 10**9] == {"v": 7.0}
        # the rollup of a window stands at its first time, beside the value that was written there
        assert points["m", (), 10**18 + 20 * 10**9]["v_sum"] == sum(range(20, 30))
        assert points["m", (), 10**18 + 20 * 10**9]["v"] == 20


def test_a_large_body():
    with http_daemon("store") as tsaggd:
        tsaggd.stop()
        tsaggd.config["http"]["max_body"] = "100MB"
        tsaggd.start()
        n = 1_200_000  # more than a batch of the store has
        assert post(tsaggd, V2, "".join(f"m v={i}i {i}\n" for i in range(n))) == (204, "")
        lines = export(tsaggd)
        assert len(lines) == n and lines[-1] == f"m v={n - 1}i {n - 1}"


if __name__ == "__main__":
    runner.main()
