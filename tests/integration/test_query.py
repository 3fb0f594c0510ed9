#!/usr/bin/env python3
"""tsagg-query against InfluxDB 2.7, and against servers that misbehave."""
import csv
import gzip
import http.server
import io
import json
import os
import pathlib
import pty
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
from tsagg_test import runner
from tsagg_test.daemon import BUILD, tool
from tsagg_test.influx import Influx2
from tsagg_test.ports import LOOPBACK, free_port
from tsagg_test.wait import scaled

FORMATS = ["table", "csv", "tsv", "json", "ndjson", "annotated"]
RSS_MAX_KIB = 64 * 1024
NOWHERE = {name: "" for name in ("TSAGG_HOST", "INFLUX_HOST", "TSAGG_ORG", "INFLUX_ORG", "INFLUX_ORG_ID",
                                 "TSAGG_TOKEN", "INFLUX_TOKEN", "COLUMNS", "XDG_CONFIG_HOME")}

LINES = r'''
cpu,host=a usage=1.5,n=-3i,u=18446744073709551615u,ok=true,s="x,\"y\"	z\\" 1700000000000000000
cpu,host=b usage=2 1700000010000000001
'''
FROM = 'from(bucket: "b") |> range(start: 2023-11-14T00:00:00Z, stop: 2023-11-15T00:00:00Z)'
FIELDS = FROM + ' |> drop(columns: ["_start", "_stop", "_measurement"])'
T1, T2 = "2023-11-14T22:13:20Z", "2023-11-14T22:13:30.000000001Z"


def environment(db=None, **more):
    env = {**NOWHERE, "HOME": "/nonexistent"}
    if db:
        env |= {"INFLUX_HOST": db.url, "INFLUX_ORG": db.org, "INFLUX_TOKEN": db.token}
    return {**env, **more}


def query(db, *args, stdin=b"", code=0, **env):
    """Run tsagg-query: stdout as text, and stderr when the exit code is not to be 0."""
    ran = tool("tsagg-query", *args, stdin=stdin, env=environment(db, **env))
    out, err = ran.stdout.decode(), ran.stderr.decode()
    assert ran.returncode == code, (args, ran.returncode, out, err)
    if code > 1:
        assert err.startswith("tsagg-query: "), err
        return err
    assert err == "", err
    return out


@runner.needs(Influx2)
def test_formats():
    db = Influx2().start().setup()
    db.write(LINES)
    cells = [[T1, "-3", "n", "a"], [T1, "true", "ok", "a"], [T1, 'x,"y"\tz\\', "s", "a"],
             [T1, "18446744073709551615", "u", "a"], [T1, "1.5", "usage", "a"], [T2, "2", "usage", "b"]]
    names = ["_time", "_value", "_field", "host"]

    out = query(db, FIELDS)
    assert list(csv.reader(io.StringIO(out, newline=""))) == [names, *cells], out
    assert query(db, "--format", "csv", FIELDS) == out

    out = query(db, "--format", "tsv", FIELDS).splitlines()
    assert out[3] == "\t".join([T1, 'x,"y"\\tz\\\\', "s", "a"]), out
    assert len(out) == 7

    values = [-3, True, 'x,"y"\tz\\', 18446744073709551615, 1.5, 2.0]
    rows = [dict(zip(names, [row[0], value, *row[2:]])) for row, value in zip(cells, values)]
    got = json.loads(query(db, "--format", "json", FIELDS))
    assert got == rows, got
    assert [type(row["_value"]) for row in got] == [int, bool, str, int, float, float]
    assert [json.loads(line) for line in query(db, "--format", "ndjson", FIELDS).splitlines()] == rows

    raw = db.request("POST", "/api/v2/query", {"org": db.org}, json.dumps({
        "query": FIELDS, "dialect": {"annotations": ["datatype", "group", "default"]}}),
        {"Content-Type": "application/json"})
    assert query(db, "--format", "annotated", FIELDS) == raw

    out = query(db, "--format", "table", FIELDS + ' |> filter(fn: (r) => r._field == "n" or r._field == "usage")')
    assert out == f"""\
Table: _field=n host=a
_time                 _value
{T1}      -3

Table: _field=usage host=a
_time                 _value
{T1}     1.5

Table: _field=usage host=b
_time                           _value
{T2}       2
""", out


