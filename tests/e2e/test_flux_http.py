#!/usr/bin/env python3
"""POST /api/v2/query: what InfluxDB's clients are answered, large answers, limits, kept answers, nonsense."""
import contextlib
import gzip
import json
import pathlib
import random
import socket
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
from tsagg_test import runner
from tsagg_test.daemon import tool
from tsagg_test.flux_http import FLUX, T0, FluxDaemon, rfc3339
from tsagg_test.ports import LOOPBACK
from tsagg_test.wait import scaled, until

TOKEN = "sesame"
A = ('import "array" array.from(rows: [{_time: 2020-01-01T00:00:00Z, _value: 1.5, h: "a"}, '
     '{_time: 2020-01-01T00:00:01Z, _value: 2.5, h: "b"}])')
AGAIN = A.removeprefix('import "array"')
HEAD = ",result,table,_time,_value,h\r\n"
ROWS = ",{0},0,2020-01-01T00:00:00Z,1.5,a\r\n,{0},0,2020-01-01T00:00:01Z,2.5,b\r\n\r\n"
FAILS = ' |> map(fn: (r) => ({r with x: 1 / int(v: r._value - r._value)}))'
SLOW = ' |> map(fn: (r) => ({r with _value: float(v: string(v: r._value))})) |> sum()'
UNDECODED = "failed to decode request body: "


def refused(answer, status, code, says):
    got, headers, body = answer
    said = json.loads(body)
    assert got == status and said["code"] == code and says in said["message"], (got, said)
    assert headers["X-Platform-Error-Code"] == code, headers


def text(answer, status=200):
    got, headers, body = answer
    assert got == status, (got, body)
    assert headers["Content-Type"] == "text/csv; charset=utf-8"
    return body.decode()


def test_as_influxdb_encodes_it():
    """What InfluxDB 2.7.12 answered to the same requests, byte for byte."""
    with FluxDaemon() as tsaggd:
        assert text(tsaggd.ask(A)) == HEAD + ROWS.format("_result")
        assert text(tsaggd.ask_json(query=A)) == HEAD + ROWS.format("_result")
        assert text(tsaggd.ask_json(query=A + ' |> group(columns: ["h"])', dialect={"annotations": ["datatype", "group", "default"]})) == (
            "#datatype,string,long,dateTime:RFC3339,double,string\r\n#group,false,false,false,false,true\r\n#default,_result,,,,\r\n" + HEAD +
            ",,0,2020-01-01T00:00:00Z,1.5,a\r\n,,1,2020-01-01T00:00:01Z,2.5,b\r\n\r\n")
        dialect = {"annotations": ["default", "datatype"], "delimiter": ";", "header": False}
        assert text(tsaggd.ask_json(query=A + ' |> group(columns: ["h"])', dialect=dialect)) == (
            "#default;_result;;;;\r\n#datatype;string;long;dateTime:RFC3339;double;string\r\n"
            ";;0;2020-01-01T00:00:00Z;1.5;a\r\n;;1;2020-01-01T00:00:01Z;2.5;b\r\n\r\n")
        two = A + ' |> yield(name: "a") ' + AGAIN + ' |> yield(name: "b")'
        assert text(tsaggd.ask(two)) == HEAD + ROWS.format("a") + HEAD + ROWS.format("b")
        assert text(tsaggd.ask('from(bucket: "b") |> range(start: -1h)')) == "\r\n"
        now = 'import "array" array.from(rows: [{x: now()}])'
        assert text(tsaggd.ask_json(query=now, now="2020-05-05T00:00:00Z")) == ",result,table,x\r\n,_result,0,2020-05-05T00:00:00Z\r\n\r\n"
        assert tsaggd.ask(A, Prefer="return-no-content")[0] == 204


