#!/usr/bin/env python3
"""Line protocol in over HTTP, as clients of InfluxDB 2 and 1 send it, and the answers that they expect."""
import base64
import concurrent.futures
import gzip
import http.client
import json
import pathlib
import random
import re
import socket
import sys
import threading
import time
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
from tsagg_test import lineproto, load, oracle, runner
from tsagg_test.daemon import Tsaggd
from tsagg_test.ports import LOOPBACK
from tsagg_test.times import NS
from tsagg_test.wait import scaled, until

T0 = oracle.EPOCH_NS
TOKEN = "sesame"
MAX_BODY = 100_000
V2 = {"org": "o", "bucket": "b"}
V1 = {"db": "d"}
SILENCE_S = 10  # TS_SERVER_TIMEOUT_S
HEADERS_S = 15  # HEADERS_NS
CONNECTIONS = 64  # TS_SERVER_CONNECTIONS


class Rollups(Tsaggd):
    """A daemon with one rollup into a file, and the writes of a client."""

    def __init__(self, token="", **config):
        rollup = {"name": "r", "every": "10s", "lateness": "2s", "aggregates": ["count", "sum"], "to": ["file"]}
        super().__init__(rollups=[rollup], **{**load.ONLY_BY_WATERMARK, **config})
        self.out = self.dir / "out.lp"
        self.config["sinks"] = {"file": {"type": "file", "path": str(self.out)}}
        self.config["http"].update(max_body=MAX_BODY, token=token)

    def request(self, method, path, params=None, body=None, headers=None):
        """(status, headers, text)"""
        conn = http.client.HTTPConnection(LOOPBACK, self.http_port, timeout=60)
        try:
            query = "?" + urllib.parse.urlencode(params) if params else ""
            conn.request(method, path + query, body, headers or {})
            answer = conn.getresponse()
            return answer.status, answer.headers, answer.read().decode()
        finally:
            conn.close()

    def write2(self, body, headers=None, **params):
        return self.request("POST", "/api/v2/write", {**V2, **params}, body, headers)

    def write1(self, body, headers=None, **params):
        return self.request("POST", "/write", {**V1, **params}, body, headers)

    def lines(self):
        """(accepted, rejected by reason)"""
        lines = self.status()["lines"]
        return lines["accepted"], {reason: n for reason, n in lines["rejected_by_reason"].items() if n}

    def written(self):
        self.assert_balanced()
        self.stop()
        return lineproto.read_points(self.out.read_text())


def assert_error(answer, status, code, message):
    """InfluxDB 2's JSON; message is a pattern of the whole text."""
    got, headers, text = answer
    assert got == status and headers["X-Platform-Error-Code"] == code, answer
    error = json.loads(text)
    assert error["code"] == code and re.fullmatch(message, error["message"], re.S), error


def test_written_lines_are_rolled_up():
    with Rollups() as tsaggd:
        assert tsaggd.write2(b"cpu,host=a u=1.5,v=2i %d\ncpu,host=a u=2.5 %d\n" % (T0, T0 + 1))[0] == 204
        assert tsaggd.write1(b"cpu,host=a u=3 %d" % (T0 + 2))[0] == 204
        points = tsaggd.written()
    assert points == {("cpu", (("host", "a"),), T0): {"u_count": 3, "u_sum": 7, "v_count": 1, "v_sum": 2}}, points


def test_lines_without_a_time_are_placed_by_arrival():
    with Rollups() as tsaggd:
        before_ns = time.time_ns()
        assert tsaggd.write2(b"cpu u=1")[0] == 204
        points = tsaggd.written()
    (_, _, time_ns), = points
    assert before_ns - 10 * NS < time_ns <= time.time_ns(), points


def test_empty_bodies_are_good():
    with Rollups() as tsaggd:
        packed = {"Content-Encoding": "gzip"}
        for body, headers in ((b"", {}), (b"\n\n", {}), (b"# comment\n", {}), (gzip.compress(b""), packed), (b"", packed)):
            status, _, text = tsaggd.write2(body, headers)
            assert (status, text) == (204, ""), (body, status, text)


def test_gzip():
    with Rollups() as tsaggd:
        packed = gzip.compress(b"m f=1 %d\n" % T0)
        assert tsaggd.write2(packed, {"Content-Encoding": "gzip"})[0] == 204
        assert tsaggd.write1(packed + packed, {"Content-Encoding": "x-gzip"})[0] == 204
        for damaged in (packed[:-1], packed[:20], b"m f=1\n", packed + b"x"):
            assert_error(tsaggd.write2(damaged, {"Content-Encoding": "gzip"}), 400, "invalid", "unable to read data: .*gzip.*")
        points = tsaggd.written()
    assert points["m", (), T0] == {"f_count": 3, "f_sum": 3}, points