@runner.needs(Influx2)
def test_scripts_and_targets():
    db = Influx2().start().setup()
    db.write(LINES)
    one = 'import "array"\n'
    with tempfile.TemporaryDirectory() as folder:
        script = pathlib.Path(folder, "script.flux")
        script.write_text(one + "array.from(rows: [{v: 1}])")
        for args, stdin in ((["-f", script], b""), (["-"], script.read_bytes()), ([], script.read_bytes()),
                            (["-f", "-"], script.read_bytes()), ([script.read_text()], b"")):
            assert query(db, *args, stdin=stdin) == "v\n1\n"
        pathlib.Path(folder, "tsagg").mkdir()
        profiles = pathlib.Path(folder, "tsagg", "profiles.yaml")
        profiles.write_text(f"lab: {{host: '{db.url}', org: {db.org}, token: {db.token}}}\n")
        assert query(None, "--profile", "lab", "-f", script, XDG_CONFIG_HOME=folder) == "v\n1\n"
        assert "the profiles are: lab" in query(None, "--profile", "x", "-f", script, code=2, XDG_CONFIG_HOME=folder)
        profiles.write_text("lab:\n  hots: x\n")
        assert f"{profiles}:2:3: unknown key" in query(
            None, "--profile", "lab", "-f", script, code=2, XDG_CONFIG_HOME=folder)
    assert query(None, "--host", db.url + "/", "--org", db.org, "--token", db.token, FROM + " |> count()") != ""

    assert query(db, "--now", "2026-01-01T00:00:00+01:00", one + "array.from(rows: [{v: now()}])") == (
        "v\n2025-12-31T23:00:00Z\n")
    assert query(db, "--param", 'a="x', "--param", "n=2",
                 "package main\n" + one + "array.from(rows: [{a: params.a, n: 1 + int(v: params.n)}])") == (
        'a,n\n"""x",3\n')

    # several results, no result, no rows
    out = query(db, one + 'array.from(rows: [{v: 1}]) |> yield(name: "p")\narray.from(rows: [{w: 2}]) |> yield()')
    assert sorted(block.strip() for block in out.split("\n\n")) == ["result,v\np,1", "w\n2"], out
    nothing = 'from(bucket: "b") |> range(start: 0, stop: 1)'
    assert query(db, nothing) == ""
    assert query(db, "--format", "json", nothing) == "[]\n"
    assert query(db, "--fail-empty", nothing, code=1) == ""
    kept = FIELDS + ' |> filter(fn: (r) => r._field == "n") |> filter(fn: (r) => false, onEmpty: "keep")'
    assert query(db, kept) == "_time,_value,_field,host\n"
    assert query(db, "--format", "table", kept) == "Table: _field=n host=a\n_time  _value\n(no rows)\n"

    # errors
    assert "error @2:6-2:10: undefined identifier nope" in query(db, "--param", "a=1", "x = 1\ny =  nope", code=3)
    assert 'could not find bucket "zz"' in query(db, 'from(bucket: "zz") |> range(start: 0)', code=3)
    assert "cannot divide by zero" in query(db, one + "array.from(rows: [{v: 1 / 0}])", code=3)
    assert "organization" in query(db, "--org", "zz", FROM, code=3)
    assert "unauthorized access" in query(db, "--token", "wrong", FROM, code=5)
    assert "no token given" in query(db, FROM, code=5, INFLUX_TOKEN="")
    assert "does not answer as InfluxDB 2" in query(db, "--host", db.url + "/elsewhere", FROM, code=4)


MAN_PAGE = pathlib.Path(__file__).resolve().parents[2] / "man" / "tsagg-query.1"
MAN_LINES = """\
api.latency,host=a mean=12.5,count=40 1767226200
api.latency,host=a mean=9 1767226800
api.latency,host=b mean=104.2,count=17 1767226200
"""