def test_extern():
    def name(text):
        return {"type": "Identifier", "name": text}

    def literal(kind, value):
        return {"type": kind + "Literal", "value": value}

    def prop(key, value):
        return {"type": "Property", "key": name(key), "value": value}

    def duration(n, unit):
        return {"type": "DurationLiteral", "values": [{"magnitude": n, "unit": unit}]}

    def assigned(key, value):
        return {"type": "VariableAssignment", "id": name(key), "init": value}

    v = {"type": "ObjectExpression", "properties": [
        prop("start", {"type": "UnaryExpression", "operator": "-", "argument": duration(1, "h")}),
        prop("t", literal("DateTime", "2020-01-01T00:00:00Z")), prop("s", literal("String", 'q"${u}\\\n')),
        prop("f", literal("Float", 1)), prop("i", literal("Integer", "-7")), prop("b", literal("Boolean", True)),
        prop("l", {"type": "ArrayExpression", "elements": [literal("Integer", "1"), literal("Integer", "2")]})]}
    extern = {"type": "File", "package": None, "imports": None,
              "body": [{"type": "OptionStatement", "assignment": assigned("v", v)}, assigned("n", literal("Integer", "5"))]}
    script = ('import "array" import "date" array.from(rows: [{t: v.t, s: v.s == "q\\"\\${u}\\\\\\n", f: v.f + 0.5, i: v.i, b: v.b, '
              'l: v.l[1] + n, d: date.add(d: v.start, to: v.t)}])')
    with FluxDaemon() as tsaggd:
        assert text(tsaggd.ask_json(query=script, extern=extern)).split("\r\n")[1] == (
            ",_result,0,2020-01-01T00:00:00Z,true,1.5,-7,true,7,2019-12-31T23:00:00Z")
        # The script's own places stay as they are.
        refused(tsaggd.ask_json(query="nope", extern=extern), 400, "invalid", "error @1:1-1:5: undefined identifier nope")
        deep = literal("Integer", "1")
        for _ in range(200):
            deep = {"type": "UnaryExpression", "operator": "-", "argument": deep}
        for bad in ([], "x", {"type": "File", "body": [1]}, {"type": "File", "body": [assigned("x", {"type": "Nope"})]},
                    {"type": "File", "body": [assigned("x", name("y"))]}, {"type": "File", "body": [literal("Integer", "1")]},
                    {"type": "File", "body": [assigned("x", deep)]}, {"type": "File", "body": [assigned("x", literal("Integer", "1 y = 2 ("))]}):
            refused(tsaggd.ask_json(query=A, extern=bad), 400, "invalid", "")


def test_errors():
    with FluxDaemon(token=TOKEN) as tsaggd:
        refused(tsaggd.ask(A), 401, "unauthorized", "unauthorized access")
        auth = {"Authorization": f"Token {TOKEN}"}

        def ask(script, **headers):
            return tsaggd.ask(script, **auth, **headers)

        def ask_json(body):
            return tsaggd.request("POST", "/api/v2/query?orgID=1", body, {"Content-Type": "application/json", **auth})

        refused(ask("from("), 400, "invalid", "error @1:6-1:6")
        refused(ask("x = foo(a: 1)"), 400, "invalid", "error @1:5-1:8: undefined identifier foo")
        refused(ask("x = 1"), 400, "invalid", "returns no streaming data")
        refused(ask('from(bucket: "nope") |> range(start: 0)'), 404, "not found", 'could not find bucket "nope"')
        refused(ask(A + FAILS), 400, "invalid", "cannot divide by zero")
        refused(ask(""), 400, "invalid", UNDECODED + "request body requires either query or AST")
        refused(ask(b"\xff"), 400, "invalid", "UTF-8")
        refused(ask(A, **{"Content-Type": "text/plain"}), 400, "invalid", UNDECODED + "failed parsing request body as JSON")
        for body, says in (
                ("", "failed parsing request body as JSON"), ("{", "failed parsing request body as JSON"), ("[]", "failed parsing"),
                ("{}", "request body requires either query or AST"), ("null", "request body requires either query or AST"),
                ('{"query": 1}', "failed parsing"), ('{"query": "x", "type": "influxql"}', "unknown query type: influxql"),
                ('{"query": "x", "now": "yesterday"}', "failed parsing"),
                ('{"query": "x", "dialect": {"delimiter": ";;"}}', "invalid dialect delimeter: must be length 1"),
                ('{"query": "x", "dialect": {"commentPrefix": "##"}}', "invalid dialect comment prefix: must be length 0 or 1"),
                ('{"query": "x", "dialect": {"annotations": ["x"]}}', "unknown dialect annotation type: x"),
                ('{"query": "x", "dialect": {"dateTimeFormat": "x"}}', "unknown dialect date time format: x")):
            refused(ask_json(body), 400, "invalid", UNDECODED + says)
        refused(tsaggd.request("GET", "/api/v2/query"), 405, "method not allowed", "")
        # After the first byte, and with Prefer, an error is a table.
        got = text(ask(A + ' |> yield(name: "a") ' + AGAIN + FAILS + ' |> yield(name: "b")'))
        assert got.startswith(HEAD + ROWS.format("a") + "\r\n,error,reference\r\n,") and got.endswith("cannot divide by zero,\r\n"), got
        got = text(ask(A + FAILS, Prefer="return-no-content-with-error"))
        assert got.startswith(",error,reference\r\n,error @1:"), got
        until(lambda: tsaggd.queries()["bad"] == 15, 30, "counted")
        counts = tsaggd.queries()
        assert (counts["unauthorized"], counts["bad"], counts["running"]) == (1, 15, 0), counts


