#!/usr/bin/env python3
"""The life of a series: limits and where samples go past them, oblivion, gauges that stay, and who is to blame."""
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
from tsagg_test import lineproto, load, oracle, runner, udp
from tsagg_test.daemon import Tsaggd, tool
from tsagg_test.wait import until

T = oracle.EPOCH_NS
WINDOW_NS = load.WINDOW_NS


def daemon(every="10s", **config):
    tsaggd = Tsaggd(
        rollups=[{"name": "r", "every": every, "lateness": "2s", "aggregates": list(load.AGGREGATES), "to": ["file"]}],
        **{**load.ONLY_BY_WATERMARK, **config})
    tsaggd.config["sinks"] = {"file": {"type": "file", "path": str(tsaggd.dir / "out.lp"), "flush_interval": "50ms"}}
    return tsaggd


def points(tsaggd):
    """What has been written, after the end of the daemon."""
    tsaggd.assert_balanced()
    tsaggd.stop()
    return lineproto.read_points((tsaggd.dir / "out.lp").read_text())


def as_limited(samples, series_limit, values_limit):
    """The samples with the series that the documented rules give them, and how many went elsewhere for which reason."""
    live, values, moved = set(), {}, {"series_limit": 0, "tag_values": 0}
    out = []
    for sample in samples:
        own = (sample.measurement, sample.tags, sample.field)
        tags, reason = sample.tags, None
        if own not in live:
            tags = tuple(
                (k, v if v in (known := values.get((sample.measurement, k), ())) or len(known) < values_limit
                 else "_overflow") for k, v in sample.tags)
            reason = "tag_values" if tags != sample.tags else None
            if (sample.measurement, tags, sample.field) not in live:
                if len(live) < series_limit:
                    live.add((sample.measurement, tags, sample.field))
                    for k, v in tags:
                        if v != "_overflow":
                            values.setdefault((sample.measurement, k), set()).add(v)
                else:
                    tags, reason = (("_overflow", "true"),), "series_limit"
        if reason:
            moved[reason] += 1
        out.append(sample._replace(tags=tags))
    return out, moved


def settled(tsaggd):
    """The samples of the status, once none is in flight."""
    until(lambda: tsaggd.status()["samples"]["in_flight"] == 0, 30, "nothing in flight")
    return tsaggd.status()["samples"]


def test_overflow_against_the_oracle():
    samples = load.ordered(lines=20_000, series=600, windows=3).samples
    for series_limit, values_limit, workers in ((10_000, 50, 1), (100, 10_000, 3), (300, 40, 2)):
        want, moved = as_limited(samples, series_limit, values_limit)
        assert sum(moved.values()) > 100, moved
        with daemon(limits={"series": series_limit, "tag_values": values_limit}, workers=workers) as tsaggd:
            udp.send(tsaggd.udp_port, [lineproto.write(s).encode() for s in samples], read=tsaggd.lines_read)
            tsaggd.assert_balanced()
            status = tsaggd.status()["samples"]
            assert status["overflowed_by_reason"] == moved, (status, moved)
            assert status["dropped"] == 0, status
            url = tsaggd.config["listen"][0]["url"]
            counted = {dict(labels)["reason"]: v for (name, labels), v in tsaggd.metrics().items()
                       if name == "tsagg_samples_overflowed_total"}
            assert counted == moved, (url, counted)
            oracle.assert_equal(oracle.from_points(points(tsaggd)), oracle.rollups(want, WINDOW_NS), load.AGGREGATES)


def test_invented_measurements():
    """Overflow series have a bound too: 16 and one for 64 of the limit."""
    with daemon(limits={"series": 640}) as tsaggd:
        lines = [b"good,i=%d u=1 %d" % (i, T) for i in range(640)]
        udp.send(tsaggd.udp_port, lines, read=tsaggd.lines_read)
        udp.send(tsaggd.udp_port, [b"bad%d u=1 %d" % (i, T) for i in range(50_000)], read=tsaggd.lines_read)
        udp.send(tsaggd.udp_port, lines, read=tsaggd.lines_read)
        samples = settled(tsaggd)
        assert samples["overflowed"] == 26 and samples["dropped_by_reason"]["series_limit"] == 50_000 - 26, samples
        assert tsaggd.metrics()["tsagg_series", ()] == 640 + 26
        assert tsaggd.log().count("event=series_limit") <= 10
        good = {tags: fields["u_count"] for (name, tags, _), fields in points(tsaggd).items() if name == "good"}
        assert len(good) == 640 and set(good.values()) == {2}


