#!/usr/bin/env python3
"""The InfluxDB 2 sink against a server that answers what a real one rarely does."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
from tsagg_test import lineproto, load, runner
from tsagg_test.daemon import Tsaggd
from tsagg_test.stub import StubInflux

BATCH = 20
OK = (204, {})


def daemon(stub):
    return Tsaggd(
        rollups=[{**load.ROLLUP, "to": ["influx"]}],
        sinks={"influx": {"type": "influxdb", "url": stub.url, "org": "an org", "bucket": "b/1", "token": "t0k",
                          "batch": BATCH, "flush_interval": "100ms"}},
        **load.ONLY_BY_WATERMARK)


def deliver(answer=lambda write, n: OK, refused=0):
    """Deliver a load to a stub that answers so, until all but the rollups refused are there. Returns the writes."""
    sent = load.ordered(lines=1000, series=50, windows=4)
    with StubInflux(answer) as stub, daemon(stub) as tsaggd:
        sent.send(tsaggd)
        sent.advance(tsaggd)
        tsaggd.wait_delivered("influx", len(sent.rollups) - refused)
        assert tsaggd.sink("influx")["dropped"] == refused
        points = lineproto.read_points("\n".join(stub.accepted))
        assert len(points) == len(sent.rollups) - refused
        if not refused:
            sent.assert_rolled_up(points)
        return list(stub.writes)


def first(n, answer):
    """The first n writes get this answer, the others are fine."""
    return lambda write, i: answer if i < n else OK


def test_form_of_a_write():
    writes = deliver()
    for write in writes:
        assert write.path == "/api/v2/write" and write.params == {
            "org": "an org", "bucket": "b/1", "precision": "ns"}, write
        assert write.headers["Authorization"] == "Token t0k"
        assert write.headers["Content-Encoding"] == "gzip"
        assert write.headers["Content-Type"].startswith("text/plain")
        assert 0 < len(write.lines) <= BATCH
    assert len({write.connection for write in writes}) < len(writes), "connections are used again"


def test_server_errors_are_tried_again():
    for status in (500, 502, 503, 429):
        deliver(first(2, (status, {})))


def test_repeated_errors_are_backed_off_from():
    begin_s = []

    def answer(write, n):
        begin_s[:] = begin_s or [write.at_s]
        return (503, {}) if write.at_s - begin_s[0] < 3 else OK

    writes = deliver(answer)
    assert sum(write.at_s - begin_s[0] < 3 for write in writes) < 40


def test_retry_after_is_honoured():
    for status in (503, 429):
        writes = deliver(first(1, (status, {"Retry-After": "2"})))
        again = [write for write in writes[1:] if write.lines == writes[0].lines]
        assert again[0].at_s - writes[0].at_s >= 1.9, status


def test_hang_up_is_tried_again():
    deliver(first(3, None))


def test_batch_that_is_too_large_is_split():
    deliver(lambda write, n: (413, {}) if len(write.lines) > 3 else OK)


def test_bad_line_stands_alone():
    sent = load.ordered(lines=1000, series=50, windows=4)
    bad = [key for key in sent.rollups if key[:2] == ("m3", (("host", "h003"), ("zone", "z 0")))]
    assert bad

    def answer(write, n):
        return (status, {}) if any(line.startswith("m3,host=h003,") for line in write.lines) else OK

    for status in (400, 422):
        deliver(answer, refused=len(bad))


if __name__ == "__main__":
    runner.main()