def read_slowly(tsaggd, script, seconds):
    """All of an answer, the first of it with pauses. (bytes, the most memory the daemon had meanwhile in KiB)"""
    sock = socket.create_connection((LOOPBACK, tsaggd.http_port), timeout=60)
    with sock:
        sock.sendall(f"POST /api/v2/query HTTP/1.1\r\nHost: t\r\nContent-Type: {FLUX}\r\nConnection: close\r\n"
                     f"Content-Length: {len(script)}\r\n\r\n{script}".encode())
        parts, most, end = [], 0, time.monotonic() + seconds
        while part := sock.recv(1 << 16):
            parts.append(part)
            if time.monotonic() < end:
                time.sleep(0.02)
                most = max(most, rss_kib(tsaggd))
    return b"".join(parts), max(most, rss_kib(tsaggd))


def rss_kib(tsaggd):
    status = pathlib.Path(f"/proc/{tsaggd.popen.pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS:"))


def unchunk(raw):
    at, out = raw.index(b"\r\n\r\n") + 4, []
    while True:
        end = raw.index(b"\r\n", at)
        n = int(raw[at:end], 16)
        if n == 0:
            return b"".join(out)
        out.append(raw[end + 2:end + 2 + n])
        at = end + n + 4


def test_a_large_answer_streams():
    points = scaled(100_000, least=20_000)
    with FluxDaemon(query_cache_ttl="off") as tsaggd:
        script = tsaggd.fill(10, points)
        before = rss_kib(tsaggd)
        raw, most = read_slowly(tsaggd, script, 2)
        assert raw.startswith(b"HTTP/1.1 200 OK") and b"chunked" in raw, raw[:300]
        plain = unchunk(raw)
        lines = plain.decode().split("\r\n")
        assert len(lines) == 10 * points + 3, len(lines)  # a header, a blank line, what is behind the last line end
        n = points - 1
        assert lines[points] == (f",_result,0,{rfc3339(T0)},{rfc3339(T0 + points * 10)},{rfc3339(T0 + n * 10)},{n},v,m,000"), lines[points]
        assert most - before < 48 * 1024, f"{before} KiB before, {most} KiB with {len(plain)} bytes on their way"
        status, headers, body = tsaggd.ask(script, **{"Accept-Encoding": "gzip"})
        assert status == 200 and headers["Content-Encoding"] == "gzip" and len(body) < len(plain) / 4
        assert gzip.decompress(body) == plain
        assert tsaggd.ask(A, **{"Accept-Encoding": "gzip"})[1]["Content-Encoding"] is None, "small answers stay"
        until(lambda: tsaggd.queries()["ok"] == 3, 30, "counted")
        assert tsaggd.metrics()["tsagg_http_queries_total", (("result", "ok"),)] == 3


@contextlib.contextmanager
def slow_query(tsaggd, script):
    """One that runs for long and says nothing; the connection that waits for it."""
    conn = tsaggd.connect()
    conn.request("POST", "/api/v2/query", script, {"Content-Type": FLUX})
    try:
        yield conn
    finally:
        conn.close()


def slow_script(tsaggd, n=120):
    """Some seconds of work before the first row, the more the larger n."""
    data = tsaggd.fill(4, 50_000)
    return "union(tables: [" + ", ".join(f"{data} |> map(fn: (r) => ({{r with k: {i}}}))" for i in range(n)) + "])" + SLOW