@runner.needs(Influx2)
def test_examples_of_the_man_page():
    db = Influx2().start().setup()
    db.create_bucket("metrics")
    db.write(MAN_LINES, "metrics", "s")
    env = {**os.environ, **environment(db), "PATH": f"{BUILD}:{os.environ['PATH']}"}
    page = MAN_PAGE.read_text()
    for roff, plain in ((r"\-", "-"), (r"\(aq", "'"), (r"\e", "\\")):
        page = page.replace(roff, plain)
    examples = re.findall(r"^\.EX\n\$ (.*?)^\.EE\n", page, re.M | re.S)
    assert len(examples) == 7
    points = str(db.dir / "points")
    for example in (one for part in examples for one in re.split(r"^\$ ", part.replace("/tmp/points", points), flags=re.M)):
        lines = example.splitlines(keepends=True)
        n = next(i for i in range(1, len(lines) + 1) if i == len(lines) or not lines[i].startswith("    "))
        command, want = "".join(lines[:n]), "".join(lines[n:])
        ran = subprocess.run(["sh", "-c", command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                             env=env)
        assert ran.stdout.decode() == want, (command, ran.stdout.decode())


@runner.needs(Influx2)
def test_million_rows():
    """The first rows come long before the last, and memory does not grow with the rows."""
    db = Influx2().start().setup()
    rows = scaled(1_000_000, least=20_000)
    for first in range(0, rows, 100_000):
        db.write("\n".join(f"m,host=h{i % 10} v={i / 8} {1700000000 + i}"
                           for i in range(first, min(first + 100_000, rows))), precision="s")
    script = 'from(bucket: "b") |> range(start: 2023-01-01T00:00:00Z)'
    for form in FORMATS:
        begin = time.monotonic()
        proc = subprocess.Popen([BUILD / "tsagg-query", "--format", form, script], stdout=subprocess.PIPE,
                                env={**os.environ, **environment(db)})
        lines = os.read(proc.stdout.fileno(), 65536).count(b"\n")
        first_s = time.monotonic() - begin
        while chunk := os.read(proc.stdout.fileno(), 1 << 20):
            lines += chunk.count(b"\n")
        proc.stdout.close()
        _, status, usage = os.wait4(proc.pid, 0)
        proc.returncode = os.waitstatus_to_exitcode(status)
        total_s = time.monotonic() - begin
        print(f"     {form}: {lines} lines, first after {first_s:.2f} s, last after {total_s:.2f} s, "
              f"CPU {usage.ru_utime + usage.ru_stime:.2f} s, {usage.ru_maxrss // 1024} MiB")
        assert proc.returncode == 0 and lines >= rows
        assert first_s < total_s / 2
        assert usage.ru_maxrss < RSS_MAX_KIB


class FakeServer:
    """Answers every request by answer(handler), which writes the whole response."""

    def __init__(self, answer):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                self.rfile.read(int(self.headers["Content-Length"]))
                try:
                    answer(self)
                except ConnectionError:
                    pass  # the client has gone, as some tests want it to
                self.close_connection = True

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer((LOOPBACK, 0), Handler)
        self.url = f"http://{LOOPBACK}:{self.server.server_port}"

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *exc):
        self.server.shutdown()
        self.server.server_close()


def begin_answer(handler, status=200, **headers):
    handler.send_response(status)
    for name, value in {"Content-Type": "text/csv; charset=utf-8", **headers}.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()


BLOCK = (b"#datatype,string,long,long\r\n#group,false,false,false\r\n#default,_result,,\r\n,result,table,v\r\n"
         b",,0,1\r\n,,0,2\r\n")
ERROR = (b"\r\n\r\n#datatype,string,string\r\n#group,true,true\r\n#default,,\r\n,error,reference\r\n"
         b",it broke\x1b[31m,\r\n")


def test_no_server():
    host = f"http://{LOOPBACK}:{free_port()}"
    assert f"cannot reach {host}" in query(None, "--host", host, "x", code=4)
    assert "not a URL" in query(None, "--host", "localhost:8086", "x", code=2)


def test_usage():
    for args in (["--format", "xml", "x"], ["--now", "yesterday", "x"], ["--timeout", "5", "x"],
                 ["--param", "9=x", "x"], ["--param", "a=1", "--param", "a=2", "x"], ["x", "y"], ["-f", "/none"],
                 ["-f", "/none", "x"], [], [""]):
        query(None, *args, code=2)
    primary, terminal = pty.openpty()
    ran = subprocess.run([BUILD / "tsagg-query"], stdin=terminal, capture_output=True, timeout=10)
    assert ran.returncode == 2 and b"no script" in ran.stderr, ran
    os.close(primary)
    os.close(terminal)


def test_server_that_is_not_influx():
    def page(handler):
        begin_answer(handler, Content_Type="text/html")
        handler.wfile.write(b"<html>\nhello</html>")

    def bad_csv(handler):
        begin_answer(handler)
        handler.wfile.write(b"a,b\n1,2\n")

    with FakeServer(page) as fake:
        err = query(None, "--host", fake.url, "x", code=4)
        assert "does not answer as InfluxDB 2 does (status 200" in err and err.endswith(": <html>\n"), err
    with FakeServer(bad_csv) as fake:
        assert "line 1 of the answer is not annotated CSV" in query(None, "--host", fake.url, "x", code=3)


def test_error_after_rows():
    def answer(handler):
        begin_answer(handler)
        handler.wfile.write(BLOCK + ERROR)

    with FakeServer(answer) as fake:
        for form, want in (("csv", b"v\n1\n2\n"), ("table", b"v\n1\n2\n"), ("json", b'[\n{"v":1},\n{"v":2}'),
                           ("annotated", BLOCK + ERROR)):
            ran = tool("tsagg-query", "--host", fake.url, "--format", form, "x", env=environment())
            assert (ran.returncode, ran.stdout, ran.stderr) == (3, want, b"tsagg-query: it broke\\x1b[31m\n"), ran


