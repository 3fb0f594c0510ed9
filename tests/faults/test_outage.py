#!/usr/bin/env python3
"""A sink that is away for an hour, and a journal too small for it: what is merged, and what is dropped, adds up."""
import collections
import itertools
import math
import os
import pathlib
import subprocess
import sys
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
from tsagg_test import lineproto, oracle, runner
from tsagg_test.daemon import BUILD, Tsaggd
from tsagg_test.ports import LOOPBACK
from tsagg_test.stub import MenuInflux
from tsagg_test.times import NS, to_rfc3339
from tsagg_test.wait import scaled, until

WINDOW_S = 10
HOUR = 360  # windows
SERIES = scaled(10_000)
POINT_BYTES = 88  # of a point of this test in the journal
START_S = oracle.EPOCH_NS // NS
WIDTHS = {"": 10, "10s": 10, "1m": 60, "10m": 600}


def value(series, window):
    return (series * 31 + window * 17) % 1000 - 500


def body(window, series):
    time_ns = (START_S + window * WINDOW_S + 3) * NS
    return "\n".join(f"m,id={i:05} v={value(i, window)} {time_ns}" for i in range(series)).encode()


def write(tsaggd, text):
    request = urllib.request.Request(f"http://{LOOPBACK}:{tsaggd.http_port}/api/v2/write?org=o&bucket=b", text)
    with urllib.request.urlopen(request, timeout=120) as answer:
        assert answer.status == 204


def journal_bytes(tsaggd):
    """Of its segments, and of those that are being made; they come and go meanwhile."""
    total = 0
    with os.scandir(tsaggd.dir / "state" / "journal") as entries:
        for entry in entries:
            try:
                if not entry.name.endswith((".seg", ".new")):
                    continue
                total += entry.stat().st_size
            except FileNotFoundError:
                pass
    return total


def daemon(stub, max_bytes, **changes):
    return Tsaggd(rollups=[{"name": "r", "every": f"{WINDOW_S}s", "lateness": "0s", "to": ["influx"],
                            "aggregates": ["count", "sum", "min", "max", "mean", "stddev", "last", "rate"]}],
                  sinks={"influx": {"type": "influxdb", "url": stub.url, "org": "o", "bucket": "b", "flush_interval": "50ms",
                                    "retry_min": "50ms", "retry_max": "200ms", "batch": 2000, "in_flight": 2}},
                  idle_after="1h", journal={"max_bytes": max_bytes}, **changes)


def outage(max_bytes, series=SERIES, windows=HOUR):
    """Everything is sent while the sink answers 503; then it comes back. Returns the status and the points."""
    away = [True]
    with MenuInflux(1, dishes=("good",)) as stub:
        serve = stub.answer
        stub.answer = lambda write, n: (503, {}) if away[0] else serve(write, n)
        highest = 0
        with daemon(stub, max_bytes) as tsaggd:
            for window in range(windows):
                write(tsaggd, body(window, series))
                highest = max(highest, journal_bytes(tsaggd))
            write(tsaggd, f"advance x=1 {(START_S + windows * WINDOW_S + 3600) * NS}".encode())
            until(lambda: tsaggd.sink("influx")["rolled_up"] >= series * windows, 60, "all rolled up")
            assert tsaggd.sink("influx")["delivered"] == 0
            assert max(highest, journal_bytes(tsaggd)) <= max_bytes, "the journal keeps within its limit"
            shown = subprocess.run([BUILD / "tsagg-ctl", "status", "--host", f"http://{LOOPBACK}:{tsaggd.http_port}"],
                                   capture_output=True, text=True, check=True).stdout
            away[0] = False
            tsaggd.wait_delivered("influx", 1, deadline_s=120)
            status = tsaggd.status()
        stub.stored = {key: fields for key, fields in stub.stored.items() if not key[0].startswith("advance")}
        return status, shown, points(stub), stub