def test_a_client_that_goes_ends_its_query():
    with FluxDaemon() as tsaggd:
        with slow_query(tsaggd, slow_script(tsaggd)):
            until(lambda: tsaggd.queries()["running"] == 1, 30, "it runs")
        until(lambda: tsaggd.queries()["running"] == 0, 30, "it ends with its client")
        until(lambda: tsaggd.queries()["gone"] == 1, 30, "counted")
        # One that reads and stops reading in the middle.
        script = tsaggd.fill(1, 100_000)
        sock = socket.create_connection((LOOPBACK, tsaggd.http_port), timeout=60)
        with sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            sock.sendall(f"POST /api/v2/query HTTP/1.1\r\nHost: t\r\nContent-Type: {FLUX}\r\nContent-Length: {len(script)}\r\n\r\n{script}".encode())
            assert sock.recv(1000).startswith(b"HTTP/1.1 200")
            assert tsaggd.queries()["running"] == 1
        until(lambda: tsaggd.queries()["running"] == 0 and tsaggd.queries()["gone"] == 2, 30, "it ends with its client")


def test_the_end_of_the_daemon_ends_queries():
    tsaggd = FluxDaemon().start()
    with slow_query(tsaggd, slow_script(tsaggd)):
        until(lambda: tsaggd.queries()["running"] == 1, 30, "it runs")
        begin = time.monotonic()
        tsaggd.stop()
        assert time.monotonic() - begin < 8


def test_limits():
    with FluxDaemon(limits={"query_memory": "1MiB"}) as tsaggd:
        refused(tsaggd.ask(f'{tsaggd.fill(1, 100_000)} |> sort(columns: ["_value"])'), 400, "invalid", "memory limit of 1048576 bytes")
        until(lambda: tsaggd.queries()["limit"] == 1, 30, "counted")
    with FluxDaemon(limits={"queries": 1, "query_time": "1s", "query_memory": "8GiB"}) as tsaggd:
        script = slow_script(tsaggd, 300)
        with slow_query(tsaggd, script) as conn:
            until(lambda: tsaggd.queries()["running"] == 1, 30, "it runs")
            others = [threading.Thread(target=tsaggd.ask, args=(A,)) for _ in range(31)]
            for other in others:
                other.start()
            until(lambda: tsaggd.queries()["waiting"] == 31, 30, "they wait")
            status, headers, body = tsaggd.ask(A)
            refused((status, headers, body), 429, "too many requests", "too many queries")
            assert headers["Retry-After"] == "1"
            answer = conn.getresponse()
            refused((answer.status, answer.headers, answer.read()), 408, "request timeout", "took longer than it may")
        for other in others:
            other.join()
        until(lambda: tsaggd.queries()["ok"] == 31, 30, "counted")
        counts = tsaggd.queries()
        assert (counts["ok"], counts["busy"], counts["limit"], counts["running"]) == (31, 1, 1, 0), counts


def test_time_limit_after_the_first_byte():
    with FluxDaemon(limits={"query_time": "1s"}) as tsaggd:
        raw, _ = read_slowly(tsaggd, tsaggd.fill(10, scaled(50_000, least=20_000)), 2)
        assert unchunk(raw).endswith(b": the query took longer than it may,\r\n"), raw[-300:]
        assert b"\r\n\r\n,error,reference\r\n,error @1:1-1:" in raw