def test_a_bad_line_refuses_the_body():
    with Rollups() as tsaggd:
        answer = tsaggd.write2(b"good f=1 %d\n\nbad,host=\xc3\xa4\ngood f=2 %d\ngood f=x %d\n" % (T0, T0, T0))
        assert_error(answer, 400, "invalid",
                     r"unable to parse 'bad,host=ä': line 3, column \d+: .+\nunable to parse 'good f=x \d+': line 5, column 8: .+")
        assert tsaggd.lines() == (0, {"no_value": 1, "bad_value": 1, "body_refused": 2})
        assert tsaggd.written() == {}


def test_partial_write():
    with Rollups() as tsaggd:
        status, headers, text = tsaggd.write1(b"good f=1 %d\nbad\ngood f=2 %d\nbad f=\n" % (T0, T0))
        message = json.loads(text)["error"]
        assert status == 400 and message.startswith("partial write: unable to parse 'bad': line 2, column 4: "), text
        assert "\nunable to parse 'bad f=': line 4" in message and message.endswith(" dropped=2"), text
        assert headers["X-Influxdb-Error"] == message.replace("\n", " ")
        assert tsaggd.lines() == (2, {"no_value": 2})
        status, _, text = tsaggd.write1(b"bad\n")
        assert status == 400 and json.loads(text)["error"].startswith("unable to parse 'bad': line 1, "), text
        assert tsaggd.metrics()["tsagg_http_writes_total", (("result", "partial"),)] == 1
        points = tsaggd.written()
    assert points == {("good", (), T0): {"f_count": 2, "f_sum": 3}}, points


