#!/usr/bin/env python3
"""The embedded store: what the daemon keeps in it, through kill -9, and tsagg-ctl store."""
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
from tsagg_test import lineproto, load, runner
from tsagg_test.daemon import BUILD, Tsaggd

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


def test_rollups_are_stored():
    sent = load.ordered(lines=2000, series=50, windows=4)
    with daemon() as tsaggd:
        sent.send(tsaggd)
        sent.advance(tsaggd)
        tsaggd.wait_delivered("st", len(sent.rollups))
        sent.assert_rolled_up(stored(tsaggd))  # another process reads while the daemon has it open
        assert "whole" in ctl(tsaggd, "check")
        assert "landing" in ctl(tsaggd, "stats")


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


if __name__ == "__main__":
    runner.main()
