#!/usr/bin/env python3
"""A sink whose other side answers anything: every good point is there, every bad one is in the dead letters."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
from tsagg_test import lineproto, load, oracle, runner
from tsagg_test.daemon import Tsaggd
from tsagg_test.stub import MenuInflux
from tsagg_test.times import NS
from tsagg_test.wait import SCALE, scaled, until

SEED = 20261121
TIMEOUT_S = 0.15
BAD = "m3,host=h003,"


def is_bad(line):
    return line.startswith(BAD)


def sink(stub, **changes):
    return {"influx": {"type": "influxdb", "url": stub.url, "org": "o", "bucket": "b", "batch": 50, "in_flight": 8,
                       "flush_interval": "20ms", "timeout": f"{TIMEOUT_S * 1000:.0f}ms", "retry_min": "10ms",
                       "retry_max": "50ms", **changes}}


def ten_minutes(lines=scaled(6000, 1000)):
    """60 windows of 10 s; each series has a sample in most of them."""
    return load.Load(oracle.shuffled(SEED, list(oracle.stream(SEED, lines, 100, 60, load.WINDOW_NS)), 4 * NS))


def dead_letters(tsaggd):
    path = tsaggd.dir / "state" / "dead-letter" / "influx.lp"
    lines = path.read_text().splitlines() if path.exists() else []
    assert all(line.startswith("# 20") for line in lines[::2]) and not any(line.startswith("#") for line in lines[1::2])
    return lines[1::2]


def points(stub):
    return lineproto.read_points("\n".join(f"{name} {fields} {time}" for (name, time), fields in stub.stored.items()))


def check(stub, tsaggd, sent):
    """All that is not bad is stored with the oracle's numbers, and the dead letters hold the others."""
    bad = {key for key in sent.rollups if key[0] == "m3" and ("host", "h003") in key[1]}
    assert 0 < len(bad) < len(sent.rollups)
    got = oracle.from_points(points(stub))
    want = {key: value for key, value in sent.rollups.items() if key not in bad}
    oracle.assert_equal({key: value for key, value in got.items() if key[0] != load.ADVANCE}, want, load.AGGREGATES)
    refused = oracle.from_points(lineproto.read_points("\n".join(dead_letters(tsaggd))))
    # A corrected window is refused in each of its versions; the last one says all.
    oracle.assert_equal(refused, {key: sent.rollups[key] for key in bad}, load.AGGREGATES)


def deliver(seed, **changes):
    sent = ten_minutes()
    with MenuInflux(seed, is_bad, hang_s=2 * TIMEOUT_S) as stub:
        tsaggd = Tsaggd(rollups=[{**load.ROLLUP, "to": ["influx"]}], sinks=sink(stub, **changes), **load.ONLY_BY_WATERMARK)
        with tsaggd:
            sent.send(tsaggd)
            sent.advance(tsaggd)
            tsaggd.wait_delivered("influx", 1, deadline_s=150)
            until(lambda: tsaggd.status()["rollups"]["sealed"] == tsaggd.sink("influx")["rolled_up"], 10, "all in the journal")
            now = tsaggd.wait_delivered("influx", 1, deadline_s=150)
            assert now["dropped"] == now["dead_letters"] == len(dead_letters(tsaggd)), now
            held = tsaggd.log().count("event=held")
            assert held <= 2, "one line a minute"
            print(f"  {len(stub.writes)} requests, {stub.twice} points stored twice, {held} lines about held data, {stub.served}")
            assert SCALE < 1 or set(stub.served) == set(MenuInflux.DISHES), "too few requests for the menu"
        check(stub, tsaggd, sent)


def test_random_menu():
    deliver(SEED)


def test_random_menu_one_at_a_time():
    deliver(SEED + 1, in_flight=1)


def test_corrections_come_last():
    """Windows are corrected while requests are repeated: the old version must never come after the new one."""
    sent = ten_minutes(6000)
    with MenuInflux(SEED, dishes=("good", "good", "500", "reset_stored", "hang"), hang_s=2 * TIMEOUT_S) as stub:
        tsaggd = Tsaggd(rollups=[{**load.ROLLUP, "lateness": "0s", "to": ["influx"]}], sinks=sink(stub),
                        **load.ONLY_BY_WATERMARK)
        with tsaggd:
            sent.send(tsaggd)
            sent.advance(tsaggd)
            until(lambda: tsaggd.status()["rollups"]["corrected"] > 0, 30, "corrections")
            tsaggd.stop()
            tsaggd.start()
            tsaggd.wait_delivered("influx", 0, deadline_s=120)
        got = oracle.from_points(points(stub))
        oracle.assert_equal({key: value for key, value in got.items() if key[0] != load.ADVANCE}, sent.rollups,
                            load.AGGREGATES)


def test_circuit_opens_and_closes():
    """Five failures in a row open the circuit, one request then tries, and success raises the limit again."""
    fail = [True]
    sent = load.ordered(lines=4000, series=100, windows=20)
    with MenuInflux(SEED, dishes=("good",)) as stub:
        serve = stub.answer
        stub.answer = lambda write, n: (503, {}) if fail[0] else serve(write, n)
        with Tsaggd(rollups=[{**load.ROLLUP, "to": ["influx"]}], sinks=sink(stub, retry_max="200ms"),
                    **load.ONLY_BY_WATERMARK) as tsaggd:
            sent.send(tsaggd)
            sent.advance(tsaggd)
            open_now = until(lambda: (now := tsaggd.sink("influx"))["circuit"] == "open" and now, 20, "the circuit open")
            assert open_now["in_flight"] <= 1 and open_now["in_flight_limit"] == 1, open_now
            n = len(stub.writes)
            until(lambda: len(stub.writes) >= n + 3, 20, "probes")
            fail[0] = False
            tsaggd.wait_delivered("influx", len(sent.rollups))
            now = tsaggd.sink("influx")
            assert now["circuit"] == "closed" and now["in_flight_limit"] > 1, now
            assert now["retry_in_seconds"] == 0 and now["state"] == "ok", now
        sent.assert_rolled_up(points(stub))


def test_one_line_a_minute_while_held():
    with MenuInflux(SEED, dishes=("401",)) as stub:
        with Tsaggd(rollups=[{**load.ROLLUP, "to": ["influx"]}], sinks=sink(stub), **load.ONLY_BY_WATERMARK) as tsaggd:
            sent = load.ordered(lines=1000, series=50, windows=4)
            sent.send(tsaggd)
            sent.advance(tsaggd)
            until(lambda: len(stub.writes) >= 20, 20, "20 requests")
            assert tsaggd.log().count("event=held") == 1, "one line a minute"
            assert "set a valid token" in tsaggd.log() and tsaggd.sink("influx")["circuit"] != "closed"
            stub.dishes = ("good",)
            tsaggd.wait_delivered("influx", len(sent.rollups))


if __name__ == "__main__":
    runner.main()