def test_broken_connection_and_timeout():
    def cut(handler):
        begin_answer(handler, Content_Length="1000000")
        handler.wfile.write(BLOCK)

    def hang(handler):
        begin_answer(handler)
        handler.wfile.write(BLOCK)
        time.sleep(3)

    with FakeServer(cut) as fake:
        assert "lost the connection" in query(None, "--host", fake.url, "x", code=4)
    with FakeServer(hang) as fake:
        assert "timed out" in query(None, "--host", fake.url, "--timeout", "300ms", "x", code=4)


def test_rows_come_as_they_arrive():
    """The server sends two rows and waits until they have been seen on the other side."""
    seen = threading.Event()

    def answer(handler):
        begin_answer(handler)
        handler.wfile.write(BLOCK)
        assert seen.wait(20)
        handler.wfile.write(b",,0,33\r\n")

    def first_rows(form, fake):
        seen.clear()
        proc = subprocess.Popen([BUILD / "tsagg-query", "--host", fake.url, "--format", form, "x"],
                                stdout=subprocess.PIPE, env={**os.environ, **environment()})
        first = os.read(proc.stdout.fileno(), 65536)
        seen.set()
        rest = proc.stdout.read()
        assert proc.wait(20) == 0
        return first, rest

    with FakeServer(answer) as fake:
        assert first_rows("csv", fake) == (b"v\n1\n2\n", b"33\n")
        assert first_rows("json", fake) == (b'[\n{"v":1},\n{"v":2}', b',\n{"v":33}\n]\n')
        assert first_rows("table", fake) == (b"v\n1\n2\n", b"\n v\n33\n")


def test_gzip():
    def answer(handler):
        assert "gzip" in handler.headers["Accept-Encoding"]
        begin_answer(handler, Content_Encoding="gzip")
        handler.wfile.write(gzip.compress(BLOCK))

    with FakeServer(answer) as fake:
        assert query(None, "--host", fake.url, "x") == "v\n1\n2\n"


def endless(handler):
    begin_answer(handler)
    handler.wfile.write(BLOCK)
    while True:
        handler.wfile.write(b",,0,7\r\n" * 1000)


def test_reader_goes_away():
    with FakeServer(endless) as fake:
        for form in FORMATS:
            proc = subprocess.Popen([BUILD / "tsagg-query", "--host", fake.url, "--format", form, "x"],
                                    stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                    env={**os.environ, **environment()})
            os.read(proc.stdout.fileno(), 10)
            proc.stdout.close()
            err = proc.stderr.read()
            assert (proc.wait(20), err) == (0, b""), (form, err)


def test_interrupt():
    def answer(handler):
        begin_answer(handler)
        handler.wfile.write(BLOCK)
        time.sleep(60)

    with FakeServer(answer) as fake:
        proc = subprocess.Popen([BUILD / "tsagg-query", "--host", fake.url, "x"], stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, env={**os.environ, **environment()})
        first = os.read(proc.stdout.fileno(), 65536)
        proc.send_signal(signal.SIGINT)
        out, err = proc.communicate(timeout=30)
        assert (proc.returncode, first + out, err) == (-signal.SIGINT, b"v\n1\n2\n", b""), (proc.returncode, out, err)


def test_full_disk():
    with FakeServer(endless) as fake, open("/dev/full", "wb") as full:
        ran = subprocess.run([BUILD / "tsagg-query", "--host", fake.url, "x"], stdout=full, stderr=subprocess.PIPE,
                             timeout=20, env={**os.environ, **environment()})
        assert ran.returncode == 3 and b"cannot write the results" in ran.stderr, ran


def test_terminal():
    """On a terminal: a table, cells cut to its width with a note, a bold header unless NO_COLOR says no."""
    def answer(handler):
        begin_answer(handler)
        handler.wfile.write(b"#datatype,string,long,string\n#group,false,false,false\n#default,_result,,\n"
                            b",result,table,text\n,,0,abcdefghijklmnop\n")

    def on_terminal(fake, **env):
        primary, terminal = pty.openpty()
        ran = subprocess.run([BUILD / "tsagg-query", "--host", fake.url, "x"], stdout=terminal,
                             stderr=subprocess.PIPE, timeout=20,
                             env={**os.environ, **environment(), "TERM": "xterm", "COLUMNS": "10", **env})
        out = os.read(primary, 65536).replace(b"\r\n", b"\n").decode()
        os.close(primary)
        os.close(terminal)
        return out, ran.stderr.decode()

    note = "tsagg-query: cells were cut to the terminal's 10 columns\n"
    with FakeServer(answer) as fake:
        assert on_terminal(fake) == ("\x1b[1mtext\x1b[0m\nabcdefghi…\n", note)
        assert on_terminal(fake, NO_COLOR="1") == ("text\nabcdefghi…\n", note)
        assert on_terminal(fake, NO_COLOR="1", COLUMNS="16") == ("text\nabcdefghijklmnop\n", "")


if __name__ == "__main__":
    runner.main()
