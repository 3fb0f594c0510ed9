#!/usr/bin/env python3
"""Refused points: listed, sent once more, dropped; none is lost on the way, whatever the other side says."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
from tsagg_test import lineproto, load, runner
from tsagg_test.daemon import Tsaggd, tool
from tsagg_test.stub import MenuInflux
from tsagg_test.wait import until

BAD = "m3,host=h003,"


def ctl(tsaggd, *args, code=0):
    done = tool("tsagg-ctl", "dead-letter", "-c", tsaggd.config_path, *args)
    assert done.returncode == code, done
    return done.stdout.decode()


def listed(tsaggd):
    lines = ctl(tsaggd, "list").splitlines()
    assert all(line.startswith("# influx 20") and "HTTP 4" in line for line in lines[::2]), lines
    return lines[1::2]


def daemon(stub):
    return Tsaggd(rollups=[{**load.ROLLUP, "to": ["influx"]}],
                  sinks={"influx": {"type": "influxdb", "url": stub.url, "org": "o", "bucket": "b", "batch": 50,
                                    "flush_interval": "20ms", "retry_min": "10ms", "retry_max": "50ms"}},
                  **load.ONLY_BY_WATERMARK)


def test_list_retry_drop():
    sent = load.ordered(lines=2000, series=50, windows=20)
    bad = sum(key[0] == "m3" and ("host", "h003") in key[1] for key in sent.rollups)
    is_bad = [True]
    with MenuInflux(1, lambda line: is_bad[0] and line.startswith(BAD), dishes=("good", "good", "500", "reset")) as stub:
        tsaggd = daemon(stub)
        with tsaggd:
            assert ctl(tsaggd, "list") == "" and bad > 0
            ctl(tsaggd, "retry", "influx", code=1)
            sent.send(tsaggd)
            sent.advance(tsaggd)
            tsaggd.wait_delivered("influx", 1)
            until(lambda: tsaggd.sink("influx")["dead_letters"] == bad, 10, "all refused")
            assert len(listed(tsaggd)) == bad
            # Still refused: they come back.
            assert ctl(tsaggd, "retry", "influx") == f"{bad} points will be sent again\n"
            until(lambda: "dead_letters_tried" in tsaggd.log(), 20, "tried again")
            assert len(listed(tsaggd)) == bad and tsaggd.sink("influx")["dead_letters_delivered"] == 0
            # Moved while the daemon is away, taken now.
            tsaggd.stop()
            assert ctl(tsaggd, "retry", "influx") == f"{bad} points will be sent again\n"
            assert len(listed(tsaggd)) == bad, "those on their way are listed"
            is_bad[0] = False
            tsaggd.start()
            until(lambda: (now := tsaggd.sink("influx"))["dead_letters_delivered"] == bad and now["dead_letters"] == 0, 20, "delivered")
            until(lambda: not ctl(tsaggd, "list"), 10, "nothing left")
        sent.assert_rolled_up(lineproto.read_points(
            "\n".join(f"{name} {fields} {time}" for (name, time), fields in stub.stored.items())))


def test_drop():
    sent = load.ordered(lines=2000, series=50, windows=20)
    with MenuInflux(1, lambda line: line.startswith(BAD), dishes=("good",)) as stub, daemon(stub) as tsaggd:
        sent.send(tsaggd)
        sent.advance(tsaggd)
        tsaggd.wait_delivered("influx", 1)
        n = tsaggd.sink("influx")["dead_letters"]
        assert n == tsaggd.sink("influx")["dropped"] > 0
        assert ctl(tsaggd, "drop", "influx") == f"{n} points dropped\n"
        until(lambda: tsaggd.sink("influx")["dead_letters"] == 0, 10, "the daemon has seen it")
        assert listed(tsaggd) == [] and tsaggd.sink("influx")["dropped"] == n


def test_usage():
    with MenuInflux(1) as stub, daemon(stub) as tsaggd:
        for args in ([], ["drop"], ["list", "../x"], ["retry", "a", "b"], ["what", "influx"]):
            ctl(tsaggd, *args, code=2)


if __name__ == "__main__":
    runner.main()