def points(stub):
    """{(id, first window, windows): fields}"""
    found = {}
    for (name, time_ns), fields in stub.stored.items():
        _, tags, values, time_ns = lineproto.read(f"{name} {fields} {time_ns}")
        tags = dict(tags)
        width = WIDTHS[tags.get("coarsened", "")] // WINDOW_S
        found[int(tags["id"]), (time_ns // NS - START_S) // WINDOW_S, width] = values
    return found


def check_values(found):
    """Each point says what the oracle says of its whole window."""
    for (series, first, width), got in found.items():
        values = [value(series, window) for window in range(first, first + width)]
        mean = sum(values) / width
        want = {"v_count": width, "v_sum": sum(values), "v_min": min(values), "v_max": max(values), "v_mean": mean,
                "v_last": values[-1], "v_rate": sum(values) / (width * WINDOW_S),
                "v_stddev": math.sqrt(sum((v - mean) ** 2 for v in values) / width)}
        assert got.keys() == want.keys()
        for name, number in want.items():
            assert math.isclose(got[name], number, rel_tol=1e-9, abs_tol=1e-6), (series, first, width, name, got[name], number)


def covered(found, series, windows):
    """How often each window of each series is told of; which ones never."""
    times = collections.Counter()
    for number, first, width in found:
        times.update((number, window) for window in range(first, first + width))
    assert max(times.values()) == 1, "a window is in two points"
    return {(i, window) for i in range(series) for window in range(windows)} - times.keys()


def test_an_hour_is_merged():
    """10,000 series for an hour in a sixth of the space: nothing is dropped, all of it comes out, in coarser windows."""
    status, shown, found, stub = outage(SERIES * HOUR * POINT_BYTES // 6)
    sink, journal = status["sinks"][0], status["journal"]
    widths = collections.Counter(width for _, _, width in found)
    print(f"  {len(found)} points of {SERIES * HOUR}, by windows: {dict(widths)}; {journal['coarsenings']} steps")
    assert sink["dropped"] == 0 and journal["segments_dropped"] == 0, sink
    assert sink["rolled_up"] == SERIES * HOUR and sink["coarsened"] == SERIES * HOUR - sink["delivered"] > 0, sink
    assert set(widths) == {1, 6, 60}
    assert not covered(found, SERIES, HOUR)
    check_values(found)
    assert stub.twice == 0
    assert "merged into coarser windows" in shown and "BALANCED" in shown, shown
    assert journal["coarsened_span"]["from"] >= to_rfc3339(START_S * NS), journal


def test_what_does_not_fit_is_dropped_and_told():
    """Far too small, and too many series for merging: what is missing is exactly what the ledger says."""
    series, windows = 10_000, 60
    status, shown, found, _ = outage(series * 5 * POINT_BYTES, series, windows)
    sink, journal = status["sinks"][0], status["journal"]
    check_values(found)
    missing = covered(found, series, windows)
    print(f"  {len(missing)} of {series * windows} windows dropped, {len(found)} points delivered")
    assert missing and sink["dropped"] > 0
    assert sink["rolled_up"] == sink["delivered"] + sink["dropped"] + sink["coarsened"]
    assert journal["rollups_dropped"] == sink["dropped"] and "dropped where they were not delivered" in shown, shown
    first, last = min(w for _, w in missing), max(w for _, w in missing)
    assert journal["dropped_span"]["from"] <= to_rfc3339((START_S + first * WINDOW_S) * NS)
    assert journal["dropped_span"]["to"] >= to_rfc3339((START_S + (last + 1) * WINDOW_S) * NS)


def test_age():
    """What is older than max_age is dropped, and counted."""
    with MenuInflux(1, dishes=("503",)) as stub:
        tsaggd = daemon(stub, 1 << 30)
        tsaggd.config["journal"] = {"max_age": "2s"}
        tsaggd.config["sinks"]["influx"].update(batch=100, in_flight=1)  # what a sink has read is being sent, and not dropped
        with tsaggd:
            for window in range(40):
                write(tsaggd, body(window, 200))
                until(lambda: tsaggd.sink("influx")["rolled_up"] >= 200 * window, 10, "rolled up")
            until(lambda: tsaggd.status()["journal"]["segments_dropped"] or write(tsaggd, f"m,id=x v=1 {now_ns(tsaggd)}".encode()),
                  20, "something dropped")
            now = tsaggd.sink("influx")
            assert now["dropped"] > 0 and "max_age" in tsaggd.log(), now


def now_ns(tsaggd, n=[0]):
    n[0] += 1
    return (START_S + 4000 + n[0] * WINDOW_S) * NS


def test_restart_in_the_middle():
    """Killed while the journal is merged again and again: each window that was in the journal is told of once, and one that was open
    at most once."""
    series = max(SERIES // 20, 500)
    with MenuInflux(1, dishes=("good",)) as stub:
        away, serve = [True], stub.answer
        stub.answer = lambda write, n: (503, {}) if away[0] else serve(write, n)
        tsaggd = daemon(stub, series * 100 * POINT_BYTES)
        tsaggd.start()
        window = coarsened = 0
        open_windows = []
        for n in range(8):
            for _ in range(45):
                write(tsaggd, body(window, series))
                window += 1
            # The last window is open, all before it are sealed; those in the journal outlive the process.
            journal = until(lambda: (now := tsaggd.status()["journal"])["appended"] >= 44 * series and now, 30, "all in the journal")
            coarsened += journal["coarsenings"]
            assert journal["rollups_dropped"] == 0, journal
            tsaggd.kill9()
            open_windows.append(window - 1)
            tsaggd.start()
        away[0] = False
        write(tsaggd, f"advance x=1 {(START_S + (window + 1000) * WINDOW_S) * NS}".encode())
        tsaggd.wait_delivered("influx", 1, deadline_s=60)
        tsaggd.assert_balanced()
        tsaggd.stop()
        stub.stored = {key: fields for key, fields in stub.stored.items() if not key[0].startswith("advance")}
        found = points(stub)
        missing = covered(found, series, window)
        assert missing <= {(i, w) for i in range(series) for w in open_windows}, len(missing)
        print(f"  {coarsened} steps before the kills, {len(found)} points tell of {series * window} windows")
        assert coarsened > 0 and any(width > 1 for _, _, width in found)
        for (number, first, width), got in found.items():
            sealed = [value(number, w) for w in range(first, first + width) if w not in open_windows]
            open_ones = [value(number, w) for w in range(first, first + width) if w in open_windows]
            able = [sealed + list(some) for n in range(len(open_ones) + 1) for some in itertools.combinations(open_ones, n)]
            assert any(all(got[name] == want for name, want in (("v_count", len(values)), ("v_sum", sum(values)),
                                                                ("v_min", min(values)), ("v_max", max(values))))
                       for values in able if values), (number, first, width, got)


if __name__ == "__main__":
    runner.main()