def test_answers_are_kept():
    def cached(answer):
        status, headers, body = answer
        assert status == 200, body
        return headers["X-Cache"], body

    with FluxDaemon(query_cache="1MiB", query_cache_ttl="1h") as tsaggd:
        script = tsaggd.fill(1, 1000) + " |> sum()"
        want = f",_result,0,{rfc3339(T0)},{rfc3339(T0 + 10_000)},{sum(range(1000))},v,m,000\r\n".encode()
        assert cached(tsaggd.ask(script))[0] == "miss"
        how, body = cached(tsaggd.ask(script))
        assert how == "hit" and want in body, body
        assert cached(tsaggd.ask(script + " "))[0] == "miss", "another text"
        assert cached(tsaggd.ask_json(query=script, dialect={"header": False}))[0] == "miss", "another form"
        tsaggd.write(f"other v=1 {T0 + 100_000}000000000")
        assert cached(tsaggd.ask(script))[0] == "hit", "nothing changed in its times"
        tsaggd.write(f"m,s=000 v=7 {T0 + 5}000000000")
        how, body = cached(tsaggd.ask(script))
        assert how == "miss" and want.replace(b"499500", b"499507") in body, body
        for opened in ('from(bucket: "b") |> range(start: 2020-09-13T12:26:40Z) |> sum()',
                       'from(bucket: "b") |> range(start: -1h, stop: 2100-01-01T00:00:00Z) |> sum()',
                       'from(bucket: "b") |> range(start: 2020-09-13T12:26:40Z, stop: 2100-01-01T00:00:00Z) |> sum()',
                       'import "array" array.from(rows: [{t: now()}])'):
            assert [cached(tsaggd.ask(opened))[0] for _ in range(2)] == ["miss", "miss"], opened
        # Bounded: none that is larger than an eighth, and the oldest go.
        large = tsaggd.fill(1, 20_000)
        assert [cached(tsaggd.ask(large))[0] for _ in range(2)] == ["miss", "miss"]
        for i in range(40):
            cached(tsaggd.ask(f"{large} |> limit(n: {1000 + i})"))
        kept = tsaggd.queries()["cache"]
        assert 0 < kept["bytes"] <= 1 << 20 and kept["answers"] < 40, kept
        assert cached(tsaggd.ask(f"{large} |> limit(n: 1039)"))[0] == "hit"
        assert cached(tsaggd.ask(f"{large} |> limit(n: 1000)"))[0] == "miss"
    with FluxDaemon(query_cache_ttl="off") as tsaggd:
        assert cached(tsaggd.ask(A))[0] is None


def test_garbage():
    rnd = random.Random(7)
    pieces = [b"from(bucket: \"b\")", b" |> ", b"range(start: -1h)", b"(", b"{", b"r", b"=>", b"\x00", b"\xff", b"\"", b"${", b"1.5", b"[", b"import ",
              b"option ", b"-", b"\n", b"map(fn: (r) => r)"]
    with FluxDaemon(max_body=20_000) as tsaggd:
        for i in range(scaled(300, least=50)):
            body = b"".join(rnd.choice(pieces) for _ in range(rnd.randrange(40)))
            if i % 2:
                body = json.dumps({"query": body.decode("latin1"), "extern": rnd.choice([None, {}, {"body": [{}]}, [[]]])}).encode()[:rnd.randrange(200, 400)]
            status, _, said = tsaggd.request("POST", "/api/v2/query", body, {"Content-Type": "application/json" if i % 2 else FLUX})
            assert status in (200, 400, 404), (status, said, body)
        assert tsaggd.ask("x" * 20_001)[0] == 413
        for deep in ("(" * 10_000, "[" * 10_000, "-" * 10_000, 'x = ' + "{a: " * 4000, "f = () => " * 1000, "not " * 4000):
            assert tsaggd.ask(deep)[0] == 400
        assert tsaggd.request("POST", "/api/v2/query", '{"a":' * 3000, {"Content-Type": "application/json"})[0] == 400
        assert text(tsaggd.ask(A)) == HEAD + ROWS.format("_result")


def test_tsagg_query():
    with FluxDaemon(token=TOKEN) as tsaggd:
        host = f"http://{LOOPBACK}:{tsaggd.http_port}"

        def query(*args, code=0, token=TOKEN):
            done = tool("tsagg-query", "--host", host, "--token", token, *args, env={"HOME": "/nonexistent"})
            assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
            return (done.stderr if code else done.stdout).decode()

        assert query("--format", "csv", A) == "_time,_value,h\n2020-01-01T00:00:00Z,1.5,a\n2020-01-01T00:00:01Z,2.5,b\n"
        assert "cannot divide by zero" in query(A + FAILS, code=3)
        assert 'could not find bucket "nope"' in query('from(bucket: "nope") |> range(start: -1h)', code=3)
        query(A, code=5, token="wrong")
        script = 'import "array" array.from(rows: [{x: params.a}])'
        assert query("--format", "csv", "--param", "a=1 \"${b}", script) == 'x\n"1 ""${b}"\n'


if __name__ == "__main__":
    runner.main()