def test_precision():
    units = {"ns": 1, "us": 1000, "ms": 10**6, "s": NS}
    old_units = {"n": 1, "u": 1000, "ms": 10**6, "s": NS, "m": 60 * NS, "h": 3600 * NS, "ns": 1, "us": 1000}
    with Rollups() as tsaggd:
        def both(write, unit, ns, i):
            # the second way of reading (escapes), and the first
            body = b"m f=%d %d\nm\\ x,t=\\,a f=1 %d" % (i, T0 // ns, T0 // ns)
            assert write(body, precision=unit)[0] == 204, unit
        for i, (unit, ns) in enumerate(units.items()):
            both(tsaggd.write2, unit, ns, i)
        for i, (unit, ns) in enumerate(old_units.items()):
            both(tsaggd.write1, unit, ns, i)
        assert_error(tsaggd.write2(b"m f=1", precision="h"), 400, "invalid",
                     "invalid precision; valid precision units are ns, us, ms, and s")
        assert tsaggd.write1(b"m f=1", precision="d")[0] == 400
        answer = tsaggd.write2(b"m f=1 %d" % T0, precision="s")
        assert_error(answer, 400, "invalid", ".*is the precision right.*")
        points = tsaggd.written()
    n = len(units) + len(old_units)
    assert points == {("m", (), T0): {"f_count": n, "f_sum": 6 + 28},
                      ("m x", (("t", ",a"),), T0): {"f_count": n, "f_sum": n}}, points


def test_quoted_text_may_hold_line_ends():
    # Texts that are as long as pieces, so that some cut would fall inside them.
    rnd = random.Random(1)
    text = ["\n".join("x" * rnd.randrange(100) for _ in range(rnd.randrange(1, 300))) for _ in range(8)]
    body = "".join(f'm s="{t}",f=1 {T0}\n' for t in text).encode()
    with Rollups() as tsaggd:
        tsaggd.config["http"]["max_body"] = "10MB"
        tsaggd.restart()
        assert tsaggd.write2(body)[0] == 204
        assert tsaggd.write2(b'm f=1 %d\nm s="\n' % T0)[0] == 400
        assert tsaggd.lines()[0] == len(text)
        tsaggd.stop()
        assert f"f_count={len(text)}" in tsaggd.out.read_text() and text[-1] in tsaggd.out.read_text()


def test_long_lines():
    with Rollups() as tsaggd:
        longest = b'm s="%s"' % (b"x" * (65536 - 6))
        assert tsaggd.write2(longest + b"\nm f=1\n")[0] == 204
        assert_error(tsaggd.write2(b"m f=1\n" + longest + b" "), 400, "invalid", ".*line 2, column 1: a line longer than 65536 bytes")
        assert tsaggd.lines() == (2, {"too_long": 1, "body_refused": 1})


def test_tokens():
    def basic(password):
        return {"Authorization": "Basic " + base64.b64encode(f"any:{password}".encode()).decode()}

    with Rollups(token=TOKEN) as tsaggd:
        for scheme in ("Token", "Bearer", "token"):
            assert tsaggd.write2(b"m f=1", {"Authorization": f"{scheme} {TOKEN}"})[0] == 204
            assert tsaggd.write1(b"m f=1", {"Authorization": f"{scheme} {TOKEN}"})[0] == 204
        assert tsaggd.write1(b"m f=1", basic(TOKEN))[0] == 204
        assert tsaggd.write1(b"m f=1", p=TOKEN, u="any")[0] == 204
        for headers in ({}, basic(TOKEN), {"Authorization": "Token wrong"}, {"Authorization": f"Token {TOKEN}x"}):
            assert_error(tsaggd.write2(b"m f=1", headers), 401, "unauthorized", "unauthorized access")
        assert_error(tsaggd.write2(b"m f=1", p=TOKEN), 401, "unauthorized", "unauthorized access")
        for headers, p in (({}, ""), (basic("wrong"), ""), ({}, "wrong"), (basic(""), "")):
            status, got, text = tsaggd.write1(b"m f=1", headers, p=p)
            assert status == 401 and got["WWW-Authenticate"].startswith("Basic ") and json.loads(text)["error"], text
        assert tsaggd.lines() == (8, {})
        assert tsaggd.metrics()["tsagg_http_writes_total", (("result", "unauthorized"),)] == 9


def test_missing_parameters():
    with Rollups() as tsaggd:
        assert_error(tsaggd.write2(b"m f=1", bucket=""), 404, "not found", "bucket not found")
        assert_error(tsaggd.write2(b"m f=1", org=""), 400, "invalid", "Please provide either orgID or org")
        assert tsaggd.write2(b"m f=1", org="", orgID="0123456789abcdef")[0] == 204
        status, _, text = tsaggd.write1(b"m f=1", db="")
        assert status == 400 and json.loads(text) == {"error": "database is required"}, text


def test_too_large():
    line = b"m f=1 %d\n" % T0
    body = line * (MAX_BODY // len(line))
    with Rollups() as tsaggd:
        assert tsaggd.write2(body.ljust(MAX_BODY))[0] == 204
        message = "unable to read data: points batch is too large"
        assert_error(tsaggd.write2(body.ljust(MAX_BODY + 1)), 413, "request too large", message)
        assert_error(tsaggd.write2(gzip.compress(body.ljust(MAX_BODY + 1)), {"Content-Encoding": "gzip"}), 413,
                     "request too large", message)
        chunks = (body for _ in range(20))
        assert_error(tsaggd.write2(chunks), 413, "request too large", message)
        status, _, text = tsaggd.write1(body * 2)
        assert status == 413 and json.loads(text)["error"], text
        assert tsaggd.lines() == (MAX_BODY // len(line), {})
        assert tsaggd.metrics()["tsagg_http_writes_total", (("result", "too_large"),)] == 4


def test_methods_and_ping():
    with Rollups(token=TOKEN) as tsaggd:
        for path in ("/api/v2/write", "/write"):
            for method in ("GET", "PUT"):
                status, headers, _ = tsaggd.request(method, path)
                assert (status, headers["Allow"]) == (405, "POST"), (method, path, status)
            assert tsaggd.request("OPTIONS", path)[0] == 405
        for method in ("GET", "HEAD"):
            status, headers, text = tsaggd.request(method, "/ping")
            assert (status, text) == (204, "") and headers["X-Influxdb-Version"], (method, headers)


def converse(tsaggd, *parts):
    """Send a raw request; after each part wait for a byte of an answer. Returns all that came."""
    with socket.create_connection((LOOPBACK, tsaggd.http_port), timeout=SILENCE_S + 20) as sock:
        got = b""
        for part in parts:
            sock.sendall(part)
            got += sock.recv(65536)
        while b"\r\n\r\n" not in got.replace(b"HTTP/1.1 100 Continue\r\n\r\n", b""):
            more = sock.recv(65536)
            if not more:
                break
            got += more
        return got.decode()


def head(length, *headers, path="/api/v2/write?org=o&bucket=b"):
    return "\r\n".join([f"POST {path} HTTP/1.1", "Host: x", f"Content-Length: {length}", *headers, "", ""]).encode()


def test_expect_100_continue():
    with Rollups(token=TOKEN) as tsaggd:
        expect = "Expect: 100-continue"
        good = head(5, expect, f"Authorization: Token {TOKEN}")
        got = converse(tsaggd, good, b"m f=1")
        assert got.startswith("HTTP/1.1 100 ") and "HTTP/1.1 204 " in got, got
        got = converse(tsaggd, head(5, expect))
        assert got.startswith("HTTP/1.1 401 ") and "Connection: close" in got, got
        got = converse(tsaggd, head(MAX_BODY + 1, expect, f"Authorization: Token {TOKEN}"))
        assert got.startswith("HTTP/1.1 413 "), got
        assert tsaggd.lines() == (1, {})


def test_connections_are_kept():
    with Rollups() as tsaggd:
        conn = http.client.HTTPConnection(LOOPBACK, tsaggd.http_port, timeout=30)
        for body, status in ((b"m f=1", 204), (b"bad", 400), (b"x" * (MAX_BODY + 1), 413), (b"m f=1", 204)):
            conn.request("POST", "/api/v2/write?org=o&bucket=b", body)
            answer = conn.getresponse()
            answer.read()
            assert answer.status == status, (body[:10], answer.status)
        assert tsaggd.lines() == (2, {"no_value": 1})
        conn.close()


def test_silent_clients_are_dismissed():
    """A client that stops in the middle of its body keeps nobody else waiting, and its connection goes."""
    with Rollups() as tsaggd:
        with socket.create_connection((LOOPBACK, tsaggd.http_port), timeout=SILENCE_S + 20) as sock:
            sock.sendall(head(100) + b"m f=1\nm f")
            assert tsaggd.write2(b"m f=2")[0] == 204
            begin_s = time.monotonic()
            assert sock.recv(1000) == b""
            assert SILENCE_S - 2 < time.monotonic() - begin_s < SILENCE_S + 10
        with socket.create_connection((LOOPBACK, tsaggd.http_port)) as sock:
            sock.sendall(head(100) + b"m f=1\nm f")
        assert tsaggd.lines() == (1, {})


def test_slow_headers_are_dismissed():
    """Clients that send their headers byte by byte take all connections there are, but not for long."""
    with Rollups() as tsaggd:
        begin_s = time.monotonic()
        slow = [socket.create_connection((LOOPBACK, tsaggd.http_port)) for _ in range(CONNECTIONS)]
        for sock in slow:
            sock.sendall(b"POST /api/v2/write?org=o&bucket=b HTTP/1.1\r\nX-Slow: ")

        def are_gone():
            time.sleep(0.5)
            gone = 0
            for sock in slow:
                try:
                    sock.sendall(b"x")
                except OSError:
                    gone += 1
            return gone == CONNECTIONS

        until(are_gone, HEADERS_S + 20, "slow clients dismissed")
        assert time.monotonic() - begin_s > HEADERS_S - 1
        assert tsaggd.write2(b"m f=2")[0] == 204
        for sock in slow:
            sock.close()


def write_batches(tsaggd, writer, batches, lines, answers):
    """One writer with a connection of its own; answers gets the sum of the values of each batch with 204."""
    conn = http.client.HTTPConnection(LOOPBACK, tsaggd.http_port, timeout=120)
    for batch in range(batches):
        body = "".join(f"m,w=w{writer},i=i{i % 20} f={i} {T0 + i}\n" for i in range(lines))
        packed = batch % 2 == 0
        conn.request("POST", "/api/v2/write?org=o&bucket=b", gzip.compress(body.encode(), 1) if packed else body.encode(),
                     {"Content-Encoding": "gzip"} if packed else {})
        answer = conn.getresponse()
        answer.read()
        answers.append((writer, answer.status))
        if answer.status != 204:
            return
    conn.close()


def test_50_writers():
    writers, batches, lines = 50, 4, scaled(2500, least=250)
    tsaggd = Rollups(workers=2)
    tsaggd.config["http"]["max_body"] = "25MB"
    answers = []
    with tsaggd, concurrent.futures.ThreadPoolExecutor(writers) as pool:
        for done in [pool.submit(write_batches, tsaggd, w, batches, lines, answers) for w in range(writers)]:
            done.result()
        assert [status for _, status in answers] == [204] * writers * batches
        assert tsaggd.lines() == (writers * batches * lines, {})
        points = tsaggd.written()
    assert sum(fields["f_count"] for fields in points.values()) == writers * batches * lines
    assert sum(fields["f_sum"] for fields in points.values()) == writers * batches * (lines * (lines - 1) // 2)
    assert len(points) == writers * 20


def test_sigterm_keeps_what_was_answered():
    """Every batch with 204 is in the file, and of no other more than it said."""
    writers, lines = 20, 2000
    tsaggd = Rollups(workers=2)
    tsaggd.config["http"]["max_body"] = "25MB"
    answers = []
    with tsaggd:
        def write(writer):
            try:
                write_batches(tsaggd, writer, 1000, lines, answers)
            except (OSError, http.client.HTTPException):
                pass  # the daemon has ended
        threads = [threading.Thread(target=write, args=(w,)) for w in range(writers)]
        for thread in threads:
            thread.start()
        until(lambda: len(answers) > 3 * writers, 60, "some batches answered")
        tsaggd.stop()
        for thread in threads:
            thread.join()
    count = dict.fromkeys(range(writers), 0)
    for (_, tags, _), fields in lineproto.read_points(tsaggd.out.read_text()).items():
        count[int(dict(tags)["w"][1:])] += fields["f_count"]
    for writer in range(writers):
        assert count[writer] == lines * answers.count((writer, 204)), (writer, count[writer])


if __name__ == "__main__":
    runner.main()
