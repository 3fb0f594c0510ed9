#!/usr/bin/env python3
"""Input that no one should send: counted under its reason, and the good lines beside it count."""
import pathlib
import random
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
from tsagg_test import lineproto, load, oracle, runner, udp
from tsagg_test.daemon import Tsaggd
from tsagg_test.wait import scaled, until

T = oracle.EPOCH_NS
MAX_DATAGRAM = 65507

# Each line with the reasons that describe it.
BAD_LINES = [
    (b"novalue", {"syntax", "no_value"}),
    (b"a:|c", {"no_value", "bad_value"}),
    (b":1|c", {"no_name"}),
    (b"a:x|c", {"bad_value"}),
    (b"a:1e400|c", {"bad_value"}),
    (b"a:nan|g", {"bad_value"}),
    (b"a:inf|g", {"bad_value"}),
    (b"a:1|zz", {"bad_type"}),
    (b"a:1", {"bad_type", "syntax"}),
    (b"a:1|c|@0", {"bad_rate"}),
    (b"a:1|c|@1.5", {"bad_rate"}),
    (b"a:1|c|@x", {"bad_rate"}),
    (b"a\0b:1|c", {"not_text", "syntax"}),
    (b"a\xff\xfe:1|c", {"not_text"}),
    (b"cpu usage=1e400 %d" % T, {"bad_value"}),
    (b"cpu usage=NaN %d" % T, {"bad_value"}),
    (b"cpu usage= %d" % T, {"no_value", "bad_value"}),
    (b"cpu,host=a", {"syntax", "no_value"}),
    (b"cpu usage=1 yesterday", {"bad_time"}),
    (b"cpu usage=1 99999999999999999999", {"bad_time"}),
    (b"cpu,=a usage=1 %d" % T, {"bad_tags"}),
    (b"cpu,host= usage=1 %d" % T, {"bad_tags"}),
    (b"cpu,host=\xc3\x28 usage=1 %d" % T, {"not_text"}),
    (b"a" * 60_000, {"too_long", "syntax", "no_value"}),
]


def daemon(**config):
    tsaggd = Tsaggd(
        rollups=[{"name": "r", "every": "10s", "lateness": "2s", "aggregates": ["count"], "to": ["file"]}],
        **{**load.ONLY_BY_WATERMARK, **config})
    tsaggd.config["sinks"] = {"file": {"type": "file", "path": str(tsaggd.dir / "out.lp")}}
    return tsaggd


def counts(tsaggd):
    """{measurement: sum of the counts written}, after the end of the daemon."""
    tsaggd.assert_balanced()
    tsaggd.stop()
    found = {}
    for (measurement, _, _), fields in lineproto.read_points((tsaggd.dir / "out.lp").read_text()).items():
        found[measurement] = found.get(measurement, 0) + sum(v for k, v in fields.items() if k.endswith("count"))
    return found


def rejected(tsaggd):
    return {dict(labels)["reason"]: value for (name, labels), value in tsaggd.metrics().items()
            if name == "tsagg_lines_rejected_total"}


def send(tsaggd, datagrams, lines):
    """Send datagrams which hold that many lines, and wait for them."""
    before = tsaggd.lines_read()
    udp.send_datagrams(tsaggd.udp_port, datagrams)
    tsaggd.wait_read(before + lines)


def test_each_reason():
    with daemon() as tsaggd:
        before = rejected(tsaggd)
        for line, reasons in BAD_LINES:
            send(tsaggd, [b"good:1|c\n" + line + b"\ngood:1|c\n"], 3)
            after = rejected(tsaggd)
            changed = {reason: after[reason] - before[reason] for reason in after if after[reason] != before[reason]}
            assert sum(changed.values()) == 1 and changed.keys() <= reasons, (line[:80], changed, reasons)
            before = after
        assert tsaggd.status()["lines"]["rejected"] == len(BAD_LINES)
        assert counts(tsaggd) == {"good": 2 * len(BAD_LINES)}


def test_empty_lines_are_nothing():
    with daemon() as tsaggd:
        send(tsaggd, [b"", b"\n", b"\n\n\r\n\n", b"\n\ngood:1|c\n\n\r\ngood:1|c"], 2)
        assert tsaggd.lines_read() == 2
        assert counts(tsaggd) == {"good": 2}


def test_line_ends():
    with daemon() as tsaggd:
        send(tsaggd, [b"a:1|c\r\nb:1|c\n", b"a:1|c", b"cpu u=1 %d\r\ncpu u=1 %d" % (T, T + 1)], 5)
        assert counts(tsaggd) == {"a": 2, "b": 1, "cpu": 2}


def test_long_names():
    name = b"n" * 10_000
    with daemon() as tsaggd:
        send(tsaggd, [b"good:1|c\n%s:1|c\ngood:1|c" % name,
                      b"good:1|c\ncpu,host=%s u=1 %d\ngood:1|c" % (name, T),
                      b"good:1|c\n%s u=1 %d\ngood:1|c" % (name, T)], 9)
        status = tsaggd.status()
        assert status["lines"]["rejected"] + status["samples"]["dropped"] in (0, 3), status
        assert counts(tsaggd)["good"] == 6


def test_largest_datagrams():
    line = b"good:1|c\n"
    full = line * (MAX_DATAGRAM // len(line))
    with daemon() as tsaggd:
        send(tsaggd, [full], len(full) // len(line))
        send(tsaggd, [b"x" * MAX_DATAGRAM], 1)
        send(tsaggd, [b"\0" * MAX_DATAGRAM], 1)
        send(tsaggd, [b"\xff" * (MAX_DATAGRAM - len(line) - 1) + b"\n" + line], 2)
        assert tsaggd.status()["lines"]["rejected"] == 3
        assert counts(tsaggd) == {"good": len(full) // len(line) + 1}


def test_binary_noise():
    rnd = random.Random(1)
    batches = scaled(60)
    with daemon() as tsaggd:
        for n in range(1, batches + 1):
            noise = [rnd.randbytes(rnd.randrange(1, 1400)) for _ in range(udp.PACKETS_UNSEEN - 1)]
            udp.send_datagrams(tsaggd.udp_port, noise + [b"good:1|c"])
            until(lambda: tsaggd.metrics()["tsagg_datagrams_received_total", ()] >= n * udp.PACKETS_UNSEEN,
                  30, "noise received")
        assert counts(tsaggd)["good"] == batches


def test_series_limit():
    limit, distinct = 1000, scaled(300_000)
    with daemon(limits={"series": limit}) as tsaggd:
        lines = [b"m,id=%d u=1 %d" % (i, T) for i in range(distinct)]
        udp.send(tsaggd.udp_port, lines, read=tsaggd.lines_read)
        # Series that were there before the limit was reached still count.
        udp.send(tsaggd.udp_port, lines[:10], read=tsaggd.lines_read)
        tsaggd.assert_balanced()
        status = tsaggd.status()
        assert status["lines"]["accepted"] == distinct + 10, status
        assert status["samples"]["overflowed_by_reason"]["series_limit"] == distinct - limit, status
        assert counts(tsaggd) == {"m": distinct + 10}


if __name__ == "__main__":
    runner.main()