def test_idle_series_make_room():
    with daemon(every="100ms", limits={"series": 100, "expire": "1s"}) as tsaggd:
        for generation in range(3):
            lines = [b"m.%d.%d:1|c" % (generation, i) for i in range(100)]
            udp.send(tsaggd.udp_port, lines + [b"kept:1|g"] * (generation == 0), read=tsaggd.lines_read)
            samples = settled(tsaggd)
            assert samples["overflowed"] == 1 and samples["dropped"] == 0, samples  # the gauge, when all were there
            until(lambda: tsaggd.metrics()["tsagg_series", ()] == 0, 60, "all series forgotten")
        # They come back as what they were.
        udp.send(tsaggd.udp_port, [b"m.0.7:5|c"], read=tsaggd.lines_read)
        metrics = tsaggd.metrics()
        assert metrics["tsagg_series_created_total", ()] == 302
        found = {}
        for (name, _, _), fields in points(tsaggd).items():
            found[name] = found.get(name, 0) + fields.get("sum", 0)
        assert found["m.0.7"] == 6 and found["m.1.7"] == 1 and found["m.2.99"] == 1, found


def test_churn_beside_steady_series():
    """Series come and go while others stay; no sample is lost and none lands in another's series."""
    with daemon(every="100ms", limits={"expire": "1s"}, workers=2) as tsaggd:
        rounds = 60
        for n in range(rounds):
            lines = [b"new.%d.%d:%d|c" % (n, i, n) for i in range(200)] + [b"steady.%d:1|c" % i for i in range(50)]
            udp.send(tsaggd.udp_port, lines, lines_per_s=2500, read=tsaggd.lines_read)
        until(lambda: tsaggd.metrics()["tsagg_series_expired_total", ()] >= 5000, 60, "5000 series forgotten")
        sums = {}
        for (name, _, _), fields in points(tsaggd).items():
            sums[name] = sums.get(name, 0) + fields["sum"]
        want = {f"new.{n}.{i}": n for n in range(rounds) for i in range(200)}
        want.update({f"steady.{i}": rounds for i in range(50)})
        assert sums == want, {k: (sums.get(k), v) for k, v in want.items() if sums.get(k) != v}


def test_gauges_are_kept():
    for keep in (False, True):
        with daemon(every="200ms", keep_gauges=keep) as tsaggd:
            udp.send(tsaggd.udp_port, [b"g:5|g", b"c:1|c"], read=tsaggd.lines_read)
            tsaggd.wait_sealed(8 if keep else 2)
            udp.send(tsaggd.udp_port, [b"g:+2|g"], read=tsaggd.lines_read)
            tsaggd.wait_sealed(12 if keep else 3)
            found = points(tsaggd)
            times = sorted(time for (name, _, time) in found if name == "g")
            values = [found["g", (("metric_type", "gauge"),), time]["last"] for time in times]
            assert sorted(values) == values and set(values) == {5, 7}, values
            if keep:  # a worker that has no processor for longer than a window leaves that one out
                assert len(values) >= 11 and all(time % 200_000_000 == 0 for time in times), times
            else:
                assert len(values) == 2, values
            assert len([name for (name, _, _) in found if name == "c"]) == 1


def test_top_names_the_culprit():
    with daemon(limits={"series": 3000, "tag_values": 2000}) as tsaggd:
        lines = [b"good,host=h%d,zone=z%d u=1 %d" % (i, i % 3, T) for i in range(100)]
        lines += [b"bad,user=u%d,zone=z u=1 %d" % (i, T) for i in range(2500)]
        udp.send(tsaggd.udp_port, lines, read=tsaggd.lines_read)
        host = ("--host", f"http://127.0.0.1:{tsaggd.http_port}")
        done = tool("tsagg-ctl", "top", "--cardinality", *host)
        assert done.returncode == 0, done
        rows = [line.split("\t") for line in done.stdout.decode().splitlines()]
        assert rows == [["measurement", "tag", "series", "values", "overflowed"],
                        ["bad", "", "2001", "0", "500"], ["good", "", "100", "0", "0"],
                        ["bad", "user", "2001", "2000", "500"], ["good", "host", "100", "100", "0"],
                        ["good", "zone", "100", "3", "0"], ["bad", "zone", "2001", "1", "0"]], rows
        answer = json.loads(tool("tsagg-ctl", "top", "--cardinality", "--json", *host).stdout)
        assert answer["series"] == 2101 and answer["series_limit"] == 3000 and answer["complete"], answer
        assert len(tool("tsagg-ctl", "top", "--cardinality", "--rows", "1", *host).stdout.splitlines()) == 3
        assert tool("tsagg-ctl", "top", *host).returncode == 2
        assert tool("tsagg-ctl", "top", "--cardinality", "--rows", "0", *host).returncode == 2


if __name__ == "__main__":
    runner.main()
